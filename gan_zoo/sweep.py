"""Sweeps: many runs, each in a folder that its settings name, so many of them at a time, here or under Slurm.

A sweep file gives ``get_runs()``: mappings of "config" (a file of configs/, with or without its data) and of config
fields to values. Products are ``sklearn.model_selection.ParameterGrid``, random search is its ``ParameterSampler``,
zips are Python's. It may give ``EXECUTOR``, parameters of submitit's executors ("slurm_partition", "gpus_per_node",
"tasks_per_node", "timeout_min", ...).
"""

import fcntl
import hashlib
import logging
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_zoo import config as configs
from gan_zoo import workdir
from gan_zoo.errors import UserError

LONGEST = 200  # characters (ASCII) of a folder's name; what is cut off is told apart by a hash
TURN = ".turn"  # in a job's folder: locked by the one process that may train there
TAIL = 15  # lines of a failed run's log
PROGRESS = 1 << 16  # bytes of its metrics, from their end, that tell how far a run is
log = logging.getLogger("gan_zoo")
STATES = DONE, FAILED, APART, STOPPED, RUNNING, WAITING = "done", "failed", "apart", "stopped", "running", "waiting"
DEFAULTS = {"timeout_min": 7 * 24 * 60, "name": "gan_zoo"}


@dataclass(frozen=True)
class Job:
    """What one process trains: a run, or several seeds of it together.

    Attributes:
        config, settings: a config file with its data, and the fields that differ from it.
        folder: where it trains.
        seeds: how many it trains together, from settings["seed"] on.
    """

    config: str
    settings: Mapping[str, Any]
    folder: Path
    seeds: int = 1

    @property
    def name(self) -> str:
        """Its folder within the sweep's."""
        return str(self.folder.relative_to(self.folder.parents[0 if self.seeds > 1 else 1]))

    @property
    def arguments(self) -> list[str]:
        """What ./launch.sh is called with."""
        settings = {**self.settings, "seeds": self.seeds} if self.seeds > 1 else self.settings
        fields = [f"--config.{name}={value}" for name, value in settings.items()]
        return ["train", self.config, f"--workdir={self.folder}", *fields]

    @property
    def singles(self) -> list["Job"]:
        """The jobs that train the same runs one by one."""
        first = self.settings.get("seed", 0)
        alone = lambda seed: Job(self.config, {**self.settings, "seed": seed}, self.folder / f"seed_{seed}")
        return [alone(seed) for seed in range(first, first + self.seeds)] if self.seeds > 1 else [self]

    @cached_property
    def wanted(self) -> ConfigDict:
        """The config that it is played with."""
        return configs.load(self.config, [item.removeprefix("--") for item in self.arguments[3:]])

    def is_done(self) -> bool:
        """Whether its folder holds the result of just these settings."""
        names = ("config.json", "result.json", "evaluation.json")
        try:
            earlier, result, evaluation = (workdir.read(self.folder / name) for name in names)
        except UserError:  # a damaged file
            return False
        if not earlier or not result or evaluation is None:
            return False
        wanted = configs.to_json(self.wanted)
        same = all(earlier.get(name) == wanted[name] for name in configs.RESULT)
        return same and not configs.differences(earlier, wanted)

    def is_busy(self) -> bool:
        """Whether a process trains there or waits for its turn, perhaps one that an earlier sweep has left."""
        return _locked(self.folder / TURN) or self.is_trained()

    def is_trained(self) -> bool:
        """Whether a process trains there: a run's first process holds its lock."""
        return any(_locked(file) for file in (self.folder / ".lock", *self.folder.glob("seed_*/.lock")))

    def progress(self) -> str:
        """The last thing that its metrics say."""
        lines = workdir.lines(self.folder / "metrics.jsonl", end=PROGRESS)
        if not lines:
            return "begins"
        return f"round {lines[-1]['step']}, {lines[-1].get('images_per_second', 0):.0f} images/s"


