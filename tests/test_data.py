"""Data sets: what they hold, that they are the same every time, and what they tell the user."""

import gzip
import hashlib
import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_zoo import data
from gan_zoo.data import fashion_mnist, images, points, tfds
from gan_zoo.errors import UserError

REAL = data.folder()  # before a test points elsewhere


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test has its own folder of data sets."""
    monkeypatch.setenv("GAN_ZOO_DATA", str(tmp_path / "zoo"))


def write(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(path, **options)


def noise(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


# Names


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match=r"(?s)fashion_mnst.*did you mean 'fashion_mnist'.*8gaussians.*folder"):
        data.spec("fashion_mnst")


@pytest.mark.parametrize("name", ["images", "order", "feed", "points", "image_folder", "", "../digits", "digits.spec"])
def test_helpers_are_no_data_sets(name):
    with pytest.raises(UserError, match="unknown data set"):
        data.spec(name)


def test_every_set_accepts_its_own_shape_and_classes():
    for name in ("digits", "8gaussians", "fashion_mnist"):
        found = data.spec(name)
        assert data.spec(name, found.shape, found.classes) == found


@pytest.mark.parametrize("name", ["folder", "folder:", "digits:8", "25gaussians:3"])
def test_arguments_are_given_where_one_belongs(name):
    with pytest.raises(UserError, match="write |takes no"):
        data.spec(name)


def test_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("GAN_ZOO_DATA", "~/sets")
    assert data.folder() == Path.home() / "sets"
    monkeypatch.delenv("GAN_ZOO_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data.folder() == Path("/cache/gan_zoo/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data.folder() == Path.home() / ".cache/gan_zoo/data"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", (8, 8)), "image_shape"),
        (("digits", (2,)), "image_shape"),
        (("digits", (8, 8, 2)), "image_shape"),
        (("digits", (8, -8, 1)), "image_shape"),
        (("digits", (), 3), "10 classes"),
        (("swissroll", (8, 8, 1)), "points"),
        (("folder:/", (2,)), "image_shape"),
    ],
)
def test_spec_refuses_what_does_not_fit(arguments, message):
    with pytest.raises(UserError, match=message):
        data.spec(*arguments)


def test_split_is_train_or_test():
    with pytest.raises(UserError, match="validation"):
        data.load("digits", "validation")


def test_nothing_to_bring():
    assert data.bring("digits") is None


def test_describing_imports_no_heavy_package():
    code = (
        "import sys; from gan_zoo import data; data.spec('fashion_mnist'); data.spec('digits');"
        "data.spec('swissroll'); data.spec('tfds:cifar10', (32, 32, 3), 10);"
        "assert not {'jax', 'sklearn', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# Digits


def test_digits():
    train, test = data.load("digits", "train"), data.load("digits", "test")
    assert (train.size, test.size) == (1437, 360)
    image = train.arrays["image"]
    assert image.shape == (1437, 8, 8, 1) and image.dtype == np.uint8
    assert (image.min(), image.max()) == (0, 255)
    assert len(np.unique(image)) == 17  # sixteen steps of gray
    assert train.arrays["label"].dtype == np.int32 and len(train.class_names) == train.spec.classes == 10
    batch = train.take(np.array([5, 0]))
    np.testing.assert_array_equal(batch["image"], image[[5, 0]])
    np.testing.assert_array_equal(batch["label"], train.arrays["label"][[5, 0]])


def test_digits_split_is_stratified_disjoint_and_complete():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    source = {split: data.load("digits", split) for split in ("train", "test")}
    rows = lambda image: image.reshape(len(image), -1).tolist()
    both = rows(source["train"].arrays["image"]) + rows(source["test"].arrays["image"])
    assert sorted(both) == sorted(np.round(bunch.data * 255 / 16).tolist())
    for digit in range(10):
        share = np.mean(source["test"].arrays["label"] == digit)
        assert abs(share - np.mean(bunch.target == digit)) < 0.003


def test_digits_are_the_same_every_time():
    sums = [hashlib.sha256(data.load("digits", "test").arrays["image"].tobytes()).hexdigest() for _ in range(2)]
    assert sums[0] == sums[1]


def test_digits_resized_and_coloured():
    source = data.load("digits", "test", (32, 32, 3))
    own = data.load("digits", "test").arrays["image"]
    image = source.arrays["image"]
    assert source.spec.shape == image.shape[1:] == (32, 32, 3)
    assert (image[..., 0] == image[..., 2]).all()
    np.testing.assert_allclose(image.mean(), own.mean(), atol=2)


# Points


def test_25gaussians():
    centres, std = points.modes("25gaussians")
    assert centres.shape == (25, 2)
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    np.testing.assert_allclose(distance[~np.eye(25, dtype=bool)].min(), 0.707, atol=5e-4)
    check_mixture("25gaussians", centres, std, 0.0177)


def test_8gaussians():
    centres, std = points.modes("8gaussians")
    assert centres.shape == (8, 2)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=-1), 2 / 1.414)
    check_mixture("8gaussians", centres, std, 0.01414)


def check_mixture(name, centres, std, expected):
    assert std == pytest.approx(expected, rel=2e-3)
    for split, size in (("train", 100_000), ("test", 10_000)):
        source = data.load(name, split)
        assert source.size == size and source.spec == data.Spec(name, (2,), 0) and set(source.arrays) == {"image"}
        point = source.arrays["image"]
        assert point.dtype == np.float32
        distance = np.linalg.norm(point[:, None] - centres[None], axis=-1)
        nearest = distance.argmin(axis=1)
        assert (np.bincount(nearest) == size // len(centres)).all()
        assert np.std(point - centres[nearest]) == pytest.approx(std, rel=0.02)
        assert (nearest[:-1] != nearest[1:]).mean() > 0.8  # shuffled


def test_swissroll():
    train, test = (data.load("swissroll", split).arrays["image"] for split in ("train", "test"))
    assert train.shape == (100_000, 2) and test.shape == (10_000, 2)
    # The angle t is uniform in [1.5 pi, 4.5 pi], the radius is t.
    radius = 7.5 * np.linalg.norm(train, axis=1)
    assert radius.mean() == pytest.approx(3 * np.pi, rel=0.01)
    assert np.quantile(radius, [0.01, 0.99]) == pytest.approx([1.5 * np.pi, 4.5 * np.pi], rel=0.05)
    assert points.modes("swissroll") is None


def test_points_are_the_same_every_time_and_the_splits_differ():
    first, second = (data.load("8gaussians", "train").arrays["image"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.isin(data.load("8gaussians", "test").arrays["image"][:, 0], first[:, 0]).all()


# Fashion-MNIST


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


# Pictures


def test_fit_crops_the_centre_and_never_distorts():
    wide = np.zeros((8, 32, 3), np.uint8)
    wide[:, 12:20] = 255  # a white square in the middle
    assert (images.fit(Image.fromarray(wide), (4, 4, 3)) == 255).all()
    tall = images.fit(Image.fromarray(wide.transpose(1, 0, 2)), (4, 4, 3))
    assert (tall == 255).all()


def test_fit_averages_whole_pixels_when_it_can():
    image = noise(8, 8)
    mean = image.reshape(4, 2, 4, 2).mean((1, 3))
    np.testing.assert_allclose(images.fit(Image.fromarray(image), (4, 4, 1))[..., 0], mean, atol=1)
    np.testing.assert_array_equal(images.fit(Image.fromarray(image), (8, 8, 1))[..., 0], image)


@pytest.mark.parametrize("size", [3, 5, 7, 9, 20])
def test_fit_keeps_a_plain_colour(size):
    flat = np.full((7, 11, 3), (10, 100, 200), np.uint8)
    np.testing.assert_array_equal(
        images.fit(Image.fromarray(flat), (size, size, 3)), np.broadcast_to((10, 100, 200), (size, size, 3))
    )


def test_plain_handles_every_mode():
    gray, colour = noise(6, 6), noise(6, 6, 3)
    deep = noise(6, 6, dtype=np.uint16)
    shown = lambda image: np.asarray(images.plain(image))
    np.testing.assert_array_equal(shown(Image.fromarray(deep)), np.round(deep / 257))
    np.testing.assert_array_equal(shown(Image.fromarray(deep.astype(np.int32))), np.round(deep / 257))
    np.testing.assert_array_equal(shown(Image.fromarray(gray > 99)), np.where(gray > 99, 255, 0))
    clear = np.dstack([colour, np.zeros((6, 6), np.uint8)])
    assert (shown(Image.fromarray(clear)) == 255).all()  # white shows through
    assert images.plain(Image.merge("LA", [Image.fromarray(gray)] * 2)).mode == "L"
    palette = Image.fromarray(colour).quantize(8)
    np.testing.assert_array_equal(shown(palette), np.asarray(palette.convert("RGB")))
    palette.info["transparency"] = bytes(8)
    assert (shown(palette) == 255).all()
    assert images.plain(Image.new("CMYK", (2, 2))).mode == "RGB"


# Folders


@pytest.fixture
def labelled(tmp_path):
    """40 gray images of cats and dogs."""
    for label in ("dogs", "cats"):
        for index in range(20):
            write(tmp_path / "pets" / label / f"{index}.png", noise(8, 6, seed=index))
    return f"folder:{tmp_path}/pets"


def test_folder_with_labels(labelled):
    assert data.spec(labelled) == data.Spec(labelled, (8, 6, 1), 2)
    train, test = data.load(labelled, "train"), data.load(labelled, "test")
    assert train.class_names == ("cats", "dogs") and (train.size, test.size) == (36, 4)
    assert set(train.arrays["label"]) == {0, 1} and train.arrays["label"].dtype == np.int32
    pictures = [image.tobytes() for source in (train, test) for image in source.arrays["image"]]
    assert sorted(pictures) == sorted(noise(8, 6, seed=index).tobytes() for index in range(20) for _ in "ab")


def test_folder_is_the_same_wherever_it_lies(labelled, tmp_path):
    first = data.load(labelled, "test").arrays
    (tmp_path / "pets").rename(tmp_path / "moved")
    second = data.load(f"folder:{tmp_path}/moved", "test").arrays
    assert all(np.array_equal(first[key], second[key]) for key in ("image", "label"))


def test_folder_that_does_not_fit_in_memory_is_read_on_demand(labelled, monkeypatch):
    whole = data.load(labelled, "train")
    monkeypatch.setattr(images, "MEMORY", 100)
    source = data.load(labelled, "train")
    assert source.arrays is None and source.size == whole.size
    indices = np.array([7, 3, 7, 0])
    for key, value in whole.take(indices).items():
        np.testing.assert_array_equal(source.take(indices)[key], value)
        assert source.take(indices)[key].dtype == value.dtype


def test_folder_with_splits_of_its_own(tmp_path):
    for split, labels in (("train", "ab"), ("test", "b")):
        for label in labels:
            write(tmp_path / split / label / "1.png", noise(4, 4, 3))
    train, test = (data.load(f"folder:{tmp_path}", split) for split in ("train", "test"))
    assert (train.size, test.size) == (2, 1) and test.class_names == ("a", "b")
    assert test.arrays["label"].tolist() == [1]


def test_folder_without_labels_of_every_format(tmp_path):
    for suffix in ("png", "jpg", "JPEG", "webp", "bmp", "gif"):
        write(tmp_path / f"1.{suffix}", noise(16, 12, 3))
    write(
        tmp_path / "animated.gif",
        Image.new("L", (12, 16), 255),
        save_all=True,
        append_images=[Image.new("L", (12, 16))],
    )
    write(tmp_path / "deep.png", noise(16, 12, dtype=np.uint16))
    write(tmp_path / "sideways.jpg", noise(12, 16, 3), exif=bytes.fromhex("457869660000") + exif(6))
    write(tmp_path / ".hidden.png", noise(3, 3))
    (tmp_path / "notes.txt").write_text("no image")
    spec = data.spec(f"folder:{tmp_path}", (16, 12, 3))
    assert spec.classes == 0
    sources = [data.load(f"folder:{tmp_path}", split, (16, 12, 3)) for split in ("train", "test")]
    assert sum(source.size for source in sources) == 9 and set(sources[0].arrays) == {"image"}


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes().removeprefix(b"Exif\0\0")


def test_folder_respects_orientation(tmp_path):
    picture = np.zeros((8, 8), np.uint8)
    picture[:, 4:] = 255  # bright on the right as stored, so below when turned to the right
    for name in "ab":
        write(tmp_path / f"{name}.png", picture, exif=exif(6))
    image = data.load(f"folder:{tmp_path}", "train").arrays["image"][0, :, :, 0]
    assert (image[:4] == 0).all() and (image[4:] == 255).all()


def test_folder_of_mixed_sizes_asks_for_a_shape(tmp_path):
    for index, size in enumerate((8, 8, 8, 9)):
        write(tmp_path / f"{index}.png", noise(size, 8))
    load = lambda *shape: [data.load(f"folder:{tmp_path}", split, *shape) for split in ("train", "test")]
    with pytest.raises(UserError, match=r"3.png is \(9, 8, 1\).*set config.image_shape"):
        load()
    assert sum(source.size for source in load((4, 4, 1))) == 4


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_folder_with_a_corrupt_image_names_it(tmp_path, content):
    for index in range(3):
        write(tmp_path / f"{index}.png", noise(32, 32))
    broken = tmp_path / "1.png"
    broken.write_bytes(broken.read_bytes()[:300] if content is None else content)
    with pytest.raises(UserError, match=r"1.png cannot be read"):
        for split in ("train", "test"):
            data.load(f"folder:{tmp_path}", split, (32, 32, 1))


def test_folder_errors(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        data.spec(f"folder:{tmp_path}/nowhere")
    with pytest.raises(UserError, match="holds 0 images"):
        data.spec(f"folder:{tmp_path}")
    write(tmp_path / "a" / "1.png", noise(4, 4))
    with pytest.raises(UserError, match="holds 1 images"):
        data.spec(f"folder:{tmp_path}")
    write(tmp_path / "b" / "2.png", noise(4, 4))
    assert {data.load(f"folder:{tmp_path}", split).size for split in ("train", "test")} == {1}
    write(tmp_path / "3.png", noise(4, 4))
    with pytest.raises(UserError, match="3.png lies beside"):
        data.spec(f"folder:{tmp_path}")
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    with pytest.raises(UserError, match="train holds no images"):
        data.spec(f"folder:{tmp_path}")


# The catalog


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """Two tiny sets, prepared: one with a test split and its pictures as PNG, one without either."""
    tensorflow_datasets = pytest.importorskip("tensorflow_datasets")
    features, root = tensorflow_datasets.features, tmp_path_factory.mktemp("catalog")
    pictures = noise(20, 8, 10, 3)
    for index, picture in enumerate(pictures):
        write(root / "png" / f"{index}.png", picture)

    class Tiny(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
        """Tiny pictures."""

        VERSION = tensorflow_datasets.core.Version("1.0.0")
        BUILDER_CONFIGS = [tensorflow_datasets.core.BuilderConfig(name=name) for name in ("two", "one")]

        def _info(self):
            shape = {"shape": (8, 10, 3), "dtype": np.uint8}
            image = features.Image(**shape) if self.builder_config.name == "two" else features.Tensor(**shape)
            label = features.ClassLabel(names=["even", "odd"])
            described = features.FeaturesDict({"image": image, "label": label})
            return tensorflow_datasets.core.DatasetInfo(builder=self, features=described, disable_shuffling=True)

        def _split_generators(self, manager):
            two = {
                "train": self._generate_examples(range(15)),
                "test": self._generate_examples(range(15, 20)),
            }
            return two if self.builder_config.name == "two" else {"train": self._generate_examples(range(20))}

        def _generate_examples(self, indices):
            for index in indices:
                path = root / "png" / f"{index}.png"  # given a path, TFDS stores the file without TensorFlow
                image = path if self.builder_config.name == "two" else pictures[index]
                yield index, {"image": image, "label": index % 2}

    for config in ("two", "one"):
        Tiny(config=config, data_dir=root / "tfds", file_format="array_record").download_and_prepare()
    return root, pictures


@pytest.mark.parametrize(("config", "sizes"), [("/two", (15, 5)), ("/one", (18, 2)), ("", (15, 5))])
def test_tfds_reads_a_prepared_set(catalog, monkeypatch, config, sizes):
    root, pictures = catalog
    monkeypatch.setenv("GAN_ZOO_DATA", str(root))
    monkeypatch.setattr(tfds, "reachable", lambda: pytest.fail("a prepared set needs no network"))
    train, test = (data.load(f"tfds:tiny{config}", split, (8, 10, 3), 2) for split in ("train", "test"))
    assert (train.size, test.size) == sizes and train.class_names == ("even", "odd")
    np.testing.assert_array_equal(np.concatenate([train.arrays["image"], test.arrays["image"]]), pictures)
    assert test.arrays["label"].tolist() == [index % 2 for index in range(train.size, 20)]
    gray = data.load(f"tfds:tiny{config}", "test", (4, 4, 1))
    assert gray.arrays["image"].shape == (sizes[1], 4, 4, 1) and set(gray.arrays) == {"image"}
    assert data.bring(f"tfds:tiny{config}").is_dir()


def test_tfds_refuses_what_does_not_fit(catalog, monkeypatch):
    monkeypatch.setenv("GAN_ZOO_DATA", str(catalog[0]))
    with pytest.raises(UserError, match="needs config.image_shape"):
        data.spec("tfds:tiny")
    with pytest.raises(UserError, match="2 classes"):
        data.load("tfds:tiny", "train", (8, 10, 3), 3)
    assert data.spec("tfds:nowhere", (8, 10, 3), 3) == data.Spec("tfds:nowhere", (8, 10, 3), 3)
    with pytest.raises(UserError, match="no set 'nowhere'"):
        data.load("tfds:nowhere", "train", (8, 10, 3))


def test_tfds_offline_is_told_in_ten_seconds(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30))  # a silent name server
    monkeypatch.setattr(tfds, "PATIENCE", 3)
    start = time.monotonic()
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: name == "tensorflow" or find_spec(name, *rest))
    with pytest.raises(UserError, match=r"the network is missing.*`./launch.sh data tfds:cifar10`"):
        data.load("tfds:cifar10", "train", (32, 32, 3), 10)
    assert time.monotonic() - start < 10
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *rest: None if name == "tensorflow" else find_spec(name, *rest),
    )
    with pytest.raises(UserError, match="TensorFlow is missing"):
        data.load("tfds:cifar10", "train", (32, 32, 3), 10)
