"""Minibatches on the devices: sets that fit live there as they are stored, larger ones stream."""

import copy
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
BATCHES = PartitionSpec(None, None, "data")

Given = dict[str, Any]  # leaves [R, turns, B, ...]: "order" alone, places in the arrays; or the examples themselves


class Feed:
    """The minibatches of one phase.

    Args:
        start: position in the data at which the phase begins: the images consumed before it.
        turns: minibatches in a round.
        dtype: of the images.

    Attributes:
        arrays: the whole set, on every device; nothing if it does not fit there.
    """

    def __init__(self, source: Source, seed: int, start: int, batch_size: int, turns: int, mesh: Mesh, dtype: Any):
        self.source, self.seed, self.start, self.dtype, self.mesh = source, seed, start, dtype, mesh
        self.shape = (turns, batch_size)
        arrays = source.arrays
        self.resident = arrays is not None and sum(array.nbytes for array in arrays.values()) <= ON_DEVICE
        self.arrays = jax.device_put(arrays, NamedSharding(mesh, PartitionSpec())) if self.resident else {}
        self.pool = None if self.resident else ThreadPoolExecutor(1)
        self.pending: dict[int, Future] = {}

    def of_seed(self, seed: int) -> "Feed":
        """The same data in another order."""
        other = copy.copy(self)
        other.seed, other.pending = seed, {}
        return other

    def __call__(self, step: int) -> Batch:
        """The minibatches of a round of the phase: leaves [turns, B, ...], B spread over the devices."""
        return _first(self.arrays, self.given(step), self.dtype)

    def given(self, step: int, rounds: int = 1) -> Given:
        """What ``read`` makes the minibatches of some rounds from."""
        if self.resident:
            return {"order": self._order(step, rounds)}
        for ahead in range(step, step + AHEAD * rounds, rounds):
            if ahead not in self.pending:
                self.pending[ahead] = self.pool.submit(self._read, ahead, rounds)
        return self.pending.pop(step).result()

    def _order(self, step: int, rounds: int) -> np.ndarray:
        count = math.prod(self.shape)
        order = indices(self.seed, self.start + step * count, rounds * count, self.source.size)
        return order.reshape(rounds, *self.shape)

    def _read(self, step: int, rounds: int) -> Given:
        """Reads this process's share alone."""
        order = self._order(step, rounds)
        sharding = NamedSharding(self.mesh, BATCHES)
        shares = {}
        for device, where in sharding.addressable_devices_indices_map(order.shape).items():
            wanted = order[where]
            taken = self.source.take(wanted.ravel())
            for key, array in taken.items():
                share = array.reshape(*wanted.shape, *array.shape[1:])
                shares.setdefault(key, []).append(jax.device_put(share, device))
        return {
            key: jax.make_array_from_single_device_arrays((*order.shape, *parts[0].shape[3:]), sharding, parts)
            for key, parts in shares.items()
        }


def read(arrays: Batch, given: Given, dtype: Any) -> Batch:
    """The minibatches of one round, [turns, B, ...], from its part of what ``Feed.given`` gives."""
    if arrays:
        order = constrain(given["order"], PartitionSpec(None, "data"))
        given = {key: array[order] for key, array in arrays.items()}
    return {key: constrain(x, PartitionSpec(None, "data")) for key, x in _floats(given, dtype).items()}


@partial(jax.jit, static_argnames="dtype")
def _first(arrays: Batch, given: Given, dtype: Any) -> Batch:
    return read(arrays, {key: x[0] for key, x in given.items()}, dtype)


def _floats(batch: Batch, dtype: Any) -> Batch:
    """Stored images as floats in [-1, 1]; points and labels as they are."""

    def convert(x):
        if x.dtype == jnp.uint8:
            return (x.astype(dtype) - 127.5) / 127.5  # in this order 255 is 1 exactly
        return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return {key: convert(x) for key, x in batch.items()}
