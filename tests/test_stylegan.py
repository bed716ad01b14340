"""StyleGAN and ProGAN: what a phase hands to the next, losses, styles and their commands."""

from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stylegan_runs import KEY, TINY, build, grown, play
from test_stylegan_networks import normal
from tools import PROJECT

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.architectures import progan, stylegan
from gan_zoo.errors import UserError
from gan_zoo.layers import average_pool, upsample
from gan_zoo.models.stylegan import at
from gan_zoo.train import Run, check_played
from gan_zoo.trained import Trained


def test_phases_and_their_lengths():
    sizes = ["config.image_shape=(32,32,1)", "config.batch_sizes=(16,8)", "config.thousands=(0.16,0.32)"]
    _, _, phases = build(*sizes, "config.fading_thousands=(0.08,)")
    told = [(phase.name, phase.rounds, phase.batch_size) for phase in phases]
    assert told == [
        ("4", 10, 16),
        *(("8-fade", 10, 8), ("8", 40, 8)),
        *(("16-fade", 10, 8), ("16", 40, 8)),
        *(("32-fade", 10, 8), ("32", 40, 8)),
    ]
    assert sum(phase.images for phase in phases) == 160 + 3 * (80 + 320)
    _, _, phases = build(*sizes, "config.fading_thousands=(0.0,)", "config.start=16", "config.batch_sizes=()")
    assert [(phase.name, phase.batch_size) for phase in phases] == [("16", 64), ("32", 64)]
    assert [at((1, 2), level) for level in range(4)] == [1, 2, 2, 2]
    _, _, phases = build("config.thousands=(0.001,)", "config.phases.8-fade=7")
    assert [(phase.name, phase.rounds) for phase in phases] == [("4", 1), ("8-fade", 7), ("8", 1)]


def test_the_average_forgets_by_images_and_faster_while_a_block_fades_in():
    _, _, phases = build("config.batch_sizes=(16,8)", "config.fading_thousands=(0.08,)", "config.half_life=0.5")
    decays = {phase.name: phase.game.ema["generator"] for phase in phases}
    assert decays == pytest.approx({"4": 0.5 ** (16 / 500), "8-fade": 0.5 ** (8 / 4), "8": 0.5 ** (8 / 500)})


@pytest.mark.parametrize("override", ["config.rounds=4", "config.phases={'8-fade': 4}"])
def test_a_shorter_fade_ends_too(override):
    config, spec, phases = build()
    if override.startswith("config.rounds"):
        config.rounds = 4
    else:
        config.phases = {"8-fade": 4}
    fading = next(phase for phase in configs.build(config)[1] if phase.name == "8-fade")
    assert fading.rounds == 4
    (_, _, end, _) = play([fading], spec, rounds=4)[0]
    assert float(end.nets["generator"]["fade"]["alpha_8"]) == 1


@pytest.mark.parametrize("name, millions, last", [("paper", 25, "1024"), ("progan", 12, "1024")])
def test_papers_settings_show_as_many_images(name, millions, last):
    config = configs.load(str(PROJECT / f"configs/stylegan.py:{name}"), [])
    _, phases = configs.build(config)
    assert sum(phase.images for phase in phases) == pytest.approx(millions * 1e6, rel=1e-4)
    assert phases[-1].name == last and phases[0].name == str(config.start)


def test_a_new_phase_makes_the_images_of_the_one_before():
    config, spec, ((first, _, end, _), (second, start, _, _), _) = grown()
    batch = {**data.example(spec, 8), "noise": normal(8, 8)}
    seen = lambda phase, state: Trained(config, spec, phase.game, state, 0).view("sample", batch)["image"]
    before, after = seen(first, end), seen(second, start)
    assert before.shape == after.shape == (8, 8, 8, 1)
    assert np.abs(average_pool(before) - average_pool(after)).max() < 1e-6


