"""StackGAN's conditioning augmentation on and off: images of held-out texts, of both stages."""

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.reproduce import Result, scores_of

PAPER = "Zhang et al. 2017, table 2 and figure 7"
COST = {"small": "an hour of one core", "paper": "1.4e18 FLOP (counted)"}
DIFFERS = (
    "small: Google's emoji at 32x32 for birds at 256x256, FID and retrieval for inception scores. Retrieval: how often "
    "an image finds its text among ten, by the embedding that conditions, and by another that no network was given"
)
LONG = True
NUMBERS = "inception score of CUB, stage II at 256: without augmentation 3.31, with it 3.70 (from memory)"

RETRIEVAL = ("text_retrieval", "text_retrieval_real", "text_retrieval_other", "text_retrieval_other_real")
SCORES = ("fid", "fid_stage1", *RETRIEVAL, "sharpness", "sharpness_stage1", "coverage")
ROWS = 8


def get_runs(scale):
    config = f"configs/stackgan.py:{'emoji' if scale == 'small' else 'birds'}"
    return {"with augmentation": {"config": config}, "without": {"config": config, "augmentation": False}}


def draw(runs, scale):
    loaded = {name: gan_zoo.load(folder) for name, folder in runs.items()}
    columns, titles = [], []
    for name, run in loaded.items():
        shown = run.view("stages", run.examples(ROWS))["image"]  # [rows, stages, H, W, C]
        columns += [shown[:, 0], shown[:, 1]]
        titles += [f"{name.partition(' ')[0]}: I", "stage II"]
    picture = figures.comparison(np.stack([*columns, shown[:, 2]], axis=1), [*titles, "real"])
    return Result(picture, *scores_of(runs, SCORES))
