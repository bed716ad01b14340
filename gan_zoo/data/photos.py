"""photos:PATH: any folder of photographs, cut into tiles; photos: 27 of Debian's wallpapers.

Examples are tiles of the shape asked for; whole pictures of any size are what super-resolution is scored on. Debian's
are halved first, which removes the sensor's noise; held out beside them are the pictures of scikit-image and -learn.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from gan_zoo import data
from gan_zoo.data import Source, Spec, alone, folder, packages
from gan_zoo.data.image_folder import listed, open_image
from gan_zoo.data.images import THREADS
from gan_zoo.errors import UserError

ARGUMENT, OPTIONAL = "PATH", True
SHAPE = (96, 96, 3)
PACKAGES = ("lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds")
BACKGROUNDS = Path("usr", "share", "backgrounds")
DRAWN = (
    "Fossa",
    "Infinite-Sea",
    "Painting-Colors",
    "analogpattern",
    "umang",
)  # begin the names of what is no photograph
HELD_OUT = (
    "astronaut", "camera", "chelsea", "coffee", "coins", "hubble_deep_field", "retina", "rocket", "stereo_motorcycle",
    "china.jpg", "flower.jpg",
)  # fmt: skip
MISSING = "the photographs are not here: run `./launch.sh data photos`"

Pictures = Callable[[], list[np.ndarray]]


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    return Spec(f"photos:{argument}".removesuffix(":"), image_shape or SHAPE, 0)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    if argument:
        files = [file for file, _ in listed(argument)[split]]
        pictures = lambda: _opened(files, found.shape[2], 1)
    elif split == "train":
        pictures = lambda: _opened(_brought(), found.shape[2], 2)
    else:
        pictures = lambda: [_colours(Image.fromarray(_bundled(name)), found.shape[2]) for name in HELD_OUT]
    source = data.in_memory(found, split, tiles(pictures(), found.shape))
    return replace(source, pictures=pictures)


def bring(argument: str = "") -> Path | None:
    """Downloads Debian's packages of wallpapers and keeps the photographs among them."""
    if argument:
        return None
    target = folder() / "photos"
    with alone("photos"), tempfile.TemporaryDirectory(dir=folder()) as temporary:
        if target.exists():
            return target
        made = Path(temporary, "photos")
        made.mkdir()
        for package in PACKAGES:
            here = packages.debian(package, temporary, f"put photographs into {target} yourself") / BACKGROUNDS
            for file in [*here.glob("*.jpg"), *here.glob("mate/nature/*.jpg")]:
                if not file.name.startswith(DRAWN):
                    shutil.move(file, made / file.name)
        made.rename(target)
    return target


def tiles(pictures: Sequence[np.ndarray], shape: tuple[int, int, int]) -> np.ndarray:
    """The tiles uint8 [N, *shape] that pictures are cut into, side by side from the middle.

    Raises:
        UserError: a picture is smaller than a tile.
    """
    height, width, channels = shape
    found = []
    for picture in pictures:
        check_tile(picture.shape, (height, width))
        rows, columns = picture.shape[0] // height, picture.shape[1] // width
        top, left = (picture.shape[0] - rows * height) // 2, (picture.shape[1] - columns * width) // 2
        picture = picture[top : top + rows * height, left : left + columns * width]
        picture = picture.reshape(rows, height, columns, width, channels).swapaxes(1, 2)
        found.append(picture.reshape(-1, *shape))
    return np.concatenate(found)


def check_tile(whole: tuple[int, ...], size: tuple[int, ...]) -> None:
    """Refuses a picture of shape ``whole`` that is smaller than the (height, width) cut out of it."""
    if whole[0] < size[0] or whole[1] < size[1]:
        raise UserError(
            f"a picture is {whole[:2]}, smaller than the {size} that are cut out of it: "
            "remove it, or set config.image_shape (and config.load_size) to less"
        )


def _brought() -> list[Path]:
    files = sorted((folder() / "photos").glob("*.jpg"))
    if not files:
        raise UserError(MISSING)
    return files


def _opened(files: Sequence[Path], channels: int, reduce: int) -> list[np.ndarray]:
    """Pictures [H, W, C], each pixel the mean of reduce x reduce of the file's."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda file: _colours(open_image(file).reduce(reduce), channels), files))


def _colours(image: Image.Image, channels: int) -> np.ndarray:
    image = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return image.reshape(*image.shape[:2], channels)


def _bundled(name: str) -> np.ndarray:
    """A photograph that scikit-image or scikit-learn has with it."""
    if name.endswith(".jpg"):
        from sklearn.datasets import load_sample_image

        return load_sample_image(name)
    import skimage.data

    found = getattr(skimage.data, name)()
    return found[0] if name == "stereo_motorcycle" else found  # its left one
