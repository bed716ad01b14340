"""The critic's estimate follows the samples' quality; the classical discriminator's does not.

Left the critic's estimate of the earth mover's distance (up to a factor), right the discriminator's of the
Jensen-Shannon divergence, log 2 - loss / 2, above the FID of the same rounds, for convolutional and fully connected
generators.
"""

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from gan_zoo import plots
from gan_zoo.reproduce import Result

PAPER = "Arjovsky et al. 2017, figures 3 and 4"
COST = {"small": "6 minutes of one core", "paper": "1.2e17 FLOP (counted)"}
DIFFERS = (
    "small: scikit-learn's 8x8 digits for bedrooms, FID of the classifier's features for looking at samples. Estimates "
    "are running medians over 11 noted rounds. Where the generator is fully connected the critic is as well: the "
    "paper's is DCGAN's. The scale paper has DCGAN's generator alone"
)

WATCHED = {"eval_every": 100, "watch_samples": 1000, "rounds": 2000, "log_every": 20, "conditioning": "none"}
GENERATORS = {"convolutional": {}, "fully connected": {"architecture": "mlp"}}
ESTIMATES = {
    "earth mover's distance (WGAN)": ("wgan", lambda loss: -loss),
    "Jensen-Shannon (GAN)": ("dcgan", lambda loss: np.log(2) - loss / 2),
}


def get_runs(scale):
    if scale == "paper":
        watched = {"eval_every": 5000, "watch_samples": 10_000, "log_every": 100, "extractor": "inception"}
        names = [name for name, _ in ESTIMATES.values()]
        return {f"{name}, convolutional": {"config": f"configs/{name}.py:paper", **watched} for name in names}
    return {
        f"{name}, {kind}": {"config": f"configs/{name}.py:digits", **WATCHED, **fields}
        for name, _ in ESTIMATES.values()
        for kind, fields in GENERATORS.items()
    }


def draw(runs, scale):
    figure = Figure(figsize=(9, 5), dpi=100, layout="constrained")
    panels, rows, numbers = figure.subplots(2, 2, sharex=True), [], {}
    for (above, below), (title, (name, estimate)) in zip(panels.T, ESTIMATES.items(), strict=True):
        for number, kind in enumerate(GENERATORS):
            if f"{name}, {kind}" not in runs:
                continue
            noted = plots.curves(runs[f"{name}, {kind}"])
            rounds, loss = noted["discriminator/adversarial"]
            values = plots.smooth(estimate(loss), 11)
            plots.band(above, [(rounds, values)], number, kind)
            plots.band(below, [noted["fid"]], number)
            when, fid = noted["fid"]
            agree = float(spearmanr(np.interp(when, rounds, values), fid).statistic)
            numbers[f"{title}, {kind}"] = {"rank correlation": agree, "last estimate": values[-1], "last FID": fid[-1]}
            rows.append([f"{title}, {kind}", agree, fid[-1]])
        above.set(title=title, xlabel="", ylabel="estimate")
        below.set(ylabel="FID", yscale="log")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return Result(figure, [["", "rank correlation of estimate and FID", "last FID"], *rows], numbers)
