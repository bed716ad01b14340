"""Whether a generator repeats itself."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from gan_zoo.metrics.arrays import in_float64, pair

PAIRS = 2000  # samples that are compared with each other, at most
NEAR = 0.05


def repeated_share(real: Any, fake: Any) -> float:
    """Share of fakes [N, D] with a twin: another fake nearer than NEAR of what real neighbours [M, D] lie apart.

    That distance is the median of real samples' distances to their nearest neighbours, among as many.

    Raises:
        UserError: fewer than two samples, or features that are not finite or do not agree.
    """
    real, fake = pair(real, fake, at_least=2)
    number = min(PAIRS, len(real), len(fake))
    return float((_nearest(fake[:number]) <= NEAR * np.median(_nearest(real[:number]))).mean())


@in_float64
def _nearest(x):
    """Distance to the nearest other row of x [N, D]: [N]."""
    x = x - x.mean(axis=0)
    squares = jnp.sum(x**2, axis=1)
    squared = squares[:, None] + squares - 2 * x @ x.T
    others = jnp.where(jnp.eye(len(x), dtype=bool), jnp.inf, squared)
    return jnp.sqrt(jnp.maximum(others.min(axis=1), 0))
