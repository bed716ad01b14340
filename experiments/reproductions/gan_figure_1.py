"""One dimension: the densities of data and model, and the discriminator between them, until it says 1/2.

Below, where the generator takes evenly spaced noise. The dotted line is the best discriminator there can be,
p_data / (p_data + p_model), the averaged generator's density being estimated from 20,000 samples.
"""

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde, norm

import gan_zoo
from gan_zoo import plots
from gan_zoo.reproduce import Result

PAPER = "Goodfellow et al. 2014, figure 1"
COST = {"small": "a minute of one core", "paper": "the same"}
DIFFERS = "the paper's figure is a sketch; this is a run, at four times"
NUMBERS = "D -> 1/2 everywhere"

ROUNDS = (20, 200, 1000, 8000)
SAMPLES = 20_000
X = np.linspace(-4, 4, 401)


def get_runs(scale):
    return {str(rounds): {"config": "configs/gan.py:normal", "rounds": rounds} for rounds in ROUNDS}


def draw(runs, scale):
    figure = Figure(figsize=(11, 3.8), dpi=90, layout="constrained")
    panels, numbers, rows = figure.subplots(2, 4, sharex=True, height_ratios=(3, 1)).T, {}, []
    data = norm.pdf(X)
    for (above, below), rounds in zip(panels, ROUNDS, strict=True):
        run = gan_zoo.load(runs[str(rounds)])
        made = run.sample(num=SAMPLES)[:, 0]
        model = gaussian_kde(made)(X)
        judged = 1 / (1 + np.exp(-run.probe("logits", X[:, None])))
        colors = iter(plots.COLORS)
        above.plot(X, data, color="black", linestyle=":", label="data")
        above.plot(X, model, color=next(colors), label="model")
        above.plot(X, judged, color=next(colors), linestyle="--", label="D")
        above.plot(X, data / (data + model), color="0.6", linestyle=":", linewidth=1, label="best D")
        above.set(title=f"round {rounds}", ylim=(0, 1.6))
        z = np.linspace(-1, 1, 21)[:, None]
        for start, end in zip(z[:, 0], run.draw({"noise": z})[:, 0], strict=True):
            below.annotate("", (end, 1), (4 * start, 0), arrowprops={"arrowstyle": "->", "linewidth": 0.5})
        below.set(yticks=(0, 1), yticklabels=("z", "x"), ylim=(0, 1), xlim=(-4, 4))
        likely = data > 0.02  # where there are data for D to be right about
        gaps = {
            "largest distance of D from 1/2": float(np.abs(judged - 0.5)[likely].max()),
            "1-Wasserstein": float(np.abs(np.sort(made) - norm.ppf((np.arange(SAMPLES) + 0.5) / SAMPLES)).mean()),
        }
        numbers[rounds] = gaps
        rows.append([str(rounds), *gaps.values()])
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return Result(figure, [["round", *numbers[ROUNDS[0]]], *rows], numbers)
