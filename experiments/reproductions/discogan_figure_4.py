"""Five modes to ten: what a plain GAN, one with reconstruction of one domain, and DiscoGAN make of the first domain.

Gray are the points of the second domain, in colours what becomes of each mode of the first.
"""

import numpy as np
from matplotlib.figure import Figure

import gan_zoo
from gan_zoo import plots, workdir
from gan_zoo.models.discogan import VARIANTS
from gan_zoo.report import mean_and_spread
from gan_zoo.reproduce import Result

PAPER = "Kim et al. 2017, figure 4 (section 3.1)"
COST = {"small": "8 minutes of one core", "paper": "the same"}
DIFFERS = (
    "where the modes lie, and sizes of networks and minibatches, which the paper leaves open; 6,000 rounds, three "
    "seeds, the picture shows the first. A mode counts with 10 of 10,000 translated points within three deviations"
)
NUMBERS = "in words: the plain GAN and the one with reconstruction map several modes to one, DiscoGAN covers all ten"

SEEDS, SHOWN = range(3), 1000
CONFIG = "configs/discogan.py:5to10gaussians"


def get_runs(scale):
    fields = {variant: {"variant": variant} for variant in VARIANTS} | {"discogan": {}}
    given = lambda variant, seed: {"config": CONFIG, **fields[variant], "seed": seed}
    return {f"{variant}/{seed}": given(variant, seed) for variant in VARIANTS for seed in SEEDS}


def draw(runs, scale):
    figure = Figure(figsize=(10, 3.6), dpi=100, layout="constrained")
    rows, numbers = [], {}
    for axis, variant in zip(figure.subplots(1, len(VARIANTS)), VARIANTS, strict=True):
        own = [runs[f"{variant}/{seed}"] for seed in SEEDS]
        run = gan_zoo.load(own[0])
        batch = run.held_out(np.arange(SHOWN))
        angle = np.arctan2(*batch["input"].T[::-1]) - np.pi / 10
        mode = np.rint(angle / (2 * np.pi / 5)).astype(int) % 5
        axis.scatter(*batch["image"].T, s=6, color="0.8", label="domain B")
        made = run.make("sample", batch["input"])
        for number in range(5):
            axis.scatter(*made[mode == number].T, s=3, color=plots.COLORS[number], label=f"mode {number + 1} of A")
        axis.set(title=variant, xlim=(-2, 2), ylim=(-2, 2), xticks=(), yticks=(), aspect="equal")
        scores = [workdir.read(folder / "evaluation.json")["scores"] for folder in own]
        found = {key: [one[key]["value"] for one in scores] for key in ("modes_covered", "high_quality")}
        numbers[variant] = found
        rows.append([variant, *map(mean_and_spread, found.values())])
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=6, markerscale=3)
    return Result(figure, [["", "modes of 10", "share of high quality"], *rows], numbers)
