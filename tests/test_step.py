"""One round of any game: who moves, in which order, on what, and what is remembered."""

from functools import cache, partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_zoo.game import Game, Player, infer, run
from gan_zoo.step import graft, new_state, train_step

KEY = jax.random.key(7)


def number(value):
    """A network with a single parameter."""
    return {"params": {"value": jnp.float32(value)}}


def value_of(nets, name):
    return nets[name]["params"]["value"]


def batch_of(*values, dtype=np.float32):
    """Minibatches [turns, 2, 1]: all of minibatch t is values[t]."""
    return {"image": np.broadcast_to(np.array(values, dtype)[:, None, None], (len(values), 2, 1))}


def first(batches):
    return jax.tree.map(lambda x: jnp.asarray(x[0]), batches)


def towards(name, target, seen=()):
    """A loss (value - target)^2 / 2 of one network, which reports the values of others; target may use the batch."""

    def loss(nets, batch, rng, step):
        wanted = target(nets, batch) if callable(target) else target
        metrics = {other: value_of(nets, other) for other in seen}
        return 0.5 * (value_of(nets, name) - wanted) ** 2, ({name: nets[name]}, metrics)

    return loss


def game_of(players, numbers, **options):
    return Game(lambda rng, batch: {name: number(value) for name, value in numbers.items()}, players, **options)


def play(game, rounds=1, batches=None, constants=None, earlier=None):
    batches = batch_of(*[0.0] * game.turns) if batches is None else batches
    state = new_state(game, KEY, first(batches), earlier)
    for _ in range(rounds):
        state, metrics = train_step(game, state, constants or {}, batches)
    return state, metrics


def copy(tree):
    return jax.tree.map(lambda x: x if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else np.array(x), tree)


def assert_same(old, new):
    jax.tree.map(np.testing.assert_array_equal, old, new)


# Who moves


def waves(rng, shape, dtype=jnp.float32):
    """Initial weights that compile faster than random ones, and are no worse here."""
    return jnp.sin(jnp.arange(1, np.prod(shape) + 1, dtype=dtype)).reshape(shape)


class Network(nn.Module):
    """Dense, BatchNorm, and a count of its training passes in a collection of its own."""

    @nn.compact
    def __call__(self, x, train):
        passes = self.variable("memory", "passes", lambda: jnp.zeros((), jnp.int32))
        if train and not self.is_initializing():
            passes.value += 1
        return nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.Dense(3, kernel_init=waves)(x))


@cache
def two_networks(*owned, compute=None):
    """A game whose players run both networks, and hand back the new state of both; made, and compiled, once."""
    network = Network()

    def init(rng, batch):
        left, right = jax.random.split(rng)
        return {key: network.init(k, batch["image"], train=False) for key, k in (("left", left), ("right", right))}

    def loss(nets, batch, rng, step):
        hidden, left = run(network, nets["left"], batch["image"])
        output, right = run(network, nets["right"], hidden)
        return jnp.mean((output - 1) ** 2), ({"left": left, "right": right}, {})

    players = {f"mover of {name}": Player((name,), loss, optax.sgd(0.1)) for name in owned}
    return Game(init, players, ema={"left": 0.75}, compute=compute)


def images(turns=1):
    return {"image": np.random.default_rng(0).standard_normal((turns, 8, 3), np.float32)}


def test_a_player_moves_only_what_it_owns():
    """The other network keeps every bit, also of the statistics that it gathered in the player's loss."""
    game = two_networks("left")
    state = new_state(game, KEY, first(images()))
    before = copy(state.nets)
    state, _ = train_step(game, state, {}, images())
    assert_same(before["right"], state.nets["right"])
    moved = jax.tree.map(
        lambda old, new: bool(np.any(old != np.asarray(new))), before["left"], dict(state.nets["left"])
    )
    assert moved["params"]["Dense_0"]["kernel"]
    assert all(jax.tree.leaves(moved["batch_stats"]))
    assert state.nets["left"]["memory"]["passes"] == 1


