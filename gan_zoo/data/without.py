"""without:DATA:LABEL: a labelled set whose training part lacks one class; for finding what does not belong.

The test part is whole; label 1 are the images of that class, label 0 all others. Of a set that does not say itself how
many classes it has, write LABEL/CLASSES: without:tfds:mnist:3/10.
"""

import numpy as np

from gan_zoo import data
from gan_zoo.data import Source, Spec
from gan_zoo.errors import UserError

ARGUMENT = "DATA:LABEL"


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    name, label, number = _parse(argument)
    found = data.spec(name, image_shape, number)
    if not 0 <= label < found.classes:
        raise UserError(f"{name} has {found.classes} labels, counted from 0, and not {label}")
    return Spec(f"without:{argument}", found.shape, 2)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    name, label, number = _parse(argument)
    found, source = spec(argument, image_shape, classes), data.load(name, split, image_shape, number)
    if source.arrays is None:
        raise UserError(f"{name} does not fit in memory, where one class is taken out")
    images, strange = source.arrays["image"], source.arrays["label"] == label
    if split == "train":
        images, strange = images[~strange], strange[~strange]
    return data.in_memory(found, split, images, strange.astype(np.int32))


def bring(argument: str):
    """Brings the set that this one is made of."""
    return data.bring(_parse(argument)[0])


def _parse(argument: str) -> tuple[str, int, int]:
    name, _, label = argument.rpartition(":")
    label, _, number = label.partition("/")
    if not name or not label.isdigit() or not (number or "0").isdigit():
        raise UserError(f"without:{argument}: write without:{ARGUMENT}, for example without:digits:3")
    return name, int(label), int(number or 0)
