"""Inception v3 (Szegedy et al. 2015) as torchvision defines it, and as FID uses it.

Names of layers are torchvision's, so that its files, and pytorch-fid's, fill the variables by name.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

# 3x3 windows that keep the size; at the border FID's network averages the pixels that are there, torchvision's counts
# zeros too.
average = partial(nn.avg_pool, window_shape=(3, 3), strides=(1, 1), padding=((1, 1), (1, 1)))
keep_maximum = partial(nn.max_pool, window_shape=(3, 3), strides=(1, 1), padding=((1, 1), (1, 1)))
halve = partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2))


class Inception(nn.Module):
    """image [B, 299, 299, 3] in [-1, 1] -> features [B, 2048] and logits [B, classes].

    ``fid``: the network of 2015 that FID and the inception score are defined with: other poolings, 1008 classes, and
    logits without their bias, as in the score's first code.
    """

    fid: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        mean = partial(average, count_include_pad=not self.fid)
        x = Unit(32, 3, 2, name="Conv2d_1a_3x3")(x)
        x = Unit(32, 3, name="Conv2d_2a_3x3")(x)
        x = halve(Unit(64, 3, 1, 1, name="Conv2d_2b_3x3")(x))
        x = Unit(80, 1, name="Conv2d_3b_1x1")(x)
        x = halve(Unit(192, 3, name="Conv2d_4a_3x3")(x))
        for name, units in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = BlockA(units, mean, name=name)(x)
        x = BlockB(name="Mixed_6a")(x)
        for name, units in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = BlockC(units, mean, name=name)(x)
        x = BlockD(name="Mixed_7a")(x)
        x = BlockE(mean, name="Mixed_7b")(x)
        x = BlockE(keep_maximum if self.fid else mean, name="Mixed_7c")(x)
        features = x.mean(axis=(1, 2))
        head = nn.Dense(1008 if self.fid else 1000, name="fc")
        logits = head(features)
        return features, logits - head.variables["params"]["bias"] if self.fid else logits


class Unit(nn.Module):
    """Convolution without bias, BatchNorm, ReLU; a number stands for both sides."""

    features: int
    kernel: int | tuple[int, int]
    stride: int = 1
    padding: int | tuple[int, int] = 0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel, padding = ((v, v) if isinstance(v, int) else v for v in (self.kernel, self.padding))
        around = [(p, p) for p in padding]
        x = nn.Conv(self.features, kernel, self.stride, around, use_bias=False, name="conv")(x)
        return nn.relu(nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(x))


def chain(x: jax.Array, prefix: str, *units: tuple) -> jax.Array:
    """Units one after the other: PREFIX1, PREFIX2, ..., each (features, kernel, stride, padding)."""
    for number, unit in enumerate(units, 1):
        x = Unit(*unit, name=f"{prefix}{number}")(x)
    return x


class BlockA(nn.Module):
    """35x35."""

    pooled: int
    pool: object

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.concatenate(
            [
                Unit(64, 1, name="branch1x1")(x),
                chain(x, "branch5x5_", (48, 1), (64, 5, 1, 2)),
                chain(x, "branch3x3dbl_", (64, 1), (96, 3, 1, 1), (96, 3, 1, 1)),
                Unit(self.pooled, 1, name="branch_pool")(self.pool(x)),
            ],
            axis=-1,
        )


class BlockB(nn.Module):
    """35x35 to 17x17."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        double = chain(x, "branch3x3dbl_", (64, 1), (96, 3, 1, 1), (96, 3, 2))
        return jnp.concatenate([Unit(384, 3, 2, name="branch3x3")(x), double, halve(x)], axis=-1)


class BlockC(nn.Module):
    """17x17; 7x7 windows as 1x7 and 7x1."""

    units: int
    pool: object

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        across, down = ((1, 7), 1, (0, 3)), ((7, 1), 1, (3, 0))
        c = self.units
        return jnp.concatenate(
            [
                Unit(192, 1, name="branch1x1")(x),
                chain(x, "branch7x7_", (c, 1), (c, *across), (192, *down)),
                chain(x, "branch7x7dbl_", (c, 1), (c, *down), (c, *across), (c, *down), (192, *across)),
                Unit(192, 1, name="branch_pool")(self.pool(x)),
            ],
            axis=-1,
        )


class BlockD(nn.Module):
    """17x17 to 8x8."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        across, down = ((1, 7), 1, (0, 3)), ((7, 1), 1, (3, 0))
        return jnp.concatenate(
            [
                chain(x, "branch3x3_", (192, 1), (320, 3, 2)),
                chain(x, "branch7x7x3_", (192, 1), (192, *across), (192, *down), (192, 3, 2)),
                halve(x),
            ],
            axis=-1,
        )


class BlockE(nn.Module):
    """8x8; the last windows are 1x3 beside 3x1."""

    pool: object

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def fork(x, prefix):
            wide = Unit(384, (1, 3), 1, (0, 1), name=f"{prefix}a")(x)
            return [wide, Unit(384, (3, 1), 1, (1, 0), name=f"{prefix}b")(x)]

        single = Unit(384, 1, name="branch3x3_1")(x)
        double = chain(x, "branch3x3dbl_", (448, 1), (384, 3, 1, 1))
        return jnp.concatenate(
            [
                Unit(320, 1, name="branch1x1")(x),
                *fork(single, "branch3x3_2"),
                *fork(double, "branch3x3dbl_3"),
                Unit(192, 1, name="branch_pool")(self.pool(x)),
            ],
            axis=-1,
        )