def test_each_of_two_players_moves_its_own():
    """State in the other's turn is dropped: each network counts one pass a round, not two."""
    state, _ = play(two_networks("left", "right"), 3, images())
    assert [int(state.nets[name]["memory"]["passes"]) for name in ("left", "right")] == [3, 3]


def test_a_player_may_own_two_networks():
    def loss(nets, batch, rng, step):
        return 0.5 * (value_of(nets, "a") - 1) ** 2 + 0.5 * (value_of(nets, "b") + 2) ** 2, (nets, {})

    game = game_of({"both": Player(("a", "b"), loss, optax.sgd(1.0))}, {"a": 5, "b": 5, "c": 5})
    state, metrics = play(game)
    assert [float(value_of(state.nets, name)) for name in "abc"] == [1, -2, 5]
    # The norms are over all that the player owns.
    np.testing.assert_allclose(metrics["both/gradient_norm"], (4**2 + 7**2) ** 0.5, rtol=1e-6)
    np.testing.assert_allclose(metrics["both/update_norm"], (4**2 + 7**2) ** 0.5, rtol=1e-6)


# Order of play and minibatches


def test_the_second_player_sees_what_the_first_has_done():
    players = {
        "first": Player(("a",), towards("a", 1.0, seen=("a", "b")), optax.sgd(1.0)),
        "second": Player(("b",), towards("b", lambda nets, batch: 10 * value_of(nets, "a"), ("a",)), optax.sgd(1.0)),
    }
    state, metrics = play(game_of(players, {"a": 0, "b": 0}))
    assert metrics["first/a"] == 0 and metrics["first/b"] == 0
    assert metrics["second/a"] == 1
    assert value_of(state.nets, "b") == 10
    # Played the other way round, the same two players end elsewhere.
    state, metrics = play(game_of(dict(reversed(players.items())), {"a": 0, "b": 0}))
    assert metrics["second/a"] == 0 and value_of(state.nets, "b") == 0


def image_mean(nets, batch):
    return batch["image"].mean()


def test_each_turn_sees_its_own_minibatch():
    """With rate 1/2 the value after three turns is x0/8 + x1/4 + x2/2: another order gives another number."""
    players = {
        "thrice": Player(("a",), towards("a", image_mean), optax.sgd(0.5), turns=3),
        "once": Player(("b",), towards("b", image_mean), optax.sgd(1.0)),
    }
    game = game_of(players, {"a": 0, "b": 0})
    assert game.turns == 3
    state, _ = play(game, batches=batch_of(8, 16, 32))
    assert value_of(state.nets, "a") == 1 + 4 + 16
    # Players share minibatches: the second player's first turn sees the first one.
    assert value_of(state.nets, "b") == 8


def test_metrics_are_means_over_turns():
    """Named player/metric, and those that the step adds: loss, gradient_norm, update_norm."""
    players = {"thrice": Player(("a",), towards("a", 1.0, seen=("a",)), optax.sgd(0.5), turns=3)}
    _, metrics = play(game_of(players, {"a": 0}))
    assert set(metrics) == {f"thrice/{name}" for name in ("loss", "a", "gradient_norm", "update_norm")}
    np.testing.assert_allclose(metrics["thrice/a"], np.mean([0, 0.5, 0.75]))
    np.testing.assert_allclose(metrics["thrice/loss"], np.mean([0.5, 0.125, 0.03125]))
    np.testing.assert_allclose(metrics["thrice/gradient_norm"], np.mean([1, 0.5, 0.25]))
    np.testing.assert_allclose(metrics["thrice/update_norm"], np.mean([0.5, 0.25, 0.125]))


def test_minimization_is_the_closed_form():
    """One player alone is plain gradient descent: c + (1 - rate)^n (start - c)."""
    players = {"descent": Player(("a",), towards("a", 3.0), optax.sgd(0.1), turns=2)}
    state, _ = play(game_of(players, {"a": -1}), rounds=5)
    np.testing.assert_allclose(value_of(state.nets, "a"), 3 + 0.9**10 * (-1 - 3), rtol=1e-6)
    assert state.step == 5


