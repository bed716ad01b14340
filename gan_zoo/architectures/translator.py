"""CycleGAN's residual generator (Zhu et al. 2017, appendix 7.2, after Johnson et al. 2016)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.errors import UserError
from gan_zoo.layers import WEIGHTS, Conv, ConvTranspose, Norm, upscale_padding

DOWNS = 2


def check(shape: tuple[int, ...]) -> None:
    """Refuses images that cannot be halved twice, or are too small to be mirrored at their borders."""
    if min(shape[:2]) < 8 or shape[0] % 4 or shape[1] % 4:
        raise UserError(
            f"translator cannot translate images of {shape[0]}x{shape[1]}: height and width must be multiples of 4, "
            "at least 8. Set config.image_shape (the images are resized)"
        )


class Generator(nn.Module):
    """image [B, H, W, I] -> image [B, H, W, C] in [-1, 1]; 6 ``blocks`` for 128 pixels, 9 from 256."""

    shape: tuple[int, ...]
    width: int = 64
    blocks: int = 9
    norm: str = "instance"

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        options = {"kernel_init": WEIGHTS, "use_bias": self.norm != "batch"}

        def normalized(x):
            return nn.relu(Norm(self.norm)(x, train))

        x = normalized(Conv(self.width, 7, **options)(_mirrored(x, 3)))
        for level in range(1, DOWNS + 1):
            x = normalized(Conv(self.width << level, 3, 2, 1, **options)(x))
        features = self.width << DOWNS
        for _ in range(self.blocks):
            y = normalized(Conv(features, 3, **options)(_mirrored(x, 1)))
            x = x + Norm(self.norm)(Conv(features, 3, **options)(_mirrored(y, 1)), train)
        for level in reversed(range(DOWNS)):
            x = normalized(ConvTranspose(self.width << level, 3, 2, **upscale_padding(3), **options)(x))
        return jnp.tanh(Conv(self.shape[-1], 7, kernel_init=WEIGHTS)(_mirrored(x, 3)))


def _mirrored(x: jax.Array, pixels: int) -> jax.Array:
    return jnp.pad(x, [(0, 0), (pixels, pixels), (pixels, pixels), (0, 0)], mode="reflect")
