"""Next-frame prediction at four scales (Mathieu et al. 2016).

./launch.sh configs/next_frame.py:moving_digits
./launch.sh predict --workdir=runs/next_frame-moving_digits --output=DIR --frames=8
"""

from gan_zoo.config import settings

ADAM = {"name": "adam", "learning_rate": 1e-3}
SETTINGS = {
    # With the networks of the authors' published script.
    "moving_digits": {
        "dataset": "moving_digits",
        "batch_size": 8,
        "rounds": 4000,
        "power": 1,
        "gradient_weight": 1.0,
        "adversarial_weight": 0.01,
        "generator": {"width": 16},
        "discriminator": {"size": "small"},
        "generator_optimizer": ADAM,
        "discriminator_optimizer": {"name": "sgd", "learning_rate": 0.02},
        "log_every": 20,
        "sample_every": 500,
        "checkpoint_every": 500,
    },
    # Patches of 32x32, cut out at random of the whole frames' 240x320.
    "paper": {
        "dataset": "frames:ucf101",
        "image_shape": (32, 32, 3),
        "load_size": (240, 320),
        "batch_size": 8,
        "rounds": 500_000,
        "power": 1,
        "gradient_weight": 1.0,
        "adversarial_weight": 0.05,
        "generator_optimizer": {"name": "sgd", "learning_rate": 0.04},
        "log_every": 100,
        "sample_every": 5000,
        "checkpoint_every": 5000,
    },
}


def get_config(data="moving_digits"):
    return {"model": "next_frame", **settings("next_frame", SETTINGS, data)}
