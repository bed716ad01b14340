"""Emoji as two vendors draw them, Twitter and Google: 1,911 at 64x64 in colour, with names and categories.

    emoji:google             one vendor's drawings, labelled by category
    emoji:both               both vendors' drawings, labelled by category
    emoji:vendors            the same, labelled by vendor
    emoji:twitter2google     pairs: Twitter's drawing is the input, Google's the image; google2twitter the other way
    emoji:twitter+google     unpaired: inputs Twitter's, images Google's, of disjoint emoji; the test split is paired
    emoji:faces              unpaired: the faces among the smileys, each in an order of its own, labelled by emoji

From the npm packages emoji-datasource-twitter (drawings CC-BY 4.0) and emoji-datasource-google (Apache 2.0), with the
keywords of emojilib (MIT). Captions of a drawing are its name, short names, kind and keywords.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.data import Source, Spec, alone, folder, in_memory, packages, prepared
from gan_zoo.data.image_folder import open_image
from gan_zoo.data.images import fit_all
from gan_zoo.errors import UserError

SHAPE = (64, 64, 3)
VENDORS = ("twitter", "google")
ARGUMENT = "google|twitter|both|vendors|twitter2google|google2twitter|twitter+google|faces"
OPTIONAL = True  # where the set is brought
CATEGORIES = (
    "Activities", "Animals & Nature", "Component", "Flags", "Food & Drink", "Objects", "People & Body",
    "Smileys & Emotion", "Symbols", "Travel & Places",
)  # fmt: skip
TEST = 0.15  # the share of emoji that is held out
PACKAGES = "16.0.0"  # their version
FACES = 130  # with those of cats and monkeys
KEYWORDS = "4.0.3"  # the version of the package emojilib
VERSION = "1.2.0"  # of what is prepared
MISSING = "the emoji are not here: run `./launch.sh data emoji`"


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    if argument not in ARGUMENT.split("|"):
        raise UserError(f"unknown emoji {argument!r}: write emoji:{ARGUMENT}")
    shape = image_shape or SHAPE
    labels = {**dict.fromkeys((*VENDORS, "both"), len(CATEGORIES)), "vendors": len(VENDORS), "faces": FACES}
    labelled = argument in (*VENDORS, "both", "vendors")
    return Spec(f"emoji:{argument}", shape, labels.get(argument, 0), () if labelled else shape)


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    arrays = prepared.load("emoji", VERSION, split, _features, _examples)
    # Sorted by vendor, then by emoji: the same row of both vendors is the same emoji. Skin tones are left out.
    drawings = {
        vendor: _rows(arrays, (arrays["vendor"] == k) & (arrays["skin"] == "")) for k, vendor in enumerate(VENDORS)
    }
    images = {vendor: fit_all(part["image"], found.shape) for vendor, part in drawings.items()}
    if argument in (*VENDORS, "both", "vendors"):
        own = [argument] if argument in VENDORS else VENDORS
        of = lambda name: np.concatenate([drawings[vendor][name] for vendor in own])
        captions = [tuple(text.split("\n")) for text in of("captions")]
        label, names = of("category"), CATEGORIES
        if argument == "vendors":
            label, names = np.repeat(np.arange(len(own)), [len(images[vendor]) for vendor in own]), VENDORS
        together = np.concatenate([images[vendor] for vendor in own])
        return replace(in_memory(found, split, together, label, names), captions=lambda: captions)
    if argument == "faces":
        faces = {vendor: _faces(part, found, images[vendor], split) for vendor, part in drawings.items()}
        return replace(faces["google"], spec=found, inputs=faces["twitter"], judged_by="emoji:vendors")
    if "2" in argument:
        a, b = argument.split("2")
        return in_memory(found, split, images[b], inputs=images[a])
    a, b = argument.split("+")
    if split == "test":
        return in_memory(found, split, images[b], inputs=images[a])
    first = np.array([_share(f"half {emoji}") < 0.5 for emoji in drawings[a]["emoji"]])
    inputs = in_memory(Spec(f"emoji:{a}", found.shape, 0), split, images[a][first])
    return replace(in_memory(found, split, images[b][~first]), inputs=inputs)


def bring(argument: str = "") -> Path:
    """Downloads both packages with npm, of a fixed version: the same emoji and the same split everywhere."""
    target = folder() / "emoji"
    with alone("emoji"), tempfile.TemporaryDirectory(dir=folder()) as temporary:
        for vendor in VENDORS:
            if _list(vendor):
                continue
            package = f"emoji-datasource-{vendor}"
            unpacked = packages.npm(
                package, PACKAGES, temporary, f"unpack its package {package} into {target / vendor}"
            )
            shutil.rmtree(target / vendor, ignore_errors=True)
            target.mkdir(exist_ok=True)
            unpacked.rename(target / vendor)
        if not _keywords():
            place = target / "keywords"
            unpacked = packages.npm("emojilib", KEYWORDS, temporary, f"unpack its package emojilib into {place}")
            shutil.rmtree(place, ignore_errors=True)
            unpacked.rename(place)
    return target


def _list(vendor: str) -> list[dict[str, Any]]:
    """What a vendor's package says of its emoji; [] if it is not here."""
    file = folder() / "emoji" / vendor / "emoji.json"
    return json.loads(file.read_text()) if file.exists() else []


