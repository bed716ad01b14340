"""captioned:DATA or captioned:ENCODER:DATA: a set's images, each with the embeddings of its captions, "text".

DATA brings the captions: emoji:google, tfds:coco_captions, folder:PATH with a .txt beside each image (a caption on each
line), or any labelled set, whose labels' names they then are. Of more than ten captions of an image the first ten are
taken. ENCODER is one of ``gan_zoo.text``; its networks read a text's first 201 characters (char_cnn_rnn) or 80. Texts
are embedded when the set is opened for the first time, and kept in the data folder.
"""

import hashlib
import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from gan_zoo import data
from gan_zoo.data import Source, Spec
from gan_zoo.errors import UserError

ARGUMENT = "[ENCODER:]DATA"
ENCODER = "text_encoder"  # where a run keeps its own
CAPTIONS = 10  # of each example; fewer are repeated, more are not used
AT_ONCE = 20_000  # texts
log = logging.getLogger("gan_zoo")


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    from gan_zoo import text

    encoder, name = parsed(argument)
    found = data.spec(name, image_shape, classes)
    if len(found.shape) != 3 or found.input_shape:
        raise UserError(f"captioned:{argument}: captions belong to images, and {name} holds pairs or points")
    return replace(found, name=f"captioned:{argument}", text_shape=(CAPTIONS, text.size(encoder)))


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    from gan_zoo.text.joint_embedding import captions_of  # imported late: it trains, by jax

    found, source = spec(argument, image_shape, classes), data.load(parsed(argument)[1], split, image_shape, classes)
    captions = captions_of(source)
    encoder = encoder_of(argument, classes)
    text = _remembered(encoder, [own[place % len(own)] for own in captions for place in range(CAPTIONS)])
    text = text.reshape(len(captions), *found.text_shape)
    arrays = None if source.arrays is None else {**source.arrays, "text": text}
    take = lambda indices: {**source.take(indices), "text": np.asarray(text[indices])}
    return replace(source, spec=found, take=take, arrays=arrays, captions=lambda: captions)


def bring(argument: str):
    """Brings the set that this one is made of."""
    return data.bring(parsed(argument)[1])


def encoder_of(argument: str, classes: int):
    """The encoder of a set's texts, trained now if it is to be and was not before."""
    from gan_zoo import text

    name, dataset = parsed(argument)
    if name not in text.NETWORKS:
        return text.imported(name)
    from gan_zoo.text.joint_embedding import encoder

    return encoder(name, dataset, classes)


def encode(dataset: str, texts: list[str], classes: int = 0, folder: Path | None = None) -> np.ndarray:
    """Embeddings float32 [N, T] of texts, as in the set "captioned:..."; by the encoder in a run's folder, if any.

    Raises:
        UserError: a text is blank, or has no character that the encoder reads.
    """
    from gan_zoo.text import NETWORKS

    name, _ = parsed(dataset.partition(":")[2])
    texts = [text.strip() for text in texts]
    for text in texts:
        if not text:
            raise UserError("the text is blank, and has no character that can be read")
        if name in NETWORKS and len(text) > NETWORKS[name].length:
            log.warning("%s reads the first %d characters of a text: %s", name, NETWORKS[name].length, text)
        if name in NETWORKS and (unread := NETWORKS[name].unread(text)):
            log.warning("%s leaves out the characters %s of the text: %s", name, unread, text)
    return _of_run(dataset, classes, folder)(texts)


def weights(dataset: str, classes: int = 0) -> str:
    """What tells the encoder of the set "captioned:..." from one with other weights."""
    return encoder_of(dataset.partition(":")[2], classes).protocol["text_weights"]


def keep(dataset: str, classes: int, folder: Path) -> None:
    """Copies the encoder of the set "captioned:..." into a run's folder, where it was trained on the set."""
    from gan_zoo import text
    from gan_zoo.text.joint_embedding import joint_embedding, keep

    name, own = parsed(dataset.partition(":")[2])
    if name in text.NETWORKS:
        keep(joint_embedding(name, own, classes), folder / ENCODER)


def unpack(folder: Path) -> None:
    """Brings the encoder in a run's folder, if there is one, into the cache: the set's captions are embedded by it."""
    if (folder / ENCODER).is_dir():
        from gan_zoo.text.joint_embedding import bring

        bring(folder / ENCODER)


def check(dataset: str, noted: str, classes: int = 0, folder: Path | None = None, whose: str = "this run") -> None:
    """Refuses a run whose texts another encoder embedded than the one that is here.

    Raises:
        UserError: says what to bring.
    """
    from gan_zoo.text import NETWORKS, same_weights

    here = _of_run(dataset, classes, folder).protocol["text_weights"]
    if not same_weights(here, noted):
        name, _ = parsed(dataset.partition(":")[2])
        advice = (
            f"it was trained elsewhere, or on other captions. Bring the run's folder {ENCODER}"
            if name in NETWORKS
            else f"{name} makes other numbers of the same texts. Bring the version that the run had"
        )
        raise UserError(
            f"{whose}'s texts were embedded with the weights {noted}, and the encoder of {dataset} has {here} here: "
            f"{advice}"
        )


def _of_run(dataset: str, classes: int, folder: Path | None):
    """The encoder in a run's folder, read without the set's images; else that of the set."""
    if folder is None or not (folder / ENCODER).is_dir():
        return encoder_of(dataset.partition(":")[2], classes)
    from gan_zoo.text.joint_embedding import read_kept

    joint = read_kept(parsed(dataset.partition(":")[2])[0], folder / ENCODER)
    return joint.encoder


def parsed(argument: str) -> tuple[str, str]:
    """The encoder's name and the set's."""
    from gan_zoo import text

    first, _, rest = argument.partition(":")
    if rest and text.is_encoder(first):
        return first, rest
    if not data.is_known(first):
        encoders = ", ".join((*text.NETWORKS, *text.FUNCTIONS, "PACKAGE.FUNCTION"))
        raise UserError(
            f"captioned:{argument}: {first!r} is no data set and no encoder of texts. Write captioned:{ARGUMENT}; "
            f"encoders are {encoders}"
        )
    return text.DEFAULT, argument


def _remembered(encoder, rows: list[str]) -> np.ndarray:
    """The embeddings of texts, float32 [N, T], from the data folder if they are there; read from it when needed."""
    key = hashlib.sha256(repr(sorted(encoder.protocol.items())).encode() + "\n".join(rows).encode()).hexdigest()[:24]
    file = data.folder() / "text" / f"{key}.npy"
    if not file.exists():
        from gan_zoo.text.joint_embedding import different

        known, inverse = different(rows)
        parts = [encoder(known[start : start + AT_ONCE]) for start in range(0, len(known), AT_ONCE)]
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}.npy")
        np.save(partial, np.concatenate(parts)[inverse])
        os.replace(partial, file)
    return np.load(file, mmap_mode="r")
