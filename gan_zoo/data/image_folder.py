"""folder:PATH: a folder of images; its subfolders are labels, or the splits train and test (or val, or valid).

A .txt beside an image, of the same name, holds its captions, a line each.
"""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo.data import Source, Spec, images
from gan_zoo.errors import UserError

ARGUMENT = "PATH"
Files = dict[str, list[tuple[Path, str]]]  # split -> paths and names of labels
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
KNOWN = ", ".join(SUFFIXES)
HELD_OUT = ("test", "val", "valid", "validation")  # what the split beside train may be called
TEST = 0.1  # the share that is held out when the folder itself has no splits


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    return _describe(argument, listed(argument), image_shape)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = listed(argument)
    described = _describe(argument, found, image_shape)
    source = reader(described, split, found[split], _class_names(found), bool(image_shape))
    beside = {name: [path.with_suffix(".txt") for path, _ in files] for name, files in found.items()}
    if not any(path.exists() for paths in beside.values() for path in paths):
        return source
    return replace(source, captions=lambda: list(map(_captions, beside[split])))


def _captions(file: Path) -> tuple[str, ...]:
    """The lines of a file of captions."""
    try:
        lines = tuple(line.strip() for line in file.read_text().splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read, and other images have captions beside them: {error}") from None
    if not lines:
        raise UserError(f"{file} holds no caption: write one on each line")
    return lines


def every(argument: str) -> Source:
    """All images in a folder and below it, without labels and splits: those of a generator, for example."""
    files = every_of(Path(argument).expanduser())
    described = Spec(f"folder:{argument}", shape_of(open_image(files[0][0])), 0)
    return reader(described, "all", files, (), False)


def every_of(root: Path) -> list[tuple[Path, str]]:
    """The image files in a folder and below it, each with an empty label."""
    if not root.is_dir():
        raise UserError(f"{root} is a file, not a folder" if root.exists() else f"there is no file or folder {root}")
    files = [(file, "") for file in _files(root)]
    if not files:
        raise UserError(f"{root} holds no images ({KNOWN})")
    return files


def read_all(given: Path, shape: tuple[int, ...]) -> tuple[list[Path], np.ndarray]:
    """An image, or all in a folder and below it: the files, and the images made to fit a shape, uint8 [N, H, W, C]."""
    files = [given] if given.is_file() else [file for file, _ in every_of(given)]
    return files, np.stack([images.fit(open_image(file), shape) for file in files])


def reader(described: Spec, split: str, files: list[tuple[Path, str]], names: tuple[str, ...], resizes: bool) -> Source:
    """A source of image files [(path, name of its label)], made to fit the shape if it resizes; else all have it."""

    def read(index: int) -> dict[str, Any]:
        path, name = files[index]
        image = open_image(path)
        if not resizes and shape_of(image) != described.shape:
            advice = (
                "make them of one size" if split == "all" else "set config.image_shape to (height, width, channels)"
            )
            raise UserError(f"{path} is {shape_of(image)}, but the first image is {described.shape}: {advice}")
        return {"image": images.fit(image, described.shape), "label": names.index(name) if names else 0}

    return images.from_reader(described, split, len(files), read, names)


def open_image(path: Path, ground: str = "white") -> Image.Image:
    """A picture, whole, upright and plain, on a ``ground`` where it is transparent."""
    try:
        with Image.open(path) as image:
            return images.plain(image, ground)
    except (FileNotFoundError, IsADirectoryError):
        raise UserError(f"there is no image {path}{', which is a folder' if path.is_dir() else ''}") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise UserError(f"{path} cannot be read as an image ({error}): repair or remove it") from error


def _describe(argument: str, found: Files, image_shape: tuple[int, ...]) -> Spec:
    first, _ = found["train"][0]
    return Spec(f"folder:{argument}", image_shape or shape_of(open_image(first)), len(_class_names(found)))


def listed(argument: str) -> Files:
    """Files and label names ("" without labels) of both splits."""
    root = Path(argument).expanduser()
    if not root.is_dir():
        raise UserError(
            f"there is no folder {root}: put the images there, in a subfolder for each label if they have some (a .txt "
            "beside an image holds its captions), or name another by --config.dataset"
        )
    held_out = [name for name in HELD_OUT if (root / name).is_dir()]
    if (root / "train").is_dir() and held_out:
        places = {"train": root / "train", "test": root / held_out[0]}
        found = {split: _labelled(place) for split, place in places.items()}
    else:
        found, places = _split(root, _labelled(root)), {"train": root, "test": root}
        if (names := {name.lower() for name in _class_names(found)}) and names <= {"train", "training", *HELD_OUT}:
            raise UserError(f"{root} has the subfolders {', '.join(sorted(names))}: name both splits, train and test")
    for split, files in found.items():
        if not files:
            raise UserError(f"{places[split]} holds no images ({KNOWN})")
    if len({any(label for _, label in files) for files in found.values()}) > 1:
        raise UserError(f"{places['train']} and {places['test']}: both need subfolders, which are labels, or none")
    return found


def _labelled(root: Path) -> list[tuple[Path, str]]:
    """Files with the name of the subfolder of root that they are in, in order of their names."""
    files = _files(root)
    parts = [file.relative_to(root).parts for file in files]
    labels = [part[0] if len(part) > 1 else "" for part in parts]
    if "" in labels and any(labels):
        stray = files[labels.index("")]
        raise UserError(f"{stray} lies beside subfolders of images: move it into one, they are the labels")
    return list(zip(files, labels, strict=True))


def _files(root: Path) -> list[Path]:
    """The image files in a folder and below it, through links, hidden ones left out, in order of their names."""
    found, seen = [], {os.path.realpath(root)}
    for folder, below, names in os.walk(root, followlinks=True):
        places = {name: os.path.realpath(os.path.join(folder, name)) for name in sorted(below) if name[0] != "."}
        below[:] = [name for name, place in places.items() if place not in seen]  # links may lead back
        seen.update(places.values())
        found += [Path(folder, name) for name in names if name[0] != "."]
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES and path.is_file())


def _split(root: Path, files: list[tuple[Path, str]]) -> Files:
    """Holds out the files whose names hash lowest: only names decide; a new file moves few others."""
    if len(files) < 2:
        raise UserError(f"{root} holds {len(files)} images ({KNOWN}), but two are the least")
    hashed = lambda file: hashlib.sha256(file[0].relative_to(root).as_posix().encode()).digest()
    test = set(sorted(files, key=hashed)[: max(1, round(TEST * len(files)))])
    return {"train": [file for file in files if file not in test], "test": sorted(test)}


def _class_names(found: Files) -> tuple[str, ...]:
    return tuple(sorted({label for files in found.values() for _, label in files} - {""}))


def shape_of(image: Image.Image) -> tuple[int, int, int]:
    """(H, W, C) of a plain picture."""
    return (image.height, image.width, len(image.getbands()))
