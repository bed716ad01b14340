"""Digits on the way between two, linearly in the noise."""

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.reproduce import Result, walk

PAPER = "Goodfellow et al. 2014, figure 3"
COST = {"small": "two minutes on one core", "paper": "5.4e14 FLOP (counted)"}
DIFFERS = "small: scikit-learn's 8x8 digits for MNIST. The ends are the first samples of seed 0, not chosen"

ROWS, COLUMNS = 6, 12


def get_runs(scale):
    return {"run": {"config": f"configs/gan.py:{'digits' if scale == 'small' else 'paper'}"}}


def draw(runs, scale):
    run = gan_zoo.load(runs["run"])
    images = walk(run, *np.split(run.latents(2 * ROWS)["noise"], 2), COLUMNS)
    steps = np.abs(np.diff(images, axis=1)).mean(axis=(2, 3, 4))  # [rows, columns - 1]
    ends = np.abs(images[:, -1] - images[:, 0]).mean(axis=(1, 2, 3))
    found = {"largest step": float((steps.max(axis=1) / ends).mean()), "even steps": 1 / (COLUMNS - 1)}
    table = [["largest step, as a share of the difference of the ends", "if all were alike and straight"]]
    return Result(figures.grid(images), [*table, [found["largest step"], f"{found['even steps']:.4g}"]], found)
