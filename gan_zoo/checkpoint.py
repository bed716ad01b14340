"""Checkpoints: everything that training remembers, in one step, verified when it comes back.

A checkpoint holds the state as named leaves and, beside them, which round of which phase it is, the config, and
a SHA-256 of every leaf, since storage can flip a bit without anybody noticing.
"""

import contextlib
import hashlib
import json
import logging
import math
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from gan_zoo.devices import agreed
from gan_zoo.errors import UserError

LATEST = 2
log = logging.getLogger("gan_zoo")


class Restored(NamedTuple):
    """A verified checkpoint: the global round, its leaves by path, and what was noted beside them."""

    round: int
    leaves: dict[str, np.ndarray]
    info: dict[str, Any]


class Damaged(Exception):
    """A checkpoint that is not what was saved."""


def to_leaves(state: Any) -> dict[str, np.ndarray]:
    """The leaves of a state on the host, by path, in the order of the paths. Random keys become their words."""
    words = jax.tree.map(lambda x: jax.random.key_data(x) if _is_key(x) else x, state)
    flat, _ = jax.tree_util.tree_flatten_with_path(jax.device_get(words))
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in flat}
    return dict(sorted(named.items()))


def from_leaves(like: Any, leaves: Mapping[str, np.ndarray]) -> Any:
    """The state with the structure of ``like`` (arrays or shapes) and the values of ``leaves``.

    Raises:
        UserError: the leaves are those of another state.
    """

    def pick(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if name not in leaves:
            raise UserError(f"the checkpoint has no {name}: it is of another model, or of another version")
        value = leaves[name]
        if _is_key(leaf):
            return jax.random.wrap_key_data(value)
        if value.shape != leaf.shape or value.dtype != leaf.dtype:
            raise UserError(
                f"the checkpoint's {name} is {value.dtype} {value.shape}, the model's {leaf.dtype} {leaf.shape}"
            )
        return value

    return jax.tree_util.tree_map_with_path(pick, like)


def take_over(state: Any, other: Restored, path: str, known: Collection[str] = ()) -> Any:
    """The state with every leaf of a network that the other run has at the same place.

    Args:
        known: places that stay as they are, of a phase before.

    Raises:
        UserError: a leaf has another shape, or none is at the same place.
    """
    leaves, taken = to_leaves(state), 0
    for name, leaf in leaves.items():
        found = other.leaves.get(name, other.leaves.get(name.replace("ema/", "nets/", 1)))
        if not name.startswith(("nets/", "ema/")) or found is None or "/statistics/" in name or name in known:
            continue  # statistics are of the other run's data
        if found.shape != leaf.shape:
            raise UserError(f"--init-from: {name} has the shape {found.shape} in {path} and {leaf.shape} here")
        leaves[name], taken = found.astype(leaf.dtype), taken + 1
    if not taken and not known:
        raise UserError(f"--init-from: the run in {path} has none of this model's networks")
    log.info("took %d arrays of networks from %s at round %d", taken, path, other.round)
    return from_leaves(state, leaves)


def _is_key(x: Any) -> bool:
    return jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)


