"""Image to image: losses, and what is scored."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from tools import PROJECT, command, environment, noise, result, shrunk, write_image

from gan_zoo import config as configs
from gan_zoo import data, figures, losses, trained, translations
from gan_zoo.architectures import patchgan, translator
from gan_zoo.compare import ROWS, compare, side_by_side
from gan_zoo.data.points import modes
from gan_zoo.errors import UserError
from gan_zoo.evaluate import point_scores
from gan_zoo.step import new_state
from gan_zoo.translations import translation_scores

KEY = jax.random.key(0)


def test_points_of_two_domains_are_scored_by_modes_and_cycles():
    config, _ = shrunk("configs/discogan.py:5to10gaussians")
    spec, (phase,) = configs.build(config)
    state = new_state(phase.game, KEY, data.example(spec, 16))
    run = trained.Trained(config, spec, phase.game, state, 0)
    # The way there: each point to the nearest of the ten modes; the way back: as it is.
    centres, _ = modes("5to10gaussians")
    nearest = lambda x: jnp.asarray(centres)[jnp.argmin(jnp.sum((x[:, None] - centres) ** 2, axis=-1), axis=1)]
    run.views = {**run.views, "sample": lambda nets, batch, rng: {"image": nearest(batch["input"])}}
    run.views["back"] = lambda nets, batch, rng: {"image": batch["image"]}
    scores = translation_scores(run, 400, {})
    given = run.examples(400)
    there = np.abs(np.asarray(nearest(given["input"])) - given["input"]).mean()
    back = np.abs(np.asarray(nearest(given["image"])) - given["image"]).mean()
    assert set(scores) == {"cycle_l1"} and scores["cycle_l1"]["value"] == pytest.approx((there + back) / 2, rel=1e-5)
    counted = point_scores(run, 400, {})
    assert counted["modes_covered"]["value"] == 10 and counted["high_quality"]["value"] == 1


def model(name, **settings):
    config, _ = shrunk(name, *(f"config.{key}={value}" for key, value in settings.items()))
    spec, phases = configs.build(config)
    return spec, phases[0].game


def batch_of(spec, seed=0):
    keys = jax.random.split(jax.random.key(seed))
    draw = lambda key, shape: jax.random.uniform(key, (4, *shape), minval=-1.0)
    return {"image": draw(keys[0], spec.shape), "input": draw(keys[1], spec.input_shape)}


def test_pix2pix_losses_are_the_papers():
    """L_G = BCE + 100 L1, L_D = half the sum; both from their parts."""
    spec, game = model("configs/pix2pix.py:digits", adversarial_weight=1.0)
    batch = batch_of(spec)
    nets = new_state(game, KEY, batch).nets
    total, (_, parts) = game.players["generator"].loss(nets, batch, KEY, 0)
    np.testing.assert_allclose(total, parts["adversarial"] + 100 * parts["l1"], rtol=1e-6)
    total, (_, parts) = game.players["discriminator"].loss(nets, batch, KEY, 0)
    np.testing.assert_allclose(total, parts["adversarial"] / 2, rtol=1e-6)
    # At the start the discriminator knows nothing: log 2 for each kind of image.
    np.testing.assert_allclose(parts["adversarial"], 2 * np.log(2), atol=0.05)


def test_pix2pix_terms_can_be_switched_off():
    spec, game = model("configs/pix2pix.py:digits", adversarial_weight=0.0)
    assert list(game.players) == ["generator"] and "discriminator" not in jax.eval_shape(game.init, KEY, batch_of(spec))
    spec, game = model("configs/pix2pix.py:digits", conditional=False)
    variables = jax.eval_shape(game.init, KEY, batch_of(spec))["discriminator"]["params"]["Conv_0"]["kernel"]
    assert variables.shape[2] == 1, "the discriminator sees the image alone"


@pytest.mark.parametrize("minibatch", [True, False])
def test_a_translation_alone_and_among_others(minibatch):
    """By running averages it is the same; by the minibatch's statistics, as in the paper, it is not."""
    fields = {"generator.norm": "batch", "generator.dropout": 0.0, "minibatch_statistics": minibatch}
    spec, game = model("configs/pix2pix.py:digits", **fields)
    batch = batch_of(spec)
    nets = new_state(game, KEY, batch).nets
    among = game.views["sample"](nets, batch, KEY)["image"][:1]
    alone = game.views["sample"](nets, {"input": batch["input"][:1]}, KEY)["image"]
    assert (np.abs(among - alone).max() > 1e-3) == minibatch


