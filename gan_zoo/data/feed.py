"""Minibatches on the devices: sets that fit live there as they are stored, larger ones stream."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gan_zoo.data import Source
from gan_zoo.data.order import indices
from gan_zoo.game import Batch, constrain

ON_DEVICE = 2**30  # bytes of a split that may live on each device
AHEAD = 3  # rounds that are read before they are needed, when streaming
BATCHES = PartitionSpec(None, "data")


class Feed:
    """The minibatches of one phase.

    Args:
        start: position in the data at which the phase begins: the images consumed before it.
        turns: minibatches in a round.
        dtype: of the images.
    """

    def __init__(self, source: Source, seed: int, start: int, batch_size: int, turns: int, mesh: Mesh, dtype: Any):
        self.source, self.seed, self.start, self.dtype, self.mesh = source, seed, start, dtype, mesh
        self.shape = (turns, batch_size)
        arrays = source.arrays
        self.resident = arrays is not None and sum(array.nbytes for array in arrays.values()) <= ON_DEVICE
        if self.resident:
            self.arrays = jax.device_put(arrays, NamedSharding(mesh, PartitionSpec()))
        else:
            self.pool = ThreadPoolExecutor(1)
            self.pending: dict[int, Future] = {}

    def __call__(self, step: int) -> Batch:
        """The minibatches of a round of the phase: leaves [turns, B, ...], B spread over the devices."""
        if self.resident:
            return _gather(self.arrays, self._indices(step), self.dtype)
        for ahead in range(step, step + AHEAD):
            if ahead not in self.pending:
                self.pending[ahead] = self.pool.submit(self._read, ahead)
        return _normalize(self.pending.pop(step).result(), self.dtype)

    def _indices(self, step: int) -> np.ndarray:
        count = math.prod(self.shape)
        return indices(self.seed, self.start + step * count, count, self.source.size).reshape(self.shape)

    def _read(self, step: int) -> Batch:
        """Reads this process's share alone."""
        order = self._indices(step)
        sharding = NamedSharding(self.mesh, BATCHES)
        shares = {}
        for device, where in sharding.addressable_devices_indices_map(self.shape).items():
            wanted = order[where]
            taken = self.source.take(wanted.ravel())
            for key, array in taken.items():
                share = array.reshape(*wanted.shape, *array.shape[1:])
                shares.setdefault(key, []).append(jax.device_put(share, device))
        return {
            key: jax.make_array_from_single_device_arrays((*self.shape, *parts[0].shape[2:]), sharding, parts)
            for key, parts in shares.items()
        }


@partial(jax.jit, static_argnames="dtype")
def _gather(arrays: Batch, order: jax.Array, dtype: Any) -> Batch:
    order = constrain(order, BATCHES)
    return jax.tree.map(lambda x: constrain(x, BATCHES), _floats({k: v[order] for k, v in arrays.items()}, dtype))


@partial(jax.jit, static_argnames="dtype")
def _normalize(batch: Batch, dtype: Any) -> Batch:
    return _floats(batch, dtype)


def _floats(batch: Batch, dtype: Any) -> Batch:
    """Stored images as floats in [-1, 1]; points and labels as they are."""

    def convert(x):
        if x.dtype == jnp.uint8:
            return (x.astype(dtype) - 127.5) / 127.5  # in this order 255 is 1 exactly
        return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return {key: convert(x) for key, x in batch.items()}
