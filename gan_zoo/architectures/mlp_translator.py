"""Fully connected networks that translate points, for the toys of games of two domains (DiscoGAN, section 3.1)."""

import math

import flax.linen as nn
import jax


def check(shape: tuple[int, ...]) -> None:
    """Every shape can be made."""


class Generator(nn.Module):
    """x [B, ...] -> x' [B, *shape], any value."""

    shape: tuple[int, ...]
    hidden: tuple[int, ...] = (128, 128)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = x.reshape(len(x), -1)
        for units in self.hidden:
            x = nn.relu(nn.Dense(units, kernel_init=nn.initializers.he_normal())(x))
        return nn.Dense(math.prod(self.shape), name="output")(x).reshape(-1, *self.shape)


class Discriminator(nn.Module):
    """x [B, ...] -> logits [B], and the activations of the hidden layers."""

    hidden: tuple[int, ...] = (128, 128, 128, 128)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, list[jax.Array]]:
        x, features = x.reshape(len(x), -1), []
        for units in self.hidden:
            x = nn.relu(nn.Dense(units, kernel_init=nn.initializers.he_normal())(x))
            features.append(x)
        return nn.Dense(1, name="output")(x)[:, 0], features
