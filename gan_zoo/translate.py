"""Translates and enlarges people's own images with a trained run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from gan_zoo.data.image_folder import every_of, open_image
from gan_zoo.data.images import from_array, to_bytes
from gan_zoo.errors import UserError
from gan_zoo.trained import MAKE, TRANSLATE, Trained


def make_files(trained: Trained, view: str, given: Path, output: Path) -> Iterator[Path]:
    """Writes what a view makes of an image, or of each in a folder and below it, as PNG; yields the new files.

    Images may have any size: to be translated they are mirrored at the right and lower border up to one that the
    network can halve as often as it does, and cut back; where it takes one size only, they are resized, and back. They
    are turned to the colours (or the gray) of the training.

    Raises:
        UserError: no such image or folder, or the run has no such view.
    """
    if given.is_file():
        files, root = [given], given.parent
    else:
        files, root = [file for file, _ in every_of(given)], given
    places = [output / file.relative_to(root).with_suffix(".png") for file in files]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise UserError(f"two images in {given} would both become {twice}: rename one")
    if {place.absolute() for place in places} & {file.absolute() for file in files}:
        raise UserError(f"{output} holds the images themselves: name another folder by --output")
    spec = trained.spec
    shape = spec.input_shape if MAKE[view][0] == "input" and spec.input_shape else spec.shape
    if shape[-1] > 3:
        raise UserError("this run makes frames of several others: use ./launch.sh predict")
    for file, place in zip(files, places, strict=True):
        image = np.asarray(open_image(file).convert("L" if shape[-1] == 1 else "RGB"))
        image = image.reshape(*image.shape[:2], shape[-1])
        made = _made(trained, view, image, shape)
        place.parent.mkdir(parents=True, exist_ok=True)
        made.save(place)
        yield place


def _made(trained: Trained, view: str, image: np.ndarray, shape: tuple[int, ...]) -> Image.Image:
    if trained.game.one_size:
        fitted = np.asarray(from_array(image).resize(shape[1::-1], Image.Resampling.LANCZOS)).reshape(shape)
        made = from_array(to_bytes(trained.make(view, fitted[None] / 127.5 - 1)[0]))
        return made.resize(image.shape[1::-1], Image.Resampling.LANCZOS)
    padded = _padded(image, shape) if view in TRANSLATE else image
    made = trained.make(view, padded[None] / 127.5 - 1)[0]
    scale = made.shape[0] // padded.shape[0]
    return from_array(to_bytes(made[: scale * image.shape[0], : scale * image.shape[1]]))


def _padded(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The image mirrored up to a multiple of the largest power of two in the height and width of ``shape``."""
    fill = [-side % (trained & -trained) for side, trained in zip(image.shape, shape[:2], strict=False)]
    return np.pad(image, [(0, fill[0]), (0, fill[1]), (0, 0)], mode="symmetric")
