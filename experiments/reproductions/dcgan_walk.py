"""A walk in the space of the noise, from one sample to the next and on."""

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.reproduce import Result

PAPER = "Radford et al. 2015, figure 4"
COST = {"small": "8 minutes on two cores, after ./launch.sh data fashion_mnist", "paper": "not run"}
DIFFERS = "small: Fashion-MNIST for bedrooms; eight steps to each sample, the first of seed 0, not chosen"
NUMBERS = "none"

ROWS, COLUMNS = 8, 9


def get_runs(scale):
    if scale == "paper":
        return {"run": {"config": "configs/dcgan.py:paper"}}
    return {"run": {"config": "configs/dcgan.py:fashion_mnist", "conditioning": "none"}}


def draw(runs, scale):
    run = gan_zoo.load(runs["run"])
    corners = run.latents(ROWS + 1)["noise"][:, None]
    way = np.linspace(0, 1, COLUMNS)[None, :, None]
    noise = (1 - way) * corners[:-1] + way * corners[1:]  # [rows, columns, Z]: each row ends as the next begins
    images = run.draw({"noise": noise.reshape(-1, noise.shape[-1])}).reshape(ROWS, COLUMNS, *run.spec.shape)
    steps = np.abs(np.diff(images, axis=1)).mean(axis=(2, 3, 4))
    found = {"mean step": float(steps.mean()), "largest step": float(steps.max())}
    table = [["mean step, L1 in [-1, 1]", "largest step"], [f"{value:.3f}" for value in found.values()]]
    return Result(figures.grid(images), table, found)
