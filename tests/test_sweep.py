"""Sweeps: which jobs a file gives, how they are named, and that killed, failed and finished ones are told apart."""

import csv
import fcntl
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from ml_collections import ConfigDict
from tools import command, environment, lines, result, start

from gan_zoo import config as configs
from gan_zoo import live, sweep, workdir
from gan_zoo.errors import UserError
from gan_zoo.sweep import load, name_of

CONFIG = str(Path(__file__).resolve().parent.parent / "configs" / "gan.py") + ":25gaussians"


def sweep_file(tmp_path, body, name="some.py"):
    file = tmp_path / name
    file.write_text(f"CONFIG = {CONFIG!r}\ndef get_runs():\n    {body}\n")
    return str(file)


def test_a_run_is_named_by_its_settings():
    settings = {"loss": "hinge", "generator.hidden": (16, 16), "seed": 3}
    name = name_of("configs/gan.py:25gaussians", settings)
    assert name == "gan-25gaussians,generator.hidden=16x16,loss=hinge/seed_3"
    odd = [name_of("gan.py", {"dataset": f"folder:a{sign}b"}) for sign in "/:"]
    assert odd[0] != odd[1] and all(one.startswith("gan,dataset=folder_a_b~") for one in odd)
    assert name_of("my/dir/gan.py", {}) == "gan/seed_0"
    assert name_of("gan.py:digits", {"rounds": 5, "seed": 0}) == "gan-digits,rounds=5/seed_0"
    long = name_of("gan.py", {"dataset": "folder:/" + "x" * 400})
    assert len(Path(long).parent.name) < 220
    for sign in "é漢":  # file systems count bytes
        assert len(Path(name_of("gan.py", {"dataset": f"folder:{100 * sign}"})).parent.name.encode()) < 255
    assert name_of("gan.py", dict(reversed(settings.items()))) == name_of("gan.py", settings)


