"""Four adversarial losses on digits, three seeds each.

./launch.sh sweep experiments/sweeps/losses.py --jobs=2
"""

from sklearn.model_selection import ParameterGrid


def get_runs():
    return ParameterGrid(
        {
            "config": ["configs/dcgan.py:digits"],
            "loss": ["non_saturating", "least_squares", "hinge", "minimax"],
            "seed": [0, 1, 2],
        }
    )
