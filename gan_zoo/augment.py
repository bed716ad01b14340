"""What a discriminator sees, real or made, is changed at random, so that it cannot learn a small set by heart.

DiffAugment (Zhao et al. 2020, section 3.2), in the sizes of the authors' code. Gradients come through to the generator.
"""

import jax
import jax.numpy as jnp

from gan_zoo.errors import choose
from gan_zoo.noise import draw


def augmented(policy: str, rng: jax.Array, image: jax.Array) -> jax.Array:
    """Images [B, H, W, C] in [-1, 1], each changed by draws of its own; ``policy``: "color,translation", "" is none."""
    for number, name in enumerate(names(policy)):
        image = KINDS[name](jax.random.fold_in(rng, number), image)
    return image


def names(policy: str) -> list[str]:
    """The kinds that a policy has, in its order.

    Raises:
        UserError: one is unknown.
    """
    return [choose("augmentation", name.strip(), KINDS) for name in policy.split(",") if name.strip()]


def color(rng: jax.Array, image: jax.Array) -> jax.Array:
    """Brightness by up to 0.5; saturation times 0 to 2, about each pixel's mean; contrast 0.5 to 1.5, the image's."""
    brightness, saturation, contrast = jnp.moveaxis(draw(jax.random.uniform, rng, {"image": image}, 3, 1, 1, 1), 1, 0)
    image = image + brightness - 0.5
    mean = image.mean(axis=3, keepdims=True)
    image = mean + 2 * saturation * (image - mean)
    mean = image.mean(axis=(1, 2, 3), keepdims=True)
    return mean + (contrast + 0.5) * (image - mean)


def translation(rng: jax.Array, image: jax.Array) -> jax.Array:
    """Moved by whole pixels, up to an eighth of the side each way; zeros come in."""
    height, width = image.shape[1:3]
    reach = (round(height / 8), round(width / 8), 0)
    padded = jnp.pad(image, [(0, 0), *((pixels, pixels) for pixels in reach)])
    start = jnp.floor(draw(jax.random.uniform, rng, {"image": image}, 3) * (2 * jnp.array(reach) + 1)).astype(jnp.int32)
    return jax.vmap(lambda x, at: jax.lax.dynamic_slice(x, at, image.shape[1:]))(padded, start)


def cutout(rng: jax.Array, image: jax.Array) -> jax.Array:
    """Zeros in a rectangle of half the sides whose middle is anywhere, so that a part of it may lie outside."""
    inside = []
    for axis, key in enumerate(jax.random.split(rng)):
        side = image.shape[1 + axis]
        cut = round(side / 2)
        middle = jnp.floor(draw(jax.random.uniform, key, {"image": image}, 1) * (side + 1 - cut % 2))
        place = jnp.arange(side) - middle + cut // 2
        inside.append((place >= 0) & (place < cut))
    return jnp.where((inside[0][:, :, None] & inside[1][:, None])[..., None], 0.0, image)


KINDS = {"color": color, "translation": translation, "cutout": cutout}
