"""StyleGAN and ProGAN: what a phase hands to the next, losses, styles and their commands."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from test_stylegan_networks import NARROW, SMALL, normal
from tools import PROJECT, noise, write_image

from gan_zoo import config as configs
from gan_zoo import data, style_scores, styles
from gan_zoo.__main__ import main
from gan_zoo.architectures import progan, stylegan
from gan_zoo.errors import UserError
from gan_zoo.evaluate import evaluate
from gan_zoo.layers import average_pool, upsample
from gan_zoo.metrics.extractors import Extractor
from gan_zoo.metrics.separability import linear_separability, unseparated
from gan_zoo.models.stylegan import at
from gan_zoo.step import new_state, train_step
from gan_zoo.style_pictures import noise_picture
from gan_zoo.train import Run, check_played
from gan_zoo.trained import Trained

KEY = jax.random.key(0)
TINY = [f"config.generator.{name}={value}" for name, value in SMALL.items()] + [
    f"config.discriminator.{name}={value}" for name, value in NARROW.items()
]


def build(*overrides, name="digits"):
    config = configs.load(str(PROJECT / f"configs/stylegan.py:{name}"), [*TINY, *overrides])
    return config, *configs.build(config)


def play(phases, spec, rounds=2):
    """Every state at a phase's start and end: [(phase, start, end), ...]."""
    image = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (8, *spec.shape)), jnp.float32)
    batch = {**data.example(spec, 8), "image": image}
    found, state = [], None
    for phase in phases:
        start = state = new_state(phase.game, jax.random.fold_in(KEY, len(found)), batch, state)
        start = jax.tree.map(jnp.copy, start)
        for _ in range(rounds):
            state, metrics = train_step(phase.game, state, {}, jax.tree.map(lambda x: x[None], batch))
        found.append((phase, start, jax.tree.map(jnp.copy, state), metrics))
    return found


@pytest.fixture(scope="module")
def grown():
    config, spec, phases = build()
    return config, spec, play(phases, spec)


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


def test_a_new_phase_makes_the_images_of_the_one_before(grown):
    config, spec, ((first, _, end, _), (second, start, _, _), _) = grown
    batch = {**data.example(spec, 8), "noise": normal(8, 8)}
    seen = lambda phase, state: Trained(config, spec, phase.game, state, 0).view("sample", batch)["image"]
    before, after = seen(first, end), seen(second, start)
    assert before.shape == after.shape == (8, 8, 8, 1)
    assert np.abs(average_pool(before) - average_pool(after)).max() < 1e-6


def test_a_phase_carries_networks_and_averages_over_and_fades_step_by_step(grown):
    _, _, ((_, _, end, _), (_, start, faded, _), (_, last, _, _)) = grown
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
    here = [*played[:2], (played[2][0], 1)]
    check_played(here, phases, Path("runs/a"))
    check_played(played, phases, Path("runs/a"))
    name, rounds = here[changed]
    here[changed] = (name, rounds + 5)
    with pytest.raises(UserError, match=f"--config.phases.{name}={rounds + 5} .*keeps") as told:
        check_played(here, phases, Path("runs/a"))
    assert "runs/a has played" in str(told.value)
    with pytest.raises(UserError, match="Only more rounds"):
        check_played([(played[0][0], played[0][1] + 1)], phases, Path("runs/a"))


def test_styles_of_a_run(grown):
    config, spec, played = grown
    phase, _, state, _ = played[-1]
    run = Trained(config, spec, phase.game, state, 0)
    w = styles.styles_of(run, np.asarray(normal(6, 8)), np.arange(6))
    assert w.shape == (6, 8) and styles.layers_of(run) == 4
    gone = styles.draw(run, styles.truncated(run, w, 0.0))
    still = styles.draw(run, styles.truncated(run, w, 0.0), noise=False)
    assert np.abs(still - still[:1]).max() < 1e-6 < np.abs(gone - gone[:1]).max()  # one image, but for the noise
    assert np.ptp(styles.draw(run, styles.truncated(run, w), noise=False), axis=0).max() > 1e-3
    each = styles.truncated(run, w, 0.0, cutoff=2)
    np.testing.assert_array_equal(each[:, 2:], np.repeat(w[:, None], 2, axis=1))
    assert styles.groups(run) == {"coarse": slice(0, 2), "fine": slice(2, 4)}


