"""Points: 8gaussians, 25gaussians and swissroll in the plane (gan_toy.py of WGAN-GP), normal on a line."""

import numpy as np

from gan_zoo.data import Source, Spec, in_memory
from gan_zoo.errors import UserError

ARGUMENT = "8gaussians|25gaussians|swissroll|normal"
SHAPES = ((2,), (1,))
SIZES = {"train": 100_000, "test": 10_000}
SEEDS = {"train": 0, "test": 1}


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    if argument not in ARGUMENT.split("|"):
        raise UserError(f"unknown points {argument!r}: write {ARGUMENT}")
    shape = (1,) if argument == "normal" else (2,)
    if image_shape not in ((), shape):
        raise UserError(f"{argument} holds points, not images: leave config.image_shape empty")
    return Spec(argument, shape, 0)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    generator = np.random.default_rng(SEEDS[split])
    if argument == "swissroll":
        from sklearn.datasets import make_swiss_roll  # imported late: the other sets need no scikit-learn

        rolled, _ = make_swiss_roll(SIZES[split], noise=0.25, random_state=SEEDS[split])
        points = rolled[:, [0, 2]] / 7.5
    elif argument == "normal":
        points = generator.standard_normal((SIZES[split], 1))
    else:
        centres, std = modes(argument)
        which = generator.permutation(SIZES[split]) % len(centres)  # every mode equally often
        points = centres[which] + std * generator.standard_normal((SIZES[split], 2))
    return in_memory(found, split, points.astype(np.float32))


def modes(name: str) -> tuple[np.ndarray, float] | None:
    """Centres [M, 2] and standard deviation of a mixture of Gaussians; None for other sets."""
    if name == "25gaussians":
        axis = 2.0 * np.arange(-2, 3)
        return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(25, 2) / 2.828, 0.05 / 2.828
    if name == "8gaussians":
        angle = 2 * np.pi * np.arange(8) / 8
        return 2.0 * np.stack([np.cos(angle), np.sin(angle)], axis=-1) / 1.414, 0.02 / 1.414
    return None
