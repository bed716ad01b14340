"""Digits that a conditional GAN makes: each row is of one label."""

import numpy as np

import gan_zoo
from gan_zoo import figures, workdir
from gan_zoo.reproduce import Result

PAPER = "Mirza and Osindero 2014, figure 2"
COST = {"small": "a minute on two cores", "paper": "5.3e14 FLOP (counted)"}
DIFFERS = "small: scikit-learn's 8x8 digits for MNIST. The samples are the first ten of each label, not chosen"

COLUMNS = 10


def get_runs(scale):
    return {"run": {"config": f"configs/cgan.py:{'digits' if scale == 'small' else 'paper'}"}}


def draw(runs, scale):
    run = gan_zoo.load(runs["run"])
    rows = [run.sample(seed=0, num=COLUMNS, label=label) for label in range(run.spec.classes)]
    scores = workdir.read(runs["run"] / "evaluation.json")["scores"]
    found = {name: scores[name]["value"] for name in ("label_accuracy", "fid") if name in scores}
    return Result(figures.grid(np.stack(rows)), [list(found), list(found.values())], found)