def test_cyclegan_losses_are_the_papers():
    """L_G = E(D - 1)^2 both ways + 10 cycles + 5 identities; the discriminators' are halved."""
    spec, game = model("configs/cyclegan.py:digits")
    batch = batch_of(spec)
    nets = new_state(game, KEY, batch).nets
    total, (_, parts) = game.players["generators"].loss(nets, batch, KEY, 0)
    expected = 2 * parts["adversarial"] + 10 * parts["cycle"] + 5 * parts["identity"]
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    fooled = sum(
        np.mean((np.asarray(_judge(game, nets, domain, batch)) - 1) ** 2) for domain in ("a", "b")
    )  # E (D - 1)^2
    np.testing.assert_allclose(2 * parts["adversarial"], fooled, rtol=1e-4)


def _judge(game, nets, domain, batch):
    """Logits of a domain's discriminator on fakes of it."""
    config, _ = shrunk("configs/cyclegan.py:digits")
    made = game.views["sample" if domain == "b" else "back"](nets, batch, KEY)["image"]
    settings = {key: value for key, value in config.discriminator.items()}
    return patchgan.Discriminator(**settings).apply(nets[f"discriminator_{domain}"], made, train=True)


def test_cyclegan_terms_can_be_switched_off():
    batch = batch_of(model("configs/cyclegan.py:digits")[0])
    for setting, term in (
        ({"forward_cycle": False, "backward_cycle": False}, "cycle"),
        ({"identity_weight": 0.0}, "identity"),
    ):
        _, game = model("configs/cyclegan.py:digits", **setting)
        _, (_, parts) = game.players["generators"].loss(new_state(game, KEY, batch).nets, batch, KEY, 0)
        assert parts[term] == 0
    _, game = model("configs/cyclegan.py:digits", pool_size=0)
    assert not {"pool_a", "pool_b"} & set(jax.eval_shape(game.init, KEY, batch))


def test_running_averages_are_of_a_generators_own_domain():
    """BatchNorm's, with the identity and cycle terms on, which show a generator other images as well."""
    spec, game = model("configs/cyclegan.py:digits", **{"generator.norm": "batch"})
    batch = batch_of(spec)
    nets = new_state(game, KEY, batch).nets
    _, (new, _) = game.players["generators"].loss(nets, batch, KEY, 0)
    config, _ = shrunk("configs/cyclegan.py:digits", "config.generator.norm=batch")
    network = translator.Generator(shape=spec.shape, **config.generator)
    for name, domain in (("generator_ab", "input"), ("generator_ba", "image")):
        _, own = network.apply(nets[name], batch[domain], train=True, mutable=["batch_stats"])
        jax.tree.map(np.testing.assert_array_equal, new[name]["batch_stats"], own["batch_stats"])


@pytest.mark.parametrize("name", ["cyclegan", "discogan", "pix2pix"])
def test_translations_are_those_of_the_averaged_generators(name):
    assert not model(f"configs/{name}.py:digits", ema_decay=0.0)[1].ema
    _, game = model(f"configs/{name}.py:digits", ema_decay=0.9)
    assert game.ema == {network: 0.9 for network in game.players["generator" + "s" * (name != "pix2pix")].owns}


def test_cyclegans_discriminators_can_take_more_turns():
    _, game = model("configs/cyclegan.py:digits", discriminator_turns=3)
    assert (game.players["discriminators"].turns, game.players["generators"].turns, game.turns) == (3, 1, 3)


