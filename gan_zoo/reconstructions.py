"""Scores of autoencoders: how near what they make is to the original, and what their codes are good for."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from skimage.filters import median
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from gan_zoo import data
from gan_zoo.data import Source
from gan_zoo.data.images import to_bytes
from gan_zoo.metrics.images import psnr, sharpness
from gan_zoo.trained import Trained

AT_ONCE = 500  # images
NEIGHBOURS = 10
WINDOW = np.ones((3, 3, 1))
Values = dict[str, tuple[float, dict[str, Any]]]  # score -> value, and what its protocol adds


def reconstruction_scores(trained: Trained, number: int, how: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of ``number`` held-out images at most, each with its protocol ``how``; {} for other games.

    PSNR is the mean of the images'. Errors are mean squares of images in [0, 1].
    """
    if "restore" not in trained.game.probes:
        return {}
    config, test = trained.config, trained.test
    truth = test.take(np.arange(min(number, test.size)))
    found = _in_parts(lambda images, part: trained.probe("restore", images, seed=part), truth["image"])
    made, given = to_bytes(found["image"]), to_bytes(found["given"])
    values: Values = {"psnr": (float(psnr(made, truth["image"]).mean()), {})}
    if found["missing"].any():
        train = data.load(config.dataset, "train", config.image_shape, config.classes)
        values |= _in_holes(made, truth["image"], found["missing"], train)
    elif config.corruption != "none":
        smooth = np.stack([median(image, WINDOW) for image in given])
        values["psnr_noisy"] = float(psnr(given, truth["image"]).mean()), {}
        values["psnr_median_filter"] = float(psnr(smooth, truth["image"]).mean()), {"window": "3x3"}
    values["sharpness"] = float(sharpness(made).mean()), {}
    values["sharpness_of_truth"] = float(sharpness(truth["image"]).mean()), {}
    if "bound" in trained.game.probes:
        bound = _in_parts(lambda images, part: trained.probe("bound", images, seed=part), truth["image"])
        values |= {
            name: (float(x.mean()), {"unit": "nats for each image", "drawn": 1, "pixels": "Bernoulli"})
            for name, x in bound.items()
        }
    if config.dataset.startswith("without:"):
        errors = ((made / 255.0 - truth["image"] / 255.0) ** 2).mean(axis=(1, 2, 3))
        values["anomaly_auc"] = float(roc_auc_score(truth["label"], errors)), {"strange": int(truth["label"].sum())}
    elif "label" in truth:
        values["precision_at_10"] = _precision(trained, truth), {"code": "mean", "distance": "Euclidean"}
    how = {**how, "given": f"{trained.spec.name}/{test.split}", "fake_samples": len(made)}
    how |= {"corruption": config.corruption, "level": config.level if config.corruption != "none" else 0.0}
    return {name: {"value": value, **how, **own} for name, (value, own) in values.items()}


def codes(trained: Trained, images: np.ndarray) -> np.ndarray:
    """Codes [N, Z] of images uint8 [N, H, W, C]."""
    return _in_parts(lambda images, _: {"code": trained.probe("code", images)}, images)["code"]


def _in_parts(make: Callable[[np.ndarray, int], Mapping[str, np.ndarray]], images: np.ndarray) -> dict[str, np.ndarray]:
    """What is made of images uint8 [N, H, W, C], given in [-1, 1] and in numbered parts of one size."""
    parts = []
    for start in range(0, len(images), AT_ONCE):
        part = images[start : start + AT_ONCE]
        made = make(
            np.resize(part, (min(AT_ONCE, len(images)), *part.shape[1:])) / np.float32(127.5) - 1, start // AT_ONCE
        )
        parts.append({name: np.asarray(x)[: len(part)] for name, x in made.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _in_holes(made: np.ndarray, truth: np.ndarray, missing: np.ndarray, train: Source) -> Values:
    """Error where something was missing, and that of the mean training image."""
    mean = data.mean_image(train)
    where = np.broadcast_to(missing, truth.shape) > 0
    error = lambda image: float(np.mean((((image - truth.astype(np.float64)) / 255) ** 2)[where]))
    return {"mask_error": (error(made), {}), "mask_error_of_mean": (error(mean), {})}


def _precision(trained: Trained, truth: Mapping[str, np.ndarray]) -> float:
    """The share of the nearest training images, by their codes, that have the held-out image's label."""
    config = trained.config
    train = data.load(config.dataset, "train", config.image_shape, config.classes)
    known = train.take(np.arange(train.size))
    neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(codes(trained, known["image"]))
    near = neighbours.kneighbors(codes(trained, truth["image"]), return_distance=False)
    return float((known["label"][near] == truth["label"][:, None]).mean())
