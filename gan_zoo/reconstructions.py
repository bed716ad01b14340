"""Scores of autoencoders: how near what they make is to the original, and what their codes are good for."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from skimage.filters import median
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from gan_zoo import data, figures
from gan_zoo.corruptions import HOLES
from gan_zoo.data.images import to_bytes
from gan_zoo.errors import UserError
from gan_zoo.metrics.images import protocol, psnr, sharpness
from gan_zoo.trained import Trained, at_once, spread

AT_ONCE = 500  # images, small ones
NEIGHBOURS = 10
WINDOW = np.ones((3, 3, 1))
MEANS = ("psnr", "psnr_noisy", "psnr_median_filter", "sharpness", "sharpness_of_truth")  # of each image's
NATS = ("cross_entropy", "elbo", "kl")
Values = dict[str, tuple[float, dict[str, Any]]]  # score -> value, and what its protocol adds


def reconstruction_scores(trained: Trained, number: int, how: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of ``number`` held-out images at most, each with its protocol ``how``; {} for other games.

    PSNR is the mean of the images'. Errors are mean squares of images in [0, 1].
    """
    if "restore" not in trained.game.probes:
        return {}
    config, test = trained.config, trained.test
    truth = test.take(spread(min(number, test.size), test.size))
    each = _of_each(trained, truth["image"])
    values: Values = {name: (float(x.mean()), protocol(name)) for name, x in each.items() if name in MEANS}
    if "psnr_median_filter" in each:
        values["psnr_median_filter"][1]["window"] = "3x3"
    if config.corruption in HOLES and each["missing"].any():  # scattered pixels of few images may all be there
        values |= _in_holes(each)
    own = {"unit": "nats for each image", "codes": "one drawn" if config.variational else "given"}
    own["pixels"] = "Bernoulli" if config.loss == "bce" else f"normal, deviation {config.pixel_deviation}"
    values |= {name: (float(each[name].mean()), own) for name in NATS if name in each}
    if config.dataset.startswith("without:"):
        # Of few images none may be strange; and what fills holes in never made whole ones.
        if len(set(truth["label"])) == 2 and config.corruption not in HOLES:
            area = roc_auc_score(truth["label"], errors(trained, truth["image"]))
            own = {"strange": int(truth["label"].sum()), "by": "mean square of what is made of images as they are"}
            values["anomaly_auc"] = float(area), own
    elif "label" in truth:
        values["precision_at_10"] = _precision(trained, truth), {"code": "mean", "distance": "Euclidean"}
    how = {**how, "given": f"{trained.spec.name}/{test.split}", "fake_samples": len(truth["image"])}
    how |= {"corruption": config.corruption, "level": config.level if config.corruption != "none" else 0.0}
    return {name: {"value": value, **how, **own} for name, (value, own) in values.items()}


def _of_each(trained: Trained, images: np.ndarray) -> dict[str, np.ndarray]:
    """What is measured of each of images uint8 [N, H, W, C]: arrays [N], since whole images would not fit in memory."""
    corruption, probes = trained.config.corruption, trained.game.probes
    mean = data.mean_image(trained.train) if corruption in HOLES else None

    def measured(images: np.ndarray, part: int) -> dict[str, np.ndarray]:
        found, truth = trained.probe("restore", images, seed=part), to_bytes(images)
        made, given = to_bytes(found["image"]), to_bytes(found["given"])
        values = {"psnr": psnr(made, truth)}
        values |= {"sharpness": sharpness(made), "sharpness_of_truth": sharpness(truth)}
        if corruption in HOLES:
            missing = found["missing"] > 0
            values["missing"] = missing.sum(axis=(1, 2, 3))
            values["missing_squares"] = _sums(made, truth, missing)
            values["missing_squares_of_mean"] = _sums(mean, truth, missing)
            values["mask_sharpness"] = sharpness(made, missing[..., 0])
            values["mask_sharpness_of_truth"] = sharpness(truth, missing[..., 0])
        elif corruption != "none":
            values["psnr_noisy"] = psnr(given, truth)
            values["psnr_median_filter"] = psnr(np.stack([median(image, WINDOW) for image in given]), truth)
        return values | (trained.probe("nats", images, seed=part) if "nats" in probes else {})

    return _in_parts(measured, images)