@dataclass
class Play:
    """Plays a job as ``./launch.sh train`` does, in a process of its own; what submitit runs."""

    job: Job

    def __call__(self) -> int:
        """Waits until nobody trains there, then trains if that is still to be done: the exit code."""
        from submitit import JobEnvironment

        task = JobEnvironment()
        self.job.folder.mkdir(parents=True, exist_ok=True)
        with open(self.job.folder / TURN, "w") as turn:
            if task.global_rank == 0:
                # A sweep that was killed has perhaps left a process that begins just now: one after the other.
                fcntl.flock(turn, fcntl.LOCK_EX)
                while self.job.is_trained():
                    time.sleep(1)
            if self.job.is_done():
                return 0
            command = [sys.executable, "-P", "-m", "gan_zoo", *self.job.arguments]
            # The sweep's Ctrl-C passes submitit's processes by, not the training.
            listens = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
            return subprocess.run(command, env={**os.environ, **_processes(task)}, preexec_fn=listens).returncode

    def checkpoint(self) -> Any:
        """Called when Slurm takes the machine away: the job is queued again, and continues."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def load(file: str, folder: Path, together: bool = False) -> tuple[list[Job], dict[str, Any]]:
    """The jobs of a sweep file, and the parameters of its executor.

    Args:
        together: whether runs that differ in the seed alone are trained by one process.

    Raises:
        UserError: no such file, no runs in it, a run that is listed twice, or settings that a config does not have.
    """
    if not Path(file).is_file():
        raise UserError(f"no sweep file {file!r}: those that come along are experiments/sweeps/*.py")
    try:
        found = runpy.run_path(file)
        runs, parameters = found["get_runs"](), dict(found.get("EXECUTOR", {}))
        if isinstance(runs, Mapping):
            raise TypeError("get_runs() gives a list of runs, without names")
        runs = [dict(run) for run in runs]
    except UserError:
        raise
    except Exception as error:  # the file is the user's own code
        raise UserError(f"{file} gives no runs: {type(error).__name__}: {error}") from None
    if not runs:
        raise UserError(f"{file} gives no runs: get_runs() is empty")
    jobs: dict[Path, Job] = {}
    seen: dict[str, Job] = {}
    for settings in runs:
        job = job_of(settings, folder, file)
        earlier = jobs.setdefault(job.folder, job)
        if earlier.config != job.config:
            raise UserError(f"{file} lists {job.name} twice, of {earlier.config} and of {job.config}")
        same = seen.setdefault(job.wanted.to_json(sort_keys=True), earlier)
        if same is not earlier:
            raise UserError(f"{file} lists one run twice: {same.name} and {job.name}")
        if earlier is not job:  # a random search draws some twice
            log.info("%s lists %s twice: it is played once", file, job.name)
    listed = list(jobs.values())
    return (_joined(listed) if together else listed), parameters


def job_of(settings: Mapping[str, Any], folder: Path, file: str) -> Job:
    """The job of a run as ``file`` lists it: "config" and the fields that are set.

    Raises:
        UserError: no config, or settings that it does not have: told before anything is trained.
    """
    if not settings.get("config"):
        raise UserError(f'{file}: a run names no config: {{"config": "configs/dcgan.py:digits", ...}}')
    config = str(settings["config"])
    fields = {name: _plain(name, value) for name, value in settings.items() if name != "config"}
    job = Job(config, fields, folder / name_of(config, fields))
    job.wanted  # noqa: B018
    return job


def name_of(config: str, settings: Mapping[str, Any]) -> str:
    """The folder of a run: its config and all settings, in whatever order, and in it one for each seed."""
    path, _, data_name = config.partition(":")
    parts = [Path(path).stem + (f"-{data_name}" if data_name else "")]
    text = lambda value: "x".join(map(str, value)) if isinstance(value, tuple | list) else value
    parts += [f"{field}={text(value)}" for field, value in sorted(settings.items()) if field != "seed"]
    whole = ",".join(parts)
    name = re.sub(r"[^\w.,=+-]+", "_", whole, flags=re.ASCII)
    if len(name) > LONGEST or name != whole:
        name = f"{name[:LONGEST]}~{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
    return f"{name}/seed_{settings.get('seed', 0)}"


def _plain(name: str, value: Any) -> Any:
    """A value as configs have it: numpy's scalars and arrays become Python's."""
    if value is None:
        raise UserError(f"{name} is None: leave it out where the config's own value is meant")
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    return tuple(_plain(name, item) for item in value) if isinstance(value, list | tuple) else value


def _joined(jobs: list[Job]) -> list[Job]:
    """One job for each row of seeds that follow each other; a folder seed_K is the same run either way.

    Runs that are done, and those of several seeds themselves, stay by themselves.
    """
    groups: dict[Path, list[Job]] = {}
    joined = []
    for job in sorted(jobs, key=lambda job: job.settings.get("seed", 0)):
        if "seeds" in job.settings or job.is_done():
            joined.append(job)
        else:
            groups.setdefault(job.folder.parent, []).append(job)
    for folder, group in groups.items():
        seeds = [job.settings.get("seed", 0) for job in group]
        if len(group) > 1 and seeds == list(range(seeds[0], seeds[0] + len(seeds))):
            joined.append(Job(group[0].config, group[0].settings, folder, len(group)))
        else:
            joined += group
    return joined


def _locked(file: Path) -> bool:
    try:
        with open(file) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _processes(task: Any) -> dict[str, str]:
    """How the processes of one job on one machine find each other; Slurm's are found by jax."""
    if task.cluster != "local" or task.num_tasks == 1:
        return {}
    port = 20_000 + int(task.job_id) % 40_000
    return {
        "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
        "JAX_NUM_PROCESSES": str(task.num_tasks),
        "JAX_PROCESS_ID": str(task.global_rank),
    }


