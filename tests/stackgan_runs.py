"""A StackGAN that tests share: narrow, of digits and their names."""

from functools import cache

import jax
from tools import play, shrunk

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.step import new_state
from gan_zoo.trained import Trained

KEY = jax.random.key(0)
WRITTEN = "captioned:test_text.marks:digits"
OVERRIDES = (f"config.dataset={WRITTEN}",)


def small(*overrides):
    config, _ = shrunk("configs/stackgan.py:digits", *OVERRIDES, *overrides)
    return config


@cache
def both_phases():
    """Both phases of a small run, the first one played for two rounds, and the second begun from it."""
    config = small("config.ema_decay=0.5")
    spec, played = configs.build(config)
    first, _, _ = play(config, 2, 1)
    batch = data.example(spec, config.batch_size)
    return config, spec, played, first, new_state(played[1].game, KEY, batch, first)


def first_run():
    """The run as it stands at the end of its first phase."""
    config, spec, played, first, _ = both_phases()
    return Trained(config, spec, played[0].game, first, 2)
