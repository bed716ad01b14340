"""A StyleGAN that tests share: tiny, of digits, grown from 4 to 8 pixels in two rounds a phase."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from test_stylegan_networks import NARROW, SMALL
from tools import PROJECT

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.step import new_state, train_step
from gan_zoo.trained import Trained

KEY = jax.random.key(0)
TINY = [f"config.generator.{name}={value}" for name, value in SMALL.items()] + [
    f"config.discriminator.{name}={value}" for name, value in NARROW.items()
]


def build(*overrides, name="digits"):
    config = configs.load(str(PROJECT / f"configs/stylegan.py:{name}"), [*TINY, *overrides])
    return config, *configs.build(config)


def play(phases, spec, rounds=2):
    """Every state at a phase's start and end: [(phase, start, end), ...]."""
    image = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (8, *spec.shape)), jnp.float32)
    batch = {**data.example(spec, 8), "image": image}
    found, state = [], None
    for phase in phases:
        start = state = new_state(phase.game, jax.random.fold_in(KEY, len(found)), batch, state)
        start = jax.tree.map(jnp.copy, start)
        for _ in range(rounds):
            state, metrics = train_step(phase.game, state, {}, jax.tree.map(lambda x: x[None], batch))
        found.append((phase, start, jax.tree.map(jnp.copy, state), metrics))
    return found


@cache
def grown():
    """Config, spec, and what `play` found."""
    config, spec, phases = build()
    return config, spec, play(phases, spec)


def grown_run():
    config, spec, played = grown()
    phase, _, state, _ = played[-1]
    return Trained(config, spec, phase.game, state, 0)
