"""How many of 25 Gaussians six ways to play the game find, with the same networks and three seeds each."""

import numpy as np
from matplotlib.figure import Figure

import gan_zoo
from gan_zoo import data, plots, workdir
from gan_zoo.reproduce import Result

PAPER = "Gulrajani et al. 2017, section 5 (gan_toy.py), with the losses of 2014, LSGAN, hinge and WGAN beside it"
COST = {
    "small": "14 minutes of one core; --workdir=runs/losses takes the runs of experiments/sweeps/losses.py",
    "paper": "1.2e16 FLOP (counted)",
}
DIFFERS = (
    "small: four layers of 128 units, 8,000 rounds; rates are the configs' and were not tuned for each loss. A mode "
    "counts with 10 of 10,000 samples within three deviations; the samples are seed 0's"
)

LOSSES = ("minimax", "non_saturating", "least_squares", "hinge")
SEEDS = range(3)
# gan_toy.py's rates, of both players; GAN's losses keep the config's.
RATES = {"wgan": {"learning_rate": 5e-5}, "wgan_gp": {"learning_rate": 1e-4, "b1": 0.5, "schedule": "constant"}}


def get_runs(scale):
    games = {loss: {"config": "configs/gan.py:25gaussians", "loss": loss} for loss in LOSSES}
    games |= {name: {"config": f"configs/{name}.py:25gaussians"} for name in ("wgan", "wgan_gp")}
    if scale == "paper":
        for name, game in games.items():
            game |= {"rounds": 100_000, "batch_size": 256}
            for player in ("generator", "discriminator"):
                game[f"{player}.hidden"] = (512, 512, 512)
                game |= {f"{player}_optimizer.{field}": value for field, value in RATES.get(name, {}).items()}
    return {f"{name} {seed}": {**game, "seed": seed} for name, game in games.items() for seed in SEEDS}


def draw(runs, scale):
    names = list(dict.fromkeys(name.split()[0] for name in runs))
    figure = Figure(figsize=(9, 6.4), dpi=80, layout="constrained")
    rows, numbers = [], {}
    real = data.load("25gaussians", "train").take(np.arange(2000))["image"]
    for axis, name in zip(figure.subplots(2, 3).ravel(), names, strict=True):
        own = [runs[f"{name} {seed}"] for seed in SEEDS]
        made = gan_zoo.load(own[0]).sample(num=2000)
        axis.scatter(*real.T, s=3, color="0.75", label="data")
        axis.scatter(*made.T, s=1.5, color=plots.COLORS[0], label="generated, seed 0")
        axis.set(title=name.replace("_", "-"), xlim=(-2, 2), ylim=(-2, 2), xticks=(), yticks=(), aspect="equal")
        scores = [workdir.read(folder / "evaluation.json")["scores"] for folder in own]
        found = {key: [one[key]["value"] for one in scores] for key in ("modes_covered", "high_quality")}
        numbers[name] = found
        spread = [f"{np.mean(x):.3g} ± {np.std(x, ddof=1):.2g}" for x in found.values()]
        rows.append([name.replace("_", "-"), *spread])
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=4)
    return Result(figure, [["", "modes of 25", "share of high quality"], *rows], numbers)
