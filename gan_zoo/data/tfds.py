"""tfds:NAME or tfds:NAME/CONFIG: image sets of the TensorFlow Datasets catalog.

tfds:cycle_gan/NAME is unpaired. tfds:div2k/CONFIG are photographs for super-resolution, of which PLACES x PLACES tiles
are cut out; we make them small ourselves, so that any CONFIG will do. tfds:moving_mnist are sequences of frames.
captioned:tfds:NAME also reads captions, such as those of tfds:coco_captions.
"""

import contextlib
import importlib.util
import re
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.data import Source, Spec, alone, folder, frames, images
from gan_zoo.data.photos import check_tile
from gan_zoo.errors import UserError

ARGUMENT = "NAME"
UNPAIRED = "cycle_gan/"  # sets whose splits are trainA, trainB, testA and testB
PICTURES = "div2k/"  # sets of pictures "hr" of any size, in splits train and validation
SEQUENCES = "moving_mnist"  # of frames, with a split test alone, of which we train on nine tenths
CAPTIONS = ("captions", "caption")  # what sets with captions call them
PLACES = 4  # tiles along each axis of a picture
CATALOG = "https://storage.googleapis.com/tfds-data"
PATIENCE = 8  # seconds; TFDS alone would try for 210 before it says that it is offline


def spec(argument: str, image_shape: tuple[int, ...], classes: int) -> Spec:
    if not image_shape:
        raise UserError(f"tfds:{argument} needs config.image_shape = (height, width, channels)")
    if argument.startswith(SEQUENCES):
        return frames.described(f"tfds:{argument}", image_shape)
    two = argument.startswith(UNPAIRED)
    classes = 0 if two or argument.startswith(PICTURES) else classes
    return Spec(f"tfds:{argument}", image_shape, classes, image_shape if two else ())


def load(argument: str, split: str, image_shape: tuple[int, ...], classes: int) -> Source:
    found = spec(argument, image_shape, classes)
    builder = _prepared(argument)
    if argument.startswith(PICTURES):
        return _pictures(builder, found, split)
    if argument.startswith(SEQUENCES):
        return _sequences(builder, found, split)
    _check(builder, found)
    if not found.input_shape:
        return _source(builder, found, split, _instruction(builder, split))
    one = replace(found, input_shape=())
    inputs, source = (_source(builder, one, split, f"{split}{domain}") for domain in "AB")
    return replace(source, spec=found, inputs=inputs)


def _source(builder, found: Spec, split: str, instruction: str) -> Source:
    examples, features = builder.as_data_source(instruction), builder.info.features

    def read(index: int) -> dict[str, Any]:
        example = examples[int(index)]
        image = images.fit(images.plain(images.from_array(example["image"])), found.shape)
        return {"image": image, "label": example["label"] if found.classes else 0}

    names = getattr(features["label"], "names", None) or map(str, range(found.classes)) if found.classes else ()
    source = images.from_reader(found, split, len(examples), read, tuple(names))
    key = next((name for name in CAPTIONS if name in features), "")
    return replace(source, captions=lambda: _captions(builder, instruction, key)) if key else source


def _captions(builder, instruction: str, key: str) -> list[tuple[str, ...]]:
    """The captions of each example: texts, or what has a "text"."""
    import tensorflow_datasets as tfds

    found = []
    for example in builder.as_data_source(instruction, decoders={"image": tfds.decode.SkipDecoding()}):
        given = example[key]["text"] if isinstance(example[key], dict) else example[key]
        texts = [text["text"] if isinstance(text, dict) else text for text in np.atleast_1d(given)]
        found.append(tuple(text.decode() if isinstance(text, bytes) else str(text) for text in texts))
    return found


