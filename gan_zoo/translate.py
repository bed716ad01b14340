"""Translates, enlarges and restores people's own images with a trained run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from gan_zoo.corruptions import CORRUPTIONS, HOLES
from gan_zoo.data.image_folder import every_of, open_image
from gan_zoo.data.images import centre, from_array, to_bytes
from gan_zoo.errors import UserError
from gan_zoo.reconstructions import restored
from gan_zoo.trained import MAKE, TRANSLATE, Trained


def make_files(trained: Trained, view: str, given: Path, output: Path) -> Iterator[Path]:
    """Writes what a view makes of an image, or of each in a folder and below it, as PNG; yields the new files.

    Images may have any size: to be translated they are mirrored at the right and lower border up to one that the
    network can halve as often as it does, and cut back. Where it takes one size only, what is made is their centre of
    the training's aspect ratio, as training crops them, resized and back; the rest stays. They are turned to the
    colours (or the gray) of the training.

    Raises:
        UserError: no such image or folder, or the run has no such view.
    """
    spec = trained.spec
    shape = spec.input_shape if MAKE[view][0] == "input" and spec.input_shape else spec.shape
    if shape[-1] > 3:
        raise UserError("this run makes frames of several others: use ./launch.sh predict")
    for file, place in _places(given, output):
        image = np.asarray(_opened(file, shape))
        _made(trained, view, image.reshape(*image.shape[:2], shape[-1]), shape).save(place)
        yield place


def restore_files(trained: Trained, given: Path, output: Path, mask: Path | None = None) -> Iterator[Path]:
    """Writes what an autoencoder makes of an image, or of each in a folder and below it, as PNG; yields the new files.

    Images are resized to the size of the training, whatever their aspect ratio, and back; where there is a ``mask``, a
    picture of an image's size that is white where something is missing, only that is filled in.

    Raises:
        UserError: no such image or folder, the run is no autoencoder, or needs a mask, or has no use for one, or the
            mask's size is another.
    """
    if "decode" not in trained.game.probes:
        raise UserError(f"{trained.config.model} restores no images: name the run of an autoencoder")
    corruption, shape = trained.config.corruption, trained.spec.shape
    if corruption in HOLES and mask is None:
        raise UserError("this run fills holes in: say where by --mask=IMAGE, white where something is missing")
    if corruption not in HOLES and mask is not None:
        raise UserError(f"this run fills no holes in (config.corruption={corruption}): leave --mask out")
    white = open_image(mask, "black").convert("L").point(lambda level: 255 * (level > 127)) if mask else None
    missing = _missing(trained, white) if white else None
    for file, place in _places(given, output):
        image = _opened(file, shape)
        if white:
            if white.size != image.size:
                sizes = [f"{one.width}x{one.height}" for one in (white, image)]
                raise UserError(f"the mask is {sizes[0]}, and {file} is {sizes[1]}: it has the image's size")
            image.paste(Image.new(image.mode, image.size, "#808080"), mask=white)  # so nothing of it leaks out
        small = np.asarray(image.resize(shape[1::-1], Image.Resampling.LANCZOS)).reshape(1, *shape)
        made = from_array(restored(trained, small, missing)[0]).resize(image.size, Image.Resampling.LANCZOS)
        (Image.composite(made, image, white) if white else made).save(place)
        yield place


def _missing(trained: Trained, white: Image.Image) -> np.ndarray:
    """Which of the network's pixels are missing, even in part, since gray leaks into those: bool [H, W, 1].

    Raises:
        UserError: none is, or all are, or the run has learned to fill in others.
    """
    config, shape = trained.config, trained.spec.shape
    missing = np.asarray(white.resize(shape[1::-1], Image.Resampling.BOX))[..., None] > 0
    if not missing.any():
        raise UserError("the mask is black: it is white where something is missing")
    if missing.all():
        raise UserError("the mask is white, or nearly: it leaves nothing from which the rest could be told")
    if config.corruption == "centre":
        _, learned = CORRUPTIONS["centre"](None, np.zeros((1, *shape)), config.level)
        if (missing & (np.asarray(learned[0]) == 0)).any():
            raise UserError(
                f"this run has learned to fill in the middle alone (config.level={config.level} of either side), and "
                "the mask goes beyond it: train with --config.corruption=square"
            )
    return missing


def _places(given: Path, output: Path) -> list[tuple[Path, Path]]:
    """An image, or all in a folder and below it, and where each goes to, in folders that are made."""
    files, root = ([given], given.parent) if given.is_file() else ([file for file, _ in every_of(given)], given)
    places = [output / file.relative_to(root).with_suffix(".png") for file in files]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise UserError(f"two images in {given} would both become {twice}: rename one")
    if {place.absolute() for place in places} & {file.absolute() for file in files}:
        raise UserError(f"{output} holds the images themselves: name another folder by --output")
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
    return list(zip(files, places, strict=True))


def _opened(file: Path, shape: tuple[int, ...]) -> Image.Image:
    return open_image(file).convert("L" if shape[-1] == 1 else "RGB")


def _made(trained: Trained, view: str, image: np.ndarray, shape: tuple[int, ...]) -> Image.Image:
    if trained.game.one_size:
        whole, (_, box) = from_array(image), centre(from_array(image), shape)
        cropped = whole.crop(box)
        fitted = np.asarray(cropped.resize(shape[1::-1], Image.Resampling.LANCZOS)).reshape(shape)
        made = from_array(to_bytes(trained.make(view, fitted[None] / 127.5 - 1)[0]))
        whole.paste(made.resize(cropped.size, Image.Resampling.LANCZOS), box[:2])
        return whole
    given = padded(image[None], shape) if view in TRANSLATE else image[None]
    made = trained.make(view, given / 127.5 - 1)[0]
    scale = made.shape[0] // given.shape[1]
    return from_array(to_bytes(made[: scale * image.shape[0], : scale * image.shape[1]]))


def padded(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Images [..., H, W, C] mirrored up to multiples of the largest powers of two in a shape's height and width."""
    fill = [-side % (trained & -trained) for side, trained in zip(images.shape[-3:], shape[:2], strict=False)]
    return np.pad(images, [*[(0, 0)] * (images.ndim - 3), (0, fill[0]), (0, fill[1]), (0, 0)], mode="symmetric")
