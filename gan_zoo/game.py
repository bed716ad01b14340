"""The contract: a GAN is a game; players take turns; each moves only the networks that it owns.

Nothing here knows generators or discriminators: those are names that a model chooses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.sharding import PartitionSpec

Variables = Mapping[str, Any]  # one network: {"params": ..., "batch_stats": ..., ...}
Nets = dict[str, Variables]  # network name -> its variables
Batch = dict[
    str, jax.Array
]  # leaves [B, ...]; "image" float [B, H, W, C] in [-1, 1] (2-D sets: [B, 2]), "label" int [B]
Metrics = dict[str, jax.Array]  # scalars

LossFn = Callable[[Nets, Batch, jax.Array, jax.Array], tuple[jax.Array, tuple[Nets, Metrics]]]
View = Callable[[Nets, Batch, jax.Array], Batch]


@dataclass(frozen=True, eq=False)
class Player:
    """Owns networks and moves them by gradient steps on its loss.

    Attributes:
        owns: names of the networks that this player alone moves.
        loss: (nets, batch, rng, step) -> (loss, (nets with new state, metrics)); differentiated towards the
            parameters of ``owns``. ``step`` is the round within the phase.
        optimizer: its count is the player's turns, not the rounds.
        turns: gradient steps in a round, each on a fresh minibatch (k in Algorithm 1 of the GAN paper).
    """

    owns: tuple[str, ...]
    loss: LossFn
    optimizer: optax.GradientTransformation
    turns: int = 1


@dataclass(frozen=True, eq=False)
class Game:
    """Networks, players in order of play, and how to look at what they have learned.

    Attributes:
        init: (rng, batch) -> nets.
        players: name -> player, in order of play.
        views: name -> (nets, batch, rng) -> generated batch. "sample" makes as many images as the batch has
            samples, in {"image": [B, ...]}, beside what they were made from ("label", "code"). Every other view
            is a picture for people, {"image": [rows, columns, ...]}.
        scores: (nets, batch, rng) -> the member's own scores, computed from the networks alone.
        latents: (rng, batch) -> by name, what "sample" makes its images of; a batch may bring its own.
        probes: name -> (nets, batch, rng) -> whatever else one may ask of a batch, such as its logits [B].
        titles: view -> the titles of its columns.
        ema: network -> decay for each round of the average that views and scores see.
        inherits: network -> the network of the phase before that it begins as, where it is another one.
        given: what of a held-out example "sample" starts from, "image" or "input"; "" where it starts from noise.
        one_size: whether networks take images of the trained size alone.
        about: what scores of this game should say of it.
        named: scores that are called otherwise for this game: general name -> its own.
        compute: precision of the networks' arithmetic in training (None: that of the parameters).

    Raises:
        ValueError: a network with two owners, or a player without turns.
    """

    init: Callable[[jax.Array, Batch], Nets]
    players: Mapping[str, Player]
    views: Mapping[str, View] = field(default_factory=dict)
    scores: Callable[[Nets, Batch, jax.Array], Metrics] | None = None
    latents: Callable[[jax.Array, Batch], Batch] | None = None
    probes: Mapping[str, Callable[[Nets, Batch, jax.Array], Any]] = field(default_factory=dict)
    titles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ema: Mapping[str, float] = field(default_factory=dict)
    inherits: Mapping[str, str] = field(default_factory=dict)
    given: str = ""
    one_size: bool = False
    about: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    compute: Any = None

    def __post_init__(self):
        owner = {}
        for name, player in self.players.items():
            if player.turns < 1:
                raise ValueError(f"player {name!r} has {player.turns} turns; it needs at least one")
            for network in player.owns:
                if network in owner:
                    raise ValueError(f"network {network!r} has two owners, {owner[network]!r} and {name!r}")
                owner[network] = name

    @property
    def turns(self) -> int:
        """Minibatches in a round: the turns of the player that has most."""
        return max(player.turns for player in self.players.values())


@dataclass(frozen=True)
class Phase:
    """A game, how many rounds of it are played and with how large minibatches; 0 is what the config says.

    ``constants`` loads networks from files. ``paced``: the game of a phase of another length, where it depends on that,
    as a fade does.
    """

    name: str
    game: Game
    constants: Callable[[], Nets] = dict
    rounds: int = 0
    batch_size: int = 0
    paced: Callable[[int], Game] | None = None

    @property
    def images(self) -> int:
        """Real images that the phase reads."""
        return self.rounds * self.game.turns * self.batch_size


def run(module: nn.Module, variables: Variables, *args: Any, rngs: Any = None, **kwargs: Any) -> tuple[Any, Variables]:
    """Applies a network in training mode: (output, variables with new state).

    The arithmetic has the precision of the parameters that it is given; outputs are at least float32.
    """
    remembers = [name for name in variables if name != "params"]
    args = _cast_inputs(variables, args)
    output, state = module.apply(variables, *args, train=True, mutable=remembers, rngs=rngs, **kwargs)
    state = jax.tree.map(lambda old, new: new.astype(old.dtype), {k: variables[k] for k in state}, dict(state))
    return _cast_outputs(output), {**variables, **state}


def run_each(module: nn.Module, variables: Variables, *batches: jax.Array) -> tuple[list[Any], Variables]:
    """``run`` of several batches [B, ...], one after the other: (output of each, variables with new state).

    Where the network remembers nothing (so no BatchNorm couples samples) it is one pass of all: larger products, and a
    program that compiles sooner.
    """
    if set(variables) != {"params"}:
        outputs = []
        for batch in batches:
            output, variables = run(module, variables, batch)
            outputs.append(output)
        return outputs, variables
    # In this order, a0, b0, ..., a1, b1, ..., each device keeps its own share.
    together = jnp.stack(batches, axis=1)
    output, variables = run(module, variables, together.reshape(-1, *together.shape[2:]))
    apart = lambda x, i: x.reshape(-1, len(batches), *x.shape[1:])[:, i]
    return [jax.tree.map(lambda x, i=i: apart(x, i), output) for i in range(len(batches))], variables


def infer(module: nn.Module, variables: Variables, *args: Any, **kwargs: Any) -> Any:
    """Applies a network as it is, in evaluation mode: BatchNorm's running statistics, no dropout without ``rngs``."""
    return _cast_outputs(module.apply(variables, *_cast_inputs(variables, args), train=False, **kwargs))


def constrain(x: jax.Array, spec: PartitionSpec) -> jax.Array:
    """Lays x out over the devices of the mesh in use (``jax.set_mesh``), if there is one that divides it."""
    mesh = jax.sharding.get_abstract_mesh()
    if "data" not in mesh.axis_names:
        return x
    if any(name and size % mesh.shape[name] for size, name in zip(x.shape, spec, strict=False)):
        return x
    return jax.lax.with_sharding_constraint(x, spec)


def _is_float(x: Any) -> bool:
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)


def _cast_inputs(variables: Variables, args: tuple) -> tuple:
    floats = [leaf.dtype for leaf in jax.tree.leaves(variables.get("params", {})) if _is_float(leaf)]
    return jax.tree.map(lambda x: x.astype(floats[0]) if floats and _is_float(x) else x, args)


def _cast_outputs(output: Any) -> Any:
    return jax.tree.map(lambda x: x.astype(jnp.promote_types(x.dtype, jnp.float32)) if _is_float(x) else x, output)
