"""What critics learn of points when no generator answers: with clipped weights, and with the gradient penalty.

The fakes are data plus noise of unit variance. Left the critics' values; right, of deep critics on the Swiss roll, the
gradient of the critic's value with respect to the weights of each layer, and the weights themselves.
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
DIFFERS = "small: four layers of 128 units and 2,000 rounds of five turns, deep critics eight layers; one seed"
NUMBERS = "clipped critics miss the higher moments; their gradients explode or vanish, the penalty's do not"

SETS = ("8gaussians", "25gaussians", "swissroll")
KINDS = {
    "weight clipping": {"regularizer": "weight_clipping"},
    "gradient penalty": {"regularizer": "gradient_penalty"},
}
DEEP = {f"clipping, c = {c:g}": {"regularizer": "weight_clipping", "clip": c} for c in (0.1, 0.01, 0.001)}
DEEP["gradient penalty"] = {"regularizer": "gradient_penalty"}
LAYERS = 8


def get_runs(scale):
    shared = {"noisy_data": True, "rounds": 2000, "log_every": 100}
    if scale == "paper":
        shared |= {"rounds": 100_000, "batch_size": 256, "discriminator.hidden": (512, 512, 512)}
    runs = {
        f"{kind}, {name}": {"config": f"configs/wgan_gp.py:{name}", **shared, **fields}
        for kind, fields in KINDS.items()
        for name in SETS
    }
    deep = {**shared, "discriminator.hidden": (128,) * LAYERS}
    return runs | {kind: {"config": "configs/wgan_gp.py:swissroll", **deep, **fields} for kind, fields in DEEP.items()}


def surface(axis, folder, title):
    """The critic's values over the plane, the data on it: the mean length of its gradient at the data."""
    run = gan_zoo.load(folder)
    points = data.load(run.config.dataset, "train").take(np.arange(1000))["image"]
    side = 1.5 * np.abs(points).max()
    grid = np.stack(np.meshgrid(*2 * [np.linspace(-side, side, 101)]), axis=-1)
    values = run.probe("logits", grid.reshape(-1, 2)).reshape(grid.shape[:2])
    axis.contour(grid[..., 0], grid[..., 1], values, levels=20, cmap="viridis", linewidths=0.8)
    axis.scatter(*points.T, s=1, color=plots.COLORS[1])
    axis.set(title=title, xticks=(), yticks=(), aspect="equal")


def layers(folder):
    """Of each layer from the first on: the norm of the gradient towards its weights, and the weights."""
    run = gan_zoo.load(folder)
    points = jnp.asarray(data.load(run.config.dataset, "train").take(np.arange(1000))["image"])

    def value(critic):
        return run.game.probes["logits"]({**run.nets, "discriminator": critic}, {"image": points}, None).mean()

    critic = run.nets["discriminator"]
    names = [f"Dense_{number}" for number in range(LAYERS)] + ["output"]
    gradients = jax.grad(value)(critic)["params"]
    norms = [float(jnp.linalg.norm(gradients[name]["kernel"])) for name in names]
    return norms, np.concatenate([np.ravel(critic["params"][name]["kernel"]) for name in names])


def draw(runs, scale):
    figure = Figure(figsize=(12, 5.2), dpi=85, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
    for axes, kind in zip(left.subplots(2, len(SETS)), KINDS, strict=True):
        for axis, name in zip(axes, SETS, strict=True):
            surface(axis, runs[f"{kind}, {name}"], f"{kind}\n{name}")
    (above, below), rows, numbers = right.subplots(2, 1), [], {}
    for number, kind in enumerate(DEEP):
        norms, weights = layers(runs[kind])
        above.plot(range(1, LAYERS + 2), norms, marker=".", label=kind, **plots.style(number))
        density, edges = np.histogram(weights, bins=80, range=(-0.25, 0.25), density=True)
        below.plot((edges[:-1] + edges[1:]) / 2, density, **plots.style(number))
        atclip = float((np.abs(weights) > 0.99 * np.abs(weights).max()).mean())
        numbers[kind] = {"first layer": norms[0], "last layer": norms[-1], "at the largest weight": atclip}
        rows.append([kind, f"{norms[0]:.3g}", f"{norms[-1]:.3g}", f"{norms[0] / norms[-1]:.3g}", f"{atclip:.3f}"])
    above.set(title="gradient towards the weights of a layer", xlabel="layer", yscale="log")
    below.set(title="weights", yscale="log", ylabel="density")
    right.legend(loc="outside lower center", ncols=2)
    head = ["deep critics on the Swiss roll", "gradient of layer 1", "of the last", "ratio", "weights at the largest"]
    return Result(figure, [head, *rows], numbers)
