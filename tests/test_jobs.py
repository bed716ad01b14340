"""Jobs: how they share GPUs, and that killed, failed and finished ones are told apart."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import submitit
from sweeps import finished, sweep_file
from tools import command, environment, lines, result, start

from gan_zoo import experiments, jobs, live, workdir
from gan_zoo.errors import UserError
from gan_zoo.sweep import load

TWO = "return [{'config': CONFIG, 'rounds': r} for r in (8, 9)]"


def test_sweeps_without_submitit(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install 'gan_zoo\[sweep\]'"):
        jobs.Sweep([], tmp_path, "local", {}, 1)


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
    monkeypatch.setattr(jobs, "Play", lambda job: lambda: os.environ["CUDA_VISIBLE_DEVICES"])
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "")  # so that what is set here ends with the test
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE")
    listed, _ = load(
        sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': r} for r in (8, 9)]"), tmp_path / "runs"
    )
    playing = jobs.Sweep(listed, tmp_path / "jobs", "local", {}, 2)
    for job in listed:
        playing._start(job)
    assert [playing.running[job.folder].result() for job in listed] == shares
    # Two that share one must not reserve most of its memory each.
    assert os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE") == (None if shares == ["", ""] else "false")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937")
    with pytest.raises(UserError, match="GPUs by their numbers, such as 0,1"):
        jobs.Sweep(listed, tmp_path / "jobs", "local", {}, 2)


@pytest.mark.parametrize("name", ["nodes", "tasks_per_node"])
def test_a_job_has_a_process(tmp_path, name):
    with pytest.raises(UserError, match=f"EXECUTOR: {name} is 0"):
        jobs.Sweep([], tmp_path, "local", {name: 0}, 1)


def test_a_folder_that_cannot_be_written_is_told(tmp_path, capsys, monkeypatch):
    (job,), _ = load(sweep_file(tmp_path, "return [{'config': CONFIG}]"), tmp_path / "runs")
    job.folder.parent.mkdir(parents=True)
    job.folder.write_text("in its place")
    monkeypatch.setattr(submitit, "JobEnvironment", lambda: SimpleNamespace(global_rank=0))
    assert jobs.Play(job)() == 2 and f"File exists: '{job.folder}'" in capsys.readouterr().err


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

    monkeypatch.setattr(jobs, "Play", played)
    file = sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': 8, 'seed': s} for s in range(3)]")
    (group,), _ = load(file, tmp_path / "runs", together=True)
    assert [job.folder for job in group.singles] == [job.folder for job in load(file, tmp_path / "runs")[0]]
    out = io.StringIO()
    playing = jobs.Sweep([group], tmp_path / "jobs", "local", {}, 1)
    shown = live.Live(playing, out)
    for _ in playing.play():
        shown.show()
        time.sleep(0.1)
    states = [playing.states[job.folder] for job in (group, *group.singles)]
    assert states == [jobs.APART, jobs.DONE, jobs.FAILED, jobs.DONE]
    told = out.getvalue()
    assert "apart    gan-25gaussians,rounds=8\n" in told and "gan-25gaussians,rounds=8 fails" in told


def test_seeds_apart_leave_their_place_while_others_are_trained_together(tmp_path, monkeypatch):
    """They would only wait, as only one process trains in a folder."""
    row = "{'config': CONFIG, 'rounds': 8, 'seed': s} for s in (0, 1, 3)"
    file = sweep_file(tmp_path, f"return [*({row}), {{'config': CONFIG, 'rounds': 9}}]")
    listed, _ = load(file, tmp_path / "runs", together=True)
    row, alone, other = sorted(listed, key=lambda job: (job.settings["rounds"], -job.seeds))
    assert (row.seeds, alone.seed) == (2, 3)
    playing = jobs.Sweep([row, alone, other], tmp_path / "jobs", "local", {}, 2)
    started = []

    def start(job):
        started.append(job)
        playing.running[job.folder], playing.states[job.folder] = SimpleNamespace(done=lambda: False), jobs.RUNNING

    monkeypatch.setattr(playing, "_start", start)
    turn = {row.folder, alone.folder}  # as of a sweep that was killed, whose row trains on
    monkeypatch.setattr(jobs.Job, "is_busy", lambda job: job.folder in turn)
    looks = playing.play()
    next(looks)
    states = [playing.states[job.folder] for job in (row, alone, other)]
    assert started == [other] and states == [jobs.RUNNING, jobs.WAITING, jobs.RUNNING]
    turn.clear()
    next(looks)
    next(looks)
    assert started == [other, row] and playing.states[alone.folder] == jobs.WAITING
    del playing.running[row.folder]
    playing.states[row.folder] = jobs.DONE
    next(looks)
    assert started == [other, row, alone]


def test_gpus_are_shared_before_jax_starts(tmp_path, monkeypatch):
    """A phase that is checked builds networks, and jax takes most of a GPU as it starts."""
    stand_in(tmp_path, monkeypatch, nvidia_smi="echo 'GPU 0: H100 (UUID: GPU-0)'")
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "")
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def check(listed):
        raise UserError(f"preallocate is {os.environ.get('XLA_PYTHON_CLIENT_PREALLOCATE')}")

    monkeypatch.setattr("gan_zoo.sweep.check_phases", check)
    arguments = SimpleNamespace(config=sweep_file(tmp_path, TWO), workdir=str(tmp_path), together=False, jobs=1)
    arguments.executor = "local"
    with pytest.raises(UserError, match="preallocate is false"):
        experiments.sweep(arguments, [])


def test_what_waits_in_slurms_queue_is_not_started_again(tmp_path, monkeypatch):
    states = r"printf 'JobID|State|NodeList\n77|PENDING|\n78|COMPLETED|\n'"
    stand_in(tmp_path, monkeypatch, sbatch="exit 1", srun="exit 1", sacct=states)
    listed, _ = load(
        sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': r} for r in (8, 9)]"), tmp_path / "runs"
    )
    (tmp_path / "jobs").mkdir()
    noted = dict(zip((str(job.folder) for job in listed), ("77", "78"), strict=True))
    workdir.write(tmp_path / "jobs" / "submitted.json", noted)
    playing = jobs.Sweep(listed, tmp_path / "jobs", "slurm", {"nodes": 2}, 2)
    assert [playing.states[job.folder] for job in listed] == [jobs.RUNNING, jobs.WAITING]
    assert playing.running[listed[0].folder].num_tasks == 2


@pytest.mark.parametrize("executor, more", [("local", 1), ("slurm", 0)])
def test_a_sweep_that_is_stopped_leaves_what_it_cannot_stop(tmp_path, monkeypatch, caplog, executor, more):
    """Slurm's jobs go on without it, and those here end as they like: nobody has to wait for either."""
    stand_in(tmp_path, monkeypatch, sbatch="exit 1", srun="exit 1", sacct="exit 1")
    listed, _ = load(sweep_file(tmp_path, TWO), tmp_path / "runs")
    playing = jobs.Sweep(listed, tmp_path / "jobs", executor, {}, 1)
    goes_on = SimpleNamespace(done=lambda: False)
    playing.running[listed[0].folder], playing.states[listed[0].folder] = goes_on, jobs.RUNNING
    looks = playing.play()
    next(looks)
    playing.stop()
    for _ in range(more):
        next(looks)
        playing.stop()
    assert next(looks, "left") == "left"
    assert [playing.states[job.folder] for job in listed] == [jobs.RUNNING, jobs.WAITING]
    assert "no more jobs are started; 1" in caplog.text


