"""Scores of images made from texts: whether a text is found again by its image, and how the stages compare."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_zoo.data import captioned
from gan_zoo.data.images import to_bytes
from gan_zoo.metrics.images import sharpness
from gan_zoo.metrics.seen import look
from gan_zoo.text import NETWORKS
from gan_zoo.text.joint_embedding import OF, joint_embedding, retrieval
from gan_zoo.trained import Trained

SEED = 0
EACH = 4  # images of each caption
OF_REAL = ("text_retrieval_real", "sharpness_of_truth")
JUDGE = "char_cnn_rnn_small"  # whose joint embedding looks at images where texts are embedded by a function


def caption_scores(trained: Trained, judge: Any, labels: np.ndarray, how: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of images of held-out captions, each with its protocol ``how``; {} for sets without captions.

    Args:
        judge: an ``evaluate.Judge``; what the first stage's images are held against.
        labels: int [N], what the first stages' images are made of for its distance: those of the samples scored.
    """
    if not trained.spec.text_shape:
        return {}
    config, test = trained.config, trained.test
    name, dataset = captioned.parsed(config.dataset.partition(":")[2])
    captions = [own[0] for own in test.captions()]
    joint = joint_embedding(name if name in NETWORKS else JUDGE, dataset, config.classes)
    text, taken = joint.texts(captions), test.take(np.arange(test.size))
    given = {"text": np.repeat(taken["text"][:, :1], EACH, axis=0)}

    def made(view: str) -> np.ndarray:
        number = test.size * EACH
        parts = trained.chunks(number, np.zeros(number, np.int32), SEED, view, given)
        return np.concatenate([to_bytes(part["image"]) for part in parts])

    images = made("sample")
    found = retrieval(joint.images(images), np.repeat(text, EACH, axis=0), np.repeat(captions, EACH))
    real = retrieval(joint.images(taken["image"]), text, captions)
    own = {"of": OF, "captions": f"the first of each of {trained.spec.name}/test", **joint.protocol}
    own |= {"joint_embedding": own.pop("text_encoder"), "joint_weights": own.pop("text_weights")}
    values = {
        "text_retrieval": (found, own),
        "text_retrieval_real": (real, own),
        "text_retrieval_chance": (1 / min(OF, len(set(captions))), {"of": OF}),
        "sharpness": (float(sharpness(images).mean()), {}),
        "sharpness_of_truth": (float(sharpness(taken["image"]).mean()), {}),
    }
    if "stage1" in trained.views:
        values["sharpness_stage1"] = float(sharpness(made("stage1")).mean()), {"enlarged": "cubic"}
    held_out = {"captions": "held out", **{name: value for name, value in how.items() if name != "labels"}}
    of_made = {**held_out, "fake_samples": len(images)}
    of_real = {**{name: value for name, value in held_out.items() if name != "averaged"}, "real_samples": test.size}
    scores = {
        name: {"value": value, **(of_real if name in OF_REAL else of_made), **own}
        for name, (value, own) in values.items()
    }
    if "stage1" in trained.views and judge.extractor is not None:
        parts = trained.chunks(len(labels), labels, SEED, "stage1")
        fake = look(judge.extractor, (to_bytes(part["image"]) for part in parts), len(labels), "first stages")
        scores["fid_stage1"] = {**judge.scores(fake, ("fid",), how)["fid"], "enlarged": "cubic"}
    return scores
