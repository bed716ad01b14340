"""Sets of pairs and of two domains: how they are read, cut out, mirrored and ordered, and what is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from tools import mesh_of, noise, write_image

from gan_zoo import data
from gan_zoo.data import edges, emoji, photos
from gan_zoo.data.feed import Feed
from gan_zoo.data.order import crops, indices
from gan_zoo.errors import UserError


def side_by_side(folder, count=6, height=8, width=8, start=0):
    """Pairs whose left half has the value 2 i and whose right half 2 i + 1."""
    for i in range(start, start + count):
        left, right = (np.full((height, width, 3), value, np.uint8) for value in (2 * i, 2 * i + 1))
        write_image(folder / f"{i:03d}.png", np.concatenate([left, right], axis=1))


@pytest.mark.parametrize("back", [False, True])
def test_pairs_in_both_directions(tmp_path, back):
    side_by_side(tmp_path / "train")
    side_by_side(tmp_path / "val", 2, start=50)
    name = f"pairs:{'b2a:' if back else ''}{tmp_path}"
    train, test = (data.load(name, split) for split in ("train", "test"))
    assert train.spec.shape == train.spec.input_shape == (8, 8, 3) and (train.size, test.size) == (6, 2)
    inputs, images = (train.arrays[key][:, 0, 0, 0] for key in ("input", "image"))
    np.testing.assert_array_equal(inputs, 2 * np.arange(6) + back)
    np.testing.assert_array_equal(images, 2 * np.arange(6) + (not back))
    assert data.load(name, "test", (4, 4, 1)).arrays["input"].shape == (2, 4, 4, 1)


def test_pairs_of_unequal_size_are_named(tmp_path):
    side_by_side(tmp_path)
    write_image(tmp_path / "odd.png", noise(8, 17, 3))
    with pytest.raises(UserError, match=r"odd.png is 17 pixels wide: a pair is two images of one size"):
        data.load(f"pairs:{tmp_path}", "train")
        data.load(f"pairs:{tmp_path}", "test")
    (tmp_path / "odd.png").unlink()
    write_image(tmp_path / "larger.png", noise(16, 32, 3))
    with pytest.raises(UserError, match=r"larger.png holds images of \(16, 16, 3\).*set config.image_shape"):
        data.load(f"pairs:{tmp_path}", "train")
        data.load(f"pairs:{tmp_path}", "test")
    assert data.load(f"pairs:{tmp_path}", "train", (8, 8, 3)).spec.shape == (8, 8, 3)


def test_pairs_stay_together_when_they_are_cut_out_and_mirrored(tmp_path):
    """Pixels that tell where they come from: the same rows and columns of both."""
    where = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    image = np.stack([where + i for i in range(8)])
    source = data.in_memory(data.Spec("pairs", (10, 10, 1), 0, (10, 10, 1)), "train", image, inputs=image + 50)
    feed = Feed(source, 0, 0, 8, 2, mesh_of(1), jnp.float32, crop=(6, 4), flip=True)
    cut = {tuple(feed(step)["image"].shape) for step in range(2)}
    assert cut == {(2, 8, 6, 4, 1)}
    mirrored = 0
    for step in range(4):
        batch = jax.tree.map(lambda x: np.rint((np.asarray(x) + 1) * 127.5), feed(step))
        np.testing.assert_array_equal(batch["input"], batch["image"] + 50)
        steps = np.diff(batch["image"], axis=3)
        assert set(np.unique(steps)) <= {-1, 1} and (np.diff(batch["image"], axis=2) == 10).all()
        mirrored += (steps[:, :, 0, 0] == -1).sum()
    assert 16 < mirrored < 48  # of 64


@pytest.mark.parametrize("pieces", [[12], [5, 7], [1] * 12])
def test_crops_are_a_pure_function_of_the_position(pieces):
    settings = {"size": (9, 12), "crop": (4, 4), "flip": True}
    whole = crops(3, 100, 12, **settings)
    start, parts = 100, []
    for count in pieces:
        parts.append(crops(3, start, count, **settings))
        start += count
    for axis in (0, 1):
        np.testing.assert_array_equal(np.concatenate([part[axis] for part in parts]), whole[axis])
    rows, columns = crops(3, 0, 2000, **settings)
    assert set(rows[:, 0]) == set(range(6)) and columns.min() == 0 and columns.max() == 11
    assert not np.array_equal(crops(4, 100, 12, **settings)[0], whole[0])


def two_folders(root, first=5, second=9, side=8, channels=3):
    for folder, count in (("A", first), ("B", second)):
        for i in range(count):
            write_image(root / folder / f"{i}.png", np.full((side, side, channels)[: 2 + (channels > 1)], i, np.uint8))
    return f"unpaired:{root}/A,{root}/B"


def test_unpaired_domains_have_orders_of_their_own(tmp_path):
    name = two_folders(tmp_path, 11, 21)
    train, test = (data.load(name, split) for split in ("train", "test"))
    assert (train.inputs.size, train.size, test.inputs.size, test.size) == (10, 19, 1, 2)
    feed = Feed(train, 0, 0, 19, 1, mesh_of(1), jnp.float32)
    value = lambda batch, key: np.rint((np.asarray(batch[key])[0, :, 0, 0, 0] + 1) * 127.5).astype(int)
    first = feed(0)
    assert len(set(value(first, "image"))) == 19, "an epoch sees every image once"
    assert len(set(value(first, "input")[:10])) == 10
    own = train.inputs.arrays["image"][indices(0, 0, 19, 10, stream=1), 0, 0, 0]
    np.testing.assert_array_equal(value(first, "input"), own)
    assert list(own[:10]) != list(train.inputs.arrays["image"][indices(0, 0, 10, 10), 0, 0, 0])


def test_unpaired_streams_as_it_lies_on_the_device(tmp_path):
    from dataclasses import replace

    train = data.load(two_folders(tmp_path, 11, 21), "train")
    streamed = replace(train, arrays=None, inputs=replace(train.inputs, arrays=None))
    feeds = [Feed(one, 2, 5, 8, 2, mesh_of(8), jnp.float32, (4, 4), True) for one in (train, streamed)]
    try:
        for step in (0, 3):
            jax.tree.map(np.testing.assert_array_equal, *(feed(step) for feed in feeds))
            assert feeds[0](step)["input"].shape == (2, 8, 4, 4, 3)
    finally:
        feeds[1].pool.shutdown(cancel_futures=True)
        feeds[1].inputs.pool.shutdown(cancel_futures=True)


def test_unpaired_in_cyclegans_layout(tmp_path):
    for name, count in (("trainA", 3), ("trainB", 4), ("testA", 1), ("testB", 2)):
        for i in range(count):
            write_image(tmp_path / name / f"{i}.jpg", noise(8, 8, 3, seed=i))
    train, test = (data.load(f"unpaired:{tmp_path}", split, (8, 8, 3)) for split in ("train", "test"))
    assert (train.inputs.size, train.size, test.inputs.size, test.size) == (3, 4, 1, 2)


def test_an_empty_domain_is_named(tmp_path):
    name = two_folders(tmp_path)
    (tmp_path / "C").mkdir()
    with pytest.raises(UserError, match=r"C holds 0 images"):
        data.load(name.replace("/B", "/C"), "train")
    with pytest.raises(UserError, match="no folders trainA"):
        data.load(f"unpaired:{tmp_path}", "train")


def test_domains_out_of_labels():
    train = data.load("domains:digits:1,7:0", "train")
    whole = data.load("digits", "train")
    assert train.inputs.size == np.isin(whole.arrays["label"], [1, 7]).sum()
    assert train.size == (whole.arrays["label"] == 0).sum() and train.spec.input_shape == (8, 8, 1)
    for name, words in (
        ("digits:1:1", "both domains"),
        ("digits:1:10", "not 10"),
        ("digits:1", "write domains"),
        ("digits:a:b", "write domains"),
    ):
        with pytest.raises(UserError, match=words):
            data.load(f"domains:{name}", "train")


def test_edges_of_a_square():
    image = np.zeros((1, 24, 24, 3), np.uint8)
    image[:, 6:18, 6:18] = 255
    found = edges.edges_of(image)
    assert found.shape == image.shape and set(np.unique(found)) == {0, 255}
    lines = np.argwhere(found[0, :, :, 0] == 0)
    assert set(lines.min(axis=0)) <= {5, 6} and set(lines.max(axis=0)) <= {17, 18}
    assert (found[0, 8:16, 8:16] == 255).all() and (found[0, :4] == 255).all()
    source = data.load("edges:digits", "test", (16, 16, 1))
    np.testing.assert_array_equal(source.arrays["image"], data.load("digits", "test", (16, 16, 1)).arrays["image"])


def test_edges_are_found_once(own_data):
    load = lambda: data.load("edges:digits", "test", (16, 16, 1)).arrays["input"]
    first, (kept,) = load(), (data.folder() / "edges").iterdir()
    whole = kept.read_bytes()
    np.save(kept, ~np.load(kept))  # it is this file that is read
    np.testing.assert_array_equal(load(), 255 - first)
    kept.write_bytes(whole[:-9])
    np.testing.assert_array_equal(load(), first)
    assert kept.read_bytes() == whole


@pytest.fixture
def small_emoji(tmp_path, own_data):
    """Forty emoji in the packages' layout, one with a skin tone, one that a vendor lacks."""
    for number, vendor in enumerate(emoji.VENDORS):
        listed = []
        for i in range(40):
            code = f"1F{i:03X}"
            entry = {
                "unified": code,
                "image": f"{code.lower()}.png",
                "name": f"EMOJI {i}",
                "short_name": f"e{i}",
                "short_names": [f"e_{i}"],
            }
            entry |= {"category": emoji.CATEGORIES[i % 3], "subcategory": "cat-face" if i % 2 else "heart"}
            entry |= {"has_img_twitter": i != 7, "has_img_google": True}
            if i == 3:
                entry["skin_variations"] = {"1F3FB": {**entry, "image": f"{code.lower()}-tone.png"}}
            listed.append(entry)
            for name in {entry["image"], entry.get("skin_variations", {}).get("1F3FB", entry)["image"]}:
                pixels = np.full((64, 64, 4), 100 * number + i, np.uint8)
                pixels[..., 3] = 255
                pixels[:8, :, 3] = 0  # transparent: white
                write_image(tmp_path / "zoo" / "emoji" / vendor / "img" / vendor / "64" / name, Image.fromarray(pixels))
        (tmp_path / "zoo" / "emoji" / vendor / "emoji.json").write_text(json.dumps(listed))
    keywords = {chr(0x1F000 + i): [f"word_{i}", "thing"] for i in range(40)}
    file = tmp_path / "zoo" / "emoji" / "keywords" / "dist" / "emoji-en-US.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(keywords))


