"""A walk in the space of the noise, from one sample to the next and on."""

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.reproduce import Result, walk

PAPER = "Radford et al. 2015, figure 4"
COST = {
    "small": "3 minutes of one core",
    "paper": "2.8e16 FLOP (counted)",
}
DIFFERS = "small: Fashion-MNIST for bedrooms; eight steps to each sample, the first of seed 0, not chosen"

ROWS, COLUMNS = 8, 9


def get_runs(scale):
    if scale == "paper":
        return {"run": {"config": "configs/dcgan.py:paper"}}
    return {"run": {"config": "configs/dcgan.py:fashion_mnist", "conditioning": "none"}}


def draw(runs, scale):
    run = gan_zoo.load(runs["run"])
    corners = run.latents(ROWS + 1)["noise"]
    images = walk(run, corners[:-1], corners[1:], COLUMNS)  # each row ends as the next begins
    steps = np.abs(np.diff(images, axis=1)).mean(axis=(2, 3, 4))
    found = {"mean step": float(steps.mean()), "largest step": float(steps.max())}
    table = [["mean step, L1 in [-1, 1]", "largest step"], list(found.values())]
    return Result(figures.grid(images), table, found)
