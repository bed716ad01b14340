"""Least-squares GAN (Mao et al. 2017): the discriminator regresses to 1 and 0.

./launch.sh configs/lsgan.py:digits    26 s of training on two cores, label accuracy 0.995, FID 1.00 (jax 0.10.2)
"""

from gan_zoo.config import settings

SETTINGS = {
    "digits": {
        "dataset": "digits",
        "conditioning": "concatenation",
        "rounds": 3000,
        "batch_size": 64,
    },
    "fashion_mnist": {
        "dataset": "fashion_mnist",
        "conditioning": "concatenation",
        "rounds": 3000,
        "batch_size": 64,
        "generator": {"width": 32},
        "discriminator": {"width": 32},
    },
    # LSUN bedrooms with DCGAN's networks at 64 pixels; the paper's own are for 112.
    "paper": {
        "dataset": "tfds:lsun/bedroom",
        "image_shape": (64, 64, 3),
        "rounds": 100_000,
        "batch_size": 64,
        "ema_decay": 0.999,
        "sample_every": 5000,
        "checkpoint_every": 5000,
    },
}


def get_config(data="digits"):
    return {"model": "gan", "architecture": "dcgan", "loss": "least_squares", **settings("lsgan", SETTINGS, data)}
