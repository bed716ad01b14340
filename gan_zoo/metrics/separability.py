"""Linear separability: how well a hyperplane in the space of latents tells what a classifier sees in the images."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from gan_zoo.errors import UserError
from gan_zoo.metrics.arrays import rows

KEPT = 0.5  # of the samples, those of which the classifier is surest


def linear_separability(latents: Any, probabilities: Any, kept: float = KEPT) -> float:
    """exp(sum over attributes of H(Y | X)), nats (StyleGAN, Karras et al. 2018, section 4.2); 1 is the best.

    X is the side of a linear SVM's hyperplane on which a latent lies, Y what the classifier says of its image. Of each
    attribute the surest samples are kept; the SVM is judged by those that it learned from, as in the authors' code.

    Args:
        latents: [N, Z].
        probabilities: of each binary attribute, [N, A].

    Raises:
        UserError: arrays that do not fit together, or values that are no probabilities.
    """
    latents = rows("latents", latents, 4)
    probabilities = rows("probabilities", probabilities, 4).astype(np.float64)
    if len(latents) != len(probabilities):
        raise UserError(f"{len(latents)} latents and {len(probabilities)} probabilities do not fit together")
    if (probabilities < 0).any() or (probabilities > 1).any():
        raise UserError("probabilities must be from 0 to 1")
    number = max(2, int(kept * len(latents)))
    entropies = []
    for attribute in probabilities.T:
        sure = np.argsort(-np.abs(attribute - 0.5), kind="stable")[:number]
        entropies.append(_entropy(latents[sure], attribute[sure] > 0.5))
    return float(np.exp(np.sum(entropies)))


def _entropy(latents: np.ndarray, y: np.ndarray) -> float:
    """H(Y | X), nats; 0 where all have the same Y."""
    if y.all() or not y.any():
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a plane that is nearly the best will do
        x = LinearSVC(dual=False).fit(latents, y).predict(latents)
    total = 0.0
    for side in (False, True):
        share = y[x == side].mean() if (x == side).any() else 0.0
        for p in (share, 1 - share):
            total -= (x == side).mean() * p * np.log(p) if p > 0 else 0.0
    return total
