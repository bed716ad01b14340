"""Plays jobs through submitit: here, where they share the GPUs, or under Slurm, so many at a time."""

import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_zoo import workdir
from gan_zoo.errors import UserError
from gan_zoo.sweep import Job

TAIL = 15  # lines of a failed run's log
GRACE = 80  # seconds that a training has to save in; submitit asks for 90 before Slurm's end
STATES = DONE, FAILED, APART, STOPPED, RUNNING, WAITING = "done", "failed", "apart", "stopped", "running", "waiting"
log = logging.getLogger("gan_zoo")
DEFAULTS = {"timeout_min": 7 * 24 * 60, "name": "gan_zoo"}


@dataclass
class Play:
    """Plays a job as ``./launch.sh train`` does, in a process of its own; what submitit runs."""

    job: Job
    training: subprocess.Popen | None = None

    def __call__(self) -> int:
        """Waits until nobody trains there, then trains if that is still to be done: the exit code."""
        from submitit import JobEnvironment

        task = JobEnvironment()
        try:
            # A sweep that was killed has perhaps left a process that begins just now: one after the other.
            with self.job.turn() if task.global_rank == 0 else contextlib.nullcontext([]) as turn:
                return 0 if self.job.is_done() else self._train(task, turn)
        except OSError as error:
            print(f"gan_zoo: {error}", file=sys.stderr)
            return 2

    def _train(self, task: Any, turn: list[int]) -> int:
        command = [sys.executable, "-P", "-m", "gan_zoo", *self.job.arguments]
        # The sweep's Ctrl-C passes submitit's processes by, not the training.
        listens = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        environment = {**os.environ, **_processes(task)}
        self.training = subprocess.Popen(command, env=environment, preexec_fn=listens, pass_fds=turn)
        return self.training.wait()

    def checkpoint(self) -> Any:
        """Called when Slurm takes the machine away: the training saves, the job is queued again and continues."""
        from submitit.helpers import DelayedSubmission

        if self.training:
            self.training.terminate()
            end, gone = time.monotonic() + GRACE, os.WEXITED | os.WNOHANG | os.WNOWAIT
            # A signal has brought us here, out of Popen.wait, which two cannot be in.
            while os.waitid(os.P_PID, self.training.pid, gone) is None and time.monotonic() < end:
                time.sleep(0.1)
        return DelayedSubmission(Play(self.job))


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
        for name in ("nodes", "tasks_per_node"):
            if not isinstance(number := parameters.get(name, 1), int) or number < 1:
                raise UserError(f"EXECUTOR: {name} is {number!r}: at least 1")
        self.gpus = shared_gpus(executor)
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
        self.stopping = 0  # how often it was asked to
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
                    busy = not self._is_next_to_running(job) and job.is_busy()
                    self.states[job.folder] = RUNNING if busy else DONE if job.is_done() else WAITING
            for job in self.jobs:
                free = self.at_once - list(self.states.values()).count(RUNNING)
                waits = self.states[job.folder] == WAITING and not self._is_next_to_running(job)
                if free > 0 and waits and not self.stopping:
                    self._start(job)
            yield
            if self.stopping and (self.noted or self.stopping > 1 or not self.running):
                return

    def stop(self) -> None:
        """Starts no more jobs. On a terminal Ctrl-C has reached those that run here as well: they save and end.

        They are not waited for if it is said again, and Slurm's not at all: the next start finds them.
        """
        self.stopping += 1
        if self.running:
            where = "go on in Slurm's queue" if self.noted else "save and end (Ctrl-C again does not wait for them)"
            log.warning("no more jobs are started; %d %s", len(self.running), where)

    def _is_next_to_running(self, job: Job) -> bool:
        """Whether seeds are trained together in the folder above its own, or apart in those below.

        They take turns (``Job.turn``): one that was started would only wait, in a place that others could have.
        """
        running = (folder for folder, state in self.states.items() if state == RUNNING)
        return any(job.folder == other.parent or job.folder.parent == other for other in running)

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
        tasks = [handle.task(i) for i in range(handle.num_tasks)] if handle.num_tasks > 1 else [handle]
        codes = [_code(task) for task in tasks]
        code = None if None in codes else max(codes, key=abs)
        del self.running[job.folder]
        self.slots.pop(job.folder, None)
        self.states[job.folder] = DONE if job.is_done() else STOPPED if code == 0 or self.stopping else FAILED
        if self.states[job.folder] == FAILED:
            reason = "ended without an exit code: was it killed?" if code is None else f"exit code {code}"
            reason = f"killed by signal {-code}" if code and code < 0 else reason
            ended = zip(tasks, codes, strict=True)
            logs = [_tail(task.paths.stdout, task.paths.stderr) for task, code in ended if code != 0]
            self.tails[job.folder] = "\n".join([reason, *logs])
            if job.seeds > 1:
                self.jobs += job.singles
                self.states[job.folder] = APART
                self.states |= {one.folder: DONE if one.is_done() else WAITING for one in job.singles}


def _code(task: Any) -> int | None:
    """The exit code of one of submitit's tasks; None if it was killed, or never came to its end."""
    try:
        return task.result()
    except Exception:  # submitit's
        return None


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


def _tail(*files: Path) -> str:
    """The last lines of a job's log."""
    text = "\n".join(file.read_text(errors="replace") for file in files if file.exists())
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip() and not line.startswith("submitit ")]
    return "\n".join(lines[-TAIL:])


def shared_gpus(executor: str) -> list[int]:
    """The GPUs that jobs share here, with each other and with this process: nobody takes most of one beforehand.

    To be asked before jax starts in this process.
    """
    gpus = _gpus() if executor == "local" else []
    if gpus:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return gpus


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
