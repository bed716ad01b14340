"""Autoencoders: what is done to images, the losses by hand, and how what is made is scored."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import median_filter
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from tools import PROJECT, noise, shrunk, write_image

from gan_zoo import config as configs
from gan_zoo import data, evaluate, figures, losses
from gan_zoo.__main__ import main
from gan_zoo.compare import ROWS, side_by_side
from gan_zoo.corruptions import CORRUPTIONS
from gan_zoo.data.images import to_bytes
from gan_zoo.errors import UserError
from gan_zoo.metrics import extractors
from gan_zoo.reconstructions import codes, decoded, errors, nearest, reconstruction_scores, restored
from gan_zoo.registry import find
from gan_zoo.step import new_state
from gan_zoo.trained import Trained, load
from gan_zoo.translations import translation_scores

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


def test_a_square_is_as_likely_everywhere():
    _, missing = CORRUPTIONS["square"](KEY, jnp.zeros((20_000, 7, 7, 1)), 0.5)
    assert (np.asarray(missing).sum(axis=(1, 2, 3)) == 16).all()  # 4 x 4
    begins = np.asarray(missing)[..., 0].any(axis=2).argmax(axis=1)
    np.testing.assert_allclose(np.bincount(begins) / 20_000, 0.25, atol=0.01)


def test_autoencoders_side_by_side():
    runs = [trained(), trained("config.loss=bce")]
    shown = side_by_side(["one", "two"], runs)
    batch = runs[0].examples(ROWS)["image"]
    columns = [*(run.probe("restore", batch)["image"] for run in runs), batch]
    np.testing.assert_array_equal(shown, figures.comparison(np.stack(columns, axis=1), ["one", "two", "truth"]))


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


def known_code(deviation=0.7, mean=0.4):
    """A VAE whose code is the same normal distribution for every image, and whose first pixel's logit is z[0]."""
    run = trained("config.encoder.hidden=()", "config.decoder.hidden=()", "config.latent_size=3", name="vae")
    nets = jax.tree.map(jnp.zeros_like, run.nets)
    encoder, decoder = (nets[name]["params"]["Dense_0"] for name in ("encoder", "decoder"))
    encoder["bias"] = jnp.array([mean, 0.0, -1.0, 2 * np.log(deviation), 0.0, 1.0])
    decoder["kernel"] = decoder["kernel"].at[0, 0].set(1.0)
    run.nets = nets
    return run


def test_codes_are_drawn_from_their_distribution():
    """Of black images the first pixel costs softplus(z[0]) and each other one log 2, so z can be told."""
    run, number = known_code(), 4000
    black = np.full((number, 8, 8, 1), -1, np.float32)
    found = run.probe("nats", black)
    z = np.log(np.expm1(np.asarray(found["cross_entropy"], np.float64) - 63 * np.log(2)))
    assert z.mean() == pytest.approx(0.4, abs=0.04) and z.std() == pytest.approx(0.7, abs=0.03)
    kl = sum((m**2 + np.exp(v) - 1 - v) / 2 for m, v in ((0.4, 2 * np.log(0.7)), (0, 0), (-1, 1)))
    np.testing.assert_allclose(found["kl"], kl, rtol=1e-5)
    np.testing.assert_allclose(found["elbo"], -found["cross_entropy"] - kl, rtol=1e-5)
    # In training too: the mean of softplus(z), which is not softplus of the mean.
    _, (_, metrics) = run.game.players["autoencoder"].loss(run.nets, {"image": jnp.asarray(black)}, KEY, 0)
    wide = known_code(deviation=3.0)
    _, (_, wider) = wide.game.players["autoencoder"].loss(wide.nets, {"image": jnp.asarray(black)}, KEY, 0)
    for metric, deviation in ((metrics, 0.7), (wider, 3.0)):
        expected = np.logaddexp(0, 0.4 + deviation * np.random.default_rng(0).normal(size=200_000)).mean()
        assert float(metric["reconstruction"]) * 64 - 63 * np.log(2) == pytest.approx(expected, rel=0.05)


