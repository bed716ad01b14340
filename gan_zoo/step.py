"""One round of any game, compiled once: ``train_step``."""

from functools import cache, partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.sharding import PartitionSpec

from gan_zoo.game import Batch, Game, Metrics, Nets, Player, constrain


class State(flax.struct.PyTreeNode):
    """All that training remembers: what a checkpoint holds.

    Attributes:
        step: rounds played in this phase, int32 scalar.
        rng: random key for the next round.
        nets: every network's variables.
        opt: player -> optimizer state.
        ema: the averaged networks that views and scores see.
    """

    step: jax.Array
    rng: jax.Array
    nets: Nets
    opt: dict[str, optax.OptState]
    ema: Nets


def new_state(game: Game, rng: jax.Array, batch: Batch, earlier: State | None = None) -> State:
    """The state at the start of a phase; optimizers start fresh.

    Networks take over whatever ``earlier`` has at the same place, or where the game's ``inherits`` says; those that
    nobody moves any more stay as views saw them, averaged. Floats have the precision of the batch's images.

    Raises:
        ValueError: a parameter of ``earlier`` has another shape.
    """
    return _begin()(game, rng, batch, earlier)


def state_shapes(game: Game, batch: Batch) -> State:
    """The shapes of ``new_state``, without making it; jax remembers the trace."""
    return _begin().eval_shape(game, jax.random.key(0), batch, None)


@cache
def _begin():
    # Random numbers take long to compile and are drawn once. Level 1 of XLA's compiler on CPU: the same bits, in a
    # fifth of the time (pix2pix:digits, 4 instead of 23 s).
    options = {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else {}
    return jax.jit(_new_state, static_argnames="game", compiler_options=options)


def _new_state(game: Game, rng: jax.Array, batch: Batch, earlier: State | None) -> State:
    rng, init_rng = jax.random.split(rng)
    nets = jax.tree.map(partial(_as_dtype, batch["image"].dtype), game.init(init_rng, batch))
    ema = {name: jax.tree.map(jnp.copy, nets[name]) for name in game.ema}  # donated later: no leaf is shared
    if earlier is not None:
        as_named = lambda nets: nets | {new: nets[old] for new, old in game.inherits.items() if old in nets}
        ema = graft(ema, as_named({**earlier.nets, **earlier.ema}))
        owned = {network for player in game.players.values() for network in player.owns}
        frozen = {name: average for name, average in earlier.ema.items() if name not in owned}
        nets = graft(nets, as_named({**earlier.nets, **frozen}))
    opt = {name: player.optimizer.init(_params(nets, player)) for name, player in game.players.items()}
    state = State(step=jnp.zeros((), jnp.int32), rng=rng, nets=nets, opt=opt, ema=ema)
    return jax.tree.map(lambda x: constrain(jnp.copy(x), PartitionSpec()), state)


def graft(nets: Nets, earlier: Nets) -> Nets:
    """``nets`` with every leaf that ``earlier`` has at the same path taken from there.

    Raises:
        ValueError: such a leaf has another shape.
    """
    old = dict(jax.tree_util.tree_flatten_with_path(earlier)[0])

    def pick(path, leaf):
        if path not in old:
            return leaf
        if old[path].shape != leaf.shape:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            raise ValueError(f"{name} has the shape {old[path].shape} in the earlier run and {leaf.shape} in this one")
        return old[path].astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(pick, nets)


@partial(jax.jit, static_argnames="game", donate_argnames="state")
def train_step(game: Game, state: State, constants: Nets, batches: Batch) -> tuple[State, Metrics]:
    """One round: every player takes its turns, in order.

    Args:
        constants: networks loaded from files, which nobody moves.
        batches: leaves [turns, B, ...]; each player's turn t sees minibatch t.

    Returns:
        The state after the round and the metrics "player/name", means over the player's turns.

    Raises:
        ValueError: a player owns a constant.
    """
    rng, state_rng = jax.random.split(state.rng)
    nets, opt, metrics = dict(state.nets), dict(state.opt), {}
    for name, player in game.players.items():
        if set(player.owns) & set(constants):
            raise ValueError(f"player {name!r} owns a constant network: {sorted(set(player.owns) & set(constants))}")
        reports = []
        # Unrolled in Python: convolutions inside an XLA loop are slow on CPU.
        for turn in range(player.turns):
            rng, turn_rng = jax.random.split(rng)
            batch = jax.tree.map(lambda x, turn=turn: x[turn], batches)
            nets, opt[name], report = _turn(game, player, nets, constants, opt[name], batch, turn_rng, state.step)
            reports.append(report)
        for key in reports[0]:
            metrics[f"{name}/{key}"] = jnp.stack([report[key] for report in reports]).mean()
    ema = {name: _average(state.ema[name], nets[name], decay) for name, decay in game.ema.items()}
    state = State(step=state.step + 1, rng=state_rng, nets=nets, opt=opt, ema=ema)
    return jax.tree.map(lambda x: constrain(x, PartitionSpec()), (state, metrics))


@partial(jax.jit, static_argnames=("game", "player"))  # traced once for all turns
def _turn(game: Game, player: Player, nets: Nets, constants: Nets, opt: Any, batch: Batch, rng, step):
    """One gradient step of one player: (nets, optimizer state, metrics)."""

    def loss(params):
        given = {**nets, **{name: {**nets[name], "params": own} for name, own in params.items()}}
        return player.loss(_for_compute(game, {**constants, **given}), batch, rng, step)

    params = _params(nets, player)
    (value, (new, metrics)), gradients = jax.value_and_grad(loss, has_aux=True)(params)
    updates, opt = player.optimizer.update(gradients, opt, params)
    params = optax.apply_updates(params, updates)
    # The player writes what it owns; whatever its loss did to other networks' state is dropped.
    nets = {**nets, **{name: new[name] for name in player.owns}}
    nets |= {name: {**nets[name], "params": own} for name, own in params.items()}
    norms = {"gradient_norm": optax.tree.norm(gradients), "update_norm": optax.tree.norm(updates)}
    return nets, opt, {"loss": value, **metrics, **norms}


def _params(nets: Nets, player: Player) -> dict[str, Any]:
    return {name: nets[name]["params"] for name in player.owns if "params" in nets[name]}


def _for_compute(game: Game, nets: Nets) -> Nets:
    if game.compute is None:
        return nets
    cast = partial(jax.tree.map, partial(_as_dtype, game.compute))
    return {k: {**v, "params": cast(v["params"])} if "params" in v else v for k, v in nets.items()}


def _as_dtype(dtype: Any, x: jax.Array) -> jax.Array:
    return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x


def _average(old: Any, new: Any, decay: float) -> Any:
    """Exponential moving average of parameters and BatchNorm statistics; other collections are copied."""

    def move(path, old, new):
        averaged = path[0].key in ("params", "batch_stats") and jnp.issubdtype(new.dtype, jnp.floating)
        return decay * old + (1 - decay) * new if averaged else new

    return jax.tree_util.tree_map_with_path(move, old, new)
