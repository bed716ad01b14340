"""What the loop dispatches at once: some rounds of one or several independent runs, their data read where it is used.

Several runs (config.seeds) are played by one compiled program. They are one state with an axis [S] in front, mapped
by jax.vmap; or, where networks convolve on CPU, a tuple of states, played one after the other: mapped kernels are
slower there (experiments/speed/README.md).
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo.data.feed import Given, read
from gan_zoo.game import Batch, Game, Metrics, Nets
from gan_zoo.step import State, train_step

States = State | tuple[State, ...]


def side_by_side(states: list[State]) -> States:
    """The states of independent runs as ``train_rounds`` takes them."""
    if len(states) == 1 or (_convolves(states) and jax.default_backend() == "cpu"):
        return tuple(states)
    return jax.jit(lambda *states: jax.tree.map(lambda *leaves: jnp.stack(leaves), *states))(*states)


def compile_rounds(game: Game, dtype: Any, states: States, *given: Any) -> jax.stages.Compiled:
    """``train_rounds`` for arguments like these, arrays or their shapes: the program that the loop dispatches."""
    options = {}
    if jax.default_backend() == "cpu" and not _convolves(states):
        options["xla_cpu_experimental_ynn_fusion_type"] = ""  # fused products slow small networks down
    return train_rounds.lower(game, dtype, states, *given).compile(options)


def _convolves(states: States | list[State]) -> bool:
    state = states if isinstance(states, State) else states[0]
    mapped = isinstance(states, State)  # with one axis more
    return any(leaf.ndim == 4 + mapped for leaf in jax.tree.leaves(state.nets))


def apart(states: States) -> tuple[State, ...]:
    """The state of each run."""
    return states if isinstance(states, tuple) else _rows(states)


@jax.jit
def _rows(states: State) -> tuple[State, ...]:
    return tuple(jax.tree.map(lambda x, i=i: x[i], states) for i in range(len(states.step)))


@partial(jax.jit, static_argnames=("game", "dtype"), donate_argnames="states")
def train_rounds(
    game: Game, dtype: Any, states: States, constants: Nets, arrays: Batch, given: tuple[Given, ...]
) -> tuple[States, Metrics]:
    """R rounds of S runs.

    Args:
        dtype: of the images.
        arrays, given: what the runs' feeds have; given's leaves are [R, turns, B, ...].

    Returns:
        The states and the metrics [R, S].
    """

    def play(states, given):
        batches = [read(arrays, one, dtype) for one in given]
        if isinstance(states, State):
            stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches)
            return jax.vmap(lambda state, batch: train_step(game, state, constants, batch))(states, stacked)
        played = [train_step(game, state, constants, batch) for state, batch in zip(states, batches, strict=True)]
        states, metrics = zip(*played, strict=True)
        return states, jax.tree.map(lambda *values: jnp.stack(values), *metrics)

    rounds = jax.tree.leaves(given)[0].shape[0]
    return jax.lax.scan(play, states, given, unroll=rounds == 1)