def test_nats_of_a_plain_one_are_cross_entropies_of_whole_images():
    run = trained("config.loss=bce")
    run.nets = {**run.nets, "decoder": jax.tree.map(jnp.zeros_like, run.nets["decoder"])}
    found = run.probe("nats", np.asarray(images(5)))
    assert set(found) == {"cross_entropy"}
    np.testing.assert_allclose(found["cross_entropy"], 64 * np.log(2), rtol=1e-5)


def test_a_variational_one_is_scored_as_a_generator(tmp_path):
    run = trained("config.eval_samples=400", name="vae")
    run.nets["decoder"]["params"]["Dense_1"]["bias"] += jnp.linspace(-4, 4, 64)  # not all gray
    assert {"sample", "reconstructions"} <= set(run.pictures)
    rows = run.view("sample", run.shown("sample", 2, 3))["image"]
    assert rows.shape == (6, 8, 8, 1) and len(np.unique(rows, axis=0)) == 6
    assert run.sample(num=400).shape[0] == 400 > run.test.size
    judged = SimpleNamespace(spec=run.spec, held_out=run.test, asked=False, extractor=None, place=("digits", (), 0))
    judged.labels = lambda number: (np.zeros(number, np.int32), "none")
    looked = []
    judged.extractor, judged.classifier = "features", None
    judged.real = run.train
    judged.scores = lambda fake, metrics, how: looked.append(fake) or {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "look", lambda extractor, parts, number, name: (number, sum(map(len, parts))))
        scores = evaluate.evaluate(run, judged)["scores"]
    assert looked == [(400, 400)] and {"elbo", "kl", "psnr"} <= set(scores)


def test_data_that_bring_an_input_are_encoded_all_the_same():
    """Of two domains, or pairs, an autoencoder and a GAN learn the images: nothing is translated."""
    run = trained("config.dataset=domains:digits:1:0")
    assert translation_scores(run, 20, {}) == {}
    assert "psnr" in evaluate.evaluate(run, samples=20)["scores"]
    with pytest.raises(UserError, match="cannot translate inputs"):
        run.make("sample", np.zeros((1, 8, 8, 1)))
    config, _ = shrunk("configs/gan.py:digits", "config.dataset=domains:digits:1:0")
    spec, (phase,) = configs.build(config)
    gan = Trained(config, spec, phase.game, new_state(phase.game, KEY, data.example(spec, 8)), 0)
    assert translation_scores(gan, 20, {}) == {}


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


