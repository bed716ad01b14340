"""What users compare with: losses and members on Fashion-MNIST under one protocol, three seeds each.

    ./launch.sh sweep experiments/sweeps/fashion.py --jobs=2

The convolutional ones have DCGAN's networks of width 32, know the labels and play 3,000 rounds; GAN and CGAN are fully
connected, GAN and InfoGAN do not know labels. Rates are the configs' and were not tuned for each loss.
"""

from sklearn.model_selection import ParameterGrid

MEMBERS = ("gan", "cgan", "lsgan", "sngan", "wgan", "wgan_gp", "infogan")
LOSSES = ("minimax", "non_saturating", "hinge")


def get_runs():
    return ParameterGrid(
        [
            {"config": [f"configs/{name}.py:fashion_mnist" for name in MEMBERS], "seed": range(3)},
            {"config": ["configs/dcgan.py:fashion_mnist"], "loss": LOSSES, "seed": range(3)},
        ]
    )
