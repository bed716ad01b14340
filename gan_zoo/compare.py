"""Several runs side by side: their scores, and what they make of the same inputs or draw with the same seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_zoo import figures
from gan_zoo.errors import UserError
from gan_zoo.evaluate import same_protocol
from gan_zoo.trained import Trained

ROWS, COLUMNS = 8, 6  # examples; drawn samples of each run


def compare(evaluations: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    """(score, its value in each evaluation or None) of all scores that any has.

    Raises:
        UserError: a score was measured by different protocols.
    """
    names, rows = list(dict.fromkeys(name for one in evaluations for name in one["scores"])), []
    for name in names:
        found = [one["scores"].get(name) for one in evaluations]
        first, *others = [score for score in found if score]
        for other in others:
            same_protocol(name, first, other)
        rows.append((name, [score and score["value"] for score in found]))
    return rows


def side_by_side(names: Sequence[str], runs: Sequence[Trained]) -> np.ndarray:
    """Runs that make images of images: rows of a held-out input, what each run made of it, and the truth if known.

    Autoencoders: what each has restored, and the original. Others: samples of each run, drawn with one seed. uint8
    [H, W, 3], titled with the names.

    Raises:
        UserError: the runs' images or data differ, or are points.
    """
    first, all_of_them = runs[0], ", ".join(names)
    if any(run.spec.shape != first.spec.shape or run.game.given != first.game.given for run in runs):
        raise UserError(f"the runs make different things and cannot be shown side by side: {all_of_them}")
    if len(first.spec.shape) != 3:
        raise UserError("a picture of several runs needs images: look at each run's samples")
    if not first.game.given:
        parts = [run.sample(num=ROWS * COLUMNS).reshape(ROWS, COLUMNS, *run.spec.shape) for run in runs]
        return figures.headed(figures.grid(np.concatenate(parts, axis=1)), names)
    restores = all("restore" in run.game.probes for run in runs)
    if any(run.config.dataset != first.config.dataset or not (run.game.given == "input" or restores) for run in runs):
        raise UserError(f"the runs learned from different data, or make no images of images: {all_of_them}")
    batch = first.examples(ROWS)
    if restores:
        made = [run.probe("restore", batch["image"])["image"] for run in runs]
        return figures.comparison(np.stack([*made, batch["image"]], axis=1), [*names, "truth"])
    columns = [batch["input"], *(run.make("sample", batch["input"]) for run in runs)]
    titles = ["input", *names]
    if first.test.inputs is None:
        columns, titles = [*columns, batch["image"]], [*titles, "truth"]
    return figures.comparison(np.stack(columns, axis=1), titles)
