"""Fully connected encoder and decoder; one hidden layer of 400 units is that of PyTorch's example of a VAE."""

import math

import flax.linen as nn
import jax


def check(shape: tuple[int, ...]) -> None:
    """Every shape can be encoded."""


class Encoder(nn.Module):
    """image [B, ...] -> code [B, outputs]."""

    outputs: int
    hidden: tuple[int, ...] = (400,)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = x.reshape(len(x), -1)
        for units in self.hidden:
            x = nn.relu(nn.Dense(units)(x))
        return nn.Dense(self.outputs)(x)


class Decoder(nn.Module):
    """code [B, Z] -> image [B, *shape], not bounded."""

    shape: tuple[int, ...]
    hidden: tuple[int, ...] = (400,)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        for units in reversed(self.hidden):
            x = nn.relu(nn.Dense(units)(x))
        return nn.Dense(math.prod(self.shape))(x).reshape(-1, *self.shape)