def _pictures(builder, found: Spec, split: str) -> Source:
    """Tiles spread evenly over each picture; the pictures themselves are read one by one."""
    _check_random_access(builder, found)
    examples = builder.as_data_source("train" if split == "train" else "validation")
    colours = "L" if found.shape[2] == 1 else "RGB"

    def picture(index: int) -> np.ndarray:
        image = np.asarray(images.plain(images.from_array(examples[index]["hr"])).convert(colours))
        return image.reshape(*image.shape[:2], found.shape[2])

    def read(index: int) -> dict[str, np.ndarray]:
        number, place = divmod(int(index), PLACES**2)
        whole, sizes = picture(number), found.shape[:2]
        check_tile(whole.shape, sizes)
        ends = zip(divmod(place, PLACES), whole.shape, sizes, strict=False)
        top, left = (round(step * (have - size) / (PLACES - 1)) for step, have, size in ends)
        return {"image": whole[top : top + sizes[0], left : left + sizes[1]]}

    source = images.from_reader(found, split, len(examples) * PLACES**2, read)
    return replace(source, pictures=lambda: map(picture, range(len(examples))))


def _sequences(builder, found: Spec, split: str) -> Source:
    _check_random_access(builder, found)
    examples = builder.as_data_source("test[:90%]" if split == "train" else "test[90%:]")
    videos = [images.fit_all(np.stack(list(example["image_sequence"])), found.shape) for example in examples]
    return frames.of_videos(found, split, videos)


def bring(argument: str) -> Path:
    """Downloads and prepares a set of the catalog; needs the network and TensorFlow."""
    return Path(_prepared(argument).data_path)


def reachable() -> bool:
    """Whether the catalog answers, in PATIENCE seconds."""
    answers = []

    def ask() -> None:
        try:
            urllib.request.urlopen(CATALOG, timeout=PATIENCE).close()
            answers.append(True)
        except urllib.error.HTTPError:
            answers.append(True)  # it refuses, so it is there
        except Exception:
            return  # whatever went wrong, it was not reached

    # In a thread that can be left behind: looking up a name knows no time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return bool(answers)


def _prepared(argument: str):
    """The builder of a prepared set; prepares it if need be."""
    import tensorflow_datasets as tfds

    directory = folder() / "tfds"
    from_files = tfds.core.read_only_builder.builder_from_files
    with contextlib.suppress(tfds.core.DatasetNotFoundError):
        return from_files(argument, data_dir=directory)
    try:
        tfds.builder_cls(re.split("[/:]", argument)[0])  # without the set's configuration and version
    except tfds.core.DatasetNotFoundError:
        raise UserError(f"the catalog of TFDS has no set {argument!r}: see tensorflow.org/datasets") from None
    missing = "" if importlib.util.find_spec("tensorflow") else "TensorFlow"
    missing = missing or ("" if reachable() else "the network")
    if missing:
        command = f"./launch.sh data tfds:{argument}"
        raise UserError(f"{missing} is missing to prepare tfds:{argument}: run `{command}` online")
    with alone("tfds"), contextlib.redirect_stdout(sys.stderr):  # standard output belongs to our commands
        builder = tfds.builder(argument, data_dir=directory, file_format="array_record")
        builder.download_and_prepare()  # under another name, renamed at the end
    return from_files(argument, data_dir=directory)


def _check(builder, found: Spec) -> None:
    """Refuses sets without 8-bit images, without the labels asked for, or without random access."""
    features = builder.info.features
    if "image" not in features or features["image"].np_dtype != np.uint8 or len(features["image"].shape) != 3:
        raise UserError(f"{found.name} has no feature `image` of 8-bit images: {features}")
    if found.classes and "label" not in features:
        raise UserError(f"{found.name} has no feature `label`: set config.classes = 0")
    if found.classes and getattr(features["label"], "num_classes", found.classes) != found.classes:
        count = features["label"].num_classes
        raise UserError(f"{found.name} has {count} classes, but config.classes is {found.classes}")
    _check_random_access(builder, found)


def _check_random_access(builder, found: Spec) -> None:
    if builder.info.file_format.value != "array_record":
        command = f"./launch.sh data {found.name}"
        raise UserError(f"{builder.data_path} is no array_record: delete it and run `{command}`")


def _instruction(builder, split: str) -> str:
    """What TFDS calls our split: a set without a test split lends the last tenth of its training split."""
    if "train" not in builder.info.splits:
        raise UserError(f"{builder.info.full_name} has no split train: {', '.join(builder.info.splits)}")
    if "test" in builder.info.splits:
        return split
    return "train[:90%]" if split == "train" else "train[90%:]"
