"""Data sets by name, and those that are bundled: what they hold, and that they are the same every time."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gan_zoo import data
from gan_zoo.data import points
from gan_zoo.errors import UserError

pytestmark = pytest.mark.usefixtures("own_data")


# Names


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match=r"(?s)fashion_mnst.*did you mean 'fashion_mnist'.*8gaussians.*folder"):
        data.spec("fashion_mnst")


@pytest.mark.parametrize("name", ["images", "order", "feed", "points", "image_folder", "", "../digits", "digits.spec"])
def test_helpers_are_no_data_sets(name):
    with pytest.raises(UserError, match="unknown data set"):
        data.spec(name)


def test_every_set_accepts_its_own_shape_and_classes():
    for name in ("digits", "8gaussians", "fashion_mnist"):
        found = data.spec(name)
        assert data.spec(name, found.shape, found.classes) == found


@pytest.mark.parametrize("name", ["folder", "folder:", "digits:8", "25gaussians:3"])
def test_arguments_are_given_where_one_belongs(name):
    with pytest.raises(UserError, match="write |takes no"):
        data.spec(name)


def test_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("GAN_ZOO_DATA", "~/sets")
    assert data.folder() == Path.home() / "sets"
    monkeypatch.delenv("GAN_ZOO_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data.folder() == Path("/cache/gan_zoo/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data.folder() == Path.home() / ".cache/gan_zoo/data"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", (8, 8)), "image_shape"),
        (("digits", (2,)), "image_shape"),
        (("digits", (8, 8, 2)), "image_shape"),
        (("digits", (8, -8, 1)), "image_shape"),
        (("digits", (), 3), "10 classes"),
        (("swissroll", (8, 8, 1)), "points"),
        (("folder:/", (2,)), "image_shape"),
    ],
)
def test_spec_refuses_what_does_not_fit(arguments, message):
    with pytest.raises(UserError, match=message):
        data.spec(*arguments)


def test_split_is_train_or_test():
    with pytest.raises(UserError, match="validation"):
        data.load("digits", "validation")


def test_nothing_to_bring():
    assert data.bring("digits") is None


def test_describing_imports_no_heavy_package():
    code = (
        "import sys; from gan_zoo import data; data.spec('fashion_mnist'); data.spec('digits');"
        "data.spec('swissroll'); data.spec('tfds:cifar10', (32, 32, 3), 10);"
        "assert not {'jax', 'sklearn', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# Digits


def test_digits():
    train, test = data.load("digits", "train"), data.load("digits", "test")
    assert (train.size, test.size) == (1437, 360)
    image = train.arrays["image"]
    assert image.shape == (1437, 8, 8, 1) and image.dtype == np.uint8
    assert (image.min(), image.max()) == (0, 255)
    assert len(np.unique(image)) == 17  # sixteen steps of gray
    assert train.arrays["label"].dtype == np.int32 and len(train.class_names) == train.spec.classes == 10
    batch = train.take(np.array([5, 0]))
    np.testing.assert_array_equal(batch["image"], image[[5, 0]])
    np.testing.assert_array_equal(batch["label"], train.arrays["label"][[5, 0]])


def test_digits_split_is_stratified_disjoint_and_complete():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    source = {split: data.load("digits", split) for split in ("train", "test")}
    rows = lambda image: image.reshape(len(image), -1).tolist()
    both = rows(source["train"].arrays["image"]) + rows(source["test"].arrays["image"])
    assert sorted(both) == sorted(np.round(bunch.data * 255 / 16).tolist())
    for digit in range(10):
        share = np.mean(source["test"].arrays["label"] == digit)
        assert abs(share - np.mean(bunch.target == digit)) < 0.003


def test_digits_are_the_same_every_time():
    sums = [hashlib.sha256(data.load("digits", "test").arrays["image"].tobytes()).hexdigest() for _ in range(2)]
    assert sums[0] == sums[1]


def test_digits_resized_and_coloured():
    source = data.load("digits", "test", (32, 32, 3))
    own = data.load("digits", "test").arrays["image"]
    image = source.arrays["image"]
    assert source.spec.shape == image.shape[1:] == (32, 32, 3)
    assert (image[..., 0] == image[..., 2]).all()
    np.testing.assert_allclose(image.mean(), own.mean(), atol=2)


# Points


def test_25gaussians():
    centres, std = points.modes("25gaussians")
    assert centres.shape == (25, 2)
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    np.testing.assert_allclose(distance[~np.eye(25, dtype=bool)].min(), 0.707, atol=5e-4)
    check_mixture("25gaussians", centres, std, 0.0177)


def test_8gaussians():
    centres, std = points.modes("8gaussians")
    assert centres.shape == (8, 2)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=-1), 2 / 1.414)
    check_mixture("8gaussians", centres, std, 0.01414)


def test_5to10gaussians():
    centres, std = points.modes("5to10gaussians")
    source = data.load("5to10gaussians", "train")
    assert source.spec == data.Spec("5to10gaussians", (2,), 0, (2,)) and centres.shape == (10, 2)
    distance = np.linalg.norm(source.arrays["image"][:, None] - centres, axis=-1)
    assert (np.bincount(distance.argmin(axis=1)) == 10_000).all() and distance.min(axis=1).max() < 6 * std
    given = source.inputs.arrays["image"]
    radius, angle = np.linalg.norm(given, axis=1), np.arctan2(given[:, 1], given[:, 0])
    assert radius.mean() == pytest.approx(0.7, abs=0.03) and radius.std() == pytest.approx(0.15, rel=0.03)
    each = np.bincount(np.rint((angle - np.pi / 10) / (2 * np.pi / 5)).astype(int) % 5)
    np.testing.assert_allclose(each, 20_000, rtol=0.02)


def check_mixture(name, centres, std, expected):
    assert std == pytest.approx(expected, rel=2e-3)
    for split, size in (("train", 100_000), ("test", 10_000)):
        source = data.load(name, split)
        assert source.size == size and source.spec == data.Spec(name, (2,), 0) and set(source.arrays) == {"image"}
        point = source.arrays["image"]
        assert point.dtype == np.float32
        distance = np.linalg.norm(point[:, None] - centres[None], axis=-1)
        nearest = distance.argmin(axis=1)
        assert (np.bincount(nearest) == size // len(centres)).all()
        assert np.std(point - centres[nearest]) == pytest.approx(std, rel=0.02)
        assert (nearest[:-1] != nearest[1:]).mean() > 0.8  # shuffled


def test_swissroll():
    train, test = (data.load("swissroll", split).arrays["image"] for split in ("train", "test"))
    assert train.shape == (100_000, 2) and test.shape == (10_000, 2)
    # The angle t is uniform in [1.5 pi, 4.5 pi], the radius is t.
    radius = 7.5 * np.linalg.norm(train, axis=1)
    assert radius.mean() == pytest.approx(3 * np.pi, rel=0.01)
    assert np.quantile(radius, [0.01, 0.99]) == pytest.approx([1.5 * np.pi, 4.5 * np.pi], rel=0.05)
    assert points.modes("swissroll") is None


def test_points_are_the_same_every_time_and_the_splits_differ():
    first, second = (data.load("8gaussians", "train").arrays["image"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.isin(data.load("8gaussians", "test").arrays["image"][:, 0], first[:, 0]).all()
