"""Adversarial losses and penalties: pure functions of logits and gradients, in nats, means over the batch.

Writing d for the discriminator's logits [B] and D = sigmoid(d): -log D = softplus(-d) and
-log(1 - D) = softplus(d), which never overflow.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import softplus


class Adversarial(NamedTuple):
    """A discriminator loss of (real logits [B], fake logits [B]) and a generator loss of fake logits [B]."""

    discriminator: Callable[[jax.Array, jax.Array], jax.Array]
    generator: Callable[[jax.Array], jax.Array]


def binary_cross_entropy(logits: jax.Array, target: float) -> jax.Array:
    """-[t log D + (1 - t) log(1 - D)], mean; its gradient towards a logit is (D - t) / B."""
    return jnp.mean(softplus(logits) - target * logits)


def cross_entropy_discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-E log D(x) - E log(1 - D(G(z))) (GAN, Goodfellow et al. 2014, equation 1)."""
    return binary_cross_entropy(real, 1.0) + binary_cross_entropy(fake, 0.0)


def minimax_generator(fake: jax.Array) -> jax.Array:
    """E log(1 - D(G(z))) (GAN, equation 1): saturates while the discriminator wins."""
    return -binary_cross_entropy(fake, 0.0)


def non_saturating_generator(fake: jax.Array) -> jax.Array:
    """-E log D(G(z)) (GAN, section 3)."""
    return binary_cross_entropy(fake, 1.0)


def least_squares_discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
    """1/2 E (d(x) - 1)^2 + 1/2 E d(G(z))^2 (LSGAN, Mao et al. 2017, equation 9)."""
    return 0.5 * jnp.mean((real - 1) ** 2) + 0.5 * jnp.mean(fake**2)


def least_squares_generator(fake: jax.Array) -> jax.Array:
    """1/2 E (d(G(z)) - 1)^2 (LSGAN, equation 9)."""
    return 0.5 * jnp.mean((fake - 1) ** 2)


def wasserstein_discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
    """E f(G(z)) - E f(x), minus the estimate of the earth mover's distance (WGAN, Arjovsky et al. 2017)."""
    return jnp.mean(fake) - jnp.mean(real)


def wasserstein_generator(fake: jax.Array) -> jax.Array:
    """-E f(G(z)) (WGAN, algorithm 1)."""
    return -jnp.mean(fake)


def hinge_discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
    """E max(0, 1 - d(x)) + E max(0, 1 + d(G(z))) (SNGAN, Miyato et al. 2018, equation 16)."""
    return jnp.mean(jax.nn.relu(1 - real)) + jnp.mean(jax.nn.relu(1 + fake))


ADVERSARIAL = {
    "minimax": Adversarial(cross_entropy_discriminator, minimax_generator),
    "non_saturating": Adversarial(cross_entropy_discriminator, non_saturating_generator),
    "least_squares": Adversarial(least_squares_discriminator, least_squares_generator),
    "wasserstein": Adversarial(wasserstein_discriminator, wasserstein_generator),
    "hinge": Adversarial(hinge_discriminator, wasserstein_generator),
}


def squared_norms(critic: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """Squared length of the critic's gradient at each sample x [B, ...]: [B].

    ``critic`` maps x to logits [B] and must treat samples on their own (no batch normalization).
    """
    gradients = jax.grad(lambda x: critic(x).sum())(x)
    return jnp.sum(gradients.reshape(x.shape[0], -1) ** 2, axis=1)


def gradient_penalty(critic: Callable, real: jax.Array, fake: jax.Array, alpha: jax.Array) -> jax.Array:
    """E (|grad f(x + alpha (x~ - x))| - 1)^2, alpha ~ U(0, 1) [B] (WGAN-GP, Gulrajani et al. 2017, algorithm 1)."""
    alpha = alpha.reshape(-1, *(1,) * (real.ndim - 1))
    # The root's derivative at 0 is infinite; the small constant keeps a vanishing gradient's penalty finite.
    norms = jnp.sqrt(squared_norms(critic, real + alpha * (fake - real)) + 1e-12)
    return jnp.mean((norms - 1) ** 2)


def r1_penalty(critic: Callable, real: jax.Array) -> jax.Array:
    """1/2 E |grad d(x)|^2 at real samples (R1, Mescheder et al. 2018, equation 9)."""
    return 0.5 * jnp.mean(squared_norms(critic, real))


def feature_matching(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Mean squared difference of the mean features, real and fake [B, ...] (Salimans et al. 2016, section 3.1)."""
    return jnp.mean((real.mean(axis=0) - fake.mean(axis=0)) ** 2)


def gradient_difference(real: jax.Array, made: jax.Array) -> jax.Array:
    """Mean ||dY| - |dY'|| of neighbouring pixels, down and across, of images [B, H, W, C] (Mathieu et al. 2016, eq. 6).

    The paper's sum of both directions, at its power 1.
    """
    steps = lambda x: (jnp.abs(jnp.diff(x, axis=1)), jnp.abs(jnp.diff(x, axis=2)))
    return sum(jnp.mean(jnp.abs(a - b)) for a, b in zip(steps(real), steps(made), strict=True))


def categorical_information(logits: jax.Array, code: jax.Array) -> jax.Array:
    """Lower bound L_I = H(c) - E[-log Q(c|x)] for a uniform categorical code (InfoGAN, equation 5).

    logits [B, K], code int [B]; between minus infinity and log K nats, 0 for a uniform Q.
    """
    log_q = jax.nn.log_softmax(logits)
    return jnp.log(logits.shape[-1]) + jnp.mean(jnp.take_along_axis(log_q, code[:, None], axis=1))


def normal_divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """KL(N(mean, variance) || N(0, 1)), summed over the last axis: [B, Z] -> [B] (Kingma and Welling 2014, app. B)."""
    return 0.5 * jnp.sum(mean**2 + jnp.exp(log_variance) - log_variance - 1, axis=-1)


def gaussian_log_likelihood(mean: jax.Array, code: jax.Array) -> jax.Array:
    """E sum_j log N(c_j; mean_j, 1) for continuous codes [B, J] (InfoGAN's code, fixed deviation)."""
    return jnp.mean(jnp.sum(-0.5 * jnp.log(2 * jnp.pi) - 0.5 * (code - mean) ** 2, axis=-1))
