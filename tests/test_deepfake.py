"""Deepfake: the warps, who learns from what, and whether a swapped face is still the same character."""

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from tools import PROJECT, mesh_of, noise, shrunk, write_image

from gan_zoo import config as configs
from gan_zoo import data, translations
from gan_zoo.architectures import deepfake
from gan_zoo.data import Spec
from gan_zoo.data.images import to_bytes
from gan_zoo.errors import UserError
from gan_zoo.game import Game
from gan_zoo.models.deepfake import Model, noted
from gan_zoo.step import new_state
from gan_zoo.trained import Trained
from gan_zoo.translate import make_files
from gan_zoo.warp import random_warp, similarity, tinted

KEY = jax.random.key(0)


def test_similarity_is_the_nearest():
    """What turned, scaled and shifted the points is found; noise at the points is not followed."""
    points = jax.random.normal(KEY, (5, 5)) + 1j * jax.random.normal(jax.random.key(1), (5, 5))
    a, b = similarity(points, 1.1 * jnp.exp(0.3j) * points + (0.2 - 0.1j))
    np.testing.assert_allclose(a, 1.1 * np.exp(0.3j), rtol=1e-5)
    np.testing.assert_allclose(b, 0.2 - 0.1j, rtol=1e-4)
    targets = points[::-1]
    a, b = similarity(points, targets)
    error = lambda a, b: float(jnp.sum(jnp.abs(a * points + b - targets) ** 2))
    for step in (0.01, -0.01, 0.01j, -0.01j):
        assert error(a, b) < min(error(a + step, b), error(a, b + step))


def test_warps_keep_flat_images_and_differ_between_samples():
    flat = jnp.full((3, 16, 16, 3), 0.25)
    for part in random_warp(KEY, flat):
        np.testing.assert_allclose(part, 0.25, atol=1e-6)
    images = jnp.tile(jnp.asarray(noise(1, 32, 32, 1) / 127.5 - 1, jnp.float32), (4, 1, 1, 1))
    warped, target = random_warp(KEY, images)
    for part in (warped, target):
        assert part.shape == images.shape and len(np.unique(np.asarray(part).round(4), axis=0)) == 4
    assert float(jnp.abs(warped - target).mean()) > 0.01


def test_targets_are_straight_and_the_given_bent():
    """A ramp stays a ramp under a similarity: its second differences vanish, those of the warped one do not."""
    ramp = jnp.broadcast_to(jnp.linspace(-1, 1, 64)[None, None, :, None], (8, 64, 64, 1))
    warped, target = random_warp(KEY, ramp)
    inner = slice(16, 48)
    bend = lambda x: np.abs(np.diff(np.asarray(x)[:, inner, inner], n=2, axis=2)).max()
    assert bend(target) < 1e-4 < 1e-3 < bend(warped)


STILL = {"rotation": 0.0, "scale": 0.0, "shift": 0.0, "flip": 0.0, "jitter": 0.0}


def coordinates(number, size=33):
    """Images of two channels, which say where each pixel lies: x and y from the middle, in sides."""
    along = (jnp.arange(size) + 0.5) / size - 0.5
    grid = jnp.stack(
        [jnp.broadcast_to(along[None, :], (size, size)), jnp.broadcast_to(along[:, None], (size, size))], -1
    )
    return jnp.broadcast_to(grid, (number, size, size, 2))


def test_without_strength_images_stay_and_are_mirrored():
    images = jnp.asarray(noise(3, 16, 16, 2) / 127.5 - 1, jnp.float32)
    for part in random_warp(KEY, images, **STILL):
        np.testing.assert_allclose(part, images, atol=1e-4)
    for part in random_warp(KEY, images, **{**STILL, "flip": 1.0}):
        np.testing.assert_allclose(part, images[:, :, ::-1], atol=1e-4)
    given = coordinates(400, 3)
    mirrored = (random_warp(KEY, given, **{**STILL, "flip": 0.4})[1][:, 1, 2, 0] < 0).mean()
    assert float(mirrored) == pytest.approx(0.4, abs=0.07)


@pytest.mark.parametrize(
    "what, most, told",
    [
        ("rotation", 10.0, lambda x, y, u, v: np.degrees(np.arctan2(v * x - u * y, u * x + v * y))),
        ("scale", 0.05, lambda x, y, u, v: np.hypot(u, v) / np.hypot(x, y) - 1),
        ("shift", 0.05, lambda x, y, u, v: u - x),
        ("shift", 0.05, lambda x, y, u, v: v - y),
    ],
)
def test_each_move_reaches_its_strength_and_no_further(what, most, told):
    """Where a pixel near the middle was read: evenly between -most and most."""
    given = coordinates(500)
    (x, y), read = np.asarray(given[0, 16, 24]), random_warp(KEY, given, **{**STILL, what: most})[1][:, 16, 24]
    found = told(x, y, *np.asarray(read).T)
    assert np.abs(found).max() <= 1.01 * most and found.std() == pytest.approx(most / 3**0.5, rel=0.1)