def test_emoji_are_split_by_emoji(small_emoji):
    sizes = {}
    for split in ("train", "test"):
        pairs = data.load("emoji:twitter2google", split)
        twitter, google = pairs.arrays["input"], pairs.arrays["image"]
        assert (twitter[:, 0] == 255).all(), "transparent pixels are white"
        np.testing.assert_array_equal(google[:, 20, 0, 0], twitter[:, 20, 0, 0] + 100)
        sizes[split] = set(twitter[:, 20, 0, 0])
    assert not sizes["train"] & sizes["test"] and len(sizes["train"] | sizes["test"]) == 39  # without number 7
    back = data.load("emoji:google2twitter", "test")
    np.testing.assert_array_equal(back.arrays["input"], data.load("emoji:twitter2google", "test").arrays["image"])


def test_unpaired_emoji_are_disjoint_in_training_and_pairs_in_the_test(small_emoji):
    train, test = (data.load("emoji:twitter+google", split) for split in ("train", "test"))
    first = set(train.inputs.arrays["image"][:, 20, 0, 0])
    second = set(train.arrays["image"][:, 20, 0, 0] - 100)
    assert first and second and not first & second
    assert test.inputs is None
    np.testing.assert_array_equal(test.arrays["image"][:, 20, 0, 0], test.arrays["input"][:, 20, 0, 0] + 100)


