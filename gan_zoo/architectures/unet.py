"""Pix2Pix's U-Net (Isola et al. 2017, appendix 6.1): down to one pixel and up again, with skips between equal sizes.

The number of levels follows the image: 256 has 8, 64 has 6, 32 has 5. Without skips it is the paper's encoder-decoder.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.errors import UserError
from gan_zoo.layers import WEIGHTS, Conv, ConvTranspose, Norm

DEEPEST = 8
NOISY = 3  # decoder layers with dropout, from the innermost; of a small U-Net as many as leave it three without


def check(shape: tuple[int, ...], depth: int = 0) -> None:
    """Refuses an image that cannot be halved ``depth`` times; with 0, one whose shorter side is no power of two."""
    least = 1 << (depth or levels(shape))
    if min(shape[:2]) < 2 or shape[0] % least or shape[1] % least:
        raise UserError(
            f"unet cannot translate images of {shape[0]}x{shape[1]}: height and width must be multiples of {least}. "
            "Set config.image_shape (the images are resized) or a smaller config.generator.depth"
        )


def levels(shape: tuple[int, ...]) -> int:
    """How often the shorter side is halved until one pixel is left, at most DEEPEST times."""
    return min(DEEPEST, max(1, (min(shape[:2]) - 1).bit_length()))


class Generator(nn.Module):
    """image [B, H, W, I] -> image [B, H, W, C] in [-1, 1]; dropout is its only noise: on wherever it has a key.

    ``norm`` "instance" is what BatchNorm is with the paper's minibatches of one image.
    """

    shape: tuple[int, ...]
    width: int = 64
    depth: int = 0
    norm: str = "batch"
    dropout: float = 0.5
    skips: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        depth = self.depth or levels(self.shape)
        widths = [self.width * min(1 << level, 8) for level in range(depth)]
        options = {"kernel": 4, "stride": 2, "padding": 1, "kernel_init": WEIGHTS}
        biased, encoded = self.norm != "batch", []
        for level, features in enumerate(widths):  # x [B, H / 2^level, W / 2^level, C]
            x = nn.leaky_relu(x, 0.2) if level else x
            x = Conv(features, **options, use_bias=biased)(x)
            # Not the outermost, which sees the image, nor the innermost: of one pixel a single image's norm is zero.
            x = Norm(self.norm)(x, train) if 0 < level < depth - 1 else x
            encoded.append(x)
        for level in reversed(range(1, depth)):
            features = widths[level - 1]
            x = Norm(self.norm)(ConvTranspose(features, **options, use_bias=biased)(nn.relu(x)), train)
            if depth - level <= max(1, min(NOISY, depth - 3)):
                x = nn.Dropout(self.dropout, deterministic=not self.has_rng("dropout"))(x)
            x = jnp.concatenate([x, encoded[level - 1]], axis=-1) if self.skips else x
        return jnp.tanh(ConvTranspose(self.shape[-1], **options)(nn.relu(x)))
