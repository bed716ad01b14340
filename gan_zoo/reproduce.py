"""Figures and tables of papers, by name: experiments/reproductions/NAME.py says which runs one needs and draws it.

Such a file has a docstring whose first line is what is shown, and

    PAPER    paper, and figure or table
    COST     scale -> how long it takes, and where
    DIFFERS  what the small scale does otherwise than the paper
    NUMBERS  the paper's numbers and where they stand in it; may be left out
    LONG     True where it takes about an hour or more, so that --all leaves it out
    get_runs(scale) -> name -> {"config": ..., field: value, ...}, as in a sweep; none if nothing is trained.
                       Two that name the same run share it.
    draw(runs, scale) -> Result; runs: name -> folder of the finished run

It is drawn for one seed, or for several: then the table has means and spreads, and the picture is the first seed's. A
file whose runs name seeds of their own shows the spread itself.
"""

import json
import logging
import runpy
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo import config as configs
from gan_zoo import workdir
from gan_zoo.compare import compare, side_by_side
from gan_zoo.errors import UserError, choose
from gan_zoo.report import SEED, markdown, mean_and_spread
from gan_zoo.sweep import Job, job_of
from gan_zoo.trained import Trained
from gan_zoo.trained import load as load_run

SCALES = ("small", "paper")
HEAD = "# Reproductions"
LARGEST = 300_000  # bytes of a picture that is kept
# What a file has to give, of which kind.
NEEDED = {"PAPER": str, "COST": Mapping, "DIFFERS": str, "get_runs": Callable, "draw": Callable}
log = logging.getLogger("gan_zoo")
Table = Sequence[Sequence[str | float]]


@dataclass(frozen=True)
class Result:
    """What a reproduction has found.

    Attributes:
        picture: uint8 [H, W, 3] or a matplotlib Figure; None if there is but a table.
        table: rows of cells, a head first; numbers are floats, words are texts.
        numbers: whatever the picture or the table shows, as JSON.
        more: further tables.
    """

    picture: Any = None
    table: Table = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    more: Sequence[Table] = ()


@dataclass(frozen=True)
class Reproduction:
    """One file of experiments/reproductions."""

    name: str
    title: str
    paper: str
    cost: Mapping[str, str]
    differs: str
    numbers: str
    long: bool
    get_runs: Callable[[str], Mapping[str, Mapping[str, Any]]]
    draw: Callable[[Mapping[str, Path], str], Result]

    @property
    def costs(self) -> list[str]:
        """What each scale costs; "" for one that there is not."""
        return [self.cost.get(scale, "") for scale in SCALES]

    def jobs(self, scale: str, folder: Path, seeds: int = 1) -> list[dict[str, Job]]:
        """What has to be trained for each seed, by its name; once if nothing is, or the runs name seeds themselves.

        Raises:
            UserError: get_runs fails, or gives what cannot be trained.
        """
        choose("scale", scale, SCALES)
        try:
            runs = {str(name): dict(settings) for name, settings in dict(self.get_runs(scale) or {}).items()}
        except Exception as error:  # the file is the user's own code
            raise UserError(f"get_runs({scale!r}) fails: {type(error).__name__}: {error}") from None
        if seeds > 1 and (not runs or any(SEED in settings for settings in runs.values())):
            log.warning("%s: --seeds=%d changes nothing, it has seeds of its own or none", self.name, seeds)
            seeds = 1
        every = [{name: job_of(settings, folder, self.name) for name, settings in runs.items()}]
        for more in range(1, seeds):
            own = {name: {**runs[name], SEED: job.seed + more} for name, job in every[0].items()}
            every.append({name: job_of(settings, folder, self.name) for name, settings in own.items()})
        return every


def load(file: Path) -> Reproduction:
    """Reads one of those files.

    Raises:
        UserError: it lacks something, or cannot be run.
    """
    try:
        given = runpy.run_path(str(file))
        title, more = given["__doc__"].strip().splitlines()[0], (given.get("NUMBERS", ""), given.get("LONG", False))
        for name, kind in NEEDED.items():
            if not isinstance(given[name], kind):
                raise TypeError(f"{name} is a {type(given[name]).__name__}, not a {kind.__name__}")
        paper, cost, differs, *functions = (given[name] for name in NEEDED)
        return Reproduction(file.stem, title, paper, cost, differs, *more, *functions)
    except Exception as error:  # the file is the user's own code
        reason = "it has no docstring" if isinstance(error, AttributeError | IndexError) else error
        raise UserError(f"{file} is no reproduction: {type(error).__name__}: {reason}") from None