def test_emoji_with_labels(small_emoji):
    one = data.load("emoji:google", "train", (32, 32, 3))
    assert (
        one.spec.classes == 10
        and set(one.arrays["label"]) == {0, 1, 2}
        and one.arrays["image"].shape[1:] == (32, 32, 3)
    )
    both = data.load("emoji:vendors", "train")
    kinds = data.load("emoji:both", "train")
    np.testing.assert_array_equal(kinds.arrays["image"], both.arrays["image"])
    halves = [data.load(f"emoji:{vendor}", "train").arrays["label"] for vendor in ("twitter", "google")]
    np.testing.assert_array_equal(kinds.arrays["label"], np.concatenate(halves))
    assert both.size == 2 * one.size and both.class_names == ("twitter", "google")
    assert ((both.arrays["image"][:, 20, 0, 0] >= 100) == both.arrays["label"]).all()


def test_emoji_have_their_names_kind_and_keywords_as_captions(small_emoji):
    source = data.load("emoji:google", "test", (32, 32, 3))
    captions = source.captions()
    assert len(captions) == source.size
    number = int(captions[0][0].split()[1])
    kind = "cat face" if number % 2 else "heart"
    category = emoji.CATEGORIES[number % 3].lower()
    assert captions[0] == (f"emoji {number}", f"e {number}", f"{kind}, {category}", f"word {number}, thing")
    for both in ("both", "vendors"):
        assert data.load(f"emoji:{both}", "test").captions() == 2 * captions


