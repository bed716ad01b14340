"""What one pass over many images leaves for the scores: moments of all, features and probabilities of the first ones.

Memory does not grow with the number of images. What is seen of a data set is kept in the user's cache folder.
"""

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from gan_zoo import data
from gan_zoo.devices import agreed, cache_folder
from gan_zoo.errors import UserError
from gan_zoo.metrics.extractors import Extractor
from gan_zoo.metrics.frechet import Moments
from gan_zoo.metrics.inception_score import Marginals
from gan_zoo.metrics.neighbours import distances

FORMAT = 1  # of the cache: raised when what is kept changes its meaning
KEEP = 10_000  # samples whose features are kept: what the scores of pairs are made of
CHUNK = 512
SOON = 5  # seconds after which there is a progress bar


@dataclass(frozen=True)
class Seen:
    """Of ``moments.number`` images.

    Attributes:
        features, probabilities: of the first KEEP images [n, D] and [n, K]; no probabilities without classes.
        classes: the likeliest class of every image [N].
        marginals: what the inception score needs of all images.
        content: the hash of the images; empty for samples.
    """

    moments: Moments
    features: np.ndarray
    probabilities: np.ndarray | None
    classes: np.ndarray
    marginals: Marginals | None
    content: str = ""

    @property
    def number(self) -> int:
        return self.moments.number

    def first(self, number: int) -> "Seen":
        """Of the first images alone; at most KEEP."""
        if number == self.number:
            return self
        p = self.probabilities
        return collect([(self.features[:number], None if p is None else p[:number])], number)


def collect(parts: Iterable[tuple[np.ndarray, np.ndarray | None]], number: int) -> Seen:
    """From the features [n, D] and probabilities [n, K] of one part of the images after the other."""
    moments, features, probabilities, classes, marginals, kept = None, [], [], [], None, 0
    for seen, p in parts:
        own = Moments.of(seen)
        moments = own if moments is None else moments + own
        features.append(seen[: KEEP - kept])
        if p is not None:
            marginals = marginals or Marginals(number)
            marginals.add(p)
            probabilities.append(p[: KEEP - kept])
            classes.append(p.argmax(axis=1))
        kept = min(KEEP, kept + len(seen))
    if moments is None:
        raise UserError("there are no images to score")
    join = lambda found: np.concatenate(found) if found else None
    none = np.zeros(0, int)
    return Seen(moments, join(features), join(probabilities), join(classes) if classes else none, marginals)


def look(extractor: Extractor, images: Iterable[np.ndarray], number: int, what: str) -> Seen:
    """At ``number`` images, which come in parts uint8 [n, H, W, C], with a progress bar that says ``what``."""
    silent = jax.process_index() > 0
    with tqdm(total=number, desc=what, unit="image", disable=silent, leave=False, delay=SOON) as bar:

        def parts():
            for part in images:
                yield extractor(part)
                bar.update(len(part))

        return collect(parts(), number)


def reference(extractor: Extractor, source: data.Source) -> Seen:
    """At all images of a data set's split, in an order that mixes its classes; cached by content."""
    order = np.random.default_rng(0).permutation(source.size)
    protocol = sorted(extractor.protocol.items())
    content = _content(source)
    key = hashlib.sha256(repr((FORMAT, KEEP, protocol, content)).encode()).hexdigest()[:24]
    file = cache_folder() / "references" / f"{key}.npz"
    found = _restore(file, source.size)
    if agreed(found is not None):  # looking takes all processes
        return replace(found, content=content)
    parts = (source.take(order[i : i + CHUNK])["image"] for i in range(0, source.size, CHUNK))
    seen = look(extractor, parts, source.size, f"{source.spec.name}/{source.split}")
    _keep(file, seen)
    return replace(seen, content=content)


def remembered(key: tuple, compute: Callable[[], Any]) -> Any:
    """A JSON value that follows from ``key`` alone: computed once, then read from the cache folder."""
    name = hashlib.sha256(repr(key).encode()).hexdigest()[:24]
    file = cache_folder() / "references" / f"{name}.json"
    with contextlib.suppress(OSError, json.JSONDecodeError):
        return json.loads(file.read_text())
    value = compute()
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(value))
    os.replace(partial, file)
    return value


def nearest(seen: Seen, source: data.Source, features: np.ndarray, count: int) -> np.ndarray:
    """Of the first KEEP images those whose features are nearest to features [n, D]: [n, count, H, W, C]."""
    order = np.random.default_rng(0).permutation(source.size)
    squared = distances(features, seen.features)
    found = order[: len(seen.features)][np.argsort(squared, axis=1)[:, :count]]
    images = source.take(found.ravel())["image"]
    return images.reshape(*found.shape, *images.shape[1:])


def _content(source: data.Source) -> str:
    """Names a split by what it holds, so that a changed one is looked at again."""
    total = hashlib.sha256(repr((source.spec, source.split, source.size)).encode())
    for start in range(0, source.size, CHUNK):
        images = source.take(np.arange(start, min(start + CHUNK, source.size)))["image"]
        total.update(np.ascontiguousarray(images).tobytes())
        if source.arrays is None:
            break  # what must be read file by file is not read twice: its first images and its size tell it
    return total.hexdigest()[:16]


def _keep(file: Path, seen: Seen) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"mean": seen.moments.mean, "scatter": seen.moments.scatter, "features": seen.features}
    if seen.marginals is not None:
        sums = {f"marginal {name}": values for name, values in seen.marginals.sums.items()}
        arrays |= {"probabilities": seen.probabilities, "classes": seen.classes, **sums}
    partial = file.with_suffix(f".{os.getpid()}.npz")
    np.savez(partial, **arrays)
    os.replace(partial, file)


def _restore(file: Path, number: int) -> Seen | None:
    try:
        with np.load(file) as found:
            found = dict(found)
        marginals = None
        if "probabilities" in found:
            sums = {name: found[f"marginal {name}"] for name in ("p", "p log p")}
            marginals = Marginals(number, seen=number, sums=sums)
        moments = Moments(number, found["mean"], found["scatter"])
        none = np.zeros(0, int)
        return Seen(moments, found["features"], found.get("probabilities"), found.get("classes", none), marginals)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # not there, or damaged: looked at again
