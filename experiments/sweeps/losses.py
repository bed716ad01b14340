"""Six ways to play the game on 25 Gaussians, with the same networks and three seeds each.

./launch.sh sweep experiments/sweeps/losses.py --jobs=2
"""

from sklearn.model_selection import ParameterGrid

LOSSES = ("minimax", "non_saturating", "least_squares", "hinge")


def get_runs():
    return ParameterGrid(
        [
            {"config": ["configs/gan.py:25gaussians"], "loss": LOSSES, "seed": range(3)},
            {"config": ["configs/wgan.py:25gaussians", "configs/wgan_gp.py:25gaussians"], "seed": range(3)},
        ]
    )