def test_faces_are_labelled_alike_in_both_orders(small_emoji):
    seen = set()
    for split in ("train", "test"):
        source = data.load("emoji:faces", split)
        assert source.spec.input_shape == source.spec.shape and source.inputs.size == source.size
        np.testing.assert_array_equal(source.arrays["label"], source.inputs.arrays["label"])
        level = lambda images: images["image"][:, 20, 0, 0]
        np.testing.assert_array_equal(level(source.arrays), level(source.inputs.arrays) + 100)
        assert (level(source.inputs.arrays) % 2 == 1).all() and not seen & set(source.arrays["label"])
        seen |= set(source.arrays["label"])
    assert seen == set(range(19))  # of twenty one is not drawn by both


def test_emoji_that_are_missing_or_unknown(own_data):
    with pytest.raises(UserError, match=r"run `./launch.sh data emoji`"):
        data.load("emoji:google", "train")
    with pytest.raises(UserError, match="twitter2google"):
        data.load("emoji:apple", "train")


def test_photos_are_cut_into_tiles(tmp_path):
    for i, size in enumerate([(40, 70), (33, 32), (64, 64)] * 4):
        write_image(tmp_path / f"{i}.png", noise(*size, 3, seed=i))
    train, test = (data.load(f"photos:{tmp_path}", split, (32, 32, 3)) for split in ("train", "test"))
    assert train.size + test.size == 4 * (2 + 1 + 4) and len(train.pictures()) + len(test.pictures()) == 12
    picture = np.arange(5 * 7 * 1, dtype=np.uint8).reshape(5, 7, 1)
    np.testing.assert_array_equal(photos.tiles([picture], (2, 3, 1))[0, ..., 0], picture[:2, :3, 0])
    assert len(photos.tiles([picture], (2, 3, 1))) == 4
    with pytest.raises(UserError, match="smaller than"):
        data.load(f"photos:{tmp_path}", "train", (48, 48, 3))


def test_photographs_that_are_held_out_are_here(own_data):
    found = data.load("photos", "test")
    assert found.spec.shape == (96, 96, 3) and len(found.pictures()) == len(photos.HELD_OUT) == 11
    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in found.pictures())
    with pytest.raises(UserError, match=r"run `./launch.sh data photos`"):
        data.load("photos", "train")
