"""Optimizers from a config's settings: optax's, by name, with the schedules of the papers."""

import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gan_zoo.errors import UserError

# Settings of every optimizer beside its own arguments.
COMMON = {
    "learning_rate": 2e-4,
    # or "linear": from constant_rounds on down to 0 at decay_rounds; "exponential": times decay_rate each turn, or in
    # steps of decay_period rounds
    "schedule": "constant",
    "constant_rounds": 0,
    "decay_rounds": 0,
    "decay_rate": 1.0,
    "decay_period": 0,
    "floor": 0.0,  # below which the exponential does not fall
    "l2": 0.0,  # weight decay that is added to the gradient
}
ADAM = {"name": "adam", "b1": 0.5, "b2": 0.999}  # the DCGAN paper's


def settings(name: str) -> dict[str, Any]:
    """Every setting of an optimizer of optax's, with its default.

    Raises:
        UserError: optax has none of that name.
    """
    make = getattr(optax, name, None)
    if not callable(make) or "learning_rate" not in inspect.signature(make).parameters:
        raise UserError(f"unknown optimizer {name!r}: it is one of optax's, such as adam, rmsprop, sgd")
    own = {
        p.name: p.default
        for p in inspect.signature(make).parameters.values()
        if isinstance(p.default, bool | int | float)
    }
    if name == "sgd":
        own |= {"momentum": 0.0, "final_momentum": 0.0, "momentum_rounds": 0}
    return {"name": name, **own, **COMMON}


def build(settings: Mapping[str, Any], turns: int = 1, clip: float = 0.0) -> optax.GradientTransformation:
    """The optimizer of one player.

    Args:
        settings: what ``settings(name)`` gives, changed as wished. sgd's momentum rises linearly to
            final_momentum over momentum_rounds.
        turns: the player's turns in a round: optax counts turns, settings count rounds.
        clip: if not 0, every parameter is kept in [-clip, clip] after each step (WGAN, algorithm 1).

    Raises:
        UserError: a schedule that is unknown or incomplete.
    """
    settings = {**COMMON, **settings}
    own = {k: v for k, v in settings.items() if k not in ("name", *COMMON)}
    make = getattr(optax, settings["name"])
    final, rounds = own.pop("final_momentum", 0.0), own.pop("momentum_rounds", 0)
    if rounds:
        own["momentum"] = optax.linear_schedule(own["momentum"], final, rounds * turns)
        make = optax.inject_hyperparams(make)
    rate = schedule(settings, turns)
    steps = [make(learning_rate=rate, **own)]
    if settings["l2"]:
        steps.insert(0, optax.add_decayed_weights(settings["l2"]))
    if clip:
        steps.append(keep_within(clip))
    return optax.chain(*steps)


def schedule(settings: Mapping[str, Any], turns: int) -> optax.Schedule | float:
    """The learning rate at each of the player's turns."""
    rate, kind = settings["learning_rate"], settings["schedule"]
    if kind == "constant":
        return rate
    if kind == "linear":
        constant, end = settings["constant_rounds"], settings["decay_rounds"]
        if end <= constant:
            raise UserError("schedule=linear needs decay_rounds > constant_rounds: the learning rate is 0 there")
        return optax.linear_schedule(rate, 0.0, (end - constant) * turns, constant * turns)
    if kind == "exponential":
        steps, floor = settings["decay_period"] * turns, settings["floor"] or None
        return optax.exponential_decay(rate, steps or 1, settings["decay_rate"], staircase=bool(steps), end_value=floor)
    raise UserError(f"unknown schedule {kind!r}: it is constant, linear or exponential")


def at_rest(config: Mapping[str, Any], rounds: int) -> dict[str, int]:
    """The config's optimizers whose learning rate is 0 before the end: from which of a phase's ``rounds`` on."""
    optimizers = {name: value for name, value in config.items() if name.endswith("optimizer")}
    ends = {name: own["decay_rounds"] for name, own in optimizers.items() if own["schedule"] == "linear"}
    return {name: end for name, end in ends.items() if end < rounds}


def keep_within(bound: float) -> optax.GradientTransformation:
    """Changes an update so that the parameters that it leads to lie in [-bound, bound]; the chain's last part."""

    def update(updates, state, params):
        clipped = jax.tree.map(lambda p, u: jnp.clip(p + u, -bound, bound) - p, params, updates)
        return clipped, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
