"""Scores of images made from texts: whether a text is found again by its image, and how the stages compare."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gan_zoo.data import captioned
from gan_zoo.data.images import to_bytes
from gan_zoo.errors import UserError
from gan_zoo.metrics.images import protocol, sharpness
from gan_zoo.metrics.seen import look
from gan_zoo.text import NETWORKS
from gan_zoo.text.char_cnn_rnn import characters
from gan_zoo.text.joint_embedding import OF, JointEmbedding, joint_embedding, retrieval
from gan_zoo.trained import Trained, spread

SEED = 0
EACH = 4  # images of each caption
OTHER = 1  # seed of the second judge
log = logging.getLogger("gan_zoo")
JUDGE = "char_cnn_rnn_small"  # whose joint embedding looks at images where texts are embedded by a function


def caption_scores(
    trained: Trained, judge: Any, number: int, labels: np.ndarray, how: Mapping[str, Any]
) -> dict[str, Any]:
    """Scores of images of held-out captions, each with its protocol ``how``; {} for sets without captions.

    Captions that are those of a training image, too, are left out where enough others are there.

    Args:
        judge: an ``evaluate.Judge``; what the first stage's images are held against.
        number: images at most.
        labels: int [N], what the first stages' images are made of for its distance: those of the samples scored.
    """
    if not trained.spec.text_shape:
        return {}
    chosen, words = _unseen(trained, max(OF, number // EACH))
    taken, held_out = trained.test.take(chosen), trained.test.captions()
    captions = [held_out[row][0] for row in chosen]
    judges = dict(zip(("", "_other"), _judges(trained), strict=False))
    texts = {ending: joint.texts(captions) for ending, joint in judges.items()}
    given, every = {"text": np.repeat(taken["text"][:, :1], EACH, axis=0)}, np.repeat(captions, EACH)
    seen, crisp = {ending: [] for ending in judges}, []
    for part in _made(trained, "sample", given):
        crisp.append(sharpness(part))
        for ending, joint in judges.items():
            seen[ending].append(joint.images(part))
    values = {"text_retrieval_chance": (1 / min(OF, len(set(captions))), {"of": OF})} if judges else {}
    for ending, joint in judges.items():
        own = {"of": OF, "captions": words, **joint.protocol}
        own |= {"joint_embedding": own.pop("text_encoder"), "joint_weights": own.pop("text_weights")}
        found = retrieval(np.concatenate(seen[ending]), np.repeat(texts[ending], EACH, axis=0), every)
        real = retrieval(joint.images(taken["image"]), texts[ending], captions)
        values |= {f"text_retrieval{ending}": (found, own), f"text_retrieval{ending}_real": (real, own)}
    values["sharpness"] = float(np.concatenate(crisp).mean()), {}
    values["sharpness_of_truth"] = float(sharpness(taken["image"]).mean()), {}
    if "stage1" in trained.views:
        parts = [sharpness(part) for part in _made(trained, "stage1", given)]
        values["sharpness_stage1"] = float(np.concatenate(parts).mean()), {"enlarged": "cubic"}
    common = {name: value for name, value in how.items() if name != "labels"} | {"captions": "held out"}
    of_made = {**common, "fake_samples": len(every)}
    of_real = {**{name: value for name, value in common.items() if name != "averaged"}, "real_samples": len(chosen)}
    is_real = lambda name: name.endswith(("_real", "_of_truth"))
    scores = {
        name: {"value": value, **(of_real if is_real(name) else of_made), **protocol(name), **own}
        for name, (value, own) in values.items()
    }
    return scores | _first_stage(trained, judge, labels, how)


def _unseen(trained: Trained, most: int) -> tuple[np.ndarray, str]:
    """So many held-out examples at most, spread over those whose first caption no training image has; that in words."""
    known = {caption for own in trained.train.captions() for caption in own}
    firsts = [own[0] for own in trained.test.captions()]
    rows, words = np.array([row for row, first in enumerate(firsts) if first not in known]), "no training image has"
    if len({firsts[row] for row in rows}) < OF:
        rows, words = np.arange(len(firsts)), "training images have too"
    chosen = rows[spread(min(most, len(rows)), len(rows))]
    return chosen, f"the first of each of {trained.spec.name}/{trained.test.split}, those that {words}"


def _judges(trained: Trained) -> list[JointEmbedding]:
    """Two joint embeddings: the one by which texts are given, where it is one, and another that no network was given.

    Images can please the first by what only it sees; the second tells. None where they cannot read the captions.
    """
    name, dataset = captioned.parsed(trained.config.dataset.partition(":")[2])
    if name not in NETWORKS:
        try:
            every = (text for source in (trained.train, trained.test) for own in source.captions() for text in own)
            characters(sorted(set(every)), 1)
        except UserError as error:
            log.warning("no text_retrieval, whose judge is a %s: %s", JUDGE, str(error).partition(" (")[0])
            return []
    known = name if name in NETWORKS else JUDGE
    return [joint_embedding(known, dataset, trained.config.classes, seed) for seed in (0, OTHER)]


def _made(trained: Trained, view: str, given: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
    """What a view makes of each text, in parts, as it is stored."""
    number = len(given["text"])
    for part in trained.chunks(number, np.zeros(number, np.int32), SEED, view, given):
        yield to_bytes(part["image"])


def _first_stage(trained: Trained, judge: Any, labels: np.ndarray, how: Mapping[str, Any]) -> dict[str, Any]:
    """The distance of the first stage's enlarged images, of the same texts as the samples'."""
    if "stage1" not in trained.views or judge.extractor is None:
        return {}
    parts = trained.chunks(len(labels), labels, SEED, "stage1")
    fake = look(judge.extractor, (to_bytes(part["image"]) for part in parts), len(labels), "first stages")
    return {"fid_stage1": {**judge.scores(fake, ("fid",), how)["fid"], "enlarged": "cubic"}}
