"""A pool of past fakes, which the discriminator sees instead of the newest (Shrivastava et al. 2017).

It is state on the device like any network's: {"pool": {"images": [N, H, W, C], "count": images that it holds}}.
"""

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from gan_zoo.game import Variables, constrain


def new_pool(size: int, images: jax.Array) -> Variables:
    """An empty pool for ``size`` images like those of [B, H, W, C]."""
    return {"pool": {"images": jnp.zeros((size, *images.shape[1:]), images.dtype), "count": jnp.zeros((), jnp.int32)}}


def exchange(pool: Variables, images: jax.Array, rng: jax.Array) -> tuple[jax.Array, Variables]:
    """Images [B, H, W, C], one after the other, against the pool's.

    Until the pool is full it keeps each image and gives it back. Then, half of the times, an image takes the place of a
    random one of the pool, which is given in its stead.
    """
    kept, count = pool["pool"]["images"], pool["pool"]["count"]
    size = len(kept)

    def one(held, given):
        (kept, count), (image, key) = held, given
        keys = jax.random.split(key)
        full = count >= size
        place = jnp.where(full, jax.random.randint(keys[0], (), 0, size), count)
        swaps = full & jax.random.bernoulli(keys[1])
        shown = jnp.where(swaps, kept[place], image)
        kept = kept.at[place].set(jnp.where(full & ~swaps, kept[place], image))
        return (kept, jnp.minimum(count + 1, size)), shown

    # In order, so every device needs all of them.
    images = constrain(jax.lax.stop_gradient(images).astype(kept.dtype), PartitionSpec())
    (kept, count), shown = jax.lax.scan(one, (kept, count), (images, jax.random.split(rng, len(images))))
    return constrain(shown, PartitionSpec("data")), {"pool": {"images": kept, "count": count}}
