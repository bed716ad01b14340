"""What users compare with: losses and members on Fashion-MNIST under one protocol.

The pictures are each game's first samples with seed 0, a row for each label where the game knows labels.
"""

import runpy
from pathlib import Path

import numpy as np

import gan_zoo
from gan_zoo import figures, workdir
from gan_zoo.report import mean_and_spread
from gan_zoo.reproduce import Result

PAPER = "no one paper's: experiments/sweeps/fashion.py, whose runs are taken by --workdir=runs/fashion"
COST = {"small": "4 hours of one core", "paper": "the same"}
DIFFERS = (
    "convolutional ones have DCGAN's networks of width 32, know the labels and play 3,000 rounds (InfoGAN has its own, "
    "without labels); GAN and CGAN are fully connected and play 8,000, GAN without labels. Rates are the configs' and "
    "were not tuned for each loss. FID and all else in the features of one classifier, of 10,000 samples. Trained "
    "by that sweep with --together, two games at a time on two cores"
)

LONG = True

SCORES = ("fid", "kid", "precision", "recall", "coverage", "label_accuracy")
SWEEP = Path(__file__).parent.parent / "sweeps" / "fashion.py"
SHOWN = 10


def game_of(run):
    """A short name: dcgan hinge."""
    return f"{Path(run['config']).stem} {run.get('loss', '')}".strip().replace("_", "-")


def get_runs(scale):
    return {f"{game_of(run)}/{run['seed']}": run for run in runpy.run_path(str(SWEEP))["get_runs"]()}


def draw(runs, scale):
    games = {}
    for name, folder in runs.items():
        games.setdefault(name.partition("/")[0], []).append(folder)
    numbers, rows, columns = {}, [], []
    for game, folders in games.items():
        found = [workdir.read(folder / "evaluation.json")["scores"] for folder in folders]
        own = {score: [one[score]["value"] for one in found] for score in SCORES if score in found[0]}
        numbers[game] = own
        cells = [mean_and_spread(own[x]) if x in own else "" for x in SCORES]
        rows.append((np.mean(own["fid"]), [game, *cells]))
        columns.append(gan_zoo.load(folders[0]).sample(seed=0, num=SHOWN))
    floor = found[0]["fid"]["floor"]["value"]
    rows = [row for _, row in sorted(rows)] + [["held-out garments", floor, *[""] * (len(SCORES) - 1)]]
    titles = [game.split()[-1].replace("saturating", "sat.") for game in games]
    picture = figures.headed(figures.grid(np.stack(columns, axis=1)), titles)
    return Result(picture, [["", *SCORES], *rows], numbers)
