"""What the commands of the command line do."""

import argparse
import csv
import json
from pathlib import Path

from gan_zoo.errors import UserError, choose
from gan_zoo.experiments import PROJECT, report, reproduce, sweep
from gan_zoo.screen import short, table

DEFAULT = "configs/dcgan.py:digits"


def train(args: argparse.Namespace, overrides: list[str]) -> None:
    """Trains a config's model, or continues."""
    import jax

    from gan_zoo import workdir as workdir_module
    from gan_zoo.train import train

    workdir = args.workdir or Path("runs", Path(args.config.partition(":")[0]).stem + "-" + _data_name(args.config))
    if args.init_from:
        overrides = [*overrides, f"config.init_from={Path(args.init_from).absolute()}"]
    result = train(_config(args, overrides), workdir)
    if result is not None and jax.process_index() == 0:
        _report(workdir_module.read(Path(workdir, "evaluation.json")))
        print("   ".join(f"{name} {value}" for name, value in result.items()))
        print(f"everything is in {workdir}: look at {workdir}/{'seed_*/' if 'seeds' in result else ''}samples")


def evaluate(args: argparse.Namespace, overrides: list[str]) -> None:
    """Scores the newest checkpoint of a run, or a folder of images."""
    import jax

    from gan_zoo import trained, workdir
    from gan_zoo.devices import make_mesh, prepare
    from gan_zoo.evaluate import ALL, LEAST, METRICS, Judge, evaluate, evaluate_folder, judge_of

    output = _output(args, ".json")
    metrics, extractor = args.metrics.split(",") if args.metrics else None, args.extractor or ""
    if args.num_samples is not None and args.num_samples < LEAST:
        raise UserError(f"--num-samples={args.num_samples}: scores need at least {LEAST}")
    if args.fake:
        if args.workdir or args.num_samples or args.checkpoint:
            raise UserError("--fake scores all images of a folder: leave --workdir, --num-samples and --checkpoint out")
        prepare("float32")
        with jax.set_mesh(make_mesh()):
            evaluation = evaluate_folder(args.fake, args.real or "", extractor, metrics or METRICS)
    else:
        path = _needs_workdir(args)
        learned = trained.load(path, args.checkpoint)
        with jax.set_mesh(make_mesh()):
            judge = judge_of(learned.config)
            if args.real or extractor:
                judge = Judge(args.real or judge.place[0], learned.spec.shape, 0, extractor)
            evaluation = evaluate(learned, judge, args.num_samples or 0, metrics or ALL, path / "samples")
        asked = (args.checkpoint, args.num_samples, args.metrics, args.real, args.extractor)
        if jax.process_index() == 0 and not any(asked):  # the run's own protocol
            evaluation = {**(workdir.read(path / "evaluation.json") or {}), **evaluation}
            workdir.write(path / "evaluation.json", evaluation)
    if jax.process_index() == 0:
        _report(evaluation, output)


def compare(args: argparse.Namespace, overrides: list[str]) -> None:
    """The scores of several runs side by side, and with --output their images.

    Refuses what was measured in different ways.
    """
    from gan_zoo import figures, trained, workdir
    from gan_zoo.compare import compare, side_by_side

    output = _output(args, ".png")
    paths = [path for path in (args.config, *args.more) if path]
    found = [workdir.read(Path(path, "evaluation.json")) for path in paths]
    if len(found) < 2 or None in found:
        none = [path for path, evaluation in zip(paths, found, strict=True) if evaluation is None]
        raise UserError(f"no evaluation.json in {', '.join(none)}" if none else "say which runs: compare DIR DIR ...")
    rows = [(name, ["" if value is None else short(value) for value in values]) for name, values in compare(found)]
    table([["", *paths], *([name, *cells] for name, cells in rows)])
    if output:
        pixels = side_by_side([Path(path).name for path in paths], [trained.load(path) for path in paths])
        figures.save(output, pixels)
        print(output)


def sample(args: argparse.Namespace, overrides: list[str]) -> None:
    """Draws samples from the newest checkpoint of a run into one PNG."""
    import numpy as np

    from gan_zoo import figures, trained
    from gan_zoo.styles import truncation

    name = f"samples_{args.num}_seed_{args.seed}.png"
    output = _output(args, ".png") or Path(_needs_workdir(args), "samples", name)
    learned = trained.load(_needs_workdir(args), args.checkpoint)
    if args.cutoff and args.truncation == 1:
        raise UserError("--cutoff says how many layers --truncation changes: give both")
    given = truncation(learned, args.truncation, args.cutoff) if args.truncation != 1 else None
    images = learned.sample(args.seed, args.num, args.label, args.text, given)
    if images.ndim == 2:
        figures.save_points(output, images, np.zeros((0, 2)))
    else:
        columns = min(args.num, 10)
        fill = -args.num % columns
        images = np.concatenate([images, np.ones((fill, *images.shape[1:]), images.dtype)])
        figures.save(output, figures.grid(images.reshape(-1, columns, *images.shape[1:])))
    print(output)