def test_truncated_samples(grown):
    config, spec, played = grown
    phase, _, state, _ = played[-1]
    run = Trained(config, spec, phase.game, state, 0)
    strength = lambda value: jax.tree_util.tree_map_with_path(
        lambda path, x: jnp.full_like(x, value) if "noise" in str(path[-1]) else x, state.ema["generator"]
    )
    run.nets = {**run.nets, "generator": strength(0.1)}
    made = lambda psi, cutoff=0: run.sample(3, 6, given=styles.truncation(run, psi, cutoff))
    assert np.ptp(made(0.0), axis=0).max() < 1e-6  # one image, noise and all
    assert np.ptp(made(0.0, cutoff=2), axis=0).max() > 1e-3
    run.nets = {**run.nets, "generator": strength(0.0)}
    noise, labels = run.latents(6)["noise"], np.arange(6, dtype=np.int32)
    batch = {**data.example(spec, 6, labels=labels), "noise": noise, **styles.truncation(run, 0.5, 3)}
    w = styles.truncated(run, styles.styles_of(run, noise, labels), 0.5, 3)
    np.testing.assert_allclose(run.view("sample", batch)["image"], styles.draw(run, w), atol=1e-5)
    np.testing.assert_allclose(made(1.0), run.sample(3, 6), atol=1e-5)  # of the same latents
    with pytest.raises(UserError, match="4 layers"):
        styles.truncation(run, 0.5, 5)
    for psi in (np.nan, np.inf):
        with pytest.raises(UserError, match=f"--truncation={psi}"):
            styles.truncation(run, psi)


def test_scores_of_latents(grown):
    """Of a network whose image is a linear map of w, the path length is known."""
    config, spec, played = grown
    phase, _, state, _ = played[-1]
    matrix = np.asarray(normal(8, 64)) / 8
    image = lambda nets, batch, rng: (batch["w"][:, 0] @ matrix).reshape(-1, 8, 8, 1)
    style = lambda nets, batch, rng: batch["noise"]
    game = replace(phase.game, probes={"style": style, "synthesis": image})
    run = Trained(config, spec, game, state, 0)
    seen = Extractor(lambda variables, x: ((x / 127.5 - 1).reshape(len(x), -1), None), {}, {"extractor": "pixels"})
    judge = SimpleNamespace(extractor=seen, classifier=None)
    found = style_scores.style_scores(run, judge, 400, ("path_length",), {"seed": 0})
    a, b = np.split(styles.latents_of(run, 800, 0)[0], 2)
    lengths = np.sum(((b - a) @ matrix) ** 2, axis=1)
    low, high = np.percentile(lengths, 1, method="lower"), np.percentile(lengths, 99, method="higher")
    kept = lengths[(lengths >= low) & (lengths <= high)]
    assert found["ppl_w"]["value"] == pytest.approx(kept.mean(), rel=0.02)
    assert found["ppl_z"]["value"] != found["ppl_w"]["value"] and found["ppl_z"]["extractor"] == "pixels"
    assert set(found) == {"ppl_z", "ppl_w"}
    few = style_scores.style_scores(run, judge, 12, ("path_length",), {"seed": 0})
    assert few["ppl_w"]["paths"] == 12 and few["ppl_w"]["value"] > 0


