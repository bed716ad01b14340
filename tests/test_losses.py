"""Losses: closed forms, gradients, extremes."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_zoo import losses
from gan_zoo.losses import ADVERSARIAL

# Without XLA's optimizer such small programs compile in half the time.
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
LN_10 = np.log(10.0)
LECTURES = [  # D(x), D(G(z)), then in base-10 logarithms: on real, on fake, their sum, the generator's
    ([0.6, 0.7, 0.8], [0.1, 0.2, 0.3], 0.1579, 0.0992, 0.2571, 0.7406),
    (
        [0.56, 0.67, 0.64, 0.98, 0.89, 0.96, 0.48, 0.65, 0.56, 0.78],
        [0.12, 0.24, 0.23, 0.42, 0.36, 0.32, 0.16, 0.18, 0.27, 0.56],
        0.1562,
        0.1541,
        0.3103,
        0.5855,
    ),
]


def logits(probabilities):
    p = np.asarray(probabilities, np.float32)
    return np.log(p) - np.log1p(-p)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def full(shape, value):
    return np.full(shape, value, np.float32)


def grad(function):
    return quick_jit(jax.grad(function))


@cache
def compiled(name):
    """(real logits, fake logits) -> discriminator's loss and its two gradients, generator's loss and gradient."""
    loss = ADVERSARIAL[name]

    def both(real, fake):
        value, gradients = jax.value_and_grad(loss.discriminator, argnums=(0, 1))(real, fake)
        return value, *gradients, *jax.value_and_grad(loss.generator)(fake)

    return quick_jit(both)


@pytest.mark.parametrize("real, fake, on_real, on_fake, total, generator", LECTURES, ids=["three", "ten"])
def test_cross_entropy_by_hand(real, fake, on_real, on_fake, total, generator):
    """Numbers worked out by hand from the discriminator's probabilities; ours are in nats."""
    real, fake = logits(real), logits(fake)
    half = 0.5e-4 * LN_10  # they are rounded to four digits
    np.testing.assert_allclose(losses.binary_cross_entropy(real, 1.0), on_real * LN_10, atol=half)
    np.testing.assert_allclose(losses.binary_cross_entropy(fake, 0.0), on_fake * LN_10, atol=half)
    for name, wanted in (("non_saturating", generator), ("minimax", -on_fake)):
        discriminator, _, _, value, _ = compiled(name)(real, fake)
        np.testing.assert_allclose(discriminator, total * LN_10, atol=half)
        np.testing.assert_allclose(value, wanted * LN_10, atol=half)


@pytest.mark.parametrize("target", [0.0, 0.9, 1.0])
def test_cross_entropy_gradient_is_prediction_minus_target(target):
    x = np.float32([-3.0, -0.5, 0.0, 2.0, 8.0])
    gradient = grad(losses.binary_cross_entropy)(x, target)
    np.testing.assert_allclose(gradient, (sigmoid(x) - target) / 5, atol=1e-6)


def test_minimax_saturates_and_non_saturating_does_not():
    """Where the discriminator is sure (D = e^-10), one generator's gradient is D, the other's 1 - D."""
    sure = np.float32([-10.0])
    saturated, alive = (compiled(name)(sure, sure)[-1] for name in ("minimax", "non_saturating"))
    prediction = sigmoid(sure)
    np.testing.assert_allclose(saturated, -prediction, rtol=1e-3)
    np.testing.assert_allclose(alive, prediction - 1, rtol=1e-3)


def test_optimal_discriminator():
    """D* = p / (p + q): the cross entropy's minimum for densities p and q at one point is at log(p / q)."""
    p, q = 0.3, 0.9
    entropy = losses.binary_cross_entropy
    at = quick_jit(jax.value_and_grad(lambda d: p * entropy(d, 1.0) + q * entropy(d, 0.0)))
    best = np.log(np.float32([p / q]))
    value, gradient = at(best)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    assert value < min(at(best - 0.1)[0], at(best + 0.1)[0])


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_extreme_logits_stay_finite(name):
    for real in (-1e4, 1e4):
        for fake in (-1e4, 1e4):
            for array in compiled(name)(full(3, real), full(3, fake)):
                assert np.all(np.isfinite(array))