def test_a_training_saves_before_slurm_takes_the_machine(tmp_path):
    """Asked by SIGTERM and waited for, also out of the wait for its end."""
    body = f"import signal, sys, time; from pathlib import Path; f = Path({str(tmp_path / 'x')!r})"
    body += "; signal.signal(signal.SIGTERM, lambda *_: (f.write_text('saved'), sys.exit(0)))"
    body += "; f.write_text('plays'); time.sleep(60)"
    play = jobs.Play("a job")
    play.training = subprocess.Popen([sys.executable, "-c", body])
    _until(lambda: (tmp_path / "x").exists() and (tmp_path / "x").read_text() == "plays")
    again = []
    before = signal.signal(signal.SIGUSR2, lambda *_: again.append(play.checkpoint()))
    try:
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR2)).start()
        began = time.monotonic()
        assert play.training.wait() == 0 and time.monotonic() - began < jobs.GRACE / 2
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert (tmp_path / "x").read_text() == "saved" and again[0].function == jobs.Play("a job")


def test_the_log_of_the_task_that_failed_is_shown(tmp_path):
    def task(number, code):
        (tmp_path / f"{number}.err").write_text(f"task {number} speaks\n")
        paths = SimpleNamespace(stdout=tmp_path / f"{number}.out", stderr=tmp_path / f"{number}.err")
        return SimpleNamespace(result=lambda: code, paths=paths)

    tasks = [task(0, 0), task(1, 3)]
    listed, _ = load(sweep_file(tmp_path, TWO), tmp_path / "runs")
    playing = jobs.Sweep(listed, tmp_path / "jobs", "local", {}, 1)
    handle = SimpleNamespace(done=lambda: True, num_tasks=2, task=lambda number: tasks[number])
    playing.running[listed[0].folder] = handle
    playing._look(listed[0])
    assert playing.states[listed[0].folder] == jobs.FAILED
    assert playing.tails[listed[0].folder].split("\n") == ["exit code 3", "task 1 speaks"]


def test_the_end_of_a_log(tmp_path):
    (tmp_path / "out").write_text("".join(f"\r{n} rounds" for n in range(50)) + "\nsubmitit INFO: ended\n")
    (tmp_path / "err").write_text("what went wrong\n\n")
    shown = jobs._tail(tmp_path / "out", tmp_path / "err", tmp_path / "none").splitlines()
    assert len(shown) == jobs.TAIL and shown[-2:] == ["49 rounds", "what went wrong"]


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
