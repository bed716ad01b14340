"""GAN (Goodfellow et al. 2014): the first one, fully connected.

./launch.sh configs/gan.py:digits         13 s of training on two cores, all ten classes, FID 25.4
./launch.sh configs/gan.py:25gaussians    13 s, 8 of 25 modes: it collapses (jax 0.10.2)
"""

from gan_zoo.config import settings

ADAM = {"name": "adam", "learning_rate": 1e-3, "b1": 0.5, "b2": 0.999}

# The 2-D sets with the networks of gan_toy.py and WGAN-GP's config, so that losses can be compared.
POINTS = {
    "architecture": "mlp",
    "rounds_per_dispatch": 20,  # small networks: a tenth faster on two cores
    "rounds": 8000,
    "batch_size": 128,
    "noise_size": 2,
    "generator": {"hidden": (128, 128, 128, 128), "output": "linear"},
    "discriminator": {"hidden": (128, 128, 128, 128), "slope": 0.0},
    "generator_optimizer": ADAM,
    "discriminator_optimizer": ADAM,
    "log_every": 200,
    "sample_every": 2000,
    "checkpoint_every": 1000,
}
IMAGES = {
    "architecture": "mlp",
    "rounds": 5000,
    "rounds_per_dispatch": 20,
    "batch_size": 64,
    "generator": {"hidden": (256, 256), "norm": "batch"},
    "discriminator": {"hidden": (256, 256), "dropout_hidden": 0.3},
    "sample_every": 1000,
    "checkpoint_every": 1000,
}
# The authors' MNIST experiment: maxout, dropout, momentum, rates that decay every update, noise of unit variance.
# Different from their code: 60,000 training images for 50,000, the generator's last bias starts at 0 and not at the
# pixels' means, the players take turns (Algorithm 1) where the code moves both at once. Their
# discriminator's loss has a factor 1/2: here its learning rate has it.
PAPER = {
    "dataset": "tfds:mnist",
    "image_shape": (28, 28, 1),
    "classes": 10,
    "architecture": "mlp",
    "rounds": 150_000,
    "batch_size": 100,
    "noise": "uniform_unit_variance",
    "generator": {"hidden": (1200, 1200), "output": "sigmoid", "init_scale": 0.05},
    "discriminator": {
        "hidden": (240, 240),
        "pieces": 5,
        "dropout_input": 0.2,
        "dropout_hidden": 0.5,
        "unit_range": True,
        "init_scale": 0.005,
    },
    **{
        player: {
            "name": "sgd",
            "learning_rate": rate,
            "schedule": "exponential",
            "decay_rate": 1 / 1.000004,
            "floor": 1e-6,
            "momentum": 0.5,
            "final_momentum": 0.7,
            "momentum_rounds": 150_000,
        }
        for player, rate in (("generator_optimizer", 0.1), ("discriminator_optimizer", 0.05))
    },
    "log_every": 500,
    "sample_every": 5000,
    "checkpoint_every": 5000,
}
SETTINGS = {
    "digits": {**IMAGES, "dataset": "digits"},
    "fashion_mnist": {**IMAGES, "dataset": "fashion_mnist", "rounds": 8000},
    "8gaussians": {**POINTS, "dataset": "8gaussians"},
    "25gaussians": {**POINTS, "dataset": "25gaussians"},
    "swissroll": {**POINTS, "dataset": "swissroll"},
    # One dimension, for the paper's figure 1. At the rates of POINTS the generator circles around the data.
    "normal": {
        **POINTS,
        "dataset": "normal",
        "batch_size": 512,
        "noise": "uniform",
        "noise_size": 1,
        "generator": {"hidden": (32, 32), "output": "linear"},
        "discriminator": {"hidden": (32, 32), "slope": 0.0},
        "ema_decay": 0.99,
        **{
            f"{player}_optimizer": {
                **ADAM,
                "learning_rate": rate,
                "schedule": "linear",
                "constant_rounds": 4000,
                "decay_rounds": 8000,
            }
            for player, rate in (("generator", 3e-4), ("discriminator", 5e-4))
        },
    },
    "paper": PAPER,
}


def get_config(data="digits"):
    return {"model": "gan", "loss": "non_saturating", **settings("gan", SETTINGS, data)}
