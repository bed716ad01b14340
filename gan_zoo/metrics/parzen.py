"""Log-likelihood under a Parzen window of samples (Goodfellow et al. 2014, section 5).

In many dimensions it varies much and says little about samples (Theis et al. 2016): for comparison with old papers.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_zoo.errors import UserError
from gan_zoo.metrics.arrays import in_float64, pair

BLOCK = 2**25  # distances that stand in memory at once (256 MB)
SIGMAS = np.logspace(-1, 0, 10)  # those of the authors' code


def parzen_log_likelihood(samples: Any, test: Any, sigma: float) -> float:
    """Mean of log p(x) over test [M, ...], in nats; p is the mean of Gaussians N(sample, sigma^2) at samples [N, ...].

    The paper's images are in [0, 1]; samples of [-1, 1] give another number.

    Raises:
        UserError: sigma is not above 0, or values are not finite or do not agree.
    """
    return float(log_likelihoods(samples, test, sigma).mean())


def log_likelihoods(samples: Any, test: Any, sigma: float) -> np.ndarray:
    """log p(x) for each of test: [M]. The paper's error is its standard deviation over the root of M."""
    if not sigma > 0:
        raise UserError(f"sigma = {sigma}: the window's width must be above 0")
    test, samples = pair(test, samples)
    flat = samples.reshape(len(samples), -1)
    blocks = np.array_split(test.reshape(len(test), -1), -(-len(test) * len(samples) // BLOCK))
    return np.concatenate([_log_likelihoods(block, flat, sigma) for block in blocks])


def choose_sigma(samples: Any, validation: Any, sigmas: Any = SIGMAS) -> float:
    """The width under which validation [M, ...] is the likeliest (the authors take 1,000 images that are not test)."""
    return float(max(sigmas, key=lambda sigma: parzen_log_likelihood(samples, validation, sigma)))


@in_float64
def _log_likelihoods(x, samples, sigma):
    squared = jnp.sum(x**2, axis=1)[:, None] - 2 * x @ samples.T + jnp.sum(samples**2, axis=1)
    exponents = -jnp.maximum(squared, 0) / (2 * sigma**2)
    window = x.shape[1] * (jnp.log(sigma) + 0.5 * jnp.log(2 * jnp.pi))
    return jax.nn.logsumexp(exponents, axis=1) - jnp.log(len(samples)) - window
