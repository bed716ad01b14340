"""A user's own images: fitted to a shape, read from a folder, and what the user is told."""

import numpy as np
import pytest
from PIL import Image
from tools import noise, write_image

from gan_zoo import data
from gan_zoo.data import images
from gan_zoo.errors import UserError

pytestmark = pytest.mark.usefixtures("own_data")


# Pictures


def test_fit_crops_the_centre_and_never_distorts():
    wide = np.zeros((8, 32, 3), np.uint8)
    wide[:, 12:20] = 255  # a white square in the middle
    assert (images.fit(Image.fromarray(wide), (4, 4, 3)) == 255).all()
    tall = images.fit(Image.fromarray(wide.transpose(1, 0, 2)), (4, 4, 3))
    assert (tall == 255).all()


def test_fit_averages_whole_pixels_when_it_can():
    image = noise(8, 8)
    mean = image.reshape(4, 2, 4, 2).mean((1, 3))
    np.testing.assert_allclose(images.fit(Image.fromarray(image), (4, 4, 1))[..., 0], mean, atol=1)
    np.testing.assert_array_equal(images.fit(Image.fromarray(image), (8, 8, 1))[..., 0], image)


@pytest.mark.parametrize("size", [3, 5, 7, 9, 20])
def test_fit_keeps_a_plain_colour(size):
    flat = np.full((7, 11, 3), (10, 100, 200), np.uint8)
    np.testing.assert_array_equal(
        images.fit(Image.fromarray(flat), (size, size, 3)), np.broadcast_to((10, 100, 200), (size, size, 3))
    )


def test_plain_handles_every_mode():
    gray, colour = noise(6, 6), noise(6, 6, 3)
    deep = noise(6, 6, dtype=np.uint16)
    shown = lambda image: np.asarray(images.plain(image))
    np.testing.assert_array_equal(shown(Image.fromarray(deep)), np.round(deep / 257))
    np.testing.assert_array_equal(shown(Image.fromarray(deep.astype(np.int32))), np.round(deep / 257))
    np.testing.assert_array_equal(shown(Image.fromarray(gray > 99)), np.where(gray > 99, 255, 0))
    clear = np.dstack([colour, np.zeros((6, 6), np.uint8)])
    assert (shown(Image.fromarray(clear)) == 255).all()  # white shows through
    assert images.plain(Image.merge("LA", [Image.fromarray(gray)] * 2)).mode == "L"
    palette = Image.fromarray(colour).quantize(8)
    np.testing.assert_array_equal(shown(palette), np.asarray(palette.convert("RGB")))
    palette.info["transparency"] = bytes(8)
    assert (shown(palette) == 255).all()
    assert images.plain(Image.new("CMYK", (2, 2))).mode == "RGB"


# Folders


@pytest.fixture
def labelled(tmp_path):
    """40 gray images of cats and dogs."""
    for label in ("dogs", "cats"):
        for index in range(20):
            write_image(tmp_path / "pets" / label / f"{index}.png", noise(8, 6, seed=index))
    return f"folder:{tmp_path}/pets"


def test_folder_with_labels(labelled):
    assert data.spec(labelled) == data.Spec(labelled, (8, 6, 1), 2)
    train, test = data.load(labelled, "train"), data.load(labelled, "test")
    assert train.class_names == ("cats", "dogs") and (train.size, test.size) == (36, 4)
    assert set(train.arrays["label"]) == {0, 1} and train.arrays["label"].dtype == np.int32
    pictures = [image.tobytes() for source in (train, test) for image in source.arrays["image"]]
    assert sorted(pictures) == sorted(noise(8, 6, seed=index).tobytes() for index in range(20) for _ in "ab")


def test_folder_is_the_same_wherever_it_lies(labelled, tmp_path):
    first = data.load(labelled, "test").arrays
    (tmp_path / "pets").rename(tmp_path / "moved")
    second = data.load(f"folder:{tmp_path}/moved", "test").arrays
    assert all(np.array_equal(first[key], second[key]) for key in ("image", "label"))


def test_folder_that_does_not_fit_in_memory_is_read_on_demand(labelled, monkeypatch):
    whole = data.load(labelled, "train")
    monkeypatch.setattr(images, "MEMORY", 100)
    source = data.load(labelled, "train")
    assert source.arrays is None and source.size == whole.size
    indices = np.array([7, 3, 7, 0])
    for key, value in whole.take(indices).items():
        np.testing.assert_array_equal(source.take(indices)[key], value)
        assert source.take(indices)[key].dtype == value.dtype


def test_folder_with_splits_of_its_own(tmp_path):
    for split, labels in (("train", "ab"), ("test", "b")):
        for label in labels:
            write_image(tmp_path / split / label / "1.png", noise(4, 4, 3))
    train, test = (data.load(f"folder:{tmp_path}", split) for split in ("train", "test"))
    assert (train.size, test.size) == (2, 1) and test.class_names == ("a", "b")
    assert test.arrays["label"].tolist() == [1]


