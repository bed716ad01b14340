"""How near an image is to a given one: PSNR and SSIM, with the conventions of super-resolution papers as arguments."""

from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

from gan_zoo.errors import UserError
from gan_zoo.metrics.arrays import rows

# ITU-R BT.601: RGB in [0, 1] to a luma in [16, 235].
LUMA = np.array([65.481, 128.553, 24.966])
SSIM_WINDOW = 11  # pixels
MOST = 100.0  # dB, so that equal images leave a mean finite
# What protocols say of the scores below.
PROTOCOLS = {
    "psnr": "10 log10(255^2 / MSE) in dB, mean over the images",
    "ssim": "Gaussian window of 11x11 pixels, deviation 1.5; mean over the images",
    "sharpness": "mean luma difference of neighbouring pixels, levels of 255",
}


def protocol(name: str) -> dict[str, str]:
    """What a protocol says of a score with such a name, as psnr_noisy is one of psnr; {} of others."""
    kind = name.partition("_")[0]
    return {kind: PROTOCOLS[kind]} if kind in PROTOCOLS else {}


def psnr(images: Any, truth: Any, luma: bool = False, border: int = 0) -> np.ndarray:
    """10 log10(255^2 / MSE) in dB for each of images [N, H, W, C] in [0, 255]: [N]; MOST where they are equal.

    Papers give the mean of these, not the PSNR of the mean error.

    Args:
        luma: compares the luma alone (BT.601, 16 to 235), as papers on super-resolution do; else all channels.
        border: pixels at each side that do not count; those papers leave out as many as the scale.
    """
    images, truth = _prepared(images, truth, luma, border)
    errors = np.mean((images - truth) ** 2, axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return np.minimum(10 * np.log10(255**2 / errors), MOST)


def ssim(images: Any, truth: Any, luma: bool = False, border: int = 0) -> np.ndarray:
    """Structural similarity of images [N, H, W, C] in [0, 255], in [-1, 1]: [N] (Wang et al. 2004).

    The paper's window: Gaussian, 11x11, deviation 1.5, whole windows only; channels are averaged.

    Args:
        luma, border: as in ``psnr``.

    Raises:
        UserError: images smaller than the window.
    """
    images, truth = _prepared(images, truth, luma, border)
    if min(images.shape[1:3]) < SSIM_WINDOW:
        raise UserError(f"the images are {images.shape[1:3]} without border: ssim's window is 11x11")
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    both = zip(images, truth, strict=True)
    return np.array([structural_similarity(a, b, channel_axis=-1, **settings) for a, b in both])


def sharpness(images: Any, where: np.ndarray | None = None) -> np.ndarray:
    """Mean difference of neighbouring pixels' luma, in levels, for each of images [N, H, W, C] in [0, 255]: [N].

    High for crisp edges and texture, low for what is blurred; noise raises it too, so it stands beside the truth's.

    Args:
        where: bool [N, H, W]: only pixels that both lie there count; nan for an image without such.
    """
    images = rows("images", images).astype(np.float64)
    luma = images.mean(axis=-1) if images.shape[-1] != 3 else to_luma(images)[..., 0] - 16
    where = np.ones(luma.shape, bool) if where is None else where
    across = _mean(np.abs(np.diff(luma, axis=2)), where[:, :, 1:] & where[:, :, :-1])
    down = _mean(np.abs(np.diff(luma, axis=1)), where[:, 1:] & where[:, :-1])
    return (across + down) / 2


def _mean(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Means [N] of values [N, H, W] where they count; nan of none."""
    with np.errstate(invalid="ignore"):
        return values.sum(axis=(1, 2), where=where) / where.sum(axis=(1, 2))


def gradient_sharpness(images: Any, truth: Any) -> np.ndarray:
    """How near the steps between neighbouring pixels are to the truth's, in dB: [N] (Mathieu et al. 2016, section 4.1).

    10 log10(255^2 / mean |(d_i Y + d_j Y) - (d_i Y' + d_j Y')|), where d_i is the absolute difference to the pixel
    above and d_j to the one at the left, of images [N, H, W, C] in [0, 255]; MOST where they are equal.
    """
    images, truth = _prepared(images, truth, luma=False, border=0)
    steps = lambda x: np.abs(np.diff(x, axis=1))[:, :, 1:] + np.abs(np.diff(x, axis=2))[:, 1:]
    errors = np.abs(steps(images) - steps(truth)).mean(axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return np.minimum(10 * np.log10(255**2 / errors), MOST)


def to_luma(images: np.ndarray) -> np.ndarray:
    """RGB [..., 3] in [0, 255] to BT.601's luma [..., 1] in [16, 235], not rounded; gray images stay as they are."""
    return images if images.shape[-1] == 1 else 16 + (images / 255 @ LUMA)[..., None]


def _prepared(images: Any, truth: Any, luma: bool, border: int) -> tuple[np.ndarray, np.ndarray]:
    images, truth = (rows(name, x).astype(np.float64) for name, x in (("images", images), ("truth", truth)))
    if images.shape != truth.shape or images.ndim != 4:
        raise UserError(f"images and truth must both be [N, H, W, C]: {images.shape} and {truth.shape}")
    if not 0 <= 2 * border < min(images.shape[1:3]):
        raise UserError(f"a border of {border} leaves nothing of images {images.shape[1:3]}")
    inner = slice(border, -border or None)
    images, truth = (to_luma(x) if luma else x for x in (images, truth))
    return images[:, inner, inner], truth[:, inner, inner]
