"""Encoders of text by name: what turns a caption into the numbers that a generator is given.

char_cnn_rnn        Reed et al.'s, 1,024 numbers, trained on the set's own pairs by the structured joint embedding
char_cnn_rnn_small  the same with a quarter of the widths, 80 characters and 128 numbers, for small sets
minilm              a sentence encoder, of 384 numbers, that a package brings
PACKAGE.FUNCTION    any function that can be imported: texts, a list of N str -> array [N, T]
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gan_zoo.errors import UserError, choose
from gan_zoo.registry import outside
from gan_zoo.text.char_cnn_rnn import CharCNNRNN

NETWORKS = {
    "char_cnn_rnn": CharCNNRNN(),
    "char_cnn_rnn_small": CharCNNRNN(features=128, widths=(96, 128, 128), length=80, pool=2),
}
FUNCTIONS = {"minilm": "gan_zoo.text.minilm.encode"}
DEFAULT = "char_cnn_rnn"


@dataclass(frozen=True, eq=False)
class Encoder:
    """texts -> float32 [N, size]; ``protocol`` names it and what it was made from.

    Raises:
        UserError: when called, if it made something else.
    """

    encode: Callable[[Sequence[str]], np.ndarray]
    protocol: Mapping[str, Any]

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        made = np.asarray(self.encode(list(texts)), np.float32)
        if made.ndim != 2 or len(made) != len(texts) or not np.isfinite(made).all():
            good = made.ndim == 2 and len(made) == len(texts)
            what = "numbers that are not finite" if good else f"an array {made.shape}"
            raise UserError(f"the text encoder {self.protocol['text_encoder']} made {what} of {len(texts)} texts")
        return made


def is_encoder(name: str) -> bool:
    """Whether that is a name of an encoder, known or a function's."""
    return name in {*NETWORKS, *FUNCTIONS} or ("." in name and all(part.isidentifier() for part in name.split(".")))


def size(name: str) -> int:
    """How many numbers an encoder makes of a text; trains nothing."""
    if name in NETWORKS:
        return NETWORKS[name].features
    return imported(name)(["a text"]).shape[1]


def imported(name: str) -> Encoder:
    """The encoder PACKAGE.FUNCTION.

    Raises:
        UserError: there is none, or it does not make [N, T] of N texts.
    """
    path = FUNCTIONS.get(name, name)
    if "." not in path:
        choose("text encoder", name, {**NETWORKS, **FUNCTIONS})
    module, _, function = path.rpartition(".")
    encode = getattr(outside(module), function, None)
    if not callable(encode):
        raise UserError(f"the text encoder {name}: {module} has no function {function}")
    shape = np.shape(encode(["one text", "another"]))
    if len(shape) != 2 or shape[0] != 2:
        raise UserError(f"the text encoder {name} made an array {shape} of two texts: [2, T] is needed")
    # A function's weights cannot be looked at: what it makes of a text stands for them.
    mark = hashlib.sha256(np.asarray(encode(["a mark"]), np.float32).tobytes()).hexdigest()[:16]
    return Encoder(encode, {"text_encoder": name, "text_weights": mark})
