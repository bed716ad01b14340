"""Arithmetic with noise: dark ones of a class, minus its light ones, plus light ones of another class.

Each concept is the mean noise of three samples, as in the paper; class and darkness are judged by the classifier and
by the mean pixel. Every pair of classes is tried, and what comes out is counted.
"""

import itertools

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.data.images import to_bytes
from gan_zoo.evaluate import judge_of
from gan_zoo.reproduce import Result

PAPER = "Radford et al. 2015, figure 7"
COST = {
    "small": "3 minutes of one core",
    "paper": "4.5e15 FLOP (counted)",
}
DIFFERS = (
    "small: garments that are dark or light for faces with and without a smile. The rows of the picture are the first "
    "pairs of classes, not chosen; the paper's were"
)

SAMPLES, ROWS, EACH = 10_000, 8, 3


def get_runs(scale):
    if scale == "paper":
        cifar = {"dataset": "tfds:cifar10", "image_shape": (32, 32, 3), "classes": 10}
        return {"run": {"config": "configs/dcgan.py:paper", **cifar}}
    return {"run": {"config": "configs/dcgan.py:fashion_mnist", "conditioning": "none"}}


def draw(runs, scale):
    run = gan_zoo.load(runs["run"])
    look = judge_of(run.config).classifier.extractor
    tell = lambda images: look(to_bytes(images))[1].argmax(axis=1)
    noise = np.concatenate([run.latents(500, seed)["noise"] for seed in range(SAMPLES // 500)])
    images = np.concatenate([run.draw({"noise": part}) for part in np.split(noise, SAMPLES // 500)])
    kind, light = tell(images), images.mean(axis=(1, 2, 3))
    middle = {c: np.median(light[kind == c]) for c in range(run.spec.classes)}
    extreme = {}
    for c in middle:
        own = np.flatnonzero(kind == c)
        own = own[np.argsort(light[own])]
        tenth = max(EACH, len(own) // 10)
        extreme[c] = own[:tenth], own[-tenth:]
    pairs = [(a, b) for a, b in itertools.permutations(middle, 2) if min(len(extreme[c][0]) for c in (a, b)) >= EACH]
    pick = np.random.default_rng(0)
    mean = lambda which: noise[pick.choice(which, EACH, replace=False)].mean(axis=0)
    terms = np.array([[mean(extreme[a][0]), mean(extreme[a][1]), mean(extreme[b][1])] for a, b in pairs])
    results = {"difference added": terms[:, 0] - terms[:, 1] + terms[:, 2], "nothing added": terms[:, 2]}
    numbers, rows, made = {"pairs": len(pairs)}, [], {}
    target = np.array([b for _, b in pairs])
    for name, z in results.items():
        made[name] = run.draw({"noise": z})
        right, dark = tell(made[name]) == target, made[name].mean(axis=(1, 2, 3)) < [middle[b] for b in target]
        shares = [float(share.mean()) for share in (right, dark, right & dark)]
        numbers[name] = dict(zip(("class kept", "dark", "both"), shares, strict=True))
        rows.append([name, *shares])
    shown = [run.draw({"noise": terms[:, i]})[:ROWS] for i in range(3)] + [made["difference added"][:ROWS]]
    picture = figures.comparison(np.stack(shown, axis=1), ("dark A", "- light A", "+ light B", "= ?"))
    return Result(picture, [["", "class of B", "dark", "both"], *rows], numbers)
