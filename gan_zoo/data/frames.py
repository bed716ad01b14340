"""frames:PATH: sequences of images; from PAST frames ("input", their channels one after the other) the next ("image").

Each folder below PATH that holds images is a sequence, in order of the names, whose numbers count as such: 9 is before
10. PATH/train and PATH/test are the splits; else a tenth of the sequences is held out, and of a single one the last
tenth. Frames that do not fit in memory are read when they are needed.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.data import Source, Spec
from gan_zoo.data.image_folder import TEST, every_of, open_image, shape_of
from gan_zoo.data.images import MEMORY, fit, from_reader
from gan_zoo.errors import UserError

ARGUMENT = "PATH"
PAST = 4  # frames that are given
LEAST = PAST + 1  # frames of a sequence to learn from
LATER = 8  # frames that are held out after them, where there are as many
Video = Sequence[Path]  # the files of a sequence's frames


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    return described(f"frames:{argument}", image_shape or shape_of(open_image(_listed(argument)["train"][0][0])))


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    videos, read = _listed(argument)[split], partial(_frames, shape=found.shape, resizes=bool(image_shape))
    if math.prod(found.shape) * sum(map(len, videos)) > MEMORY:
        return _on_demand(found, split, videos, read)
    return of_videos(found, split, list(map(read, videos)))


def described(name: str, shape: tuple[int, ...]) -> Spec:
    """The spec of sequences with frames of a shape [H, W, C]."""
    return Spec(name, shape, 0, (*shape[:2], PAST * shape[2]))


def of_videos(found: Spec, split: str, videos: Sequence[np.ndarray]) -> Source:
    """A source of sequences uint8 [T, H, W, C]: of all places in them to train, one after the other to test."""
    places = _places(split, [len(video) for video in videos])
    stored = {"frames": np.concatenate(videos), "begins": np.array(places, np.int32)[:, 0]}
    sequence = lambda number: stored["frames"][slice(*places[number])][: PAST + LATER]
    take = partial(_examples, stored)
    return Source(found, split, len(places), take, None, made=(_examples, stored), sequence=sequence)


def _on_demand(found: Spec, split: str, videos: Sequence[Video], read: Callable[[Video], np.ndarray]) -> Source:
    """The same of sequences that stay on the disk."""
    files, places = [file for video in videos for file in video], _places(split, [len(video) for video in videos])
    example = lambda number: parted(read(files[places[number][0] :][: PAST + 1]))
    sequence = lambda number: read(files[slice(*places[number])][: PAST + LATER])
    return replace(from_reader(found, split, len(places), example), sequence=sequence)


def _places(split: str, lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Where examples begin, and where their sequences end, in the frames of all sequences."""
    step = 1 if split == "train" else PAST + LATER
    return [
        (end - length + start, end)
        for length, end in zip(lengths, np.cumsum(lengths).tolist(), strict=True)
        for start in range(0, max(1, length - PAST), step)
    ]


def _examples(stored: dict[str, Any], order: Any) -> dict[str, Any]:
    return parted(stored["frames"][stored["begins"][order][..., None] + np.arange(PAST + 1)])


def parted(frames: Any) -> dict[str, Any]:
    """The example that PAST + 1 frames [..., PAST + 1, H, W, C] are."""
    return {"image": frames[..., PAST, :, :, :], "input": stacked(frames[..., :PAST, :, :, :])}


def stacked(frames: Any) -> Any:
    """Frames [..., PAST, H, W, C] as one image [..., H, W, PAST C], the oldest first."""
    *rest, past, height, width, channels = frames.shape
    axes = [*range(len(rest)), *(len(rest) + axis for axis in (1, 2, 0, 3))]
    return frames.transpose(axes).reshape(*rest, height, width, past * channels)


def read_frames(root: Path, channels: int) -> dict[str, np.ndarray]:
    """The last PAST images of each sequence in a folder and below it, by its folder's name: uint8 [PAST, H, W, C].

    Raises:
        UserError: fewer than PAST, or of several sizes.
    """
    found = {}
    for folder, video in _videos(root, PAST).items():
        images = [open_image(file) for file in video[-PAST:]]
        if len({image.size for image in images}) > 1:
            raise UserError(f"the last frames in {folder} are of several sizes: make them of one")
        name = "_".join(folder.relative_to(root).parts) or root.name or "frames"
        if name in found:
            raise UserError(f"two folders in {root} would both be called {name}: rename one")
        found[name] = np.stack([fit(image, (*shape_of(image)[:2], channels)) for image in images])
    return found


def _frames(video: Video, shape: tuple[int, ...], resizes: bool) -> np.ndarray:
    frames = []
    for file in video:
        image = open_image(file)
        if not resizes and shape_of(image) != shape:
            raise UserError(f"{file} is {shape_of(image)}, but the first frame is {shape}: set config.image_shape")
        frames.append(fit(image, shape))
    return np.stack(frames)


def _listed(argument: str) -> dict[str, list[Video]]:
    root = Path(argument).expanduser()
    if (root / "train").is_dir() and (root / "test").is_dir():
        return {split: list(_videos(root / split, LEAST).values()) for split in ("train", "test")}
    videos = _videos(root, LEAST)
    if len(videos) == 1:
        (video,) = videos.values()
        if len(video) < 2 * LEAST:
            raise UserError(
                f"{root} has one sequence, of {len(video)} frames: its end is held out, so {2 * LEAST} are the least"
            )
        cut = min(round(len(video) * (1 - TEST)), len(video) - LEAST)
        return {"train": [video[:cut]], "test": [video[cut:]]}
    hashed = sorted(videos, key=lambda folder: hashlib.sha256(folder.relative_to(root).as_posix().encode()).digest())
    held_out = set(hashed[: max(1, round(TEST * len(videos)))])
    parts = {"train": set(videos) - held_out, "test": held_out}
    return {split: [videos[folder] for folder in videos if folder in part] for split, part in parts.items()}


def _videos(root: Path, least: int) -> dict[Path, Video]:
    """The sequences in a folder and below it: folder -> its files, so many at least."""
    folders: dict[Path, list[Path]] = {}
    for file, _ in every_of(root):
        folders.setdefault(file.parent, []).append(file)
    for folder, video in folders.items():
        if len(video) < least:
            raise UserError(
                f"{folder} has {len(video)} frames for a sequence: {least} are the least, {PAST} are given (of a "
                "moving GIF only the first counts: save each as a file)"
            )
    return {folder: _in_order(video) for folder, video in folders.items()}


def _in_order(files: Iterable[Path]) -> list[Path]:
    """By their names, in which numbers are compared as numbers."""
    parts = lambda file: [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", str(file)))]
    return sorted(files, key=parts)
