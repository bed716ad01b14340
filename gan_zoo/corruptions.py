"""What is done to images that an autoencoder has to mend: noise, and holes; pure functions, on the device.

Each takes (rng, images float [B, H, W, C] in [-1, 1], level) and gives the corrupted images, in [-1, 1] as an image
file would be, and the mask [B, H, W, 1] of the pixels that are missing: 1 there; noise misses none.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_zoo.noise import draw

Corrupted = tuple[jax.Array, jax.Array]


def none(rng: jax.Array, images: jax.Array, level: float) -> Corrupted:
    """The images as they are."""
    return images, jnp.zeros_like(images[..., :1])


def gaussian(rng: jax.Array, images: jax.Array, level: float) -> Corrupted:
    """Normal noise of this deviation, in the units of images in [0, 1]."""
    noisy = images + 2 * level * draw(jax.random.normal, rng, {"image": images}, *images.shape[1:])
    return jnp.clip(noisy, -1, 1), jnp.zeros_like(images[..., :1])


def masking(rng: jax.Array, images: jax.Array, level: float) -> Corrupted:
    """This share of the pixels is black (Vincent et al. 2008); which ones is not told."""
    black = _uniform(rng, images) < level
    return jnp.where(black, -1, images), jnp.zeros_like(images[..., :1])


def salt_and_pepper(rng: jax.Array, images: jax.Array, level: float) -> Corrupted:
    """This share of the pixels is black or white, evenly."""
    keys = jax.random.split(rng)
    struck = _uniform(keys[0], images) < level
    value = jnp.where(_uniform(keys[1], images) < 0.5, 1.0, -1.0)
    return jnp.where(struck, value.astype(images.dtype), images), jnp.zeros_like(images[..., :1])


def pixels(rng: jax.Array, images: jax.Array, level: float) -> Corrupted:
    """This share of the pixels is missing, anywhere."""
    return _without(images, _uniform(rng, images) < level)


def centre(rng: jax.Array, images: jax.Array, level: float) -> Corrupted:
    """A rectangle in the middle is missing, of this share of either side (Pathak et al. 2016: a half)."""
    return _square(images, level, jnp.full((len(images), 2), 0.5, images.dtype))


def square(rng: jax.Array, images: jax.Array, level: float) -> Corrupted:
    """The same, anywhere in the image, each place as likely."""
    return _square(images, level, draw(jax.random.uniform, rng, {"image": images}, 2))


CORRUPTIONS: dict[str, Callable[[jax.Array, jax.Array, float], Corrupted]] = {
    f.__name__: f for f in (none, gaussian, masking, salt_and_pepper, pixels, centre, square)
}
HOLES = ("pixels", "centre", "square")  # those that say what is missing
SHARES = (*HOLES, "masking", "salt_and_pepper")  # those whose level is a share of the image


def _uniform(rng: jax.Array, images: jax.Array) -> jax.Array:
    """A number in [0, 1) for each pixel: [B, H, W, 1]."""
    return draw(jax.random.uniform, rng, {"image": images}, *images.shape[1:3], 1)


def side(level: float, size: int) -> int:
    """Pixels of a hole's side, in an image of ``size`` pixels."""
    return round(level * size)


def _square(images: jax.Array, level: float, where: jax.Array) -> Corrupted:
    """Without a rectangle that begins at a share ``where`` [B, 2] of the places at which it can."""
    inside = []
    for axis, size in enumerate(images.shape[1:3]):
        last, place = size - side(level, size), jnp.arange(size)
        first = jnp.minimum(jnp.floor(where[:, axis] * (last + 1)), last)[:, None]
        inside.append((place >= first) & (place < first + side(level, size)))
    return _without(images, (inside[0][:, :, None] & inside[1][:, None, :])[..., None])


def _without(images: jax.Array, missing: jax.Array) -> Corrupted:
    """Missing pixels are gray."""
    return jnp.where(missing, 0, images), missing.astype(images.dtype)
