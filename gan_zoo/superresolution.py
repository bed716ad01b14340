"""Scores of enlarged photographs: PSNR and SSIM as papers measure them, and sharpness, which PSNR does not reward."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_zoo import figures
from gan_zoo.data.images import to_bytes
from gan_zoo.metrics.images import protocol, psnr, sharpness, ssim
from gan_zoo.resample import SCALE, enlarged, shrunk
from gan_zoo.trained import Trained

WAYS = {"": "upscale", "_srresnet": "upscale_srresnet"}  # ending of a score's name -> view
SHOWN, DETAIL = 6, 96  # held-out pictures that are shown, and the side of the part that is, in pixels
Found = dict[str, list[float]]  # score -> of each picture


def superresolution_scores(trained: Trained, how: Mapping[str, Any], file: Path | None = None) -> dict[str, Any]:
    """Means over the held-out pictures, whole: each is made small, enlarged again and compared; {} for other games.

    On the luma, without a border of 4 pixels (Ledig et al. 2017, section 3.1), of images rounded to 8 bits. ``file``
    gets a picture in the paper's layout: what each way made of a detail, with the whole picture's PSNR and SSIM.
    """
    if "upscale" not in trained.game.views or trained.test.pictures is None:
        return {}
    ways = {ending: view for ending, view in WAYS.items() if view in trained.game.views}
    found, rows = {}, []
    for number, picture in enumerate(trained.test.pictures()):
        truth = picture[: picture.shape[0] // SCALE * SCALE, : picture.shape[1] // SCALE * SCALE]
        small = np.asarray(shrunk(jnp.asarray(truth[None] / 127.5 - 1, jnp.float32)))
        images = {ending: to_bytes(trained.make(view, small))[0] for ending, view in ways.items()}
        images["_bicubic"] = to_bytes(np.asarray(enlarged(jnp.asarray(small))))[0]
        for ending, image in images.items():
            _compare(found, ending, image, truth)
        found.setdefault("sharpness_of_truth", []).append(sharpness(truth[None])[0])
        if file and number < SHOWN:
            rows.append(_row(trained, images, truth, found))
    if rows and jax.process_index() == 0:
        figures.save(file, np.concatenate(rows))
    how = {**how, "given": f"{trained.spec.name}/test, whole pictures", "channel": "luma", "border": SCALE}
    how |= {"downsampling": f"bicubic, antialiased, by {SCALE}, 8 bits", "fake_samples": len(found["psnr"])}
    return {name: {"value": float(np.mean(values)), **how, **protocol(name)} for name, values in found.items()}


def _compare(found: Found, ending: str, image: np.ndarray, truth: np.ndarray) -> None:
    for name, score in (("psnr", psnr), ("ssim", ssim)):
        value = score(image[None], truth[None], luma=True, border=SCALE)[0]
        found.setdefault(name + ending, []).append(value)
    found.setdefault("sharpness" + ending, []).append(sharpness(image[None])[0])


def _row(trained: Trained, images: Mapping[str, np.ndarray], truth: np.ndarray, found: Found) -> np.ndarray:
    """Bicubic, SRResNet, SRGAN and original: the middle of a picture twice as large, with the last scores found."""
    *titles, last = trained.game.titles["comparison"]
    endings = [ending for ending in ("_bicubic", "_srresnet", "") if ending in images]
    values = [(found["psnr" + ending][-1], found["ssim" + ending][-1]) for ending in endings]
    heads = [f"{title} ({db:.2f} dB / {like:.4f})" for title, (db, like) in zip(titles, values, strict=True)]
    top, left = (max(0, (size - DETAIL) // 2) for size in truth.shape[:2])
    shown = np.stack([*(images[ending] for ending in endings), truth])[:, top : top + DETAIL, left : left + DETAIL]
    fill = [(0, DETAIL - size) for size in shown.shape[1:3]]  # of a small picture
    cells = np.pad(shown, [(0, 0), *fill, (0, 0)], constant_values=255).repeat(2, axis=1).repeat(2, axis=2)
    return figures.headed(figures.grid(cells[None] / 127.5 - 1), [*heads, last])
