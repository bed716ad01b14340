"""Fully connected networks: the 2014 GAN (maxout discriminator), CGAN's branches, and the 2-D toys of WGAN-GP."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.errors import choose
from gan_zoo.layers import BatchNorm, maxout, spectral, with_label


def check(shape: tuple[int, ...]) -> None:
    """Every shape can be made."""


def initializer(scale: float) -> nn.initializers.Initializer:
    """U(-scale, scale), or He's normal if ``scale`` is 0."""
    if scale:
        return lambda rng, shape, dtype=jnp.float32: jax.random.uniform(rng, shape, dtype, -scale, scale)
    return nn.initializers.he_normal()


def join_branches(layer, x: jax.Array, label: jax.Array | None, classes: int, units: int, label_units: int):
    """x [B, D] and the label [B], each through a layer of its own (CGAN, section 4.1), or appended if 0 units."""
    if units:
        x = layer(units)(x)
    if label is None or not label_units:
        return with_label(x, label, classes)
    return jnp.concatenate([x, layer(label_units)(jax.nn.one_hot(label, classes, dtype=x.dtype))], axis=-1)


class Generator(nn.Module):
    """z [B, Z] (and label [B]) -> image [B, *shape] in [-1, 1] (linear output: any value)."""

    shape: tuple[int, ...]
    classes: int
    conditioning: str
    hidden: tuple[int, ...] = (256, 256, 256)
    noise_units: int = 0
    label_units: int = 0
    norm: str = "none"
    output: str = "tanh"
    init_scale: float = 0.0

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array | None = None, *, train: bool) -> jax.Array:
        init = initializer(self.init_scale)
        projects = self.conditioning == "projection"
        choose("norm", self.norm, ("batch", "none"))
        choose("output", self.output, ("tanh", "sigmoid", "linear"))

        def layer(units):
            return lambda x: nn.relu(nn.Dense(units, kernel_init=init)(x))

        appended = None if projects else label
        x = join_branches(layer, z, appended, self.classes, self.noise_units, self.label_units)
        for units in self.hidden:
            x = nn.Dense(units, kernel_init=init)(x)
            if self.norm == "batch" or projects:
                x = BatchNorm(self.classes if projects else 0)(x, train, label)
            x = nn.relu(x)
        x = nn.Dense(math.prod(self.shape), kernel_init=init, name="output")(x)
        x = {"tanh": jnp.tanh, "sigmoid": lambda x: 2 * nn.sigmoid(x) - 1, "linear": lambda x: x}[self.output](x)
        return x.reshape(-1, *self.shape)


class Discriminator(nn.Module):
    """image [B, ...] (and label [B]) -> logits [B].

    ``pieces`` > 1 makes maxout units; ``unit_range`` shows the images in [0, 1], as the 2014 papers do; dropout is
    the share of units that is dropped.
    """

    classes: int
    conditioning: str
    spectral_norm: bool
    hidden: tuple[int, ...] = (256, 256, 256)
    image_units: int = 0
    label_units: int = 0
    label_pieces: int = 5
    pieces: int = 0
    image_pieces: int = 5
    slope: float = 0.2
    dropout_input: float = 0.0
    dropout_hidden: float = 0.0
    unit_range: bool = False
    init_scale: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array | None = None, *, train: bool) -> jax.Array:
        init = initializer(self.init_scale)

        def layer(units, pieces=self.pieces):
            def apply(x):
                dense = nn.Dense(units * max(pieces, 1), kernel_init=init)
                x = spectral(dense, self.spectral_norm, train)(x)
                x = maxout(x, pieces) if pieces > 1 else nn.leaky_relu(x, self.slope)
                return nn.Dropout(self.dropout_hidden, deterministic=not train)(x)

            return apply

        x = x.reshape(x.shape[0], -1)
        x = (x + 1) / 2 if self.unit_range else x
        x = nn.Dropout(self.dropout_input, deterministic=not train)(x)
        appended = None if self.conditioning == "projection" else label
        if self.label_units and appended is not None:
            y = layer(self.label_units, self.label_pieces)(jax.nn.one_hot(label, self.classes, dtype=x.dtype))
            x = jnp.concatenate([layer(self.image_units, self.image_pieces)(x), y], axis=-1)
        else:
            x = with_label(x, appended, self.classes)
        for units in self.hidden:
            x = layer(units)(x)
        logits = spectral(nn.Dense(1, kernel_init=init, name="output"), self.spectral_norm, train)(x)[:, 0]
        if self.conditioning == "projection":
            embedding = nn.Embed(self.classes, x.shape[-1], name="embedding")
            logits += jnp.sum(spectral(embedding, self.spectral_norm, train)(label) * x, axis=-1)
        return logits
