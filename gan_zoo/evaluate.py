"""Scores of a trained game, each with how it was measured. Knows data, not members.

What a generated batch carries decides what can be scored: a "label" it was made from, a "code", or nothing.
"""

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from gan_zoo.data import points
from gan_zoo.metrics.classifier import classifier
from gan_zoo.trained import Trained

SEED = 0


def evaluate(trained: Trained) -> dict[str, Any]:
    """{"step": global round, "scores": {name: {"value": ..., how it was measured}}}."""
    num = trained.config.eval_samples
    how = {"samples": num, "averaged": sorted(trained.game.ema), "seed": SEED}
    scores = {}
    if len(trained.spec.shape) == 1:
        scores |= point_scores(trained, num, how)
    elif trained.spec.classes:
        scores |= label_scores(trained, num, how)
    for name, value in trained.scores(num, SEED).items():
        scores[name] = {"value": value, **how}
    return {"step": trained.step, "scores": scores}


def summary(seeds: list[int], evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    """Evaluations of several seeds as one: each value is a mean, with its spread (sample standard deviation)."""
    if len(seeds) == 1:
        return evaluations[0]
    scores = {}
    for name, first in evaluations[0]["scores"].items():
        values = np.array([evaluation["scores"][name]["value"] for evaluation in evaluations])
        mean, spread = values.mean(axis=0).tolist(), values.std(axis=0, ddof=1).tolist()
        scores[name] = {**first, "value": mean, "spread": spread, "values": values.tolist()}
    return {"step": evaluations[0]["step"], "seeds": seeds, "scores": scores}


def point_scores(trained: Trained, num: int, how: dict[str, Any]) -> dict[str, Any]:
    """Modes covered and share of high-quality samples (PacGAN, Lin et al. 2018, section 4.1)."""
    modes = points.modes(trained.spec.name)
    if modes is None:
        return {}
    centres, deviation = modes
    made = trained.sample(SEED, num)
    distances = np.linalg.norm(made[:, None] - centres[None], axis=-1)  # [N, M]
    near = distances.min(axis=1) < 3 * deviation
    hits = np.bincount(distances.argmin(axis=1)[near], minlength=len(centres))
    how = {**how, "deviation": deviation, "radius": "3 deviations", "modes": len(centres)}
    return {
        "modes_covered": {"value": int((hits >= 10).sum()), "hits_needed": 10, **how},
        "high_quality": {"value": float(near.mean()), **how},
    }


def label_scores(trained: Trained, num: int, how: dict[str, Any]) -> dict[str, Any]:
    """What an independent classifier, trained on the data's training part, sees in the samples."""
    config = trained.config
    judge = classifier(config.dataset, config.image_shape, config.classes)
    classes = trained.spec.classes
    seen, given = [], {}
    for chunk in trained.chunks(num, np.arange(num) % classes, SEED):
        seen.append(judge.predict(chunk["image"]))
        for name in {"label", "code"} & set(chunk):
            given.setdefault(name, []).append(chunk[name])
    seen, given = np.concatenate(seen), {name: np.concatenate(parts) for name, parts in given.items()}
    how = {**how, "classifier": judge.hash}
    on_test = {"value": judge.accuracy, "classifier": judge.hash, "test_images": judge.test_images}
    scores = {"classifier_accuracy": on_test}
    if "label" in given:
        scores["label_accuracy"] = {"value": float((seen == given["label"]).mean()), **how}
    else:
        shares = np.bincount(seen, minlength=classes) / num
        scores["class_histogram"] = {"value": [round(float(share), 4) for share in shares], **how}
    if "code" in given:
        scores["code_accuracy"] = {
            "value": matched_accuracy(given["code"], seen),
            **how,
            "matching": "one-to-one",
        }
    return scores


def matched_accuracy(code: np.ndarray, seen: np.ndarray) -> float:
    """Share of samples whose code [N] means the class [N] seen, under the best one-to-one matching."""
    table = np.zeros((max(code.max(), seen.max()) + 1,) * 2, int)
    np.add.at(table, (code, seen), 1)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(code))
