"""Autoencoders: what is done to images, their networks, and the losses by hand."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm
from tools import PROJECT, autoencoder, shrunk

from gan_zoo import config as configs
from gan_zoo import data, evaluate, losses
from gan_zoo.corruptions import CORRUPTIONS
from gan_zoo.errors import UserError
from gan_zoo.reconstructions import reconstruction_scores
from gan_zoo.registry import find
from gan_zoo.step import new_state
from gan_zoo.trained import Trained
from gan_zoo.translations import translation_scores

KEY = jax.random.key(0)


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
    run = autoencoder(f"config.loss={loss}", "config.corruption=centre", "config.level=0.5")
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
    run = autoencoder("config.beta=1.0", name="vae")
    value, (_, metrics) = run.game.players["autoencoder"].loss(run.nets, {"image": images(8)}, KEY, 0)
    assert float(value) == pytest.approx(-float(metrics["elbo"]), rel=1e-6)
    parts = metrics["reconstruction"] * 64 + metrics["kl"]
    assert float(value) == pytest.approx(float(parts), rel=1e-5)
    twice = autoencoder("config.beta=3.0", name="vae").game.players["autoencoder"]
    assert float(twice.loss(run.nets, {"image": images(8)}, KEY, 0)[0] - value) == pytest.approx(
        2 * float(metrics["kl"]), rel=1e-4
    )


def test_the_likelihood_of_mse_is_a_normal_density():
    """Of a variational one: scipy's density of the pixels, in scores and in training."""
    run = autoencoder("config.loss=mse", "config.pixel_deviation=0.25", name="vae")
    given = np.asarray(images(8))
    found = run.probe("nats", given, seed=3)
    assert set(found) == {"elbo", "kl"} == set(reconstruction_scores(run, 20, {})) & {"elbo", "kl", "cross_entropy"}
    run.nets = {**run.nets, "decoder": jax.tree.map(jnp.zeros_like, run.nets["decoder"])}  # every pixel is 0.5
    found = run.probe("nats", given)
    wanted = norm.logpdf((given + 1) / 2, 0.5, 0.25).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found["elbo"] + found["kl"], wanted, rtol=1e-5)
    value, (_, metrics) = run.game.players["autoencoder"].loss(run.nets, {"image": jnp.asarray(given)}, KEY, 0)
    assert float(metrics["reconstruction"]) * 64 == pytest.approx(-wanted.mean(), rel=1e-5)
    assert float(value) == pytest.approx(-float(metrics["elbo"]), rel=1e-6)
    assert reconstruction_scores(run, 20, {})["elbo"]["pixels"] == "normal, deviation 0.25"


def known_code(deviation=0.7, mean=0.4):
    """A VAE whose code is the same normal distribution for every image, and whose first pixel's logit is z[0]."""
    run = autoencoder("config.encoder.hidden=()", "config.decoder.hidden=()", "config.latent_size=3", name="vae")
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
    run = autoencoder("config.loss=bce")
    run.nets = {**run.nets, "decoder": jax.tree.map(jnp.zeros_like, run.nets["decoder"])}
    found = run.probe("nats", np.asarray(images(5)))
    assert set(found) == {"cross_entropy"}
    np.testing.assert_allclose(found["cross_entropy"], 64 * np.log(2), rtol=1e-5)


def test_features_are_compared_if_an_extractor_is_named():
    with pytest.raises(UserError, match="fid need --extractor=NAME"):
        evaluate.evaluate(autoencoder(), metrics=["fid"])


def test_a_variational_one_is_scored_as_a_generator(tmp_path):
    run = autoencoder("config.eval_samples=400", name="vae")
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
    run = autoencoder("config.dataset=domains:digits:1:0")
    assert translation_scores(run, 20, {}) == {}
    assert "psnr" in evaluate.evaluate(run, samples=20)["scores"]
    with pytest.raises(UserError, match="cannot translate inputs"):
        run.make("sample", np.zeros((1, 8, 8, 1)))
    config, _ = shrunk("configs/gan.py:digits", "config.dataset=domains:digits:1:0")
    spec, (phase,) = configs.build(config)
    gan = Trained(config, spec, phase.game, new_state(phase.game, KEY, data.example(spec, 8)), 0)
    assert translation_scores(gan, 20, {}) == {}


def test_samples_of_a_variational_one_are_made_of_noise():
    run = autoencoder(name="vae")
    latents = run.latents(5)
    assert latents["noise"].shape == (5, run.config.latent_size)
    assert run.draw(latents).shape == (5, 8, 8, 1)
    with pytest.raises(UserError, match="makes its samples of images"):
        autoencoder().latents(5)


def test_a_context_encoder_has_two_players():
    """The discriminator sees the picture with its hole filled; outside the hole it is the one that was given."""
    sizes = ["config.discriminator.receptive_field=1", "config.discriminator.width=4"]
    run = autoencoder("config.corruption=centre", "config.level=0.5", "config.adversarial_weight=0.25", *sizes)
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
    run, batch = autoencoder("config.architecture=mlp_autoencoder", *hole, *sizes), {"image": images(8)}
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


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["config.latent_size=0"], "from 1"),
        (["config.corruption=square", "config.level=1.5"], "below 1"),
        (["config.corruption=centre", "config.level=0.05"], "no hole"),
        (["config.corruption=pixels", "config.level=0.0"], "above 0"),
        (["config.corruption=masking", "config.level=0.0"], "above 0"),
        (["config.corruption=gaussian", "config.level=inf"], "config.level is inf"),
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
        (["config.beta=4.0"], "config.beta is not used"),
        (["config.variational=True", "config.loss=bce", "config.pixel_deviation=0.5"], "config.loss=mse"),
        (["config.variational=True", "config.pixel_deviation=0.0"], "above 0"),
        (["config.dataset=25gaussians"], "holds none"),
        (["config.image_shape=(9,9,1)"], "architecture=mlp_autoencoder"),
    ],
)
def test_settings_that_do_not_fit(overrides, words):
    with pytest.raises(UserError, match=words):
        configs.build(configs.load(str(PROJECT / "configs/autoencoder.py:digits"), overrides))
