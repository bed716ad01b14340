"""The inception score, from class probabilities that may come in parts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import xlogy

from gan_zoo.errors import UserError
from gan_zoo.metrics.arrays import rows


def inception_score(probabilities: Any, splits: int = 10) -> tuple[float, float]:
    """exp(E KL(p(y|x) || p(y))) of probabilities [N, K]: (mean, standard deviation) over ``splits`` equal parts.

    (Salimans et al. 2016, section 4.) Sample i belongs to the split i splits // N.

    Raises:
        UserError: fewer samples than splits, or values that are no probabilities.
    """
    probabilities = rows("probabilities", probabilities, splits)
    total = Marginals(len(probabilities), splits)
    total.add(probabilities)
    return total.score()


@dataclass
class Marginals:
    """What the score needs of ``number`` samples, gathered in their order."""

    number: int
    splits: int = 10
    seen: int = 0
    sums: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, probabilities: np.ndarray) -> None:
        """The next samples' probabilities [n, K]."""
        p = rows("probabilities", probabilities).astype(np.float64)
        if (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
            raise UserError("probabilities must be at least 0 and add up to 1 in each row")
        split = np.arange(self.seen, self.seen + len(p)) * self.splits // self.number
        if not self.sums:
            self.sums = {"p": np.zeros((self.splits, p.shape[1])), "p log p": np.zeros(self.splits)}
        np.add.at(self.sums["p"], split, p)
        np.add.at(self.sums["p log p"], split, xlogy(p, p).sum(axis=1))
        self.seen += len(p)

    def score(self) -> tuple[float, float]:
        """The score of all that was added."""
        if self.seen != self.number or self.number < self.splits:
            raise UserError(f"{self.splits} splits of {self.number} samples, and {self.seen} were seen")
        sizes = np.bincount(np.arange(self.number) * self.splits // self.number)
        marginal = self.sums["p"] / sizes[:, None]
        scores = np.exp(self.sums["p log p"] / sizes - xlogy(marginal, marginal).sum(axis=1))
        return float(scores.mean()), float(scores.std())
