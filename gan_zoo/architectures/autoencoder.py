"""Convolutional encoder and decoder: halvings down to about 4 pixels and a dense layer to the code, and back.

The sizes are the usual ones, no paper's: widths double from stage to stage, BatchNorm and ReLU between.
"""

from functools import partial

import flax.linen as nn
import jax

from gan_zoo.arithmetic import halvings
from gan_zoo.layers import BatchNorm, Conv, ConvTranspose, check_halvings, upscale_padding

check = partial(check_halvings, "autoencoder", instead="mlp_autoencoder")
KERNEL = 4
WEIGHTS = nn.initializers.he_normal()


class Encoder(nn.Module):
    """image [B, H, W, C] -> code [B, outputs]."""

    outputs: int
    width: int = 32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        for stage in range(halvings(*x.shape[1:3])):
            x = Conv(self.width << stage, KERNEL, 2, 1, use_bias=False, kernel_init=WEIGHTS)(x)
            x = nn.relu(BatchNorm()(x, train))
        return nn.Dense(self.outputs)(x.reshape(len(x), -1))


class Decoder(nn.Module):
    """code [B, Z] -> image [B, H, W, C], not bounded."""

    shape: tuple[int, ...]
    width: int = 32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        height, width, channels = self.shape
        stages = halvings(height, width)
        base = (height >> stages, width >> stages, self.width << (stages - 1))
        x = nn.Dense(base[0] * base[1] * base[2], use_bias=False, kernel_init=WEIGHTS)(x).reshape(-1, *base)
        for stage in reversed(range(stages)):  # x [B, H / 2^(stage + 1), W / 2^(stage + 1), C]
            x = nn.relu(BatchNorm()(x, train))
            features = self.width << (stage - 1) if stage else channels
            last = {"use_bias": not stage, "kernel_init": WEIGHTS}
            x = ConvTranspose(features, KERNEL, 2, **last, **upscale_padding(KERNEL))(x)
        return x
