"""What the runs of a folder have come to: a table of their scores, sweep.csv, and plots over time."""

import csv
import logging
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo import config as configs
from gan_zoo import figures, plots, workdir
from gan_zoo.errors import UserError, choose
from gan_zoo.evaluate import RESULTS, same_protocol

SEED, CONFIG, FIELD = "seed", "config", "config."
RESULT = ("step", "seconds", "fingerprint")  # columns from result.json
PANELS = 4  # plots or pictures in a row
LEGEND = 150  # characters that a legend has room for in a line over PANELS
LINE = 0.22  # inches that a line of it takes
log = logging.getLogger("gan_zoo")
GAP = 8  # pixels between pictures
Missing = Mapping[str, Mapping[str, Any]]  # runs that are not done, by their folders: "state", and what was set
Group = tuple[tuple[str, Any], ...]  # what the runs of a group have in common: (field, value) pairs


@dataclass(frozen=True)
class Run:
    """One run: its folder, its config as "field" -> value, its scores, and what its files say.

    ``name`` is its folder below the one that is looked at, without that of the seed; a sweep's says what was set. Its
    first part is the field "config".
    """

    folder: Path
    name: str
    fields: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, Any]]
    result: Mapping[str, Any]


def find(folder: Path, only: Iterable[Path] | None = None) -> list[Run]:
    """The finished runs in a folder and its subfolders, each seed by itself; damaged ones are told and left out.

    Args:
        only: some of its subfolders.
    """
    found = []
    for file in sorted(file for place in ([folder] if only is None else only) for file in place.rglob("config.json")):
        names = ("config.json", "evaluation.json", "result.json")
        try:
            config, evaluation, result = (workdir.read(file.parent / name) for name in names)
            if not config or not evaluation or not result or config.get("seeds", 1) > 1:
                continue
            _check(evaluation["scores"], result)
            name = name_of(folder, file.parent)
            fields = {CONFIG: name.partition(",")[0], **configs.flatten(config)}
            found.append(Run(file.parent, name, fields, evaluation["scores"], result))
        except (UserError, AttributeError, KeyError, TypeError) as error:  # other files of these names
            log.warning("%s is left out: %s: %s", file.parent, type(error).__name__, error)
    return found


def _check(scores: Mapping[str, Mapping[str, Any]], result: Mapping[str, Any]) -> None:
    """Refuses what no run writes: TypeError, AttributeError or KeyError."""
    for name in ("step", "seconds"):
        if not isinstance(result[name], int | float):
            raise TypeError(f"result.json: {name} is {result[name]!r}")
    for name, score in scores.items():
        if not isinstance(score["value"], int | float | list):
            raise TypeError(f"evaluation.json: {name} is {score['value']!r}")


def name_of(folder: Path, run: Path) -> str:
    """A run's folder below ``folder``, without those of seeds."""
    parts = list(run.absolute().relative_to(folder.absolute()).parts)
    while parts and parts[-1].startswith(f"{SEED}_"):
        parts.pop()
    return "/".join(parts) or folder.absolute().name


def axes(runs: Sequence[Run]) -> list[str]:
    """The config, the fields in which runs that have them differ, and the seed."""
    names = dict.fromkeys(name for run in runs for name in run.fields)
    # Phases are fields only where their rounds are given: without, they are others.
    own = lambda name: [run.fields.get(name) for run in runs if name in run.fields or name.startswith("phases.")]
    differ = [name for name in names if len(set(map(repr, own(name)))) > 1]
    return [CONFIG, *(name for name in differ if name not in (CONFIG, SEED)), SEED]