def known(folder: Path) -> dict[str, Reproduction]:
    """All reproductions, by name; a file that is none is told and left out."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        try:
            found[file.stem] = load(file)
        except UserError as error:
            log.warning("%s", error)
    return found


def scores_of(runs: Mapping[str, Path], names: Sequence[str]) -> tuple[Table, dict[str, Any]]:
    """Some scores of finished runs, as the rows of a table and as numbers: run -> score -> value.

    Raises:
        UserError: they were measured in different ways.
    """
    found = dict(compare([workdir.read(folder / "evaluation.json") for folder in runs.values()]))
    numbers = {run: {name: found[name][i] for name in names if name in found} for i, run in enumerate(runs)}
    cells = [[run, *("" if value is None else value for value in own.values())] for run, own in numbers.items()]
    return [["", *(name for name in names if name in found)], *cells], numbers


def compared(runs: Mapping[str, Path], names: Sequence[str]) -> Result:
    """Runs that make images of images, side by side, and some of their scores."""
    picture = side_by_side(list(runs), [load_run(folder) for folder in runs.values()])
    return Result(picture, *scores_of(runs, names))


def walk(run: Trained, start: np.ndarray, end: np.ndarray, columns: int) -> np.ndarray:
    """Images [N, columns, H, W, C] of noise on the straight way from ``start`` [N, Z] to ``end`` [N, Z]."""
    way = np.linspace(0, 1, columns)[None, :, None]
    noise = (1 - way) * start[:, None] + way * end[:, None]
    return run.draw({"noise": noise.reshape(-1, noise.shape[-1])}).reshape(*noise.shape[:2], *run.spec.shape)


def keep(one: Reproduction, every: Sequence[Mapping[str, Job]], scale: str, folder: Path) -> list[Path]:
    """Draws a reproduction from its finished jobs and writes NAME.png, NAME.md and NAME.json into a folder: the files.

    Args:
        every: the jobs by name, for each seed.

    Raises:
        UserError: it cannot be drawn, or is too large to be kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image, text, about = (folder / f"{one.name}.{kind}" for kind in ("png", "md", "json"))
    results = [_drawn(one, {name: job.folder for name, job in jobs.items()}, scale) for jobs in every]
    result = results[0]
    seconds = {
        job.folder: workdir.read(job.folder / "result.json")["seconds"] for jobs in every for job in jobs.values()
    }
    runs = {
        name: {
            "config": configs.to_json(job.wanted),
            "seeds": [jobs[name].seed for jobs in every],
            "seconds": [seconds[jobs[name].folder] for jobs in every],
        }
        for name, job in every[0].items()
    }
    versions = workdir.read(next(iter(seconds)) / "versions.json") if seconds else workdir.versions()
    page = _page(one, results, list(seconds.values()), versions, scale)  # what there is stays if anything fails
    if result.picture is not None:
        png = _png(result.picture)
        if len(png) > LARGEST:
            raise UserError(f"{image} would have {len(png)} bytes, more than {LARGEST}: draw it smaller")
        image.write_bytes(png)
    own = {"numbers": result.numbers} | ({"numbers_of_seeds": [x.numbers for x in results]} if len(every) > 1 else {})
    workdir.write(about, {"scale": scale, **own, "runs": runs, "versions": versions})
    text.write_text(page)
    return [file for file in (image, text, about) if file.exists()]


def _drawn(one: Reproduction, runs: Mapping[str, Path], scale: str) -> Result:
    """What the file draws, with numbers that JSON can hold."""
    try:
        result = one.draw(runs, scale)
        if not isinstance(result, Result):
            raise UserError(f"draw gives a {type(result).__name__}: a gan_zoo.reproduce.Result is needed")
        plain = json.loads(json.dumps(result.numbers, default=lambda x: x.tolist()))  # of numpy and jax
        return replace(result, numbers=plain)
    except UserError:
        raise
    except Exception:  # the file is the user's own code
        raise UserError(f"draw fails: {traceback.format_exc()}") from None


