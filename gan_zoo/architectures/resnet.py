"""The residual networks of WGAN-GP (Gulrajani et al. 2017, appendix F) and SNGAN (Miyato et al. 2018, appendix B).

WGAN-GP: width 128, mean pooling, biases everywhere. SNGAN: generator width 256, sum pooling, no output bias,
spectral norm. At 32x32: three up-blocks from 4x4; two down-blocks and two flat ones. Other sizes change the
number of up- and down-blocks.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.arithmetic import halvings
from gan_zoo.errors import choose
from gan_zoo.layers import BatchNorm, Conv, average_pool, check_halvings, one_hot, spectral, upsample, with_label

# Uniform: gain sqrt(2) before a ReLU, 1 for shortcuts and borders; both by the mean of fan-in and fan-out.
BEFORE_RELU = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")
BORDER = nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")


check = partial(check_halvings, "resnet")


class Generator(nn.Module):
    """z [B, Z] (and label [B]) -> image [B, H, W, C] in [-1, 1]."""

    shape: tuple[int, ...]
    classes: int
    conditioning: str
    width: int = 128

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array | None = None, *, train: bool) -> jax.Array:
        height, width, channels = self.shape
        stages = halvings(height, width)
        z = with_label(z, label if self.conditioning == "concatenation" else None, self.classes)
        classes = self.classes if self.conditioning == "projection" else 0
        conv = partial(Conv, self.width)
        base = (height >> stages, width >> stages, self.width)
        x = nn.Dense(base[0] * base[1] * base[2], kernel_init=BORDER)(z).reshape(-1, *base)
        for _ in range(stages):
            shortcut = upsample(conv(1, kernel_init=BORDER)(x))  # as if x were doubled first
            x = nn.relu(BatchNorm(classes)(x, train, label))
            x = conv(3, padding=1, kernel_init=BEFORE_RELU, resample="up")(x)
            x = nn.relu(BatchNorm(classes)(x, train, label))
            x = conv(3, padding=1, kernel_init=BEFORE_RELU)(x) + shortcut
        x = nn.relu(BatchNorm()(x, train))
        return jnp.tanh(Conv(channels, 3, padding=1, kernel_init=BORDER)(x))


class Discriminator(nn.Module):
    """image [B, H, W, C] (and label [B]) -> logits [B]. ``pool`` is "mean" (WGAN-GP) or "sum" (SNGAN)."""

    classes: int
    conditioning: str
    spectral_norm: bool
    width: int = 128
    pool: str = "mean"
    output_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array | None = None, *, train: bool) -> jax.Array:
        def conv(kernel, init=BEFORE_RELU, resample="none"):
            layer = Conv(self.width, kernel, padding=kernel // 2, kernel_init=init, resample=resample)
            return spectral(layer, self.spectral_norm, train)

        maps = one_hot(label if self.conditioning == "concatenation" else None, self.classes, x.dtype)
        choose("pool", self.pool, ("mean", "sum"))
        # The first block sees the image itself: no activation before it, and the shortcut pools first.
        shortcut = conv(1, BORDER)(average_pool(x), maps)
        x = conv(3, resample="down")(nn.relu(conv(3)(x, maps))) + shortcut
        for resample in ["down"] * downs(*x.shape[1:3]) + ["none"] * 2:
            # In the papers the shortcut's average comes last: the same, as it is linear.
            shortcut = conv(1, BORDER)(average_pool(x)) if resample == "down" else x
            x = conv(3, resample=resample)(nn.relu(conv(3)(nn.relu(x)))) + shortcut
        x = nn.relu(x).mean(axis=(1, 2)) if self.pool == "mean" else nn.relu(x).sum(axis=(1, 2))
        head = nn.Dense(1, use_bias=self.output_bias, kernel_init=BORDER, name="output")
        logits = spectral(head, self.spectral_norm, train)(x)[:, 0]
        if self.conditioning == "projection":
            embedding = nn.Embed(self.classes, self.width, embedding_init=BORDER, name="embedding")
            logits += jnp.sum(spectral(embedding, self.spectral_norm, train)(label) * x, axis=-1)
        return logits


def downs(height: int, width: int) -> int:
    """Down-blocks after the first block: until 8 pixels (7 from 28) are left on the shorter side."""
    return halvings(height, width, smallest=7, least=0)
