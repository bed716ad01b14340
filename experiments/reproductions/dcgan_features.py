"""What a discriminator has learned, as features for a linear SVM, beside raw pixels.

A discriminator that never played is there to compare with. As in the paper each layer is pooled to at most 4x4 by
its largest values, flattened, and all are joined; the SVM's C is chosen by cross-validation.
"""

import flax.linen as nn
import jax
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import gan_zoo
from gan_zoo import data
from gan_zoo.reproduce import Result

PAPER = "Radford et al. 2015, tables 1 and 2"
COST = {"small": "9 minutes of one core", "paper": "4.5e15 FLOP (counted)"}
DIFFERS = (
    "small: the discriminator learned from the very images that are classified, without their labels; the paper's from "
    "ImageNet. One drawing of the labelled images, two cross-validation folds"
)
NUMBERS = "CIFAR-10: 82.8 % with features learned on ImageNet; SVHN with 1000 labels: 77.5 %"

LABELLED = {"digits": (100, 1000), "fashion_mnist": (100, 1000, 5000)}
TESTED, POOLED, AT_ONCE, TOL = 5000, 4, 500, 1e-2  # tolerance: liblinear's own; scikit-learn's takes an hour


def get_runs(scale):
    if scale == "paper":
        cifar = {"dataset": "tfds:cifar10", "image_shape": (32, 32, 3), "classes": 10}
        return {"cifar10": {"config": "configs/dcgan.py:paper", **cifar}}
    return {name: {"config": f"configs/dcgan.py:{name}", "conditioning": "none"} for name in LABELLED}


def pooled(x):
    """The largest values of up to 4x4 cells of a map [B, H, W, C]: [B, cells * C]."""
    step = 2 * (-(-x.shape[1] // POOLED),)
    return np.asarray(nn.max_pool(x, step, step, "SAME")).reshape(len(x), -1)


def features(run, images):
    parts = [run.probe("features", images[i : i + AT_ONCE]) for i in range(0, len(images), AT_ONCE)]
    return np.concatenate([np.concatenate([pooled(x) for x in part], axis=1) for part in parts])


def untrained(run):
    """The same networks as they were before the first round."""
    batch = data.example(run.spec, 2, run.dtype)
    fresh = gan_zoo.trained.Trained(run.config, run.spec, run.game, run.state, 0)
    fresh.nets = jax.jit(run.game.init)(jax.random.key(run.config.seed), batch)
    return fresh


def draw(runs, scale):
    rows, numbers = [], {}
    for name, folder in runs.items():
        run = gan_zoo.load(folder)
        train = data.load(run.config.dataset, "train", run.spec.shape)
        order = np.random.default_rng(0).permutation(train.size)
        some = train.take(order[: LABELLED.get(name, (1000,))[-1]])
        test = run.test.take(np.arange(min(TESTED, run.test.size)))
        known, asked = (x["image"] / np.float32(127.5) - 1 for x in (some, test))
        kinds = {
            "discriminator": [features(run, x) for x in (known, asked)],
            "untrained": [features(untrained(run), x) for x in (known, asked)],
            "pixels": [x.reshape(len(x), -1) for x in (known, asked)],
        }
        for number in LABELLED.get(name, (1000,)):
            own = {}
            for kind, (x, y) in kinds.items():
                svm = make_pipeline(StandardScaler(), LinearSVC(dual="auto", tol=TOL, max_iter=5000, random_state=0))
                search = GridSearchCV(svm, {"linearsvc__C": np.logspace(-4, -1, 4)}, cv=2)
                own[kind] = float(search.fit(x[:number], some["label"][:number]).score(y, test["label"]))
            numbers[f"{name}, {number} labels"] = own
            rows.append([f"{name}, {number} labels", *own.values()])
    return Result(None, [["accuracy on held-out images", *kinds], *rows], numbers)
