"""Next-frame prediction: sequences, the networks at four scales, losses, scores and predicted strips."""

import shutil
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from tools import mesh_of, noise, shrunk, write_image

from gan_zoo import config as configs
from gan_zoo import data, evaluate, figures, losses, predictions
from gan_zoo.__main__ import main
from gan_zoo.architectures import multiscale
from gan_zoo.compare import compare
from gan_zoo.data import feed, frames, moving_digits
from gan_zoo.data import images as frames_images
from gan_zoo.data.frames import LATER, PAST
from gan_zoo.data.images import to_bytes
from gan_zoo.data.order import indices
from gan_zoo.errors import UserError
from gan_zoo.metrics.images import MOST, gradient_sharpness
from gan_zoo.step import new_state
from gan_zoo.trained import Trained, at_once

KEY = jax.random.key(0)


def test_moving_digits_go_straight_and_bounce():
    np.testing.assert_array_equal(moving_digits.bounced(np.array([2, 10, 13, 20, -3]), 10), [2, 10, 7, 0, 3])
    train, test = (data.load("moving_digits", split) for split in ("train", "test"))
    assert train.spec.shape == (32, 32, 1) and train.spec.input_shape == (32, 32, PAST)
    assert train.size == 100_000 and test.size == 1000
    sequence = test.sequence(7)
    assert sequence.shape == (PAST + LATER, 32, 32, 1) and sequence.dtype == np.uint8
    example = test.take(np.array([7]))
    np.testing.assert_array_equal(example["input"][0], frames.stacked(sequence[:PAST]))
    np.testing.assert_array_equal(example["image"][0], sequence[PAST])
    assert (np.abs(np.diff(sequence.astype(int), axis=0)).max(axis=(1, 2, 3)) > 0).mean() > 0.8  # they move
    again = data.load("moving_digits", "test")
    np.testing.assert_array_equal(again.take(np.arange(20))["image"], test.take(np.arange(20))["image"])
    assert (train.take(np.arange(20))["image"] != test.take(np.arange(20))["image"]).any(axis=(1, 2, 3)).all()
    large = data.load("moving_digits", "test", (64, 48, 3))
    assert large.take(np.array([0, 3]))["input"].shape == (2, 64, 48, 3 * PAST)


def test_a_moving_digit_by_hand(monkeypatch):
    """One digit, all of 255, in a frame: where its rows and columns lie is what the drawn numbers say."""
    monkeypatch.setattr(moving_digits, "DIGITS", 1)
    whole = data.load("digits", "test").arrays["image"]
    monkeypatch.setattr(data, "load", lambda *args: data.in_memory(None, "test", np.full_like(whole, 255)))
    test, size = moving_digits.load("", "test", (32, 32, 1), 0), 14
    for number in range(5):
        drawn = np.asarray(jax.random.bits(jax.random.fold_in(jax.random.key(1), number), (4, 1)))[:, 0]
        angle = 2 * np.pi * (drawn[2] % 1024) / 1024
        begin, step = (drawn[:2] % 2**16) / 2**16, 0.1 * np.array([np.sin(angle), np.cos(angle)])
        for frame, image in enumerate(test.sequence(number)):
            place = np.abs(begin + frame * step)
            corner = np.where(place > 1, 2 - place, place) * (32 - size)
            seen = [np.flatnonzero(image[..., 0].any(axis=axis)) for axis in (1, 0)]
            assert all(len(one) == size for one in seen)
            np.testing.assert_allclose([one[0] for one in seen], np.floor(corner), atol=1)


@pytest.mark.parametrize("count", [1, 8])
def test_sequences_are_the_same_on_all_devices(count, tmp_path, monkeypatch):
    write_videos(tmp_path, [7, 9, 8])
    for source in (data.load("moving_digits", "train"), data.load(f"frames:{tmp_path}", "train")):
        minibatches = feed.Feed(source, 3, 5, 8, 2, mesh_of(count), jnp.float32)
        assert minibatches.resident
        for step in range(2):
            wanted = source.take(indices(3, 5 + 16 * step, 16, source.size))
            for key, x in minibatches(step).items():
                np.testing.assert_array_equal(np.rint(x * 127.5 + 127.5).reshape(wanted[key].shape), wanted[key])
    monkeypatch.setattr(feed, "ON_DEVICE", 0)
    streamed = feed.Feed(source, 3, 5, 8, 2, mesh_of(count), jnp.float32)
    for key, x in streamed(1).items():
        np.testing.assert_array_equal(x, minibatches(1)[key])
    streamed.pool.shutdown(cancel_futures=True)


