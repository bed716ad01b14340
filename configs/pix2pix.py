"""Pix2Pix (Isola et al. 2017): an image from an image, learned from pairs.

    ./launch.sh configs/pix2pix.py:edges2fashion
    ./launch.sh configs/pix2pix.py:emoji

On an AMD EPYC, Python 3.11, jax 0.10.2, held-out images, in brackets the input and the mean image:
    emoji, 12 minutes on one core: L1 .235 (.321, .425), SSIM .359 (.314, .176), sharpness 10.7 (truth 12.4)
    edges2fashion, 12 minutes on one core: L1 .124 (1.373, .449), SSIM .699 (.101, .139), sharpness 15.2 (truth 16.1)
With L1 alone (--config.adversarial_weight=0): emoji .224, .387, sharpness 8.2; edges2fashion .118, .719, 12.6.
"""

from gan_zoo.config import settings

# The sizes of the paper and its Torch code: facades, 200 epochs of 400 pairs, one pair at a time.
PAPER = {
    "dataset": "pairs:b2a:facades",
    "image_shape": (256, 256, 3),
    "load_size": (286, 286),
    "flip": True,
    "batch_size": 1,
    "rounds": 80_000,
    "log_every": 100,
    "sample_every": 4000,
    "checkpoint_every": 4000,
}
DECAY = {"schedule": "linear", "constant_rounds": 1500, "decay_rounds": 3500}
# A few thousand rounds instead of the paper's 80,000: at higher rates; at the paper's adversarial_weight of 1 what the
# generator cannot know yet becomes noise. Instance norm forgets colours, so minibatches are large enough for BatchNorm.
SMALL = {
    "generator": {"width": 32},
    "discriminator": {"width": 32, "receptive_field": 34},
    "adversarial_weight": 0.2,
    "minibatch_statistics": False,
    "ema_decay": 0.99,
    "generator_optimizer": {**DECAY, "learning_rate": 1e-3},
    "discriminator_optimizer": {**DECAY, "learning_rate": 5e-4},
    "batch_size": 16,
    "rounds": 3500,
    "log_every": 20,
    "sample_every": 250,
    "checkpoint_every": 250,
}
SETTINGS = {
    "digits": {
        **SMALL,
        "dataset": "edges:digits",
        "image_shape": (16, 16, 1),
        "discriminator": {"width": 32, "receptive_field": 16},
        "rounds": 1000,
    },
    "edges2fashion": {**SMALL, "dataset": "edges:fashion_mnist", "image_shape": (32, 32, 1)},
    "emoji": {
        **SMALL,
        "dataset": "emoji:twitter2google",
        "image_shape": (32, 32, 3),
        "flip": True,
    },
    "paper": PAPER,
}


def get_config(data="edges2fashion"):
    return {"model": "pix2pix", **settings("pix2pix", SETTINGS, data)}
