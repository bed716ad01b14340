"""Scores of games that make images from images: how near the truth they are, and what a classifier sees."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_zoo import data
from gan_zoo.data import Source, Spec
from gan_zoo.data.images import to_bytes
from gan_zoo.metrics.classifier import Classifier, classifier, trained_on
from gan_zoo.metrics.images import SSIM_WINDOW, protocol, sharpness, ssim
from gan_zoo.metrics.neighbours import precision_recall_density_coverage
from gan_zoo.trained import TRANSLATE, Trained

NEIGHBOURS = 5
log = logging.getLogger("gan_zoo")
Values = dict[str, tuple[float, dict[str, Any]]]  # score -> value, and what its protocol adds


def translation_scores(trained: Trained, number: int, how: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of the translations of ``number`` held-out images at most, each with its protocol ``how``.

    l1 and cycle_l1 are mean absolute differences of images in [-1, 1]. Where both ways are learned, means of both;
    where one is, there is no way back and no cycle_l1.
    """
    spec = trained.spec
    if trained.game.given != "input":
        return {}
    test = trained.test
    if test.sequence is not None:
        return {}  # predictions have scores of their own
    train = trained.train
    batch = trained.examples(min(number, test.size))
    there = {"truth": batch["image"], "given": batch["input"], "made": trained.make("sample", batch["input"])}
    values: Values = {}
    ways = [there]
    if "back" in trained.game.views:
        ways.append({"truth": batch["input"], "given": batch["image"], "made": trained.make("back", batch["image"])})
        again = zip(ways, reversed(TRANSLATE), strict=True)
        cycles = [np.abs(trained.make(view, way["made"]) - way["given"]).mean() for way, view in again]
        values["cycle_l1"] = float(np.mean(cycles)), {}
    images = len(spec.shape) == 3  # modes of points are counted elsewhere
    if images and (train.inputs is not None or "back" in trained.game.views):
        values |= _unpaired(ways, train, _judge(train, test))
    if "back" in trained.game.views and test.inputs is not None and "label" in (test.inputs.arrays or ()):
        values |= _characters(trained, train, test)
    if test.inputs is None:  # the counterpart is known
        values |= _nearness(ways, train, cycles="back" in trained.game.views)
    how = {**how, "given": f"{spec.name}/{test.split}", "fake_samples": len(batch["input"]), "ways": len(ways)}
    name_of = lambda name: trained.game.named.get(name, name)
    return {name_of(name): {"value": value, **how, **own} for name, (value, own) in values.items()}


def _nearness(ways: list[dict[str, np.ndarray]], train: Source, cycles: bool) -> Values:
    """How near the translations come to the truth; beside them the input as it is, and the mean training image."""
    l1 = lambda a, b: float(np.abs(to_bytes(a) / 127.5 - to_bytes(b) / 127.5).mean())
    over = lambda score, name: float(np.mean([score(way[name], way["truth"]) for way in ways]))
    similar = lambda a, b: float(ssim(to_bytes(a), to_bytes(b)).mean())
    crisp = lambda a, _: float(sharpness(to_bytes(a)).mean())
    for way, which in zip(ways, ("image", "input"), strict=False):
        mean = data.mean_image(train, which) / 127.5 - 1
        way["mean"] = np.broadcast_to(mean, way["truth"].shape)
    alike = all(way["given"].shape == way["truth"].shape for way in ways)
    scores = {"l1": l1, "ssim": similar}
    if min(ways[0]["truth"].shape[1:3]) < SSIM_WINDOW:
        del scores["ssim"]
    shown = {"": "made", **({"_of_input": "given"} if alike else {}), "_of_mean": "mean"}
    values = {f"{name}{of}": (over(scores[name], which), {}) for of, which in shown.items() for name in scores}
    values |= {"sharpness": (over(crisp, "made"), {}), "sharpness_of_truth": (over(crisp, "truth"), {})}
    return {name: (value, protocol(name)) for name, (value, _) in values.items()}


