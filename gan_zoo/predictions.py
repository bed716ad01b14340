"""Frames that a run predicts, one after the other: their scores, strips and moving pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo import figures
from gan_zoo.data.frames import LATER, PAST
from gan_zoo.data.images import to_bytes
from gan_zoo.metrics.images import gradient_sharpness, protocol, psnr, ssim
from gan_zoo.trained import Trained, at_once, spread
from gan_zoo.translate import padded

AT_ONCE = 256  # sequences that are held at once, of small frames
MILLISECONDS = 200  # that a frame is shown
SHARPNESS = "gradients' nearness to the truth's in dB, mean over the images (Mathieu et al. 2016, section 4.1)"


def predicted(trained: Trained, past: np.ndarray, number: int) -> np.ndarray:
    """The ``number`` frames after ``past`` uint8 [N, PAST, H, W, C]: uint8 [N, number, H, W, C].

    Each is made of the PAST before it, true or predicted. Frames of another size than the run's are mirrored at the
    right and lower border up to one that the network can take, and cut back.
    """
    height, width = past.shape[2:4]
    if past.shape[2:] != trained.shape:
        past = padded(past, trained.shape)
    frames = list(np.moveaxis(past, 1, 0) / np.float32(127.5) - 1)
    for _ in range(number):
        frames.append(trained.make("sample", np.concatenate(frames[-PAST:], axis=-1)))
    return to_bytes(np.stack(frames[PAST:], axis=1)[:, :, :height, :width])


def prediction_scores(trained: Trained, number: int, how: Mapping[str, Any]) -> dict[str, Any]:
    """PSNR, SSIM and sharpness of the next frame of held-out sequences, beside those of the last one; {} for others.

    All pixels count. ``each_frame`` says the same of the frames after it, each made of predicted ones, over the
    sequences that have as many.
    """
    if "predictions" not in trained.game.views:
        return {}
    test = trained.test
    chosen = spread(min(number, test.size), test.size)
    found: dict[str, list[list[float]]] = {}  # score -> frame -> each sequence's
    size = at_once(test.spec.shape, AT_ONCE)
    for start in range(0, len(chosen), size):
        sequences = [test.sequence(i) for i in chosen[start : start + size]]
        made = predicted(trained, np.stack([sequence[:PAST] for sequence in sequences]), LATER)
        for frame in range(LATER):
            long = [i for i, sequence in enumerate(sequences) if len(sequence) > PAST + frame]
            if not long:
                break
            truth = np.stack([sequences[i][PAST + frame] for i in long])
            _note(found, "", frame, made[long, frame], truth)
            if frame == 0:
                _note(found, "_last_frame", frame, np.stack([sequences[i][PAST - 1] for i in long]), truth)
    how = {**how, "given": f"{trained.spec.name}/{test.split}", "fake_samples": len(chosen), "past": PAST}
    how["shape"] = list(test.spec.shape)
    means = {name: [float(np.mean(values)) for values in frames] for name, frames in found.items()}
    each = lambda name: {} if name.endswith("_last_frame") else {"each_frame": means[name]}
    own = lambda name: {"sharpness": SHARPNESS} if name.startswith("sharpness") else protocol(name)
    return {name: {"value": values[0], **each(name), **how, **own(name)} for name, values in means.items()}


def _note(found: dict[str, list[list[float]]], of: str, frame: int, made: np.ndarray, truth: np.ndarray) -> None:
    """Adds the scores of a frame of some sequences, uint8 [N, H, W, C], to those of others."""
    for name, score in (("psnr", psnr), ("ssim", ssim), ("sharpness", gradient_sharpness)):
        frames = found.setdefault(f"{name}{of}", [])
        frames.extend([] for _ in range(frame + 1 - len(frames)))
        frames[frame].extend(score(made, truth))


def save_predictions(trained: Trained, sequence: np.ndarray, number: int, folder: Path, name: str) -> list[Path]:
    """NAME.png, a strip of the sequence above the predicted one, and NAME.gif, the given and predicted frames moving.

    Args:
        sequence: uint8 [T, H, W, C], PAST frames and what is known of those after them.
        number: frames to predict.
    """
    made = predicted(trained, sequence[None, :PAST], number)[0]
    frames = np.concatenate([sequence[:PAST], made])
    known = np.concatenate([sequence[: len(frames)], np.full_like(frames, 255)])[: len(frames)]
    titles = [*(str(i - PAST + 1) for i in range(PAST)), *(f"+{i + 1}" for i in range(number))]
    files = [folder / f"{name}.png", folder / f"{name}.gif"]
    folder.mkdir(parents=True, exist_ok=True)
    figures.save(files[0], figures.headed(figures.grid(np.stack([known, frames]) / 127.5 - 1), titles))
    # With its number above each frame: of equal ones Pillow would make one.
    shown = lambda frame, title: figures.headed(figures.grid(frame[None, None] / 127.5 - 1), [title])
    moving = [Image.fromarray(shown(*one)) for one in zip(frames, titles, strict=True)]
    moving[0].save(files[1], save_all=True, append_images=moving[1:], duration=MILLISECONDS, loop=0)
    return files
