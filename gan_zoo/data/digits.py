"""Digits: 1,797 real handwritten digits of 8x8 (UCI ML hand-written digits), bundled with scikit-learn."""

import numpy as np

from gan_zoo.data import Source, Spec, in_memory
from gan_zoo.data.images import fit_all

SHAPE = (8, 8, 1)
NAMES = tuple("0123456789")
SEED = 0  # of the split
TEST = 0.2  # the share of every class that is held out


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    return Spec("digits", image_shape or SHAPE, len(NAMES))


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    # Imported late: describing a set must not wait for scikit-learn.
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    found = spec(argument, image_shape, classes)
    bunch = load_digits()
    images = np.round(bunch.images * 255 / 16).astype(np.uint8)[..., None]  # 0..16 -> [1797, 8, 8, 1]
    train, test = train_test_split(np.arange(len(images)), test_size=TEST, stratify=bunch.target, random_state=SEED)
    chosen = np.sort(train if split == "train" else test)
    return in_memory(found, split, fit_all(images[chosen], found.shape), bunch.target[chosen], NAMES)