def test_step_is_the_round_within_the_phase():
    def loss(nets, batch, rng, step):
        return 0.0 * value_of(nets, "a"), (nets, {"step": step.astype(jnp.float32)})

    game = game_of({"player": Player(("a",), loss, optax.sgd(1.0), turns=2)}, {"a": 0})
    state, metrics = play(game, rounds=3)
    assert metrics["player/step"] == 2
    # The next phase counts from 0 again.
    state, metrics = play(game, earlier=state)
    assert metrics["player/step"] == 0 and state.step == 1


# What is refused


def test_a_network_with_two_owners():
    player = Player(("a",), towards("a", 0.0), optax.sgd(1.0))
    with pytest.raises(ValueError, match="'a' has two owners, 'one' and 'two'"):
        game_of({"one": player, "two": player}, {"a": 0})
    with pytest.raises(ValueError, match="two owners"):
        game_of({"one": Player(("a", "a"), player.loss, player.optimizer)}, {"a": 0})


def test_a_player_without_turns():
    with pytest.raises(ValueError, match="'idle' has 0 turns"):
        game_of({"idle": Player(("a",), towards("a", 0.0), optax.sgd(1.0), turns=0)}, {"a": 0})


def test_owning_a_constant():
    game = game_of({"thief": Player(("a",), towards("a", 0.0), optax.sgd(1.0))}, {"a": 0})
    with pytest.raises(ValueError, match="'thief' owns a constant network.*'a'"):
        play(game, constants={"a": number(1)})


def test_constants_are_seen_and_not_kept():
    """Two values of a constant are two results of one compiled program."""
    target = lambda nets, batch: value_of(nets, "frozen")
    game = game_of({"player": Player(("a",), towards("a", target), optax.sgd(1.0))}, {"a": 0})
    for value in (3, 4):
        state, _ = play(game, constants={"frozen": number(value)})
        assert value_of(state.nets, "a") == value
        assert set(state.nets) == {"a"}


# The averaged networks


def test_ema_is_the_closed_form():
    """ema <- decay ema + (1 - decay) new, once a round, beginning at the initial network."""
    players = {"player": Player(("a",), towards("a", 1.0), optax.sgd(0.5), turns=2)}
    state, _ = play(game_of(players, {"a": 0, "b": 5}, ema={"a": 0.9}), rounds=4)
    wanted = 0.0
    for played in range(1, 5):
        wanted = 0.9 * wanted + 0.1 * (1 - 0.25**played)
    assert set(state.ema) == {"a"}
    np.testing.assert_allclose(value_of(state.ema, "a"), wanted, rtol=1e-6)


def test_ema_averages_statistics_and_copies_the_rest():
    game = two_networks("left", "right")
    state = new_state(game, KEY, first(images()))
    wanted = copy(state.nets["left"])
    for _ in range(2):
        state, _ = train_step(game, state, {}, images())
        for kind in ("params", "batch_stats"):
            wanted[kind] = jax.tree.map(lambda a, b: 0.75 * a + 0.25 * b, wanted[kind], copy(state.nets["left"][kind]))
    ema = state.ema["left"]
    for kind in ("params", "batch_stats"):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7), wanted[kind], dict(ema)[kind])
    assert ema["memory"]["passes"] == state.nets["left"]["memory"]["passes"] == 2
    assert np.any(ema["batch_stats"]["BatchNorm_0"]["mean"] != state.nets["left"]["batch_stats"]["BatchNorm_0"]["mean"])


# The state


