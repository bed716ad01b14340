"""DCGAN (Radford, Metz and Chintala 2015): convolutions, BatchNorm and Adam.

    ./launch.sh configs/dcgan.py:digits           29 s of training on two cores, label accuracy 0.995, FID 1.08
    ./launch.sh configs/dcgan.py:fashion_mnist    110 s, label accuracy 0.864 (jax 0.10.2)

The small settings are conditional, as the authors' MNIST code is: the label goes to every layer of both networks.
"""

from gan_zoo.config import settings

# The sizes of the authors' Torch code; `theano` has the larger networks of the paper's figure 1.
PAPER = {
    "dataset": "tfds:lsun/bedroom",
    "image_shape": (64, 64, 3),
    "rounds": 100_000,
    "batch_size": 128,
    "noise": "uniform",
    "ema_decay": 0.999,
    "sample_every": 5000,
    "checkpoint_every": 5000,
}
SETTINGS = {
    "digits": {
        "dataset": "digits",
        "conditioning": "concatenation",
        "rounds": 3000,
        "batch_size": 64,
        "sample_every": 500,
        "checkpoint_every": 500,
    },
    "fashion_mnist": {
        "dataset": "fashion_mnist",
        "conditioning": "concatenation",
        "rounds": 3000,
        "batch_size": 64,
        "generator": {"width": 32},
        "discriminator": {"width": 32},
        "sample_every": 500,
        "checkpoint_every": 500,
    },
    # Beside configs/stylegan.py:emoji: about as many parameters, as many images.
    "emoji": {
        "dataset": "emoji:both",
        "image_shape": (32, 32, 3),
        "rounds": 200_000 // 64,
        "batch_size": 64,
        "ema_decay": 0.99,
        "generator": {"width": 48},
        "discriminator": {"width": 48},
        "sample_every": 500,
        "checkpoint_every": 500,
    },
    "paper": PAPER,
    "theano": {
        **PAPER,
        "generator": {"width": 128, "kernel": 5, "flat_norm": True},
        "discriminator": {"width": 128, "kernel": 5},
        "generator_optimizer": {"name": "adam", "b1": 0.5, "b2": 0.999, "l2": 1e-5},
        "discriminator_optimizer": {"name": "adam", "b1": 0.5, "b2": 0.999, "l2": 1e-5},
    },
}


def get_config(data="digits"):
    return {"model": "gan", "architecture": "dcgan", **settings("dcgan", SETTINGS, data)}
