"""WGAN-GP (Gulrajani et al. 2017): the critic's gradient is kept at length 1 by a penalty.

    ./launch.sh configs/wgan_gp.py:25gaussians --config.seed=S
    ./launch.sh configs/wgan_gp.py:digits    30 s of training on two cores, label accuracy 0.995, FID 1.18

Seeds 0, 1, 2: 25 of 25 modes each; 0.948, 0.907, 0.945 of the samples of high quality; 51 to 61 s of training on
two cores (jax 0.10.2).
"""

from gan_zoo.config import settings


def adam(rate, rounds):
    """The paper's Adam, its rate falling linearly to 0."""
    return {"name": "adam", "learning_rate": rate, "b1": 0.0, "b2": 0.9, "schedule": "linear", "decay_rounds": rounds}


# gan_toy.py has three layers of 512 units, minibatches of 256, Adam 1e-4 and 100,000 rounds; these reach all modes in
# minutes. The penalty's weight is its 0.1.
POINTS = {
    "architecture": "mlp",
    "rounds": 8000,
    "batch_size": 128,
    "noise_size": 2,
    "penalty_weight": 0.1,
    "generator": {"hidden": (128, 128, 128, 128), "output": "linear"},
    "discriminator": {"hidden": (128, 128, 128, 128), "slope": 0.0},
    "generator_optimizer": adam(3e-3, 8000),
    "discriminator_optimizer": adam(3e-3, 8000),
    "log_every": 200,
    "sample_every": 2000,
    "checkpoint_every": 1000,
}
IMAGES = {
    "architecture": "dcgan",
    "conditioning": "concatenation",
    "rounds": 2000,
    "batch_size": 64,
    "generator": {"width": 32},
    "discriminator": {"width": 32, "norm": "none"},
    "generator_optimizer": adam(1e-3, 2000),
    "discriminator_optimizer": adam(1e-3, 2000),
}
SETTINGS = {
    "digits": {**IMAGES, "dataset": "digits"},
    "fashion_mnist": {
        **IMAGES,
        "dataset": "fashion_mnist",
        "rounds": 3000,
        "generator_optimizer": adam(1e-3, 3000),
        "discriminator_optimizer": adam(1e-3, 3000),
    },
    "8gaussians": {**POINTS, "dataset": "8gaussians"},
    "25gaussians": {**POINTS, "dataset": "25gaussians"},
    "swissroll": {**POINTS, "dataset": "swissroll"},
    # The unconditional ResNet of table 3 on CIFAR-10 (the paper's generator has minibatches of 128,
    # and its real images uniform noise of 1/128 added).
    "paper": {
        "dataset": "tfds:cifar10",
        "image_shape": (32, 32, 3),
        "classes": 10,
        "architecture": "resnet",
        "rounds": 100_000,
        "batch_size": 64,
        "noise_size": 128,
        "ema_decay": 0.999,
        "generator_optimizer": adam(2e-4, 100_000),
        "discriminator_optimizer": adam(2e-4, 100_000),
        "sample_every": 2000,
        "checkpoint_every": 2000,
    },
}


def get_config(data="digits"):
    return {
        "model": "gan",
        "loss": "wasserstein",
        "regularizer": "gradient_penalty",
        "discriminator_turns": 5,
        **settings("wgan_gp", SETTINGS, data),
    }