def test_splits_of_other_names_are_no_labels(tmp_path):
    for split in ("train", "valid"):
        write_image(tmp_path / split / "1.png", noise(4, 4))
    assert data.spec(f"folder:{tmp_path}").classes == 0 and data.load(f"folder:{tmp_path}", "test").size == 1
    (tmp_path / "valid").rename(tmp_path / "Test")
    with pytest.raises(UserError, match="has the subfolders test, train: name both splits"):
        data.spec(f"folder:{tmp_path}")
    write_image(tmp_path / "car" / "1.png", noise(4, 4))  # the vehicles
    assert data.spec(f"folder:{tmp_path}").classes == 3


@pytest.mark.parametrize("labelled", ["train", "test"])
def test_one_split_with_labels_and_one_without(tmp_path, labelled):
    for split in ("train", "test"):
        write_image(tmp_path / split / ("a" if split == labelled else "") / "1.png", noise(4, 4))
    with pytest.raises(UserError, match="both need subfolders"):
        data.spec(f"folder:{tmp_path}")


def test_folders_that_are_links(tmp_path):
    for label in "ab":
        write_image(tmp_path / f"where_{label}_lies" / "1.png", noise(4, 4))
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / label).symlink_to(tmp_path / f"where_{label}_lies")
    (tmp_path / "set" / "a" / "back").symlink_to(tmp_path / "set")
    assert data.load(f"folder:{tmp_path}/set", "train").class_names == ("a", "b")
    assert sum(data.load(f"folder:{tmp_path}/set", split).size for split in ("train", "test")) == 2


def test_folder_without_labels_of_every_format(tmp_path):
    for suffix in ("png", "jpg", "JPEG", "webp", "bmp", "gif"):
        write_image(tmp_path / f"1.{suffix}", noise(16, 12, 3))
    write_image(
        tmp_path / "animated.gif",
        Image.new("L", (12, 16), 255),
        save_all=True,
        append_images=[Image.new("L", (12, 16))],
    )
    write_image(tmp_path / "deep.png", noise(16, 12, dtype=np.uint16))
    write_image(tmp_path / "sideways.jpg", noise(12, 16, 3), exif=bytes.fromhex("457869660000") + exif(6))
    write_image(tmp_path / ".hidden.png", noise(3, 3))
    (tmp_path / "notes.txt").write_text("no image")
    spec = data.spec(f"folder:{tmp_path}", (16, 12, 3))
    assert spec.classes == 0
    sources = [data.load(f"folder:{tmp_path}", split, (16, 12, 3)) for split in ("train", "test")]
    assert sum(source.size for source in sources) == 9 and set(sources[0].arrays) == {"image"}


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes().removeprefix(b"Exif\0\0")


def test_folder_respects_orientation(tmp_path):
    picture = np.zeros((8, 8), np.uint8)
    picture[:, 4:] = 255  # bright on the right as stored, so below when turned to the right
    for name in "ab":
        write_image(tmp_path / f"{name}.png", picture, exif=exif(6))
    image = data.load(f"folder:{tmp_path}", "train").arrays["image"][0, :, :, 0]
    assert (image[:4] == 0).all() and (image[4:] == 255).all()


def test_folder_of_mixed_sizes_asks_for_a_shape(tmp_path):
    for index, size in enumerate((8, 8, 8, 9)):
        write_image(tmp_path / f"{index}.png", noise(size, 8))
    load = lambda *shape: [data.load(f"folder:{tmp_path}", split, *shape) for split in ("train", "test")]
    with pytest.raises(UserError, match=r"3.png is \(9, 8, 1\).*set config.image_shape"):
        load()
    assert sum(source.size for source in load((4, 4, 1))) == 4


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_folder_with_a_corrupt_image_names_it(tmp_path, content):
    for index in range(3):
        write_image(tmp_path / f"{index}.png", noise(32, 32))
    broken = tmp_path / "1.png"
    broken.write_bytes(broken.read_bytes()[:300] if content is None else content)
    with pytest.raises(UserError, match=r"1.png cannot be read"):
        for split in ("train", "test"):
            data.load(f"folder:{tmp_path}", split, (32, 32, 1))


def test_folder_errors(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        data.spec(f"folder:{tmp_path}/nowhere")
    with pytest.raises(UserError, match="holds 0 images"):
        data.spec(f"folder:{tmp_path}")
    write_image(tmp_path / "a" / "1.png", noise(4, 4))
    with pytest.raises(UserError, match="holds 1 images"):
        data.spec(f"folder:{tmp_path}")
    write_image(tmp_path / "b" / "2.png", noise(4, 4))
    assert {data.load(f"folder:{tmp_path}", split).size for split in ("train", "test")} == {1}
    write_image(tmp_path / "3.png", noise(4, 4))
    with pytest.raises(UserError, match="3.png lies beside"):
        data.spec(f"folder:{tmp_path}")
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    with pytest.raises(UserError, match="train holds no images"):
        data.spec(f"folder:{tmp_path}")
