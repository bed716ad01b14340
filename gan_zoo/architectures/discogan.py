"""DiscoGAN's networks (Kim et al. 2017): down to 4x4 and up again without skips; no biases.

64x64 has four stages, 32x32 three. Their images are in [0, 1]: both networks convert ours, in [-1, 1].
"""

import flax.linen as nn
import jax

from gan_zoo.errors import UserError
from gan_zoo.layers import BatchNorm, Conv, ConvTranspose

LEAST = 4  # pixels that are left

# PyTorch's initial values of convolutions: uniform in 1 / sqrt(fan-in). The transposed ones' fan-in is their output's.
UNIFORM = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
TRANSPOSED = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform", in_axis=-2, out_axis=-1)


def check(shape: tuple[int, ...]) -> None:
    """Refuses images that do not come to 4x4 by halving."""
    if shape[0] != shape[1] or shape[0] not in (8, 16, 32, 64, 128, 256):
        raise UserError(
            f"discogan cannot translate images of {shape[0]}x{shape[1]}: set config.image_shape to a square of 8, 16, "
            "32, 64, 128 or 256 pixels (the images are resized)"
        )


def stages(size: int) -> int:
    """How often an image is halved."""
    return (size // LEAST).bit_length() - 1


class Generator(nn.Module):
    """image [B, H, W, I] -> image [B, H, W, C] in [-1, 1]; ``bottleneck`` features of one pixel in between, 0: none."""

    shape: tuple[int, ...]
    width: int = 64
    bottleneck: int = 0

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        halves = {"kernel": 4, "stride": 2, "padding": 1, "use_bias": False}
        whole = {"kernel": 4, "use_bias": False}
        x = (x + 1) / 2
        widths = [self.width << stage for stage in range(stages(self.shape[0]))]
        for stage, features in enumerate(widths):
            x = Conv(features, **halves, kernel_init=UNIFORM)(x)
            x = nn.leaky_relu(BatchNorm()(x, train) if stage else x, 0.2)
        if self.bottleneck:
            x = nn.leaky_relu(BatchNorm()(Conv(self.bottleneck, **whole, kernel_init=UNIFORM)(x), train), 0.2)
            x = ConvTranspose(widths[-1], **whole, kernel_init=TRANSPOSED)(x)
            x = nn.relu(BatchNorm()(x, train))
        for features in reversed(widths[:-1]):
            x = ConvTranspose(features, **halves, kernel_init=TRANSPOSED)(x)
            x = nn.relu(BatchNorm()(x, train))
        x = ConvTranspose(self.shape[-1], **halves, kernel_init=TRANSPOSED)(x)
        return 2 * nn.sigmoid(x) - 1


class Discriminator(nn.Module):
    """image [B, H, W, I] -> logits [B], and the activations of all stages but the first, which features are matched."""

    width: int = 64

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, list[jax.Array]]:
        x, features = (x + 1) / 2, []
        for stage in range(stages(x.shape[1])):
            x = Conv(self.width << stage, 4, 2, 1, use_bias=False, kernel_init=UNIFORM)(x)
            x = nn.leaky_relu(BatchNorm()(x, train) if stage else x, 0.2)
            features += [x] if stage else []
        return Conv(1, LEAST, use_bias=False, kernel_init=UNIFORM)(x)[:, 0, 0, 0], features
