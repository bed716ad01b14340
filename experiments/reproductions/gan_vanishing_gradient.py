"""The generator's gradient: vanishing for the minimax loss, not for the non-saturating one.

While the discriminator is sure of its fakes, log(1 - D(G(z))) is flat and -log D(G(z)) is steep.
"""

import numpy as np
from matplotlib.figure import Figure

from gan_zoo import plots
from gan_zoo.reproduce import Result

PAPER = "Goodfellow et al. 2014, section 3 (without a figure)"
COST = {"small": "two minutes of one core", "paper": "3.1e16 FLOP (counted)"}
DIFFERS = (
    "small: scikit-learn's 8x8 digits for MNIST, Adam; the discriminator has 20 turns a round and no dropout, so that "
    "it becomes sure; three seeds, the band is their range"
)
NUMBERS = 'in words: early in learning "log(1 - D(G(z))) saturates"'

LOSSES = ("non_saturating", "minimax")
PANELS = {"generator/gradient_norm": "norm of the generator's gradient", "discriminator/fake": "logit of fakes"}


def get_runs(scale):
    config = f"configs/gan.py:{'digits' if scale == 'small' else 'paper'}"
    fields = {"discriminator_turns": 20, "discriminator.dropout_hidden": 0.0}
    fields |= {"rounds": 500, "log_every": 10} if scale == "small" else {}
    return {
        f"{loss}_{seed}": {"config": config, "loss": loss, "seed": seed, **fields}
        for loss in LOSSES
        for seed in range(3)
    }


def draw(runs, scale):
    figure = Figure(figsize=(9, 3.5), dpi=100, layout="constrained")
    axes, numbers = figure.subplots(1, len(PANELS)), {}
    for number, loss in enumerate(LOSSES):
        noted = [plots.curves(runs[f"{loss}_{seed}"]) for seed in range(3)]
        for axis, (metric, name) in zip(axes, PANELS.items(), strict=True):
            found = [one[metric] for one in noted]
            plots.band(axis, found, number, loss.replace("_", "-") if axis is axes[0] else None)
            axis.set(title=name)
            values = plots.together(found)[1]
            numbers.setdefault(metric, {})[loss] = {"median": float(np.median(values)), "least": float(values.min())}
    axes[0].set_yscale("log")
    figure.legend(loc="outside upper center", ncols=2)
    found = numbers["generator/gradient_norm"]
    rows = [[loss, *(found[loss][key] for key in ("median", "least"))] for loss in LOSSES]
    return Result(figure, [["loss", "median norm", "least"], *rows], numbers)