def test_many_latents_of_large_images_take_no_room(grown):
    """Ten thousand empty images of this size would be 12 GB."""
    config, spec, played = grown
    phase, _, state, _ = played[-1]
    run = Trained(config, replace(spec, shape=(1024, 1024, 1)), phase.game, state, 0)
    noise, labels = styles.latents_of(run, 3000, 0)
    assert styles.styles_of(run, noise, labels).shape == (3000, 8)
    assert not any(data.example(run.spec, 3000)["image"].strides)


def test_scores_of_latents_that_cannot_be_had(run):
    judge = SimpleNamespace(classifier=None, spec=run.spec)
    with pytest.raises(UserError, match="no labels to learn one"):
        evaluate(run, judge, 20, ("separability",))
    run.game = replace(run.game, probes={})
    with pytest.raises(UserError, match=r"stylegan \(stylegan\) has no styles"):
        evaluate(run, judge, 20, ("path_length",))


def test_separability_of_what_a_plane_parts_and_of_what_it_does_not():
    x = np.asarray(normal(4000, 3))
    sure = lambda y: np.where(y, 0.9, 0.1)[:, None]
    assert linear_separability(x, sure(x[:, 0] > 0)) == pytest.approx(1, abs=0.05)
    coin = np.asarray(jax.random.bernoulli(KEY, 0.5, (4000,)))
    assert linear_separability(x, sure(coin)) == pytest.approx(2, abs=0.02)  # exp(ln 2): nothing is known
    assert linear_separability(x, np.concatenate([sure(coin)] * 2, axis=1)) == pytest.approx(4, abs=0.1)
    assert linear_separability(x, sure(np.ones(4000, bool))) == 1
    half = np.where(np.arange(4000) < 2000, 0.5 + 0.4 * np.sign(x[:, 0]), 0.5 + 0.1 * np.sign(x[:, 1]))
    assert linear_separability(x, half[:, None]) == pytest.approx(1, abs=0.05)  # the unsure half does not count
    with pytest.raises(UserError, match="do not fit together"):
        linear_separability(x, sure(coin)[:10])


def test_separability_of_one_class_of_many():
    """Rare attributes: the surest of all hardly have them, so latents that tell nothing would look good."""
    x, kind = np.asarray(normal(4000, 3)), np.random.default_rng(0).integers(10, size=4000)
    sureness = np.random.default_rng(1).uniform(0.7, 0.99, 4000)
    probabilities = np.where(kind[:, None] == np.arange(10), sureness[:, None], (1 - sureness)[:, None] / 9)
    share = (kind[:, None] == np.arange(10)).mean(axis=0)
    wanted = np.exp(-np.sum(share * np.log(share) + (1 - share) * np.log(1 - share)))
    nothing = unseparated(probabilities, of_each=True)
    assert nothing == pytest.approx(wanted, rel=0.02)
    assert linear_separability(x, probabilities, of_each=True) == pytest.approx(nothing, rel=0.05)
    assert linear_separability(x, probabilities) < 0.5 * nothing  # why the surest of each are kept
    told = np.eye(10)[kind] + 0.01 * np.asarray(normal(4000, 10))
    assert linear_separability(told, probabilities, of_each=True) == pytest.approx(1, abs=0.01)


@pytest.fixture
def run(grown, monkeypatch):
    """A grown run, found wherever one is asked for."""
    config, spec, played = grown
    phase, _, state, _ = played[-1]
    run = Trained(config, spec, phase.game, state, 0)
    monkeypatch.setattr("gan_zoo.trained.load", lambda folder, number: run)
    return run


