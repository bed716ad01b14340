"""What can be done with the styles of a trained StyleGAN: truncate, mix, compare, and find those of an image.

Styles are w [N, W], one for a whole image, or [N, layers, W], one for each layer of the synthesis network.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from skimage.filters import sobel

from gan_zoo import data
from gan_zoo.data.images import to_bytes
from gan_zoo.errors import UserError
from gan_zoo.trained import Trained

BINS = 8  # of a channel in a colour histogram


def styles_of(trained: Trained, noise: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """w [N, W] of latents z [N, Z].

    Raises:
        UserError: the run has no styles.
    """
    _check(trained)
    return trained.probe("style", noise, labels, key="noise")


def latents_of(trained: Trained, number: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Latents z [N, Z] and, where the data has them, labels [N] in turn.

    Raises:
        UserError: the run has no styles.
    """
    _check(trained)
    labels = np.arange(number) % trained.spec.classes if trained.spec.classes else None
    return trained.latents(number, seed)["noise"], labels


def average(trained: Trained) -> np.ndarray:
    """The moving mean of w, [W]."""
    return np.asarray(trained.nets["generator"]["average"]["w"])


def layers_of(trained: Trained) -> int:
    """Styles that an image takes."""
    return 2 * len(_sizes(trained))


def groups(trained: Trained) -> dict[str, slice]:
    """The layers of coarse (up to 8 pixels), middle (16, 32) and fine styles (section 3.1); fewer of small images."""
    sizes = _sizes(trained)
    fine = min(64, sizes[-1])
    middle = min(16, fine // 2) if sizes[-1] > 8 else fine
    ends = {"coarse": (4, middle), "middle": (middle, fine), "fine": (fine, 2 * sizes[-1])}
    return {
        name: slice(2 * sizes.index(start), 2 * sum(size < end for size in sizes))
        for name, (start, end) in ends.items()
        if start < end
    }


def truncated(trained: Trained, w: np.ndarray, psi: float = 1.0, cutoff: int = 0) -> np.ndarray:
    """w [N, W] for each layer, the first ``cutoff`` (0: all) moved to the average: [N, layers, W] (appendix B)."""
    each = np.repeat(w[:, None], layers_of(trained), axis=1)
    part, mean = each[:, : cutoff or None], average(trained)
    each[:, : cutoff or None] = mean + psi * (part - mean)
    return each


def truncation(trained: Trained, psi: float, cutoff: int = 0) -> dict[str, np.ndarray]:
    """What ``Trained.sample`` is given so that the first ``cutoff`` (0: all) layers' styles keep ``psi`` of themselves.

    Raises:
        UserError: the run has no styles, or not so many layers; psi is not finite.
    """
    _check(trained)
    layers = layers_of(trained)
    if not 0 <= cutoff <= layers:
        raise UserError(f"--cutoff={cutoff}: from 1 to the run's {layers} layers with styles, or 0 for all")
    if not np.isfinite(psi):
        raise UserError(f"--truncation={psi}: a number such as 0.7 (0: the average image, 1: none)")
    return {"truncation": np.where(np.arange(layers) < (cutoff or layers), np.float32(psi), 1)[None]}


def draw(trained: Trained, w: np.ndarray, seed: int = 0, noise: bool = True) -> np.ndarray:
    """The images float [N, H, W, C] in [-1, 1] of styles [N, layers, W], with or without the layers' noise."""
    name, size = "synthesis" if noise else "synthesis_without_noise", min(len(w), trained.at_once)
    parts = []
    for start in range(0, len(w), size):
        whole = np.resize(w[start : start + size], (size, *w.shape[1:]))  # of one shape: one program
        parts.append(trained.probe(name, whole, seed=seed + start, key="w")[: len(w) - start])
    return np.concatenate(parts)


def mixed(own: np.ndarray, other: np.ndarray, layers: slice) -> np.ndarray:
    """Styles [N, layers, W] with those of some layers taken from others."""
    result = own.copy()
    result[:, layers] = other[:, layers]
    return result


def mixing_distances(trained: Trained, number: int = 500, seed: int = 0) -> dict[str, dict[str, float]]:
    """What each group of styles changes: group -> mean distances between images and those with others' styles there.

    ``edges``: mean absolute difference of Sobel edges of the gray images in [0, 1], which tells shape. ``colours``:
    half the sum of absolute differences of colour histograms, between 0 and 1, which is blind to place.
    """
    w = truncated(trained, styles_of(trained, *latents_of(trained, 2 * number, seed)))
    own, other = w[:number], w[number:]
    shown = draw(trained, own, noise=False)
    found = {}
    for name, layers in groups(trained).items():
        made = draw(trained, mixed(own, other, layers), noise=False)
        pairs = list(zip(to_bytes(shown), to_bytes(made), strict=True))
        apart = lambda of, pairs=pairs: [np.abs(of(a) - of(b)) for a, b in pairs]
        found[name] = {
            "edges": float(np.mean([x.mean() for x in apart(_edges)])),
            "colours": float(np.mean([x.sum() / 2 for x in apart(_colours)])),
        }
    return found


def project(
    trained: Trained, images: np.ndarray, distance: Callable[..., jax.Array], rounds: int = 500
) -> tuple[np.ndarray, np.ndarray]:
    """The styles whose images are nearest to given ones, by gradient steps from the average.

    Args:
        images: uint8 [N, H, W, C].
        distance: (made, given, rng) -> [N], of images [N, H, W, C] in [-1, 1].

    Returns:
        w [N, W] and the distances at each round [rounds, N].
    """
    size = max(1, min(len(images), trained.at_once // 8))  # gradients keep every layer's output
    layers, optimizer = layers_of(trained), optax.adam(optax.cosine_decay_schedule(0.05, rounds))
    synthesis, example = trained.game.probes["synthesis_without_noise"], data.example(trained.spec, size)

    def away(w, target, rng):
        made = synthesis(trained.nets, {**example, "w": jnp.repeat(w[:, None], layers, axis=1)}, jax.random.key(0))
        apart = distance(made, target, rng)
        return apart.sum(), apart

    @jax.jit
    def step(w, state, target, rng):
        gradient, apart = jax.grad(away, has_aux=True)(w, target, rng)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(w, updates), state, apart

    found = []
    for start in range(0, len(images), size):
        target = np.resize(images[start : start + size], (size, *images.shape[1:])) / np.float32(127.5) - 1
        w = jnp.repeat(jnp.asarray(average(trained))[None], size, axis=0)
        state, history = optimizer.init(w), []
        for rng in jax.random.split(jax.random.key(0), rounds):
            w, state, apart = step(w, state, target, rng)
            history.append(apart)
        found.append((np.asarray(w)[: len(images) - start], np.asarray(jnp.stack(history))[:, : len(images) - start]))
    return np.concatenate([w for w, _ in found]), np.concatenate([history for _, history in found], axis=1)


def _check(trained: Trained) -> None:
    if "style" not in trained.game.probes:
        raise UserError(f"{trained.config.model} ({trained.config.architecture}) has no styles: name a StyleGAN's run")


def _sizes(trained: Trained) -> list[int]:
    """4, 8, ... up to the resolution that the networks have grown to."""
    styles: Mapping[str, Any] = trained.nets["generator"]["params"]["synthesis"]
    return sorted(int(name.removeprefix("conv_")) for name in styles if name.startswith("conv_"))


def _edges(image: np.ndarray) -> np.ndarray:
    return sobel(image.mean(axis=-1) / 255)


def _colours(image: np.ndarray) -> np.ndarray:
    bins = (image // (256 // BINS)).reshape(-1, image.shape[-1]).astype(int)
    places = bins @ (BINS ** np.arange(image.shape[-1]))
    return np.bincount(places, minlength=BINS ** image.shape[-1]) / len(places)
