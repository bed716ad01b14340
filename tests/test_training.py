"""Whole runs, as a user starts, kills and continues them: the same in the end, or a clear message."""

import json
import random
import shutil
import signal
import time

import jax.numpy as jnp
import numpy as np
import pytest
from tools import PROJECT, command, environment, lines, result, shrunk, start

from gan_zoo import config as configs
from gan_zoo.checkpoint import Checkpoints
from gan_zoo.errors import UserError
from gan_zoo.trained import load

CONFIGS = ["configs/dcgan.py:digits", "configs/wgan_gp.py:25gaussians"]
# A pool of past images, several phases, one player, frames.
MORE = [
    f"configs/{name}.py:digits"
    for name in ("infogan", "cyclegan", "srgan", "stylegan", "stackgan", "autoencoder", "deepfake")
]
MORE.append("configs/next_frame.py:moving_digits")
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in MORE]
LINES = 12  # of metrics in a phase


def arguments(name: str, workdir, *more: str) -> list[str]:
    """A short run of narrow networks that saves often."""
    _, narrow = shrunk(name)
    rounds = ["config.rounds=60", "config.checkpoint_every=10", "config.log_every=5", "config.sample_every=30"]
    few = ["config.batch_size=16", "config.eval_samples=64"]
    return [str(PROJECT / name), f"--workdir={workdir}", *(f"--{item}" for item in [*few, *narrow, *rounds, *more])]


@pytest.fixture(scope="module")
def env(cache):
    return environment(cache)


