"""What all scores share: their arguments checked, their arithmetic in float64 on one device of this process."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import numpy as np

from gan_zoo.devices import local_mesh
from gan_zoo.errors import UserError


def in_float64(function: Callable) -> Callable:
    """Compiles a function of arrays and calls it with their values in float64; the results are numpy arrays.

    Differences of large sums (covariances, kernels, distances) lose float32's digits, and a score is computed once.
    """
    compiled = jax.jit(function)

    @wraps(function)
    def call(*arrays: Any) -> Any:
        with jax.set_mesh(local_mesh()), jax.enable_x64(True):
            return jax.device_get(compiled(*(np.asarray(array, np.float64) for array in arrays)))

    return call


def rows(name: str, values: Any, at_least: int = 1) -> np.ndarray:
    """``values`` as an array [N, ...], N >= at_least, all finite.

    Raises:
        UserError: it is something else.
    """
    values = np.asarray(values)
    if values.ndim < 2:
        raise UserError(f"{name} must have a row for each sample, and its shape is {values.shape}")
    if len(values) < at_least:
        raise UserError(f"{name} has {len(values)} samples: this score needs at least {at_least}")
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if len(bad):
        raise UserError(f"{name} is not finite in {len(bad)} of {len(values)} samples, first in sample {bad[0]}")
    return values


def pair(real: Any, fake: Any, at_least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of features [N, D] and [M, D], checked."""
    real, fake = rows("real features", real, at_least), rows("fake features", fake, at_least)
    if real.shape[1:] != fake.shape[1:]:
        raise UserError(f"real features have {real.shape[1:]} numbers and fake ones {fake.shape[1:]}: two extractors?")
    return real, fake
