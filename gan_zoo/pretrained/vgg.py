"""VGG-16 and VGG-19 (Simonyan and Zisserman 2014), with torchvision's names of layers."""

import flax.linen as nn
import jax

# Convolutions at each resolution; the maps are 64, 128, 256, 512 and 512.
BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """image [B, H, W, 3], normalized as the weights ask -> features [B, 4096] (after the second dense layer), logits.

    The dense layers need 224x224. With ``until`` = (i, j) the result is the j-th convolution of the i-th resolution
    (both from 1), before its ReLU with ``linear``: SRGAN's VGG22 and VGG54 are (2, 2) and (5, 4), for any size.
    """

    depth: int = 16
    until: tuple[int, int] = ()
    linear: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array | tuple[jax.Array, jax.Array]:
        number = 0  # torchvision counts convolutions, ReLUs and poolings
        for block, (layers, width) in enumerate(zip(BLOCKS[self.depth], WIDTHS, strict=True), 1):
            for layer in range(1, layers + 1):
                x = nn.Conv(width, (3, 3), padding=1, name=f"features.{number}")(x)
                if self.until == (block, layer) and self.linear:
                    return x
                x = nn.relu(x)
                if self.until == (block, layer):
                    return x
                number += 2
            x = nn.max_pool(x, (2, 2), (2, 2))
            number += 1
        x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)  # torchvision flattens [C, H, W]
        for number in (0, 3):
            x = nn.relu(nn.Dense(4096, name=f"classifier.{number}")(x))
        return x, nn.Dense(1000, name="classifier.6")(x)
