"""Deepfake, the shared encoder with two decoders (2017): one face with the expression of another.

./launch.sh data emoji
./launch.sh configs/deepfake.py:faces

faces on one core of an AMD EPYC, Python 3.11, jax 0.10.2, 30 to 40 minutes, means and deviations of three seeds
(./launch.sh reproduce deepfake_swaps --scale=small --seeds=3): of the held-out faces' 44 swaps a classifier of all
drawings (held-out accuracy .941) takes 93.2 +- 2.3 % for the other vendor's; the nearest drawing is the same face for
61.4 +- 1.3 % of the training faces (mean rank 9.3 +- .6 of 130) and 10.6 +- 1.3 % of those held out (39.7 +- 1.0).
With b2=0.99, one run: 40 swaps, 65 % (9.0), 14 %.

With the code's b1 of 0.5 the networks died in three of five trainings at this rate, after 2,900 to 4,350 rounds: a
gradient was five times as large as others, the next twenty times, and all became 0 (scaling gradients down did not
help). With 0.9, every fifth round looked at, the largest gradient norm after round 1,000 was 0.21 (0.68 before networks
died), in both trainings, and the loss is lower. With b1 of 0.5, 6,000 rounds: 42 and 44 swaps, 60 and 59 %. After
3,000: 98 %, 56 % (9.3), and
    tints of 0.2 for 0.4: 86.4 %, 56 % (8.4); and decoders that begin apart (same_start=False): 93.2 %, 55 % (10.9)
    tints of 0.2, and A's colours moved to B's mean (same_mean): 88.6 %, 56 % (9.4)
    without tints, decoders that begin apart: 88.6 %, 54 %
    tints of 0.2, decoders that begin apart, a warp twice as strong (jitter=0.06): 77 %, 54 %
No better, without tints: 8,000 rounds at half the rate (88.6 %, 52 %), codes of 16 (84 %, 50 %), codes of 32 with
faces turned by up to 15 degrees (59 %, 34 %).
"""

from gan_zoo.config import settings

ROUNDS = 10_000
SETTINGS = {
    # The faces among the emoji, as Twitter and Google draw them: they lie alike, so nothing is turned before the warp.
    "faces": {
        "dataset": "emoji:faces",
        "image_shape": (32, 32, 3),
        "batch_size": 16,
        "rounds": ROUNDS,
        "around": {"rotation": 0.0, "scale": 0.0, "shift": 0.0, "flip": 0.0},
        "same_mean": False,
        "colours": 0.4,
        "same_start": True,
        "encoder": {"width": 32, "code": 64},
        "decoder": {"width": 32},
        "optimizer": {
            "learning_rate": 1e-3,
            "b1": 0.9,
            "schedule": "linear",
            "constant_rounds": ROUNDS // 2,
            "decay_rounds": ROUNDS,
        },
        "log_every": 20,
        "sample_every": 500,
        "checkpoint_every": 500,
    },
    "digits": {
        "dataset": "domains:digits:1,4,7:0,6,8",
        "image_shape": (16, 16, 1),
        "batch_size": 32,
        "rounds": 1000,
        "encoder": {"width": 16, "code": 64},
        "decoder": {"width": 16},
        "optimizer": {"learning_rate": 5e-4},
        "log_every": 20,
        "sample_every": 250,
        "checkpoint_every": 250,
    },
    # The sizes of the first code, for two folders of aligned faces.
    "paper": {
        "dataset": "unpaired:faces",
        "image_shape": (64, 64, 3),
        "batch_size": 64,
        "rounds": 1_000_000,
        "log_every": 100,
        "sample_every": 5000,
        "checkpoint_every": 5000,
    },
}


def get_config(data="faces"):
    return {"model": "deepfake", **settings("deepfake", SETTINGS, data)}