def test_the_state_is_donated():
    game = two_networks("left", "right")
    old = new_state(game, KEY, first(images()))
    new, _ = train_step(game, old, {}, images())
    kept = [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, leaf in jax.tree_util.tree_flatten_with_path(old)[0]
        if not leaf.is_deleted()
    ]
    # An average's own copy of what is not averaged is never read, so XLA leaves it.
    assert set(kept) <= {"ema/left/memory/passes"}
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(new))


def test_one_program_for_each_game():
    """Rounds do not trace again, another game with the same shapes does."""
    traces = []

    def make():
        def loss(nets, batch, rng, step):
            traces.append(step)
            return towards("a", image_mean)(nets, batch, rng, step)

        return game_of({"player": Player(("a",), loss, optax.adam(0.1))}, {"a": 0}, ema={"a": 0.5})

    compiled = train_step._cache_size()
    game = make()
    play(game, rounds=3)
    play(game, rounds=2, batches=batch_of(3.0))
    assert len(traces) == 1 and train_step._cache_size() == compiled + 1
    play(make(), rounds=2)
    assert len(traces) == 2 and train_step._cache_size() == compiled + 2


def with_shapes(**shapes):
    """A game with one network "net" whose parameters have these shapes, all ones, and one that it averages."""

    def init(rng, batch):
        params = {name: jnp.ones(shape) for name, shape in shapes.items()}
        return {"net": {"params": {"block": params}}, "averaged": {"params": params}}

    loss = lambda nets, batch, rng, step: (sum(jnp.sum(x) for x in jax.tree.leaves(nets)), (nets, {}))
    return Game(init, {"player": Player(("net", "averaged"), loss, optax.adam(0.5))}, ema={"averaged": 0.5})


def test_a_phase_takes_over_the_earlier_ones_networks():
    """By path: what is there is taken, what is new is fresh, what is gone is dropped; optimizers start fresh."""
    earlier, _ = play(with_shapes(old=(2,), gone=(4,)), rounds=2)
    kept = copy(earlier)
    game = with_shapes(old=(2,), new=(3,))
    state = new_state(game, jax.random.key(1), first(batch_of(0.0)), earlier)
    assert set(state.nets["net"]["params"]["block"]) == {"old", "new"}
    assert_same(state.nets["net"]["params"]["block"]["old"], kept.nets["net"]["params"]["block"]["old"])
    np.testing.assert_array_equal(state.nets["net"]["params"]["block"]["new"], np.ones(3))
    assert np.all(kept.nets["net"]["params"]["block"]["old"] != 1)
    # The average goes on from the earlier average, not from the network.
    assert_same(state.ema["averaged"]["params"]["old"], kept.ema["averaged"]["params"]["old"])
    assert np.all(kept.ema["averaged"]["params"]["old"] != kept.nets["averaged"]["params"]["old"])
    assert state.step == 0
    assert_same(state.opt["player"][0].count, 0)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(state.opt["player"][0].mu))
    # Nothing is shared: the new phase donates its state, and the earlier one can still be read.
    train_step(game, state, {}, batch_of(0.0))
    assert_same(kept.nets, earlier.nets)


def test_another_shape_is_refused_by_name():
    earlier, _ = play(with_shapes(old=(2,)))
    with pytest.raises(ValueError, match=r"net.*/params/.*old has the shape \(2,\).* and \(5,\)|averaged/params/old"):
        new_state(with_shapes(old=(5,)), KEY, first(batch_of(0.0)), earlier)
    with pytest.raises(ValueError, match=r"^net/params/old has the shape \(2,\) in the earlier run and \(5,\) in this"):
        graft({"net": {"params": {"old": jnp.ones(5)}}}, {"net": {"params": {"old": jnp.ones(2)}}})


def test_graft_keeps_the_new_precision():
    taken = graft({"net": jnp.ones(2, jnp.bfloat16)}, {"net": jnp.full(2, 3.0), "other": jnp.ones(7)})
    assert taken["net"].dtype == jnp.bfloat16 and set(taken) == {"net"}
    np.testing.assert_array_equal(taken["net"].astype(np.float32), [3, 3])


# Precision


