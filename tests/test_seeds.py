"""Several seeds in one program: each is the run of that seed alone, and lies in a folder of its own."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import PROJECT, command, environment, lines, mesh_of, play, result, shrunk

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.data.feed import Feed
from gan_zoo.evaluate import summary
from gan_zoo.rounds import of_run, side_by_side, train_rounds
from gan_zoo.step import State, new_state

SEEDS = (3, 4)
POINTS, IMAGES = "configs/gan.py:25gaussians", "configs/dcgan.py:digits"


def together(config, dispatches: int, rounds: int):
    """Plays the seeds in one program: (states, metrics [rounds, S])."""
    spec, (phase,) = configs.build(config)
    source = data.load(config.dataset, "train", config.image_shape)
    mesh = mesh_of(1)
    with jax.set_mesh(mesh):
        feed = Feed(source, 0, 0, config.batch_size, phase.game.turns, mesh, jnp.float32)
        feeds = [feed.of_seed(seed) for seed in SEEDS]
        batch = data.example(spec, config.batch_size)
        states = side_by_side([new_state(phase.game, jax.random.key(seed), batch) for seed in SEEDS])
        history = []
        for dispatch in range(dispatches):
            given = tuple(feed.given(dispatch * rounds, rounds) for feed in feeds)
            states, metrics = train_rounds(phase.game, jnp.float32, states, {}, feed.arrays, given)
            history.append(jax.device_get(metrics))
    return states, {name: np.concatenate([one[name] for one in history]) for name in history[0]}


@pytest.mark.parametrize("name, dispatches, rounds", [(POINTS, 2, 3), (IMAGES, 3, 1)])
def test_each_seed_is_the_run_of_that_seed_alone(name, dispatches, rounds):
    config, _ = shrunk(name)
    states, metrics = together(config, dispatches, rounds)
    assert isinstance(states, State) == (name == POINTS)  # mapped; networks that convolve are not, on CPU
    for number, seed in enumerate(SEEDS):
        config.seed = seed
        alone, history, _ = play(config, dispatches * rounds, devices=1)
        for key in history[0]:
            wanted = [one[key] for one in history]
            np.testing.assert_allclose(metrics[key][:, number], wanted, rtol=1e-3, atol=1e-4, err_msg=key)
        mine = of_run(states, number)
        assert int(mine.step) == dispatches * rounds
        np.testing.assert_array_equal(jax.random.key_data(mine.rng), jax.random.key_data(alone.rng))
        for a, b in zip(jax.tree.leaves(mine.nets), jax.tree.leaves(alone.nets), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-3)
    first, second = (jax.tree.leaves(of_run(states, number).nets) for number in (0, 1))
    assert any(np.abs(a - b).max() > 0.01 for a, b in zip(first, second, strict=True)), "the seeds are one run"


@pytest.fixture(scope="module")
def env(cache):
    return environment(cache)


def arguments(workdir, *more: str) -> list[str]:
    _, narrow = shrunk(POINTS)
    often = ["config.checkpoint_every=10", "config.log_every=10", "config.sample_every=20", "config.rounds=40"]
    few = ["config.batch_size=16", "config.eval_samples=64", "config.seeds=2", "config.seed=3"]
    return [str(PROJECT / POINTS), f"--workdir={workdir}", *(f"--{item}" for item in [*few, *narrow, *often, *more])]


@pytest.fixture(scope="module")
def whole(env, tmp_path_factory):
    path = tmp_path_factory.mktemp("seeds")
    run = command(arguments(path), env)
    assert run.returncode == 0, run.stderr
    return path


def test_folders_and_numbers(whole, env):
    for seed in SEEDS:
        folder = whole / f"seed_{seed}"
        assert result(folder)["step"] == 40 and result(folder, "config.json")["seed"] == seed
        assert len(list((folder / "samples").glob("*.png"))) == 2
        sampled = command(["sample", f"--workdir={folder}", f"--output={folder}/one.png"], env)
        assert sampled.returncode == 0 and (folder / "one.png").is_file(), sampled.stderr
    fingerprints = [result(whole / f"seed_{seed}")["fingerprint"] for seed in SEEDS]
    assert len(set(fingerprints)) == 2
    assert result(whole)["seeds"] == list(SEEDS)
    last = lines(whole)[-1]
    losses = last["generator/loss/seeds"]
    assert len(losses) == 2 and last["generator/loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert last["generator/loss/spread"] == pytest.approx(np.std(losses, ddof=1), rel=1e-4)
    score = result(whole, "evaluation.json")["scores"]["high_quality"]
    own = [result(whole / f"seed_{s}", "evaluation.json")["scores"]["high_quality"]["value"] for s in SEEDS]
    assert score["values"] == own and score["value"] == pytest.approx(np.mean(own))
    refused = command(["evaluate", f"--workdir={whole}"], env)
    assert refused.returncode == 2 and "holds 2 runs" in refused.stderr and "seed_3" in refused.stderr


def test_continued_where_all_seeds_have_a_checkpoint(whole, env, tmp_path):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "seed_4" / "checkpoints" / "40")
    run = command(arguments(tmp_path), env)
    assert run.returncode == 0 and "at round 30" in run.stderr, run.stderr
    for seed in SEEDS:
        folder = f"seed_{seed}"
        assert result(tmp_path / folder)["fingerprint"] == result(whole / folder)["fingerprint"]
    plain = lambda rows: [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows]
    assert plain(lines(tmp_path)) == plain(lines(whole))


def test_summary_has_mean_and_spread():
    of = lambda value, share: {"step": 5, "scores": {"a": {"value": value, "n": 1}, "h": {"value": share}}}
    found = summary([0, 1], [of(1.0, [0.0, 1.0]), of(3.0, [1.0, 1.0])])["scores"]
    assert found["a"] == {"value": 2.0, "n": 1, "spread": pytest.approx(2**0.5), "values": [1.0, 3.0]}
    assert found["h"]["value"] == [0.5, 1.0] and found["h"]["spread"] == [pytest.approx(0.5**0.5), 0.0]
    assert summary([7], [of(1.0, [0.0])]) == of(1.0, [0.0])
