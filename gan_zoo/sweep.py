"""Sweep files: many runs, each in a folder that its settings name.

A sweep file gives ``get_runs()``: mappings of "config" (a file of configs/, with or without its data) and of config
fields to values. Products are ``sklearn.model_selection.ParameterGrid``, random search is its ``ParameterSampler``,
zips are Python's. It may give ``EXECUTOR``, parameters of submitit's executors ("slurm_partition", "gpus_per_node",
"tasks_per_node", "timeout_min", ...).
"""

import contextlib
import fcntl
import hashlib
import logging
import re
import runpy
import time
from collections.abc import Iterable, Iterator, Mapping
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
PROGRESS = 1 << 16  # bytes of its metrics, from their end, that tell how far a run is
log = logging.getLogger("gan_zoo")


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
        fields = [f"--{item}" for item in _overrides(settings)]
        return ["train", self.config, f"--workdir={self.folder}", *fields]

    @property
    def seed(self) -> int:
        """Its first seed, which a config file may have set."""
        return self.wanted.seed

    @property
    def singles(self) -> list["Job"]:
        """The jobs that train the same runs one by one."""
        alone = lambda seed: Job(self.config, {**self.settings, "seed": seed}, self.folder / f"seed_{seed}")
        return [alone(seed) for seed in range(self.seed, self.seed + self.seeds)] if self.seeds > 1 else [self]

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

    @contextlib.contextmanager
    def turn(self) -> Iterator[list[int]]:
        """Waits until no other process trains there, seeds apart or together: the files that hold the turn.

        A process that inherits them holds it too, and so keeps it when the one that has waited is killed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held:
            folders = [self.folder] if self.seeds > 1 else [self.folder.parent, self.folder]
            files = [held.enter_context(open(folder / TURN, "w")) for folder in folders]
            for file in files:  # seeds share the folder above theirs, unless they are trained together
                fcntl.flock(file, fcntl.LOCK_EX if file is files[-1] else fcntl.LOCK_SH)
            while self.is_trained():  # by somebody without turns
                time.sleep(1)
            yield [file.fileno() for file in files]

    def is_busy(self) -> bool:
        """Whether a process trains there or waits for its turn, perhaps one that an earlier sweep has left."""
        shared = self.folder.glob(f"seed_*/{TURN}") if self.seeds > 1 else [self.folder.parent / TURN]
        return any(map(_locked, (self.folder / TURN, *shared))) or self.is_trained()

    def is_trained(self) -> bool:
        """Whether a process trains there: a run's first process holds its lock."""
        return any(map(_locked, (self.folder / ".lock", *self.folder.glob("seed_*/.lock"))))

    def progress(self) -> str:
        """The last thing that its metrics say."""
        lines = workdir.lines(self.folder / "metrics.jsonl", end=PROGRESS)
        if not lines:
            return "begins"
        return f"round {lines[-1]['step']}, {lines[-1].get('images_per_second', 0):.0f} images/s"


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
            which = f"of {earlier.config} and of {job.config}"
            raise UserError(f"{file} lists {job.name} twice, {which}: write one file in one way, or rename one of two")
        same = seen.setdefault(job.wanted.to_json(sort_keys=True), earlier)
        if same is not earlier:
            raise UserError(f"{file} lists one run twice, as {same.name} and as {job.name}: leave one out")
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
    try:
        config = str(settings["config"])
        fields = {str(name): _plain(name, value) for name, value in settings.items() if name != "config"}
        if not isinstance(fields.get("seed", 0), int):
            raise UserError(f"the seed {fields['seed']!r} is no whole number")
        wanted = configs.load(config, _overrides(fields))
        configs.check_ranges(wanted)
    except UserError as error:
        raise UserError(f"{file}: {dict(settings)}: {error}") from None
    return Job(config, fields, folder / name_of(config, fields) / f"seed_{wanted.seed}")


def check_phases(jobs: Iterable[Job]) -> None:
    """Refuses a mistyped phase, which only a game that is built can tell, before anything is trained.

    Raises:
        UserError: names it.
    """
    checked = set()
    for job in jobs:
        name = name_of(job.config, job.settings)  # of all its seeds
        if name in checked or not any(field.startswith("phases.") for field in job.settings):
            continue
        checked.add(name)
        try:
            configs.build(job.wanted)
        except UserError as error:  # whatever else there is to say its run will
            if "config.phases" in str(error):
                raise UserError(f"{job.name}: {error}") from None


def name_of(config: str, settings: Mapping[str, Any]) -> str:
    """The folder of a run's seeds: its config and all settings but that, in whatever order."""
    path, _, data_name = config.partition(":")
    parts = [(Path(path).stem, *([data_name] if data_name else []))]
    text = lambda value: "x".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    parts += [(field, text(value)) for field, value in sorted(settings.items()) if field != "seed"]
    joined = lambda parts: ",".join(["-".join(parts[0]), *("=".join(part) for part in parts[1:])])
    whole = joined(parts)
    name = joined([[re.sub(r"[^\w.+-]+", "_", part, flags=re.ASCII) for part in pair] for pair in parts])
    if len(name) > LONGEST or name != whole:
        name = f"{name[:LONGEST]}~{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
    return name


def _overrides(settings: Mapping[str, Any]) -> list[str]:
    return [f"config.{name}={value}" for name, value in settings.items()]


def _plain(name: str, value: Any) -> Any:
    """A value as configs have it: numpy's scalars and arrays become Python's."""
    if value is None:
        raise UserError(f"{name} is None: leave it out where the config's own value is meant")
    if isinstance(value, Mapping):
        raise UserError(f'{name} is a dict: write its fields by themselves, "{name}.FIELD": value')
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    return tuple(_plain(name, item) for item in value) if isinstance(value, list | tuple) else value


def _joined(jobs: list[Job]) -> list[Job]:
    """One job for each folder's longest row of seeds that follow each other and have come equally far.

    A folder seed_K is the same run either way. The others stay by themselves, and so do runs that are done: together
    all would begin where the last one is. So do those of several seeds themselves.
    """
    groups: dict[Path, list[Job]] = {}
    joined = []
    for job in sorted(jobs, key=lambda job: job.seed):
        if "seeds" in job.settings or job.is_done():
            joined.append(job)
        else:
            groups.setdefault(job.folder.parent, []).append(job)
    for folder, group in groups.items():
        rows = [[group[0]]]
        for job in group[1:]:
            last = rows[-1][-1]
            follows = job.seed == last.seed + 1 and workdir.reached(job.folder) == workdir.reached(last.folder)
            rows[-1].append(job) if follows else rows.append([job])
        row = max(rows, key=len)  # one of a folder, in which its process trains
        if len(row) > 1:
            joined.append(Job(row[0].config, row[0].settings, folder, len(row)))
        joined += [job for job in group if len(row) == 1 or job not in row]
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