def test_float64_batches_make_a_float64_state():
    with jax.enable_x64(True):
        batches = {"image": images()["image"].astype(np.float64)}
        state, metrics = play(two_networks("left"), 2, batches)
        floats = [x for x in jax.tree.leaves((state.nets, state.ema, metrics)) if jnp.issubdtype(x.dtype, jnp.floating)]
        assert {x.dtype for x in floats} == {jnp.dtype(jnp.float64)}
        assert state.nets["left"]["memory"]["passes"].dtype == jnp.int32


def test_bfloat16_computes_and_float32_remembers():
    """Parameters, statistics and optimizers keep float32; the losses are near those of float32, and not equal."""
    results = {}
    for compute in (None, "bfloat16"):
        results[compute] = play(two_networks("left", compute=compute), 3, images())
    (full, full_metrics), (half, half_metrics) = results.values()
    assert jax.tree.map(lambda x: x.dtype, full.nets) == jax.tree.map(lambda x: x.dtype, half.nets)
    name = "mover of left/loss"
    assert half_metrics[name].dtype == jnp.float32
    assert all(np.isfinite(value) for value in half_metrics.values())
    np.testing.assert_allclose(half_metrics[name], full_metrics[name], rtol=0.05)
    assert half_metrics[name] != full_metrics[name]


def test_run_and_infer():
    """Training gathers statistics and uses the batch's own, evaluation uses those that were gathered."""
    network = Network()
    x = jnp.asarray(images()["image"][0])
    variables = jax.jit(partial(network.init, train=False))(KEY, x)
    trained, new = jax.jit(partial(run, network))(variables, x)
    np.testing.assert_allclose(trained.mean(0), 0, atol=1e-5)
    assert set(new) == set(variables) and new["memory"]["passes"] == 1 and variables["memory"]["passes"] == 0
    assert_same(variables["params"], new["params"])
    evaluated = jax.jit(partial(infer, network))(variables, x)
    kernel = np.asarray(variables["params"]["Dense_0"]["kernel"])
    np.testing.assert_allclose(evaluated, np.asarray(x) @ kernel, rtol=1e-4, atol=1e-5)


# Randomness


def draws(game, rounds=2, seed=0):
    """The random numbers of every turn."""
    state = new_state(game, jax.random.key(seed), first(batch_of(0.0)))
    drawn = []
    for _ in range(rounds):
        state, metrics = train_step(game, state, {}, batch_of(0.0, 0.0, 0.0))
        drawn.append(float(metrics["other/drawn"]))
    memory = state.nets["notes"]["memory"]
    assert memory["count"] == 3 * rounds
    return [*np.asarray(memory["draws"]).tolist(), *drawn]


def test_every_turn_of_every_round_draws_anew():
    """Three turns and another player's one, two rounds: eight numbers, and the same ones for the same seed.

    The first player's network notes what it is given; it has no parameters at all, and plays all the same.
    """

    def init(rng, batch):
        return {"notes": {"memory": {"draws": jnp.zeros(6), "count": jnp.zeros((), jnp.int32)}}, "a": number(0)}

    def note(nets, batch, rng, step):
        draws, count = nets["notes"]["memory"]["draws"], nets["notes"]["memory"]["count"]
        memory = {"draws": draws.at[count].set(jax.random.uniform(rng)), "count": count + 1}
        return jnp.float32(0), ({"notes": {"memory": memory}}, {})

    def report(nets, batch, rng, step):
        return 0 * value_of(nets, "a"), ({"a": nets["a"]}, {"drawn": jax.random.uniform(rng)})

    players = {
        "writer": Player(("notes",), note, optax.sgd(1.0), turns=3),
        "other": Player(("a",), report, optax.sgd(1.0)),
    }
    game = Game(init, players)
    drawn = draws(game)
    assert len(set(drawn)) == 8
    assert draws(game) == drawn
    assert not set(draws(game, seed=1)) & set(drawn)
