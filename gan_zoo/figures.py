"""Pictures for people: grids of images and scatter plots of points."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_zoo.data.images import to_bytes

SHORT_SIDE = 48  # pixels that an image takes at least, so that small ones can be read
GAP = 2
ACROSS = 12  # columns that a comparison has at most, if it can be broken into blocks
HEAD = 16  # pixels of a title


def grid(images: np.ndarray) -> np.ndarray:
    """Images [rows, columns, H, W, C] in [-1, 1] side by side: uint8 [H', W', 3], small ones enlarged."""
    rows, columns, height, width, channels = images.shape
    pixels = to_bytes(images)
    pixels = np.repeat(pixels, 3, axis=-1) if channels == 1 else pixels
    scale = max(1, -(-SHORT_SIDE // min(height, width)))
    pixels = pixels.repeat(scale, axis=2).repeat(scale, axis=3)
    pixels = np.pad(pixels, [(0, 0), (0, 0), (0, GAP), (0, GAP), (0, 0)], constant_values=255)
    pixels = pixels.transpose(0, 2, 1, 3, 4).reshape(rows * pixels.shape[2], columns * pixels.shape[3], 3)
    return np.pad(pixels, [(GAP, 0), (GAP, 0), (0, 0)], constant_values=255)


def comparison(images: np.ndarray, titles: Sequence[str]) -> np.ndarray:
    """Rows of images [rows, columns, H, W, C] in [-1, 1] under the titles of their columns: uint8 [H', W', 3].

    Many rows become several blocks side by side.
    """
    rows = len(images)
    blocks = max(n for n in range(1, rows + 1) if rows % n == 0 and (n == 1 or n * len(titles) <= ACROSS))
    parts = [headed(grid(part), titles) for part in np.split(images, blocks)]
    return np.concatenate([np.pad(part, [(0, 0), (0, 4 * GAP), (0, 0)], constant_values=255) for part in parts], axis=1)


def headed(pixels: np.ndarray, titles: Sequence[str]) -> np.ndarray:
    """A picture uint8 [H, W, 3] with a line above it: titles over columns of equal width, their ends where too long."""
    head = Image.new("RGB", (pixels.shape[1], HEAD), "white")
    draw, font, width = ImageDraw.Draw(head), ImageFont.load_default(HEAD - 5), pixels.shape[1] / len(titles)
    for number, title in enumerate(titles):
        while len(title) > 1 and font.getlength(title) > width:
            title = "…" + title.lstrip("…")[1:]
        draw.text(((number + 0.5) * width, HEAD / 2), title, "black", font, anchor="mm")
    return np.concatenate([np.asarray(head), pixels])


def save(path: Path, pixels: np.ndarray) -> None:
    """Writes uint8 [H, W, 3] as a PNG, in a folder that is made: people tidy their runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def save_points(path: Path, made: np.ndarray, real: np.ndarray) -> None:
    """Writes generated points [N, 2] over real ones [M, 2] as a PNG; of points [N, 1] their histograms."""
    path.parent.mkdir(parents=True, exist_ok=True)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), dpi=100)
    axes = figure.subplots()
    side = 1.2 * np.abs(real if len(real) else made).max()
    axes.set(xlim=(-side, side))
    if made.shape[1] == 1:
        bins = {"bins": 60, "range": (-side, side), "density": True}
        axes.hist(real[:, 0], color="0.75", label="data", **bins)
        axes.hist(made[:, 0], color="tab:blue", label="generated", histtype="step", linewidth=1.5, **bins)
    else:
        axes.scatter(*real.T, s=4, color="0.75", label="data")
        axes.scatter(*made.T, s=2, color="tab:blue", label="generated")
        axes.set(ylim=(-side, side), aspect="equal")
    figure.legend(loc="outside upper center", ncols=2, markerscale=3)
    figure.savefig(path)


def save_scores(path: Path, scores: dict[str, tuple[list[int], list[float]]]) -> None:
    """Writes scores, name -> (rounds, values), as a PNG with a panel for each; nothing if there are none."""
    if not scores:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(scores), 3), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, (name, (steps, values)) in zip(panels, scores.items(), strict=True):
        axes.plot(steps, values, marker=".")
        axes.set(xlabel="round", title=name, ylim=(min(0, *values), None))
    figure.savefig(path)
