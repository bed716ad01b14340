"""moving_digits: two of scikit-learn's digits that move and bounce, as in Moving MNIST (Srivastava et al. 2015).

Each goes a tenth of its way across in a frame, in a random direction; it is 7/16 of a frame high, as there.
"""

import numpy as np

from gan_zoo import data
from gan_zoo.data import Source, Spec, frames
from gan_zoo.data.images import fit_all

SHAPE = (32, 32, 1)
DIGITS, STEP = 2, 0.1
SIZES = {"train": 4_000, "test": 1_000}  # sequences; those of the training part have places to begin
LENGTHS = {"train": frames.PAST + 3, "test": frames.PAST + frames.LATER}
SEEDS = {"train": 0, "test": 1}


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    return frames.described("moving_digits", image_shape or SHAPE)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    height, width, channels = found.shape
    size = (min(height, width) * 7 // 16,) * 2
    digits = fit_all(data.load("digits", split).arrays["image"], (*size, 1))[..., 0]
    generator = np.random.default_rng(SEEDS[split])
    count, length = SIZES[split], LENGTHS[split]
    chosen = digits[generator.integers(len(digits), size=(count, DIGITS))]
    angle = generator.uniform(0, 2 * np.pi, (count, DIGITS, 1))
    steps = STEP * np.arange(length) * np.stack([np.sin(angle), np.cos(angle)], axis=2)  # [count, DIGITS, 2, length]
    place = bounced(generator.uniform(size=(count, DIGITS, 2, 1)) + steps)
    corners = np.floor(place * (np.array([height, width]) - size)[:, None]).astype(int)
    videos = np.zeros((count, length, height, width), np.uint8)
    for number, video in enumerate(videos):
        for digit, corner in zip(chosen[number], corners[number], strict=True):
            for frame, (top, left) in zip(video, corner.T, strict=True):
                under = frame[top : top + size[0], left : left + size[1]]
                np.maximum(under, digit, out=under)
    return frames.of_videos(found, split, np.repeat(videos[..., None], channels, axis=-1))


def bounced(place: np.ndarray) -> np.ndarray:
    """Where something that goes straight on is, if it bounces at 0 and 1."""
    return 1 - np.abs(place % 2 - 1)
