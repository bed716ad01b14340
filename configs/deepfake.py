"""Deepfake, the shared encoder with two decoders (2017): one face with the expression of another.

./launch.sh data emoji
./launch.sh configs/deepfake.py:faces
"""

from gan_zoo.config import settings

SETTINGS = {
    # The faces among the emoji, as Twitter and Google draw them.
    "faces": {
        "dataset": "emoji:faces",
        "batch_size": 16,
        "rounds": 3000,
        "encoder": {"width": 32, "code": 256},
        "decoder": {"width": 32},
        "optimizer": {"learning_rate": 5e-4},
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
