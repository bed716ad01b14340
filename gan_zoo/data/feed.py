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
from jax.tree_util import Partial

from gan_zoo.data import Source
from gan_zoo.data.order import crops, indices
from gan_zoo.game import Batch, constrain

ON_DEVICE = 2**30  # bytes of a split that may live on each device
AHEAD = 3  # rounds that are read before they are needed, when streaming
BATCHES = PartitionSpec(None, None, "data")
CUT = ("rows", "columns")

# Leaves [R, turns, B, ...]: "order", places in the arrays, or the examples themselves; "rows" and "columns" that are
# cut out of images; "inputs", the same of the images that become "input".
Given = dict[str, Any]


class Feed:
    """The minibatches of one phase.

    Args:
        start: position in the data at which the phase begins: the images consumed before it.
        turns: minibatches in a round.
        dtype: of the images.
        crop: (height, width) that are cut out of the images at random; () takes them whole.
        flip: whether half of the images are mirrored.
        stream: tells the orders of sets that are read side by side apart.

    Attributes:
        arrays: the whole set, on every device, or "made", what makes it there; nothing if it does not fit.
    """

    def __init__(
        self,
        source: Source,
        seed: int,
        start: int,
        batch_size: int,
        turns: int,
        mesh: Mesh,
        dtype: Any,
        crop: tuple[int, ...] = (),
        flip: bool = False,
        stream: int = 0,
    ):
        self.source, self.seed, self.start, self.dtype, self.mesh = source, seed, start, dtype, mesh
        self.shape, self.crop, self.flip, self.stream = (turns, batch_size), crop, flip, stream
        arrays = source.arrays if source.made is None else {"made": Partial(*source.made)}
        self.resident = arrays is not None and sum(array.nbytes for array in jax.tree.leaves(arrays)) <= ON_DEVICE
        plain = jax.tree.map(np.asarray, arrays) if self.resident else {}  # of several processes jax takes no memmap
        self.arrays = jax.device_put(plain, NamedSharding(mesh, PartitionSpec()))
        self.pool = None if self.resident else ThreadPoolExecutor(1)
        self.pending: dict[int, Future] = {}
        self.inputs = None
        if source.inputs is not None:
            given = (seed, start, batch_size, turns, mesh, dtype, crop, flip)
            self.inputs = Feed(source.inputs, *given, stream + 1)
            self.arrays = {**self.arrays, "inputs": self.inputs.arrays}

    def of_seed(self, seed: int) -> "Feed":
        """The same data in another order."""
        other = copy.copy(self)
        other.seed, other.pending, other.inputs = seed, {}, self.inputs and self.inputs.of_seed(seed)
        return other

    def __call__(self, step: int) -> Batch:
        """The minibatches of a round of the phase: leaves [turns, B, ...], B spread over the devices."""
        return _first(self.arrays, self.given(step), self.dtype)

    def given(self, step: int, rounds: int = 1) -> Given:
        """What ``read`` makes the minibatches of some rounds from."""
        if self.resident:
            given = {"order": self._order(step, rounds)}
        else:
            for ahead in range(step, step + AHEAD * rounds, rounds):
                if ahead not in self.pending:
                    self.pending[ahead] = self.pool.submit(self._read, ahead, rounds)
            given = self.pending.pop(step).result()
        if self.crop or self.flip:
            size = self.source.spec.shape[:2]
            where = crops(self.seed, *self._span(step, rounds), size, self.crop or size, self.flip, self.stream)
            given |= {name: x.reshape(rounds, *self.shape, -1) for name, x in zip(CUT, where, strict=True)}
        if self.inputs is not None:
            given["inputs"] = self.inputs.given(step, rounds)
        return given

    def _span(self, step: int, rounds: int) -> tuple[int, int]:
        """Position of a round's first image, and how many images some rounds have."""
        count = math.prod(self.shape)
        return self.start + step * count, rounds * count

    def _order(self, step: int, rounds: int) -> np.ndarray:
        order = indices(self.seed, *self._span(step, rounds), self.source.size, self.stream)
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
    given = dict(given)
    inputs, (rows, columns) = given.pop("inputs", None), (given.pop(name, None) for name in CUT)
    batch = given
    if "order" in given:
        order = constrain(given["order"], PartitionSpec(None, "data"))
        if "made" in arrays:
            batch = arrays["made"](order)
        else:
            batch = {key: array[order] for key, array in arrays.items() if key != "inputs"}
    if rows is not None:
        batch = {key: _cut(x, rows, columns) if x.ndim == 5 else x for key, x in batch.items()}
    batch = {key: constrain(x, PartitionSpec(None, "data")) for key, x in floats(batch, dtype).items()}
    if inputs is not None:
        batch["input"] = read(arrays["inputs"], inputs, dtype)["image"]
    return batch


def _cut(images: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """Cuts rows [T, B, H] and columns [T, B, W] out of images [T, B, h, w, C]: [T, B, H, W, C]."""
    images = constrain(images, PartitionSpec(None, "data"))
    rows, columns = (constrain(where, PartitionSpec(None, "data")) for where in (rows, columns))
    return jax.vmap(jax.vmap(lambda image, rows, columns: image[rows][:, columns]))(images, rows, columns)


@partial(jax.jit, static_argnames="dtype")
def _first(arrays: Batch, given: Given, dtype: Any) -> Batch:
    return read(arrays, jax.tree.map(lambda x: x[0], given), dtype)


def floats(batch: Batch, dtype: Any) -> Batch:
    """Stored images as floats in [-1, 1]; points and labels as they are."""

    def convert(x):
        if x.dtype == jnp.uint8:
            return (x.astype(dtype) - 127.5) / 127.5  # in this order 255 is 1 exactly
        return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return {key: convert(x) for key, x in batch.items()}