def test_the_jitter_has_its_strength_and_the_target_goes_the_same_way():
    given = coordinates(300)
    warped, target = (np.asarray(x - given) for x in random_warp(KEY, given, **{**STILL, "jitter": 0.04}))
    assert warped[:, 16, 16].std() == pytest.approx(0.04, rel=0.1)  # the middle is a point of the grid
    inner = slice(8, 25)
    for channel in (0, 1):
        moved, straight = (x[:, inner, inner, channel].mean(axis=(1, 2)) for x in (warped, target))
        assert straight.std() == pytest.approx(0.04 / 5, rel=0.15)  # the mean of 25 points
        assert np.corrcoef(moved, straight)[0, 1] > 0.3


def test_warps_are_the_same_on_eight_devices():
    images = jnp.asarray(noise(8, 16, 16, 3) / 127.5 - 1, jnp.float32)
    one = jax.jit(random_warp)(KEY, images)
    with jax.set_mesh(mesh_of(8)):
        eight = jax.jit(random_warp)(KEY, images)
    for a, b in zip(one, eight, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("same", [True, False])
def test_decoders_can_begin_alike(same):
    config, _ = shrunk("configs/deepfake.py:digits", f"config.same_start={same}")
    spec, (phase,) = configs.build(config)
    nets = phase.game.init(KEY, data.example(spec, 2))
    pairs = zip(jax.tree.leaves(nets["decoder_a"]), jax.tree.leaves(nets["decoder_b"]), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs) == same


@pytest.fixture(scope="module")
def learner():
    config, _ = shrunk("configs/deepfake.py:digits")
    spec, (phase,) = configs.build(config)
    state = new_state(phase.game, KEY, data.example(spec, 4))
    return Trained(config, spec, phase.game, state, 0)


def test_tints_keep_shapes_and_differ_between_samples():
    images = jnp.tile(jnp.asarray(noise(1, 8, 8, 3) / 127.5 - 1, jnp.float32), (4, 1, 1, 1))
    made = np.asarray(tinted(KEY, images, 0.2))
    assert np.abs(made - images).max() <= 0.4 and len(np.unique(made[:, 0, 0].round(4), axis=0)) == 4
    for sample, of in zip(made.reshape(4, -1, 3), images.reshape(4, -1, 3), strict=True):
        for channel in range(3):  # a line through what was given: its order and shape stay
            slope, offset = np.polyfit(of[:, channel], sample[:, channel], 1)
            assert abs(slope - 1) <= 0.2 and abs(offset) <= 0.2
            np.testing.assert_allclose(sample[:, channel], slope * of[:, channel] + offset, atol=1e-5)
    assert tinted(KEY, images, 0.0) is images


def test_colours_of_the_first_face_are_moved_to_the_mean_of_the_other():
    """A decoder that has learned nothing but a gray: its error tells where the first face's colours lie."""
    spec = Spec("faces", (16, 16, 1), 0, (16, 16, 1))
    batch = {"input": jnp.full((4, 16, 16, 1), -0.8), "image": jnp.full((4, 16, 16, 1), 0.4)}

    def error(same_mean):
        small = {"encoder": {"width": 4, "code": 4}, "decoder": {"width": 4}}
        player = Model(same_mean=same_mean, **small).phases(spec)[0].game
        nets = jax.tree.map(jnp.zeros_like, player.init(KEY, batch))  # all outputs are 0, the middle gray
        return player.players["autoencoders"].loss(nets, batch, KEY, 0)[1][1]

    assert error(False) == pytest.approx({"a": 0.4, "b": 0.2}, abs=1e-5)
    assert error(True) == pytest.approx({"a": 0.2, "b": 0.2}, abs=1e-5)


def test_the_encoder_is_given_warped_and_tinted_faces_and_the_target_is_neither():
    """With all weights 0 every face is the middle gray: the loss is the targets' mean distance from it."""
    spec = Spec("faces", (16, 16, 1), 0, (16, 16, 1))
    batch = {name: jnp.asarray(noise(4, 16, 16, 1, seed=i) / 127.5 - 1, jnp.float32) for i, name in enumerate("ab")}
    batch = {"input": batch["a"], "image": batch["b"]}
    small = {"same_mean": False, "encoder": {"width": 4, "code": 4}, "decoder": {"width": 4}}

    def losses(zeroed, **settings):
        (phase,) = Model(**small, **settings).phases(spec)
        nets = phase.game.init(KEY, batch)
        nets = jax.tree.map(jnp.zeros_like, nets) if zeroed else nets
        return phase.game.players["autoencoders"].loss(nets, batch, KEY, 0)[1][1]

    keys = jax.random.split(KEY, 4)
    around = {"rotation": 10.0, "scale": 0.05, "shift": 0.08, "flip": 0.4}  # 0.05 of a picture of 1.6 faces
    targets = [random_warp(key, batch[name], **around)[1] for key, name in zip(keys, ("input", "image"), strict=False)]
    wanted = {side: float(jnp.abs(x).mean() / 2) for side, x in zip("ab", targets, strict=True)}
    for colours in (0.0, 0.4):
        assert losses(True, colours=colours) == pytest.approx(wanted, rel=1e-5)
    assert losses(False, colours=0.4)["a"] != losses(False)["a"]


def test_the_mean_of_all_minibatches_is_remembered():
    a, b = (jnp.asarray(noise(6, 4, 4, 3, seed=seed) / 127.5 - 1, jnp.float32) for seed in (0, 1))
    colours = {"statistics": {"seen": jnp.zeros(()), "shift": jnp.zeros(3)}}
    for part in (slice(0, 2), slice(2, 4), slice(4, 6)):
        colours = noted(colours, a[part], b[part])
    np.testing.assert_allclose(colours["statistics"]["shift"], (b - a).mean(axis=(0, 1, 2)), atol=1e-6)


def test_swaps_are_given_and_give_back_the_colours_that_were_moved(learner):
    """The encoder is given A with B's mean, as in training; what A's decoder makes has B's too, and gets A's again."""
    shift, game = jnp.array([0.3]), learner.game
    nets = {**learner.nets, "colours": {"statistics": {"seen": jnp.ones(()), "shift": shift}}}
    plain = {**nets, "colours": {"statistics": {"seen": jnp.ones(()), "shift": jnp.zeros(1)}}}
    batch = {"input": jnp.asarray(noise(2, 16, 16, 1) / 255 - 0.5, jnp.float32)}
    batch["image"] = batch["input"] + shift
    made = game.views["sample"](nets, batch, KEY)["image"]
    decoder, encoder = deepfake.Decoder(1, 8), deepfake.Encoder(8, 16)
    features = encoder.apply(nets["encoder"], batch["image"], train=False)
    np.testing.assert_allclose(made, decoder.apply(nets["decoder_b"], features, train=False), atol=1e-6)
    back = game.views["back"](nets, batch, KEY)["image"]
    np.testing.assert_allclose(back, game.views["back"](plain, batch, KEY)["image"] - shift, atol=1e-6)
    np.testing.assert_allclose(back, decoder.apply(nets["decoder_a"], features, train=False) - shift, atol=1e-6)
    rows = game.views["swaps"](nets, batch, KEY)["image"]
    np.testing.assert_allclose(rows[:, 2], made, atol=1e-6)
    np.testing.assert_allclose(rows[:, 5], back, atol=1e-6)


def test_each_decoder_learns_from_its_face_alone(learner):
    game, nets = learner.game, learner.nets
    player = game.players["autoencoders"]
    batch = {"image": jnp.asarray(noise(4, 16, 16, 1) / 127.5 - 1, jnp.float32)}
    batch["input"] = -batch["image"]
    total, (_, metrics) = player.loss(nets, batch, KEY, 0)
    np.testing.assert_allclose(total, metrics["a"] + metrics["b"], rtol=1e-6)
    moved = lambda which: jax.grad(lambda nets: player.loss(nets, batch, KEY, 0)[1][1][which])(nets)
    size = lambda tree: sum(float(jnp.abs(x).sum()) for x in jax.tree.leaves(tree))
    for which, own, other in (("a", "decoder_a", "decoder_b"), ("b", "decoder_b", "decoder_a")):
        gradients = moved(which)
        assert size(gradients["encoder"]) > 0 and size(gradients[own]) > 0 and size(gradients[other]) == 0


def test_views_swap_the_decoders(learner):
    a, b = (noise(4, 16, 16, 1, seed=seed) / np.float32(127.5) - 1 for seed in (0, 1))
    rows = learner.view("swaps", {"input": a, "image": b})["image"]
    assert rows.shape == (4, 6, 16, 16, 1)
    for column, made in ((0, a), (2, learner.make("sample", a)), (3, b), (5, learner.make("back", b))):
        np.testing.assert_allclose(rows[:, column], made, atol=1e-5)
    assert not np.allclose(rows[:, 1], rows[:, 2])


def test_faces_of_any_size_are_resized_and_back(learner, tmp_path):
    write_image(tmp_path / "in" / "face.png", Image.fromarray(noise(40, 30, 3)))
    (made,) = make_files(learner, "back", tmp_path / "in", tmp_path / "out")
    with Image.open(made) as image:
        assert image.size == (30, 40) and image.mode == "L"
        pixels = np.asarray(image)
    # As in training the centre is seen, undistorted: what is above and below stays.
    gray = np.asarray(Image.fromarray(noise(40, 30, 3)).convert("L"))
    np.testing.assert_array_equal(pixels[[*range(5), *range(35, 40)]], gray[[*range(5), *range(35, 40)]])
    small = np.asarray(Image.fromarray(gray[5:35]).resize((16, 16), Image.Resampling.LANCZOS))[None, ..., None]
    middle = to_bytes(learner.make("back", small / 127.5 - 1))[0, ..., 0]
    wanted = Image.fromarray(middle).resize((30, 30), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(pixels[5:35], np.asarray(wanted))


def test_characters_are_told_by_the_nearest_drawing():
    """One that translates perfectly ranks first; one that shows each character as the next is never right."""
    drawings = {name: noise(6, 4, 4, 1, seed=seed) for seed, name in enumerate(("a", "b"))}
    spec = Spec("faces", (4, 4, 1), 6, (4, 4, 1))
    label = np.arange(6)

    def split(name, part):
        inputs = data.in_memory(replace(spec, input_shape=()), name, drawings["a"][part], label[part])
        return replace(data.in_memory(spec, name, drawings["b"][part], label[part]), inputs=inputs)

    train, test = split("train", slice(0, 4)), split("test", slice(4, 6))

    def scores(shift):
        def make(view, images):
            given, there = ("a", "b") if view == "sample" else ("b", "a")
            pixels = np.rint((images + 1) * 127.5).astype(np.uint8)
            which = [int(np.abs(drawings[given].astype(int) - x).sum(axis=(1, 2, 3)).argmin()) for x in pixels]
            return drawings[there][(np.array(which) + shift) % 6] / np.float32(127.5) - 1

        found = translations._characters(SimpleNamespace(make=make), train, test)
        return {name: value for name, (value, _) in found.items()}

    assert scores(0) == {
        "character_top1": 1, "character_mean_rank": 1, "character_top1_held_out": 1, "character_mean_rank_held_out": 1
    }  # fmt: skip
    wrong = scores(1)
    assert wrong["character_top1"] == wrong["character_top1_held_out"] == 0 and wrong["character_mean_rank"] > 1.9


@pytest.mark.parametrize("size", [16, 48])
def test_networks_of_any_square(size):
    image = jnp.zeros((2, size, size, 3))
    encode = lambda: deepfake.Encoder(4, 8).init_with_output(KEY, image, train=True)[0]
    features = jax.eval_shape(encode)
    assert features.shape == (2, size // 8, size // 8, 16)
    decode = lambda: deepfake.Decoder(3, 4).init_with_output(KEY, jnp.zeros(features.shape), train=True)[0]
    assert jax.eval_shape(decode).shape == image.shape
    narrow = lambda: deepfake.Decoder(3, 1).init_with_output(KEY, jnp.zeros((2, 2, 2, 4)), train=True)[0]
    assert jax.eval_shape(narrow).shape == (2, 16, 16, 3)


def test_faces_that_do_not_fit():
    for shape in ("(24,24,1)", "(16,32,1)"):
        with pytest.raises(UserError, match="multiple of 16"):
            configs.build(shrunk("configs/deepfake.py:digits", f"config.image_shape={shape}")[0])
    with pytest.raises(UserError, match="two domains"):
        configs.build(shrunk("configs/deepfake.py:digits", "config.dataset=digits")[0])


def test_paper_game_is_one_player():
    spec, (phase,) = configs.build(configs.load(str(PROJECT / "configs/deepfake.py:paper"), []))
    assert isinstance(phase.game, Game) and list(phase.game.players) == ["autoencoders"]
    assert phase.game.players["autoencoders"].owns == ("encoder", "decoder_a", "decoder_b", "colours")
    nets = jax.eval_shape(phase.game.init, KEY, data.example(spec, 2))
    assert {name for name, variables in nets.items() if "params" not in variables} == {"colours"}
