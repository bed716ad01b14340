"""The kernel distance of two sets of features (KID)."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_zoo.errors import UserError
from gan_zoo.metrics.arrays import in_float64, pair


def kernel_distance(real: Any, fake: Any, subsets: int = 100, subset_size: int = 1000, seed: int = 0) -> float:
    """Squared maximum mean discrepancy of features [N, D] and [M, D], mean over subsets (KID, Binkowski et al. 2018).

    Unbiased, with the kernel (a.b / D + 1)^3, so it may be below 0. Each subset is drawn without replacement.

    Raises:
        UserError: fewer samples than a subset has, or features that are not finite or do not agree.
    """
    return float(kernel_distances(real, fake, subsets, subset_size, seed).mean())


def kernel_distances(real: Any, fake: Any, subsets: int = 100, subset_size: int = 1000, seed: int = 0) -> np.ndarray:
    """The same for each subset: [subsets]."""
    if subset_size < 2 or subsets < 1:
        raise UserError(f"{subsets} subsets of {subset_size} samples: there must be one subset, of two samples")
    real, fake = pair(real, fake, at_least=subset_size)
    rng = np.random.default_rng(seed)
    draw = lambda features: features[rng.choice(len(features), subset_size, replace=False)]
    return np.array([_discrepancy(draw(real), draw(fake)) for _ in range(subsets)])


@in_float64
def _discrepancy(x, y):
    number, dimensions = x.shape
    kernel = lambda a, b: (a @ b.T / dimensions + 1) ** 3
    apart = lambda k: (k.sum() - jnp.trace(k)) / (number * (number - 1))
    within = jax.tree.map(lambda a: apart(kernel(a, a)), (x, y))
    return within[0] + within[1] - 2 * kernel(x, y).mean()