def test_extreme_cross_entropy():
    """A discriminator that is sure and wrong pays its logit, one that is sure and right nothing."""
    x = full(3, 1e4)
    assert compiled("minimax")(-x, x)[0] == 2e4
    assert compiled("minimax")(x, -x)[0] == 0


@pytest.mark.parametrize(
    "name, discriminator, generator",
    [
        ("minimax", 2 * np.log(2), -np.log(2)),
        ("non_saturating", 2 * np.log(2), np.log(2)),
        ("least_squares", 0.5, 0.5),
        ("wasserstein", 0.0, 0.0),
        ("hinge", 2.0, 0.0),
    ],
)
def test_logits_of_zero(name, discriminator, generator):
    found = compiled(name)(full(3, 0), full(3, 0))
    np.testing.assert_allclose(found[0], discriminator, rtol=1e-6)
    np.testing.assert_allclose(found[3], generator, rtol=1e-6)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_directions(name):
    """Each discriminator raises real logits and lowers fake ones, each generator raises fake ones."""
    x = np.float32([-0.5, 0.2, 0.4])
    _, real, fake, _, generator = compiled(name)(x, x[::-1])
    assert np.all(real < 0)
    # Least squares pulls fake logits towards 0: it lowers what is above.
    assert np.all(np.sign(fake) == np.sign(x[::-1])) if name == "least_squares" else np.all(fake > 0)
    assert np.all(generator < 0)


def test_hinge_is_zero_at_the_margins():
    assert losses.hinge_discriminator(np.float32([1.0, 3.0]), np.float32([-1.0, -2.0])) == 0
    np.testing.assert_allclose(losses.hinge_discriminator(np.float32([0.5]), np.float32([0.25])), 0.5 + 1.25)


def test_least_squares():
    real, fake = np.float32([1.0, 3.0]), np.float32([0.0, 2.0])
    np.testing.assert_allclose(losses.least_squares_discriminator(real, fake), 0.5 * 2 + 0.5 * 2)
    np.testing.assert_allclose(losses.least_squares_generator(fake), 0.5 * 1)
    assert losses.least_squares_discriminator(full(2, 1), full(2, 0)) == 0


def test_wasserstein():
    """The difference of means, which a constant added to the critic does not change."""
    real, fake = np.float32([1.0, 3.0, 5.0]), np.float32([0.5, 1.5])
    assert losses.wasserstein_discriminator(real, fake) == -2.0
    assert losses.wasserstein_discriminator(real + 7, fake + 7) == -2.0
    assert losses.wasserstein_generator(fake) == -1.0


# Penalties


def direction(length):
    """A vector of this length in the space of images [2, 3, 1]."""
    a = np.arange(1, 7, dtype=np.float32).reshape(2, 3, 1)
    return length * a / np.linalg.norm(a)


def linear(a):
    return lambda x: jnp.sum(x * a, axis=(1, 2, 3)) + 5.0


def images(seed, count=4):
    return np.random.default_rng(seed).standard_normal((count, 2, 3, 1), np.float32)


gradient_penalty = quick_jit(losses.gradient_penalty, static_argnums=0)


def quadratic(x):
    """|x|^2 / 2, whose gradient is x."""
    return 0.5 * jnp.sum(x.reshape(x.shape[0], -1) ** 2, axis=1)


@pytest.mark.parametrize("length, penalty", [(1, 0.0), (3, 4.0), (0.5, 0.25)])
def test_gradient_penalty_of_a_linear_critic(length, penalty):
    alpha = np.linspace(0, 1, 4, dtype=np.float32)
    value = gradient_penalty(linear(direction(length)), images(0), images(1), alpha)
    np.testing.assert_allclose(value, penalty, atol=1e-5)


