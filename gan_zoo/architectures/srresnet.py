"""SRGAN's networks (Ledig et al. 2017, figure 4): SRResNet, four times larger images, and a VGG-like discriminator."""

import flax.linen as nn
import jax

from gan_zoo.errors import UserError, choose
from gan_zoo.layers import BatchNorm, Conv, pixel_shuffle

SCALE = 4


def check(shape: tuple[int, ...]) -> None:
    """Refuses images that are no multiples of the scale, or too small for the discriminator."""
    if min(shape[:2]) < 16 or shape[0] % SCALE or shape[1] % SCALE:
        raise UserError(
            f"srresnet cannot make images of {shape[0]}x{shape[1]}: height and width must be multiples of {SCALE}, "
            "at least 16. Set config.image_shape (that much is cut out of each picture)"
        )


def prelu() -> nn.PReLU:
    """One slope for all channels, 0.25 at first, as PyTorch's."""
    return nn.PReLU(negative_slope_init=0.25)


class Generator(nn.Module):
    """image [B, h, w, I] in [-1, 1] -> image [B, 4 h, 4 w, C], of any size; not bounded.

    ``kernel`` is the first and the last layer's. ``norm`` "none" leaves BatchNorm out, as EDSR does (Lim et al. 2017):
    its running averages do not fit single pictures.
    """

    shape: tuple[int, ...]
    width: int = 64
    blocks: int = 16
    kernel: int = 9
    norm: str = "batch"

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        batch = choose("norm", self.norm, ("batch", "none")) == "batch"
        normalized = lambda x: BatchNorm()(x, train) if batch else x
        x = first = prelu()(Conv(self.width, self.kernel, padding=self.kernel // 2)(x))
        for _ in range(self.blocks):
            y = prelu()(normalized(Conv(self.width, 3, padding=1)(x)))
            x = x + normalized(Conv(self.width, 3, padding=1)(y))
        x = first + normalized(Conv(self.width, 3, padding=1)(x))
        for _ in range(SCALE // 2):
            x = prelu()(pixel_shuffle(Conv(4 * self.width, 3, padding=1)(x), 2))
        return Conv(self.shape[-1], self.kernel, padding=self.kernel // 2)(x)


class Discriminator(nn.Module):
    """image [B, H, W, C] -> logits [B]; eight convolutions, every second one halves the image, two dense layers."""

    width: int = 64
    dense: int = 1024

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        for layer in range(8):
            x = Conv(self.width << layer // 2, 3, 1 + layer % 2, 1)(x)
            x = nn.leaky_relu(BatchNorm()(x, train) if layer else x, 0.2)
        x = nn.leaky_relu(nn.Dense(self.dense)(x.reshape(len(x), -1)), 0.2)
        return nn.Dense(1)(x)[:, 0]
