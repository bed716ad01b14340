"""Networks that are trained once and kept in the user's cache folder, verified when they come back."""

import fcntl
import json
import logging
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.checkpoint import fingerprint, from_leaves, to_leaves
from gan_zoo.devices import cache_folder

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
    folder = cache_folder() / f"{kind}s" / key
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be training the same one: take its result
        if not _is_whole(folder, kind):
            log.info("training %s (once)", title)
            _keep(folder, kind, *make())
        noted = json.loads((folder / f"{kind}.json").read_text())
        with np.load(folder / f"{kind}.npz") as file:
            return from_leaves(like, dict(file)), noted


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
