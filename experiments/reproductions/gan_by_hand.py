"""A GAN computed by hand: every field, loss and gradient of two tiny networks with integer weights.

The discriminator sees a point (x, y): a1 = ReLU(x + 1), a2 = ReLU(y + 1), logit z = a1 + a2 - 3. The generator makes
the point (w + 1, w - 1) of its noise w. The sigmoid is rounded to tenths, as one reckons on paper.
"""

import numpy as np
from matplotlib.figure import Figure

from gan_zoo.reproduce import Result

PAPER = "Goodfellow et al. 2014, algorithm 1, on paper"
COST = {"small": "a second", "paper": "a second"}
DIFFERS = "nothing is trained: it is the arithmetic of one round"

SIDE = np.arange(-3, 4)  # x from left to right
ROUNDED = {-3: 0.0, -2: 0.1, -1: 0.3, 0: 0.5, 1: 0.7, 2: 0.9, 3: 1.0}  # sigmoid, from -3 down 0, from 3 up 1
NOISE = (-2, 0, 1)
REAL = ((2, 2), (1, 1), (0, 1))


def activations(x, y):
    """a1 and a2 of the hidden layer."""
    return np.maximum(x + 1, 0), np.maximum(y + 1, 0)


def logit(x, y):
    a1, a2 = activations(x, y)
    return a1 + a2 - 3


def rounded_sigmoid(z):
    return np.vectorize(lambda z: ROUNDED[int(np.clip(z, -3, 3))])(z)


def generate(w):
    return w + 1, w - 1


def fields():
    """Seven rows from y = 3 down to -3, columns x from -3 to 3, of each quantity."""
    x, y = np.meshgrid(SIDE, SIDE[::-1])
    a1, a2 = activations(x, y)
    z = logit(x, y)
    return {"a1": a1, "a2": a2, "logit z": z, "D(x, y)": rounded_sigmoid(z)}


def losses():
    """Rows of (point, kind, z, D, target, BCE, gradient towards z = D - target); the exact sigmoid's BCE."""
    points = [(*point, "real", 1) for point in REAL] + [(*generate(w), f"fake, w = {w}", 0) for w in NOISE]
    rows = []
    for x, y, kind, target in points:
        z = logit(x, y)
        exact = np.logaddexp(0, z) - target * z  # -log D for real points, -log(1 - D) for fakes
        prediction = float(rounded_sigmoid(z))
        rows.append([(int(x), int(y)), kind, int(z), prediction, target, float(exact), round(prediction - target, 1)])
    return rows


def get_runs(scale):
    return {}


def draw(runs, scale):
    figure = Figure(figsize=(10, 2.9), dpi=90, layout="constrained")
    found = fields()
    for axis, (name, values) in zip(figure.subplots(1, 4), found.items(), strict=True):
        most = 1.8 * values.max()
        axis.imshow(values, cmap="RdBu", extent=(-3.5, 3.5, -3.5, 3.5), vmin=-most, vmax=most)
        for (row, column), value in np.ndenumerate(values):
            axis.text(SIDE[column], SIDE[::-1][row], f"{value:g}", ha="center", va="center", fontsize=7)
        axis.set(title=name, xticks=SIDE, yticks=SIDE)
    head = ["point", "", "z", "D", "target", "BCE", "dBCE/dz = D - target"]
    rows = [[str(p), kind, str(z), f"{d:g}", str(t), f"{b:.3f}", f"{g:+g}"] for p, kind, z, d, t, b, g in losses()]
    numbers = {name: values.tolist() for name, values in found.items()} | {"losses": losses()}
    texts = [[" ".join(f"{value:g}" for value in row) for row in values] for values in found.values()]
    table = [["y", *(f"{name}, x = -3 ... 3" for name in found)]]
    table += [[str(y), *cells] for y, *cells in zip(SIDE[::-1], *texts, strict=True)]
    return Result(figure, [head, *rows], numbers, [table])
