"""What autoencoders make of images: scores, nearest codes, and the commands that retrieve, score and restore."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import median_filter
from sklearn.metrics import roc_auc_score
from tools import autoencoder, noise, shrunk, write_image

from gan_zoo import config as configs
from gan_zoo import data, figures
from gan_zoo.__main__ import main
from gan_zoo.compare import ROWS, side_by_side
from gan_zoo.data.images import to_bytes
from gan_zoo.errors import UserError
from gan_zoo.metrics import extractors
from gan_zoo.metrics.images import psnr
from gan_zoo.reconstructions import codes, decoded, errors, nearest, reconstruction_scores, restored
from gan_zoo.step import new_state
from gan_zoo.trained import Trained, load


def test_autoencoders_side_by_side():
    runs = [autoencoder(), autoencoder("config.loss=bce")]
    shown = side_by_side(["one", "two"], runs)
    batch = runs[0].examples(ROWS)["image"]
    columns = [*(run.probe("restore", batch)["image"] for run in runs), batch]
    np.testing.assert_array_equal(shown, figures.comparison(np.stack(columns, axis=1), ["one", "two", "truth"]))


def unmended(run):
    """Lets a run give back what it was given."""
    restore = run.game.probes["restore"]

    def same(nets, batch, rng):
        made = restore(nets, batch, rng)
        return {**made, "image": made["given"]}

    run.game = dataclasses.replace(run.game, probes={**run.game.probes, "restore": same})


def remembering(run):
    """Lets a run's codes be the images themselves."""
    flat = lambda nets, batch, rng: batch["image"].reshape(len(batch["image"]), -1)
    image = lambda nets, batch, rng: batch["code"].reshape(-1, *run.spec.shape)
    run.game = dataclasses.replace(run.game, probes={**run.game.probes, "code": flat, "decode": image})


