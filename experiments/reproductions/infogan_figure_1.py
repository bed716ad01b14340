"""InfoGAN's bound of the mutual information between code and image, with and without maximizing it.

Without, the generator does not move for the codes, and Q only watches what it can read from the images.
"""

import numpy as np
from matplotlib.figure import Figure

from gan_zoo import plots
from gan_zoo.reproduce import Result

PAPER = "Chen et al. 2016, figure 1"
COST = {"small": "3 minutes of one core", "paper": "1.1e15 FLOP (counted)"}
DIFFERS = "small: scikit-learn's 8x8 digits for MNIST, 2,000 rounds; three seeds, the band is their range"
NUMBERS = "L_I reaches the entropy of the code, ln 10 = 2.30; without the term it stays near 0"

METRIC = "generator/mutual_information"
SETTINGS = {"maximized": True, "not maximized": False}


def get_runs(scale):
    config = f"configs/infogan.py:{'digits' if scale == 'small' else 'paper'}"
    return {
        f"maximized_{value}_{seed}": {"config": config, "maximized": value, "seed": seed}
        for value in SETTINGS.values()
        for seed in range(3)
    }


def draw(runs, scale):
    figure = Figure(figsize=(6, 3.5), dpi=100, layout="constrained")
    axis, numbers, rows = figure.subplots(), {}, []
    for number, (label, value) in enumerate(SETTINGS.items()):
        found = [plots.curves(runs[f"maximized_{value}_{seed}"])[METRIC] for seed in range(3)]
        plots.band(axis, found, number, label)
        last = plots.together(found)[1][:, -10:].mean(axis=1)  # minibatches are noisy
        numbers[label] = last.tolist()
        rows.append([label, f"{last.mean():.2f} ± {last.std(ddof=1):.2f}"])
    axis.axhline(np.log(10), color="0.5", linewidth=0.8, label="entropy of the code")
    axis.set(ylabel="$L_I$ of the categorical code, nats")
    figure.legend(loc="outside upper center", ncols=3)
    return Result(figure, [["", "L_I at the end, nats"], *rows], {"mutual_information": numbers})
