"""The next frame of two bouncing digits, as networks predict it that were trained with five losses.

All have the same networks, data and rounds. The pictures show the first predicted frame, and the fourth, which is made
of three predicted ones.
"""

import numpy as np

import gan_zoo
from gan_zoo import figures
from gan_zoo.data.frames import PAST
from gan_zoo.predictions import predicted
from gan_zoo.reproduce import Result, scores_of

PAPER = "Mathieu et al. 2016, table 1"
COST = {"small": "60 minutes of one core", "paper": "1.4e18 FLOP (counted)"}
DIFFERS = (
    "small: scikit-learn's digits in frames of 32x32, the networks and weights of the authors' published script, "
    "Adam for the generator, its rate falling over the second half, the first 400 rounds by squares (L1 alone makes "
    "these sparse frames black for good); all pixels count, not moving areas alone. One seed. The gradient difference "
    "is what sharpens here, alone as much as with all terms; the adversary alone does not. "
    "Sharpness is in levels of 255: 20 dB and more above the authors' figures, whose constant is another"
)
LONG = True
NUMBERS = (
    "UCF101, moving areas, first frame, PSNR/SSIM/sharpness (not confirmed): L2 27.6/.86/24.7, L1 28.7/.88/24.8, "
    "GDL 29.4/.90/25.0, adversarial 30.6/.89/25.2, with GDL 31.5/.91/25.4"
)
OFF = {"gradient_weight": 0.0, "adversarial_weight": 0.0}
LOSSES = {
    "L2": {"power": 2, **OFF},
    "L1": {"power": 1, **OFF},
    "GDL": {"power": 1, **OFF, "gradient_weight": 1.0},
    "adversarial": {"power": 2, **OFF, "adversarial_weight": 0.01},
    "all": {},
}
SCORES = ("psnr", "ssim", "sharpness")
ROWS, LATER = 6, 4


def get_runs(scale):
    data = "moving_digits" if scale == "small" else "paper"
    return {name: {"config": f"configs/next_frame.py:{data}", **own} for name, own in LOSSES.items()}


def draw(runs, scale):
    loaded = [gan_zoo.load(folder) for folder in runs.values()]
    test = loaded[0].test
    sequences = np.stack([test.sequence(i * test.size // ROWS)[: PAST + LATER] for i in range(ROWS)])
    made = [predicted(run, sequences[:, :PAST], LATER) for run in loaded]
    parts = []
    for frame in (0, LATER - 1):
        columns = [sequences[:, PAST - 1], sequences[:, PAST + frame], *(one[:, frame] for one in made)]
        titles = ["last given", f"truth +{frame + 1}", *runs]
        parts.append(figures.comparison(np.stack(columns, axis=1) / 127.5 - 1, titles))
    last = [f"{score}_last_frame" for score in SCORES]
    _, numbers = scores_of(runs, (*SCORES, *last))
    rows = [[name, *(own[score] for score in SCORES)] for name, own in numbers.items()]
    rows.append(["last given", *(next(iter(numbers.values()))[score] for score in last)])
    return Result(np.concatenate(parts), [["", "PSNR in dB", "SSIM", "sharpness in dB"], *rows], numbers)
