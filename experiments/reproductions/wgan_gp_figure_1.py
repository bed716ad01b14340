"""What critics learn of points when no generator answers: with clipped weights, and with the gradient penalty.

Left values (fakes are data plus noise of unit variance); right gradients towards the outputs of a deep critic's layers.
"""

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import gan_zoo
from gan_zoo import data, plots
from gan_zoo.reproduce import Result

PAPER = "Gulrajani et al. 2017, figure 1"
COST = {"small": "4 minutes of one core", "paper": "an hour (estimated from the small one)"}
DIFFERS = "small: four layers of 128 units and 2,000 rounds of five turns, deep critics eight layers"
NUMBERS = "clipped critics miss the higher moments; their gradients explode or vanish, the penalty's do not"

SETS, KINDS = ("8gaussians", "25gaussians", "swissroll"), ("weight_clipping", "gradient_penalty")
LAYERS = [f"Dense_{number}" for number in range(8)]
DEEP = {f"clipping, c = {c:g}": {"regularizer": "weight_clipping", "clip": c} for c in (0.1, 0.01, 0.001)}
DEEP["gradient penalty"] = {"regularizer": "gradient_penalty"}
DEEP = {kind: {**fields, "discriminator.hidden": (128,) * len(LAYERS)} for kind, fields in DEEP.items()}


def get_runs(scale):
    shared = {"noisy_data": True, "rounds": 2000, "log_every": 100}
    if scale == "paper":
        shared |= {"rounds": 100_000, "batch_size": 256, "discriminator.hidden": (512, 512, 512)}
    given = lambda name, fields: {"config": f"configs/wgan_gp.py:{name}", **shared, **fields}
    runs = {f"{kind} {name}": given(name, {"regularizer": kind}) for kind in KINDS for name in SETS}
    return runs | {kind: given("swissroll", fields) for kind, fields in DEEP.items()}


def surface(axis, run, points, title):
    """The critic's values over the plane, and the data on it."""
    side = 1.5 * np.abs(points).max()
    grid = np.stack(np.meshgrid(*2 * [np.linspace(-side, side, 101)]), axis=-1)
    values = run.probe("logits", grid.reshape(-1, 2)).reshape(grid.shape[:2])
    axis.contour(*np.moveaxis(grid, -1, 0), values, levels=20, cmap="viridis", linewidths=0.8)
    axis.scatter(*points.T, s=1, color=plots.COLORS[1])
    axis.set(title=title, xticks=(), yticks=(), aspect="equal")


def layers(run, points):
    """Of each layer from the first on: the mean length of the gradient towards its output; and all weights."""
    critic = run.nets["discriminator"]["params"]

    def value(biases, point):  # a bias is added to the output: for one point their gradients are the same
        params = {**critic, **{name: {**critic[name], "bias": bias} for name, bias in biases.items()}}
        nets = {**run.nets, "discriminator": {**run.nets["discriminator"], "params": params}}
        return run.game.probes["logits"](nets, {"image": point[None]}, None).sum()

    gradients = jax.vmap(jax.grad(value), (None, 0))({name: critic[name]["bias"] for name in LAYERS}, points)
    norms = [float(jnp.linalg.norm(gradients[name], axis=-1).mean()) for name in LAYERS]
    return norms, np.concatenate([np.ravel(critic[name]["kernel"]) for name in LAYERS])


def draw(runs, scale):
    figure = Figure(figsize=(12, 5.2), dpi=85, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    points = {name: data.load(name, "train").take(np.arange(1000))["image"] for name in SETS}
    for axes, kind in zip(left.subplots(2, len(SETS)), KINDS, strict=True):
        for axis, name in zip(axes, SETS, strict=True):
            surface(axis, gan_zoo.load(runs[f"{kind} {name}"]), points[name], f"{kind.replace('_', ' ')}\n{name}")
    (above, below), rows, numbers = right.subplots(2, 1), [], {}
    for number, kind in enumerate(DEEP):
        norms, weights = layers(gan_zoo.load(runs[kind]), points["swissroll"])
        above.plot(range(1, len(LAYERS) + 1), norms, marker=".", label=kind, **plots.style(number))
        weights /= np.abs(weights).max()
        below.hist(weights, np.linspace(-1, 1, 81), density=True, histtype="step", **plots.style(number))
        numbers[kind] = {"gradients": norms, "at the largest weight": float((np.abs(weights) > 0.99).mean())}
        rows.append([kind, norms[0], norms[-1], norms[0] / norms[-1], numbers[kind]["at the largest weight"]])
    above.set(title="gradient towards a layer's output", xlabel="layer", yscale="log")
    below.set(title="weights, as shares of the largest", yscale="log", ylabel="density")
    right.legend(loc="outside lower center", ncols=2)
    head = ["deep critics on the Swiss roll", "gradient at layer 1", "at the last", "ratio", "weights at the largest"]
    return Result(figure, [head, *rows], numbers)
