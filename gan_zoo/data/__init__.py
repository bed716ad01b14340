"""Data sets by name: "kind" or "kind:argument" is served by the module gan_zoo/data/KIND.py.

Such a module gives `spec(argument, image_shape, classes)`, `load(argument, split, image_shape, classes)` and,
where a package client can bring the set, `bring(argument)`. It has `ARGUMENT`, what its argument is called, if it takes
one, `OPTIONAL`, if it may be left out, and `SHAPES`, if its sets are not of images. The shape () and 0 classes ask for
the set's own.
"""

import contextlib
import fcntl
import importlib
import os
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gan_zoo.errors import UserError, choose

# Names that cannot be names of modules, that share one, or that a function here has.
ALIASES = {
    "8gaussians": "points:8gaussians",
    "25gaussians": "points:25gaussians",
    "swissroll": "points:swissroll",
    "normal": "points:normal",
    "5to10gaussians": "points:5to10gaussians",
    "folder": "image_folder",
    "edges2fashion": "edges:fashion_mnist",
    "shoes2bags": "domains:fashion_mnist:5,7,9:8",
}
# Modules here that no data set is named after.
HELPERS = {"feed", "order", "images", "points", "image_folder", "packages", "prepared"}


@dataclass(frozen=True)
class Spec:
    """What networks need to know of a data set, without reading it."""

    name: str
    shape: tuple[int, ...]  # (H, W, C), or (2,) and (1,) for points
    classes: int  # 0: no labels
    input_shape: tuple[int, ...] = ()  # of "input", which the image is to be made from; (): the set has none
    text_shape: tuple[int, ...] = ()  # (captions, numbers) of "text", the embeddings of captions; (): it has none


@dataclass(frozen=True, eq=False)
class Source:
    """One split of a data set: examples by index."""

    spec: Spec
    split: str
    size: int
    # indices [N] -> {"image": uint8 [N, H, W, C] (points: float32 [N, 2]), "label": int32 [N] if labelled,
    # "input": uint8 [N, h, w, c] if paired, "text": float32 [N, *text_shape] if captioned}
    take: Callable[[np.ndarray], dict[str, np.ndarray]]
    arrays: dict[str, np.ndarray] | None  # the whole split when it fits in memory, else None: take reads
    class_names: tuple[str, ...] = ()
    inputs: "Source | None" = None  # of an unpaired set: whose images are "input", drawn in an order of their own
    judged_by: str = ""  # a larger set of both domains, labelled 0 (inputs) and 1, that a classifier may learn from
    pictures: Callable[[], Iterable[np.ndarray]] | None = None  # of tiles: what they are cut out of, uint8 [H, W, C]
    # of examples that the devices compute: a function and the arrays that it takes first; then indices of any shape
    made: tuple[Callable[..., dict[str, Any]], dict[str, np.ndarray]] | None = None
    # of frames: an example's index -> its "input", its "image" and what follows, uint8 [T, H, W, C]
    sequence: Callable[[int], np.ndarray] | None = None
    captions: Callable[[], Sequence[tuple[str, ...]]] | None = None  # those of each example, one at least


def spec(name: str, image_shape: tuple[int, ...] = (), classes: int = 0) -> Spec:
    """Describes a data set, reading one image at most."""
    module, argument = _find(name)
    found = module.spec(argument, _checked(module, image_shape), classes)
    _agreed(found, classes)
    return found


def load(name: str, split: str, image_shape: tuple[int, ...] = (), classes: int = 0) -> Source:
    """Opens the split "train" or "test" of a data set, in memory where it fits."""
    module, argument = _find(name)
    choose("split", split, ("train", "test"))
    source = module.load(argument, split, _checked(module, image_shape), classes)
    _agreed(source.spec, classes)
    return source


def bring(name: str) -> Path | None:
    """Brings a data set with a package client and says where it is; None if it is here without bringing."""
    module, argument = _find(name)
    return module.bring(argument) if hasattr(module, "bring") else None


def example(spec: Spec, size: int, dtype: Any = np.float32, labels: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """A batch of gray images, which take no room, with the labels given (or zeros), if the data has labels."""
    empty = lambda shape: np.broadcast_to(np.zeros((), dtype), (size, *shape))
    batch = {"image": empty(spec.shape)}
    if spec.input_shape:
        batch["input"] = empty(spec.input_shape)
    if spec.text_shape:
        batch["text"] = np.zeros((size, *spec.text_shape), np.float32)
    if spec.classes:
        batch["label"] = np.zeros(size, np.int32) if labels is None else np.asarray(labels, np.int32)
    return batch


def mean_image(source: Source, key: str = "image") -> np.ndarray:
    """The mean of a set's images, or of its "input" [H, W, C], in [0, 255]."""
    if key == "input" and source.inputs is not None:
        return mean_image(source.inputs)
    starts = range(0, source.size, 512)
    parts = (source.take(np.arange(i, min(i + 512, source.size)))[key].sum(axis=0, dtype=np.float64) for i in starts)
    return sum(parts) / source.size


def folder() -> Path:
    """Where brought and prepared sets live: $GAN_ZOO_DATA or ~/.cache/gan_zoo/data."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("GAN_ZOO_DATA") or Path(cache, "gan_zoo", "data")).expanduser()


def in_memory(
    spec: Spec,
    split: str,
    image: np.ndarray,
    label: np.ndarray | None = None,
    class_names: tuple[str, ...] = (),
    inputs: np.ndarray | None = None,
) -> Source:
    """A source of arrays: image [N, ...] and, if there are, label [N] and, of pairs, inputs [N, ...]."""
    arrays = {"image": image} if label is None else {"image": image, "label": label.astype(np.int32)}
    if inputs is not None:
        arrays["input"] = inputs
    take = lambda indices: {key: array[indices] for key, array in arrays.items()}
    return Source(spec, split, len(image), take, arrays, class_names)


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Holds a file lock, so that of several processes only one at a time prepares the set of this name."""
    folder().mkdir(parents=True, exist_ok=True)
    with open(folder() / f".{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # ends with the file or the process
        yield


def is_known(kind: str) -> bool:
    """Whether sets have such names, before their ":"."""
    return kind in _kinds()


def _kinds() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(__path__)} - HELPERS | set(ALIASES)


def _find(name: str) -> tuple[ModuleType, str]:
    """The module that serves a name, and its argument."""
    kind, _, argument = name.partition(":")
    choose("data set", kind, _kinds())
    file, _, own = ALIASES.get(kind, kind).partition(":")
    module = importlib.import_module(f"{__name__}.{file}")
    wanted = "" if own else getattr(module, "ARGUMENT", "")
    if bool(argument) != bool(wanted) and not (wanted and getattr(module, "OPTIONAL", False)):
        raise UserError(f"data set {name!r}: write {kind}:{wanted}" if wanted else f"{kind} takes no {argument!r}")
    return module, own or argument


def _checked(module: ModuleType, image_shape: tuple[int, ...]) -> tuple[int, ...]:
    shape = tuple(image_shape)
    if shape in ((), *getattr(module, "SHAPES", ())):
        return shape
    whole = all(isinstance(size, int) and size > 0 for size in shape)
    if not (whole and len(shape) == 3 and shape[2] in (1, 3)):
        raise UserError(f"config.image_shape is {shape}: write (height, width, 1 or 3)")
    return shape


def _agreed(spec: Spec, classes: int) -> None:
    if classes not in (0, spec.classes):
        raise UserError(f"{spec.name} has {spec.classes} classes, not config.classes = {classes}")