def grouped(runs: Sequence[Run], by: Sequence[str]) -> dict[Group, list[Run]]:
    """The runs by their values of some fields; without any by their names, so by all but the seed.

    Raises:
        UserError: a field that no run has; without any, runs of one name that differ in more than the seed.
    """
    by = [name.strip().removeprefix(FIELD) for name in by]
    for name in by:
        choose("field (--by)", name, sorted({name for run in runs for name in run.fields}))
    groups: dict[Group, list[Run]] = {}
    shown = shortened({run.name for run in runs})
    for run in runs:
        fields = tuple((name, _hashable(run.fields.get(name))) for name in by)
        groups.setdefault(fields or (("", shown[run.name]),), []).append(run)
    for group, own in groups.items() if not by else ():
        differ = [name for name in axes(own)[1:-1] if name != "watch_samples" and not name.endswith("_every")]
        if differ:
            raise UserError(f"{title(group)}: runs that are no seeds of one, as {', '.join(differ)} differ (see --by)")
    return groups


def shortened(names: Collection[str]) -> dict[str, str]:
    """Each name without the parts ",field=value" that all have."""
    parts = {name: name.split(",") for name in names}
    common = set.intersection(*(set(own[1:]) for own in parts.values()))
    return {name: ",".join(part for part in own if part not in common) for name, own in parts.items()}


def title(group: Group) -> str:
    """A group in words: "loss=hinge generator.width=32"."""
    return " ".join(f"{name}={value}" if name else value for name, value in group) or "all runs"


def tables(groups: Mapping[Group, Sequence[Run]]) -> list[list[list[str]]]:
    """Rows of cells, a head first: each score's mean over a group's runs, and its spread (sample standard deviation).

    A group's scores are those that all of its runs have. Groups whose scores were measured in different ways, say on
    two data sets, or that have none in common, come in tables of their own.

    Raises:
        UserError: the runs of one group were measured in different ways.
    """
    found: list[tuple[dict[str, Any], list[dict[str, str]]]] = []  # how scores were measured, and rows of cells
    for group, runs in groups.items():
        how, cells = _row(group, runs)
        alike = lambda known, how=how: all(known[name] == how[name] for name in known.keys() & how.keys())
        shares = lambda known, how=how: known.keys() & how.keys() or known == how
        fitting = [table for table in found if shares(table[0]) and alike(table[0])]
        protocols, rows = fitting[0] if fitting else ({}, [])
        if not fitting:
            found.append((protocols, rows))
        protocols.update(how)
        rows.append(cells)
    heads = [(["", "runs", *protocols, "seconds"], rows) for protocols, rows in found]
    return [[head, *([row.get(name, "") for name in head] for row in rows)] for head, rows in heads]


