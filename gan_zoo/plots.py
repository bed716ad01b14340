"""Lines over rounds: what runs have noted, and how it is drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo import workdir

# Okabe and Ito's colours, which colour-blind people tell apart too; yellow is too light on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
DIFFERENT = len(COLORS) * len(STYLES)  # lines that can be told apart
Curve = tuple[np.ndarray, np.ndarray]  # rounds, values


def curves(folder: Path) -> dict[str, Curve]:
    """Metric or score -> (rounds, values) of all that a run noted while it was trained."""
    points: dict[str, list[tuple[int, float]]] = {}
    for line in workdir.lines(folder / "metrics.jsonl"):
        for name, value in line.items():
            if "/" in name:
                points.setdefault(name, []).append((line.get("step"), value))
    for line in workdir.lines(folder / "evaluations.jsonl"):
        for name, value in line.get("scores", {}).items():
            points.setdefault(name, []).append((line.get("step"), value))
    number = lambda value: isinstance(value, int | float)
    points = {name: [pair for pair in found if all(map(number, pair))] for name, found in points.items()}
    return {name: tuple(np.array(axis) for axis in zip(*found, strict=True)) for name, found in points.items() if found}


def together(found: Sequence[Curve]) -> Curve:
    """Curves of several runs at the rounds that all have noted: rounds [T], values [runs, T]."""
    rounds = sorted(set.intersection(*(set(x.tolist()) for x, _ in found)))
    return np.array(rounds), np.array([y[np.isin(x, rounds)] for x, y in found])


def style(number: int) -> dict[str, str]:
    """How the line of this number looks."""
    return {"color": COLORS[number % len(COLORS)], "linestyle": STYLES[number % len(STYLES)]}


def marker(number: int) -> str:
    """How the dots of this number look."""
    return MARKERS[number % len(MARKERS)]


def band(axis: Any, found: Sequence[Curve], number: int = 0, label: str | None = None) -> None:
    """Draws the runs' mean and, around it, their smallest and largest, in the style of this number.

    Of runs that have not two rounds in common each is drawn by itself.
    """
    axis.set_xlabel("round")
    rounds, values = together(found)
    if len(rounds) < 2:
        for i, curve in enumerate(found):
            axis.plot(*curve, label=None if i else label, marker=".", **style(number))
        return
    axis.plot(rounds, values.mean(axis=0), label=label, **style(number))
    if len(found) > 1:
        lowest, highest = values.min(axis=0), values.max(axis=0)
        axis.fill_between(rounds, lowest, highest, color=style(number)["color"], alpha=0.2, linewidth=0)


def dots(axis: Any, values: Sequence[float], number: int = 0) -> None:
    """Draws what was noted but once: a dot for each run and a line at their mean, side by side by number."""
    color = style(number)["color"]
    axis.scatter([number] * len(values), values, s=16, color=color, marker=marker(number))
    axis.hlines(np.mean(values), number - 0.3, number + 0.3, color=color)
    axis.set_xticks(())


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Running medians [..., T] over so many neighbours: what minibatches show is noisy."""
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [((width - 1) // 2, width // 2)], mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width, axis=-1), axis=-1)
