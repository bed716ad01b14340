"""Next-frame prediction at four scales (Mathieu et al. 2016).

./launch.sh configs/next_frame.py:moving_digits
./launch.sh predict --workdir=runs/next_frame-moving_digits --output=DIR --frames=8

moving_digits on one core of an AMD EPYC, Python 3.11, jax 0.10.2, 14 minutes: PSNR 18.9 dB (the last frame 14.5), SSIM
.778 (.523), sharpness 37.0 dB (by squares alone 36.6; experiments/results/next_frame_losses.md).
"""

from gan_zoo.config import settings

ROUNDS = 2400
DECAY = {"schedule": "linear", "constant_rounds": ROUNDS // 2, "decay_rounds": ROUNDS}
SETTINGS = {
    # With the networks of the authors' published script.
    "moving_digits": {
        "dataset": "moving_digits",
        "batch_size": 8,
        "rounds": ROUNDS,
        "power": 1,
        "squares_first": 400,
        "gradient_weight": 1.0,
        "adversarial_weight": 0.01,
        "generator": {"width": 16},
        "discriminator": {"size": "small"},
        "generator_optimizer": {"name": "adam", "learning_rate": 1e-3, **DECAY},
        "discriminator_optimizer": {"name": "sgd", "learning_rate": 0.02},
        "log_every": 20,
        "sample_every": 400,
        "checkpoint_every": 400,
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
        "adversarial_weight": 0.01,  # the authors' script, whose errors are means too
        "generator_optimizer": {"name": "sgd", "learning_rate": 0.04},
        "log_every": 100,
        "sample_every": 5000,
        "checkpoint_every": 5000,
    },
}


def get_config(data="moving_digits"):
    return {"model": "next_frame", **settings("next_frame", SETTINGS, data)}
