"""The order of the data: a pure function of (seed, position), so that no iterator has state to lose."""

from functools import lru_cache

import numpy as np


def indices(seed: int, start: int, count: int, size: int, stream: int = 0) -> np.ndarray:
    """Which examples stand at the positions start .. start + count of an endless run through a set.

    Position p is example permutation(seed, p // size)[p % size]: every epoch sees each example once.

    Args:
        stream: sets that are read side by side in one run have orders of their own.

    Returns:
        int32 [count], in 0 .. size - 1.
    """
    positions = np.arange(start, start + count)
    epochs = positions // size
    order = np.empty(count, np.int32)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        order[here] = permutation(seed, int(epoch), size, stream)[positions[here] % size]
    return order


def crops(
    seed: int, start: int, count: int, size: tuple[int, int], crop: tuple[int, int], flip: bool, stream: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Which rows and columns are cut out of the images at the positions start .. start + count, at random.

    Args:
        size, crop: height and width of the images, and of what is cut out of them.
        flip: half of the images are mirrored: their columns run from right to left.

    Returns:
        int32 [count, crop[0]] and [count, crop[1]].
    """
    # Each step of the counter gives four numbers. Its third word sets them apart from the permutations'.
    generator = np.random.Philox(key=[seed, stream], counter=[start, 0, 1, 0])
    raw = generator.random_raw(4 * count).reshape(count, 4)
    top, left = (raw[:, axis, None] % np.uint64(size[axis] - crop[axis] + 1) for axis in (0, 1))
    rows, columns = (
        begin.astype(np.int32) + np.arange(length, dtype=np.int32)
        for begin, length in ((top, crop[0]), (left, crop[1]))
    )
    mirrored = flip & (raw[:, 2, None] % np.uint64(2) == 1)
    return rows, np.where(mirrored, columns[:, ::-1], columns)


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, size: int, stream: int = 0) -> np.ndarray:
    """The order of one epoch, int32 [size]."""
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, stream]))
    return generator.permutation(size).astype(np.int32)
