"""What the runs of a folder have come to: a table of their scores, sweep.csv, and plots over time."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo import config as configs
from gan_zoo import figures, plots, workdir
from gan_zoo.errors import UserError, choose
from gan_zoo.evaluate import RESULTS, same_protocol

SEED = "seed"
PANELS = 4  # plots or pictures in a row
GAP = 8  # pixels between pictures
Group = tuple[tuple[str, Any], ...]  # what the runs of a group have in common: (field, value) pairs


@dataclass(frozen=True)
class Run:
    """One run: its folder, its config as "field" -> value, its scores, and what its files say."""

    folder: Path
    fields: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, Any]]
    result: Mapping[str, Any]


def find(folder: Path) -> list[Run]:
    """The finished runs in a folder and its subfolders, each seed by itself.

    Raises:
        UserError: there are none.
    """
    found = []
    for file in sorted(folder.rglob("config.json")):
        config = workdir.read(file)
        evaluation, result = (workdir.read(file.parent / name) for name in ("evaluation.json", "result.json"))
        if config.get("seeds", 1) == 1 and evaluation and result:
            found.append(Run(file.parent, configs.flatten(config), evaluation["scores"], result))
    if not found:
        raise UserError(f"{folder} holds no finished run")
    return found


def axes(runs: Sequence[Run]) -> list[str]:
    """The fields in which the runs differ, the seed last."""
    names = dict.fromkeys(name for run in runs for name in run.fields)
    differ = [name for name in names if len({repr(run.fields.get(name)) for run in runs}) > 1]
    return sorted(differ, key=lambda name: name == SEED)


def grouped(runs: Sequence[Run], by: Sequence[str]) -> dict[Group, list[Run]]:
    """The runs by their values of some fields; without any, by all but the seed.

    A sweep's folders seed_K lie in one that these settings name; elsewhere it is the fields in which the runs differ.

    Raises:
        UserError: a field that no run has.
    """
    for name in by:
        choose("field (--by)", name, sorted({name for run in runs for name in run.fields}))
    groups: dict[Group, list[Run]] = {}
    named = not by and all(run.folder.name.startswith(f"{SEED}_") for run in runs)
    by = by or [name for name in axes(runs) if name != SEED]
    for run in runs:
        fields = tuple((name, _hashable(run.fields.get(name))) for name in by)
        groups.setdefault((("", run.folder.parent.name),) if named else fields, []).append(run)
    return groups


def title(group: Group) -> str:
    """A group in words: "loss=hinge generator.width=32"."""
    return " ".join(f"{name}={value}" if name else value for name, value in group) or "all runs"


def tables(groups: Mapping[Group, Sequence[Run]]) -> list[list[list[str]]]:
    """Rows of cells, a head first: each score's mean over a group's runs, and its spread (sample standard deviation).

    Scores that were measured in different ways, say on two data sets, come in tables of their own.

    Raises:
        UserError: the runs of one group were measured in different ways.
    """
    found: dict[str, list[list[str]]] = {}
    for group, runs in groups.items():
        names = [name for name, score in runs[0].scores.items() if not isinstance(score["value"], list)]
        for name in names:
            for other in runs[1:]:
                if name not in other.scores:
                    raise UserError(f"{title(group)}: {other.folder} has no {name}")
                same_protocol(f"{title(group)}: {name}", runs[0].scores[name], other.scores[name])
        cells = [mean_and_spread([run.scores[name]["value"] for run in runs]) for name in names]
        head = ["", "runs", *names, "seconds"]
        how = repr([(name, {k: v for k, v in runs[0].scores[name].items() if k not in RESULTS}) for name in names])
        seconds = mean_and_spread([run.result["seconds"] for run in runs])
        found.setdefault(how, [head]).append([title(group), str(len(runs)), *cells, seconds])
    return list(found.values())


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a table of Markdown."""
    head, *rows = table
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def save_csv(file: Path, folder: Path, runs: Sequence[Run]) -> None:
    """A line for each run: its folder, the fields in which the runs differ, and all scores."""
    fields = axes(runs)
    names = list(dict.fromkeys(name for run in runs for name in run.scores))
    with open(file, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["run", *fields, *names, "rounds", "seconds", "fingerprint"])
        for run in runs:
            scores = [run.scores.get(name, {}).get("value", "") for name in names]
            own = [run.fields.get(name, "") for name in fields]
            result = [run.result[name] for name in ("step", "seconds", "fingerprint")]
            writer.writerow([run.folder.relative_to(folder), *own, *scores, *result])


def save_plots(file: Path, groups: Mapping[Group, Sequence[Run]]) -> None:
    """A panel for each metric and score over the rounds: each group's mean and, around it, its smallest and largest."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    curves = {group: [plots.curves(run.folder) for run in runs] for group, runs in groups.items()}
    names = list(dict.fromkeys(name for own in curves.values() for one in own for name in one))
    rows = -(-len(names) // PANELS)
    figure = Figure(figsize=(4 * PANELS, 3 * rows), dpi=80, layout="constrained")
    panels = figure.subplots(rows, PANELS, squeeze=False).ravel()
    for axis, name in zip(panels, names, strict=False):
        for number, own in enumerate(curves.values()):
            have = [one[name] for one in own if name in one]
            if have:
                plots.band(axis, have, number)
        axis.set(title=name)
    for axis in panels[len(names) :]:
        axis.remove()
    handles = [Line2D([], [], **plots.style(number)) for number in range(len(groups))]
    figure.legend(handles, [title(group) for group in groups], loc="outside upper center", ncols=4)
    figure.savefig(file)


def save_samples(file: Path, groups: Mapping[Group, Sequence[Run]]) -> None:
    """The newest samples of each group's first run, under its title; nothing if there are none."""
    cells = []
    for group, (first, *_) in groups.items():
        if drawn := sorted((first.folder / "samples").glob("sample_*.png")):
            with Image.open(drawn[-1]) as image:
                cells.append(figures.headed(np.asarray(image.convert("RGB")), [title(group)]))
    if not cells:
        return
    height, width = np.max([cell.shape[:2] for cell in cells], axis=0)
    cells += [np.full((0, 0, 3), 255, np.uint8)] * (-len(cells) % PANELS if len(cells) > PANELS else 0)
    fit = lambda x: np.pad(x, [(0, height - len(x)), (0, width - x.shape[1] + GAP), (0, 0)], constant_values=255)
    rows = [np.concatenate([fit(x) for x in cells[i : i + PANELS]], axis=1) for i in range(0, len(cells), PANELS)]
    figures.save(file, np.concatenate(rows))


def mean_and_spread(values: Sequence[float]) -> str:
    """The mean, and of several values their sample standard deviation."""
    mean = f"{np.mean(values):.4g}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.2g}"


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
