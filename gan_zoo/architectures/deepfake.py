"""The networks of the first deepfakes (no paper): a shared encoder, and a decoder for each face, without norms.

Leaky ReLU has slope 0.1. Sub-pixel layers enlarge (Shi et al. 2016).
"""

import flax.linen as nn
import jax

from gan_zoo.errors import UserError
from gan_zoo.layers import Conv, pixel_shuffle

HALVINGS = 4


def check(shape: tuple[int, ...]) -> None:
    """Refuses images that are no squares, or cannot be halved four times."""
    if shape[0] != shape[1] or shape[0] % 2**HALVINGS:
        raise UserError(
            f"deepfake cannot encode faces of {shape[0]}x{shape[1]}: set config.image_shape to a square whose side is "
            f"a multiple of {2**HALVINGS}, such as '(64, 64, 3)' (the images are resized)"
        )


def enlarged(features: int, x: jax.Array) -> jax.Array:
    """Twice as large: [B, H, W, C] -> [B, 2 H, 2 W, features]."""
    return pixel_shuffle(nn.leaky_relu(Conv(4 * features, 3, padding=1)(x), 0.1), 2)


class Encoder(nn.Module):
    """image [B, S, S, C] in [-1, 1] -> features [B, S / 8, S / 8, 4 width], through a ``code`` of so many numbers."""

    width: int = 128
    code: int = 1024

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = (x + 1) / 2
        for level in range(HALVINGS):
            x = nn.leaky_relu(Conv(self.width << level, 5, 2, (1, 2))(x), 0.1)  # TensorFlow's "same"
        smallest = x.shape
        x = nn.Dense(self.code)(x.reshape(len(x), -1))
        x = nn.Dense(smallest[1] * smallest[2] * smallest[3])(x).reshape(smallest)
        return enlarged(4 * self.width, x)


class Decoder(nn.Module):
    """features [B, S / 8, S / 8, 4 width] -> image [B, S, S, channels] in [-1, 1]."""

    channels: int
    width: int = 128

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        for features in (2 * self.width, self.width, max(self.width // 2, 1)):
            x = enlarged(features, x)
        return 2 * nn.sigmoid(Conv(self.channels, 5, padding=2)(x)) - 1
