"""domains:DATA:A:B: two unpaired domains out of a labelled set, each of one or more labels, such as 5,7,9 and 8.

shoes2bags is domains:fashion_mnist:5,7,9:8 (sandals, sneakers and ankle boots; bags).
"""

from dataclasses import replace

import numpy as np

from gan_zoo import data
from gan_zoo.data import Source, Spec
from gan_zoo.errors import UserError

ARGUMENT = "DATA:LABELS_A:LABELS_B"


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    name, *domains = _parse(argument)
    found = data.spec(name, image_shape, 0)
    for label in domains[0] + domains[1]:
        if label >= found.classes:
            raise UserError(f"{name} has {found.classes} labels, counted from 0, and not {label}")
    return Spec(f"domains:{argument}", found.shape, 0, found.shape)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    name, *domains = _parse(argument)
    found, source = spec(argument, image_shape, classes), data.load(name, split, image_shape, 0)
    if source.arrays is None:
        raise UserError(
            f"{name} does not fit in memory, where its domains are told apart: write them as folders, "
            "config.dataset=unpaired:PATH_A,PATH_B"
        )
    parts = []
    for labels, names in zip(domains, "AB", strict=True):
        chosen = np.isin(source.arrays["label"], labels)
        if not chosen.any():
            raise UserError(f"{name}/{split} has no image of domain {names}, labels {labels}")
        parts.append(
            data.in_memory(Spec(f"{found.name}/{names}", found.shape, 0), split, source.arrays["image"][chosen])
        )
    return replace(parts[1], spec=found, inputs=parts[0])


def bring(argument: str):
    """Brings the set that this one is made of."""
    return data.bring(_parse(argument)[0])


def _parse(argument: str) -> tuple[str, list[int], list[int]]:
    """The set's name and the labels of both domains."""
    name, *domains = argument.rsplit(":", 2)
    try:
        first, second = ([int(label) for label in domain.split(",")] for domain in domains)
    except ValueError:
        raise UserError(
            f"domains:{argument}: write domains:{ARGUMENT}, for example domains:fashion_mnist:5,7,9:8"
        ) from None
    if set(first) & set(second):
        raise UserError(f"domains:{argument}: label {(set(first) & set(second)).pop()} is in both domains")
    return name, first, second
