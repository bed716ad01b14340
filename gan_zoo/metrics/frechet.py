"""The Fréchet distance of two sets of features, from moments that are gathered in a stream."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from gan_zoo.errors import UserError
from gan_zoo.metrics.arrays import in_float64, pair, rows


@dataclass(frozen=True)
class Moments:
    """Of ``number`` samples: their mean [D] and scatter [D, D], the sum of (x - mean)(x - mean)^T; float64."""

    number: int
    mean: np.ndarray
    scatter: np.ndarray

    @staticmethod
    def of(features: Any) -> "Moments":
        """Of features [N, D]."""
        features = rows("features", features)
        return Moments(len(features), *_moments(features))

    def __add__(self, other: "Moments") -> "Moments":
        """Of both sets together (Chan et al. 1979)."""
        number = self.number + other.number
        apart = other.mean - self.mean
        scatter = self.scatter + other.scatter + np.outer(apart, apart) * (self.number * other.number / number)
        return Moments(number, self.mean + apart * (other.number / number), scatter)

    @property
    def covariance(self) -> np.ndarray:
        """[D, D], unbiased."""
        if self.number < 2:
            raise UserError(f"there are {self.number} samples: a covariance needs at least 2")
        return self.scatter / (self.number - 1)


def frechet_distance(real: Any, fake: Any) -> float:
    """|m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)) of features [N, D] and [M, D] (FID, Heusel et al. 2017).

    Raises:
        UserError: fewer than two samples, values that are not finite, or other numbers of features.
    """
    real, fake = pair(real, fake, at_least=2)
    return frechet_distance_of(Moments.of(real), Moments.of(fake))


def frechet_distance_of(real: Moments, fake: Moments) -> float:
    """The same, of moments."""
    return float(_distance(real.mean, fake.mean, real.covariance, fake.covariance))


@in_float64
def _moments(x):
    mean = x.mean(axis=0)
    return mean, (x - mean).T @ (x - mean)


@in_float64
def _distance(mean, other_mean, covariance, other):
    # The trace of (C1 C2)^(1/2) is that of (C1^(1/2) C2 C1^(1/2))^(1/2): symmetric, so no complex numbers appear,
    # and it exists where a covariance is singular (fewer samples than features).
    values, vectors = jnp.linalg.eigh(covariance)
    root = (vectors * jnp.sqrt(jnp.maximum(values, 0))) @ vectors.T
    roots = jnp.sqrt(jnp.maximum(jnp.linalg.eigvalsh(root @ other @ root), 0))
    traces = jnp.trace(covariance) + jnp.trace(other) - 2 * roots.sum()
    return jnp.sum((mean - other_mean) ** 2) + jnp.maximum(traces, 0)