def test_a_phase_carries_networks_and_averages_over_and_fades_step_by_step():
    _, _, ((_, _, end, _), (_, start, faded, _), (_, last, _, _)) = grown()
    for part in ("nets", "ema"):
        old, new = getattr(end, part)["generator"], getattr(start, part)["generator"]
        np.testing.assert_array_equal(old["average"]["w"], new["average"]["w"])
        jax.tree.map(
            np.testing.assert_array_equal,
            old["params"]["synthesis"],
            {k: new["params"]["synthesis"][k] for k in old["params"]["synthesis"]},
        )
    assert float(start.nets["generator"]["fade"]["alpha_8"]) == 0
    rounds = round(20_000 / 32)
    assert float(faded.nets["generator"]["fade"]["alpha_8"]) == pytest.approx(2 / rounds)
    assert "fade" not in last.nets["generator"]
    counts = [leaf for leaf in jax.tree.leaves(last.opt) if leaf.ndim == 0]
    assert counts and all(int(count) == 0 for count in counts)  # optimizers start fresh


def test_real_images_fade_too():
    config, spec, (_, fading, _) = build("config.conditional=False")
    image = normal(8, 8, 8, 1)
    coarse = upsample(average_pool(image))
    half = (image + coarse) / 2
    for alpha, faded in ((0.0, coarse), (0.5, half), (1.0, image)):
        np.testing.assert_allclose(progan.real(image, 8, alpha), faded, atol=1e-6)
    nets = fading.game.init(KEY, {"image": image})
    loss = jax.jit(fading.game.players["discriminator"].loss)
    told = loss(nets, {"image": image}, KEY, jnp.asarray(fading.rounds // 2))[1][1]["real"]
    network = stylegan.Discriminator(8, 0, **config.discriminator)
    alpha = fading.rounds // 2 / fading.rounds
    seen = progan.fade(coarse, image, alpha)
    by_hand = network.apply(nets["discriminator"], seen, alpha, train=True).mean()
    np.testing.assert_allclose(told, by_hand, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("regularizer", ["r1", "gradient_penalty"])
def test_the_discriminators_loss_is_its_parts(regularizer):
    """For one image the mean of the squared logits is the square of their mean."""
    own = [f"config.regularizer={regularizer}", "config.penalty_weight=3.0", "config.drift=0.5"]
    _, _, (first, *_) = build("config.conditional=False", *own)
    batch = {"image": 3 * normal(1, 8, 8, 1)}
    nets = first.game.init(KEY, batch)
    total, (_, told) = first.game.players["discriminator"].loss(nets, batch, KEY, jnp.asarray(0))
    parts = told["adversarial"] + 3 * told["penalty"] + 0.5 * told["real"] ** 2
    assert told["penalty"] > 0 and told["real"] ** 2 > 0
    np.testing.assert_allclose(total, parts, rtol=1e-5)


def test_styles_are_mixed_as_often_as_asked(monkeypatch):
    """Over many minibatches: the share that is mixed, and the layers at which, each as often."""
    _, _, (_, _, last) = build("config.conditional=False", "config.mixing=0.3")
    batch, seen = {"image": normal(1, 8, 8, 1)}, []
    nets = last.game.init(KEY, batch)

    def note(module, variables, z, noises, alpha, label, other, cut):
        seen.append(cut)
        return jnp.zeros((1, 8, 8, 1)), {}

    judge = lambda module, variables, image, alpha: (image.sum(axis=(1, 2)), variables)
    pick = lambda module, variables, *given: (note if len(given) > 2 else judge)(module, variables, *given)
    monkeypatch.setattr("gan_zoo.models.stylegan.run", pick)

    def cut(rng):
        last.game.players["generator"].loss(nets, batch, rng, jnp.asarray(0))
        return seen.pop()

    cuts = np.asarray(jax.jit(jax.vmap(cut))(jax.random.split(KEY, 4000)))
    whole = (cuts == 4).mean()  # at no layer of the four
    assert whole == pytest.approx(0.7, abs=0.03)
    np.testing.assert_allclose([(cuts == layer).mean() for layer in (1, 2, 3)], 0.1, atol=0.02)


def test_each_size_has_its_own_rate():
    """Adam's first step is as long as the rate."""
    _, _, phases = build("config.learning_rates=(0.001, 0.004)", "config.thousands=(1, 2)")
    steps = {}
    for phase in phases:
        for player in phase.game.players.values():
            weights = {"w": jnp.ones(3)}
            moved, _ = player.optimizer.update(weights, player.optimizer.init(weights), weights)
            steps.setdefault(phase.name, []).append(float(-moved["w"][0]))
    np.testing.assert_allclose([steps["4"], steps["8"]], [[0.001] * 2, [0.004] * 2], rtol=1e-3)


def test_a_fade_of_another_length_begins_again():
    """A run that is given more rounds in the middle of a fade goes on from the phase before."""
    _, _, phases = build()
    run, info = SimpleNamespace(phases=phases), lambda *played, length: {"played": [*played], "length": length}
    first, fade, last = ([phase.name, phase.rounds] for phase in phases)
    at = lambda name, rounds: [name[0], rounds]
    assert Run._fits(run, info(at(first, 3), length=5))  # the first phase may become longer
    assert Run._fits(run, info(first, at(fade, 3), length=fade[1]))
    assert not Run._fits(run, info(first, at(fade, 3), length=fade[1] - 1))
    assert Run._fits(run, info(first, fade, at(last, 1), length=2))


@pytest.mark.parametrize("changed", [0, 1])
def test_phases_that_were_played_are_kept_or_told(changed):
    """More rounds that lengthen a phase which has ended would throw away what came after it."""
    _, _, phases = build()
    played = [(phase.name, phase.rounds) for phase in phases]
    seen = lambda played, length=9: check_played({"played": played, "length": length}, phases, Path("runs/a"))
    here = [*played[:2], (played[2][0], 1)]
    seen(here)
    seen(played)
    name, rounds = here[changed]
    here[changed] = (name, rounds + 5)
    with pytest.raises(UserError, match=f"them .*: --config.phases.{name}={rounds + 5} keeps") as told:  # and no other
        seen(here)
    assert "runs/a has played" in str(told.value)
    name, rounds = played[2]
    with pytest.raises(UserError, match=f"them .*: --config.phases.{name}={rounds + 1} keeps"):
        seen([*played[:2], (name, rounds + 1)])
    name, rounds = played[1]  # a fade: of another length it would begin again
    with pytest.raises(UserError, match=f"them .*: --config.phases.{name}={rounds + 9} keeps"):
        seen([played[0], (name, rounds + 1)], rounds + 9)


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["config.image_shape=(12,12,1)"], "power of two"),
        (["config.start=6"], "power of two"),
        (["config.start=16"], "8 pixels"),
        (["config.architecture=progan"], "config.mixing=0"),
        (["config.dataset=25gaussians"], "shape"),
        (["config.thousands=(0.0,)", "config.fading_thousands=(0.0,)"], "no images at 8 pixels"),
        (["config.thousands=(20.0,0.0)", "config.fading_thousands=(0.0,)"], "no images at 8 pixels"),
        (["config.image_shape=(16,16,1)", "config.thousands=(1,0,1)", "config.fading_thousands=(0,)"], "images at 8"),
        (["config.generator.base=3"], "base=3 leaves no features at 8 pixels: 4 is the least"),
        (["config.fading_thousands=()"], "one number each"),
        (["config.thousands=(1e308,)"], "must be from 0"),
        (["config.half_life=nan"], "half_life is nan"),
        (["config.generator.mapping_rate=0.0"], "mapping_rate is 0.0"),
        (["config.phases.8-fade=0"], "8-fade is 0"),
        (["config.phases.16-fade=5"], "unknown phase"),
        (["config.phases.8=many"], "number of rounds"),
        (["config.mixing=1.5"], "mixing is 1.5: it must be from 0 to 1"),
        (["config.batch_size=8"], "config.batch_sizes"),
        (
            ["config.learning_rates=(0.1,)", "config.generator_optimizer.learning_rate=0.1"],
            "config.generator_optimizer.learning_rate is not read beside config.learning_rates",
        ),
    ],
)
def test_settings_that_do_not_fit(overrides, words):
    given = overrides if "config.architecture=progan" in overrides else [*TINY, *overrides]
    with pytest.raises(UserError, match=words):
        configs.build(configs.load(str(PROJECT / "configs/stylegan.py:digits"), given))
