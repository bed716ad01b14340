"""Scores of enlarged photographs: PSNR and SSIM as papers measure them, and sharpness, which PSNR does not reward."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from gan_zoo import data
from gan_zoo.data.images import to_bytes
from gan_zoo.metrics.images import psnr, sharpness, ssim
from gan_zoo.resample import SCALE, enlarged, shrunk
from gan_zoo.trained import Trained

WAYS = {"": "upscale", "_srresnet": "upscale_srresnet"}  # ending of a score's name -> view


def superresolution_scores(trained: Trained, how: Mapping[str, Any]) -> dict[str, Any]:
    """Means over the held-out pictures, whole: each is made small, enlarged again and compared; {} for other games.

    On the luma, without a border of 4 pixels (Ledig et al. 2017, section 3.1), of images rounded to 8 bits.
    """
    config, found = trained.config, {}
    if "upscale" not in trained.game.views:
        return found
    pictures = data.load(config.dataset, "test", config.image_shape, config.classes).pictures
    if pictures is None:
        return found
    ways = {ending: view for ending, view in WAYS.items() if view in trained.game.views}
    for picture in pictures():
        truth = picture[None, : picture.shape[0] // SCALE * SCALE, : picture.shape[1] // SCALE * SCALE]
        small = np.asarray(shrunk(jnp.asarray(truth / 127.5 - 1, jnp.float32)))
        images = {ending: trained.make(view, small) for ending, view in ways.items()}
        images["_bicubic"] = np.asarray(enlarged(jnp.asarray(small)))
        for ending, image in images.items():
            _compare(found, ending, to_bytes(image), truth)
        found.setdefault("sharpness_of_truth", []).append(sharpness(truth)[0])
    how = {**how, "given": f"{trained.spec.name}/test, whole pictures", "channel": "luma", "border": SCALE}
    how |= {
        "downsampling": f"bicubic, antialiased, by {SCALE}, 8 bits",
        "fake_samples": len(found["psnr"]),
    }
    return {name: {"value": float(np.mean(values)), **how} for name, values in found.items()}


def _compare(found: dict[str, list[float]], ending: str, image: np.ndarray, truth: np.ndarray) -> None:
    for name, score in (("psnr", psnr), ("ssim", ssim)):
        found.setdefault(name + ending, []).append(score(image, truth, luma=True, border=SCALE)[0])
    found.setdefault("sharpness" + ending, []).append(sharpness(image)[0])
