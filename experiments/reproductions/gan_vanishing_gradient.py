"""The generator's gradient: vanishing for the minimax loss, not for the non-saturating one.

While the discriminator is sure of its fakes, log(1 - D(G(z))) is flat and -log D(G(z)) is steep.
"""

import numpy as np
from matplotlib.figure import Figure

from gan_zoo import workdir
from gan_zoo.reproduce import Result

PAPER = "Goodfellow et al. 2014, section 3 (without a figure)"
COST = {"small": "3 minutes on two cores", "paper": "not run"}
DIFFERS = "small: scikit-learn's 8x8 digits for MNIST, Adam; three seeds, the band is their range"
NUMBERS = 'none; in words: early in learning "log(1 - D(G(z))) saturates"'

LOSSES = ("non_saturating", "minimax")
PANELS = {"generator/gradient_norm": "norm of the generator's gradient", "discriminator/fake": "logit of fakes"}


def get_runs(scale):
    config = f"configs/gan.py:{'digits' if scale == 'small' else 'paper'}"
    fields = {"rounds": 2000, "log_every": 20} if scale == "small" else {}
    return {
        f"{loss}_{seed}": {"config": config, "loss": loss, "seed": seed, **fields}
        for loss in LOSSES
        for seed in range(3)
    }


def draw(runs, scale):
    figure = Figure(figsize=(9, 3.5), dpi=100, layout="constrained")
    axes, numbers = figure.subplots(1, len(PANELS)), {}
    for color, loss in enumerate(LOSSES):
        noted = [workdir.lines(runs[f"{loss}_{seed}"] / "metrics.jsonl") for seed in range(3)]
        rounds = [line["step"] for line in noted[0]]
        for axis, (metric, name) in zip(axes, PANELS.items(), strict=True):
            values = np.array([[line[metric] for line in one] for one in noted])
            label = loss.replace("_", "-") if axis is axes[0] else None
            axis.plot(rounds, values.mean(axis=0), label=label, color=f"C{color}", linestyle=("-", "--")[color])
            axis.fill_between(rounds, values.min(axis=0), values.max(axis=0), color=f"C{color}", alpha=0.2, linewidth=0)
            axis.set(xlabel="round", title=name)
            numbers.setdefault(metric, {})[loss] = {"median": float(np.median(values)), "least": float(values.min())}
    axes[0].set_yscale("log")
    figure.legend(loc="outside upper center", ncols=2)
    found = numbers["generator/gradient_norm"]
    rows = [[loss, *(f"{found[loss][key]:.3g}" for key in ("median", "least"))] for loss in LOSSES]
    return Result(figure, [["loss", "median norm", "least"], *rows], numbers)