@pytest.mark.parametrize(
    "body, message",
    [
        ("return []", "gives no runs: get_runs"),
        ("return [{'loss': 'hinge'}]", "a run names no config"),
        ("return [{'config': x + 'configs/gan.py:digits'} for x in ('', './')]", "gan-digits/seed_0 twice, of"),
        ("return [{'config': CONFIG, 'loss': 'hinge', 'rounds': r} for r in (9, 9.0)]", "is of type int|twice"),
        ("return {'run': {'config': CONFIG}}", "a list of runs, without names"),
        ("return [{'config': CONFIG}]\nEXECUTOR = 3", "gives no runs: TypeError"),
        ("return [{'config': CONFIG}, {'config': CONFIG, 'loss': 'non_saturating'}]", "lists one run twice"),
        ("return [{'config': None}]", "a run names no config"),
        ("return [{'config': CONFIG, 'loss': None}]", "loss is None"),
        ("return [{'config': CONFIG, 'batchsize': 3}]", "did you mean config.batch_size"),
        ("return [{'config': 'configs/gans.py'}]", "no config file"),
        ("raise KeyError('x')", "gives no runs: KeyError"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(tmp_path, body, message):
    with pytest.raises(UserError, match=message):
        load(sweep_file(tmp_path, body), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    with pytest.raises(UserError, match="no sweep file"):
        load(str(tmp_path / "none.py"), tmp_path)


def test_what_a_random_search_draws_twice_is_played_once(tmp_path, caplog):
    caplog.set_level("INFO", "gan_zoo")
    body = "return [{'config': CONFIG, **{k: 9 for k in s}} for s in (('rounds', 'seed'), ('seed', 'rounds'))]"
    (job,), _ = load(sweep_file(tmp_path, body), tmp_path)
    assert job.name == "gan-25gaussians,rounds=9/seed_9" and f"lists {job.name} twice" in caplog.text


def test_sweeps_without_submitit(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install 'gan_zoo\[sweep\]'"):
        sweep.Sweep([], tmp_path, "local", {}, 1)


def test_seeds_that_follow_each_other_are_trained_together(tmp_path):
    body = "return [{'config': CONFIG, 'loss': loss, 'seed': s} for loss in ('hinge', 'minimax') for s in (2, 0, 1)]"
    file = sweep_file(tmp_path, body)
    apart, _ = load(file, tmp_path)
    together, _ = load(file, tmp_path, together=True)
    assert len(apart) == 6 and [job.seeds for job in together] == [3, 3]
    assert {job.folder.parent for job in apart} == {job.folder for job in together}
    first = together[0]
    assert "--config.seed=0" in first.arguments and first.arguments[-1] == "--config.seeds=3"
    # A folder of the seeds that are trained together holds the very run that one trained alone would be.
    alone = next(job for job in apart if job.folder == first.folder / "seed_1")
    assert configs.to_json(alone.wanted) == {**configs.to_json(first.wanted), "seeds": 1, "seed": 1}
    gap = sweep_file(tmp_path, "return [{'config': CONFIG, 'seed': s} for s in (0, 2)]", "gap.py")
    gap, _ = load(gap, tmp_path, True)
    assert [job.seeds for job in gap] == [1, 1]
    finish(next(job for job in apart if job.folder == first.folder / "seed_0"))
    rest, _ = load(file, tmp_path, together=True)  # what is done is not played again
    assert sorted((job.seeds, job.is_done()) for job in rest) == [(1, True), (2, False), (3, False)]


def test_values_of_numpy_are_pythons(tmp_path):
    values = "'generator.hidden': np.array([8, 8]), 'batch_size': np.int64(4), 'loss': np.str_('hinge')"
    body = f"return [{{'config': CONFIG, {values}}}]"
    file = Path(sweep_file(tmp_path, body))
    file.write_text("import numpy as np\n" + file.read_text())
    (job,), _ = load(str(file), tmp_path)
    assert job.wanted.generator.hidden == (8, 8) and job.wanted.batch_size == 4 and job.wanted.loss == "hinge"


def finished(job):
    return {"config.json": configs.to_json(job.wanted), "evaluation.json": {}, "result.json": {"step": 10}}


def finish(job):
    job.folder.mkdir(parents=True)
    for name, value in finished(job).items():
        workdir.write(job.folder / name, value)


def test_what_is_done_is_told_by_its_files(tmp_path):
    (job,), _ = load(sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': 10}]"), tmp_path)
    assert not job.is_done() and not job.is_busy()
    finish(job)
    assert job.is_done()
    wanted = configs.to_json(job.wanted)
    earlier = {name: value for name, value in wanted.items() if name != "conditioning"}
    workdir.write(job.folder / "config.json", earlier)  # of a version that did not have this field
    assert job.is_done()
    (job.folder / "result.json").write_text('{"step"')
    assert not job.is_done()
    workdir.write(job.folder / "result.json", {"step": 10})
    changed = {"rounds": 9, "loss": "hinge", "eval_samples": 5, "extractor": "x", "best_score": "fid"}
    for field, value in changed.items():  # the config file's, since then
        workdir.write(job.folder / "config.json", {**wanted, field: value})
        assert not job.is_done()
    for name, trained in ((".lock", True), (sweep.TURN, False)):
        with open(job.folder / name, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert job.is_busy() and job.is_trained() == trained
        assert not job.is_busy()


@pytest.mark.parametrize("change, kept", [({}, True), ({"eval_samples": 7}, False), ({"rounds": 20}, False)])
def test_scores_go_before_another_config_is_written(tmp_path, monkeypatch, change, kept):
    (job,), _ = load(sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': 10}]"), tmp_path)
    finish(job)
    write = workdir.write

    def killed(path, value):
        if path.name == "config.json":
            raise KeyboardInterrupt
        write(path, value)

    monkeypatch.setattr(workdir, "write", killed)
    opened = object.__new__(workdir.Workdir)
    with pytest.raises(KeyboardInterrupt):
        opened.__init__(job.folder, ConfigDict({**job.wanted.to_dict(), **change}))
    opened.lock.close()
    assert [(job.folder / name).exists() for name in ("result.json", "evaluation.json")] == [kept, kept]


def stand_in(tmp_path, monkeypatch, **programs):
    """Puts shell programs before all others."""
    for name, body in programs.items():
        file = tmp_path / "bin" / name.replace("_", "-")
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


@pytest.mark.parametrize("allowed, shares", [(None, ["0,1", "2,3"]), ("3,5", ["3", "5"]), ("", ["", ""])])
def test_jobs_share_the_gpus(tmp_path, monkeypatch, allowed, shares):
    lines = "".join(f"GPU {number}: H100 (UUID: GPU-{number})\n" for number in range(4))
    stand_in(tmp_path, monkeypatch, nvidia_smi=f"printf '{lines}'")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if allowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    monkeypatch.setattr(sweep, "Play", lambda job: lambda: os.environ["CUDA_VISIBLE_DEVICES"])
    jobs, _ = load(sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': r} for r in (8, 9)]"), tmp_path / "runs")
    playing = sweep.Sweep(jobs, tmp_path / "jobs", "local", {}, 2)
    for job in jobs:
        playing._start(job)
    assert [playing.running[job.folder].result() for job in jobs] == shares
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937")
    with pytest.raises(UserError, match="GPUs by their numbers, such as 0,1"):
        sweep.Sweep(jobs, tmp_path / "jobs", "local", {}, 2)


def test_seeds_that_failed_together_are_played_apart(tmp_path, monkeypatch):
    """One seed that fails, say of a loss that is not finite, keeps no other from its end."""

    def played(job):
        files = finished(job)

        def outcome():
            if job.seeds > 1 or job.settings["seed"] == 1:
                raise ValueError(f"{job.name} fails")
            job.folder.mkdir(parents=True)
            for name, value in files.items():
                workdir.write(job.folder / name, value)
            return 0

        return outcome

    monkeypatch.setattr(sweep, "Play", played)
    file = sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': 8, 'seed': s} for s in range(3)]")
    (group,), _ = load(file, tmp_path / "runs", together=True)
    assert [job.folder for job in group.singles] == [job.folder for job in load(file, tmp_path / "runs")[0]]
    out = io.StringIO()
    playing = sweep.Sweep([group], tmp_path / "jobs", "local", {}, 1)
    shown = live.Live(playing, out)
    for _ in playing.play():
        shown.show()
        time.sleep(0.1)
    states = [playing.states[job.folder] for job in (group, *group.singles)]
    assert states == [sweep.APART, sweep.DONE, sweep.FAILED, sweep.DONE]
    told = out.getvalue()
    assert "apart    gan-25gaussians,rounds=8\n" in told and "gan-25gaussians,rounds=8 fails" in told


def test_what_waits_in_slurms_queue_is_not_started_again(tmp_path, monkeypatch):
    states = r"printf 'JobID|State|NodeList\n77|PENDING|\n78|COMPLETED|\n'"
    stand_in(tmp_path, monkeypatch, sbatch="exit 1", srun="exit 1", sacct=states)
    jobs, _ = load(sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': r} for r in (8, 9)]"), tmp_path / "runs")
    (tmp_path / "jobs").mkdir()
    noted = dict(zip((str(job.folder) for job in jobs), ("77", "78"), strict=True))
    workdir.write(tmp_path / "jobs" / "submitted.json", noted)
    playing = sweep.Sweep(jobs, tmp_path / "jobs", "slurm", {"nodes": 2}, 2)
    assert [playing.states[job.folder] for job in jobs] == [sweep.RUNNING, sweep.WAITING]
    assert playing.running[jobs[0].folder].num_tasks == 2


def test_the_end_of_a_log(tmp_path):
    (tmp_path / "out").write_text("".join(f"\r{n} rounds" for n in range(50)) + "\nsubmitit INFO: ended\n")
    (tmp_path / "err").write_text("what went wrong\n\n")
    shown = sweep._tail(tmp_path / "out", tmp_path / "err", tmp_path / "none").splitlines()
    assert len(shown) == sweep.TAIL and shown[-2:] == ["49 rounds", "what went wrong"]


def test_a_sweep_is_killed_and_continued(cache, tmp_path):
    """One run fails, the others do not; killed with -9, the sweep continues and no run is trained by two at once."""
    body = (
        "return [{'config': CONFIG, 'seed': s, 'rounds': 6000, 'eval_samples': 200, 'log_every': 500,"
        " 'checkpoint_every': 2000, 'sample_every': 0, 'generator_optimizer.learning_rate': r}"
        " for s, r in ((0, 1e-4), (0, 1e20))]"
    )
    arguments = ["sweep", sweep_file(tmp_path, body), "--jobs=2", f"--workdir={tmp_path / 'runs'}"]
    env = environment(cache)
    with start(arguments, env) as first:  # the run that is left behind holds its pipes: they are closed, not read
        folder = next(name for name in _until(lambda: [f for f in (tmp_path / "runs").glob("*") if "0.0001" in f.name]))
        _until((folder / "seed_0" / "metrics.jsonl").exists)
        os.kill(first.pid, signal.SIGKILL)
    assert not (folder / "seed_0" / "result.json").exists()  # the run that is left behind is still at work
    second = command(arguments, env)
    assert second.returncode == 2 and "1 runs are not done" in second.stderr, second.stderr
    assert "[1 done, 1 failed]" in second.stdout and "a smaller learning_rate is the usual remedy" in second.stdout
    steps = [line["step"] for line in lines(folder / "seed_0")]
    assert steps == list(range(500, 6001, 500)) and result(folder / "seed_0")["step"] == 6000
    assert (tmp_path / "runs" / "jobs").is_dir() and not (tmp_path / "runs" / "jobs" / "submitted.json").exists()
    with open(tmp_path / "runs" / "sweep.csv") as file:
        rows = {row["state"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"done", "failed"} and rows["done"]["modes_covered"] and "exit code 2" in second.stdout
    written = (folder / "seed_0" / "result.json").stat().st_mtime_ns
    assert "[1 done, 1 failed]" in command(arguments, env).stdout
    assert (folder / "seed_0" / "result.json").stat().st_mtime_ns == written  # what is done is left alone


@pytest.mark.slow
def test_a_job_of_several_processes(cache, tmp_path):
    """They find each other, and the run is one of two processes."""
    few = "'rounds': 20, 'eval_samples': 200, 'sample_every': 0, 'batch_size': 64"
    file = sweep_file(tmp_path, f"return [{{'config': CONFIG, {few}}}]\nEXECUTOR = {{'tasks_per_node': 2}}")
    done = command(["sweep", file, f"--workdir={tmp_path / 'runs'}"], environment(cache))
    assert done.returncode == 0, done.stdout + done.stderr
    (versions,) = (tmp_path / "runs").glob("gan-*/seed_0/versions.json")
    assert json.loads(versions.read_text())["processes"] == 2


def _until(true, seconds=200):
    """Waits for something and gives it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "nothing has come of it"
        time.sleep(0.2)
    return found