def test_cyclegan_keeps_past_fakes_in_its_pools():
    config, _ = shrunk("configs/cyclegan.py:digits")
    spec, (phase,) = configs.build(config)
    size = config.batch_size
    batch = {key: jax.random.uniform(jax.random.key(9), (size, *spec.shape), minval=-1.0) for key in ("input", "image")}
    nets = new_state(phase.game, KEY, batch).nets
    loss = jax.jit(phase.game.players["discriminators"].loss)
    for turn in range(2):
        nets |= loss(nets, batch, jax.random.key(turn), turn)[1][0]
    for name in ("pool_a", "pool_b"):
        assert int(nets[name]["pool"]["count"]) == 2 * size
        assert np.abs(nets[name]["pool"]["images"][:size]).max() > 0


@pytest.mark.parametrize(
    "name, dataset, words",
    [
        ("pix2pix.py:digits", "digits", "learns from pairs"),
        ("cyclegan.py:digits", "digits", "two domains"),
        ("gan.py:digits", "points", "points"),
    ],
)
def test_data_that_does_not_fit_is_refused(name, dataset, words):
    config = configs.load(str(PROJECT / "configs" / name), [f"config.dataset={dataset}", "config.image_shape=()"])
    with pytest.raises(UserError, match=words):
        configs.build(config)


class Copier:
    """In place of a trained game: its translations are the inputs as they are."""

    def __init__(self, name):
        self.config, _ = shrunk(name)
        self.spec, (phase,) = configs.build(self.config)
        self.game = phase.game
        self.nets = {name: {} for player in phase.game.players.values() for name in player.owns}

    make = staticmethod(lambda view, images: images)
    held_out = trained.Trained.held_out
    examples = trained.Trained.examples
    dtype = np.float32

    test = property(lambda self: data.load(self.config.dataset, "test", self.config.image_shape))
    train = property(lambda self: data.load(self.config.dataset, "train", self.config.image_shape))


def streamed(source):
    """The same images, as if they did not fit in memory."""
    inputs = source.inputs and dataclasses.replace(source.inputs, arrays=None)
    return dataclasses.replace(source, arrays=None, inputs=inputs)


class Streamed(Copier):
    test = property(lambda self: streamed(super().test))
    train = property(lambda self: streamed(super().train))


def cropped(source):
    """Eight pixels wide and high."""
    take = lambda numbers: {k: x[:, :8, :8] if x.ndim == 4 else x for k, x in source.take(numbers).items()}
    return dataclasses.replace(source, take=take)


class Small(Copier):
    test = property(lambda self: cropped(super().test))
    train = property(lambda self: cropped(super().train))


class Paired(Copier):
    @property
    def test(self):
        held = super().test
        pairs = {"image": held.arrays["image"][:20], "input": held.inputs.arrays["image"][:20]}
        take = lambda numbers: {key: x[numbers] for key, x in pairs.items()}
        return dataclasses.replace(held, inputs=None, arrays=pairs, take=take, size=20)


def test_scores_of_a_copy_are_those_of_the_input():
    scores = translation_scores(Copier("configs/pix2pix.py:digits"), 100, {"version": "1"})
    assert scores["l1"]["value"] == scores["l1_of_input"]["value"] > 0
    assert scores["ssim"]["value"] == scores["ssim_of_input"]["value"] < 1
    assert scores["l1"]["fake_samples"] == 100 and scores["l1"]["given"] == "edges:digits/test"


