"""InfoGAN's networks (Chen et al. 2016, appendix C): the discriminator and Q share all but their last layers.

MNIST's are width 64, dense 1024; the number of stride-2 stages follows the image as in dcgan. Convolutions have
biases, and the slope is 0.1, as in the paper (the authors' code: 0.01).
"""

from functools import partial

import flax.linen as nn
import jax

from gan_zoo.arithmetic import halvings
from gan_zoo.layers import SCALES, WEIGHTS, BatchNorm, Conv, ConvTranspose, check_halvings, upscale_padding

check = partial(check_halvings, "infogan")


class Generator(nn.Module):
    """Noise and codes [B, Z] -> image [B, H, W, C] in [-1, 1]."""

    shape: tuple[int, ...]
    width: int = 64
    dense: int = 1024
    kernel: int = 4

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        height, width, channels = self.shape
        stages = halvings(height, width)
        base = (height >> stages, width >> stages, self.width << (stages - 1))
        x = nn.Dense(self.dense, kernel_init=WEIGHTS)(z)
        x = nn.relu(BatchNorm(scale_init=SCALES)(x, train))
        x = nn.Dense(base[0] * base[1] * base[2], kernel_init=WEIGHTS)(x)
        x = nn.relu(BatchNorm(scale_init=SCALES)(x, train)).reshape(-1, *base)
        padding = upscale_padding(self.kernel)
        for stage in reversed(range(1, stages)):
            x = ConvTranspose(self.width << (stage - 1), self.kernel, 2, kernel_init=WEIGHTS, **padding)(x)
            x = nn.relu(BatchNorm(scale_init=SCALES)(x, train))
        # The paper's sigmoid on [0, 1], on our scale.
        return 2 * nn.sigmoid(ConvTranspose(channels, self.kernel, 2, kernel_init=WEIGHTS, **padding)(x)) - 1


class Discriminator(nn.Module):
    """image [B, H, W, C] -> logits [B], Q's logits [B, categories], Q's means [B, continuous]."""

    categories: int
    continuous: int
    width: int = 64
    dense: int = 1024
    q_dense: int = 128
    kernel: int = 4
    slope: float = 0.1

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array, jax.Array]:
        def norm(x):
            return nn.leaky_relu(BatchNorm(scale_init=SCALES)(x, train), self.slope)

        for stage in range(halvings(*x.shape[1:3])):
            padding = (self.kernel - 1) // 2
            x = Conv(self.width << stage, self.kernel, 2, padding, kernel_init=WEIGHTS)(x)
            x = norm(x) if stage else nn.leaky_relu(x, self.slope)
        x = norm(nn.Dense(self.dense, kernel_init=WEIGHTS)(x.reshape(x.shape[0], -1)))
        logits = nn.Dense(1, kernel_init=WEIGHTS, name="output")(x)[:, 0]
        q = norm(nn.Dense(self.q_dense, kernel_init=WEIGHTS)(x))
        q = nn.Dense(self.categories + self.continuous, kernel_init=WEIGHTS, name="q")(q)
        return logits, q[:, : self.categories], q[:, self.categories :]