def translate(args: argparse.Namespace, overrides: list[str]) -> None:
    """Translates an image, or a folder of them, with the newest checkpoint of a run."""
    _make(args, "back" if choose("direction", args.direction, ("a2b", "b2a")) == "b2a" else "sample")


def upscale(args: argparse.Namespace, overrides: list[str]) -> None:
    """Enlarges an image, or a folder of them, four times."""
    _make(args, "upscale")


def predict(args: argparse.Namespace, overrides: list[str]) -> None:
    """Predicts the frames after those in a folder, or in each below it, or after --num of the held-out sequences."""
    from gan_zoo import trained
    from gan_zoo.data.frames import read_frames
    from gan_zoo.predictions import save_predictions

    output = _folder(args)
    if args.frames < 1 or args.num < 1:
        raise UserError("--frames and --num are 1 or more")
    learned = trained.load(_needs_workdir(args), args.checkpoint)
    if "predictions" not in learned.views:
        raise UserError(f"{learned.config.model} predicts no frames")
    if args.input:
        sequences = read_frames(Path(args.input), learned.spec.shape[-1])
    else:
        test = learned.test
        sequences = {f"held_out_{i}": test.sequence(i) for i in trained.spread(min(args.num, test.size), test.size)}
    for name, sequence in sequences.items():
        print("  ".join(map(str, save_predictions(learned, sequence, args.frames, output, name))))


def retrieve(args: argparse.Namespace, overrides: list[str]) -> None:
    """Shows the --num training images that are nearest to some images, by the codes of an autoencoder."""
    from gan_zoo import figures, trained
    from gan_zoo.data.image_folder import read_all
    from gan_zoo.reconstructions import beside, nearest

    if not args.query or args.num < 1:
        raise UserError("say for which image, or folder of them: --query=IMAGE_OR_FOLDER, and --num of 1 or more")
    output = _output(args, ".png") or Path(_needs_workdir(args), "samples", "retrieved.png")
    learned = trained.load(_needs_workdir(args), args.checkpoint)
    files, images = read_all(Path(args.query), learned.spec.shape)
    near, distances = nearest(learned, images, args.num)
    found = learned.train.take(near.ravel())
    figures.save(output, beside(images, found["image"]))
    names = learned.train.class_names or range(learned.spec.classes)
    labels = [f" {names[label]}" for label in found["label"]] if "label" in found else [""] * near.size
    told = [f"{i}{label} ({away:.3g})" for i, label, away in zip(near.ravel(), labels, distances.ravel(), strict=True)]
    for row, file in enumerate(files):
        print(f"{file}: training images {', '.join(told[row * near.shape[1] :][: near.shape[1]])}")
    print(output)


def styles(args: argparse.Namespace, overrides: list[str]) -> None:
    """Draws what a StyleGAN's styles do: mixing, noise, truncation, and walks in z and w."""
    from gan_zoo import trained
    from gan_zoo.style_pictures import save_pictures

    output = _folder(args)
    learned = trained.load(_needs_workdir(args), args.checkpoint)
    for file in save_pictures(learned, output, args.seed, args.truncation):
        print(file)


def project(args: argparse.Namespace, overrides: list[str]) -> None:
    """Finds the styles whose images are nearest to given ones."""
    from gan_zoo import trained
    from gan_zoo.data.image_folder import read_all
    from gan_zoo.style_pictures import save_projections

    _needs_places(args)
    learned = trained.load(_needs_workdir(args), args.checkpoint)
    files, images = read_all(Path(args.input), learned.spec.shape)
    for file in save_projections(
        learned, images, [file.name for file in files], Path(args.output), args.extractor or ""
    ):
        print(file)


def score(args: argparse.Namespace, overrides: list[str]) -> None:
    """How badly an autoencoder makes each image again: high for what is unlike the images that it learned from."""
    from gan_zoo import trained
    from gan_zoo.data.image_folder import read_all
    from gan_zoo.reconstructions import errors

    if not args.input:
        raise UserError("say which image, or folder of them: --input=IMAGE_OR_FOLDER")
    output = _output(args, ".csv")
    learned = trained.load(_needs_workdir(args), args.checkpoint)
    files, images = read_all(Path(args.input), learned.spec.shape)
    found = sorted(zip(errors(learned, images).tolist(), map(str, files), strict=True), reverse=True)
    rows = [["image", "mean squared error"], *([file, f"{error:.6g}"] for error, file in found)]
    table(rows)
    if output:
        with output.open("w", newline="") as file:
            csv.writer(file).writerows(rows)


