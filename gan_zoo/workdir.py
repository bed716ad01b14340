"""The folder of one run: who may write there, what lies in it, and whether a command continues it.

config.json  versions.json  metrics.jsonl  evaluations.jsonl  evaluation.json  result.json
checkpoints/<round>/  samples/  tensorboard/
"""

import contextlib
import fcntl
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from gan_zoo import config as configs
from gan_zoo.errors import UserError

PACKAGES = ("gan_zoo", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


class Workdir:
    """Opens a run's folder for writing; process 0 of several writes, and holds the lock.

    Raises:
        UserError: another process trains there, or its config differs.
    """

    def __init__(self, path: str | Path, config: ConfigDict):
        self.path = Path(path).absolute()
        self.writes = jax.process_index() == 0
        problem = None
        if self.writes:
            try:
                self._open(config)
            except UserError as error:
                problem = error
        if jax.process_count() > 1:  # the others must not go on alone
            failed = multihost_utils.broadcast_one_to_all(np.array(problem is not None))
            problem = problem or (UserError(f"the first process refused {self.path}") if failed else None)
        if problem:
            raise problem

    def _open(self, config: ConfigDict) -> None:
        try:
            (self.path / "samples").mkdir(parents=True, exist_ok=True)
            self.lock = open(self.path / ".lock", "w")  # noqa: SIM115
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process trains in {self.path}: wait for it, or name another --workdir") from None
        except OSError as error:
            raise UserError(f"{self.path} cannot be locked: {error.strerror}; name a --workdir elsewhere") from None
        check_continued(self.path, config)
        given = configs.to_json(config)
        # Scores belong to the config beside them: killed between these lines, a run has none rather than another's.
        if not self._holds(given):
            self.remove("result.json", "evaluation.json")
        self.write("config.json", given)
        self.write("versions.json", versions())

    def close(self) -> None:
        """Lets go of the folder."""
        if self.writes:
            self.lock.close()

    def read(self, name: str) -> dict[str, Any] | None:
        """A JSON file's object, or None if the folder has no such file."""
        return read(self.path / name)

    def write(self, name: str, value: Any) -> None:
        """Writes a JSON file whole, or not at all."""
        if self.writes:
            write(self.path / name, value)

    def remove(self, *names: str) -> None:
        """Deletes files that no longer tell the truth."""
        for name in names if self.writes else ():
            (self.path / name).unlink(missing_ok=True)

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The lines of a .jsonl file of the folder."""
        return lines(self.path / name)

    def append(self, name: str, line: dict[str, Any]) -> None:
        """Adds a line to a .jsonl file."""
        if self.writes:
            with open(self.path / name, "a") as file:
                file.write(json.dumps(line) + "\n")

    def cut(self, step: int) -> None:
        """Drops what the .jsonl files say of rounds after ``step``."""
        for file in self.path.glob("*.jsonl") if self.writes else ():
            kept = [line for line in self.lines(file.name) if line.get("step", step + 1) <= step]
            partial = file.with_suffix(".partial")
            partial.write_text("".join(json.dumps(line) + "\n" for line in kept))
            os.replace(partial, file)

    def _holds(self, config: dict[str, Any]) -> bool:
        try:
            return self.read("config.json") == config
        except UserError:  # damaged
            return False


def check_continued(path: Path, config: ConfigDict) -> None:
    """Refuses to continue what was trained in a folder with another config.

    Raises:
        UserError: names the differences.
    """
    if config.seeds == 1 and any(map(reached, path.glob("seed_*"))):
        raise UserError(
            f"{path} holds runs of several seeds: --config.seeds=N continues them, --workdir={path}/seed_K one of them"
        )
    if not reached(path):
        return  # before its first checkpoint a run has nothing to lose, and its config can be mended
    earlier = read(path / "config.json")
    if changed := configs.differences(earlier, configs.to_json(config)) if earlier else []:
        raise UserError(
            f"{path} holds a run with another config:\n  "
            + "\n  ".join(changed)
            + "\nName another --workdir, or give the same settings to continue that run."
        )


def reached(path: Path) -> int:
    """The round of a run's newest checkpoint."""
    found = (path / "checkpoints").glob("*")
    return max((int(file.name) for file in found if file.name.isdigit()), default=0)


def read(path: Path) -> dict[str, Any] | None:
    """A JSON file's object, or None if there is no file.

    Raises:
        UserError: it holds something else.
    """
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise UserError(f"{path} is damaged: it is no JSON") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} is damaged: it is no JSON object")
    return found


def lines(path: Path, end: int = 0) -> list[dict[str, Any]]:
    """The lines of a .jsonl file, none if it does not exist; a line that was cut off while it was written is none.

    Args:
        end: how many bytes of its end are read; 0: all.
    """
    if not path.exists():
        return []
    with open(path, "rb") as file:
        if end and file.seek(0, os.SEEK_END) > end:
            file.seek(-end, os.SEEK_END)
        else:
            file.seek(0)
        text = file.read().decode(errors="replace")
    found = []
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return [line for line in found if isinstance(line, dict)]


def write(path: Path, value: Any) -> None:
    """Writes a JSON file whole, or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(value, indent=2) + "\n")
    os.replace(partial, path)


def _processor() -> str:
    """The CPU's name: last digits depend on it."""
    known = Path("/proc/cpuinfo")
    named = [line for line in known.read_text().splitlines() if line.startswith("model name")] if known.exists() else []
    return named[0].partition(":")[2].strip() if named else platform.processor() or platform.machine()


def versions() -> Mapping[str, Any]:
    """What a result depends on beside its config."""
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "processor": _processor(),
        "backend": jax.default_backend(),
        "device": device.device_kind,
        "devices": jax.device_count(),
        "processes": jax.process_count(),
        **{package: importlib.metadata.version(package) for package in PACKAGES},
    }
