"""A hole in the middle of a garment, filled in without and with an adversary."""

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.reproduce import Result, scores_of

PAPER = "Pathak et al. 2016, figure 6"
COST = {
    "small": "11 minutes of one core",
    "paper": "9.8e14 FLOP (counted)",
}
DIFFERS = (
    "Fashion-MNIST for ImageNet and streets; the adversary is a PatchGAN that sees the whole picture. mask_sharpness: "
    "difference of neighbouring pixels in the hole, in levels of 255. The scale paper has 100,000 rounds for 3,000"
)
ROWS = 12
SCORES = ("mask_error", "mask_error_of_mean", "mask_sharpness", "mask_sharpness_of_truth")


def get_runs(scale):
    rounds = {} if scale == "small" else {"rounds": 100_000}
    return {
        "L2": {"config": "configs/autoencoder.py:inpaint", **rounds},
        "L2 + GAN": {"config": "configs/autoencoder.py:context_encoder", **rounds},
    }


def draw(runs, scale):
    loaded = [gan_zoo.load(folder) for folder in runs.values()]
    batch = loaded[0].examples(ROWS)["image"]
    made = [run.probe("restore", batch) for run in loaded]
    columns = [made[0]["given"], *(one["image"] for one in made), batch]
    picture = figures.comparison(np.stack(columns, axis=1), ["given", *runs, "truth"])
    return Result(picture, *scores_of(runs, SCORES))
