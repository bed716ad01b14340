"""The commands that play many runs: sweeps, reproductions of papers' figures, and reports of what has come of them."""

import argparse
import logging
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gan_zoo.errors import UserError, choose
from gan_zoo.screen import table

PROJECT = Path(__file__).resolve().parent.parent
EXPERIMENTS = PROJECT / "experiments"
log = logging.getLogger("gan_zoo")


def sweep(args: argparse.Namespace, overrides: list[str]) -> None:
    """Plays the runs of a sweep file; those that are done are left as they are."""
    from gan_zoo.live import play
    from gan_zoo.report import find, save_csv
    from gan_zoo.sweep import check_phases, load

    if not args.config:
        raise UserError("say which sweep: ./launch.sh sweep experiments/sweeps/losses.py")
    _check_jobs(args)
    folder = Path(args.workdir or Path("runs", Path(args.config).stem)).absolute()
    jobs, parameters = load(args.config, folder, args.together)
    _bring(jobs)
    check_phases(jobs)
    noted: dict[Path, str] = {}

    def note(states: Mapping[Path, str]) -> None:
        """Keeps sweep.csv true while the sweep runs: one that is killed leaves word of what it was to play."""
        if states != noted:
            noted.update(states)
            done, missing = _parted(jobs, states)
            save_csv(folder / "sweep.csv", folder, find(folder, done), missing)

    done, missing = _parted(jobs, play(jobs, folder, parameters, args.jobs, args.executor, note))
    problems = []
    try:
        _report_runs(folder, [], find(folder, done), missing)
    except UserError as error:
        problems = [str(error)]
    _tell([*problems, *_not_done(missing)])


def _parted(jobs: Iterable[Any], states: Mapping[Path, str]) -> tuple[list[Path], dict[str, Mapping[str, Any]]]:
    """The folders of a sweep's runs that are done, and the state and settings of each that is not, by its name."""
    from gan_zoo.jobs import DONE

    runs = [(run, states.get(run.folder, states[job.folder])) for job in jobs for run in job.singles]
    done = [run.folder for run, state in runs if state == DONE]
    return done, {run.name: {"state": state, **run.settings} for run, state in runs if state != DONE}


def _bring(jobs: Iterable[Any]) -> None:
    """Brings the sets that are yet to be trained on, once for all jobs, here where there is a network.

    One that cannot be had is told, and left to its jobs: it may lie where they run.
    """
    from gan_zoo import data

    for name in sorted({job.wanted.dataset for job in jobs if not job.is_done()}):
        try:
            data.bring(name)
        except Exception as error:  # a package client's, TFDS's, or of a folder that is only read
            told = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            log.warning("%s is not brought: %s", name, told)


def _check_jobs(args: argparse.Namespace) -> None:
    from gan_zoo.jobs import shared_gpus

    choose("executor", args.executor, ("local", "slurm"))
    if args.jobs < 1:
        raise UserError(f"--jobs={args.jobs}: at least one")
    shared_gpus(args.executor)


def _not_done(names: Iterable[str]) -> list[str]:
    names = list(names)
    head = f"{len(names)} runs are not done; the same command tries them again:"
    return ["\n  ".join([head, *names])] if names else []


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else "".join(traceback.format_exception(error))


def _tell(problems: list[str]) -> None:
    if problems:
        raise UserError("\n".join(problems))