def _row(group: Group, runs: Sequence[Run]) -> tuple[dict[str, Any], dict[str, str]]:
    """How a group's scores were measured, by their names, and the cells of its row."""
    common = {name: score for name, score in runs[0].scores.items() if all(name in run.scores for run in runs)}
    names = [name for name, score in common.items() if not isinstance(score["value"], list)]
    for name in names:
        for other in runs[1:]:
            try:
                same_protocol(f"{title(group)}: {name}", runs[0].scores[name], other.scores[name])
            except UserError as error:
                raise UserError(f"{error}\n(--by=FIELD,... with the field that differs parts them)") from None
    cells = {name: mean_and_spread([run.scores[name]["value"] for run in runs]) for name in names}
    cells |= {"": title(group), "runs": str(len(runs))}
    cells |= {"seconds": mean_and_spread([run.result["seconds"] for run in runs])}
    return {name: {k: v for k, v in common[name].items() if k not in RESULTS} for name in names}, cells


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a table of Markdown."""
    head, *rows = table
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def save_csv(file: Path, folder: Path, runs: Sequence[Run], others: Missing | None = None) -> None:
    """A line for each run: its folder and state, the fields in which the runs differ, and all scores."""
    set_there = (name for row in (others or {}).values() for name in row if name not in ("state", SEED))
    fields = list(dict.fromkeys([*axes(runs)[:-1], *set_there, SEED]))
    names = list(dict.fromkeys(name for run in runs for name in run.scores))
    # There is a field and a score of the name "precision".
    columns = {name: f"{FIELD}{name}" if name in names else name for name in fields}
    partial = file.with_suffix(".partial")
    with open(partial, "w", newline="") as out:
        head = ["run", "state", *columns.values(), *names, *RESULT]
        writer = csv.DictWriter(out, head, restval="")
        writer.writeheader()
        for run in runs:
            scores = {name: score["value"] for name, score in run.scores.items()}
            own = {columns[name]: run.fields.get(name, "") for name in fields}
            result = {name: run.result.get(name, "") for name in RESULT}
            writer.writerow({"run": run.folder.relative_to(folder), "state": "done", **own, **scores, **result})
        for name, row in (others or {}).items():
            config, seed = name_of(folder, folder / name).partition(",")[0], name.rpartition(f"{SEED}_")[2]
            own = {columns.get(field, field): value for field, value in row.items()}
            writer.writerow({"run": name, columns[CONFIG]: config, columns[SEED]: seed, **own})
    os.replace(partial, file)


def not_done(file: Path, runs: Sequence[Run]) -> Missing:
    """What ``save_csv`` wrote of runs that were not done, as it takes them, but for ``runs``, which are by now."""
    done = {str(run.folder.relative_to(file.parent)) for run in runs}
    if not file.exists():
        return {}
    with open(file, newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("run") and row.get("state") not in (None, "", "done")]
        rows = [row for row in rows if row["run"] not in done]
    return {
        row.pop("run"): {name.removeprefix(FIELD): value for name, value in row.items() if name and value}
        for row in rows
    }


def save_plots(file: Path, groups: Mapping[Group, Sequence[Run]]) -> None:
    """A panel for each metric and score over the rounds: each group's mean and, around it, its smallest and largest.

    What all noted but once, such as scores of the final state, is shown by a dot for each run. More groups than can be
    told apart are not drawn.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    shown = list(groups)[: plots.DIFFERENT]
    curves = {group: [plots.curves(run.folder) for run in groups[group]] for group in shown}
    names = list(dict.fromkeys(name for own in curves.values() for one in own for name in one))
    if not names:
        return
    columns = min(PANELS, len(names))
    rows = -(-len(names) // columns)
    titles = [title(group) for group in shown]
    room = LEGEND * columns // PANELS // (8 + max(map(len, titles)))
    across = max(1, min(PANELS, room))
    height = 3 * rows + LINE * (2 + -(-len(titles) // across))  # the legend takes nothing from the panels
    figure = Figure(figsize=(4 * columns, height), dpi=80, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, name in zip(panels, names, strict=False):
        drawn = [(number, [one[name] for one in own if name in one]) for number, own in enumerate(curves.values())]
        drawn = [(number, have) for number, have in drawn if have]
        once = all(len(rounds) == 1 for _, have in drawn for rounds, _ in have)
        for number, have in drawn:
            if once:
                plots.dots(axis, [values[-1] for _, values in have], number)
            else:
                plots.band(axis, have, number)
        axis.set(title=name)
    for axis in panels[len(names) :]:
        axis.remove()
    handles = [Line2D([], [], marker=plots.marker(n), markersize=4, **plots.style(n)) for n in range(len(titles))]
    cut = f"the first {len(shown)} of {len(groups)} groups; fewer: --by=FIELD,..." if len(shown) < len(groups) else None
    figure.legend(handles, titles, title=cut, loc="outside upper center", ncols=across)
    figure.savefig(file, bbox_inches="tight")


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
    """The mean, and of several values their sample standard deviation; below a million without exponents."""
    mean = np.mean(values)
    spread = np.std(values, ddof=1) if np.ptp(values) else 0  # equal numbers' deviation is one of rounding

    def text(x: float, digits: int) -> str:
        short = f"{x:.{digits}g}"
        return f"{float(short):.0f}" if "e+" in short and abs(mean) < 1e6 else short

    return text(mean, 4) if len(values) == 1 else f"{text(mean, 4)} ± {text(spread, 2)}"


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
