"""The networks of multi-scale video prediction (Mathieu et al. 2016): four of a kind, from 1/8 of the size to all.

Each prediction is the one of the scale before, enlarged, and what the network adds to it.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.errors import UserError, choose
from gan_zoo.layers import Conv, average_pool, upsample

KERNELS = ((3, 3, 3, 3), (5, 3, 3, 5), (5, 3, 3, 3, 3, 5), (7, 5, 5, 5, 5, 7))
WIDTHS = ((1, 2, 1), (1, 2, 1), (1, 2, 4, 2, 1), (1, 2, 4, 2, 1))  # times the width
SCALES = len(KERNELS)
# Of each discriminator, the maps of its convolutions and the units of its dense layers: the paper's, and those of the
# authors' published script.
JUDGES = {
    "paper": (((64,), (64, 128, 128), (128, 256, 256), (128, 256, 512, 128)), ((512, 256), *((1024, 512),) * 3)),
    "small": (((32,), (32, 32, 64), (32, 32, 64), (32, 32, 64, 128)), ((256, 128),) * SCALES),
}
JUDGING = ((3,), (3, 3, 3), (5, 5, 5), (7, 7, 5, 5))  # kernels


def check(shape: tuple[int, ...]) -> None:
    """Refuses frames [H, W, ...] that cannot be halved three times, or are too small to be judged then."""
    if min(shape[:2]) < 32 or shape[0] % 8 or shape[1] % 8:
        raise UserError(
            f"multiscale cannot predict frames of {shape[0]}x{shape[1]}: height and width must be multiples of 8, at "
            "least 32. Set config.image_shape (the frames are resized), or config.load_size"
        )


def pyramid(x: jax.Array) -> list[jax.Array]:
    """Images [B, H, W, C] at all scales, the smallest first."""
    images = [x]
    for _ in range(SCALES - 1):
        images.append(average_pool(images[-1]))
    return images[::-1]


class Generator(nn.Module):
    """frames [B, H, W, PAST C] -> the next [B, H / s, W / s, C] in [-1, 1] at the scales s = 8, 4, 2, 1.

    The paper's ``width`` is 128, that of the authors' published script 16.
    """

    shape: tuple[int, ...]
    width: int = 128

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> list[jax.Array]:
        made = []
        for past, widths, (*kernels, last) in zip(pyramid(x), WIDTHS, KERNELS, strict=True):
            before = upsample(made[-1]) if made else None
            y = past if before is None else jnp.concatenate([past, before], axis=-1)
            for features, kernel in zip(widths, kernels, strict=True):
                y = nn.relu(Conv(self.width * features, kernel, padding=kernel // 2)(y))
            y = Conv(self.shape[-1], last, padding=last // 2)(y)
            made.append(jnp.tanh(y if before is None else y + before))
        return made


class Discriminator(nn.Module):
    """past frames and the next, each at all scales [B, h, w, ...] -> a logit [B] at each.

    ``size``: "paper", or "small" as in the authors' published script.
    """

    size: str = "paper"

    @nn.compact
    def __call__(self, past: Sequence[jax.Array], frames: Sequence[jax.Array], *, train: bool) -> list[jax.Array]:
        logits = []
        widths, dense = JUDGES[choose("size", self.size, JUDGES)]
        for number, (x, frame) in enumerate(zip(past, frames, strict=True)):
            x = jnp.concatenate([x, frame], axis=-1)
            for features, kernel in zip(widths[number], JUDGING[number], strict=True):
                x = nn.relu(Conv(features, kernel)(x))
            if number == SCALES - 1:
                x = nn.max_pool(x, (2, 2), (2, 2))
            x = x.reshape(len(x), -1)
            for units in dense[number]:
                x = nn.relu(nn.Dense(units)(x))
            logits.append(nn.Dense(1)(x)[:, 0])
        return logits
