"""Fashion-MNIST: 70,000 pictures of clothes, 28x28, gray, 10 classes (Xiao et al. 2017, arXiv 1708.07747)."""

import contextlib
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

from gan_zoo.data import Source, Spec, alone, folder, in_memory
from gan_zoo.data.images import fit_all
from gan_zoo.errors import UserError

SHAPE = (28, 28, 1)
NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
)  # fmt: skip
PACKAGE = "dataset-fashion-mnist"  # Debian's
INSTALLED = Path("/usr/share/datasets/fashion-mnist")  # where the package puts the files
VERSION = "1.0.0"  # of what _prepare makes
PREFIX = {"train": "train", "test": "t10k"}
# Of the decompressed bytes: Debian compresses anew, so its .gz files are not those of the authors.
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MISSING = "Fashion-MNIST is not here: run `./launch.sh data fashion_mnist`"
# Offline, apt would try for minutes: one attempt, five seconds of silence, no root's sandbox.
APT = ("Acquire::Retries=0", "Acquire::http::Timeout=5", "Acquire::https::Timeout=5", "APT::Sandbox::User=")


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    return Spec("fashion_mnist", image_shape or SHAPE, len(NAMES))


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    if not _arrays(split).exists():
        _prepare()
    with np.load(_arrays(split)) as arrays:
        return in_memory(found, split, fit_all(arrays["image"], found.shape), arrays["label"], NAMES)


def bring(argument: str = "") -> Path:
    """Downloads Debian's package and unpacks its files, without root."""
    target = folder() / "fashion_mnist"
    with alone("fashion_mnist"), tempfile.TemporaryDirectory(dir=folder()) as temporary:
        with contextlib.suppress(UserError):  # damaged files are brought again
            here = _files()
            for name in SHA256:
                read_idx(here, name)
            return here
        options = [word for option in APT for word in ("-o", option)]
        _run(["apt-get", *options, "download", PACKAGE], temporary)
        _run(["dpkg", "-x", str(next(Path(temporary).glob("*.deb"))), "unpacked"], temporary)
        shutil.rmtree(target, ignore_errors=True)
        Path(temporary, "unpacked", INSTALLED.relative_to("/")).rename(target)
    return target


def read_idx(directory: Path, name: str) -> np.ndarray:
    """The bytes of an IDX file, compressed or not: uint8 [N, 28, 28] or [N]; refuses a damaged file."""
    path = directory / f"{name}.gz"
    if not path.exists():
        path = directory / name
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `./launch.sh data fashion_mnist`") from None
    except (OSError, EOFError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise UserError(f"{path} is damaged: run `./launch.sh data fashion_mnist`")
    rank = content[3]  # the magic number: two zeros, 8 for bytes, the rank
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _arrays(split: str) -> Path:
    return folder() / "tfds" / "fashion_mnist" / VERSION / f"{split}.npz"


def _files() -> Path:
    """The folder that holds the IDX files."""
    for directory in (folder() / "fashion_mnist", INSTALLED):
        if any(directory.glob("train-images-idx3-ubyte*")):
            return directory
    raise UserError(MISSING)


def _run(command: list[str], directory: str) -> None:
    """Runs a package client, and tells what it complains about last."""
    # The resolver, too, would try for long.
    environment = os.environ | {"RES_OPTIONS": "timeout:2 attempts:1", "LC_ALL": "C"}
    try:
        subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError(
            f"{command[0]} is not here, so put the four files {', '.join(SHA256)} (.gz or not) "
            f"of Fashion-MNIST into {folder() / 'fashion_mnist'} yourself"
        ) from None
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(
            f"{command[0]} could not bring {PACKAGE} ({reason}): "
            "check the network, perhaps run `apt-get update`, and try again"
        ) from None


def _prepare() -> None:
    """Prepares the set with TFDS, and beside its files one .npz per split, which loads fifty times faster."""
    import tensorflow_datasets as tfds  # imported late, like all that only the preparation needs

    files = _files()
    tfds.disable_progress_bar()
    with alone("tfds"), contextlib.redirect_stdout(sys.stderr):  # standard output belongs to our commands
        builder = _builder(folder() / "tfds")
        # TFDS prepares under another name and renames at the end, as we do below.
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=files))
        for split in PREFIX:
            examples = _examples(builder.as_data_source(split).data_source)
            images = b"".join(example["image"].bytes_list.value[0] for example in examples)
            labels = [example["label"].int64_list.value[0] for example in examples]
            temporary = _arrays(split).with_suffix(".temporary.npz")
            np.savez(
                temporary,
                image=np.frombuffer(images, np.uint8).reshape(-1, *SHAPE),
                label=np.array(labels, np.int32),
            )
            temporary.rename(_arrays(split))


def _builder(directory: Path):
    """The TFDS builder of the set, which needs neither TensorFlow nor the network."""
    import tensorflow_datasets as tfds

    # Not registered: TFDS's catalog has a builder of this name.
    class FashionMnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        """Fashion-MNIST from IDX files that a package client brought."""

        VERSION = tfds.core.Version(VERSION)
        MANUAL_DOWNLOAD_INSTRUCTIONS = MISSING

        def _info(self) -> tfds.core.DatasetInfo:
            # Image features would need TensorFlow; bytes parse faster than lists of numbers.
            features = {
                "image": tfds.features.Tensor(shape=SHAPE, dtype=np.uint8, encoding="bytes"),
                "label": tfds.features.ClassLabel(names=NAMES),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
            )

        def _split_generators(self, manager):
            return {split: self._generate_examples(Path(manager.manual_dir), split) for split in PREFIX}

        def _generate_examples(self, directory: Path, split: str):
            images = read_idx(directory, f"{PREFIX[split]}-images-idx3-ubyte")[..., None]
            labels = read_idx(directory, f"{PREFIX[split]}-labels-idx1-ubyte")
            for index, (image, label) in enumerate(zip(images, labels, strict=True)):
                yield index, {"image": image, "label": label}

    return FashionMnist(data_dir=directory, file_format="array_record")


def _examples(records) -> list:
    """The features of all records, parsed at once: one at a time TFDS decodes 5,000 a second."""
    from tensorflow_datasets.proto import tf_example_pb2

    parse = tf_example_pb2.Example.FromString
    return [parse(record).features.feature for record in records.__getitems__(range(len(records)))]
