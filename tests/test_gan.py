"""The noise-to-image family: what its losses compute, written out from its networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tools import shrunk

from gan_zoo import config as configs
from gan_zoo import data, losses
from gan_zoo.data.feed import read
from gan_zoo.errors import UserError
from gan_zoo.game import run
from gan_zoo.noise import NOISE, draw
from gan_zoo.registry import find
from gan_zoo.step import new_state
from gan_zoo.trained import Trained


@pytest.mark.parametrize(
    "name, overrides, passes",
    [
        ("configs/gan.py:25gaussians", [], 1),
        ("configs/cgan.py:digits", [f"config.discriminator.dropout_{where}=0.0" for where in ("input", "hidden")], 1),
        ("configs/sngan.py:digits", [], 2),
        ("configs/dcgan.py:digits", [], 2),
    ],
)
def test_the_discriminator_sees_real_and_fake_images_with_their_labels(name, overrides, passes):
    """One pass over both, where nothing couples or remembers, is the same as one over each."""
    with jax.enable_x64(True):
        config, _ = shrunk(name, "config.precision=float64", *overrides)
        spec, (phase,) = configs.build(config)
        source = data.load(config.dataset, "train")
        order = jnp.arange(config.batch_size)[None]
        batch = {key: x[0] for key, x in read(source.arrays, {"order": order}, jnp.float64).items()}
        nets = new_state(phase.game, jax.random.key(1), batch).nets
        rng = jax.random.key(2)
        player = phase.game.players["discriminator"]
        (value, (_, metrics)), gradient = jax.value_and_grad(
            lambda params: player.loss(
                {**nets, "discriminator": {**nets["discriminator"], "params": params}}, batch, rng, 0
            ),
            has_aux=True,
        )(nets["discriminator"]["params"])

        family = find("architectures", config.architecture)
        given = {"classes": spec.classes, "conditioning": config.conditioning}
        generator = family.Generator(shape=spec.shape, **given, **config.generator)
        spectral = config.regularizer == "spectral_norm"
        discriminator = family.Discriminator(spectral_norm=spectral, **given, **config.discriminator)
        label = None if config.conditioning == "none" else batch["label"]
        z = draw(NOISE[config.noise], jax.random.split(rng, 5)[0], batch, config.noise_size)
        fake, _ = run(generator, nets["generator"], z, label)

        def by_hand(params):
            variables = {**nets["discriminator"], "params": params}
            rngs = {"dropout": rng}
            on_real, variables = run(discriminator, variables, batch["image"], label, rngs=rngs)
            on_fake, _ = run(discriminator, variables, fake, label, rngs=rngs)
            return losses.ADVERSARIAL[config.loss].discriminator(on_real, on_fake)

        wanted, wanted_gradient = jax.value_and_grad(by_hand)(nets["discriminator"]["params"])
    assert (set(nets["discriminator"]) == {"params"}) == (passes == 1)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    np.testing.assert_allclose(metrics["adversarial"], wanted, rtol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), gradient, wanted_gradient)


def test_infogans_generator_need_not_care_for_the_codes():
    """Without maximizing, the bound of the information is left out of its loss, and stays in the other player's."""
    totals = {}
    for maximized in (True, False):
        config, _ = shrunk("configs/infogan.py:digits", f"config.maximized={maximized}")
        spec, (phase,) = configs.build(config)
        batch = data.example(spec, 8)
        nets = new_state(phase.game, jax.random.key(1), batch).nets
        for name, player in phase.game.players.items():
            totals[name, maximized], (_, parts) = player.loss(nets, batch, jax.random.key(2), 0)
            bound = config.categorical_weight * parts["mutual_information"]
            bound += config.continuous_weight * parts["continuous_log_likelihood"]
    np.testing.assert_allclose(totals["generator", False] - totals["generator", True], bound, rtol=1e-4)
    np.testing.assert_array_equal(totals["discriminator", False], totals["discriminator", True])


def trained(name, *overrides):
    """An untrained run, as ``gan_zoo.load`` would give it."""
    config, _ = shrunk(name, *overrides)
    spec, (phase,) = configs.build(config)
    state = new_state(phase.game, jax.random.key(1), data.example(spec, 8))
    return Trained(config, spec, phase.game, state, 0)


def test_samples_of_given_latents():
    """A game's own latents, given back to it, make the same samples; others are refused."""
    run = trained("configs/infogan.py:digits")
    latents = run.latents(6, seed=3)
    assert {name: x.shape for name, x in latents.items()} == {
        "category": (6,),
        "continuous": (6, run.config.continuous),
        "noise": (6, run.config.noise_size),
    }
    made = run.view("sample", data.example(run.spec, 6), seed=3)
    np.testing.assert_array_equal(run.draw(latents), made["image"])
    other = {**latents, "category": (latents["category"] + 1) % 10}
    assert not np.allclose(run.draw(other), made["image"], rtol=1e-3, atol=0)
    with pytest.raises(UserError, match="this game's are"):
        run.draw({"noise": latents["noise"]})
    with pytest.raises(UserError, match="makes its samples of images"):
        trained("configs/pix2pix.py:digits").latents(1)


def test_probes_of_the_discriminator():
    run = trained("configs/dcgan.py:digits", "config.conditioning=none")
    images = np.asarray(run.test.take(np.arange(5))["image"], np.float32) / 127.5 - 1
    first, last = run.probe("features", images)
    assert first.shape == (5, 4, 4, run.config.discriminator.width)
    head = run.nets["discriminator"]["params"]["output"]["kernel"]
    np.testing.assert_allclose(run.probe("logits", images), (last.reshape(5, -1) @ head)[:, 0], atol=1e-5)
    with pytest.raises(UserError, match="did you mean 'logits'"):
        run.probe("logit", images)


def test_a_critic_against_noisy_data_plays_alone():
    run = trained("configs/wgan_gp.py:swissroll", "config.noisy_data=True")
    assert set(run.nets) == set(run.game.players) == {"discriminator"}
    numbers = np.arange(4000)
    added = run.generate(4000, np.zeros(4000))["image"] - run.test.take(numbers)["image"]
    assert abs(added.mean()) < 0.05 and abs(added.std() - 1) < 0.05