def _keywords() -> dict[str, list[str]]:
    """The keywords of each emoji, which is written as itself; {} if they are not here."""
    file = folder() / "emoji" / "keywords" / "dist" / "emoji-en-US.json"
    return json.loads(file.read_text()) if file.exists() else {}


def _captions(entry: dict[str, Any], keywords: list[str]) -> list[str]:
    """Name, short names, kind and keywords."""
    words = lambda text: text.lower().replace("_", " ").replace("-", " ").strip()
    kind = f"{words(entry['subcategory'])}, {entry['category'].lower()}"
    short, keywords = map(words, entry["short_names"]), [words(keyword) for keyword in keywords]
    found = [(entry["name"] or words(entry["short_name"])).lower(), *short, kind, ", ".join(keywords)]
    return list(dict.fromkeys(text for text in found if text))


def _features() -> dict[str, Any]:
    import tensorflow_datasets as tfds  # imported late: only the preparation needs it

    return {
        "image": tfds.features.Tensor(shape=SHAPE, dtype=np.uint8, encoding="bytes"),
        "vendor": tfds.features.ClassLabel(names=VENDORS),
        "category": tfds.features.ClassLabel(names=CATEGORIES),
        "emoji": tfds.features.Text(),  # the code points of the emoji without a skin tone
        "skin": tfds.features.Text(),  # those of the skin tone, "" without
        "name": tfds.features.Text(),
        "captions": tfds.features.Text(),  # one on each line
        "face": tfds.features.Scalar(np.int32),  # which of the faces it is, from 1 on; 0 for what is none
    }


def _examples(split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each drawing of a split, by vendor and emoji; all skin tones of an emoji are on the same side."""
    keywords = _keywords()
    for vendor in VENDORS:
        listed = _list(vendor)
        if not listed or not keywords:
            raise UserError(MISSING)
        listed = sorted(listed, key=lambda entry: entry["unified"])
        faces = [entry["unified"] for entry in listed if _drawn(entry) and _is_face(entry["subcategory"])]
        for entry in listed:
            if (_share(entry["unified"]) < TEST) != (split == "test") or not _drawn(entry):
                continue
            given = {"vendor": vendor, "category": entry["category"], "emoji": entry["unified"]}
            given["name"] = (entry["name"] or entry["short_name"]).lower()
            given["captions"] = "\n".join(_captions(entry, _keywords_of(entry, keywords)))
            given["face"] = faces.index(entry["unified"]) + 1 if entry["unified"] in faces else 0
            tones = {"": entry, **entry.get("skin_variations", {})}
            for tone, variation in tones.items():
                if _drawn(variation):
                    image = _read(vendor, variation["image"])
                    yield f"{vendor} {entry['unified']} {tone}", {"image": image, "skin": tone, **given}


def _keywords_of(entry: dict[str, Any], keywords: dict[str, list[str]]) -> list[str]:
    emoji = "".join(chr(int(code, 16)) for code in entry["unified"].split("-"))
    return keywords.get(emoji) or keywords.get(emoji.replace("\N{VARIATION SELECTOR-16}", "")) or []


def _drawn(entry: dict[str, Any]) -> bool:
    return all(entry[f"has_img_{vendor}"] for vendor in VENDORS)


def _read(vendor: str, name: str) -> np.ndarray:
    file = folder() / "emoji" / vendor / "img" / vendor / "64" / name
    image = np.asarray(open_image(file).convert("RGB"))
    if image.shape != SHAPE:
        raise UserError(f"{file} is {image.shape}, not {SHAPE}: remove {folder() / 'emoji'} and run it again")
    return image


def _is_face(subcategory: str) -> bool:
    return subcategory.startswith("face-") or subcategory in ("cat-face", "monkey-face")


def _faces(part: dict[str, np.ndarray], found: Spec, images: np.ndarray, split: str) -> Source:
    """The faces among one vendor's drawings, labelled by which face it is."""
    chosen = part["face"] > 0
    return in_memory(Spec(found.name, found.shape, FACES), split, images[chosen], part["face"][chosen] - 1)


def _rows(arrays: dict[str, np.ndarray], wanted: np.ndarray) -> dict[str, np.ndarray]:
    return {name: array[wanted] for name, array in arrays.items()}


def _share(text: str) -> float:
    """A number in [0, 1) that follows from the text alone: new emoji move no others to another split."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
