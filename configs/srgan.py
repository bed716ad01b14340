"""SRGAN (Ledig et al. 2017): photographs four times larger.

    ./launch.sh data photos
    ./launch.sh configs/srgan.py:photos

The feature maps are VGG-19's where its weights are (GAN_ZOO_VGG19), else those of EfficientNet-Lite0, which
launch.sh installs; config.json and every score say which.

On an AMD EPYC, Python 3.11, jax 0.10.2, 23 to 25 minutes of training on one core, held-out photographs, means and
deviations of three seeds (./launch.sh reproduce srgan_comparison --scale=small --seeds=3): SRResNet has 29.76 +- .02
dB, SSIM .813 +- .001 (bicubic 29.03, .797) and sharpness 2.64 +- .01; SRGAN 29.57 +- .09 dB, .810 +- .002 and 2.74 +-
.04 (bicubic 1.92, truth 5.64). A grid of the small image's pixels begins to show along strong edges and in smooth dark
places; after 500 more rounds it is everywhere.
"""

from gan_zoo.config import settings
from gan_zoo.pretrained import weights

# The sizes of the paper: 10^6 updates of SRResNet, then 10^5 at 1e-4 and 10^5 at 1e-5.
PAPER = {
    "dataset": "photos:imagenet",
    "image_shape": (96, 96, 3),
    "batch_size": 16,
    "rounds": 1_000_000,
    "phases": {"pretraining": 1_000_000, "adversarial": 200_000},
    "log_every": 100,
    "sample_every": 10_000,
    "checkpoint_every": 10_000,
}
VGG = weights.find("vgg19")
SETTINGS = {
    "photos": {
        "dataset": "photos",
        "image_shape": (64, 64, 3),
        "load_size": (192, 192),
        "flip": True,
        "batch_size": 8,
        "rounds": 9000,
        "phases": {"pretraining": 9000, "adversarial": 1500},
        "content": "vgg54" if VGG else "efficientnet",
        # EfficientNet's maps differ twenty times as much: at the paper's weight the adversary would have no say.
        # Without shifts and smoothing a grid is drawn beside edges: sharp, but not what photographs are like.
        "content_weight": 0.006 if VGG else 0.0002,
        "pixel_weight": 1.0,
        "adversarial_weight": 0.004,
        "shift": 16,
        "soften": True,
        "generator": {"width": 32, "blocks": 5, "kernel": 5, "norm": "none"},
        "discriminator": {"width": 16, "dense": 128},
        "discriminator_optimizer": {"learning_rate": 2e-4, "b1": 0.9},
        "ema_decay": 0.998,
        "pretraining_optimizer": {
            "learning_rate": 5e-4,
            "b1": 0.9,
            "schedule": "linear",
            "constant_rounds": 4500,
            "decay_rounds": 9000,
        },
        "eval_samples": 100,
        "log_every": 20,
        "sample_every": 500,
        "checkpoint_every": 500,
    },
    "digits": {
        "dataset": "digits",
        "image_shape": (32, 32, 1),
        "batch_size": 16,
        "rounds": 500,
        "phases": {"pretraining": 500, "adversarial": 500},
        "content": "mse",
        "content_weight": 1.0,
        "generator": {"width": 16, "blocks": 2},
        "discriminator": {"width": 16, "dense": 64},
        "sample_every": 250,
        "checkpoint_every": 250,
    },
    "paper": PAPER,
}


def get_config(data="photos"):
    return {"model": "srgan", **settings("srgan", SETTINGS, data)}
