"""Fashion-MNIST: 70,000 pictures of clothes, 28x28, gray, 10 classes (Xiao et al. 2017, arXiv 1708.07747)."""

import contextlib
import gzip
import hashlib
import shutil
import tempfile
import zlib
from pathlib import Path

import numpy as np

from gan_zoo.data import Source, Spec, alone, folder, in_memory, packages, prepared
from gan_zoo.data.images import fit_all
from gan_zoo.errors import UserError

SHAPE = (28, 28, 1)
NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
)  # fmt: skip
PACKAGE = "dataset-fashion-mnist"  # Debian's
INSTALLED = Path("/usr/share/datasets/fashion-mnist")  # where the package puts the files
VERSION = "1.0.0"  # of what is prepared
PREFIX = {"train": "train", "test": "t10k"}
# Of the decompressed bytes: Debian compresses anew, so its .gz files are not those of the authors.
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MISSING = "Fashion-MNIST is not here: run `./launch.sh data fashion_mnist`"
OTHERWISE = f"put the four files {', '.join(SHA256)} (.gz or not) of Fashion-MNIST into {{}} yourself"


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    return Spec("fashion_mnist", image_shape or SHAPE, len(NAMES))


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    arrays = prepared.load("fashion_mnist", VERSION, split, _features, _examples)
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
        unpacked = packages.debian(PACKAGE, temporary, OTHERWISE.format(target))
        shutil.rmtree(target, ignore_errors=True)
        (unpacked / INSTALLED.relative_to("/")).rename(target)
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


def _files() -> Path:
    """The folder that holds the IDX files."""
    for directory in (folder() / "fashion_mnist", INSTALLED):
        if any(directory.glob("train-images-idx3-ubyte*")):
            return directory
    raise UserError(MISSING)


def _features():
    import tensorflow_datasets as tfds  # imported late: only the preparation needs it

    # Image features would need TensorFlow; bytes parse faster than lists of numbers.
    image = tfds.features.Tensor(shape=SHAPE, dtype=np.uint8, encoding="bytes")
    return {"image": image, "label": tfds.features.ClassLabel(names=NAMES)}


def _examples(split: str):
    images = read_idx(_files(), f"{PREFIX[split]}-images-idx3-ubyte")[..., None]
    labels = read_idx(_files(), f"{PREFIX[split]}-labels-idx1-ubyte")
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield index, {"image": image, "label": label}
