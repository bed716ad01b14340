"""The TFDS catalog, on sets that are prepared here."""

import socket
import time
from importlib.util import find_spec

import numpy as np
import pytest
from tools import noise, write_image

from gan_zoo import data
from gan_zoo.data import tfds
from gan_zoo.errors import UserError

pytestmark = pytest.mark.usefixtures("own_data")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """Two tiny sets, prepared: one with a test split and its pictures as PNG, one without either."""
    tensorflow_datasets = pytest.importorskip("tensorflow_datasets")
    features, root = tensorflow_datasets.features, tmp_path_factory.mktemp("catalog")
    pictures = noise(20, 8, 10, 3)
    for index, picture in enumerate(pictures):
        write_image(root / "png" / f"{index}.png", picture)

    class Tiny(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
        """Tiny pictures."""

        VERSION = tensorflow_datasets.core.Version("1.0.0")
        BUILDER_CONFIGS = [tensorflow_datasets.core.BuilderConfig(name=name) for name in ("two", "one")]

        def _info(self):
            shape = {"shape": (8, 10, 3), "dtype": np.uint8}
            image = features.Image(**shape) if self.builder_config.name == "two" else features.Tensor(**shape)
            label = features.ClassLabel(names=["even", "odd"])
            described = features.FeaturesDict({"image": image, "label": label})
            return tensorflow_datasets.core.DatasetInfo(builder=self, features=described, disable_shuffling=True)

        def _split_generators(self, manager):
            two = {
                "train": self._generate_examples(range(15)),
                "test": self._generate_examples(range(15, 20)),
            }
            return two if self.builder_config.name == "two" else {"train": self._generate_examples(range(20))}

        def _generate_examples(self, indices):
            for index in indices:
                path = root / "png" / f"{index}.png"  # given a path, TFDS stores the file without TensorFlow
                image = path if self.builder_config.name == "two" else pictures[index]
                yield index, {"image": image, "label": index % 2}

    for config in ("two", "one"):
        Tiny(config=config, data_dir=root / "tfds", file_format="array_record").download_and_prepare()
    return root, pictures


@pytest.mark.parametrize(("config", "sizes"), [("/two", (15, 5)), ("/one", (18, 2)), ("", (15, 5))])
def test_tfds_reads_a_prepared_set(catalog, monkeypatch, config, sizes):
    root, pictures = catalog
    monkeypatch.setenv("GAN_ZOO_DATA", str(root))
    monkeypatch.setattr(tfds, "reachable", lambda: pytest.fail("a prepared set needs no network"))
    train, test = (data.load(f"tfds:tiny{config}", split, (8, 10, 3), 2) for split in ("train", "test"))
    assert (train.size, test.size) == sizes and train.class_names == ("even", "odd")
    np.testing.assert_array_equal(np.concatenate([train.arrays["image"], test.arrays["image"]]), pictures)
    assert test.arrays["label"].tolist() == [index % 2 for index in range(train.size, 20)]
    gray = data.load(f"tfds:tiny{config}", "test", (4, 4, 1))
    assert gray.arrays["image"].shape == (sizes[1], 4, 4, 1) and set(gray.arrays) == {"image"}
    assert data.bring(f"tfds:tiny{config}").is_dir()


@pytest.fixture(scope="module")
def div2k(tmp_path_factory):
    """Three photographs of different sizes in DIV2K's form."""
    tensorflow_datasets = pytest.importorskip("tensorflow_datasets")
    features, root = tensorflow_datasets.features, tmp_path_factory.mktemp("pictures")
    pictures = [noise(height, 40, 3, seed=height) for height in (32, 48, 36)]
    for index, picture in enumerate(pictures):
        write_image(root / "png" / f"{index}.png", picture)

    class Div2k(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
        """High and low resolution."""

        VERSION = tensorflow_datasets.core.Version("2.0.0")
        BUILDER_CONFIGS = [tensorflow_datasets.core.BuilderConfig(name="bicubic_x4")]

        def _info(self):
            described = features.FeaturesDict({"lr": features.Image(), "hr": features.Image()})
            return tensorflow_datasets.core.DatasetInfo(builder=self, features=described, disable_shuffling=True)

        def _split_generators(self, manager):
            return {"train": self._generate_examples([0, 1]), "validation": self._generate_examples([2])}

        def _generate_examples(self, indices):
            for index in indices:
                yield index, {name: root / "png" / f"{index}.png" for name in ("lr", "hr")}

    Div2k(config="bicubic_x4", data_dir=root / "tfds", file_format="array_record").download_and_prepare()
    return root, pictures


def test_div2k_gives_tiles_of_its_pictures(div2k, monkeypatch):
    root, pictures = div2k
    monkeypatch.setenv("GAN_ZOO_DATA", str(root))
    train, test = (data.load("tfds:div2k/bicubic_x4", split, (16, 16, 3)) for split in ("train", "test"))
    assert (train.size, test.size) == (2 * 16, 16) and set(train.arrays) == {"image"}
    corners = {0: (0, 0), 3: (0, 24), 12: (32, 0), 15: (32, 24)}  # of the second picture, 48x40
    for place, (top, left) in corners.items():
        tile = pictures[1][top : top + 16, left : left + 16]
        np.testing.assert_array_equal(train.arrays["image"][16 + place], tile)
    np.testing.assert_array_equal(next(iter(test.pictures())), pictures[2])
    with pytest.raises(UserError, match=r"\(32, 40\), smaller than the \(40, 40\)"):
        data.load("tfds:div2k/bicubic_x4", "train", (40, 40, 3))


@pytest.fixture(scope="module")
def captions(tmp_path_factory):
    """Ten pictures with their captions in COCO's form and, as another configuration, as plain texts."""
    tensorflow_datasets = pytest.importorskip("tensorflow_datasets")
    features, root = tensorflow_datasets.features, tmp_path_factory.mktemp("captions")
    for number in range(10):
        write_image(root / "png" / f"{number}.png", np.full((8, 8, 3), number, np.uint8))

    class Captions(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
        """Captioned pictures."""

        VERSION = tensorflow_datasets.core.Version("1.0.0")
        BUILDER_CONFIGS = [tensorflow_datasets.core.BuilderConfig(name=name) for name in ("coco", "plain")]

        def _info(self):
            image = {"image": features.Image(shape=(8, 8, 3))}
            if self.builder_config.name == "coco":
                texts = {"captions": features.Sequence({"id": np.int64, "text": features.Text()})}
            else:
                texts = {"caption": features.Sequence(features.Text())}
            described = features.FeaturesDict({**image, **texts})
            return tensorflow_datasets.core.DatasetInfo(builder=self, features=described, disable_shuffling=True)

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for number in range(10):
                texts = [f"picture {number}", "a picture"][: 1 + number % 2]
                image = {"image": root / "png" / f"{number}.png"}
                if self.builder_config.name == "coco":
                    yield number, {**image, "captions": [{"id": 1, "text": text} for text in texts]}
                else:
                    yield number, {**image, "caption": texts}

    for config in ("coco", "plain"):
        Captions(config=config, data_dir=root / "tfds", file_format="array_record").download_and_prepare()
    return root


@pytest.mark.parametrize("config", ["coco", "plain"])
def test_captions_of_a_prepared_set(captions, monkeypatch, config):
    monkeypatch.setenv("GAN_ZOO_DATA", str(captions))
    source = data.load(f"captioned:test_text.vowels:tfds:captions/{config}", "train", (8, 8, 3))
    assert source.size == 9 and source.spec.text_shape == (10, 5) and source.spec.classes == 0
    assert source.captions()[:2] == [("picture 0",), ("picture 1", "a picture")]
    assert source.arrays["text"][1, 0].tolist() == [0, 1, 1, 0, 1] and source.arrays["image"][1, 0, 0, 0] == 1


@pytest.fixture(scope="module")
def moving_mnist(tmp_path_factory):
    """Ten sequences of seven frames in Moving MNIST's form; a frame's pixels are ten times its sequence's number."""
    tensorflow_datasets = pytest.importorskip("tensorflow_datasets")
    features, root = tensorflow_datasets.features, tmp_path_factory.mktemp("moving")
    for number in range(10):
        for frame in range(7):
            pixels = np.full((64, 64), 10 * number + frame, np.uint8)
            write_image(root / "png" / f"{number}_{frame}.png", pixels)

    class MovingMnist(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
        """Sequences."""

        VERSION = tensorflow_datasets.core.Version("1.0.0")

        def _info(self):
            frames = features.Sequence(features.Image(shape=(64, 64, 1)))  # a Video, which only TensorFlow can store
            described = features.FeaturesDict({"image_sequence": frames})
            return tensorflow_datasets.core.DatasetInfo(builder=self, features=described, disable_shuffling=True)

        def _split_generators(self, manager):
            return {"test": self._generate_examples()}

        def _generate_examples(self):
            for number in range(10):
                yield number, {"image_sequence": [root / "png" / f"{number}_{frame}.png" for frame in range(7)]}

    MovingMnist(data_dir=root / "tfds", file_format="array_record").download_and_prepare()
    return root


def test_moving_mnist_gives_sequences(moving_mnist, monkeypatch):
    """Its only split is parted; each place in a training sequence is an example."""
    monkeypatch.setenv("GAN_ZOO_DATA", str(moving_mnist))
    train, test = (data.load("tfds:moving_mnist", split, (32, 32, 1)) for split in ("train", "test"))
    assert (train.size, test.size) == (9 * 3, 1) and train.spec.input_shape == (32, 32, 4)
    example = train.take(np.array([3 * 5 + 2]))
    assert example["input"][0, 7, 7].tolist() == [52, 53, 54, 55] and example["image"][0, 7, 7] == 56
    assert test.sequence(0)[:, 0, 0, 0].tolist() == [*range(90, 97)]


def test_tfds_refuses_what_does_not_fit(catalog, monkeypatch):
    monkeypatch.setenv("GAN_ZOO_DATA", str(catalog[0]))
    with pytest.raises(UserError, match="needs config.image_shape"):
        data.spec("tfds:tiny")
    with pytest.raises(UserError, match="2 classes"):
        data.load("tfds:tiny", "train", (8, 10, 3), 3)
    assert data.spec("tfds:nowhere", (8, 10, 3), 3) == data.Spec("tfds:nowhere", (8, 10, 3), 3)
    with pytest.raises(UserError, match="no set 'nowhere'"):
        data.load("tfds:nowhere", "train", (8, 10, 3))


def test_tfds_offline_is_told_in_ten_seconds(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30))  # a silent name server
    monkeypatch.setattr(tfds, "PATIENCE", 3)
    start = time.monotonic()
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: name == "tensorflow" or find_spec(name, *rest))
    with pytest.raises(UserError, match=r"the network is missing.*`./launch.sh data tfds:cifar10`"):
        data.load("tfds:cifar10", "train", (32, 32, 3), 10)
    assert time.monotonic() - start < 10
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *rest: None if name == "tensorflow" else find_spec(name, *rest),
    )
    with pytest.raises(UserError, match="TensorFlow is missing"):
        data.load("tfds:cifar10", "train", (32, 32, 3), 10)