def reproduce(args: argparse.Namespace, overrides: list[str]) -> None:
    """Draws a paper's figure or table from runs that it trains; without a name it lists what there is."""
    from gan_zoo import reproduce
    from gan_zoo.jobs import DONE
    from gan_zoo.live import play
    from gan_zoo.sweep import check_phases

    known = reproduce.known(EXPERIMENTS / "reproductions")
    if not args.config and not args.all:
        table([["", "paper", *reproduce.SCALES]] + [[one.name, one.paper, *one.costs] for one in known.values()])
        return
    wanted = _wanted(args, known)
    folder = Path(args.workdir or Path("runs", "reproduce")).absolute()
    output, problems, jobs = Path(args.output or folder / "figures"), [], []
    reproduce.check_gallery(output)
    for one in wanted:
        print(f"{one.name}: {one.cost.get(args.scale, 'nothing is known of this scale')}", flush=True)
    for one in wanted:
        try:
            own = one.jobs(args.scale, folder, args.seeds)
            check_phases(job for seed in own for job in seed.values())
            jobs.append((one, own))
        except Exception as error:  # the file is the user's own code; the others are played all the same
            problems.append(f"{one.name}: {_in_words(error)}")
    every = {job.folder: job for _, own in jobs for seed in own for job in seed.values()}  # some share a run
    _bring(every.values())
    drawn: dict[str, list[Path]] = {}

    def draw(states: Mapping[Path, str]) -> None:
        """Draws what is trained and not yet drawn: a night's pictures do not wait for its last run."""
        for one, own in jobs:
            if one.name in drawn or any(states[job.folder] != DONE for seed in own for job in seed.values()):
                continue
            drawn[one.name] = []
            try:
                drawn[one.name] = reproduce.keep(one, own, args.scale, output)
                reproduce.gallery(output)
            except Exception as error:
                problems.append(f"{one.name}: {_in_words(error)}")

    states = play(list(every.values()), folder, {}, args.jobs, args.executor, draw) if every else {}
    draw(states)
    for files in filter(None, drawn.values()):
        print(next(file for file in files if file.suffix == ".md").read_text())
        print("  ".join(map(str, files)))
    if output.is_dir():
        print(reproduce.gallery(output))
    _tell([*problems, *_not_done(job.name for job in every.values() if states[job.folder] != DONE)])


def _wanted(args: argparse.Namespace, known: Mapping[str, Any]) -> list[Any]:
    """The reproductions that are asked for.

    Raises:
        UserError: an unknown one, or options that do not fit.
    """
    from gan_zoo.reproduce import SCALES

    choose("scale", args.scale, SCALES)
    _check_jobs(args)
    if args.seeds < 1:
        raise UserError(f"--seeds={args.seeds}: at least one")
    if not args.all:
        return [known[choose("reproduction", args.config, known)]]
    if args.config or args.scale != SCALES[0]:
        raise UserError(f"--all plays all that is {SCALES[0]}: without it, NAME [--scale=...] plays one")
    return [one for one in known.values() if not one.long]


def report(args: argparse.Namespace, overrides: list[str]) -> None:
    """Tables and plots of all finished runs in a folder."""
    if not args.config:
        raise UserError("say which folder of runs: ./launch.sh report DIR [--by=FIELD,...]")
    from gan_zoo.report import find, not_done

    folder = Path(args.config)
    by = [name for name in (args.by or "").split(",") if name.strip()]
    if not (runs := find(folder)):
        raise UserError(f"{folder} holds no finished run")
    missing = not_done(folder / "sweep.csv", runs)
    _report_runs(folder, by, runs, missing)
    if missing:
        states = Counter(row["state"] for row in missing.values())
        print(f"not done when the sweep was last seen: {', '.join(f'{n} {state}' for state, n in states.items())}")


def _report_runs(folder: Path, by: list[str], runs: list[Any], missing: Mapping[str, Any]) -> None:
    """Reports finished runs of a folder; ``missing`` ones stand in the CSV alone."""
    from gan_zoo import report

    if not runs:
        report.save_csv(folder / "sweep.csv", folder, [], missing)
        return
    groups = report.grouped(runs, by)
    report.save_csv(folder / "sweep.csv", folder, runs, missing)
    tables = report.tables(groups)
    (folder / "report.md").write_text("\n".join(report.markdown(table) for table in tables))
    report.save_plots(folder / "report.png", groups)
    report.save_samples(folder / "samples.png", groups)
    for rows in tables:
        table(rows)
    print(f"tables, plots and samples: {folder}/sweep.csv  report.md  report.png  samples.png")
