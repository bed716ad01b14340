"""StackGAN (Zhang et al. 2017): an image from a text, in two stages.

    ./launch.sh data emoji
    ./launch.sh configs/stackgan.py:emoji
    ./launch.sh sample --workdir=runs/stackgan-emoji --text="smiling face with sunglasses"

emoji, 3,000 rounds of each stage, on an AMD EPYC (two hyperthreads, another job on one of them for 17 minutes), Python
3.11, jax 0.10.2, 52 minutes with compiling and scores: FID in the classifier's features 67.9 (held-out drawings 7.5),
of stage I enlarged 106.0; sharpness 13.0, 8.6 (the truth's 12.4); an image of an unseen name finds it among ten in
37.7 % (chance 10 %, real drawings 41.0 %). Shapes and colours follow the text, details do not.
Cut out of 36x36 at random, as the paper cuts (load_size): FID 127.8, stage I 129.5, sharpness 11.4, 9.0, 42.0 % found;
drawings that are so cut and mirrored have an FID of 69 themselves, mirrored alone of 7.
"""

from gan_zoo.config import settings

HALVED = {"schedule": "exponential", "decay_rate": 0.5}
# A quarter of the paper's widths. Every emoji is a class of its own. With a generator that learns four times as fast
# (8e-4), scored by 1,000 samples every 500 rounds: stage I 124, 96 and, after 3,000, 112 (114 with rates halved six
# times, as in the paper); stage II after 1,000 of stage I 223, 88, 52, 30, 75: it swings, and with rates halved every
# 500 rounds it stands at 102 after 1,500.
SMALL = {
    "dataset": "captioned:char_cnn_rnn_small:emoji:google",
    "image_shape": (32, 32, 3),
    "flip": True,
    "first_size": 16,
    "mismatched": "example",
    "noise_size": 64,
    "ema_decay": 0.99,
    "stage1": {"width": 32, "code": 64},
    "stage2": {"width": 32, "code": 64, "blocks": 2, "halvings": 1},
    "discriminator": {"width": 32, "code": 64},
    "batch_size": 64,
    "rounds": 3000,
    "log_every": 20,
    "sample_every": 500,
    "checkpoint_every": 500,
}
# The paper's sizes: 600 epochs of CUB's 8,855 images for each stage, rates halved every 100.
PAPER = {
    "image_shape": (256, 256, 3),
    "load_size": (304, 304),
    "flip": True,
    "batch_size": 64,
    "rounds": 82_800,
    "generator_optimizer": {**HALVED, "decay_period": 13_800},
    "discriminator_optimizer": {**HALVED, "decay_period": 13_800},
    "log_every": 100,
    "sample_every": 2000,
    "checkpoint_every": 2000,
}
SETTINGS = {
    "digits": {
        **SMALL,
        "dataset": "captioned:char_cnn_rnn_small:digits",
        "image_shape": (16, 16, 1),
        "flip": False,
        "first_size": 8,
        "mismatched": "class",
        "stage1": {"width": 16, "code": 32},
        "stage2": {"width": 16, "code": 32, "blocks": 1, "halvings": 1},
        "discriminator": {"width": 16, "code": 32},
        "rounds": 1000,
    },
    "emoji": SMALL,
    "emoji64": {**SMALL, "image_shape": (64, 64, 3)},
    # The authors' settings for COCO: 120 epochs of 82,783 images for each stage.
    "paper": {
        **PAPER,
        "dataset": "captioned:tfds:coco_captions",
        "mismatched": "example",
        "stage1": {"width": 192},
        "stage2": {"width": 192},
        "discriminator": {"width": 96},
        "batch_size": 128,
        "rounds": 77_600,
        "generator_optimizer": {**HALVED, "decay_period": 12_900},
        "discriminator_optimizer": {**HALVED, "decay_period": 12_900},
    },
    # For CUB's birds and Oxford's flowers: a folder for each class, and beside each image a .txt with its ten captions.
    "birds": {**PAPER, "dataset": "captioned:folder:birds"},
    "flowers": {**PAPER, "dataset": "captioned:folder:flowers"},
}


def get_config(data="emoji"):
    return {"model": "stackgan", **settings("stackgan", SETTINGS, data)}