def write_videos(root, lengths, width=32):
    for number, length in enumerate(lengths):
        for frame in range(length):
            pixels = np.full((32, width), 10 * number + frame, np.uint8)
            write_image(root / f"video{number}" / f"{frame:03d}.png", Image.fromarray(pixels))


def test_folders_of_frames(tmp_path):
    write_videos(tmp_path, [7, 5, 6])
    train, test = (data.load(f"frames:{tmp_path}", split) for split in ("train", "test"))
    seen = set()
    for source in (train, test):
        for example in (source.take(np.array([i])) for i in range(source.size)):
            levels = [*example["input"][0, 0, 0], example["image"][0, 0, 0, 0]]
            assert list(np.diff(levels.copy() if isinstance(levels, np.ndarray) else np.array(levels, int))) == [1] * 4
            seen.add(int(levels[0]))
    held_out = {int(test.sequence(i)[0, 0, 0, 0]) // 10 for i in range(test.size)}
    assert len(held_out) == 1 and test.size == 1  # places to test do not overlap
    everything = {0: {0, 1, 2}, 1: {10}, 2: {20, 21}}
    assert seen == {min(starts) for v, starts in everything.items() if v in held_out} | {
        start for v, starts in everything.items() if v not in held_out for start in starts
    }


def test_one_video_holds_out_its_end(tmp_path):
    write_videos(tmp_path, [20])
    train, test = (data.load(f"frames:{tmp_path}", split) for split in ("train", "test"))
    assert train.sequence(0)[0, 0, 0, 0] == 0
    assert train.take(np.arange(train.size))["image"].max() < test.sequence(0).min()


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    for frame in range(12):
        write_image(tmp_path / "a" / f"frame {frame}.png", Image.fromarray(np.full((32, 32), frame, np.uint8)))
    (levels,) = frames.read_frames(tmp_path / "a", 1).values()
    assert levels[:, 0, 0, 0].tolist() == [8, 9, 10, 11]
    assert data.load(f"frames:{tmp_path}", "train").sequence(0)[:, 0, 0, 0].tolist() == list(range(7))


def test_frames_that_do_not_fit_in_memory_are_read_when_needed(tmp_path, monkeypatch):
    write_videos(tmp_path, [20, 17, 9])
    for split in ("train", "test"):
        held = data.load(f"frames:{tmp_path}", split, (32, 32, 1))
        for module in (frames, frames_images):
            monkeypatch.setattr(module, "MEMORY", 100)
        read = data.load(f"frames:{tmp_path}", split, (32, 32, 1))
        monkeypatch.undo()
        assert read.made is None and read.arrays is None and read.size == held.size
        for key, x in read.take(np.arange(read.size)).items():
            np.testing.assert_array_equal(x, held.take(np.arange(read.size))[key])
        for number in range(read.size):
            np.testing.assert_array_equal(read.sequence(number), held.sequence(number))


def test_whole_frames_are_predicted_where_patches_were_learned_from(tmp_path):
    write_videos(tmp_path, [7, 6, 8], width=64)
    overrides = (f"config.dataset=frames:{tmp_path}", "config.image_shape=(32,32,1)", "config.load_size=(32,64)")
    config, _ = shrunk("configs/next_frame.py:moving_digits", *overrides)
    spec, (phase,) = configs.build(config)
    batch = data.example(spec, 2)
    run = Trained(config, spec, phase.game, new_state(phase.game, KEY, batch), 0)
    assert run.train.spec.shape == (32, 32, 1) and run.test.spec.shape == (32, 64, 1)
    assert predictions.predicted(run, run.test.sequence(0)[None, :PAST], 2).shape == (1, 2, 32, 64, 1)
    # Features of whole frames are not held against those of patches, whatever extractor is named.
    judge = evaluate.judge_of(config)
    judge.asked, judge.extractor = True, pytest.fail
    scores = evaluate.evaluate(run, judge)["scores"]
    assert set(scores) == {f"{name}{of}" for name in ("psnr", "ssim", "sharpness") for of in ("", "_last_frame")}
    assert scores["psnr"]["shape"] == [32, 64, 1] and np.isfinite(scores["psnr"]["value"])
    with pytest.raises(UserError, match="32x60.*config.load_size"):
        configs.build(shrunk("configs/next_frame.py:moving_digits", *overrides[:2], "config.load_size=(32,60)")[0])


def test_sequences_that_do_not_fit(tmp_path):
    write_videos(tmp_path / "short", [5, 4])
    with pytest.raises(UserError, match="video1 has 4 frames.* 5 are the least"):
        data.load(f"frames:{tmp_path}/short", "train")
    write_videos(tmp_path / "sizes", [6])
    write_image(tmp_path / "sizes" / "video0" / "003.png", noise(32, 40))
    write_videos(tmp_path / "sizes" / "more", [6])
    with pytest.raises(UserError, match=r"003.png is \(32, 40, 1\).*set config.image_shape"):
        for split in ("train", "test"):
            data.load(f"frames:{tmp_path}/sizes", split)
    for split in ("train", "test"):  # resized on demand
        assert data.load(f"frames:{tmp_path}/sizes", split, (32, 32, 1)).spec.shape == (32, 32, 1)
    with pytest.raises(UserError, match="has 3 frames"):
        write_videos(tmp_path / "few", [3])
        frames.read_frames(tmp_path / "few" / "video0", 1)
    with pytest.raises(UserError, match="one sequence, of 9 frames.* 10 are the least"):
        write_videos(tmp_path / "alone", [9])
        data.load(f"frames:{tmp_path}/alone", "train")
    write_videos(tmp_path / "alone", [10])
    assert [data.load(f"frames:{tmp_path}/alone", split).size for split in ("train", "test")] == [1, 1]


def test_networks_work_at_four_scales_and_on_any_size():
    generator = multiscale.Generator((32, 32, 1), width=2)
    past = jnp.asarray(noise(2, 32, 32, 4) / 127.5 - 1, jnp.float32)
    made, variables = generator.init_with_output(KEY, past, train=False)
    assert [x.shape for x in made] == [(2, 4, 4, 1), (2, 8, 8, 1), (2, 16, 16, 1), (2, 32, 32, 1)]
    large = generator.apply(variables, jnp.zeros((1, 40, 48, 4)), train=False)
    assert large[-1].shape == (1, 40, 48, 1)
    zeros = jax.tree.map(jnp.zeros_like, variables)
    assert all((x == 0).all() for x in generator.apply(zeros, past, train=False))
    # Without what the finer networks add, the coarsest prediction is enlarged, through a tanh at each scale.
    coarse = {k: jax.tree.map(lambda x, k=k: x if k in [f"Conv_{i}" for i in range(4)] else 0 * x, v)
              for k, v in variables["params"].items()}  # fmt: skip
    first, second, *_ = generator.apply({"params": coarse}, past, train=False)
    np.testing.assert_allclose(second[:, ::2, ::2], jnp.tanh(first), atol=1e-6)


def test_judges_see_past_and_frame_at_each_scale():
    judge = multiscale.Discriminator("small")
    past, frame = (multiscale.pyramid(jnp.asarray(noise(2, 32, 32, c) / 127.5 - 1, jnp.float32)) for c in (4, 1))
    logits, variables = judge.init_with_output(KEY, past, frame, train=False)
    assert [x.shape for x in logits] == [(2,)] * 4
    other = [*past[:3], -past[3]]
    changed = judge.apply(variables, other, frame, train=False)
    assert all((a == b).all() for a, b in zip(logits[:3], changed[:3], strict=True)) and (logits[3] != changed[3]).any()


def test_gradient_difference_by_hand():
    """A step of 1 that is blurred over two pixels: |1 - 1/2| + |0 - 1/2| in three columns of differences, none down."""
    real = jnp.tile(jnp.array([0.0, 0.0, 1.0, 1.0]), (1, 4, 1))[..., None]
    made = jnp.tile(jnp.array([0.0, 0.5, 1.0, 1.0]), (1, 4, 1))[..., None]
    np.testing.assert_allclose(losses.gradient_difference(real, made), (0.5 + 0.5 + 0) / 3, rtol=1e-6)
    assert losses.gradient_difference(real, 1 - real) == 0  # signs do not matter
    sharp = gradient_sharpness(np.asarray(made) * 255, np.asarray(real) * 255)
    np.testing.assert_allclose(sharp, 10 * np.log10(255**2 / (255 * (0.5 + 0.5 + 0) / 3)), rtol=1e-6)
    assert gradient_sharpness(np.asarray(real) * 255, np.asarray(real) * 255) == MOST


@pytest.mark.parametrize("settings", [{}, {"gradient_weight": 1.0}, {"power": 1, "adversarial_weight": 0.05}])
def test_losses_are_the_papers(settings):
    off = {"gradient_weight": 0.0, "adversarial_weight": 0.0}
    overrides = {"power": 2, "squares_first": 3, **off, **settings}
    config, _ = shrunk("configs/next_frame.py:moving_digits", *(f"config.{k}={v}" for k, v in overrides.items()))
    spec, (phase,) = configs.build(config)
    batch = data.load("moving_digits", "test").take(np.arange(4))
    batch = {key: jnp.asarray(x / 127.5 - 1, jnp.float32) for key, x in batch.items()}
    nets = new_state(phase.game, KEY, batch).nets
    total, (_, metrics) = phase.game.players["generator"].loss(nets, batch, KEY, 3)
    made = multiscale.Generator(spec.shape, 8).apply(nets["generator"], batch["input"], train=True)
    real = multiscale.pyramid(batch["image"])
    error = sum(float((jnp.abs(a - b) ** overrides["power"]).mean()) for a, b in zip(real, made, strict=True))
    np.testing.assert_allclose(metrics["error"], error, rtol=1e-5)
    steps = [
        [jnp.abs(jnp.diff(x, axis=axis)) for axis in (1, 2)] for pair in zip(real, made, strict=True) for x in pair
    ]
    apart = sum(
        float(jnp.abs(a - b).mean()) for one, other in zip(steps[::2], steps[1::2], strict=True)
        for a, b in zip(one, other, strict=True)
    )  # fmt: skip
    if overrides["gradient_weight"]:
        np.testing.assert_allclose(metrics["gradients"], apart, rtol=1e-4)  # of all four scales
    rest = overrides["gradient_weight"] * metrics.get("gradients", 0)
    rest += overrides["adversarial_weight"] * metrics.get("adversarial", 0)
    np.testing.assert_allclose(total, error + rest, rtol=1e-5)
    assert ("discriminator" in nets) == bool(overrides["adversarial_weight"])
    if "discriminator" in nets:
        judge, past = multiscale.Discriminator("small"), multiscale.pyramid(batch["input"])
        real_logits, fake_logits = (judge.apply(nets["discriminator"], past, x, train=True) for x in (real, made))
        cost = lambda sign, logits: sum(float(jax.nn.softplus(sign * x).mean()) for x in logits)
        np.testing.assert_allclose(metrics["adversarial"], cost(-1, fake_logits), rtol=1e-4)
        found, _ = phase.game.players["discriminator"].loss(nets, batch, KEY, 3)
        np.testing.assert_allclose(found, cost(-1, real_logits) + cost(1, fake_logits), rtol=1e-4)
    _, (_, metrics) = phase.game.players["generator"].loss(nets, batch, KEY, 2)  # still squares
    squares = sum(float(((a - b) ** 2).mean()) for a, b in zip(real, made, strict=True))
    np.testing.assert_allclose(metrics["error"], squares, rtol=1e-5)


def untrained(*overrides):
    config, _ = shrunk("configs/next_frame.py:moving_digits", "config.adversarial_weight=0.0", *overrides)
    spec, (phase,) = configs.build(config)
    return Trained(config, spec, phase.game, new_state(phase.game, KEY, data.example(spec, 2)), 0)


def test_pictures_predict_as_the_command_does():
    """Past frames, the oldest first, the true next one, and those predicted one after the other."""
    run = untrained()
    sequences = np.stack([run.test.sequence(i) for i in (3, 8)])
    batch = run.held_out(np.array([3, 8]))
    rows = to_bytes(run.view("predictions", batch)["image"])
    np.testing.assert_array_equal(rows[:, : PAST + 1], sequences[:, : PAST + 1])
    made = predictions.predicted(run, sequences[:, :PAST], 4)
    assert len(np.unique(made[0], axis=0)) > 1
    np.testing.assert_allclose(rows[:, PAST + 1 :].astype(int), made, atol=1)


def test_frames_of_ones_own(tmp_path, monkeypatch, capsys):
    """Folders of frames of any size, one after the other; they are predicted at their own size."""
    run = untrained()
    monkeypatch.setattr("gan_zoo.trained.load", lambda folder, number: run)
    for name in ("a", "b/c"):
        for frame in range(6):
            write_image(tmp_path / "in" / name / f"{frame}.png", noise(40, 52, seed=frame))
    arguments = ["predict", f"--workdir={tmp_path}/run", f"--input={tmp_path}/in", f"--output={tmp_path}/out"]
    assert main([*arguments, "--frames=2"]) == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.png", "a.gif", "b_c.png", "b_c.gif"}
    with Image.open(tmp_path / "out" / "a.gif") as image:
        assert image.n_frames == PAST + 2 and image.size == (2 * 52 + 4, 2 * 40 + 4 + figures.HEAD)
    for frame in range(4):
        write_image(tmp_path / "in" / "b_c" / f"{frame}.png", noise(40, 52))
    assert main(arguments) == 2  # two folders of one name
    shutil.rmtree(tmp_path / "in" / "b_c")
    write_image(tmp_path / "in" / "a" / "5.png", noise(40, 48))
    assert main(arguments) == 2
    capsys.readouterr()
    assert main([*arguments[:2], f"--input={tmp_path}/in/a/5.png", arguments[3]]) == 2
    assert "5.png is a file, not a folder" in capsys.readouterr().err


class Oracle:
    """Predicts that the last frame moves on by as much as it came from the one before, which the test's do."""

    spec = SimpleNamespace(name="moving")
    game = SimpleNamespace(views=("sample", "predictions"))
    shape = (16, 40, 1)

    def __init__(self):
        ramp = np.zeros((3, PAST + LATER, 16, 40, 1), np.uint8)
        for i in range(PAST + LATER):
            ramp[:, i, :, 2 * i : 2 * i + 4] = 200
        videos = [ramp[0], ramp[1], ramp[2, : PAST + 2]]  # the last one ends early
        self.test = frames.of_videos(frames.described("moving", (16, 40, 1)), "test", videos)

    def make(self, view, past):
        return np.roll(past[..., -1:], 2, axis=2)


def test_scores_and_recursion():
    oracle = Oracle()
    scores = predictions.prediction_scores(oracle, 10, {"seed": 0})
    assert scores["psnr"]["value"] == MOST and scores["ssim"]["value"] == 1
    assert len(scores["psnr"]["each_frame"]) == LATER and set(scores["psnr"]["each_frame"]) == {MOST}
    # The last frame differs in four columns of forty.
    np.testing.assert_allclose(scores["psnr_last_frame"]["value"], 10 * np.log10(255**2 / (0.1 * 200**2)))
    better = {"scores": {"psnr": {**scores["psnr"], "value": 40.0, "each_frame": [40.0] * LATER}}}
    assert compare([{"scores": scores}, better])[0] == ("psnr", [MOST, 40.0])  # frames are results, no protocol
    assert "Mathieu" in scores["sharpness"]["sharpness"] and "dB" in scores["psnr_last_frame"]["psnr"]
    assert scores["psnr"]["fake_samples"] == 3 and scores["psnr"]["past"] == PAST


def test_strips_and_moving_pictures(tmp_path):
    oracle = Oracle()
    strip, moving = predictions.save_predictions(oracle, oracle.test.sequence(2), 5, tmp_path / "new", "one")
    with Image.open(moving) as image:
        assert image.n_frames == PAST + 5
    with Image.open(strip) as image:
        pixels = np.asarray(image.convert("L"))
    assert (pixels[20 : pixels.shape[0] // 2, -60:] == 255).all()  # nothing is known of the last frames
    assert (pixels[-30:, -60:] != 255).any()
    oracle.make = lambda view, past: past[..., -1:]  # predictions that stand still are as many frames
    _, moving = predictions.save_predictions(oracle, oracle.test.sequence(2), 5, tmp_path, "still")
    with Image.open(moving) as image:
        assert image.n_frames == PAST + 5


def test_fewer_large_images_are_made_at_once():
    shapes = {(8, 8, 1): 64, (64, 64, 3): 64, (65, 64, 1): 63, (240, 320, 3): 3, (1024, 1024, 3): 1}
    assert {shape: at_once(shape, 64) for shape in shapes} == shapes


def test_data_that_are_no_sequences():
    for name in ("digits", "domains:digits:1:0"):
        with pytest.raises(UserError, match="moving_digits, frames:PATH"):
            config, _ = shrunk("configs/next_frame.py:moving_digits", f"config.dataset={name}")
            configs.build(config)
    for wrong in ("power=3", "adversarial_weight=-0.1", "squares_first=-1"):
        with pytest.raises(UserError, match=f"{wrong.partition('=')[0]}.*{wrong.partition('=')[2]}"):
            configs.build(shrunk("configs/next_frame.py:moving_digits", f"config.{wrong}")[0])
    with pytest.raises(UserError, match="nothing would be learned"):
        off = ("config.weight=0.0", "config.gradient_weight=0.0", "config.adversarial_weight=0.0")
        configs.build(shrunk("configs/next_frame.py:moving_digits", *off)[0])
    with pytest.raises(UserError, match="multiples of 8"):
        configs.build(shrunk("configs/next_frame.py:moving_digits", "config.image_shape=(36,36,1)")[0])
