"""Points: 8gaussians, 25gaussians and swissroll in the plane (gan_toy.py of WGAN-GP), normal on a line.

5to10gaussians are two unpaired domains in the plane, as DiscoGAN's toy has them (section 3.1): five wide modes, inputs,
and ten narrow ones.
"""

from dataclasses import replace

import numpy as np

from gan_zoo.data import Source, Spec, in_memory
from gan_zoo.errors import UserError

ARGUMENT = "8gaussians|25gaussians|swissroll|normal|5to10gaussians"
SHAPES = ((2,), (1,))
SIZES = {"train": 100_000, "test": 10_000}
SEEDS = {"train": 0, "test": 1}


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    if argument not in ARGUMENT.split("|"):
        raise UserError(f"unknown points {argument!r}: write {ARGUMENT}")
    shape = (1,) if argument == "normal" else (2,)
    if image_shape not in ((), shape):
        raise UserError(f"{argument} holds points, not images: leave config.image_shape empty")
    return Spec(argument, shape, 0, shape if argument == "5to10gaussians" else ())


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
        points = _mixture(generator, SIZES[split], *modes(argument))
    source = in_memory(found, split, points.astype(np.float32))
    if not found.input_shape:
        return source
    inputs = _mixture(generator, SIZES[split], _ring(5, 0.7, turned=0.05), 0.15).astype(np.float32)
    return replace(source, inputs=in_memory(replace(found, input_shape=()), split, inputs))


def _mixture(generator: np.random.Generator, number: int, centres: np.ndarray, std: float) -> np.ndarray:
    which = generator.permutation(number) % len(centres)  # every mode equally often
    return centres[which] + std * generator.standard_normal((number, 2))


def _ring(number: int, radius: float, turned: float = 0.0) -> np.ndarray:
    """Points on a circle, [number, 2]; ``turned``: by which share of a whole turn."""
    angle = 2 * np.pi * (np.arange(number) / number + turned)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def modes(name: str) -> tuple[np.ndarray, float] | None:
    """Centres [M, 2] and standard deviation of a mixture of Gaussians; None for other sets."""
    if name == "25gaussians":
        axis = 2.0 * np.arange(-2, 3)
        return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(25, 2) / 2.828, 0.05 / 2.828
    if name == "8gaussians":
        return _ring(8, 2.0 / 1.414), 0.02 / 1.414
    if name == "5to10gaussians":
        return _ring(10, 2.0 / 1.414), 0.05 / 1.414
    return None
