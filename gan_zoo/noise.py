"""Noise, drawn so that every device draws only its own share."""

from collections.abc import Callable
from functools import partial

import jax
from jax.sharding import PartitionSpec

from gan_zoo.game import Batch, constrain

# Priors of z by name. U(-1, 1) is the DCGAN paper's; the 2014 GAN's MNIST noise is uniform of unit variance.
NOISE = {
    "normal": jax.random.normal,
    "uniform": partial(jax.random.uniform, minval=-1.0, maxval=1.0),
    "uniform_unit_variance": partial(jax.random.uniform, minval=-(3**0.5), maxval=3**0.5),
}


def draw(sampler: Callable[..., jax.Array], rng: jax.Array, batch: Batch, *shape: int) -> jax.Array:
    """Noise [B, *shape] from ``sampler(rng, shape, dtype)``, in the batch's precision and laid out as the batch is.

    Without that constraint every device would draw, and compute, everything.
    """
    image = batch["image"]
    return constrain(sampler(rng, (image.shape[0], *shape), image.dtype), PartitionSpec("data"))
