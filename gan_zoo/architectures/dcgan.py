"""DCGAN's convolutional networks (Radford, Metz and Chintala 2015), at any size that halves at least twice.

The number of stride-2 stages follows the image: 64 has 4 (from 4x4), 32 has 3, 28 has 2 (from 7x7), 8 has 2
(from 2x2). Widths double from stage to stage. kernel 4, width 64 are the authors' Torch code's, kernel 5,
width 128, flat_norm the Theano code's. There are no biases where BatchNorm's play their part (norm=none has them).
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.arithmetic import halvings
from gan_zoo.errors import choose
from gan_zoo.layers import (
    SCALES,
    WEIGHTS,
    BatchNorm,
    Conv,
    ConvTranspose,
    check_halvings,
    one_hot,
    spectral,
    upscale_padding,
    with_label,
)

check = partial(check_halvings, "dcgan")


class Generator(nn.Module):
    """z [B, Z] (and label [B]) -> image [B, H, W, C] in [-1, 1]."""

    shape: tuple[int, ...]
    classes: int
    conditioning: str
    width: int = 64
    kernel: int = 4
    norm: str = "batch"
    flat_norm: bool = False
    output: str = "tanh"

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array | None = None, *, train: bool) -> jax.Array:
        height, width, channels = self.shape
        stages = halvings(height, width)
        projects = self.conditioning == "projection"
        appended = None if projects else label

        def activate(x):
            if self.norm == "batch" or projects:
                x = BatchNorm(self.classes if projects else 0, scale_init=SCALES)(x, train, label)
            return nn.relu(x)

        choose("norm", self.norm, ("batch", "none"))
        choose("output", self.output, ("tanh", "linear"))
        options = {"use_bias": self.norm == "none", "kernel_init": WEIGHTS}
        base = (height >> stages, width >> stages, self.width << (stages - 1))
        x = nn.Dense(base[0] * base[1] * base[2], **options)(with_label(z, appended, self.classes))
        x = activate(x).reshape(-1, *base) if self.flat_norm else activate(x.reshape(-1, *base))
        padding = upscale_padding(self.kernel)
        maps = one_hot(appended, self.classes, z.dtype)
        for stage in reversed(range(stages)):  # x [B, H / 2^(stage + 1), W / 2^(stage + 1), C]
            features = self.width << (stage - 1) if stage else channels
            x = ConvTranspose(features, self.kernel, 2, **options, **padding)(x, maps)
            x = activate(x) if stage else x
        return jnp.tanh(x) if self.output == "tanh" else x


class Discriminator(nn.Module):
    """image [B, H, W, C] (and label [B]) -> logits [B]."""

    classes: int
    conditioning: str
    spectral_norm: bool
    width: int = 64
    kernel: int = 4
    norm: str = "batch"
    slope: float = 0.2

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array | None = None, *, train: bool) -> jax.Array:
        choose("norm", self.norm, ("batch", "layer", "none"))
        options = {"use_bias": self.norm == "none", "kernel_init": WEIGHTS}
        appended = None if self.conditioning == "projection" else label
        maps = one_hot(appended, self.classes, x.dtype)
        for stage in range(halvings(*x.shape[1:3])):
            conv = Conv(self.width << stage, self.kernel, 2, (self.kernel - 1) // 2, **options)
            x = spectral(conv, self.spectral_norm, train)(x, maps)
            # The first layer has none: it must see the images' own mean and scale.
            if stage and self.norm == "batch":
                x = BatchNorm(scale_init=SCALES)(x, train)
            if stage and self.norm == "layer":
                x = nn.LayerNorm(reduction_axes=(1, 2, 3))(x)
            x = nn.leaky_relu(x, self.slope)
            self.sow("intermediates", "features", x)
        features = x.sum(axis=(1, 2))  # [B, C], for the projection
        x = with_label(x, appended, self.classes).reshape(x.shape[0], -1)
        head = nn.Dense(1, **options, name="output")
        logits = spectral(head, self.spectral_norm, train)(x)[:, 0]
        if self.conditioning == "projection":
            embedding = nn.Embed(self.classes, features.shape[-1], embedding_init=WEIGHTS, name="embedding")
            logits += jnp.sum(spectral(embedding, self.spectral_norm, train)(label) * features, axis=-1)
        return logits
