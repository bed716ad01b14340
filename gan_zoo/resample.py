"""Four times smaller and larger images, as the papers on super-resolution make them."""

import jax
import jax.numpy as jnp

SCALE = 4


def shrunk(images: jax.Array) -> jax.Array:
    """Bicubic with antialiasing, and rounded to 8 bits: [B, 4 h, 4 w, C] in [-1, 1] -> [B, h, w, C]."""
    batch, height, width, channels = images.shape
    small = jax.image.resize(images, (batch, height // SCALE, width // SCALE, channels), "cubic")
    return jnp.round((jnp.clip(small, -1, 1) + 1) * 127.5) / 127.5 - 1


def enlarged(images: jax.Array) -> jax.Array:
    """Bicubic: [B, h, w, C] -> [B, 4 h, 4 w, C]."""
    batch, height, width, channels = images.shape
    return jax.image.resize(images, (batch, SCALE * height, SCALE * width, channels), "cubic")


def shifted(rng: jax.Array, most: int, *images: jax.Array) -> tuple[jax.Array, ...]:
    """Images [B, H, W, C], all rolled alike by less than ``most`` pixels each way, drawn at random.

    What a network with strides says of images depends on where its grid lies; fitted to it they get a grid as well.
    """
    if not most:
        return images
    pixels = jax.random.randint(rng, (2,), 0, most)
    return tuple(jnp.roll(image, pixels, (1, 2)) for image in images)


def softened(image: jax.Array) -> jax.Array:
    """Images [B, H, W, C] smoothed by [1, 2, 1] / 4 along both axes, around the edges: without their finest detail.

    What networks that upsample learn first to please another one is a pattern of every other pixel; this hides it.
    """
    for axis in (1, 2):
        image = (jnp.roll(image, 1, axis) + 2 * image + jnp.roll(image, -1, axis)) / 4
    return image