def _judge(train: Source, test: Source) -> Classifier:
    """What tells the two domains apart."""
    if train.judged_by:
        return classifier(train.judged_by, train.spec.shape)
    return trained_on(domains(train), domains(test))


def _unpaired(ways: list[dict[str, np.ndarray]], train: Source, judge: Classifier) -> Values:
    """What an independent classifier of the two domains sees in the translations."""
    own = {**judge.extractor.protocol}
    values = {"domain_classifier_accuracy": (judge.accuracy, {**own, "real_samples": judge.test_images})}
    rates, covered = [], []
    for domain, way in zip((1, 0), ways, strict=False):  # that it is translated to
        features, classes = judge.extractor(to_bytes(way["made"]))
        rates.append(float((classes.argmax(axis=1) == domain).mean()))
        covered.append(_coverage(judge, *sides(train)[domain], features))
    values["translated_accuracy"] = float(np.mean(rates)), {**own, "each_way": rates}
    if None in covered:
        log.warning("no coverage: fewer than %d images of a domain, or translations", NEIGHBOURS + 1)
        return values
    values["coverage"] = float(np.mean(covered)), {**own, "each_way": covered, "k": NEIGHBOURS, "of": "training images"}
    return values


def _characters(trained: Trained, train: Source, test: Source) -> Values:
    """Of domains that show the same characters (their labels): whether translations still do.

    Each is compared with all drawings of the other domain, held-out ones too: how often the nearest (in L1) is the same
    character, and the mean rank of that character's drawing; of training images, and of held-out ones.
    """
    both = lambda part, key: np.concatenate([part(source).arrays[key] for source in (train, test)])
    values: Values = {}
    for name, source in (("", train), ("_held_out", test)):
        ranks = []
        for view, given, there in (
            ("sample", source.inputs, lambda source: source),
            ("back", source, lambda source: source.inputs),
        ):
            drawings, labels = both(there, "image"), both(there, "label")
            made = to_bytes(trained.make(view, given.arrays["image"] / np.float32(127.5) - 1))
            for image, label in zip(made, given.arrays["label"], strict=True):
                distances = np.abs(image.astype(np.int16) - drawings).mean(axis=(1, 2, 3))
                ranks.append(1 + int((distances < distances[labels == label].min()).sum()))
        own = {"candidates": len(drawings), "distance": "L1 of pixels", "images": len(ranks)}
        values[f"character_top1{name}"] = float(np.mean(np.equal(ranks, 1))), own
        values[f"character_mean_rank{name}"] = float(np.mean(ranks)), own
    return values


def _coverage(judge: Classifier, real: Source, key: str, fake: np.ndarray) -> float | None:
    """None of too few."""
    number = min(real.size, len(fake))
    if number <= NEIGHBOURS:
        return None
    chosen = np.random.default_rng(0).permutation(real.size)[:number]
    real = judge.extractor(real.take(chosen)[key])[0]
    return precision_recall_density_coverage(real, fake[:number], NEIGHBOURS)["coverage"]


def sides(source: Source) -> tuple[tuple[Source, str], tuple[Source, str]]:
    """Where the images of domain A, and of B, are: a source and what its examples call them."""
    return (source, "input") if source.inputs is None else (source.inputs, "image"), (source, "image")


def domains(source: Source) -> Source:
    """The images of both domains, labelled 0 (inputs) and 1 (images); in memory where both are."""
    (first, key), (second, _) = sides(source)

    def take(numbers: np.ndarray) -> dict[str, np.ndarray]:
        label = (numbers >= first.size).astype(np.int32)
        image = np.empty((len(numbers), *source.spec.shape), np.uint8)
        image[label == 0] = first.take(numbers[label == 0])[key]
        image[label == 1] = second.take(numbers[label == 1] - first.size)["image"]
        return {"image": image, "label": label}

    spec, size = Spec(f"{source.spec.name}/domains", source.spec.shape, 2), first.size + second.size
    if first.arrays is None or second.arrays is None:
        return Source(spec, source.split, size, take, None)
    return data.in_memory(spec, source.split, *take(np.arange(size)).values())
