"""Pictures of what a StyleGAN's styles do, in the layouts of the paper's figures."""

from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from PIL import Image

from gan_zoo import figures
from gan_zoo.metrics.path_length import lerp, slerp
from gan_zoo.pretrained.perceptual import perceptual
from gan_zoo.styles import draw, groups, latents_of, mixed, project, styles_of, truncated, truncation
from gan_zoo.trained import Trained

PSI = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)  # of the truncation picture (figure 8)
NOISES = 100  # noise images over which the deviation is taken (figure 4)
UNCURATED = 8  # rows and columns of samples (figure 2)
MILLISECONDS = 80  # that a frame of a walk is shown


def mixing_picture(trained: Trained, rows: int = 3, columns: int = 5, seed: int = 0, psi: float = 1.0) -> np.ndarray:
    """Figure 3: in each group of layers, rows of images with the columns' styles: uint8 [H, W, 3]."""
    w = truncated(trained, styles_of(trained, *latents_of(trained, rows + columns, seed)), psi)
    own, other = w[:rows], w[rows:]
    pictures, sources = draw(trained, own, noise=False), draw(trained, other, noise=False)
    blank = np.ones((1, *trained.spec.shape), np.float32)
    blocks = []
    for name, layers in groups(trained).items():
        made = draw(trained, mixed(np.repeat(own, columns, 0), np.tile(other, (rows, 1, 1)), layers), noise=False)
        table = np.concatenate([pictures[:, None], made.reshape(rows, columns, *made.shape[1:])], axis=1)
        table = np.concatenate([np.concatenate([blank, sources])[None], table])
        blocks.append(figures.headed(figures.grid(table), [f"{name} styles of the columns' images"]))
    return np.concatenate(blocks)


def noise_picture(trained: Trained, number: int = 4, draws: int = 4, seed: int = 0, psi: float = 1.0) -> np.ndarray:
    """Figure 4: without noise, with several draws of it, and the deviation over many, times 4: uint8 [H, W, 3]."""
    w = truncated(trained, styles_of(trained, *latents_of(trained, number, seed)), psi)
    shown, sums = [], np.zeros((2, number, *trained.spec.shape[:2], 1))
    for seed in range(NOISES):  # one after the other: a hundred large images would not fit in memory
        made = draw(trained, w, seed)
        gray = np.clip(made, -1, 1).mean(axis=-1, keepdims=True, dtype=np.float64)
        sums += gray, gray**2
        shown += [made] * (seed < draws)
    mean, square = sums / NOISES
    deviation = np.broadcast_to(4 * np.sqrt(np.maximum(square - mean**2, 0)) - 1, made.shape)  # 0 is black, at -1
    columns = [draw(trained, w, noise=False), *shown, np.minimum(deviation, 1)]
    titles = ["no noise", *(f"noise {i + 1}" for i in range(draws)), "deviation x4"]
    return figures.headed(figures.grid(np.stack(columns, axis=1)), titles)


def truncation_picture(trained: Trained, number: int = 4, seed: int = 0) -> np.ndarray:
    """Figure 8: each row one latent, pulled to the average and through it: uint8 [H, W, 3]."""
    w = styles_of(trained, *latents_of(trained, number, seed))
    columns = [draw(trained, truncated(trained, w, psi), noise=False) for psi in PSI]
    return figures.headed(figures.grid(np.stack(columns, axis=1)), [f"psi {psi:g}" for psi in PSI])


def walks(trained: Trained, number: int = 3, steps: int = 10, seed: int = 0, psi: float = 1.0) -> np.ndarray:
    """Images on the way between latents, in z and below it in w: [2 number, steps, H, W, C]."""
    noise, labels = latents_of(trained, 2 * number, seed)
    ends, label = noise.reshape(2, number, -1), None if labels is None else labels[:number]
    w_ends = [styles_of(trained, end, label) for end in ends]
    rows = []
    for t in np.linspace(0, 1, steps, dtype=np.float32)[:, None]:
        in_z = styles_of(trained, np.asarray(slerp(*ends, t)), label)
        both = np.stack([in_z, np.asarray(lerp(*w_ends, t))], axis=1).reshape(2 * number, -1)
        rows.append(draw(trained, truncated(trained, both, psi), noise=False))
    return np.stack(rows, axis=1)


def save_pictures(trained: Trained, folder: Path, seed: int = 0, psi: float = 1.0) -> list[Path]:
    """Writes mixing.png, noise.png, truncation.png, uncurated.png, walk.png and walk.gif into a folder: the files."""
    given = truncation(trained, psi)  # told first, if there are no styles
    uncurated = trained.sample(seed, UNCURATED**2, given=given if psi != 1 else None)
    walk = walks(trained, seed=seed, psi=psi)
    pictures = {
        "mixing": mixing_picture(trained, seed=seed, psi=psi),
        "noise": noise_picture(trained, seed=seed, psi=psi),
        "truncation": truncation_picture(trained, seed=seed),
        "walk": figures.headed(figures.grid(walk), ["rows by turns: in z, in w"]),
        "uncurated": figures.grid(uncurated.reshape(2 * (UNCURATED,) + trained.spec.shape)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in pictures.items():
        figures.save(folder / f"{name}.png", pixels)
    moving = [Image.fromarray(figures.grid(walk[None, :, i])) for i in range(walk.shape[1])]
    moving += moving[-2:0:-1]  # and back
    moving[0].save(folder / "walk.gif", save_all=True, append_images=moving[1:], duration=MILLISECONDS, loop=0)
    return [*(folder / f"{name}.png" for name in pictures), folder / "walk.gif"]


def save_projections(
    trained: Trained, images: np.ndarray, names: list[str], folder: Path, maps: str = ""
) -> list[Path]:
    """Finds images uint8 [N, H, W, C] by ``project``: writes projected.png, each beside what was found, and styles.npz.

    Args:
        maps: feature maps of gan_zoo.pretrained.perceptual in which images are compared; "": pixels.

    Raises:
        UserError: the run has no styles, or the maps are unknown or have no weights here.
    """
    latents_of(trained, 1, 0)  # refuses runs without styles
    compare = lambda a, b, rng: jnp.mean((a - b) ** 2, axis=(1, 2, 3))
    if maps:
        compare = partial(perceptual(maps).distances, perceptual(maps).load())
    w, history = project(trained, images, compare)
    found = draw(trained, truncated(trained, w), noise=False)
    pairs = np.stack([images / np.float32(127.5) - 1, found], axis=1)
    folder.mkdir(parents=True, exist_ok=True)
    figures.save(folder / "projected.png", figures.comparison(pairs, ["given", "found"]))
    np.savez(folder / "styles.npz", w=w, names=names, distance=history[-1])
    return [folder / "projected.png", folder / "styles.npz"]
