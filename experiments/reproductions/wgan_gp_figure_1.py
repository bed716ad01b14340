"""What critics learn of points when no generator answers: with clipped weights, and with the gradient penalty."""

import jax
import numpy as np
from matplotlib.figure import Figure

import gan_zoo
from gan_zoo import data, plots
from gan_zoo.reproduce import Result

PAPER = "Gulrajani et al. 2017, figure 1"
COST = {"small": "6 minutes of one core", "paper": "2.7e16 FLOP (counted)"}
DIFFERS = (
    "the fakes are the data plus noise, for deep critics too, where the paper's generator learns. small: four layers "
    "of 128 units, 2,000 rounds of five turns, deep critics eight layers for twelve; with penalties Adam's rate 3e-3"
)
NUMBERS = "clipped critics miss the higher moments; their gradients explode or vanish, the penalty's do not"

SETS, KINDS = ("8gaussians", "25gaussians", "swissroll"), {"weight clipping": "wgan", "gradient penalty": "wgan_gp"}
PLAIN = {f"{kind}, {name}": (member, name, {}) for kind, member in KINDS.items() for name in SETS}
DEEP = {f"clipping, c = {c:g}": ("wgan", "swissroll", {"clip": c}) for c in (0.1, 0.01, 0.001)}
DEEP["penalty"] = "wgan_gp", "swissroll", {}
WIDTHS = {"small": ((128,) * 4, (128,) * 8), "paper": ((512,) * 3, (512,) * 12)}  # of plain and of deep critics
RATES = {"wgan": {"learning_rate": 5e-5}, "wgan_gp": {"learning_rate": 1e-4, "b1": 0.5, "schedule": "constant"}}


def get_runs(scale):
    paper, runs = scale == "paper", {}
    sizes = {"rounds": 100_000, "batch_size": 256} if paper else {"rounds": 2000}
    for run, (member, name, fields) in {**PLAIN, **DEEP}.items():
        rates = RATES[member] if paper or member == "wgan" else {}
        moves = {f"{who}_optimizer.{x}": y for who in ("generator", "discriminator") for x, y in rates.items()}
        own = {"dataset": name, "discriminator.hidden": WIDTHS[scale][run in DEEP], "noisy_data": True}
        runs[run] = {"config": f"configs/{member}.py:25gaussians", "log_every": 100, **own, **sizes, **moves, **fields}
    return runs


def surface(axis, run, points, title):
    """The critic's values over the plane, and the data on it."""
    grid = np.stack(np.meshgrid(*2 * [1.5 * np.abs(points).max() * np.linspace(-1, 1, 101)]), axis=-1)
    values = run.probe("logits", grid.reshape(-1, 2)).reshape(grid.shape[:2])
    axis.contour(*np.moveaxis(grid, -1, 0), values, levels=20, linewidths=0.8)
    axis.scatter(*points.T, s=1, color=plots.COLORS[1])
    axis.set(title=title, xticks=(), yticks=(), aspect="equal")


def layers(run, points):
    """The mean lengths of the gradient towards the outputs of all layers but the last, and all weights."""
    critic = run.nets["discriminator"]["params"]

    def value(biases, point):  # a bias is added to the output: for one point their gradients are the same
        params = {name: {**layer, "bias": biases[name]} for name, layer in critic.items()}
        nets = {**run.nets, "discriminator": {**run.nets["discriminator"], "params": params}}
        return run.game.probes["logits"](nets, {"image": point[None]}, None).sum()

    gradients = jax.vmap(jax.grad(value), (None, 0))({name: own["bias"] for name, own in critic.items()}, points)
    norms = [float(np.linalg.norm(gradients[f"Dense_{i}"], axis=-1).mean()) for i in range(len(critic) - 1)]
    return norms, np.concatenate([np.ravel(layer["kernel"]) for layer in critic.values()])


def draw(runs, scale):
    figure = Figure(figsize=(12, 5.2), dpi=85, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    points = {name: data.load(name, "train").take(np.arange(1000))["image"] for name in SETS}
    for axis, (title, (_, name, _)) in zip(left.subplots(2, len(SETS)).ravel(), PLAIN.items(), strict=True):
        surface(axis, gan_zoo.load(runs[title]), points[name], title.replace(", ", "\n"))
    (above, below), rows, numbers = right.subplots(2, 1), [], {}
    for number, kind in enumerate(DEEP):
        norms, weights = layers(gan_zoo.load(runs[kind]), points["swissroll"])
        numbers[kind] = norms
        above.plot(range(1, len(norms) + 1), norms, marker=".", label=kind, **plots.style(number))
        weights /= np.abs(weights).max()
        below.hist(weights, np.linspace(-1, 1, 81), density=True, histtype="step", **plots.style(number))
        rows.append([kind, norms[0], norms[-1], norms[0] / norms[-1], float((np.abs(weights) > 0.99).mean())])
    above.set(title="gradient towards a layer's output", xlabel="layer", yscale="log")
    below.set(title="weights, as shares of the largest", yscale="log", ylabel="density")
    right.legend(loc="outside lower center", ncols=2)
    head = ["deep critics on the Swiss roll", "gradient at layer 1", "at the last", "ratio", "weights at the largest"]
    return Result(figure, [head, *rows], numbers)