def test_scores_of_noise_that_is_not_mended():
    """An autoencoder that gives back what it was given has the PSNR of the noise; scipy filters it as we do."""
    run = autoencoder("config.corruption=gaussian", "config.level=0.1")
    unmended(run)
    scores = reconstruction_scores(run, 200, {"version": "1"})
    assert scores["psnr"]["value"] == scores["psnr_noisy"]["value"] == pytest.approx(21.5, abs=1.5)
    assert scores["psnr"]["corruption"] == "gaussian" and scores["psnr"]["fake_samples"] == 200
    truth = run.test.arrays["image"][np.arange(200) * run.test.size // 200]
    given = to_bytes(run.probe("restore", truth / np.float32(127.5) - 1)["given"])
    smooth = median_filter(given, (1, 3, 3, 1), mode="nearest")
    errors = np.mean((smooth / 255 - truth / 255) ** 2, axis=(1, 2, 3))
    assert scores["psnr_median_filter"]["value"] == pytest.approx(float((-10 * np.log10(errors)).mean()), rel=1e-6)


@pytest.mark.parametrize("hole", [[], ["config.corruption=centre", "config.level=0.5"]])
def test_scores_are_measured_of_few_images_at_a_time(monkeypatch, hole):
    """Whole test splits in floating point would not fit in memory; how many are held changes no score."""
    run, sizes = autoencoder(*hole), []
    whole = reconstruction_scores(run, 1000, {})
    measure = lambda made, truth: sizes.append(len(made)) or psnr(made, truth)
    monkeypatch.setattr("gan_zoo.reconstructions.psnr", measure)
    monkeypatch.setattr("gan_zoo.reconstructions.AT_ONCE", 100)
    parts = reconstruction_scores(run, 1000, {})
    assert len(sizes) > 2 and set(sizes) == {100} and parts.keys() == whole.keys()
    for name, score in whole.items():
        assert parts[name]["value"] == pytest.approx(score["value"], rel=1e-3)


def test_precision_by_hand():
    """Of the ten training images with the nearest codes: the share that has the label."""
    run = autoencoder()
    train, test = run.train.arrays, run.test.arrays
    away = np.linalg.norm(codes(run, test["image"])[:, None] - codes(run, train["image"])[None], axis=-1)
    near = train["label"][np.argsort(away, axis=1)[:, :10]]
    wanted = (near == test["label"][:, None]).mean()
    found = reconstruction_scores(run, 1000, {})["precision_at_10"]["value"]
    assert 0.2 < found < 1 and found == pytest.approx(wanted, abs=1e-3)  # equal distances may change places


def test_scores_of_holes_filled_with_gray():
    run = autoencoder("config.corruption=centre", "config.level=0.5")
    unmended(run)
    scores = reconstruction_scores(run, 1000, {})
    test, train = (data.load("digits", split).arrays["image"] / 255 for split in ("test", "train"))
    hole = test[:, 2:6, 2:6]
    assert scores["mask_error"]["value"] == pytest.approx(np.mean((hole - 128 / 255) ** 2), abs=2e-3)
    steps = [np.abs(np.diff(255 * hole[..., 0], axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
    assert scores["mask_sharpness"]["value"] == 0
    assert scores["mask_sharpness_of_truth"]["value"] == pytest.approx(np.mean(steps), rel=1e-6)
    mean = train.mean(axis=0)[2:6, 2:6]
    assert scores["mask_error_of_mean"]["value"] == pytest.approx(np.mean((hole - mean) ** 2), rel=1e-6)


def test_holes_that_no_image_has():
    run = autoencoder("config.corruption=pixels", "config.level=0.000001")
    scores = reconstruction_scores(run, 20, {})
    assert "psnr" in scores and "mask_error" not in scores


def test_a_set_without_one_class():
    whole = data.load("digits", "train").arrays["label"]
    train, test = (data.load("without:digits:3", split) for split in ("train", "test"))
    assert train.size == (whole != 3).sum() and not train.arrays["label"].any()
    assert test.arrays["label"].sum() == (data.load("digits", "test").arrays["label"] == 3).sum() > 0
    scores = reconstruction_scores(autoencoder("config.dataset=without:digits:3"), 360, {})
    assert 0 < scores["anomaly_auc"]["value"] < 1 and "precision_at_10" not in scores
    assert not extractors.has_classes(train.spec)  # a classifier would have one class to learn
    few = reconstruction_scores(autoencoder("config.dataset=without:digits:3"), 1, {})
    assert "anomaly_auc" not in few and "psnr" in few  # an area needs both kinds
    for name, words in {"without:digits:10": "10 labels", "without:digits": "write without:DATA:LABEL"}.items():
        with pytest.raises(UserError, match=words):
            data.spec(name)


def test_few_images_are_of_all_classes(monkeypatch):
    """Folders lie class by class: scores of the first few would be of one."""
    run, seen = autoencoder(), []
    order = np.argsort(run.test.arrays["label"], kind="stable")
    arrays = {key: x[order] for key, x in run.test.arrays.items()}
    by_class = dataclasses.replace(run.test, arrays=arrays, take=lambda i: {key: x[i] for key, x in arrays.items()})
    monkeypatch.setattr(Trained, "test", by_class)
    monkeypatch.setattr("gan_zoo.reconstructions._precision", lambda run, truth: seen.extend(truth["label"]) or 0.0)
    reconstruction_scores(run, 20, {})
    assert len(seen) == 20 and set(seen) == set(range(10))


def test_codes_do_not_depend_on_what_else_is_encoded():
    run, test = autoencoder(), data.load("digits", "test").arrays["image"]
    np.testing.assert_allclose(codes(run, test[:7])[:3], codes(run, test[:3]), atol=1e-6)


def test_decoded_codes_are_what_is_restored():
    run, test = autoencoder(), data.load("digits", "test").arrays["image"][:6]
    made = decoded(run, codes(run, test).reshape(2, 3, -1))
    assert made.shape == (2, 3, 8, 8, 1)
    restored = run.probe("restore", test / np.float32(127.5) - 1)["image"]
    np.testing.assert_allclose(made.reshape(6, 8, 8, 1), restored, atol=1e-5)


def test_training_images_find_themselves():
    run = autoencoder()
    near, distances = nearest(run, run.train.arrays["image"][[3, 50]], 4)
    assert near[:, 0].tolist() == [3, 50] and near.shape == distances.shape == (2, 4)
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-4)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_errors_are_those_that_are_scored():
    """The area under the ROC curve of `errors` is the score; an image that is made exactly has none."""
    run = autoencoder("config.dataset=without:digits:3")
    found = errors(run, run.test.arrays["image"])
    area = roc_auc_score(run.test.arrays["label"], found)
    assert reconstruction_scores(run, 1000, {})["anomaly_auc"]["value"] == pytest.approx(area)
    remembering(run)
    assert (errors(run, run.test.arrays["image"][:4]) == 0).all()
    noisy = autoencoder("config.corruption=gaussian", "config.level=0.5")
    remembering(noisy)  # its noise is for learning: it is not what strange images are told by
    assert (errors(noisy, run.test.arrays["image"][:4]) == 0).all()
    noisy = autoencoder("config.dataset=without:digits:3", "config.corruption=gaussian")
    area = roc_auc_score(run.test.arrays["label"], errors(noisy, run.test.arrays["image"]))
    assert reconstruction_scores(noisy, 1000, {})["anomaly_auc"]["value"] == pytest.approx(area)
    hole = autoencoder("config.dataset=without:digits:3", "config.corruption=centre")
    assert "anomaly_auc" not in reconstruction_scores(hole, 1000, {})
    with pytest.raises(UserError, match="name the run of an autoencoder"):
        gan, _ = shrunk("configs/gan.py:digits")
        spec, (phase,) = configs.build(gan)
        state = new_state(phase.game, jax.random.key(0), data.example(spec, 8))
        errors(Trained(gan, spec, phase.game, state, 0), run.test.arrays["image"][:4])


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run of two rounds on digits, and a folder of three pictures: a training image, blank, noise."""
    folder = tmp_path_factory.mktemp("autoencoder")
    small = ["--config.rounds=2", "--config.latent_size=4", "--config.encoder.width=4", "--config.decoder.width=4"]
    assert main(["configs/autoencoder.py:digits", f"--workdir={folder}/run", *small]) == 0
    first = data.load("digits", "train").arrays["image"][7]
    for name, image in {"known": first, "blank": np.zeros_like(first), "noise": noise(8, 8, 1)}.items():
        write_image(folder / "images" / f"{name}.png", Image.fromarray(image[..., 0]))
    return folder


def test_retrieval_on_the_command_line(run_folder, capsys):
    query = f"--query={run_folder}/images"
    assert main(["retrieve", f"--workdir={run_folder}/run", query, "--num=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    label = data.load("digits", "train").arrays["label"][7]
    assert f"known.png: training images 7 {label} (" in lines[1] and lines[-1].endswith("retrieved.png")
    with Image.open(lines[-1]) as picture:
        assert picture.width > 4 * 48 and picture.height > 3 * 48


def test_scores_of_ones_own_images(run_folder, capsys):
    table = run_folder / "new" / "errors.csv"
    arguments = ["score", f"--workdir={run_folder}/run", f"--input={run_folder}/images"]
    assert main([*arguments, f"--output={table}"]) == 0
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert len(rows) == 4 and {Path(name).stem for name, _ in rows[1:]} == {"known", "blank", "noise"}
    found = [float(error) for _, error in rows[1:]]
    assert found == sorted(found, reverse=True) and found[-1] > 0 and "blank.png" in capsys.readouterr().out


def test_restoring_ones_own_images(run_folder):
    """Of any size, and of other colours; a training image is made as its code says."""
    known = Image.open(run_folder / "images" / "known.png")
    write_image(run_folder / "large" / "sub" / "known.png", known.convert("RGB").resize((24, 16)))
    given = ["restore", f"--workdir={run_folder}/run", f"--output={run_folder}/restored"]
    for name in ("images", "large"):
        assert main([*given, f"--input={run_folder}/{name}"]) == 0
    run = load(run_folder / "run")
    with Image.open(run_folder / "restored" / "known.png") as image:
        wanted = restored(run, np.asarray(known)[None, ..., None])[0, ..., 0]
        np.testing.assert_array_equal(np.asarray(image), wanted)
    with Image.open(run_folder / "restored" / "sub" / "known.png") as image:
        assert image.size == (24, 16) and image.mode == "L"


def test_holes_are_filled_where_the_mask_says(tmp_path, capsys):
    small = ["--config.rounds=1", "--config.latent_size=4", "--config.encoder.width=4", "--config.decoder.width=4"]
    hole = ["--config.corruption=square", "--config.level=0.5"]
    assert main(["configs/autoencoder.py:digits", f"--workdir={tmp_path}/run", *small, *hole]) == 0
    mask = np.zeros((16, 16), np.uint8)
    mask[:8, :8] = 255
    write_image(tmp_path / "mask.png", Image.fromarray(mask))
    given = np.kron(data.load("digits", "test").arrays["image"][0, ..., 0], np.ones((2, 2), np.uint8))
    write_image(tmp_path / "in" / "digit.png", Image.fromarray(given))
    arguments = ["restore", f"--workdir={tmp_path}/run", f"--input={tmp_path}/in", f"--output={tmp_path}/out"]
    assert main([*arguments, f"--mask={tmp_path}/mask.png"]) == 0
    with Image.open(tmp_path / "out" / "digit.png") as image:
        made = np.asarray(image)
    np.testing.assert_array_equal(made[mask == 0], given[mask == 0])
    assert (made[:8, :8] != given[:8, :8]).any()
    # What lies below the mask is not seen.
    other = np.where(mask > 0, 255 - given, given)
    write_image(tmp_path / "in" / "digit.png", Image.fromarray(other))
    assert main([*arguments, f"--mask={tmp_path}/mask.png"]) == 0
    with Image.open(tmp_path / "out" / "digit.png") as image:
        np.testing.assert_array_equal(np.asarray(image), made)
    assert main(arguments) == 2 and "--mask=IMAGE" in capsys.readouterr().err
    write_image(tmp_path / "black.png", Image.fromarray(np.zeros_like(mask)))
    assert main([*arguments, f"--mask={tmp_path}/black.png"]) == 2 and "is black" in capsys.readouterr().err
    write_image(tmp_path / "white.png", Image.fromarray(np.full_like(mask, 255)))
    assert main([*arguments, f"--mask={tmp_path}/white.png"]) == 2 and "leaves nothing" in capsys.readouterr().err
    # A hole painted in white on nothing, as painting programs save it.
    write_image(tmp_path / "clear.png", Image.fromarray(np.stack([mask] * 4, axis=-1)))
    assert main([*arguments, f"--mask={tmp_path}/clear.png"]) == 0
    with Image.open(tmp_path / "out" / "digit.png") as image:
        np.testing.assert_array_equal(np.asarray(image), made)
    for size in ((32, 32), (16, 8)):
        other = Image.new("L", size)
        other.paste(255, (0, 0, size[0] // 2, size[1]))
        write_image(tmp_path / "other.png", other)
        assert main([*arguments, f"--mask={tmp_path}/other.png"]) == 2
        assert f"the mask is {size[0]}x{size[1]}" in capsys.readouterr().err
    for missing, words in (("none.png", "there is no image"), ("in", "which is a folder")):
        assert main([*arguments, f"--mask={tmp_path}/{missing}"]) == 2 and words in capsys.readouterr().err
    score = ["score", f"--workdir={tmp_path}/run", f"--input={tmp_path}/in"]
    assert main(score) == 2 and "fills holes in" in capsys.readouterr().err


def test_masks_of_any_place_and_size_are_filled_whole(tmp_path, monkeypatch):
    """A network that fills in white, and a mask that does not lie on its pixels: nothing of the gray is left."""
    run = autoencoder("config.corruption=square", "config.level=0.5")
    white = lambda nets, batch, rng: jnp.ones((len(batch["code"]), *run.spec.shape))
    run.game = dataclasses.replace(run.game, probes={**run.game.probes, "decode": white})
    monkeypatch.setattr("gan_zoo.trained.load", lambda folder, number: run)
    mask = np.zeros((80, 80), np.uint8)
    mask[13:37, 22:59] = 255
    write_image(tmp_path / "mask.png", Image.fromarray(mask))
    write_image(tmp_path / "in" / "one.png", Image.fromarray(np.full((80, 80), 255, np.uint8)))
    arguments = ["restore", "--workdir=run", f"--input={tmp_path}/in", f"--mask={tmp_path}/mask.png"]
    assert main([*arguments, f"--output={tmp_path}/out"]) == 0
    with Image.open(tmp_path / "out" / "one.png") as image:
        assert np.asarray(image).min() >= 250
    run.config.corruption = "centre"  # the same network, if it had learned the middle alone
    assert main([*arguments, f"--output={tmp_path}/out"]) == 2
    middle = np.zeros((80, 80), np.uint8)
    middle[20:60, 20:60] = 255
    write_image(tmp_path / "mask.png", Image.fromarray(middle))
    assert main([*arguments, f"--output={tmp_path}/out"]) == 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["restore", "--workdir=nowhere"], "--input=IMAGE_OR_FOLDER --output=DIR"),
        (["retrieve", "--workdir=nowhere", "--query=x.png", "--output=picture"], "ends in .png"),
        (["score", "--workdir=nowhere", "--input=x.png", "--output=table"], "ends in .csv"),
        (["sample", "--workdir=nowhere", "--output=picture"], "ends in .png"),
        (["retrieve", "--workdir=nowhere"], "--query=IMAGE_OR_FOLDER"),
        (["retrieve", "--workdir=nowhere", "--query=x.png", "--num=0"], "--num of 1 or more"),
        (["score", "--workdir=nowhere"], "--input=IMAGE_OR_FOLDER"),
        (["score", "--workdir=nowhere", "--input=x.png"], "holds no run"),
    ],
)
def test_commands_that_miss_something(arguments, words, refused_here):
    refused_here(arguments, words)