def restore(args: argparse.Namespace, overrides: list[str]) -> None:
    """What an autoencoder makes of an image, or a folder of them: without noise, or with holes filled in."""
    from gan_zoo import trained
    from gan_zoo.translate import restore_files

    _needs_places(args)
    learned, mask = trained.load(_needs_workdir(args), args.checkpoint), Path(args.mask) if args.mask else None
    for place in restore_files(learned, Path(args.input), Path(args.output), mask):
        print(place)


def _make(args: argparse.Namespace, view: str) -> None:
    from gan_zoo import trained
    from gan_zoo.translate import make_files

    _needs_places(args)
    learned = trained.load(_needs_workdir(args), args.checkpoint)
    for place in make_files(learned, view, Path(args.input), Path(args.output)):
        print(place)


def describe(args: argparse.Namespace, overrides: list[str]) -> None:
    """Shows the networks and phases of a config, from shapes alone."""
    from gan_zoo.describe import describe

    print(describe(_config(args, overrides), args.compile))


def members(args: argparse.Namespace, overrides: list[str]) -> None:
    """Lists the configs, a line each."""
    from gan_zoo.describe import members

    for name, line in members(PROJECT / "configs"):
        print(f"{name:24} {line}")


def bring(args: argparse.Namespace, overrides: list[str]) -> None:
    """Brings a data set through the package client that has it."""
    from gan_zoo import data

    if not args.config:
        raise UserError("say which data set: ./launch.sh data fashion_mnist")
    print(data.bring(args.config) or f"{args.config} needs no bringing: train on it as it is")


def _config(args: argparse.Namespace, overrides: list[str]):
    from gan_zoo import config

    return config.load(args.config, overrides)


def _data_name(config: str) -> str:
    return config.partition(":")[2].replace("/", "_") or "default"


def _needs_workdir(args: argparse.Namespace) -> Path:
    if not args.workdir:
        raise UserError("say which run: --workdir=DIR")
    return Path(args.workdir)


def _needs_places(args: argparse.Namespace) -> None:
    if not args.input or not args.output:
        raise UserError("say which image or folder, and where to: --input=IMAGE_OR_FOLDER --output=DIR")
    _folder(args)


def _folder(args: argparse.Namespace) -> Path:
    """Where files are to be written: told before minutes of work if they cannot be."""
    if not args.output:
        raise UserError("say where to: --output=DIR")
    from gan_zoo.data.image_folder import SUFFIXES

    path = Path(args.output)
    if path.suffix.lower() in SUFFIXES or path.is_file():
        raise UserError(f"--output={path}: name a folder, not a file")
    return path


def _output(args: argparse.Namespace, kind: str) -> Path | None:
    """The file that is to be written, if one was named: told before minutes of work if it cannot be."""
    if not args.output:
        return None
    path = Path(args.output)
    if path.suffix.lower() != kind:
        raise UserError(f"--output={path}: name a file that ends in {kind}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _report(evaluation: dict, output: Path | None = None) -> None:
    """A table on the screen: the score, the floor that held-out real images have, and the score of as many fakes."""
    rows = [["", "value", "floor", "at as many", "images"]]
    for name, score in evaluation["scores"].items():
        pair = [score[key] for key in ("floor", "at_floor") if key in score]
        spread = f" ± {short(score['spread'])}" if "spread" in score and not isinstance(score["value"], list) else ""
        number = str(pair[0]["samples"]) if pair else ""
        rows.append([name, short(score["value"]) + spread, *(short(one["value"]) for one in pair), number])
    table(rows)
    for warning in evaluation.get("warnings", []):
        print(f"WARNING: {warning}")
    if "best" in evaluation:
        print(f"best checkpoint: {json.dumps(evaluation['best'])}")
    if output:
        output.write_text(json.dumps(evaluation, indent=2) + "\n")


COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "compare": compare,
    "sweep": sweep,
    "report": report,
    "reproduce": reproduce,
    "sample": sample,
    "translate": translate,
    "upscale": upscale,
    "predict": predict,
    "retrieve": retrieve,
    "score": score,
    "restore": restore,
    "styles": styles,
    "project": project,
    "describe": describe,
    "list": members,
    "data": bring,
}
