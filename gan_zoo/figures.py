"""Pictures for people: grids of images and scatter plots of points."""

from pathlib import Path

import numpy as np
from PIL import Image

from gan_zoo.data.images import to_bytes

SHORT_SIDE = 48  # pixels that an image takes at least, so that small ones can be read
GAP = 2


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


def save_grid(path: Path, images: np.ndarray) -> None:
    """Writes ``grid`` as a PNG."""
    Image.fromarray(grid(images)).save(path)


def save_points(path: Path, made: np.ndarray, real: np.ndarray) -> None:
    """Writes generated points [N, 2] over real ones [M, 2] as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), dpi=100)
    axes = figure.subplots()
    axes.scatter(*real.T, s=4, color="0.75", label="data")
    axes.scatter(*made.T, s=2, color="tab:blue", label="generated")
    side = 1.2 * np.abs(real if len(real) else made).max()
    axes.set(xlim=(-side, side), ylim=(-side, side), aspect="equal")
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
