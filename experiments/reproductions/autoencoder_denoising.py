"""Garments given with three kinds of noise, what autoencoders that learned each make of them, and the truth.

Beside them a median filter of 3x3 pixels, which needs no learning.
"""

import numpy as np
from skimage.filters import median

import gan_zoo
from gan_zoo import figures, workdir
from gan_zoo.data.images import to_bytes
from gan_zoo.reconstructions import WINDOW
from gan_zoo.reproduce import Result

PAPER = "after Vincent et al. 2008, figure 1 (who do not show what is restored)"
COST = {"small": "10 minutes of one core", "paper": "5.4e14 FLOP (counted)"}
DIFFERS = (
    "convolutional, Fashion-MNIST for MNIST; the paper's networks are fully connected, are stacked, and are judged by "
    "what classifiers make of their features. The scale paper has 100,000 rounds for 3,000"
)
NOISES = {"gaussian": 0.3, "masking": 0.5, "salt_and_pepper": 0.3}  # and their levels
SCORES = ("psnr", "psnr_noisy", "psnr_median_filter")
ROWS = 8


def get_runs(scale):
    rounds = {} if scale == "small" else {"rounds": 100_000}
    run = {"config": "configs/autoencoder.py:denoise", **rounds}
    return {name: {**run, "corruption": name, "level": level} for name, level in NOISES.items()}


def draw(runs, scale):
    parts, numbers = [], {}
    for name, folder in runs.items():
        run = gan_zoo.load(folder)
        batch = run.examples(ROWS)["image"]
        made = run.probe("restore", batch)
        filtered = np.stack([median(image, WINDOW) for image in to_bytes(made["given"])]) / 127.5 - 1
        columns = [made["given"], filtered, made["image"], batch]
        parts.append(
            figures.headed(
                figures.grid(np.stack(columns, axis=1)), [name.partition("_")[0], "median", "restored", "truth"]
            )
        )
        scores = workdir.read(folder / "evaluation.json")["scores"]
        numbers[name] = {key: scores[key]["value"] for key in SCORES}
    rows = [[f"{name} {NOISES[name]}", *own.values()] for name, own in numbers.items()]
    table = [["PSNR in dB", "restored", "given", "median filter"], *rows]
    return Result(
        np.concatenate([np.pad(x, [(0, 0), (0, 8), (0, 0)], constant_values=255) for x in parts], 1), table, numbers
    )
