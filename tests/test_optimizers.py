"""Optimizers: against the papers' and PyTorch's rules written out in numpy, and their schedules."""

import inspect
from functools import partial

import jax
import numpy as np
import optax
import pytest

from gan_zoo import optimizers
from gan_zoo.errors import UserError
from gan_zoo.optimizers import build, keep_within, schedule, settings

# Without XLA's optimizer such small programs compile in half the time.
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
START = np.array([1.0, -2.0, 0.5])
CURVATURES = np.array([1.0, 0.1, 3.0])


def gradient_at(x, turn):
    """A quadratic whose minimum drifts."""
    return CURVATURES * x + 0.1 * turn


def descend(optimizer, turns, gradient=gradient_at, start=START):
    """Parameters after each turn, in float64."""
    with jax.enable_x64(True):
        x, path = np.asarray(start, np.float64), []
        state = optimizer.init(x)
        step = quick_jit(lambda g, state, x: optimizer.update(g, state, x))
        for turn in range(turns):
            updates, state = step(np.asarray(gradient(x, turn), np.float64), state, x)
            x = x + np.asarray(updates)
            path.append(x)
    return np.array(path)


def rmsprop(x, turns, rate, decay, epsilon=1e-8):
    """PyTorch's: epsilon is added to the root."""
    square, path = 0, []
    for turn in range(turns):
        g = gradient_at(x, turn)
        square = decay * square + (1 - decay) * g**2
        x = x - rate * g / (np.sqrt(square) + epsilon)
        path.append(x)
    return np.array(path)


def adam(x, turns, rate, b1, b2, epsilon=1e-8, l2=0.0, decoupled=0.0):
    mean, square, path = 0, 0, []
    for turn in range(turns):
        g = gradient_at(x, turn) + l2 * x
        mean, square = b1 * mean + (1 - b1) * g, b2 * square + (1 - b2) * g**2
        corrected, root = mean / (1 - b1 ** (turn + 1)), np.sqrt(square / (1 - b2 ** (turn + 1)))
        x = x - rate * (corrected / (root + epsilon) + decoupled * x)
        path.append(x)
    return np.array(path)


# Where torch 2.13.0's optimizers end after five turns on the same problem, in float64.
TORCH = {
    "rmsprop": [0.6691137860184528, -1.9767906396024515, 0.19757449066141203],
    "adam": [0.9481529843695301, -1.9878855873824852, 0.44895010907155847],
    "adam with weight decay": [0.948307261218942, -1.9629288830867364, 0.4489936629857194],
}


def test_rmsprop_of_wgan():
    """WGAN's authors use PyTorch's RMSprop: alpha 0.99, and an epsilon outside of the root."""
    chosen = {**settings("rmsprop"), "learning_rate": 0.01, "decay": 0.99, "eps_in_sqrt": False}
    path = descend(build(chosen), 5)
    np.testing.assert_allclose(path, rmsprop(START, 5, 0.01, 0.99), rtol=1e-9)
    np.testing.assert_allclose(path[-1], TORCH["rmsprop"], rtol=1e-7)


def test_adam():
    path = descend(build({**settings("adam"), "learning_rate": 0.01, "b1": 0.5}), 5)
    np.testing.assert_allclose(path, adam(START, 5, 0.01, 0.5, 0.999), rtol=1e-9)
    np.testing.assert_allclose(path[-1], TORCH["adam"], rtol=1e-7)


def test_l2_is_added_to_the_gradient():
    """As PyTorch's Adam does, and not as AdamW, which takes the decay past the moments."""
    common = {"learning_rate": 0.01, "b1": 0.5}
    path = descend(build({**settings("adam"), **common, "l2": 0.1}), 5)
    np.testing.assert_allclose(path, adam(START, 5, 0.01, 0.5, 0.999, l2=0.1), rtol=1e-9)
    np.testing.assert_allclose(path[-1], TORCH["adam with weight decay"], rtol=1e-7)
    decoupled = descend(build({**settings("adamw"), **common, "weight_decay": 0.1}), 5)
    np.testing.assert_allclose(decoupled, adam(START, 5, 0.01, 0.5, 0.999, decoupled=0.1), rtol=1e-9)
    assert np.abs(path - decoupled).max() > 1e-4


# Settings


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd", "lion"])
def test_settings_have_every_field(name):
    """Everything that a config may change: what the schedules need and each of optax's numbers and switches."""
    known = settings(name)
    assert set(optimizers.COMMON) <= set(known) and known["name"] == name
    for parameter in inspect.signature(getattr(optax, name)).parameters.values():
        if type(parameter.default) in (bool, int, float):
            assert known[parameter.name] == parameter.default or parameter.name == "learning_rate"
    # They are complete: the optimizer they make takes a step.
    assert np.all(descend(build(known), 1)[0] != START)


def test_settings_of_sgd_have_a_momentum():
    assert {"momentum", "final_momentum", "momentum_rounds", "nesterov"} <= set(settings("sgd"))


@pytest.mark.parametrize("name", ["adamm", "", "__name__"])
def test_unknown_optimizer(name):
    with pytest.raises(UserError, match="unknown optimizer"):
        settings(name)


# Schedules


def rates(chosen, turns, count):
    """The learning rate of each turn: what plain gradient descent moves by when the gradient is 1."""
    path = descend(build({**settings("sgd"), **chosen}, turns), count, lambda x, turn: np.ones(1), np.zeros(1))
    return -np.diff(path[:, 0], prepend=0)


