"""A table of a sweep while it runs: redrawn on a terminal; elsewhere a line whenever a run begins or ends."""

import fcntl
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from gan_zoo.errors import UserError
from gan_zoo.jobs import APART, FAILED, RUNNING, STATES, Sweep
from gan_zoo.sweep import Job

PAUSE = 0.5  # seconds between two looks at the jobs


class Live:
    """Shows the states of a sweep's jobs."""

    def __init__(self, sweep: Sweep, out: TextIO = sys.stdout):
        self.sweep, self.out = sweep, out
        self.shown: dict[Path, str] = {}
        self.height = 0

    def show(self) -> None:
        """Writes what has changed."""
        self._redraw() if self.out.isatty() else self._append()
        self.out.flush()

    def _append(self) -> None:
        for job in self.sweep.jobs:
            state = self.sweep.states[job.folder]
            if state != self.shown.get(job.folder):
                self.shown[job.folder] = state
                self.out.write(f"{self._counts()}  {state:8} {job.name}\n{self._tail(job)}")

    def _redraw(self) -> None:
        width, height = shutil.get_terminal_size()
        state = lambda job: self.sweep.states[job.folder]
        busy = [job for kind in (RUNNING, FAILED) for job in self.sweep.jobs if state(job) == kind]
        lines = [self._counts()[: width - 1]]
        for job in busy[: height - 3]:
            head = f"{state(job):8} {job.progress() if state(job) == RUNNING else '':28} "
            lines.append(head + shortened(job.name, width - 1 - len(head)))
        self.out.write(f"\x1b[{self.height}F\x1b[J" if self.height else "")
        for job in self.sweep.jobs:
            if state(job) in (FAILED, APART) and self.shown.get(job.folder) != state(job):
                self.shown[job.folder] = state(job)
                self.out.write(f"{state(job)} {job.name}\n{self._tail(job)}")
        self.out.write("\n".join(lines) + "\n")
        self.height = len(lines)

    def _counts(self) -> str:
        counts = Counter(self.sweep.states.values())
        return f"[{', '.join(f'{counts[state]} {state}' for state in STATES if counts[state])}]"

    def _tail(self, job: Job) -> str:
        text = self.sweep.tails.get(job.folder, "") if self.sweep.states[job.folder] in (FAILED, APART) else ""
        return "".join(f"    {line}\n" for line in text.splitlines())


def shortened(name: str, width: int) -> str:
    """A name of at most so many characters: its beginning is left out, since runs differ at their ends."""
    return name if len(name) <= width else "…" + name[len(name) - max(width - 1, 0) :]


def play(
    jobs: list[Job],
    folder: Path,
    parameters: Mapping[str, Any],
    at_once: int = 1,
    executor: str = "local",
    meanwhile: Callable[[Mapping[Path, str]], None] = lambda states: None,
) -> dict[Path, str]:
    """Plays jobs in a folder and shows how they are: the state of each, by its folder.

    Args:
        meanwhile: is told the states now and then, and may take its time.

    Raises:
        UserError: another sweep is at work in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another sweep is at work in {folder}: wait for it, or name another --workdir") from None
        sweep = Sweep(jobs, folder / "jobs", executor, parameters, at_once)
        live = Live(sweep)
        before = signal.signal(signal.SIGINT, lambda *_: sweep.stop())
        try:
            for _ in sweep.play():
                live.show()
                meanwhile(sweep.states)
                time.sleep(PAUSE)
            live.show()
        finally:
            signal.signal(signal.SIGINT, before)
    return sweep.states
