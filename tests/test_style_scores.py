"""Path length and separability of latents, against closed forms."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from stylegan_runs import KEY, grown_run
from test_stylegan_networks import normal

from gan_zoo import data, style_scores, styles
from gan_zoo.errors import UserError
from gan_zoo.evaluate import evaluate
from gan_zoo.metrics.extractors import Extractor
from gan_zoo.metrics.separability import linear_separability, unseparated


def test_scores_of_latents():
    """Of a network whose image is a linear map of w, the path length is known."""
    run = grown_run()
    matrix = np.asarray(normal(8, 64)) / 8
    image = lambda nets, batch, rng: (batch["w"][:, 0] @ matrix).reshape(-1, 8, 8, 1)
    style = lambda nets, batch, rng: batch["noise"]
    run.game = replace(run.game, probes={"style": style, "synthesis": image})
    seen = Extractor(lambda variables, x: ((x / 127.5 - 1).reshape(len(x), -1), None), {}, {"extractor": "pixels"})
    judge = SimpleNamespace(extractor=seen, classifier=None)
    found = style_scores.style_scores(run, judge, 400, ("path_length",), {"seed": 0})
    a, b = np.split(styles.latents_of(run, 800, 0)[0], 2)
    lengths = np.sum(((b - a) @ matrix) ** 2, axis=1)
    low, high = np.percentile(lengths, 1, method="lower"), np.percentile(lengths, 99, method="higher")
    kept = lengths[(lengths >= low) & (lengths <= high)]
    assert found["ppl_w"]["value"] == pytest.approx(kept.mean(), rel=0.02)
    assert found["ppl_z"]["value"] != found["ppl_w"]["value"] and found["ppl_z"]["extractor"] == "pixels"
    assert set(found) == {"ppl_z", "ppl_w"}
    few = style_scores.style_scores(run, judge, 12, ("path_length",), {"seed": 0})
    assert few["ppl_w"]["paths"] == 12 and few["ppl_w"]["value"] > 0


def test_many_latents_of_large_images_take_no_room():
    """Ten thousand empty images of this size would be 12 GB."""
    run = grown_run()
    run.spec = replace(run.spec, shape=(1024, 1024, 1))
    noise, labels = styles.latents_of(run, 3000, 0)
    assert styles.styles_of(run, noise, labels).shape == (3000, 8)
    assert not any(data.example(run.spec, 3000)["image"].strides)


def test_scores_of_latents_that_cannot_be_had():
    run = grown_run()
    judge = SimpleNamespace(classifier=None, spec=run.spec)
    with pytest.raises(UserError, match="no labels to learn one"):
        evaluate(run, judge, 20, ("separability",))
    run.game = replace(run.game, probes={})
    with pytest.raises(UserError, match=r"stylegan \(stylegan\) has no styles"):
        evaluate(run, judge, 20, ("path_length",))


def test_separability_of_what_a_plane_parts_and_of_what_it_does_not():
    x = np.asarray(normal(4000, 3))
    sure = lambda y: np.where(y, 0.9, 0.1)[:, None]
    assert linear_separability(x, sure(x[:, 0] > 0)) == pytest.approx(1, abs=0.05)
    coin = np.asarray(jax.random.bernoulli(KEY, 0.5, (4000,)))
    assert linear_separability(x, sure(coin)) == pytest.approx(2, abs=0.02)  # exp(ln 2): nothing is known
    assert linear_separability(x, np.concatenate([sure(coin)] * 2, axis=1)) == pytest.approx(4, abs=0.1)
    assert linear_separability(x, sure(np.ones(4000, bool))) == 1
    half = np.where(np.arange(4000) < 2000, 0.5 + 0.4 * np.sign(x[:, 0]), 0.5 + 0.1 * np.sign(x[:, 1]))
    assert linear_separability(x, half[:, None]) == pytest.approx(1, abs=0.05)  # the unsure half does not count
    with pytest.raises(UserError, match="do not fit together"):
        linear_separability(x, sure(coin)[:10])


def test_separability_of_one_class_of_many():
    """Rare attributes: the surest of all hardly have them, so latents that tell nothing would look good."""
    x, kind = np.asarray(normal(4000, 3)), np.random.default_rng(0).integers(10, size=4000)
    sureness = np.random.default_rng(1).uniform(0.7, 0.99, 4000)
    probabilities = np.where(kind[:, None] == np.arange(10), sureness[:, None], (1 - sureness)[:, None] / 9)
    share = (kind[:, None] == np.arange(10)).mean(axis=0)
    wanted = np.exp(-np.sum(share * np.log(share) + (1 - share) * np.log(1 - share)))
    nothing = unseparated(probabilities, of_each=True)
    assert nothing == pytest.approx(wanted, rel=0.02)
    assert linear_separability(x, probabilities, of_each=True) == pytest.approx(nothing, rel=0.05)
    assert linear_separability(x, probabilities) < 0.5 * nothing  # why the surest of each are kept
    told = np.eye(10)[kind] + 0.01 * np.asarray(normal(4000, 10))
    assert linear_separability(told, probabilities, of_each=True) == pytest.approx(1, abs=0.01)
