"""StackGAN's networks (Zhang et al. 2017) as in the authors' code: a small image from a text, a large one from both.

At 64 and 256 pixels they are the paper's; other powers of two have more or fewer doublings, from 4x4 on. Convolutions
have no biases. One thing is not followed: the first discriminator's third convolution has no activation in that code.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.errors import UserError
from gan_zoo.layers import SCALES, WEIGHTS, BatchNorm, Conv, shrunk

__all__ = ["Discriminator", "StageOne", "StageTwo", "check", "enlarged", "shrunk"]

LEAST = 4  # pixels at the beginning
SLOPE = 0.2
FOLD = 8  # the widest layer of a first stage, in widths


def check(shape: tuple[int, ...], size: int) -> None:
    """Refuses images, or a first stage's ``size``, that no doubling of 4x4 gives."""
    power = lambda side: side >= 2 * LEAST and not side & (side - 1)
    if len(shape) != 3 or shape[0] != shape[1] or not power(shape[0]):
        raise UserError(
            f"stackgan cannot make images of shape {shape}: set config.image_shape to a square whose side is a power "
            "of two from 8 on, such as '(32, 32, 3)' (the images are resized)"
        )
    if not power(size) or size >= shape[0]:
        raise UserError(f"config.first_size={size}: a power of two from 8 on, less than the images' {shape[0]} pixels")


def enlarged(image: jax.Array, size: int) -> jax.Array:
    """Images [B, s, s, C] in [-1, 1] enlarged by cubic interpolation: [B, size, size, C]."""
    return jax.image.resize(image, (len(image), size, size, image.shape[-1]), "cubic").clip(-1, 1)


def doublings(small: int, large: int) -> int:
    """How often an image is doubled from one size to another."""
    return (large // small).bit_length() - 1


class Augmentation(nn.Module):
    """Conditioning augmentation (section 3.2): text [B, T], noise [B, features] -> code [B, features].

    Beside it the mean and the log of the deviation that the noise is scaled to, each [B, features]. Where ``random`` is
    not set the code follows from the text alone, and these are zeros, those of no divergence.
    """

    features: int
    random: bool

    @nn.compact
    def __call__(self, text: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        units = 2 * self.features if self.random else self.features
        x = nn.leaky_relu(nn.Dense(units, kernel_init=WEIGHTS)(text), SLOPE)
        if not self.random:
            return x, jnp.zeros_like(x), jnp.zeros_like(x)
        mean, log_deviation = jnp.split(x, 2, axis=-1)
        return mean + jnp.exp(log_deviation) * noise, mean, log_deviation


def _layers(train: bool) -> tuple[Callable, Callable]:
    """A convolution and a normalization with the code's initial values."""
    conv = lambda features, kernel=3, **how: Conv(features, kernel, use_bias=False, kernel_init=WEIGHTS, **how)
    return conv, lambda x: BatchNorm(scale_init=SCALES)(x, train)


def _bottleneck(x: jax.Array, act: Callable, train: bool) -> jax.Array:
    """x [B, H, W, C] and a correction that has a quarter of its width."""
    (conv, norm), width = _layers(train), x.shape[-1]
    y = act(norm(conv(width // 4, 1)(x)))
    y = act(norm(conv(width // 4, padding=1)(y)))
    return act(x + norm(conv(width, padding=1)(y)))


class StageOne(nn.Module):
    """text [B, T], noise [B, Z], augmentation's noise [B, code] -> image [B, *shape] in [-1, 1]; Augmentation's two."""

    shape: tuple[int, ...]
    augmented: bool
    width: int = 128
    code: int = 128

    @nn.compact
    def __call__(self, text: jax.Array, noise: jax.Array, augmentation: jax.Array, *, train: bool):
        conv, norm = _layers(train)
        code, *divergence = Augmentation(self.code, self.augmented)(text, augmentation)
        features = FOLD * self.width
        x = norm(nn.Dense(LEAST**2 * features, use_bias=False, kernel_init=WEIGHTS)(jnp.concatenate([code, noise], -1)))
        x = _bottleneck(x.reshape(-1, LEAST, LEAST, features), nn.relu, train)
        for level in range(1, doublings(LEAST, self.shape[0])):
            x = norm(conv(features >> level, padding=1, resample="up")(x))
            x = _bottleneck(x, nn.relu, train) if level == 1 else nn.relu(x)
        return nn.tanh(conv(self.shape[-1], padding=1, resample="up")(x)), *divergence


class StageTwo(nn.Module):
    """image [B, h, w, C], text [B, T], augmentation's noise [B, code] -> image [B, *shape], mean, log deviation.

    The small image is halved ``halvings`` times, meets the text, and is doubled to the large one; there is no noise
    but the augmentation's.
    """

    shape: tuple[int, ...]
    augmented: bool
    width: int = 128
    code: int = 128
    blocks: int = 4
    halvings: int = 2

    @nn.compact
    def __call__(self, image: jax.Array, text: jax.Array, augmentation: jax.Array, *, train: bool):
        conv, norm = _layers(train)
        code, *divergence = Augmentation(self.code, self.augmented)(text, augmentation)
        x = nn.relu(conv(self.width, padding=1)(image))
        for level in range(1, self.halvings + 1):
            x = nn.relu(norm(conv(self.width << level, 4, stride=2, padding=1)(x)))
        features = x.shape[-1]
        x = nn.relu(norm(conv(features, padding=1)(x, code)))
        for _ in range(self.blocks):
            y = nn.relu(norm(conv(features, padding=1)(x)))
            x = nn.relu(x + norm(conv(features, padding=1)(y)))
        doubled = doublings(x.shape[1], self.shape[0])
        if features >> doubled < 1:
            raise UserError(f"{features} features cannot be halved {doubled} times: set config.stage2.width to more")
        for level in range(1, doubled + 1):
            x = nn.relu(norm(conv(features >> level, padding=1, resample="up")(x)))
        return nn.tanh(conv(self.shape[-1], padding=1)(x)), *divergence


class Discriminator(nn.Module):
    """image [B, S, S, C], text [B, T] -> logits [B]: whether the image is real and what the text says."""

    width: int = 64
    code: int = 128

    @nn.compact
    def __call__(self, image: jax.Array, text: jax.Array, *, train: bool) -> jax.Array:
        conv, norm = _layers(train)
        act, widest = lambda x: nn.leaky_relu(x, SLOPE), FOLD * self.width
        halvings = doublings(LEAST, image.shape[1])
        last = max(widest, self.width << (halvings - 1))
        layers = [(last >> level, 4, 2) for level in reversed(range(halvings))]
        layers += [(last >> level, 1, 1) for level in range(1, doublings(widest, last) + 1)]
        x = image
        for number, (features, kernel, stride) in enumerate(layers):
            x = conv(features, kernel, stride=stride, padding=kernel // 4)(x)
            x = norm(x) if number else x
            x = act(x) if number < len(layers) - 1 else x  # the last one's is that of the sum with its correction
        x = _bottleneck(x, act, train)
        code = act(nn.Dense(self.code, kernel_init=WEIGHTS)(text))
        x = act(norm(conv(widest, 1)(x, code)))
        return conv(1, LEAST)(x)[:, 0, 0, 0]