def fingerprint(leaves: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over all leaves in the order of their paths, each with its path, type and shape."""
    total = hashlib.sha256()
    for name, leaf in sorted(leaves.items()):
        total.update(f"{name} {leaf.dtype} {leaf.shape}\n".encode())
        total.update(np.ascontiguousarray(leaf).tobytes())
    return total.hexdigest()


class Checkpoints:
    """The checkpoints of one run, in FOLDER/<global round>/.

    Kept are the latest two, the last of each phase, and the one with the best score.

    Args:
        phase_ends: global rounds whose checkpoint is kept.
        best: what the scores are of that are given when checkpoints are saved; others' are not compared with them.
        read_only: nothing is changed in the folder, in which another process may be training.
    """

    def __init__(self, folder: Path, phase_ends: Sequence[int] = (), best: str = "", read_only: bool = False):
        self.folder, self.phase_ends, self.read_only = Path(folder).absolute(), set(phase_ends), read_only
        self.best = best
        if read_only:
            # Otherwise Orbax sets these two itself, and warns of it.
            options = ocp.CheckpointManagerOptions(read_only=True, create=False, save_interval_steps=0)
        else:
            # Without best_fn Orbax forgets the scores when the run is started again.
            score = lambda metrics: metrics.get(best, -math.inf)
            options = ocp.CheckpointManagerOptions(
                preservation_policy=self, cleanup_tmp_directories=True, best_fn=score
            )
        self.manager = ocp.CheckpointManager(self.folder, options=options)

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Orbax's question (PreservationPolicy)."""
        latest = {checkpoint.step for checkpoint in checkpoints[-LATEST:]}
        scored = [checkpoint for checkpoint in checkpoints if self.best in (checkpoint.metrics or {})]
        best = max(scored, key=lambda checkpoint: checkpoint.metrics[self.best]).step if scored else None
        keep = latest | self.phase_ends | {best}
        return [checkpoint.step in keep for checkpoint in checkpoints]

    def save(self, number: int, state: Any, info: Mapping[str, Any], score: float | None = None) -> None:
        """Saves in the background; what is not finite is refused.

        Raises:
            UserError: a leaf has values that are not finite, or the disk is full.
        """
        if number in self.manager.all_steps():
            return
        leaves = to_leaves(state)
        for name, leaf in leaves.items():
            if np.issubdtype(leaf.dtype, np.floating) and not np.isfinite(leaf).all():
                raise UserError(f"{name} is not finite at round {number}: not saved, the checkpoint before it stays")
        free, wanted = shutil.disk_usage(self.folder).free, sum(leaf.nbytes for leaf in leaves.values())
        info = {**info, "round": number, "leaves": _manifest(leaves)}
        info["sha256"] = _digest(json.dumps(info, sort_keys=True).encode())
        items = ocp.args.Composite(state=ocp.args.StandardSave(leaves), info=ocp.args.JsonSave(info))
        with _told(f"checkpoint {number}"):
            if (
                free < wanted and jax.process_count() == 1
            ):  # asked beforehand: a write that fails half-way leaves rubbish and pages of messages
                raise OSError(f"No space left: {wanted} bytes wanted, {free} free")
            if not self.manager.save(number, args=items, metrics=None if score is None else {self.best: score}):
                raise RuntimeError("there is a newer checkpoint in the folder")

    def wait(self) -> None:
        """Returns when everything is on disk.

        Raises:
            UserError: it could not be written.
        """
        with _told("the checkpoint"):
            self.manager.wait_until_finished()

    def restore(self, fits: Callable[[dict], bool] = lambda info: True) -> Restored | None:
        """The newest good checkpoint that ``fits``, or None. Newer ones that are damaged or unfit are set aside.

        Raises:
            UserError: there are checkpoints, and all are damaged.
        """
        numbers, damaged = sorted(self.manager.all_steps(), reverse=True), 0
        for number in numbers:
            try:
                restored, problem = self.read(number), None
            except Damaged as error:
                restored, problem = None, error
            if not agreed(restored is not None):
                log.warning("CHECKPOINT %d IS DAMAGED AND NOT USED: %s. Trying the one before it.", number, problem)
                damaged += 1
                if damaged == len(numbers):
                    raise UserError(f"all checkpoints in {self.folder} are damaged: name another --workdir")
                self._set_aside(number, "damaged")
            elif fits(restored.info):
                return restored
            else:
                if not self.read_only:
                    log.warning("%s: checkpoint %d is not continued, and set aside", self.folder, number)
                self._set_aside(number, "unused")
        return None

    def read(self, number: int) -> Restored:
        """One checkpoint, verified.

        Raises:
            Damaged: something is missing or is not what was saved.
            UserError: there is none of that round, or it cannot be read.
        """
        if number not in self.manager.all_steps():
            kept = ", ".join(map(str, sorted(self.manager.all_steps()))) or "none"
            raise UserError(f"{self.folder} has no checkpoint {number}; kept are: {kept}")
        quiet = logging.getLogger("absl")
        level, _ = quiet.level, quiet.setLevel(logging.CRITICAL)
        try:
            info = self.manager.restore(number, args=ocp.args.Composite(info=ocp.args.JsonRestore())).info
            target = {k: np.zeros(v["shape"], v["dtype"]) for k, v in info["leaves"].items()}
            items = ocp.args.Composite(state=ocp.args.StandardRestore(target))
            leaves = self.manager.restore(number, args=items).state
            noted = info.pop("sha256")
            if noted != _digest(json.dumps(info, sort_keys=True).encode()) or info["round"] != number:
                raise Damaged("what was noted beside the state has another checksum than when it was saved")
        except (PermissionError, MemoryError) as error:
            raise UserError(f"checkpoint {number} cannot be read: {error}") from None
        except Damaged:
            raise
        except Exception as error:  # Orbax and TensorStore raise whatever they met; the first line says it.
            raise Damaged(str(error).splitlines()[0][:200] if str(error) else type(error).__name__) from None
        finally:
            quiet.setLevel(level)
        found = _manifest(leaves)
        for name, noted in info["leaves"].items():
            if found[name] != noted:
                raise Damaged(f"{name} has another checksum than when it was saved")
        return Restored(number, leaves, info)

    def close(self) -> None:
        """Lets go of the folder; what ``wait`` has not told by now is about a run that failed already."""
        with contextlib.suppress(Exception):
            self.manager.close()

    def _set_aside(self, number: int, why: str) -> None:
        if self.read_only:
            return
        if jax.process_index() == 0:
            aside = self.folder / f"{why}-{number}"
            shutil.rmtree(aside, ignore_errors=True)
            (self.folder / str(number)).rename(aside)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"set aside {number}")
        self.manager.reload()


def _manifest(leaves: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        name: {
            "shape": list(leaf.shape),
            "dtype": str(leaf.dtype),
            "sha256": _digest(np.ascontiguousarray(leaf).tobytes()),
        }
        for name, leaf in leaves.items()
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Turns what goes wrong in writing into one short message."""
    try:
        yield
    except Exception as error:  # Orbax and TensorStore raise whatever the file system said.
        full = any(word in str(error) for word in ("No space left", "RESOURCE_EXHAUSTED", "ENOSPC", "File too large"))
        reason = "the disk is full" if full else (str(error).splitlines() or [type(error).__name__])[0][:200]
        advice = "free some space, then run the same command again" if full else "run the same command again"
        raise UserError(f"could not save {what}: {reason}. Earlier checkpoints are kept: {advice}") from error
