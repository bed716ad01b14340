"""Random warps of faces, as in the code of the first deepfakes: what an encoder is given, and what is to be made of it.

A 5x5 grid of points over the image is jittered. The given image follows the jittered points; the target follows the
similarity (rotation, scale, shift) that is nearest to them (Umeyama 1991), so that only the bending is to be undone.
Both are of an image that was turned, scaled, shifted and mirrored at random.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from gan_zoo.noise import draw

POINTS = 5  # along each side
JITTER = 5 / 160  # 5 pixels where a face has 160
SHIFT = 0.05 * 256 / 160  # a twentieth of a picture of 256 pixels, whose middle the face is


def random_warp(
    rng: jax.Array,
    images: jax.Array,
    rotation: float = 10.0,
    scale: float = 0.05,
    shift: float = SHIFT,
    flip: float = 0.4,
    jitter: float = JITTER,
) -> tuple[jax.Array, jax.Array]:
    """(warped, target), both [B, H, W, C], of square images; beyond the border its colour goes on.

    Each sample is drawn by itself, and by the device that holds it.

    Args:
        rotation: largest, in degrees.
        scale: largest change of the size.
        shift: largest, of the side.
        flip: how often images are mirrored.
        jitter: deviation of each of the grid's points, of the side.
    """
    keys = jax.random.split(rng, 3)
    uniform = draw(jax.random.uniform, keys[0], {"image": images}, 4)
    around = 2 * uniform - 1
    mirror = jnp.where(draw(jax.random.uniform, keys[1], {"image": images}) < flip, -1.0, 1.0)
    turned = jnp.exp(1j * math.radians(rotation) * around[:, 0]) * (1 + scale * around[:, 1])
    moved = shift * (around[:, 2] + 1j * around[:, 3])

    def read(image, points, turned, moved, mirror):
        """The image [H, W, C] at complex points x + i y, from its middle, in sides: [h, w, C]."""
        points = turned * points + moved
        places = [len(image) * (0.5 + part) - 0.5 for part in (points.imag, mirror * points.real)]
        each = lambda channel: map_coordinates(channel, places, order=1, mode="nearest")
        return jax.vmap(each, in_axes=-1, out_axes=-1)(image)

    grid = _grid(np.linspace(-0.5, 0.5, POINTS))
    moves = jitter * draw(jax.random.normal, keys[2], {"image": images}, POINTS, POINTS, 2)
    jittered = grid + moves[..., 0] + 1j * moves[..., 1]
    size = images.shape[1]
    centres = (np.arange(size) + 0.5) / size
    hats = np.maximum(0, 1 - np.abs(centres[:, None] * (POINTS - 1) - np.arange(POINTS)))  # [size, POINTS]
    bent = jnp.einsum("yi,bij,xj->byx", hats.astype(images.dtype), jittered, hats.astype(images.dtype))
    a, b = jax.vmap(similarity, in_axes=(0, None))(jittered, grid)
    straight = (_grid(centres - 0.5) - b[:, None, None]) / a[:, None, None]
    read = jax.vmap(read)
    return tuple(read(images, points, turned, moved, mirror).astype(images.dtype) for points in (bent, straight))


def tinted(rng: jax.Array, images: jax.Array, most: float) -> jax.Array:
    """Images [B, H, W, C] in [-1, 1], their channels scaled by 1 ± ``most`` and moved by ± ``most``, each by itself.

    So ``most`` is a share of the contrast, and of half the range.
    """
    if not most:
        return images
    uniform = draw(jax.random.uniform, rng, {"image": images}, 1, 1, images.shape[-1], 2)
    around = most * (2 * uniform - 1)
    return images * (1 + around[..., 0]) + around[..., 1]


def similarity(points: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """a and b of the least sum of |a points + b - targets|^2 over complex points: rotation, scale and shift."""
    middle, goal = points.mean(), targets.mean()
    away = points - middle
    a = jnp.sum(jnp.conj(away) * (targets - goal)) / jnp.sum(jnp.abs(away) ** 2)
    return a, goal - a * middle


def _grid(along: np.ndarray) -> np.ndarray:
    """Complex points x + i y: [rows, columns]."""
    return (along[None, :] + 1j * along[:, None]).astype(np.complex64)
