"""Autoencoders: what is done to images, the losses by hand, and how what is made is scored."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from tools import PROJECT, noise, shrunk, write_image

from gan_zoo import config as configs
from gan_zoo import data, losses
from gan_zoo.__main__ import main
from gan_zoo.corruptions import CORRUPTIONS
from gan_zoo.errors import UserError
from gan_zoo.reconstructions import codes, decoded, errors, nearest, reconstruction_scores
from gan_zoo.registry import find
from gan_zoo.step import new_state
from gan_zoo.trained import Trained

KEY = jax.random.key(0)


def trained(*overrides, name="digits"):
    """An untrained run on digits."""
    config = configs.load(str(PROJECT / f"configs/autoencoder.py:{name}"), ["config.dataset=digits", *overrides])
    spec, (phase,) = configs.build(config)
    state = new_state(phase.game, KEY, data.example(spec, 8))
    return Trained(config, spec, phase.game, state, 0)


def images(number=64, shape=(8, 8, 1)):
    return jnp.asarray(np.random.default_rng(0).uniform(-0.9, 0.9, (number, *shape)), jnp.float32)


def test_gaussian_noise_has_its_deviation_in_units_of_0_to_1():
    flat = jnp.zeros((50, 20, 20, 1))
    noisy, missing = CORRUPTIONS["gaussian"](KEY, flat, 0.1)
    assert float((noisy / 2).std()) == pytest.approx(0.1, rel=0.02) and not missing.any()
    assert np.abs(CORRUPTIONS["gaussian"](KEY, flat, 3.0)[0]).max() == 1


@pytest.mark.parametrize("name, values", [("masking", {-1}), ("salt_and_pepper", {-1, 1})])
def test_struck_pixels(name, values):
    given = images(shape=(8, 8, 3))
    struck, missing = CORRUPTIONS[name](KEY, given, 0.25)
    changed = np.asarray(struck != given)
    assert (changed.all(axis=-1) == changed.any(axis=-1)).all()  # all channels of a pixel
    assert changed.mean() == pytest.approx(0.25, abs=0.03) and not missing.any()
    found, counts = np.unique(np.asarray(struck)[changed], return_counts=True)
    assert set(found) == values and counts.min() / counts.sum() > 0.8 / len(values)


@pytest.mark.parametrize("name, share", [("pixels", 0.5), ("centre", 0.25), ("square", 0.25)])
def test_holes_are_gray_and_told(name, share):
    given = images()
    holed, missing = CORRUPTIONS[name](KEY, given, 0.5)
    assert missing.shape == (64, 8, 8, 1)
    np.testing.assert_array_equal(holed, np.where(missing, 0, given))
    shares = np.asarray(missing).mean(axis=(1, 2, 3))
    assert shares.mean() == pytest.approx(share, abs=0.03)
    if name == "centre":
        assert missing[:, 2:6, 2:6].all()
    if name == "square":
        assert (shares == share).all() and len(np.unique(np.asarray(missing), axis=0)) > 5


def test_the_divergence_is_a_monte_carlo_estimate():
    mean, log_variance = np.array([0.5, -1.0, 0.0]), np.array([-1.0, 0.3, -2.0])
    exact = float(losses.normal_divergence(jnp.asarray(mean)[None], jnp.asarray(log_variance)[None])[0])
    deviation = np.exp(log_variance / 2)
    z = mean + deviation * np.random.default_rng(0).normal(size=(400_000, 3))
    estimate = (norm.logpdf(z, mean, deviation) - norm.logpdf(z)).sum(axis=1).mean()
    assert exact == pytest.approx(estimate, rel=0.01)
    assert float(losses.normal_divergence(jnp.zeros((1, 3)), jnp.zeros((1, 3)))[0]) == 0


@pytest.mark.parametrize("name", ["autoencoder", "mlp_autoencoder"])
@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (16, 24, 3)])
def test_encoders_and_decoders_of_any_size(name, shape):
    family, image = find("architectures", name), jnp.zeros((2, *shape))
    encoder, decoder = family.Encoder(7), family.Decoder(shape)
    code = jax.eval_shape(lambda: encoder.init_with_output(KEY, image, train=True)[0])
    assert code.shape == (2, 7)
    made = jax.eval_shape(lambda: decoder.init_with_output(KEY, jnp.zeros((2, 7)), train=True)[0])
    assert made.shape == image.shape


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_the_loss_by_hand(loss):
    """Mean squares, or cross entropies, of pixels in [0, 1]; of holes over what was missing."""
    run = trained(f"config.loss={loss}", "config.corruption=centre", "config.level=0.5")
    batch = {"image": images(8)}
    value, (_, metrics) = run.game.players["autoencoder"].loss(run.nets, batch, KEY, 0)
    # At the start the decoder's last bias is 0; with its kernel at 0 every logit is: each pixel is 1/2.
    blank = jax.tree.map(jnp.zeros_like, run.nets["decoder"]["params"])
    flat = {**run.nets, "decoder": {**run.nets["decoder"], "params": blank}}
    unit = (np.asarray(batch["image"])[:, 2:6, 2:6] + 1) / 2
    wanted = np.mean((0.5 - unit) ** 2) if loss == "mse" else np.log(2)
    found = run.game.players["autoencoder"].loss(flat, batch, KEY, 0)[0]
    assert float(found) == pytest.approx(wanted, rel=1e-5)
    assert float(value) == float(metrics["reconstruction"]) != float(found)


def test_the_variational_loss_is_the_negative_elbo():
    run = trained("config.beta=1.0", name="vae")
    value, (_, metrics) = run.game.players["autoencoder"].loss(run.nets, {"image": images(8)}, KEY, 0)
    assert float(value) == pytest.approx(-float(metrics["elbo"]), rel=1e-6)
    parts = metrics["reconstruction"] * 64 + metrics["kl"]
    assert float(value) == pytest.approx(float(parts), rel=1e-5)
    twice = trained("config.beta=3.0", name="vae").game.players["autoencoder"]
    assert float(twice.loss(run.nets, {"image": images(8)}, KEY, 0)[0] - value) == pytest.approx(
        2 * float(metrics["kl"]), rel=1e-4
    )


def test_samples_of_a_variational_one_are_made_of_noise():
    run = trained(name="vae")
    latents = run.latents(5)
    assert latents["noise"].shape == (5, run.config.latent_size)
    assert run.draw(latents).shape == (5, 8, 8, 1)
    with pytest.raises(UserError, match="makes its samples of images"):
        trained().latents(5)


def test_a_context_encoder_has_two_players():
    """The discriminator sees the picture with its hole filled; outside the hole it is the one that was given."""
    sizes = ["config.discriminator.receptive_field=1", "config.discriminator.width=4"]
    run = trained("config.corruption=centre", "config.level=0.5", "config.adversarial_weight=0.25", *sizes)
    batch = {"image": images(8)}
    total, (_, parts) = run.game.players["autoencoder"].loss(run.nets, batch, KEY, 0)
    assert float(total) == pytest.approx(0.75 * float(parts["reconstruction"]) + 0.25 * float(parts["adversarial"]))
    made = run.probe("restore", np.asarray(batch["image"]))
    outside = np.asarray(made["missing"]) == 0
    np.testing.assert_array_equal(made["image"][outside], np.asarray(batch["image"])[outside])
    assert set(run.game.players) == {"discriminator", "autoencoder"}


def unmended(run):
    """Lets a run give back what it was given."""
    restore = run.game.probes["restore"]

    def same(nets, batch, rng):
        made = restore(nets, batch, rng)
        return {**made, "image": made["given"]}

    run.game = dataclasses.replace(run.game, probes={**run.game.probes, "restore": same})


def test_scores_of_noise_that_is_not_mended():
    """An autoencoder that gives back what it was given has the PSNR of the noise."""
    run = trained("config.corruption=gaussian", "config.level=0.1")
    unmended(run)
    scores = reconstruction_scores(run, 200, {"version": "1"})
    assert scores["psnr"]["value"] == scores["psnr_noisy"]["value"] == pytest.approx(21.5, abs=1.5)
    assert scores["psnr"]["corruption"] == "gaussian" and scores["psnr"]["fake_samples"] == 200
    assert 0 < scores["precision_at_10"]["value"] < 1


def test_scores_of_holes_filled_with_gray():
    run = trained("config.corruption=centre", "config.level=0.5")
    unmended(run)
    scores = reconstruction_scores(run, 1000, {})
    test, train = (data.load("digits", split).arrays["image"] / 255 for split in ("test", "train"))
    hole = test[:, 2:6, 2:6]
    assert scores["mask_error"]["value"] == pytest.approx(np.mean((hole - 128 / 255) ** 2), abs=2e-3)
    mean = train.mean(axis=0)[2:6, 2:6]
    assert scores["mask_error_of_mean"]["value"] == pytest.approx(np.mean((hole - mean) ** 2), rel=1e-6)


def test_a_set_without_one_class():
    whole = data.load("digits", "train").arrays["label"]
    train, test = (data.load("without:digits:3", split) for split in ("train", "test"))
    assert train.size == (whole != 3).sum() and not train.arrays["label"].any()
    assert test.arrays["label"].sum() == (data.load("digits", "test").arrays["label"] == 3).sum() > 0
    scores = reconstruction_scores(trained("config.dataset=without:digits:3"), 360, {})
    assert 0 < scores["anomaly_auc"]["value"] < 1 and "precision_at_10" not in scores
    few = reconstruction_scores(trained("config.dataset=without:digits:3"), 1, {})
    assert "anomaly_auc" not in few and "psnr" in few  # an area needs both kinds
    for name, words in {"without:digits:10": "10 labels", "without:digits": "write without:DATA:LABEL"}.items():
        with pytest.raises(UserError, match=words):
            data.spec(name)


def test_few_images_are_of_all_classes(monkeypatch):
    """Folders lie class by class: scores of the first few would be of one."""
    run, seen = trained(), []
    order = np.argsort(run.test.arrays["label"], kind="stable")
    arrays = {key: x[order] for key, x in run.test.arrays.items()}
    by_class = dataclasses.replace(run.test, arrays=arrays, take=lambda i: {key: x[i] for key, x in arrays.items()})
    monkeypatch.setattr(Trained, "test", by_class)
    monkeypatch.setattr("gan_zoo.reconstructions._precision", lambda run, truth: seen.extend(truth["label"]) or 0.0)
    reconstruction_scores(run, 20, {})
    assert len(seen) == 20 and set(seen) == set(range(10))


def test_codes_do_not_depend_on_what_else_is_encoded():
    run, test = trained(), data.load("digits", "test").arrays["image"]
    np.testing.assert_allclose(codes(run, test[:7])[:3], codes(run, test[:3]), atol=1e-6)


def test_decoded_codes_are_what_is_restored():
    run, test = trained(), data.load("digits", "test").arrays["image"][:6]
    made = decoded(run, codes(run, test).reshape(2, 3, -1))
    assert made.shape == (2, 3, 8, 8, 1)
    restored = run.probe("restore", test / np.float32(127.5) - 1)["image"]
    np.testing.assert_allclose(made.reshape(6, 8, 8, 1), restored, atol=1e-5)


def test_training_images_find_themselves():
    run = trained()
    near, distances = nearest(run, run.train.arrays["image"][[3, 50]], 4)
    assert near[:, 0].tolist() == [3, 50] and near.shape == distances.shape == (2, 4)
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-4)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_errors_are_those_that_are_scored():
    """The area under the ROC curve of `errors` is the score; an image that is made exactly has none."""
    run = trained("config.dataset=without:digits:3")
    found = errors(run, run.test.arrays["image"])
    area = roc_auc_score(run.test.arrays["label"], found)
    assert reconstruction_scores(run, 1000, {})["anomaly_auc"]["value"] == pytest.approx(area)
    unmended(run)
    assert (errors(run, run.test.arrays["image"][:4]) == 0).all()
    with pytest.raises(UserError, match="name the run of an autoencoder"):
        gan, _ = shrunk("configs/gan.py:digits")
        spec, (phase,) = configs.build(gan)
        state = new_state(phase.game, KEY, data.example(spec, 8))
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
    table = run_folder / "errors.csv"
    assert main(["score", f"--workdir={run_folder}/run", f"--input={run_folder}/images", f"--output={table}"]) == 0
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert len(rows) == 4 and {Path(name).stem for name, _ in rows[1:]} == {"known", "blank", "noise"}
    found = [float(error) for _, error in rows[1:]]
    assert found == sorted(found, reverse=True) and found[-1] > 0 and "blank.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["retrieve", "--workdir=nowhere"], "--query=IMAGE_OR_FOLDER"),
        (["retrieve", "--workdir=nowhere", "--query=x.png", "--num=0"], "--num of 1 or more"),
        (["score", "--workdir=nowhere"], "--input=IMAGE_OR_FOLDER"),
        (["score", "--workdir=nowhere", "--input=x.png"], "holds no run"),
    ],
)
def test_commands_that_miss_something(arguments, words, refused_here):
    refused_here(arguments, words)


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["config.latent_size=0"], "from 1"),
        (["config.corruption=square", "config.level=1.5"], "below 1"),
        (["config.corruption=centre", "config.level=0.05"], "no hole"),
        (["config.corruption=pixels", "config.level=0.0"], "no hole"),
        (["config.corruption=gaussian", "config.level=-0.1"], "config.level is -0.1"),
        (["config.beta=-1.0"], "config.beta"),
        (["config.adversarial_weight=1.5", "config.discriminator.receptive_field=1"], "between 0 and 1"),
        (["config.adversarial_weight=0.001"], "receptive field of 70 needs images of at least 24"),
        (["config.variational=True", "config.corruption=gaussian"], "whole images"),
        (["config.variational=True"], "config.loss=bce"),
        (["config.dataset=25gaussians"], "holds none"),
        (["config.image_shape=(9,9,1)"], "architecture=mlp_autoencoder"),
    ],
)
def test_settings_that_do_not_fit(overrides, words):
    with pytest.raises(UserError, match=words):
        configs.build(configs.load(str(PROJECT / "configs/autoencoder.py:digits"), overrides))