def test_the_losses_of_a_context_encoder_by_hand():
    """Cross entropy of the picture as it was against the one with its hole filled; without BatchNorm, so one by one."""
    sizes = ["config.discriminator.receptive_field=1", "config.discriminator.width=4"]
    hole = ["config.corruption=centre", "config.level=0.5", "config.adversarial_weight=0.25"]
    run, batch = trained("config.architecture=mlp_autoencoder", *hole, *sizes), {"image": images(8)}
    run.nets["discriminator"] = jax.tree.map(lambda x: 20 * x, run.nets["discriminator"])  # logits far from 0
    made = run.probe("restore", np.asarray(batch["image"]))["image"]
    judge = find("architectures", "patchgan").Discriminator(width=4, receptive_field=1)
    logits = lambda x: judge.apply(run.nets["discriminator"], x, train=True, mutable="batch_stats")[0]
    on_real, on_fake = logits(batch["image"]), logits(made)
    assert abs(float(on_real.mean() - on_fake.mean())) > 0.1
    total, (_, metrics) = run.game.players["discriminator"].loss(run.nets, batch, KEY, 0)
    wanted = float(jnp.mean(jax.nn.softplus(-on_real)) + jnp.mean(jax.nn.softplus(on_fake)))
    assert float(total) == pytest.approx(wanted, rel=1e-4)
    assert float(metrics["real"]) == pytest.approx(float(on_real.mean()), abs=1e-5)
    _, (_, parts) = run.game.players["autoencoder"].loss(run.nets, batch, KEY, 0)
    assert float(parts["adversarial"]) == pytest.approx(float(jnp.mean(jax.nn.softplus(-on_fake))), rel=1e-4)


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
    run = trained("config.corruption=gaussian", "config.level=0.1")
    unmended(run)
    scores = reconstruction_scores(run, 200, {"version": "1"})
    assert scores["psnr"]["value"] == scores["psnr_noisy"]["value"] == pytest.approx(21.5, abs=1.5)
    assert scores["psnr"]["corruption"] == "gaussian" and scores["psnr"]["fake_samples"] == 200
    truth = run.test.arrays["image"][np.arange(200) * run.test.size // 200]
    given = to_bytes(run.probe("restore", truth / np.float32(127.5) - 1)["given"])
    smooth = median_filter(given, (1, 3, 3, 1), mode="nearest")
    errors = np.mean((smooth / 255 - truth / 255) ** 2, axis=(1, 2, 3))
    assert scores["psnr_median_filter"]["value"] == pytest.approx(float((-10 * np.log10(errors)).mean()), rel=1e-6)


def test_precision_by_hand():
    """Of the ten training images with the nearest codes: the share that has the label."""
    run = trained()
    train, test = run.train.arrays, run.test.arrays
    away = np.linalg.norm(codes(run, test["image"])[:, None] - codes(run, train["image"])[None], axis=-1)
    near = train["label"][np.argsort(away, axis=1)[:, :10]]
    wanted = (near == test["label"][:, None]).mean()
    found = reconstruction_scores(run, 1000, {})["precision_at_10"]["value"]
    assert 0.2 < found < 1 and found == pytest.approx(wanted, abs=1e-3)  # equal distances may change places


def test_scores_of_holes_filled_with_gray():
    run = trained("config.corruption=centre", "config.level=0.5")
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


def test_a_set_without_one_class():
    whole = data.load("digits", "train").arrays["label"]
    train, test = (data.load("without:digits:3", split) for split in ("train", "test"))
    assert train.size == (whole != 3).sum() and not train.arrays["label"].any()
    assert test.arrays["label"].sum() == (data.load("digits", "test").arrays["label"] == 3).sum() > 0
    scores = reconstruction_scores(trained("config.dataset=without:digits:3"), 360, {})
    assert 0 < scores["anomaly_auc"]["value"] < 1 and "precision_at_10" not in scores
    assert not extractors.has_classes(train.spec)  # a classifier would have one class to learn
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
    remembering(run)
    assert (errors(run, run.test.arrays["image"][:4]) == 0).all()
    noisy = trained("config.corruption=gaussian", "config.level=0.5")
    remembering(noisy)  # its noise is for learning: it is not what strange images are told by
    assert (errors(noisy, run.test.arrays["image"][:4]) == 0).all()
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
    score = ["score", f"--workdir={tmp_path}/run", f"--input={tmp_path}/in"]
    assert main(score) == 2 and "fills holes in" in capsys.readouterr().err


def test_masks_of_any_place_and_size_are_filled_whole(tmp_path, monkeypatch):
    """A network that fills in white, and a mask that does not lie on its pixels: nothing of the gray is left."""
    run = trained("config.corruption=square", "config.level=0.5")
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


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["config.latent_size=0"], "from 1"),
        (["config.corruption=square", "config.level=1.5"], "below 1"),
        (["config.corruption=centre", "config.level=0.05"], "no hole"),
        (["config.corruption=pixels", "config.level=0.0"], "no hole"),
        (["config.corruption=centre", "config.level=0.95"], "leaves nothing of digits"),
        (["config.corruption=gaussian", "config.level=-0.1"], "config.level is -0.1"),
        (["config.level=nan"], "config.level is nan"),
        (
            [
                "config.loss=bce",
                "config.variational=True",
                "config.adversarial_weight=0.5",
                "config.discriminator.receptive_field=1",
            ],
            "no second player",
        ),
        (["config.beta=-1.0"], "config.beta"),
        (["config.adversarial_weight=1.5", "config.discriminator.receptive_field=1"], "from 0 to 1"),
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
