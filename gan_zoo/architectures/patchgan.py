"""PatchGAN (Isola et al. 2017, section 3.2.2, appendix 6.1.2): a discriminator that judges every patch of an image."""

import flax.linen as nn
import jax

from gan_zoo.errors import UserError
from gan_zoo.layers import WEIGHTS, Conv, Norm

STRIDED = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}  # receptive field -> layers of stride 2


def check(shape: tuple[int, ...], receptive_field: int) -> None:
    """Refuses images on which a field of that size has no place."""
    if receptive_field not in STRIDED:
        raise UserError(f"a PatchGAN's receptive field is one of {', '.join(map(str, STRIDED))}, not {receptive_field}")
    if min(shape[:2]) >> STRIDED[receptive_field] < 3 and receptive_field > 1:
        least = 3 << STRIDED[receptive_field]
        raise UserError(
            f"a receptive field of {receptive_field} needs images of at least {least} pixels, and these are "
            f"{shape[0]}x{shape[1]}: set config.discriminator.receptive_field to less"
        )


class Discriminator(nn.Module):
    """image [B, H, W, I] -> logits [B, h, w, 1], one for each patch of ``receptive_field`` pixels."""

    width: int = 64
    receptive_field: int = 70
    norm: str = "batch"
    slope: float = 0.2

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        strided = STRIDED[self.receptive_field]
        biased = self.norm != "batch"
        if self.receptive_field == 1:
            layers = [(self.width, 1, 1), (2 * self.width, 1, 1)]
        else:
            layers = [(self.width * min(1 << level, 8), 4, 2) for level in range(strided)]
            layers.append((self.width * min(1 << strided, 8), 4, 1))
        for level, (features, kernel, stride) in enumerate(layers):
            padding = kernel // 4  # 1 of 4, 0 of 1
            x = Conv(features, kernel, stride, padding, use_bias=biased or not level, kernel_init=WEIGHTS)(x)
            x = Norm(self.norm)(x, train) if level else x
            x = nn.leaky_relu(x, self.slope)
        kernel = layers[-1][1]
        return Conv(1, kernel, 1, kernel // 4, kernel_init=WEIGHTS)(x)