def _sums(made: np.ndarray, truth: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Sums [N] of the squared differences where something is missing, each a mean over the channels."""
    away = ((made / 255.0 - truth / 255.0) ** 2).mean(axis=-1, keepdims=True)
    return away.sum(axis=(1, 2, 3), where=missing)


def _in_holes(each: Mapping[str, np.ndarray]) -> Values:
    """Error and sharpness where something was missing, beside those of the mean training image and of the truth."""
    over = lambda name: float(each[name].sum() / each["missing"].sum())
    own = {"error": "mean square where something is missing, of images in [0, 1]"}
    values: Values = {"mask_error": (over("missing_squares"), own)}
    values["mask_error_of_mean"] = over("missing_squares_of_mean"), own
    own = {"sharpness": "luma differences of neighbouring pixels that are both missing"}
    for name in ("mask_sharpness", "mask_sharpness_of_truth"):
        if np.isfinite(each[name]).any():  # scattered pixels may have no neighbours
            values[name] = float(np.nanmean(each[name])), own
    return values


def errors(trained: Trained, images: np.ndarray) -> np.ndarray:
    """Mean square of what an autoencoder makes of images uint8 [N, H, W, C] as they are, less these, in [0, 1]: [N].

    High for what is unlike the training images.

    Raises:
        UserError: the run is no autoencoder, or fills holes in: what it makes of whole images it never learned.
    """
    if trained.config.get("corruption") in HOLES:
        raise UserError("this run fills holes in and never made whole images again: name one without holes")
    return squares(restored(trained, images), images)


def restored(trained: Trained, images: np.ndarray, missing: np.ndarray | None = None) -> np.ndarray:
    """What an autoencoder makes of images uint8 [N, H, W, C] as they are: without noise, without holes of its own.

    Args:
        missing: bool [H, W, 1], where there is something to be filled in; elsewhere the images stay as they are.

    Raises:
        UserError: the run is no autoencoder.
    """

    def make(images: np.ndarray, _: int) -> dict[str, np.ndarray]:
        given = images if missing is None else np.where(missing, np.float32(0), images)  # gray, as in training
        return {"image": decoded(trained, _probe(trained, "code", given, 0))}

    made = to_bytes(_in_parts(make, images)["image"])
    return made if missing is None else np.where(missing, made, images)


def squares(made: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Mean squares of the differences of images uint8 [N, H, W, C], in [0, 1]: [N]."""
    return ((made / 255.0 - images / 255.0) ** 2).mean(axis=(1, 2, 3))


def codes(trained: Trained, images: np.ndarray) -> np.ndarray:
    """Codes [N, Z] of images uint8 [N, H, W, C].

    Raises:
        UserError: the run is no autoencoder.
    """
    return _in_parts(lambda images, _: {"code": _probe(trained, "code", images, 0)}, images)["code"]


def decoded(trained: Trained, codes: np.ndarray) -> np.ndarray:
    """What the decoder makes of codes [..., Z]: images [..., H, W, C] in [-1, 1]."""
    made = trained.probe("decode", codes.reshape(-1, codes.shape[-1]), key="code")
    return made.reshape(*codes.shape[:-1], *trained.spec.shape)


def nearest(trained: Trained, images: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The training images whose codes are nearest to those of images uint8 [N, H, W, C].

    Returns:
        Which they are, int [N, number], and their Euclidean distances [N, number].
    """
    wanted, train = codes(trained, images), trained.train
    size = 20 * at_once(train.spec.shape, AT_ONCE)
    starts = range(0, train.size, size)
    parts = (train.take(np.arange(start, min(start + size, train.size)))["image"] for start in starts)
    known = np.concatenate([codes(trained, part) for part in parts])
    distances, near = NearestNeighbors(n_neighbors=min(number, train.size)).fit(known).kneighbors(wanted)
    return near, distances


def beside(images: np.ndarray, found: np.ndarray) -> np.ndarray:
    """A picture of images uint8 [N, H, W, C], a row each, beside those found for them [N * number, H, W, C]."""
    rows = np.concatenate([images[:, None], found.reshape(len(images), -1, *images.shape[1:])], axis=1)
    titles = ["query", *(str(place) for place in range(1, rows.shape[1]))]
    return figures.headed(figures.grid(rows / 127.5 - 1), titles)


def _probe(trained: Trained, name: str, images: np.ndarray, seed: int) -> Any:
    if name not in trained.game.probes:
        raise UserError(f"{trained.config.model} encodes and restores no images: name the run of an autoencoder")
    return trained.probe(name, images, seed=seed)


def _in_parts(make: Callable[[np.ndarray, int], Mapping[str, np.ndarray]], images: np.ndarray) -> dict[str, np.ndarray]:
    """What is made of images uint8 [N, H, W, C], given in [-1, 1] and in numbered parts of one size."""
    parts, size = [], min(len(images), at_once(images.shape[1:], AT_ONCE))
    for number, start in enumerate(range(0, len(images), size)):
        part = images[start : start + size]
        made = make(np.resize(part, (size, *part.shape[1:])) / np.float32(127.5) - 1, number)
        parts.append({name: np.asarray(x)[: len(part)] for name, x in made.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _precision(trained: Trained, truth: Mapping[str, np.ndarray]) -> float:
    """The share of the nearest training images, by their codes, that have the held-out image's label."""
    near, _ = nearest(trained, truth["image"], NEIGHBOURS)
    known, place = np.unique(near, return_inverse=True)  # of a set that is read as needed, each image once
    arrays = trained.train.arrays
    labels = arrays["label"][known] if arrays else trained.train.take(known)["label"]
    return float((labels[place].reshape(near.shape) == truth["label"][:, None]).mean())