class Sweep:
    """Plays jobs, at most ``at_once`` of them at a time; a failed one leaves the others alone.

    Seeds that have failed together are played apart: what one of them cannot does not concern the others.

    Args:
        folder: where submitit keeps its files and the jobs' logs.
        executor: "local" or "slurm".
        parameters: of submitit's executor.
    """

    def __init__(self, jobs: list[Job], folder: Path, executor: str, parameters: Mapping[str, Any], at_once: int):
        try:
            import submitit
        except ModuleNotFoundError:
            raise UserError("jobs are started by submitit: pip install 'gan_zoo[sweep]', or use ./launch.sh") from None
        parameters = {**DEFAULTS, **parameters}
        self.gpus = _gpus() if executor == "local" else []
        if self.gpus:
            parameters.setdefault("gpus_per_node", max(1, len(self.gpus) // at_once))
        try:
            auto = submitit.AutoExecutor(folder=folder, cluster=executor)
            auto.update_parameters(**parameters)
            # The executor itself: the automatic one only translates parameters, and knows no GPUs by their numbers.
            self.executor = auto._executor
        except Exception as error:  # submitit's: no Slurm here, or parameters that it does not know
            reason = (str(error).splitlines() or [""])[0]
            raise UserError(f"submitit starts no jobs with --executor={executor} and {parameters}: {reason}") from None
        self.parameters, self.jobs, self.at_once = parameters, list(jobs), at_once
        self.states = {job.folder: DONE if job.is_done() else WAITING for job in jobs}
        self.running: dict[Path, Any] = {}  # submitit's jobs
        self.slots: dict[Path, int] = {}  # which of the places that share the machine's GPUs
        self.tails: dict[Path, str] = {}  # ends of failed jobs' logs
        self.stopping = False
        self.noted = folder / "submitted.json" if executor == "slurm" else None  # what is still in Slurm's queue
        tasks = range(parameters.get("nodes", 1) * parameters.get("tasks_per_node", 1))
        for name, job_id in (workdir.read(self.noted) or {}).items() if self.noted else ():
            handle = self.executor.job_class(folder, job_id, tasks)
            if Path(name) in self.states and not handle.done():
                self.running[Path(name)], self.states[Path(name)] = handle, RUNNING

    def play(self) -> Iterator[None]:
        """Plays all jobs; yields from time to time, so that the states can be shown."""
        while any(state in (WAITING, RUNNING) for state in self.states.values()):
            for job in [*self.jobs]:  # more come of those that failed together
                if job.folder in self.running:
                    self._look(job)
                elif self.states[job.folder] in (WAITING, RUNNING):  # RUNNING: left behind by an earlier sweep
                    self.states[job.folder] = RUNNING if job.is_busy() else DONE if job.is_done() else WAITING
            for job in self.jobs:
                free = self.at_once - list(self.states.values()).count(RUNNING)
                if free > 0 and self.states[job.folder] == WAITING and not self.stopping:
                    self._start(job)
            yield
            if self.stopping and not self.running:
                return

    def stop(self) -> None:
        """Starts no more jobs. Those that run save and end: on a terminal Ctrl-C has reached them as well."""
        self.stopping = True

    def _start(self, job: Job) -> None:
        slot = min(set(range(self.at_once)) - set(self.slots.values()))
        if self.gpus:
            each = self.parameters["gpus_per_node"]
            own = tuple(self.gpus[i % len(self.gpus)] for i in range(slot * each, (slot + 1) * each))
            self.executor.update_parameters(visible_gpus=own)
        # A terminal's Ctrl-C reaches all processes: submitit's must live on until the training has saved and ended.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.running[job.folder], self.slots[job.folder] = self.executor.submit(Play(job)), slot
        except Exception as error:  # submitit's: the queue has refused it
            self.states[job.folder], self.tails[job.folder] = FAILED, f"not started: {error}"
            return
        finally:
            signal.signal(signal.SIGINT, before)
        self.states[job.folder] = RUNNING
        if self.noted:
            workdir.write(self.noted, {str(place): handle.job_id for place, handle in self.running.items()})

    def _look(self, job: Job) -> None:
        """Notes how a job has ended, if it has."""
        handle = self.running[job.folder]
        if not handle.done():
            return
        try:
            code = max(handle.results(), key=abs)  # of all its processes
        except Exception:  # submitit's: the process was killed, or never came to its end
            code = None
        del self.running[job.folder]
        self.slots.pop(job.folder, None)
        self.states[job.folder] = DONE if job.is_done() else STOPPED if code == 0 or self.stopping else FAILED
        if self.states[job.folder] == FAILED:
            reason = "ended without an exit code: was it killed?" if code is None else f"exit code {code}"
            reason = f"killed by signal {-code}" if code and code < 0 else reason
            self.tails[job.folder] = f"{reason}\n{_tail(handle.paths.stdout, handle.paths.stderr)}"
            if job.seeds > 1:
                self.jobs += job.singles
                self.states[job.folder] = APART
                self.states |= {one.folder: DONE if one.is_done() else WAITING for one in job.singles}


def _tail(*files: Path) -> str:
    """The last lines of a job's log."""
    text = "\n".join(file.read_text(errors="replace") for file in files if file.exists())
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip() and not line.startswith("submitit ")]
    return "\n".join(lines[-TAIL:])


def _gpus() -> list[int]:
    """The numbers of NVIDIA's GPUs that jobs may use, without starting jax.

    Raises:
        UserError: CUDA_VISIBLE_DEVICES has no numbers.
    """
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return list(range(listed.stdout.count("GPU ")))
    if not re.fullmatch(r"(-?\d+(,-?\d+)*)?", allowed):
        raise UserError(f"CUDA_VISIBLE_DEVICES={allowed}: jobs share GPUs by their numbers, such as 0,1")
    return [int(number) for number in allowed.split(",") if number and int(number) >= 0]
