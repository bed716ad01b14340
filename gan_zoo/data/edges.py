"""edges:DATA: pairs of the edges of another set's images and the images: edges:fashion_mnist, edges:folder:PATH, ...

The edges are Canny's (scikit-image, sigma 1), black on white, as in the pix2pix paper's edges to shoes and handbags.
Those of a set in memory are found once, a minute for 60,000 images, and kept in the data folder.
"""

import contextlib
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from gan_zoo import data
from gan_zoo.data import Source, Spec
from gan_zoo.data.images import THREADS

ARGUMENT = "DATA"
SIGMA = 1.0  # pixels, of the smoothing before


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    found = data.spec(argument, image_shape, 0)
    return Spec(f"edges:{argument}", found.shape, 0, found.shape)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found, source = spec(argument, image_shape, classes), data.load(argument, split, image_shape, 0)
    if source.arrays is not None:
        images = source.arrays["image"]
        return data.in_memory(found, split, images, inputs=_remembered(images))

    def take(indices: np.ndarray) -> dict[str, np.ndarray]:
        images = source.take(indices)["image"]
        return {"image": images, "input": edges_of(images)}

    return replace(source, spec=found, take=take, class_names=())


def bring(argument: str):
    """Brings the set that this one is made of."""
    return data.bring(argument)


def _remembered(images: np.ndarray) -> np.ndarray:
    """``edges_of``, from the data folder if they were found before."""
    key = hashlib.sha256(repr((SIGMA, images.shape)).encode() + images.tobytes()).hexdigest()[:24]
    file = data.folder() / "edges" / f"{key}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        bits = np.unpackbits(np.load(file), count=images.size).reshape(images.shape)
        return np.where(bits, 255, 0).astype(np.uint8)
    edges = edges_of(images)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}.npy")
    np.save(partial, np.packbits(edges > 0))
    os.replace(partial, file)
    return edges


def edges_of(images: np.ndarray) -> np.ndarray:
    """Edges uint8 [N, H, W, C], 0 on 255, of images uint8 [N, H, W, C]."""
    from skimage.feature import canny  # imported late: describing a set must not wait for it

    def find(image: np.ndarray) -> np.ndarray:
        gray = image.astype(np.float64).mean(axis=-1) / 255
        return np.where(canny(np.pad(gray, 2, mode="edge"), SIGMA)[2:-2, 2:-2], 0, 255).astype(np.uint8)

    with ThreadPoolExecutor(THREADS) as pool:
        found = np.stack(list(pool.map(find, images)))
    return np.repeat(found[..., None], images.shape[-1], axis=-1)
