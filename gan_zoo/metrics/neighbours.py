"""Precision, recall, density and coverage: whether samples lie in each other's neighbourhoods."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from gan_zoo.errors import UserError
from gan_zoo.metrics.arrays import in_float64, pair

BLOCK = 2**21  # distances that stand in memory at once (16 MB): larger blocks leave the processor's caches


def precision_recall_density_coverage(real: Any, fake: Any, k: int = 5) -> dict[str, float]:
    """How features [N, D] and [M, D] lie in each other's balls; a sample's ball reaches to its k-th neighbour.

    precision: share of fakes in some real ball; recall: share of reals in some fake ball (Kynkäänniemi et al. 2019);
    density: real balls around a fake, mean, over k; coverage: share of reals whose ball has a fake (Naeem et al.
    2020). The first two grow with N and M: compare equal numbers only.

    Raises:
        UserError: not more than k samples, or features that are not finite or do not agree.
    """
    if k < 1:
        raise UserError(f"k = {k} neighbours: take at least 1")
    real, fake = pair(real, fake, at_least=k + 1)
    # Distances do not change when all is moved; near 0 they keep more digits.
    centre = real.mean(axis=0, dtype=np.float64)
    real, fake = real - centre, fake - centre
    fake_radii = _radii(fake, k)
    inside, covered, recalled = np.zeros(len(fake)), [], []
    for block, radii in zip(_blocks(real, len(fake)), _blocks(_radii(real, k), len(fake)), strict=True):
        own, around, theirs = _balls(block, radii, fake, fake_radii)
        inside += around
        covered.append(own)
        recalled.append(theirs)
    return {
        "precision": float((inside > 0).mean()),
        "recall": float(np.concatenate(recalled).mean()),
        "density": float(inside.mean() / k),
        "coverage": float(np.concatenate(covered).mean()),
    }


def _blocks(x: np.ndarray, others: int) -> list[np.ndarray]:
    """Equal parts of x, so that few programs are compiled, each with at most BLOCK distances to the others."""
    return np.array_split(x, -(-len(x) * others // BLOCK))


def _radii(x: np.ndarray, k: int) -> np.ndarray:
    """Squared distance from each sample to its k-th neighbour in the same set [N]; it is not its own neighbour."""
    # A copy of the column, or each block of distances stays in memory behind it.
    return np.concatenate([np.partition(distances(block, x), k, axis=1)[:, k].copy() for block in _blocks(x, len(x))])


@in_float64
def distances(x, y):
    """Squared distances of x [N, D] to y [M, D]: [N, M]."""
    return _squared(x, y)


@in_float64
def _balls(x, x_radii, y, y_radii):
    """Whether x's own balls have a y [N], how many of them are around each y [M], whether x is in a ball of y [N]."""
    squared = _squared(x, y)
    in_x = squared < x_radii[:, None]
    return in_x.any(axis=1), in_x.sum(axis=0), (squared < y_radii).any(axis=1)


def _squared(x, y):
    return jnp.maximum(jnp.sum(x**2, axis=1)[:, None] - 2 * x @ y.T + jnp.sum(y**2, axis=1), 0)