def test_gradient_penalty_at_zero_gradient():
    """The penalty is 1 there, and its own gradient finite."""
    alpha = full(4, 0.5)
    penalty = lambda a: losses.gradient_penalty(linear(a), images(0), images(1), alpha)
    value, gradient = quick_jit(jax.value_and_grad(penalty))(full((2, 3, 1), 0))
    np.testing.assert_allclose(value, 1, atol=1e-5)
    assert np.all(np.isfinite(gradient))


def test_gradient_penalty_is_taken_between_the_pair():
    """The quadratic's penalty tells where it was taken, sample by sample."""
    real, fake = images(0), images(1)
    alpha = np.array([0.0, 1.0, 0.25, 0.7], np.float32)
    between = np.stack([r + a * (f - r) for r, f, a in zip(real, fake, alpha, strict=True)])
    wanted = np.mean((np.sqrt(np.sum(between**2, axis=(1, 2, 3))) - 1) ** 2)
    np.testing.assert_allclose(gradient_penalty(quadratic, real, fake, alpha), wanted, rtol=1e-5)
    # Other pairs give another number, so the equality above does tell them apart.
    assert abs(gradient_penalty(quadratic, real, fake[::-1], alpha) - wanted) > 1e-3


def test_gradient_penalty_of_points():
    """2-D data [B, 2]."""
    real = np.float32([[3.0, 4.0], [0.0, 2.0]])
    value = gradient_penalty(quadratic, real, full((2, 2), 0), full(2, 0))
    np.testing.assert_allclose(value, (16 + 1) / 2, rtol=1e-6)


def test_r1_of_a_linear_discriminator():
    penalty = quick_jit(jax.value_and_grad(lambda a: losses.r1_penalty(linear(a), images(0))))
    value, gradient = penalty(direction(3))
    np.testing.assert_allclose(value, 9 / 2, rtol=1e-5)
    np.testing.assert_allclose(gradient, direction(3), rtol=1e-5)


def test_squared_norms_are_each_samples_own():
    """One number for each sample, whatever the others are."""
    x = images(0)
    np.testing.assert_allclose(losses.squared_norms(quadratic, x), np.sum(x**2, axis=(1, 2, 3)), rtol=1e-5)


# InfoGAN


def test_information_of_a_categorical_code():
    code = np.arange(10)
    uniform = full((10, 10), 3.7)
    information = quick_jit(losses.categorical_information)
    np.testing.assert_allclose(information(uniform, code), 0, atol=1e-6)
    truth = np.where(np.eye(10) == 1, 0.0, -1e4).astype(np.float32)
    np.testing.assert_allclose(information(truth, code), np.log(10), rtol=1e-6)
    # A Q that is sure and wrong is below 0.
    assert information(truth, np.roll(code, 1)) < -1e3


def test_information_gradient():
    """-I's gradient is that of a softmax cross entropy: (softmax - one-hot) / B."""
    logits, code = np.float32([[0.5, -1.0, 2.0], [0.0, 0.1, 0.2]]), np.array([2, 0])
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gradient = grad(lambda x: -losses.categorical_information(x, code))(logits)
    np.testing.assert_allclose(gradient, (softmax - np.eye(3)[code]) / 2, atol=1e-6)


def test_gaussian_log_likelihood():
    """At the code itself -1/2 log 2 pi for each code, and minus half the squared distance elsewhere."""
    code = np.float32([[0.1, -0.4], [0.9, 0.3]])
    peak = -np.log(2 * np.pi)
    np.testing.assert_allclose(losses.gaussian_log_likelihood(code, code), peak, rtol=1e-6)
    moved = code + np.float32([[1.0, 2.0], [0.0, 3.0]])
    np.testing.assert_allclose(losses.gaussian_log_likelihood(moved, code), peak - 0.5 * (5 + 9) / 2, rtol=1e-6)