def test_runs_side_by_side_show_input_translations_and_truth():
    copier = Copier("configs/pix2pix.py:digits")
    shown = side_by_side(["one", "a name that is too long"], [copier, copier])[figures.HEAD :]
    batch = copier.examples(ROWS)
    columns = [batch["input"], batch["input"], batch["input"], batch["image"]]
    first = figures.grid(np.stack(columns, axis=1)[: ROWS // 2])  # of two blocks
    assert np.array_equal(shown[:, : first.shape[1]], first)
    with pytest.raises(UserError, match="different data"):
        side_by_side(["one", "two"], [copier, Copier("configs/cyclegan.py:digits")])


def test_scores_of_the_mean_image_by_hand():
    scores = translation_scores(Copier("configs/pix2pix.py:digits"), 1000, {})
    train, test = (data.load("edges:digits", split, (16, 16, 1)).arrays["image"] for split in ("train", "test"))
    mean = np.rint(train.mean(axis=0))
    expected = np.abs(mean - test.astype(np.float64)).mean() / 127.5
    assert scores["l1_of_mean"]["value"] == pytest.approx(expected, abs=0.005)


def test_pairs_too_small_for_ssim_are_scored_without_it():
    scores = translation_scores(Small("configs/pix2pix.py:digits"), 10, {})
    assert "ssim" not in scores and "ssim_of_mean" not in scores
    assert scores["l1"]["value"] == scores["l1_of_input"]["value"] and "sharpness" in scores


def test_few_held_out_images_have_no_coverage(cache, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr("gan_zoo.metrics.classifier.ROUNDS", (60, 60))
    assert "coverage" in translation_scores(Copier("configs/cyclegan.py:digits"), 6, {})
    scores = translation_scores(Copier("configs/cyclegan.py:digits"), 5, {})
    assert "coverage" not in scores and "translated_accuracy" in scores and "no coverage" in caplog.text


def test_a_copy_is_taken_for_its_own_domain(cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr("gan_zoo.metrics.classifier.ROUNDS", (60, 60))
    scores = translation_scores(Copier("configs/cyclegan.py:digits"), 100, {})
    assert scores["domain_classifier_accuracy"]["value"] > 0.9
    assert scores["translated_accuracy"]["value"] < 0.1
    assert scores["cycle_l1"]["value"] == 0
    assert 0 <= scores["coverage"]["value"] <= 1
    mirrored = Copier("configs/cyclegan.py:digits")
    mirrored.make = lambda view, images: images[:, ::-1]
    others = translation_scores(mirrored, 100, {})
    assert dict(compare([{"scores": scores}, {"scores": others}]))["cycle_l1"] == [0, 0]
    assert others["translated_accuracy"]["each_way"] != scores["translated_accuracy"]["each_way"]
    # Images that do not fit in memory are read when they are needed, and scored the same.
    streamed = translation_scores(Streamed("configs/cyclegan.py:digits"), 100, {})
    assert streamed["coverage"]["value"] == pytest.approx(scores["coverage"]["value"], abs=0.05)
    assert set(streamed) == set(scores) and streamed["translated_accuracy"]["value"] < 0.1
    # Domains that are unpaired to learn from are told apart even where the held-out images are pairs.
    paired = translation_scores(Paired("configs/cyclegan.py:digits"), 100, {})
    assert paired["translated_accuracy"]["value"] < 0.1 and paired["l1"]["value"] == paired["l1_of_input"]["value"]


@pytest.mark.parametrize("name", ["edges:digits", "domains:digits:1:0"])
def test_domains_are_the_same_in_memory_and_read(name):
    held = data.load(name, "test")
    read = streamed(held)
    a, b = translations.domains(held), translations.domains(read)
    assert a.arrays is not None and b.arrays is None and a.size == b.size
    order = np.random.default_rng(0).permutation(a.size)
    for key in ("image", "label"):
        np.testing.assert_array_equal(a.take(order)[key], b.take(order)[key])
    of = held.arrays["input"] if held.inputs is None else held.inputs.arrays["image"]
    np.testing.assert_array_equal(a.arrays["image"][a.arrays["label"] == 0], of)
    np.testing.assert_array_equal(a.arrays["image"][a.arrays["label"] == 1], held.arrays["image"])


def test_discogan_counts_reconstruction_little_at_first():
    """Rounds are a third of the authors' iterations; the share goes from 0.01 to 0.5."""
    spec, game = model("configs/discogan.py:digits", curriculum_rounds=10)
    batch = batch_of(spec)
    nets = new_state(game, KEY, batch).nets
    for step, share in ((0, 0.01), (9, 0.01), (10, 0.5)):
        total, (_, parts) = game.players["generators"].loss(nets, batch, KEY, jnp.asarray(step))
        rest = 0.1 * parts["adversarial"] + 0.9 * parts["feature_matching"]
        np.testing.assert_allclose(total, (1 - share) * rest + share * parts["reconstruction"], rtol=1e-5)
    assert (game.players["generators"].turns, game.players["discriminators"].turns) == (2, 1)


@pytest.mark.parametrize("variant", ["gan", "recongan"])
def test_discogans_variants_learn_one_way(variant):
    spec, game = model("configs/discogan.py:digits", variant=variant)
    batch = batch_of(spec)
    nets = new_state(game, KEY, batch).nets
    loss = lambda params: game.players["generators"].loss(
        {**nets, **{k: {**nets[k], "params": params[k]} for k in params}}, batch, KEY, jnp.asarray(0)
    )[0]
    gradients = jax.jit(jax.grad(loss))({name: nets[name]["params"] for name in ("generator_ab", "generator_ba")})
    size = {name: sum(np.abs(leaf).sum() for leaf in jax.tree.leaves(part)) for name, part in gradients.items()}
    assert size["generator_ab"] > 0 and (size["generator_ba"] > 0) == (variant == "recongan")
    assert set(game.views) == {"sample", "translations"}
    pictures = jax.eval_shape(game.views["translations"], nets, batch, KEY)["image"]
    assert pictures.shape[1] == len(game.titles["translations"]) == 2


def test_feature_matching_by_hand():
    real, fake = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_allclose(losses.feature_matching(real, fake), ((2 - 1) ** 2 + (3 - 2) ** 2) / 2)


# The command line


def run_of(name, cache, workdir, *more):
    overrides = ["rounds=2", "batch_size=4", "eval_samples=20", "sample_every=0", "generator.width=4", *more]
    arguments = [str(PROJECT / name), f"--workdir={workdir}", *(f"--config.{item}" for item in overrides)]
    env = environment(cache)
    run = command(arguments, env)
    assert run.returncode == 0, run.stderr
    return env


def test_one_translates_ones_own_images(cache, tmp_path, refused_here):
    """Of any size and colour, in both directions, to the same places."""
    env = run_of("configs/discogan.py:digits", cache, tmp_path / "run", "discriminator.width=4")
    scores = result(tmp_path / "run", "evaluation.json")["scores"]
    assert {"translated_accuracy", "cycle_l1", "coverage", "domain_classifier_accuracy"} <= set(scores)
    assert "l1" not in scores, "there is no truth"
    assert (tmp_path / "run" / "samples" / "translations_0000002.png").exists()
    for place, size in (("a.png", (16, 16)), ("in/b.jpg", (21, 33, 3))):
        write_image(tmp_path / "own" / place, noise(*size))
    translate = ["translate", f"--workdir={tmp_path}/run", f"--input={tmp_path}/own"]
    for direction in ("a2b", "b2a"):
        run = command([*translate, f"--output={tmp_path}/{direction}", f"--direction={direction}"], env)
        assert run.returncode == 0, run.stderr
    made = {d: np.asarray(Image.open(tmp_path / d / "in" / "b.png")) for d in ("a2b", "b2a")}
    assert made["a2b"].shape == (21, 33) and (made["a2b"] != made["b2a"]).any()
    for more, words in (
        ([f"--output={tmp_path}/x", "--direction=back"], "direction"),
        ([f"--output={tmp_path}/own"], "holds the images themselves"),
        ([], "--output"),
    ):
        refused_here([*translate, *more], words)
    refused_here(["upscale", *translate[1:], f"--output={tmp_path}/x"], "discogan cannot enlarge images")


def test_rows_of_a_comparison_become_blocks_under_titles():
    """16 rows of 3 columns, each of one gray: 4 blocks of 4 rows."""
    levels = np.arange(16 * 3).reshape(16, 3) * 5
    images = np.broadcast_to(levels[..., None, None, None] / 127.5 - 1, (16, 3, 48, 48, 1))
    pixels = figures.comparison(images, ("input", "output", "target"))
    side, gap, block = 48 + figures.GAP, figures.GAP, 3 * 50 + figures.GAP + 4 * figures.GAP
    assert pixels.shape == (figures.HEAD + 4 * side + gap, 4 * block, 3)
    for row in range(16):
        for column in range(3):
            top, left = figures.HEAD + gap + row % 4 * side, row // 4 * block + gap + column * side
            assert (pixels[top : top + 48, left : left + 48] == levels[row, column]).all()
    assert all((pixels[: figures.HEAD, i * block :][:, :block] < 128).any() for i in range(4))
