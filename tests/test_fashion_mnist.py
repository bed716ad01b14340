"""Fashion-MNIST: brought, verified and read."""

import gzip
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tools import noise

from gan_zoo import data
from gan_zoo.data import fashion_mnist
from gan_zoo.errors import UserError

pytestmark = pytest.mark.usefixtures("own_data")
REAL = data.folder()  # before a test points elsewhere


@pytest.fixture
def idx(tmp_path, monkeypatch):
    """A small Fashion-MNIST: 20 training and 10 test images."""
    directory = tmp_path / "zoo" / "fashion_mnist"
    directory.mkdir(parents=True)
    sums = {}
    for prefix, count in (("train", 20), ("t10k", 10)):
        files = {
            f"{prefix}-images-idx3-ubyte": ((0x803, count, 28, 28), noise(count, 28, 28)),
            f"{prefix}-labels-idx1-ubyte": ((0x801, count), np.arange(count) % 10),
        }
        for name, (header, values) in files.items():
            content = np.array(header, ">i4").tobytes() + values.astype(np.uint8).tobytes()
            sums[name] = hashlib.sha256(content).hexdigest()
            (directory / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(fashion_mnist, "SHA256", sums)
    monkeypatch.setattr(fashion_mnist, "INSTALLED", tmp_path / "nowhere")
    return directory


def test_fashion_mnist_is_prepared_once_and_read_in_order(idx):
    train = data.load("fashion_mnist", "train")
    assert train.size == 20 and train.spec.shape == (28, 28, 1) and train.class_names[9] == "Ankle boot"
    np.testing.assert_array_equal(train.arrays["image"], noise(20, 28, 28)[..., None])
    np.testing.assert_array_equal(train.arrays["label"], np.arange(20) % 10)
    for file in idx.iterdir():
        file.unlink()  # what is prepared needs them no more
    assert data.load("fashion_mnist", "test", (32, 32, 3)).arrays["image"].shape == (10, 32, 32, 3)


def test_fashion_mnist_reads_uncompressed_files(idx):
    for file in idx.iterdir():
        file.with_suffix("").write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    assert data.load("fashion_mnist", "test").size == 10
    assert data.bring("fashion_mnist") == idx  # nothing to download


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-3], lambda content: gzip.compress(b"other"), lambda _: b""]
)
def test_fashion_mnist_refuses_a_damaged_file(idx, damage):
    file = idx / "t10k-labels-idx1-ubyte.gz"
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    for _ in range(2):  # nor does a failed preparation pass for a finished one
        with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte.gz is damaged: run `./launch.sh data"):
            data.load("fashion_mnist", "train")
    file.write_bytes(whole)
    assert data.load("fashion_mnist", "train").size == 20


def test_fashion_mnist_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "INSTALLED", tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"run `./launch.sh data fashion_mnist`"):
        data.load("fashion_mnist", "train")


def test_fashion_mnist_is_prepared_by_one_process_at_a_time(idx):
    code = (
        "import sys; from gan_zoo import data; from gan_zoo.data import fashion_mnist;"
        f"fashion_mnist.SHA256.update({fashion_mnist.SHA256!r});"
        "print(data.load('fashion_mnist', 'train').size)"
    )
    start = lambda: subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for process in [start(), start()]:
        output, errors = process.communicate(timeout=60)
        assert output.split() == [b"20"], errors.decode()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Stands in for apt-get and dpkg: a function sets the script that both run."""

    def set_script(script):
        for name in ("apt-get", "dpkg"):
            client = tmp_path / "bin" / name
            client.parent.mkdir(exist_ok=True)
            client.write_text(f"#!/bin/sh\n{script}\n")
            client.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    return set_script


def test_fashion_mnist_is_brought_as_a_whole(idx, package, tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "INSTALLED", Path("/usr/share/datasets/fashion-mnist"))
    kept = idx.rename(tmp_path / "kept")
    installed = f"$3{fashion_mnist.INSTALLED}"
    package(f"touch x.deb; [ $1 = -x ] || exit 0; mkdir -p {installed}; cp {kept}/* {installed}")
    assert data.bring("fashion_mnist") == idx
    (idx / "train-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    assert data.bring("fashion_mnist") == idx and data.load("fashion_mnist", "train").size == 20
    assert sorted(path.name for path in idx.parent.iterdir() if path.is_dir()) == ["fashion_mnist", "tfds"]


def test_fashion_mnist_tells_why_it_cannot_be_brought(idx, package, tmp_path, monkeypatch):
    idx.rename(tmp_path / "kept")
    package("echo 'E: Failed to fetch: Temporary failure resolving' >&2; exit 100")
    with pytest.raises(UserError, match=r"apt-get.*Temporary failure resolving.*try again"):
        data.bring("fashion_mnist")
    assert not idx.exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"apt-get is not here.*train-images-idx3-ubyte"):
        data.bring("fashion_mnist")


def test_real_fashion_mnist(monkeypatch):
    directories = [REAL / "fashion_mnist", fashion_mnist.INSTALLED]
    found = [directory for directory in directories if directory.is_dir()]
    if not found:
        pytest.skip("needs ./launch.sh data fashion_mnist")
    for prefix, count in (("train", 60_000), ("t10k", 10_000)):
        assert fashion_mnist.read_idx(found[0], f"{prefix}-images-idx3-ubyte").shape == (count, 28, 28)
        labels = fashion_mnist.read_idx(found[0], f"{prefix}-labels-idx1-ubyte")
        assert (np.bincount(labels) == count // 10).all()