def _png(picture: Any) -> bytes:
    """A picture's file; a Figure in 256 colours, which makes a third of its size."""
    drawn, file = BytesIO(), BytesIO()
    if not hasattr(picture, "savefig"):
        pixels = np.asarray(picture)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[-1] != 3:
            raise UserError(f"a picture is uint8 [H, W, 3] or a Figure, and this is {pixels.dtype} {pixels.shape}")
        Image.fromarray(pixels).save(file, format="png")
        return file.getvalue()
    picture.savefig(drawn, format="png")
    colors = Image.open(drawn).convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colors.save(file, format="png", optimize=True)
    return file.getvalue()


def spread(tables: Sequence[Table]) -> list[list[str]]:
    """One table of texts: numbers become the mean over all and, of several, the spread; words stay, each once.

    Raises:
        UserError: the tables are not alike.
    """

    def cell(*values: Any) -> str:
        values = [value for value in values if value not in (None, "")]
        if not values or any(isinstance(value, str) for value in values):
            return ", ".join(dict.fromkeys(map(str, values)))
        lacking = "" if len(values) == len(tables) else f" ({len(values)} of {len(tables)} seeds)"
        return mean_and_spread(values) + lacking

    try:
        return [[cell(*cells) for cells in zip(*rows, strict=True)] for rows in zip(*tables, strict=True)]
    except ValueError:
        heads = "; ".join(", ".join(map(str, table[0])) for table in tables)
        raise UserError(f"the seeds' tables are not alike, perhaps as one has no such score: {heads}") from None


def _page(
    one: Reproduction, results: Sequence[Result], seconds: Sequence[float], versions: Mapping[str, Any], scale: str
) -> str:
    """Markdown: ours, the paper's, what differs, and how to get it."""
    result, several = results[0], f" --seeds={len(results)}" if len(results) > 1 else ""
    parts = [f"## {one.title}", f"{one.paper}: `./launch.sh reproduce {one.name} --scale={scale}{several}`"]
    if result.picture is not None:
        parts.append(f"![{one.title}]({one.name}.png)")
    for tables in zip(*([own.table, *own.more] for own in results), strict=True):
        parts += [markdown(spread(tables))] if tables[0] else []
    if several:
        shown = "" if result.picture is None else "; the picture is the first seed's"
        parts.append(f"Means of {len(results)} seeds ± their standard deviation{shown}.")
    if one.numbers:
        parts.append(f"The paper's numbers: {one.numbers}")
    parts.append(f"What differs: {one.differs}")
    trained = f"{len(seconds)} runs, {sum(seconds):.0f} s of training" if seconds else "Nothing is trained"
    trained = trained.replace("1 runs", "One run") if len(seconds) == 1 else trained
    packages = ", ".join(f"{name} {versions[name]}" for name in ("jax", "flax"))
    processor = versions.get("processor", versions["backend"])
    machine = f"{processor}, {versions['machine']}, Python {versions['python']}, {packages}"
    parts.append(f"{trained}; {machine}. Configs and numbers: [{one.name}.json]({one.name}.json)")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def gallery(folder: Path) -> Path:
    """Writes README.md from all the pages that ``keep`` has written into a folder."""
    check_gallery(folder)
    pages = [file.read_text() for file in sorted(folder.glob("*.md")) if file.with_suffix(".json").exists()]
    head = f"{HEAD}\n\nEach was made by the command beside it, and so was this page.\n"
    (folder / "README.md").write_text("\n".join([head, *pages]))
    return folder / "README.md"


def check_gallery(folder: Path) -> None:
    """Refuses a folder whose README.md is no gallery.

    Raises:
        UserError: says so.
    """
    page = folder / "README.md"
    if page.exists() and not page.read_text().startswith(HEAD):
        raise UserError(f"{page} is not a page of reproductions, and would be overwritten: name another --output")
