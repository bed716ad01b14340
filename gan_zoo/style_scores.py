"""Scores of latents: how evenly images change along them, and how well planes in them part what images show."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_zoo import data
from gan_zoo.data.images import to_bytes
from gan_zoo.metrics.path_length import perceptual_path_length
from gan_zoo.metrics.separability import KEPT, linear_separability, unseparated
from gan_zoo.styles import draw, latents_of, layers_of, styles_of, truncated
from gan_zoo.trained import Trained

PATH_LENGTH, SEPARABILITY = "path_length", "separability"
STYLE_METRICS = (PATH_LENGTH, SEPARABILITY)
SEED, EPSILON, BATCH = 0, 1e-4, 50
MOST = 10_000  # paths or samples: what more show is within a hundredth
SPACES = ("z", "w")


def style_scores(
    trained: Trained, judge: Any, number: int, metrics: Sequence[str], how: Mapping[str, Any]
) -> dict[str, Any]:
    """ppl_z, ppl_w, separability_z and separability_w of ``number`` samples at most, each with its protocol ``how``.

    separability_of_nothing is what latents would have that tell nothing. {} for runs without styles, or without an
    extractor; separability needs a classifier of labels.

    Args:
        judge: an ``evaluate.Judge``.
        metrics: which of STYLE_METRICS.
    """
    if "style" not in trained.game.probes or judge.extractor is None:
        return {}
    number, found = min(number, MOST), {}
    how = {**how, **judge.extractor.protocol, "truncation": 1.0}
    if PATH_LENGTH in metrics:
        own = {"distance": "squared L2 of features", "path": "full", "epsilon": EPSILON, "percentiles": [1, 99]}
        for space in SPACES:
            value = path_length(trained, judge.extractor, number, space)
            found[f"ppl_{space}"] = {"value": value, **how, **own, "rounding": "none", "paths": number}
    if SEPARABILITY in metrics and judge.classifier is not None:
        noise, labels = latents_of(trained, number, SEED)
        w = styles_of(trained, noise, labels)
        look, size = judge.classifier.extractor, trained.at_once
        starts = range(0, number, size)
        parts = [look(to_bytes(draw(trained, truncated(trained, w[i : i + size]), i)))[1] for i in starts]
        probabilities = np.concatenate(parts)
        values = {f"separability_{space}": x for space, x in zip(SPACES, (noise, w), strict=True)}
        values = {name: linear_separability(x, probabilities, of_each=True) for name, x in values.items()}
        values["separability_of_nothing"] = unseparated(probabilities, of_each=True)
        own = {**look.protocol, "attributes": probabilities.shape[1], "kept": KEPT, "of": "each class, and its others"}
        own |= {} if labels is None else {"given": "w knows the label, z does not"}
        found |= {name: {"value": value, **how, **own, "fake_samples": number} for name, value in values.items()}
    return found


def path_length(trained: Trained, extractor: Any, number: int, space: str) -> float:
    """Perceptual path length in "z" or "w", untruncated, over whole paths; a path keeps its noise images and label."""
    ends, labels = latents_of(trained, 2 * number, SEED)
    size = min(BATCH, trained.at_once)
    if labels is not None:  # one program makes all batches, so a label belongs to a place in a batch
        labels = np.arange(size) % trained.spec.classes
    example = data.example(trained.spec, size, trained.dtype, labels)
    style, synthesis = (trained.game.probes[name] for name in ("style", "synthesis"))
    key, layers = jax.random.key(SEED), layers_of(trained)
    to_w = lambda z: style(trained.nets, {**example, "noise": z}, key)

    def generate(latents: jax.Array) -> jax.Array:
        w = to_w(latents) if space == "z" else latents
        return synthesis(trained.nets, {**example, "w": jnp.repeat(w[:, None], layers, axis=1)}, key)

    def distance(a: jax.Array, b: jax.Array) -> jax.Array:
        look = lambda x: extractor.apply(extractor.variables, (x + 1) * 127.5)[0]
        return jnp.sum((look(a) - look(b)) ** 2, axis=-1)

    first, second = np.split(ends, 2)
    if space == "w":
        labels = None if labels is None else np.resize(labels, number)  # as they lie in the batches
        first, second = (styles_of(trained, z, labels) for z in (first, second))
    t = np.random.default_rng(SEED).random(number, np.float32)
    return perceptual_path_length(generate, distance, first, second, t, space, EPSILON, size)
