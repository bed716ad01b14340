"""Pictures of any size and mode, made to fit a shape without distortion."""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from gan_zoo.data import Source, Spec, example, in_memory

MEMORY = 2 * 1024**3  # bytes; a split that is larger when decoded is read on demand
THREADS = min(16, 2 * (os.cpu_count() or 1))
GRAY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes without colour


def fit(image: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """Crops the centre of a plain image to the aspect ratio of the shape and resizes it: uint8 [H, W, C]."""
    height, width, channels = shape
    image = image.convert("L" if channels == 1 else "RGB")
    scale, box = centre(image, shape)
    if scale.is_integer():
        kernel = Image.Resampling.BOX  # the exact mean of whole pixels
    else:
        kernel = Image.Resampling.LANCZOS if scale > 1 else Image.Resampling.BICUBIC
    return np.asarray(image.resize((width, height), kernel, box=box)).reshape(shape)


def centre(image: Image.Image, shape: tuple[int, ...]) -> tuple[float, tuple[int, int, int, int]]:
    """The centre of an image, with a shape's aspect ratio: how many times the shape, and left, top, right, bottom."""
    height, width = shape[:2]
    scale = min(image.width / width, image.height / height)  # above 1: the picture shrinks
    crop = (round(width * scale), round(height * scale))
    left, top = (image.width - crop[0]) // 2, (image.height - crop[1]) // 2
    return scale, (left, top, left + crop[0], top + crop[1])


def fit_all(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`fit` of every image [N, h, w, c]: [N, H, W, C]; the same array where nothing changes."""
    if images.shape[1:] == tuple(shape):
        return images
    return np.stack([fit(from_array(image), shape) for image in images])


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Images in [-1, 1] as they are stored and shown: uint8, rounded to the nearest."""
    return np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)


def from_array(image: np.ndarray) -> Image.Image:
    """The picture of an array uint8 [H, W, C]."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def plain(image: Image.Image, ground: str = "white") -> Image.Image:
    """Upright, opaque on a ``ground`` and 8 bits deep: mode "L" where the file is gray, else "RGB"."""
    image = ImageOps.exif_transpose(image)
    mode = "L" if image.mode in GRAY else "RGB"
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip at 255
        values = np.asarray(image).clip(0, 65535).astype(np.float64)
        image = Image.fromarray(np.round(values / 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, ground), image)
    return image.convert(mode)


def from_reader(
    spec: Spec, split: str, size: int, read: Callable[[int], dict[str, Any]], class_names: tuple[str, ...] = ()
) -> Source:
    """A source over read(index) -> {"image": uint8 [H, W, C], "label", "input"}: in memory if it fits."""

    def take(indices: np.ndarray) -> dict[str, np.ndarray]:
        batch = {name: np.empty(x.shape, x.dtype) for name, x in example(spec, len(indices), np.uint8).items()}
        with ThreadPoolExecutor(THREADS) as pool:
            for row, found in enumerate(pool.map(read, indices)):
                for key in batch:
                    batch[key][row] = found[key]
        return batch

    if size * sum(math.prod(shape) for shape in (spec.shape, spec.input_shape) if shape) > MEMORY:
        return Source(spec, split, size, take, None, class_names)
    arrays = take(np.arange(size))
    return in_memory(spec, split, arrays["image"], arrays.get("label"), class_names, arrays.get("input"))
