"""StackGAN: its networks, its conditioning, and what the second stage takes from the first."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_text
from stackgan_runs import KEY, both_phases, small
from tools import play

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.architectures import stackgan
from gan_zoo.checkpoint import Checkpoints, Restored, to_leaves
from gan_zoo.errors import UserError
from gan_zoo.game import Phase
from gan_zoo.losses import normal_divergence
from gan_zoo.models.stackgan import Model
from gan_zoo.train import train
from gan_zoo.trained import Trained

TEXT = jax.random.normal(KEY, (3, 7))


def shapes(module, *inputs):
    return jax.eval_shape(lambda *given: module.init_with_output(KEY, *given, train=True), *inputs)


def test_papers_discriminators_by_hand():
    """Kernels of 4 down to 4x4, two of 1 for 256 pixels, the correction, the text and the head."""
    norm = lambda width: 2 * width
    correction = 512 * 128 + norm(128) + 9 * 128 * 128 + norm(128) + 9 * 128 * 512 + norm(512)
    head = (1024 * 128 + 128) + 640 * 512 + norm(512) + 16 * 512
    down = [3, 64, 128, 256, 512, 1024, 2048]
    conv = lambda widths: sum(16 * a * b for a, b in zip(widths, widths[1:], strict=False))
    first = conv(down[:5]) + sum(map(norm, down[2:5])) + correction + head
    both = 2048 * 1024 + norm(1024) + 1024 * 512 + norm(512)
    second = conv(down) + sum(map(norm, down[2:])) + both + correction + head
    for size, count in ((64, first), (256, second)):
        _, variables = shapes(stackgan.Discriminator(), jnp.zeros((2, size, size, 3)), jnp.zeros((2, 1024)))
        assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == count


@pytest.mark.parametrize(("low", "high"), [(8, 16), (16, 32), (16, 64), (64, 256)])
def test_shapes_of_both_stages(low, high):
    z = jnp.zeros((2, 5))
    first = stackgan.StageOne((low, low, 3), True, width=8, code=6)
    (image, mean, deviation), _ = shapes(first, jnp.zeros((2, 7)), z, jnp.zeros((2, 6)))
    assert image.shape == (2, low, low, 3) and mean.shape == deviation.shape == (2, 6)
    second = stackgan.StageTwo((high, high, 3), True, width=8, code=6, blocks=1)
    (image, *_), _ = shapes(second, jnp.zeros((2, low, low, 3)), jnp.zeros((2, 7)), jnp.zeros((2, 6)))
    assert image.shape == (2, high, high, 3)
    logits, _ = shapes(stackgan.Discriminator(width=4), jnp.zeros((2, high, high, 3)), jnp.zeros((2, 7)))
    assert logits.shape == (2,)


def test_augmentation_adds_noise_of_a_learned_deviation():
    module = stackgan.Augmentation(4, True)
    variables = module.init(KEY, TEXT, jnp.zeros((3, 4)))
    code, mean, log_deviation = module.apply(variables, TEXT, jnp.ones((3, 4)))
    np.testing.assert_allclose(code, mean + jnp.exp(log_deviation), rtol=1e-6)
    still, *_ = module.apply(variables, TEXT, jnp.zeros((3, 4)))
    np.testing.assert_allclose(still, mean)
    without = stackgan.Augmentation(4, False)
    variables = without.init(KEY, TEXT, jnp.zeros((3, 4)))
    a, mean, log_deviation = without.apply(variables, TEXT, jnp.ones((3, 4)))
    b, *_ = without.apply(variables, TEXT, jnp.zeros((3, 4)))
    np.testing.assert_array_equal(a, b)
    assert not normal_divergence(mean, 2 * log_deviation).any()


def test_mismatched_images_are_of_another_class():
    image, label = jnp.arange(5.0)[:, None, None, None], jnp.array([0, 1, 1, 2, 3])
    other = lambda kind: Model(mismatched=kind)._other(image, {"label": label}).ravel().tolist()
    assert other("example") == [4, 0, 1, 2, 3]
    assert other("class") == [4, 0, 0, 2, 3]
    label = jnp.array([0, 0, 0, 1, 0])
    assert other("class") == [3, 3, 3, 2, 3]  # however many of the class stand before


def test_the_frozen_stage_begins_as_views_saw_it_and_stays():
    config, spec, played, first, second = both_phases()
    jax.tree.map(np.testing.assert_array_equal, second.nets["stage1"], first.ema["stage1"])
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), first.ema["stage1"], first.nets["stage1"])
    assert any(jax.tree.leaves(moved["params"]))  # the average is not the network itself
    assert "stage1" not in second.ema and "discriminator1" not in second.nets
    assert {network for player in played[1].game.players.values() for network in player.owns} == {
        "stage2",
        "discriminator2",
    }


def test_samples_of_both_stages_show_one_scene():
    """The second stage's run draws the same small images as the first phase's."""
    config, spec, played, first, second = both_phases()
    batch = {**data.example(spec, 4), "text": np.random.default_rng(0).normal(size=(4, 10, 5)).astype(np.float32)}
    before = Trained(config, spec, played[0].game, first, 2).view("sample", batch)["image"]
    after = Trained(config, spec, played[1].game, second, 2)
    assert before.shape == (4, 16, 16, 1)
    shown = after.view("stage1", batch)["image"]
    # The second phase has the averaged first stage.
    np.testing.assert_allclose(before, shown, atol=1e-6)
    rows = after.view("stages", {**batch, "image": batch["image"] + 0.25})["image"]
    assert rows.shape == (4, 3, 16, 16, 1)
    np.testing.assert_allclose(rows[:, 0], shown, atol=1e-6)
    np.testing.assert_allclose(rows[:, 1], after.view("sample", batch)["image"], atol=1e-6)
    assert (rows[:, 2] == 0.25).all()


def test_fine_tuning_goes_on_with_the_first_stage_at_a_part_of_its_rate():
    config = small("config.fine_tuned=True", "config.fine_tuning_rate=0.25")
    _, played = configs.build(config)
    owns = {name: player.owns for name, player in played[1].game.players.items()}
    assert owns == {
        "discriminator1": ("discriminator1",),
        "generator1": ("stage1",),
        "discriminator": ("discriminator2",),
        "generator": ("stage2",),
    }
    state, history, _ = play(config, 1, 1, phase=1)
    metrics = history[0]
    parts = metrics["generator1/adversarial"] + 2 * metrics["generator1/divergence"] + metrics["generator1/of_stage2"]
    assert metrics["generator1/loss"] == pytest.approx(parts, rel=1e-5)
    # Adam's first step moves every number by its rate.
    moved = {name: metrics[f"{name}/update_norm"] for name in owns}
    counts = {name: sum(x.size for x in jax.tree.leaves(state.nets[own]["params"])) for name, (own,) in owns.items()}
    for name, rate in (("generator1", 0.25), ("discriminator1", 0.25), ("generator", 1), ("discriminator", 1)):
        assert moved[name] <= 1.01 * rate * 2e-4 * counts[name] ** 0.5
        assert moved[name] >= 0.7 * rate * 2e-4 * counts[name] ** 0.5


@pytest.fixture
def trained_only(monkeypatch):
    """Runs end without scores, whose judges would have to be trained."""
    monkeypatch.setattr("gan_zoo.record.Record.final", lambda *_: {"scores": {}})
    monkeypatch.setattr("gan_zoo.record.Record.pictures", lambda *_: None)


def test_an_encoder_that_has_changed_leaves_a_run_as_it_was(tmp_path, monkeypatch, trained_only):
    """What cannot be continued keeps its scores, its lines and its config."""
    few = ("config.rounds=1", "config.phases.stage1=1", "config.eval_samples=16", "config.log_every=1")
    train(small(*few), tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != ".lock"]
    before = {file: file.read_bytes() for file in files}
    assert {"evaluation.json", "result.json", "metrics.jsonl"} <= {file.name for file in before}
    monkeypatch.setattr("test_text.marks", lambda texts: test_text.vowels(texts) * 2)
    with pytest.raises(UserError, match="Bring the version that the run had"):
        train(small(*few, "config.rounds=3"), tmp_path)
    assert {file: file.read_bytes() for file in files} == before


def test_another_runs_networks_are_taken_in_the_phase_that_has_them(tmp_path, monkeypatch, trained_only):
    config, spec, played, first, second = both_phases()
    other = Restored(2, {name: leaf + 1 for name, leaf in to_leaves(second).items() if "/params/" in name}, {})
    monkeypatch.setattr("gan_zoo.trained.restore", lambda path: other)
    few = ("config.rounds=1", "config.phases.stage1=1", "config.eval_samples=16", "config.ema_decay=0.5")
    rates = [f"config.{player}_optimizer.learning_rate=0.0" for player in ("generator", "discriminator")]
    train(small(*few, *rates, "config.init_from=other"), tmp_path)
    new = Checkpoints(tmp_path / "checkpoints", read_only=True).restore().leaves
    taken = [name for name in new if "/params/" in name and name.startswith("nets/")]
    assert {name.split("/")[1] for name in taken} == {"stage1", "stage2", "discriminator2"}
    for name in taken:
        np.testing.assert_array_equal(new[name], other.leaves[name], err_msg=name)


def test_what_was_played_is_kept_or_told(tmp_path, trained_only):
    """More rounds would lengthen the first stage, which has ended, and begin the second anew."""
    few = ("config.eval_samples=16", "config.log_every=1")
    train(small(*few, "config.rounds=1"), tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != ".lock"]
    before = {file: file.read_bytes() for file in files}
    with pytest.raises(UserError, match="rounds stage1 1, stage2 1, .* --config.phases.stage1=1 keeps"):
        train(small(*few, "config.rounds=2"), tmp_path)
    assert {file: file.read_bytes() for file in files} == before
    assert train(small(*few, "config.rounds=2", "config.phases.stage1=1"), tmp_path)["step"] == 3


def test_what_seeds_have_played_alone_is_kept_or_told(tmp_path, trained_only):
    few = ("config.eval_samples=16", "config.log_every=1")
    for seed in (0, 1):
        train(small(*few, "config.rounds=1", f"config.seed={seed}"), tmp_path / f"seed_{seed}")
    with pytest.raises(UserError, match="seed_0 has played .* --config.phases.stage1=1 keeps"):
        train(small(*few, "config.rounds=2", "config.seeds=2"), tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {"seed_0", "seed_1"}


def test_networks_that_read_another_encoders_texts_are_not_taken_over(tmp_path, monkeypatch, trained_only):
    monkeypatch.setattr("gan_zoo.trained.restore", lambda path: Restored(1, {}, {"text": "1.0 2.0"}))
    with pytest.raises(UserError, match="other's texts were embedded with the weights 1.0 2.0"):
        train(small("config.rounds=1", "config.init_from=other"), tmp_path)


@pytest.fixture
def alone(monkeypatch):
    """Of one image, means are what they are of; it is its own mismatched one here."""
    monkeypatch.setattr(Model, "_other", lambda self, image, batch: image)

    def build(*overrides):
        spec, phases = configs.build(small("config.captions=3", *overrides))
        shapes = {"image": spec.shape, "text": (3, *spec.text_shape[-1:])}
        return phases, data.example(spec, 1) | {name: jax.random.normal(KEY, (1, *of)) for name, of in shapes.items()}

    return build


def test_losses_are_the_papers(alone):
    phases, one = alone()
    mean = one | {"text": jnp.broadcast_to(one["text"].mean(axis=1, keepdims=True), one["text"].shape)}
    for phase in phases:
        nets = phase.game.init(KEY, one)
        total, (_, told) = phase.game.players["discriminator"].loss(nets, one, KEY, 0)
        wrong = (jax.nn.softplus(told["fake"]) + jax.nn.softplus(told["mismatched"])) / 2
        np.testing.assert_allclose(total, jax.nn.softplus(-told["real"]) + wrong, rtol=1e-5)
        # All captions: their mean is seen.
        np.testing.assert_allclose(total, phase.game.players["discriminator"].loss(nets, mean, KEY, 0)[0], rtol=1e-4)


def test_all_that_a_discriminator_sees_is_augmented(alone, monkeypatch):
    """Where every image is made blank, it says the same of each; no two are changed alike."""
    keys = []

    def blank(policy, rng, image):
        assert policy == "color"
        keys.append(tuple(jax.random.key_data(rng).tolist()))
        return 0 * image

    monkeypatch.setattr("gan_zoo.augment.augmented", blank)
    phases, one = alone("config.diffaugment=color", "config.fine_tuned=True")
    for phase in phases:
        nets = phase.game.init(KEY, one)
        players = phase.game.players
        for end in sorted({name.removeprefix("generator") for name in players if name.startswith("generator")}):
            losses = [players[name + end].loss for name in ("discriminator", "generator")]
            judged, made = (loss(nets, one, jax.random.key(turn), 0)[1][1] for turn, loss in enumerate(losses))
            np.testing.assert_allclose([judged["fake"], judged["mismatched"]], judged["real"], rtol=1e-5)
            np.testing.assert_allclose(made["adversarial"], jax.nn.softplus(-judged["real"]), rtol=1e-5)
            assert len(set(keys)) == len(keys) == (5 if end else 4)
            keys.clear()
            if end:
                served = made["of_stage2"]
            else:
                second = judged["real"]
    np.testing.assert_allclose(served, jax.nn.softplus(-second), rtol=1e-5)


def test_a_batch_of_one_has_nothing_mismatched():
    _, spec, played, first, _ = both_phases()
    with pytest.raises(UserError, match="config.batch_size to 2 or more"):
        played[0].game.players["discriminator"].loss(first.nets, data.example(spec, 1), KEY, 0)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("config.dataset=digits", "needs captions"),
        ("config.first_size=6", "first_size=6"),
        ("config.first_size=16", "less than"),
        ("config.image_shape=(12,12,1)", "power of two"),
        ("config.mismatched=label", "mismatched"),
        ("config.stage2.halvings=4", "8 pixels cannot be halved so often"),
        ("config.diffaugment=colour", "unknown augmentation 'colour'"),
        ("config.captions=0", "captions is 0: it must be from 1"),
    ],
)
def test_what_does_not_fit_is_told(override, words):
    with pytest.raises(UserError, match=words):
        configs.build(small(override))


def test_phases_are_named():
    assert [phase.name for phase in both_phases()[2]] == ["stage1", "stage2"] and isinstance(both_phases()[2][0], Phase)