@pytest.fixture(scope="module")
def whole(env, tmp_path_factory):
    """Uninterrupted runs by config, each made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("whole")
            run = command(arguments(name, made[name]), env)
            assert run.returncode == 0, run.stderr
        return made[name]

    return get


def kill_when(process, condition, seconds=300):
    """Kills -9 as soon as the condition holds."""
    end = time.time() + seconds
    while process.poll() is None and not condition():
        assert time.time() < end, "the run never came so far"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("name", [*CONFIGS, *SLOW])
def test_killed_and_continued_is_the_same_run(name, env, whole, tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    _, phases = configs.build(shrunk(name)[0])
    for goal in (
        LINES * number + random.randint(*when) for number in range(len(phases)) for when in ((4, 9), (10, 11))
    ):
        process = start(arguments(name, tmp_path), env)
        kill_when(process, lambda goal=goal: metrics.exists() and metrics.read_text().count("\n") >= goal)
    run = command(arguments(name, tmp_path), env)
    assert run.returncode == 0, run.stderr
    assert result(tmp_path)["fingerprint"] == result(whole(name))["fingerprint"]
    plain = lambda rows: [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows]
    assert plain(lines(tmp_path)) == plain(lines(whole(name)))
    assert result(tmp_path, "evaluation.json") == result(whole(name), "evaluation.json")


def test_killed_while_a_checkpoint_is_written(env, whole, tmp_path):
    name = CONFIGS[0]
    more = ["config.checkpoint_every=1"]
    process = start(arguments(name, tmp_path, *more), env)
    checkpoints = tmp_path / "checkpoints"
    kill_when(process, lambda: len(list(checkpoints.glob("*tmp*"))) > 0 and len(list(checkpoints.iterdir())) > 2)
    assert list(checkpoints.glob("*tmp*")), "killed too late"
    assert command(arguments(name, tmp_path), env).returncode == 0
    assert result(tmp_path)["fingerprint"] == result(whole(name))["fingerprint"]


def test_a_picture_that_cannot_be_drawn_loses_nothing(env, whole, tmp_path):
    """There is no place for the picture of round 30: that round is saved, and continued from."""
    name = CONFIGS[0]
    place = tmp_path / "samples" / "sample_0000030.png"
    place.mkdir(parents=True)
    run = command(arguments(name, tmp_path, "config.checkpoint_every=1000"), env)
    assert run.returncode and place.name in run.stderr, run.stderr
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["30"]
    place.rmdir()
    run = command(arguments(name, tmp_path), env)
    assert run.returncode == 0 and "at round 30" in run.stderr, run.stderr
    assert result(tmp_path)["fingerprint"] == result(whole(name))["fingerprint"]


def test_damaged_checkpoint_is_refused_and_the_one_before_it_used(env, whole, tmp_path):
    name = CONFIGS[0]
    shutil.copytree(whole(name), tmp_path, dirs_exist_ok=True)
    newest = tmp_path / "checkpoints" / "60"
    file = max((f for f in newest.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    run = command(arguments(name, tmp_path), env)
    assert run.returncode == 0, run.stderr
    assert "CHECKPOINT 60 IS DAMAGED" in run.stderr and "continuing" in run.stderr and "round 50" in run.stderr
    assert result(tmp_path)["fingerprint"] == result(whole(name))["fingerprint"]


def test_more_rounds_continue_the_run(env, whole, tmp_path):
    name = CONFIGS[1]
    assert command(arguments(name, tmp_path, "config.rounds=25"), env).returncode == 0
    assert result(tmp_path)["step"] == 25
    assert command(arguments(name, tmp_path), env).returncode == 0
    assert result(tmp_path)["fingerprint"] == result(whole(name))["fingerprint"]


def test_sigterm_saves_and_ends_cleanly(env, whole, tmp_path):
    name = CONFIGS[0]
    more = ["config.rounds=100000", "config.checkpoint_every=0"]
    process = start(arguments(name, tmp_path, *more), env)
    metrics = tmp_path / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text().count("\n") >= 3):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    stopped = lines(tmp_path)[-1]["step"]
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == [str(stopped)]
    assert f"stopped at round {stopped}" in err and not (tmp_path / "result.json").exists()
    fewer = command(arguments(name, tmp_path, f"config.rounds={stopped - 1}", "config.checkpoint_every=0"), env)
    assert fewer.returncode == 2 and "only more rounds" in fewer.stderr
    again = start(arguments(name, tmp_path, *more), env)
    kill_when(again, lambda: lines(tmp_path)[-1]["step"] > stopped)
    assert lines(tmp_path)[-1]["step"] > stopped


def test_another_config_is_refused_with_the_difference(env, whole):
    run = command(arguments(CONFIGS[0], whole(CONFIGS[0]), "config.noise_size=7"), env)
    assert run.returncode == 2
    assert "config.noise_size: 100 -> 7" in run.stderr


def test_what_is_missing_is_told_before_scores_are_lost(whole, tmp_path, refused_here, monkeypatch):
    name = CONFIGS[0]
    monkeypatch.delenv("GAN_ZOO_INCEPTION", raising=False)
    shutil.copytree(whole(name), tmp_path, dirs_exist_ok=True)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    refused_here(arguments(name, tmp_path, "config.extractor=inception"), "inception")
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_a_second_process_is_kept_out(env, tmp_path):
    name = CONFIGS[0]
    first = start(arguments(name, tmp_path, "config.rounds=100000"), env)
    try:
        while not (tmp_path / "metrics.jsonl").exists():
            assert first.poll() is None, first.communicate()
            time.sleep(0.02)
        second = command(arguments(name, tmp_path, "config.rounds=100000"), env)
        assert second.returncode == 2 and "another process" in second.stderr
    finally:
        first.kill()
        first.communicate()


def test_what_is_not_finite_stops_the_run_and_is_never_saved(env, tmp_path):
    name = CONFIGS[0]
    good = command(arguments(name, tmp_path, "config.rounds=10"), env)
    assert good.returncode == 0
    wild = tmp_path / "wild"
    run = command(arguments(name, wild, "config.generator_optimizer.learning_rate=1e30", "config.rounds=60"), env)
    assert run.returncode == 2
    assert "player" in run.stderr and "round" in run.stderr and "Traceback" not in run.stderr
    assert not (wild / "result.json").exists()
    for row in lines(wild):
        assert all(np.isfinite(v) for v in row.values() if isinstance(v, float))


def test_init_from_starts_with_the_other_runs_networks(env, whole, tmp_path):
    name = CONFIGS[0]
    more = [
        "config.rounds=1",
        "config.generator_optimizer.learning_rate=0.0",
        "config.discriminator_optimizer.learning_rate=0.0",
    ]
    run = command([*arguments(name, tmp_path, *more), f"--init-from={whole(name)}"], env)
    assert run.returncode == 0, run.stderr
    old, new = (Checkpoints(d / "checkpoints", read_only=True).restore().leaves for d in (whole(name), tmp_path))
    for path, leaf in old.items():
        if path.startswith("nets/") and "/params/" in path:
            np.testing.assert_array_equal(leaf, new[path], err_msg=path)


def test_evaluate_sample_and_load(env, whole, tmp_path):
    workdir = whole(CONFIGS[0])
    before = result(workdir, "evaluation.json")
    assert command(["evaluate", f"--workdir={workdir}"], env).returncode == 0
    assert result(workdir, "evaluation.json") == before
    assert before["scores"]["classifier_accuracy"]["value"] >= 0.97
    picture = tmp_path / "seven.png"
    assert (
        command(["sample", f"--workdir={workdir}", "--num=4", "--label=7", f"--output={picture}"], env).returncode == 0
    )
    assert picture.stat().st_size > 100
    refused = command(["sample", f"--workdir={workdir}", "--label=11"], env)
    assert refused.returncode == 2 and "10 classes" in refused.stderr


def test_a_run_is_loaded_and_draws_without_its_data(whole, monkeypatch):
    workdir = whole(CONFIGS[0])
    with monkeypatch.context() as patch:
        for name in ("spec", "load"):
            patch.setattr(f"gan_zoo.data.{name}", pytest.fail)
        learned = load(workdir)
        made = learned.sample(seed=1, num=4, label=7)
    spec, _ = configs.build(learned.config)
    assert learned.spec == spec and made.shape == (4, *spec.shape)


def test_versions_and_config_are_noted(whole):
    workdir = whole(CONFIGS[0])
    assert json.loads((workdir / "config.json").read_text())["batch_size"] == 16
    assert {"jax", "flax", "device"} <= set(result(workdir, "versions.json"))
    assert list((workdir / "tensorboard").iterdir()) and list((workdir / "samples").glob("*.png"))


def test_the_best_checkpoint_is_kept_across_starts(tmp_path):
    """Five saves and a new start: the best, and the latest two."""
    state = {"w": jnp.ones(3)}
    for numbers in ((1, 2, 3), (4, 5, 6)):
        checkpoints = Checkpoints(tmp_path)
        for number in numbers:
            checkpoints.save(number, state, {"played": [["x", number]]}, score=0.9 if number == 2 else 0.1)
        checkpoints.wait()
        checkpoints.close()
    kept = lambda: sorted(int(folder.name) for folder in tmp_path.iterdir())
    assert kept() == [2, 5, 6]
    checkpoints = Checkpoints(tmp_path, best="fid/1000")  # what was best by another score is not by this one
    for number in (7, 8, 9, 10):
        checkpoints.save(number, state, {"played": [["x", number]]}, score=-1.0 if number == 7 else -2.0)
    checkpoints.wait()
    checkpoints.close()
    assert kept() == [7, 9, 10]


def test_a_changed_note_beside_the_state_is_damage(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for number in (1, 2):
        checkpoints.save(number, {"w": jnp.ones(3)}, {"played": [["x", number]]})
    checkpoints.wait()
    note = next(p for p in (tmp_path / "2" / "info").rglob("*") if p.is_file() and b"played" in p.read_bytes())
    note.write_bytes(note.read_bytes().replace(b'["x", 2]', b'["x", 1]').replace(b'["x",2]', b'["x",1]'))
    assert checkpoints.restore().round == 1
    checkpoints.close()


def test_no_good_checkpoint_is_an_error_and_loses_nothing(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"w": jnp.ones(3)}, {})
    checkpoints.wait()
    shutil.rmtree(tmp_path / "1" / "state")
    with pytest.raises(UserError, match="all checkpoints"):
        checkpoints.restore()
    assert (tmp_path / "1").exists()
    checkpoints.close()


def test_not_finite_is_never_saved(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(UserError, match="w is not finite at round 3"):
        checkpoints.save(3, {"w": jnp.array([1.0, jnp.nan])}, {})
    assert not list(tmp_path.glob("3*"))
    checkpoints.close()
