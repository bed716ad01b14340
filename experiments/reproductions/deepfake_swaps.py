"""Faces of one vendor's emoji with the expression of another's: training faces at the left, held-out ones at right."""

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.models.deepfake import TITLES
from gan_zoo.reproduce import Result, scores_of
from gan_zoo.trained import spread

PAPER = "no paper: the code of the first deepfakes (2017)"
COST = {"small": "30 to 40 minutes of one core", "paper": "1.2e18 FLOP (counted)"}
DIFFERS = (
    "Twitter's and Google's drawings of 130 faces for photographs of two people, 32x32 pixels for 64x64, so the "
    "networks are narrower and learn 10,000 rounds at a high rate, with Adam's b1 0.9 for 0.5. The code has neither "
    "the tints nor decoders that begin alike"
)
SCORES = ("swapped_accuracy", "domain_classifier_accuracy", "character_top1", "character_mean_rank")
HELD_OUT = ("character_top1_held_out", "character_mean_rank_held_out")
ROWS = 8


def get_runs(scale):
    return {"deepfake": {"config": f"configs/deepfake.py:{'faces' if scale == 'small' else 'paper'}"}}


def draw(runs, scale):
    run = gan_zoo.load(runs["deepfake"])
    train = run.train
    places = [spread(ROWS, source.size) for source in (train.inputs, train)]
    shown = [source.take(where)["image"] for source, where in zip((train.inputs, train), places, strict=True)]
    known = dict(zip(("input", "image"), (x / np.float32(127.5) - 1 for x in shown), strict=True))
    rows = [run.view("swaps", batch)["image"] for batch in (known, run.examples(ROWS))]
    picture = np.concatenate([figures.headed(figures.grid(part), TITLES) for part in rows], axis=1)
    _, numbers = scores_of(runs, (*SCORES, *HELD_OUT))
    found = numbers["deepfake"]
    table = [
        ["", "taken for the other", "same character", "mean rank"],
        ["training faces", "", found["character_top1"], found["character_mean_rank"]],
        ["held-out faces", found["swapped_accuracy"], *(found[name] for name in HELD_OUT)],
    ]
    return Result(picture, table, found)
