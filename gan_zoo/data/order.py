"""The order of the data: a pure function of (seed, position), so that no iterator has state to lose."""

from functools import lru_cache

import numpy as np


def indices(seed: int, start: int, count: int, size: int) -> np.ndarray:
    """Which examples stand at the positions start .. start + count of an endless run through a set.

    Position p is example permutation(seed, p // size)[p % size]: every epoch sees each example once.

    Returns:
        int32 [count], in 0 .. size - 1.
    """
    positions = np.arange(start, start + count)
    epochs = positions // size
    order = np.empty(count, np.int32)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        order[here] = permutation(seed, int(epoch), size)[positions[here] % size]
    return order


@lru_cache(maxsize=2)
def permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of one epoch, int32 [size]."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(size).astype(np.int32)
