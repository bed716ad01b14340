"""Several seeds in one program: each is the run of that seed alone, and lies in a folder of its own."""

import shutil

import jax
import numpy as np
import pytest
from tools import PROJECT, command, environment, lines, play, play_seeds, result, shrunk

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.evaluate import summary
from gan_zoo.rounds import side_by_side
from gan_zoo.step import State, new_state

SEEDS = (3, 4)
POINTS, IMAGES = "configs/gan.py:25gaussians", "configs/dcgan.py:digits"


@pytest.mark.parametrize("name, at_once", [(POINTS, 3), (IMAGES, 1)])
def test_each_seed_is_the_run_of_that_seed_alone(name, at_once):
    config, _ = shrunk(name)
    states, metrics, _ = play_seeds(config, SEEDS, rounds=6, devices=1, at_once=at_once)
    for number, seed in enumerate(SEEDS):
        config.seed = seed
        alone, history, _ = play(config, rounds=6, devices=1)
        for mine, wanted in zip(metrics, history, strict=True):
            for key in wanted:
                np.testing.assert_allclose(mine[key][number], wanted[key], rtol=1e-3, atol=1e-4, err_msg=key)
        mine = states[number]
        assert int(mine.step) == 6
        np.testing.assert_array_equal(jax.random.key_data(mine.rng), jax.random.key_data(alone.rng))
        for a, b in zip(jax.tree.leaves(mine.nets), jax.tree.leaves(alone.nets), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-3)
    first, second = (jax.tree.leaves(state.nets) for state in states)
    assert any(np.abs(a - b).max() > 0.01 for a, b in zip(first, second, strict=True)), "the seeds are one run"


@pytest.mark.parametrize("name", [POINTS, IMAGES])
def test_seeds_on_eight_devices_are_those_on_one(name):
    with jax.enable_x64(True):
        config, _ = shrunk(name, "config.precision=float64")
        (_, one, _), (_, eight, _) = (play_seeds(config, SEEDS, rounds=6, devices=count) for count in (1, 8))
    for a, b in zip(one, eight, strict=True):
        for key in a:
            assert a[key].shape == (2,)
            np.testing.assert_allclose(a[key], b[key], atol=1e-8, rtol=0, err_msg=key)


def test_networks_that_convolve_are_not_mapped_on_cpu():
    for name, mapped in ((POINTS, True), (IMAGES, False)):
        config, _ = shrunk(name)
        spec, (phase,) = configs.build(config)
        state = new_state(phase.game, jax.random.key(0), data.example(spec, 16))
        assert isinstance(side_by_side([state, state]), State) == mapped


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
    own = [lines(whole / f"seed_{seed}")[-1]["generator/loss"] for seed in SEEDS]
    assert own == pytest.approx(losses, rel=1e-5)
    seconds = [result(whole / f"seed_{seed}")["seconds"] for seed in SEEDS]
    assert sum(seconds) == pytest.approx(result(whole)["seconds"], abs=0.02)
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
    for folder in ("", "seed_3", "seed_4"):
        assert plain(lines(tmp_path / folder)) == plain(lines(whole / folder))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("config.seeds=3", ("unequally far, to the rounds seed_3 40, seed_4 40, seed_5 0", "--config.seed=K")),
        ("config.seeds=1", ("holds runs of several seeds", "--config.seeds=N continues them")),
        ("config.batch_size=32", ("seed_3 holds a run with another config", "batch_size: 16 -> 32")),
    ],
)
def test_what_seeds_have_is_kept_where_a_command_is_refused(whole, override, words, tmp_path, refused_here):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    refused_here(arguments(tmp_path, override), *words)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_summary_has_mean_and_spread():
    of = lambda value, share: {"step": 5, "scores": {"a": {"value": value, "n": 1}, "h": {"value": share}}}
    found = summary([0, 1], [of(1.0, [0.0, 1.0]), of(3.0, [1.0, 1.0])])["scores"]
    assert found["a"] == {"value": 2.0, "n": 1, "spread": pytest.approx(2**0.5), "values": [1.0, 3.0]}
    assert found["h"]["value"] == [0.5, 1.0] and found["h"]["spread"] == [pytest.approx(0.5**0.5), 0.0]
    assert summary([7], [of(1.0, [0.0])]) == of(1.0, [0.0])
