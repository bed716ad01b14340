"""Perceptual path length: how much an image changes when its latent moves a little."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_zoo.errors import UserError, choose
from gan_zoo.metrics.arrays import rows


def perceptual_path_length(
    generate: Callable[[jax.Array], jax.Array],
    distance: Callable[[jax.Array, jax.Array], jax.Array],
    first: Any,
    second: Any,
    t: Any,
    space: str = "z",
    epsilon: float = 1e-4,
    batch: int = 64,
) -> float:
    """E d(G(at t), G(at t + epsilon)) / epsilon^2 on the paths between latents (StyleGAN, Karras et al. 2018, 4.1).

    Of the distances those outside the 1st and the 99th percentile are left out, as in the authors' code.

    Args:
        generate: latents [batch, Z] -> images; what else is random in it must not change between calls.
        distance: images and images -> [batch]; the papers take LPIPS with VGG-16.
        first, second: latents [N, Z] at the ends of the paths.
        t: where on its path each is taken, [N] in [0, 1]: uniform is the paper's "full", 0 its "end".
        space: "z", spherical interpolation, or "w", linear.

    Raises:
        UserError: arguments that do not fit together, or distances that are not finite.
    """
    first, second, t = rows("first", first), rows("second", second), np.asarray(t, np.float32)
    if first.shape != second.shape or t.shape != (len(first),):
        raise UserError(f"latents {first.shape} and {second.shape} and places {t.shape} do not fit together")
    between = {"z": slerp, "w": lerp}[choose("space", space, ("z", "w"))]

    @jax.jit
    def change(a, b, t):
        t = t[:, None]
        return distance(generate(between(a, b, t)), generate(between(a, b, t + epsilon))) / epsilon**2

    found = []
    # A difference over epsilon²: what accelerators round away in float32's products by default would be all of it.
    with jax.default_matmul_precision("highest"):
        for start in range(0, len(t), batch):
            part = [np.resize(x[start : start + batch], (batch, *x.shape[1:])) for x in (first, second, t)]
            found.append(np.asarray(change(*part), np.float64))
    found = rows("distances", np.concatenate(found)[: len(t), None])[:, 0]
    low, high = np.percentile(found, 1, method="lower"), np.percentile(found, 99, method="higher")
    return float(found[(found >= low) & (found <= high)].mean())


def lerp(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """The straight line from a to b [B, Z], at t [B, 1]."""
    return a + (b - a) * t


def slerp(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """The great circle from a to b [B, Z], at t [B, 1]; lengths are interpolated, so that latents stay typical.

    A generator that normalizes its latents, as StyleGAN's, sees the directions alone, as in the authors' code.
    """
    lengths = [jnp.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b)]
    a, b = a / lengths[0], b / lengths[1]
    cosine = jnp.sum(a * b, axis=-1, keepdims=True)
    angle = t * jnp.arccos(jnp.clip(cosine, -1, 1))
    across = b - cosine * a
    across /= jnp.maximum(jnp.linalg.norm(across, axis=-1, keepdims=True), 1e-12)
    return lerp(*lengths, t) * (a * jnp.cos(angle) + across * jnp.sin(angle))
