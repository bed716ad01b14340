"""Linear separability: how well a hyperplane in the space of latents tells what a classifier sees in the images."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from gan_zoo.errors import UserError
from gan_zoo.metrics.arrays import rows

KEPT = 0.5  # of the samples, those of which the classifier is surest


def linear_separability(latents: Any, probabilities: Any, kept: float = KEPT, of_each: bool = False) -> float:
    """exp(sum over attributes of H(Y | X)), nats (StyleGAN, Karras et al. 2018, section 4.2); 1 is the best.

    X is the side of a linear SVM's hyperplane on which a latent lies, Y what the classifier says of its image. Of each
    attribute the surest samples are kept; the SVM is judged by those that it learned from, as in the authors' code.

    Args:
        latents: [N, Z].
        probabilities: of each binary attribute, [N, A].
        of_each: keeps the surest of those that have the attribute, and of those that have not: where it is rare, as
            one class of many is, the surest of all would hardly have it.

    Raises:
        UserError: arrays that do not fit together, or values that are no probabilities.
    """
    latents, probabilities = rows("latents", latents, 4), _checked(probabilities)
    if len(latents) != len(probabilities):
        raise UserError(f"{len(latents)} latents and {len(probabilities)} probabilities do not fit together")
    entropies = []
    for attribute in probabilities.T:
        sure = _surest(attribute, kept, of_each)
        y = attribute[sure] > 0.5
        entropies.append(_entropy(y, _sides(latents[sure], y)))
    return float(np.exp(np.sum(entropies)))


def unseparated(probabilities: Any, kept: float = KEPT, of_each: bool = False) -> float:
    """What latents that tell nothing of the images would have: exp(sum of H(Y)); the arguments of the above."""
    found = []
    for attribute in _checked(probabilities).T:
        y = attribute[_surest(attribute, kept, of_each)] > 0.5
        found.append(_entropy(y, np.zeros(len(y), bool)))
    return float(np.exp(np.sum(found)))


def _checked(probabilities: Any) -> np.ndarray:
    probabilities = rows("probabilities", probabilities, 4).astype(np.float64)
    if (probabilities < 0).any() or (probabilities > 1).any():
        raise UserError("probabilities must be from 0 to 1")
    return probabilities


def _surest(attribute: np.ndarray, kept: float, of_each: bool) -> np.ndarray:
    """Which samples [N] are kept."""
    order = np.argsort(-np.abs(attribute - 0.5), kind="stable")
    if not of_each:
        return order[: max(2, int(kept * len(order)))]
    parts = (order[(attribute[order] > 0.5) == has] for has in (True, False))
    return np.concatenate([part[: max(1, int(kept * len(part)))] for part in parts])


def _sides(latents: np.ndarray, y: np.ndarray) -> np.ndarray:
    """On which side of the best plane each latent lies; all on one where all have the same Y."""
    if y.all() or not y.any():
        return y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a plane that is nearly the best will do
        return LinearSVC(dual=False).fit(latents, y).predict(latents)


def _entropy(y: np.ndarray, x: np.ndarray) -> float:
    """H(Y | X), nats."""
    total = 0.0
    for side in (False, True):
        share = y[x == side].mean() if (x == side).any() else 0.0
        for p in (share, 1 - share):
            total -= (x == side).mean() * p * np.log(p) if p > 0 else 0.0
    return total