def test_constant_rate():
    np.testing.assert_allclose(rates({"learning_rate": 0.1}, 2, 4), [0.1] * 4)


@pytest.mark.parametrize("turns", [1, 5])
def test_linear_schedule_ends_at_zero(turns):
    """Settings count rounds, optax counts turns: after decay_rounds of five turns each the rate is 0."""
    found = rates({"learning_rate": 0.1, "schedule": "linear", "decay_rounds": 4}, turns, 4 * turns + 2)
    np.testing.assert_allclose(found[: 4 * turns], 0.1 * (1 - np.arange(4 * turns) / (4 * turns)), rtol=1e-5)
    # But for the rounding of one division in float32.
    np.testing.assert_allclose(found[4 * turns :], 0, atol=0.1 * 1e-7)


def test_exponential_schedule_stops_at_its_floor():
    chosen = {"learning_rate": 0.1, "schedule": "exponential", "decay_rate": 0.5, "floor": 0.02}
    np.testing.assert_allclose(rates(chosen, 3, 5), [0.1, 0.05, 0.025, 0.02, 0.02], rtol=1e-5)
    np.testing.assert_allclose(rates({**chosen, "floor": 0.0}, 1, 5), 0.1 * 0.5 ** np.arange(5), rtol=1e-5)


def test_exponential_schedule_in_steps():
    """Halved every three rounds, whatever the turns in a round."""
    chosen = {"learning_rate": 0.1, "schedule": "exponential", "decay_rate": 0.5, "decay_period": 3}
    for turns in (1, 2):
        by_hand = [0.1 * 0.5 ** (turn // (3 * turns)) for turn in range(7)]
        np.testing.assert_allclose(rates(chosen, turns, 7), by_hand, rtol=1e-5)


def test_schedules_that_are_incomplete():
    with pytest.raises(UserError, match="decay_rounds"):
        schedule({**optimizers.COMMON, "schedule": "linear"}, 1)
    with pytest.raises(UserError, match="unknown schedule 'cosine'"):
        build({**settings("adam"), "schedule": "cosine"})


def test_what_is_at_rest_before_the_end_is_told():
    linear = {**optimizers.COMMON, "schedule": "linear", "decay_rounds": 80}
    config = {"rounds": 100, "a_optimizer": linear, "b_optimizer": optimizers.COMMON, "optimizer": linear}
    assert optimizers.at_rest(config, 80) == {}
    assert optimizers.at_rest(config, 81) == {"a_optimizer": 80, "optimizer": 80}


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_rises(nesterov):
    """The 2014 GAN's: linear from 0.5 to 0.7 over the rounds, while the rate falls; checked by the recursion."""
    chosen = {
        **settings("sgd"),
        "learning_rate": 0.1,
        "schedule": "exponential",
        "decay_rate": 0.9,
        "momentum": 0.5,
        "final_momentum": 0.7,
        "momentum_rounds": 2,
        "nesterov": nesterov,
    }
    path = descend(build(chosen, turns=2), 6)
    x, trace = START, 0
    for turn, found in enumerate(path):
        momentum = 0.5 + 0.2 * min(turn / 4, 1)
        g = gradient_at(x, turn)
        trace = g + momentum * trace
        x = x - 0.1 * 0.9**turn * (g + momentum * trace if nesterov else trace)
        np.testing.assert_allclose(found, x, rtol=1e-5)


# Clipping


def test_keep_within_bounds_every_parameter():
    """WGAN's clipping: wherever updates lead, the parameters end in [-c, c], those of BatchNorm too."""
    rng = np.random.default_rng(0)
    params = {
        "Conv_0": {"kernel": rng.standard_normal((3, 4)).astype(np.float32)},
        "BatchNorm_0": {"scale": np.ones(4, np.float32), "bias": np.zeros(4, np.float32)},
    }
    transform = keep_within(0.01)
    # An update is a difference: from a scale of 1 it leads to the bound but for the rounding of 1.
    for rounding in (1.2e-7, 1e-9, 1e-9):
        updates = jax.tree.map(lambda p: rng.standard_normal(p.shape).astype(np.float32), params)
        clipped, _ = transform.update(updates, transform.init(params), params)
        params = jax.tree.map(np.asarray, optax.apply_updates(params, clipped))
        for leaf in jax.tree.leaves(params):
            assert np.abs(leaf.astype(np.float64)).max() <= 0.01 + rounding


def test_keep_within_changes_only_what_leaves():
    params, updates = np.float32([0.1, 0.1, -0.2, 5]), np.float32([0.2, 0.9, -0.9, -4.75])
    clipped, _ = keep_within(0.5).update(updates, optax.EmptyState(), params)
    np.testing.assert_allclose(params + clipped, [0.3, 0.5, -0.5, 0.25], atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_clip_is_the_last_part_of_the_chain(name):
    """Whatever the optimizer, its rate and its decay: parameters are within the bound after each turn."""
    path = descend(build({**settings(name), "learning_rate": 10.0, "l2": 0.5}, clip=0.01), 4)
    assert np.abs(path).max() <= 0.01 + 1e-9
    assert np.any(np.abs(path) == np.abs(path).max())
    assert np.abs(descend(build({**settings(name), "learning_rate": 10.0}), 1)).max() > 0.01