def test_images_of_styles_do_not_depend_on_how_many_are_made_at_once(run, monkeypatch):
    w = styles.truncated(run, styles.styles_of(run, np.asarray(normal(7, 8)), np.arange(7)))
    whole = styles.draw(run, w, noise=False)
    target = np.asarray(np.clip(np.rint((whole + 1) * 127.5), 0, 255), np.uint8)
    distance = lambda a, b, rng: jnp.mean((a - b) ** 2, axis=(1, 2, 3))
    found = styles.project(run, target, distance, 3)
    monkeypatch.setattr(Trained, "at_once", 24)
    np.testing.assert_allclose(styles.draw(run, w[:3], noise=False), whole[:3], atol=1e-5)
    monkeypatch.setattr(Trained, "at_once", 3)
    np.testing.assert_allclose(styles.draw(run, w, noise=False), whole, atol=1e-5)
    w, history = styles.project(run, target, distance, 3)
    np.testing.assert_allclose(history, found[1], rtol=0.01)
    # Adam's first steps are of one size whatever the gradient: where it is near zero, rounding chooses their sign
    assert np.mean(np.abs(w - found[0]) < 0.02) > 0.9


def test_styles_are_drawn_and_found_on_the_command_line(run, tmp_path, capsys):
    assert main(["styles", "--workdir=run", f"--output={tmp_path}/styles", "--seed=2"]) == 0
    names = {"mixing.png", "noise.png", "truncation.png", "uncurated.png", "walk.png", "walk.gif"}
    assert {file.name for file in (tmp_path / "styles").iterdir()} == names
    assert set(map(Path, capsys.readouterr().out.split())) == {tmp_path / "styles" / name for name in names}
    with Image.open(tmp_path / "styles" / "walk.gif") as walk:
        assert walk.n_frames == 18  # ten there, eight back
    for name in ("one", "two"):
        write_image(tmp_path / "in" / f"{name}.png", noise(8, 8, 1, seed=len(name))[..., 0])
    arguments = ["project", "--workdir=run", f"--input={tmp_path}/in", f"--output={tmp_path}/found"]
    assert main(arguments) == 0
    with np.load(tmp_path / "found" / "styles.npz") as found:
        assert found["w"].shape == (2, 8) and found["names"].tolist() == ["one.png", "two.png"]
        assert found["distance"].shape == (2,)
    assert (tmp_path / "found" / "projected.png").exists()
    assert main(["project", "--workdir=run", f"--output={tmp_path}/found"]) == 2
    for command in (["styles"], ["project", f"--input={tmp_path}/in"]):
        capsys.readouterr()
        assert main([*command, "--workdir=run", f"--output={tmp_path}/in/one.png"]) == 2
        assert "name a folder" in capsys.readouterr().err


def test_the_picture_of_noise_has_its_deviation(run, monkeypatch):
    """Of images that are the noise's seed: the last column is four times their deviation."""
    made = lambda trained, w, seed=0, noise=True: np.full((len(w), 8, 8, 1), (seed % 10) / 50 if noise else -1.0)
    monkeypatch.setattr("gan_zoo.style_pictures.draw", made)
    monkeypatch.setattr("gan_zoo.style_pictures.figures.grid", lambda images: images)
    monkeypatch.setattr("gan_zoo.style_pictures.figures.headed", lambda images, titles: images)
    columns = noise_picture(run, 2, 3)
    deviation = 4 * np.std(np.arange(10) / 50) - 1
    np.testing.assert_allclose(columns[:, :, 0, 0, 0], [[-1, 0, 0.02, 0.04, deviation]] * 2, atol=1e-6)


def test_projection_finds_an_image_that_the_network_makes(grown):
    config, spec, played = grown
    phase, _, state, _ = played[-1]
    run = Trained(config, spec, phase.game, state, 0)
    w = styles.styles_of(run, np.asarray(normal(3, 8)), np.arange(3))
    made = styles.draw(run, styles.truncated(run, w), noise=False)
    target = np.asarray(np.clip(np.rint((made + 1) * 127.5), 0, 255), np.uint8)
    distance = lambda a, b, rng: jnp.mean((jnp.clip(a, -1, 1) - b) ** 2, axis=(1, 2, 3))
    _, history = styles.project(run, target, distance, 200)
    assert (history[-1] < 0.5 * history[0]).all() and history[-1].min() < 0.01 * history[0].min()


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
