"""moving_digits: two of scikit-learn's digits that move and bounce, as in Moving MNIST (Srivastava et al. 2015).

Each goes a tenth of its way across in a frame, in a random direction; it is 7/16 of a frame high, as there. A sequence
is a function of its number, computed on the devices where it is used, in integers: the same numbers on all of them.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_zoo import data
from gan_zoo.data import Source, Spec, frames
from gan_zoo.data.images import fit_all
from gan_zoo.devices import local_mesh

SHAPE = (32, 32, 1)
DIGITS, STEP = 2, 0.1
ACROSS = 2**16  # a digit's way across the frame, in the integers that places are
DIRECTIONS = 1024
SIZES = {"train": 100_000, "test": 1_000}  # sequences
SEEDS = {"train": 0, "test": 1}


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    return frames.described("moving_digits", image_shape or SHAPE)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    size = (min(found.shape[:2]) * 7 // 16,) * 2
    digits = fit_all(data.load("digits", split).arrays["image"], (*size, 1))[..., 0]
    angle = 2 * np.pi / DIRECTIONS * np.arange(DIRECTIONS)
    stored = {
        "digits": np.pad(digits, [(0, 0), (1, 1), (1, 1)]),  # black around them, for pixels that they do not reach
        "steps": np.round(STEP * ACROSS * np.stack([np.sin(angle), np.cos(angle)], axis=1)).astype(np.int32),
    }
    which = (found.shape, SEEDS[split])
    made = partial(_examples, *which)
    examples, whole = (
        jax.jit(partial(made, stored)),
        jax.jit(partial(_video, *which, frames.PAST + frames.LATER, stored)),
    )

    def take(indices: np.ndarray) -> dict[str, np.ndarray]:
        with jax.set_mesh(local_mesh()):
            return jax.device_get(examples(np.asarray(indices, np.int32)))

    def sequence(index: int) -> np.ndarray:
        with jax.set_mesh(local_mesh()):
            return jax.device_get(whole(np.int32(index)))

    return Source(found, split, SIZES[split], take, None, made=(made, stored), sequence=sequence)


def _examples(shape: tuple[int, ...], seed: int, stored: dict[str, jax.Array], order: jax.Array) -> dict[str, Any]:
    video = partial(_video, shape, seed, frames.PAST + 1, stored)
    for _ in range(order.ndim):
        video = jax.vmap(video)
    return frames.parted(video(order))


def _video(shape: tuple[int, ...], seed: int, length: int, stored: dict[str, jax.Array], number: jax.Array):
    """The first frames of the sequence of a number: uint8 [length, H, W, C]."""
    digits, steps = jnp.asarray(stored["digits"]), jnp.asarray(stored["steps"])
    key = jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), number)
    drawn = jax.random.bits(key, (4, DIGITS))
    begin = (drawn[:2] % ACROSS).astype(jnp.int32)
    step = steps[drawn[2] % DIRECTIONS].T
    place = bounced(begin[..., None] + step[..., None] * jnp.arange(length, dtype=jnp.int32), ACROSS)
    room = jnp.array(shape[:2], jnp.int32) - (digits.shape[1] - 2)
    corners = (place * room[:, None, None]) // ACROSS  # [2, DIGITS, length]
    rows, columns = (
        jnp.clip(jnp.arange(size) - corner[..., None] + 1, 0, digits.shape[1] - 1)
        for size, corner in zip(shape, corners, strict=False)
    )
    shown = jax.vmap(lambda digit, rows, columns: digit[rows[:, :, None], columns[:, None, :]])
    image = shown(digits[drawn[3] % len(digits)], rows, columns).max(axis=0)  # [length, H, W]
    return jnp.repeat(image[..., None], shape[2], axis=-1)


def bounced(place: Any, across: int) -> Any:
    """Where something that goes straight on is, if it bounces at 0 and ``across``."""
    return across - abs(place % (2 * across) - across)
