"""Encoders of text by name: what turns a caption into the numbers that a generator is given.

char_cnn_rnn        Reed et al.'s, 1,024 numbers, trained on the set's own pairs by the structured joint embedding
char_cnn_rnn_small  the same with a quarter of the widths, 80 characters and 128 numbers, for small sets
minilm              a sentence encoder, of 384 numbers, that a package brings
PACKAGE.FUNCTION    any function that can be imported: texts, a list of N str -> array [N, T]
"""

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
SAME = 1e-3  # of the largest
# A function's weights cannot be looked at: what it makes of these stands for them.
MARKS = (
    "a small yellow bird with black wings",
    "two people walk their dog along a beach",
    "Seven. 7?",
    "the number two",
)


@dataclass(frozen=True, eq=False)
class Encoder:
    """texts -> float32 [N, size]; ``protocol`` names it and what it was made from.

    Raises:
        UserError: when called, if it made something else.
    """

    encode: Callable[[Sequence[str]], np.ndarray]
    protocol: Mapping[str, Any]
    size: int

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        return made_by(self.protocol["text_encoder"], self.encode, texts, self.size)


def made_by(
    name: str, encode: Callable[[Sequence[str]], np.ndarray], texts: Sequence[str], size: int = 0
) -> np.ndarray:
    """What an encoder makes of texts, float32 [N, T]; T is ``size``, if that is known.

    Raises:
        UserError: it made something else.
    """
    made, wanted = encode(list(texts)), f"[{len(texts)}, {size or 'T'}] is needed"
    try:
        made = np.asarray(made, np.float32)
    except (ValueError, TypeError):  # rows of several lengths, or no numbers
        raise UserError(f"the text encoder {name} made no array of numbers of {len(texts)} texts: {wanted}") from None
    if made.ndim != 2 or len(made) != len(texts) or made.shape[1] != (size or made.shape[1]) or not made.shape[1]:
        raise UserError(f"the text encoder {name} made an array {made.shape} of {len(texts)} texts: {wanted}")
    if not np.isfinite(made).all():
        raise UserError(f"the text encoder {name} made numbers that are not finite of {len(texts)} texts")
    return made


def is_encoder(name: str) -> bool:
    """Whether that is a name of an encoder, known or a function's."""
    return name in {*NETWORKS, *FUNCTIONS} or ("." in name and all(part.isidentifier() for part in name.split(".")))


def size(name: str) -> int:
    """How many numbers an encoder makes of a text; trains nothing."""
    if name in NETWORKS:
        return NETWORKS[name].features
    return imported(name).size


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
    made = made_by(name, encode, MARKS)
    seen = made @ np.cos(np.outer(np.arange(made.shape[1]), (1, 2)))  # a few numbers that depend on all
    mark = " ".join(f"{number:.6g}" for number in seen.ravel())
    return Encoder(encode, {"text_encoder": name, "text_weights": mark}, made.shape[1])


def same_weights(one: str, other: str) -> bool:
    """Whether two encoders are one by their "text_weights"; of functions but for what machines round otherwise."""
    if one == other or " " not in one or " " not in other:
        return one == other
    first, second = (np.array(marks.split(), float) for marks in (one, other))
    return np.shape(first) == np.shape(second) and np.abs(first - second).max() <= SAME * np.abs(first).max()
