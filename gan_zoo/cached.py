"""Networks that are trained once and kept in the user's cache folder, verified when they come back."""

import contextlib
import fcntl
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.checkpoint import fingerprint, from_leaves, to_leaves
from gan_zoo.devices import cache_folder

KEY = "key.txt"
log = logging.getLogger("gan_zoo")


def cached(kind: str, key: str, title: str, like: Any, make: Callable[[], tuple[Any, dict[str, Any]]]):
    """What ``make`` gives, from the cache if it was made before.

    Args:
        kind: the file's name; ``key`` names the folder, by all that the networks were made from.
        title: what the log calls them.
        like: the networks' structure, of shapes.
        make: gives the networks and what is noted of them, plain JSON.

    Returns:
        (networks, what is noted).
    """
    with _alone(kind, key) as folder:  # another process may be training the same one: take its result
        if not _is_whole(folder, kind):
            log.info("training %s (once)", title)
            _keep(folder, kind, *make())
        return read(folder, kind, like)


def read(folder: Path, kind: str, like: Any) -> tuple[Any, dict[str, Any]]:
    """Networks as they lie in a folder, and what is noted of them."""
    noted = json.loads((folder / f"{kind}.json").read_text())
    with np.load(folder / f"{kind}.npz") as file:
        return from_leaves(like, dict(file)), noted


def copy_out(kind: str, key: str, folder: Path) -> None:
    """Copies what is cached by a key into a folder, from where ``copy_in`` brings it back, here or elsewhere."""
    with _alone(kind, key) as known:
        _copy(known, folder, kind)
    (folder / KEY).write_text(key)


def copy_in(kind: str, folder: Path) -> bool:
    """Brings what a folder has, whole, into the cache, in place of what was trained otherwise; whether it did."""
    if not (folder / KEY).exists() or not _is_whole(folder, kind):
        return False
    with _alone(kind, (folder / KEY).read_text()) as known:
        files = [place / f"{kind}.json" for place in (known, folder)]
        if _is_whole(known, kind) and files[0].read_bytes() == files[1].read_bytes():
            return False
        _copy(folder, known, kind)
    return True


@contextlib.contextmanager
def _alone(kind: str, key: str) -> Iterator[Path]:
    """The cache's folder for a key, which no other process reads or writes meanwhile."""
    folder = cache_folder() / f"{kind}s" / key
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _copy(source: Path, target: Path, kind: str) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in (f"{kind}.npz", f"{kind}.json"):  # in this order: the second says that all is there
        shutil.copyfile(source / name, target / f"partial{Path(name).suffix}")
        os.replace(target / f"partial{Path(name).suffix}", target / name)


def _keep(folder: Path, kind: str, networks: Any, noted: dict[str, Any]) -> None:
    partial, leaves = folder / "partial.npz", to_leaves(networks)
    np.savez(partial, **leaves)
    os.replace(partial, folder / f"{kind}.npz")
    partial = folder / "partial.json"
    partial.write_text(json.dumps({**noted, "hash": fingerprint(leaves)}))
    os.replace(partial, folder / f"{kind}.json")  # written last: it says that all is there


def _is_whole(folder: Path, kind: str) -> bool:
    """Whether the cache has what was saved."""
    try:
        noted = json.loads((folder / f"{kind}.json").read_text())
        with np.load(folder / f"{kind}.npz") as file:
            return noted["hash"] == fingerprint(dict(file))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False
