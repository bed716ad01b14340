"""CycleGAN (Zhu et al. 2017): two domains translated into each other, learned without pairs.

    ./launch.sh configs/cyclegan.py:emoji

On an AMD EPYC with two cores, Python 3.11, jax 0.10.2, 25 minutes, 38 on one core: held-out drawings are .280 in L1
from the other vendor's true drawing (the input .321, the mean image .443), cycle L1 .098; a classifier of the vendors
(.914 on real drawings) takes 91.6 % of the translations for the other vendor; coverage .892.
"""

from gan_zoo.config import settings

# The sizes of the paper: horse2zebra, 200 epochs of 1,334 images, one at a time.
ROUNDS = 200 * 1334
DECAY = {"schedule": "linear", "constant_rounds": ROUNDS // 2, "decay_rounds": ROUNDS}
PAPER = {
    "dataset": "tfds:cycle_gan/horse2zebra",
    "image_shape": (256, 256, 3),
    "load_size": (286, 286),
    "flip": True,
    "batch_size": 1,
    "discriminator": {"norm": "instance"},
    "rounds": ROUNDS,
    "log_every": 100,
    "sample_every": 4000,
    "checkpoint_every": 4000,
    "generator_optimizer": DECAY,
    "discriminator_optimizer": DECAY,
}
SMALL = {"schedule": "linear", "constant_rounds": 1200, "decay_rounds": 2400}
SETTINGS = {
    "digits": {
        "dataset": "domains:digits:1,4,7:0,6,8",
        "image_shape": (16, 16, 1),
        "batch_size": 8,
        "rounds": 1000,
        "generator": {"width": 16, "blocks": 3},
        "discriminator": {"width": 32, "receptive_field": 16, "norm": "instance"},
        "log_every": 20,
        "sample_every": 250,
        "checkpoint_every": 250,
    },
    "emoji": {
        "dataset": "emoji:twitter+google",
        "image_shape": (32, 32, 3),
        "flip": True,
        "batch_size": 8,
        "rounds": 2400,
        "identity_weight": 0.3,
        "adversarial_weight": 1.5,
        "generator": {"width": 32, "blocks": 3, "norm": "batch"},  # instance norm forgets colours
        # With one turn at the generators' rate they stay at 1/2: the generators escape them by changes nobody sees.
        "discriminator": {"width": 32, "receptive_field": 34, "norm": "batch"},
        "discriminator_turns": 2,
        "discriminator_optimizer": {**SMALL, "learning_rate": 5e-4},
        "generator_optimizer": SMALL,
        "ema_decay": 0.99,
        "log_every": 20,
        "sample_every": 500,
        "checkpoint_every": 500,
    },
    "paper": PAPER,
}


def get_config(data="emoji"):
    return {"model": "cyclegan", **settings("cyclegan", SETTINGS, data)}
