"""Each code of an InfoGAN swept, all others kept.

Left the ten values of the categorical code, right the continuous ones from -2 to 2; they were trained from -1 to 1.
"""

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.reproduce import Result

PAPER = "Chen et al. 2016, figure 2"
COST = {"small": "two minutes on one core", "paper": "1.9e14 FLOP (counted)"}
DIFFERS = "small: scikit-learn's 8x8 digits for MNIST. Rows are the first samples of seed 0, not chosen"
NUMBERS = "the continuous codes turn and widen digits"

ROWS, COLUMNS = 5, 10


def get_runs(scale):
    return {"run": {"config": f"configs/infogan.py:{'digits' if scale == 'small' else 'paper'}"}}


def draw(runs, scale):
    run = gan_zoo.load(runs["run"])
    first = {name: np.repeat(x, COLUMNS, axis=0) for name, x in run.latents(ROWS).items()}  # [rows * columns, ...]
    values = np.tile(np.linspace(-2, 2, COLUMNS), ROWS)
    sweeps = {"category": {**first, "category": np.tile(np.arange(COLUMNS), ROWS)}}
    for number in range(first["continuous"].shape[1]):
        continuous = first["continuous"].copy()
        continuous[:, number] = values
        sweeps[f"continuous {number + 1}"] = {**first, "continuous": continuous}
    parts, numbers = [], {}
    for name, latents in sweeps.items():
        images = run.draw(latents).reshape(ROWS, COLUMNS, *run.spec.shape)
        part = figures.headed(figures.grid(images), [f"{name} code"])
        parts.append(np.pad(part, [(0, 0), (0, 12), (0, 0)], constant_values=255))
        numbers[name] = float(images.std(axis=1).mean())
    # Which of the continuous codes is the first one is chance: seeds can be compared in what all of them do.
    continuous = float(np.mean([change for name, change in numbers.items() if name != "category"]))
    table = [["code", "mean change of a pixel along a row"], ["category", numbers["category"]]]
    return Result(np.concatenate(parts, axis=1), [*table, ["continuous, mean of all", continuous]], numbers)
