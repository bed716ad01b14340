"""SNGAN (Miyato et al. 2018): hinge loss, every layer of the discriminator divided by its spectral norm.

./launch.sh configs/sngan.py:digits    22 s of training on two cores, label accuracy 0.998, FID 1.34 (jax 0.10.2)
"""

from gan_zoo.config import settings

ADAM = {"name": "adam", "learning_rate": 5e-4, "b1": 0.0, "b2": 0.9}
PAPER_ADAM = {
    "name": "adam",
    "learning_rate": 2e-4,
    "b1": 0.0,
    "b2": 0.9,
    "schedule": "linear",
    "decay_rounds": 50_000,
}
IMAGES = {
    "architecture": "dcgan",
    "conditioning": "projection",
    "rounds": 3000,
    "batch_size": 64,
    "discriminator": {"norm": "none"},
    "generator_optimizer": ADAM,
    "discriminator_optimizer": ADAM,
}
SETTINGS = {
    # The projection discriminator and conditional BatchNorm (Miyato and Koyama 2018).
    "digits": {**IMAGES, "dataset": "digits"},
    "fashion_mnist": {
        **IMAGES,
        "dataset": "fashion_mnist",
        "generator": {"width": 32},
        "discriminator": {"width": 32, "norm": "none"},
    },
    # The unconditional ResNet on CIFAR-10 (the paper's generator has minibatches of 128).
    "paper": {
        "dataset": "tfds:cifar10",
        "image_shape": (32, 32, 3),
        "classes": 10,
        "architecture": "resnet",
        "rounds": 50_000,
        "batch_size": 64,
        "noise_size": 128,
        "discriminator_turns": 5,
        "ema_decay": 0.999,
        "generator": {"width": 256},
        "discriminator": {"pool": "sum", "output_bias": False},
        "generator_optimizer": PAPER_ADAM,
        "discriminator_optimizer": PAPER_ADAM,
        "sample_every": 2000,
        "checkpoint_every": 2000,
    },
}


def get_config(data="digits"):
    return {"model": "gan", "loss": "hinge", "regularizer": "spectral_norm", **settings("sngan", SETTINGS, data)}
