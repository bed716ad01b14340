"""Noise, drawn so that every device draws only its own share."""

from collections.abc import Callable, Mapping
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


Latent = tuple[Callable[..., jax.Array], tuple[int, ...]]  # a sampler(rng, shape, dtype), and the shape of one sample's


def latents(wanted: Mapping[str, Latent], rng: jax.Array, batch: Batch) -> Batch:
    """Each latent [B, ...] of a game: the batch's own where it brings one (walks, arithmetic), else drawn."""
    keys = jax.random.split(rng, len(wanted)) if len(wanted) > 1 else [rng]
    return {
        name: batch[name] if name in batch else draw(sampler, key, batch, *shape)
        for key, (name, (sampler, shape)) in zip(keys, wanted.items(), strict=True)
    }
