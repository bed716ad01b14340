"""Every config: plays on real data, with the sizes of its paper, on one device as on eight."""

import runpy

import jax
import numpy as np
import pytest
from tools import MEMBERS, PROJECT, SMALL, float64_rounds, play, shrunk

from gan_zoo import config as configs
from gan_zoo import data, trained
from gan_zoo.errors import UserError
from gan_zoo.step import state_shapes

PAPERS = {
    "gan.py:paper": {"generator": 2_503_984, "discriminator": 1_231_441},
    "cgan.py:paper": {"generator": 2_413_984, "discriminator": 1_224_351},
    "dcgan.py:paper": {"generator": 3_576_704, "discriminator": 2_765_568},
    "lsgan.py:paper": {"generator": 3_576_704, "discriminator": 2_765_568},
    "wgan.py:paper": {"generator": 3_576_704, "discriminator": 2_765_568},
    "wgan_gp.py:paper": {"generator": 1_204_483, "discriminator": 1_053_825},
    # The paper's widths in card form: sum of the layers' sizes, written out in test_sngan_by_hand.
    "sngan.py:paper": {"generator": 4_276_739, "discriminator": 1_053_824},
    "infogan.py:paper": {"generator": 6_652_481, "discriminator": 6_692_173},
    "pix2pix.py:paper": {"generator": 54_413_955, "discriminator": 2_768_705},
    "cyclegan.py:paper": {
        **dict.fromkeys(("generator_ab", "generator_ba"), 11_378_179),
        **dict.fromkeys(("discriminator_a", "discriminator_b"), 2_764_737),
        **dict.fromkeys(("pool_a", "pool_b"), 0),
    },
    "discogan.py:paper": {
        **dict.fromkeys(("generator_ab", "generator_ba"), 5_513_856),
        **dict.fromkeys(("discriminator_a", "discriminator_b"), 2_765_568),
    },
    "autoencoder.py:paper": {"encoder": 330_040, "decoder": 322_784},
    "deepfake.py:paper": {"encoder": 69_662_976, **dict.fromkeys(("decoder_a", "decoder_b"), 6_199_747), "colours": 0},
    "next_frame.py:paper": {"generator": 12_569_740, "discriminator": 20_640_388},
    "stackgan.py:paper": {"stage1": 28_895_936, "stage2": 58_370_288, "discriminator2": 109_126_144},
    "stylegan.py:paper": {"generator": 26_219_627, "discriminator": 23_087_249},
    "srgan.py:paper": {"srresnet": 1_549_462, "generator": 1_549_462, "discriminator": 23_565_505},
}
# gan.py's or dcgan.py's networks; or long to compile: their eight devices are compared in the slow tests.
LONG = ("cyclegan", "deepfake", "discogan", "infogan", "pix2pix", "srgan", "stackgan", "stylegan")
ALIKE = [f"configs/{name}.py:digits" for name in ("cgan", "lsgan", "sngan", "wgan", *LONG)] + [
    "configs/next_frame.py:moving_digits"
]
COMPILED = ["configs/dcgan.py:digits", "configs/wgan_gp.py:digits", "configs/wgan_gp.py:25gaussians"]


def parameters(config):
    spec, phases = configs.build(config)
    state = state_shapes(phases[-1].game, data.example(spec, 8))
    return {name: sum(x.size for x in jax.tree.leaves(v.get("params", {}))) for name, v in state.nets.items()}


@pytest.mark.parametrize("name", sorted(PAPERS))
def test_papers_parameter_counts(name):
    assert parameters(configs.load(str(PROJECT / "configs" / name), [])) == PAPERS[name]


def test_every_config_has_paper_settings_and_a_header():
    stems = {path.name for path in (PROJECT / "configs").glob("*.py")}
    assert {name.partition(":")[0] for name in PAPERS} == stems
    for path in (PROJECT / "configs").glob("*.py"):
        assert "./launch.sh" in path.read_text().split('"""')[1], f"{path.name}: the header lacks its command"


@pytest.mark.parametrize("path", sorted((PROJECT / "configs").glob("*.py")), ids=lambda path: path.stem)
def test_every_setting_names_data_that_there_are(path):
    for name in runpy.run_path(str(path))["SETTINGS"]:
        config = configs.load(f"{path}:{name}", [])
        try:
            data.spec(config.dataset, config.image_shape, config.classes)
        except UserError as error:  # one's own folders
            assert "there is no folder" in str(error), f"{path.stem}:{name}: {error}"


@pytest.mark.parametrize("name", SMALL)
def test_plays_two_rounds_on_real_data(name, cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr("gan_zoo.text.joint_embedding.ROUNDS", (2, 2))  # texts need an encoder, not a good one
    config, _ = shrunk(name)
    state, history, _ = play(config, 2, 1)
    for metrics in history:
        assert all(np.isfinite(value) for value in metrics.values()), metrics
    assert int(state.step) == 2
    spec, phases = configs.build(config)
    for player in phases[0].game.players:
        assert {f"{player}/loss", f"{player}/gradient_norm"} <= set(history[0])
    learned = trained.Trained(config, spec, phases[0].game, state, 2)
    made = learned.sample(seed=3, num=5)
    assert made.shape == (5, *spec.shape) and np.isfinite(made).all()
    np.testing.assert_array_equal(made, learned.sample(seed=3, num=5))
    if not learned.game.given or config.model == "pix2pix":  # the other translators draw no noise
        assert not np.array_equal(made, learned.sample(seed=4, num=5))


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in ALIKE else ()) for n in MEMBERS])
def test_eight_devices_and_one_are_the_same_in_float64(name):
    with jax.enable_x64(True):
        config, _ = shrunk(name, "config.precision=float64")
        rounds = float64_rounds(name)
        _, one, alone = play(config, rounds, 1)
        state, eight, shared = play(config, rounds, 8)
        assert {x.dtype for x in jax.tree.leaves(state.nets) if x.dtype.kind == "f"} == {np.dtype("float64")}
    flops = [program.cost_analysis()["flops"] for program in (alone, shared)]
    assert flops[1] < flops[0] / 3, "the devices do not share the work"
    for a, b in zip(one, eight, strict=True):
        for key in a:
            np.testing.assert_allclose(a[key], b[key], atol=1e-8, rtol=0, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["configs/stackgan.py:digits", "configs/stylegan.py:digits"])
def test_second_phases_are_the_same_on_eight_devices(name):
    """The second stage with the first one frozen, and a block that fades in."""
    with jax.enable_x64(True):
        config, _ = shrunk(name, "config.precision=float64")
        (_, one, _), (_, eight, _) = (play(config, 5, devices, phase=1) for devices in (1, 8))
    for a, b in zip(one, eight, strict=True):
        for key in a:
            np.testing.assert_allclose(a[key], b[key], atol=1e-8, rtol=0, err_msg=key)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in COMPILED else pytest.mark.slow) for n in MEMBERS])
def test_eight_devices_and_one_begin_the_same_in_float32(name):
    config, _ = shrunk(name)
    (_, one, _), (_, eight, _) = play(config, 1, 1), play(config, 1, 8)
    for key in one[0]:
        # relative too: gradient norms differ by members, to 34,000 (StyleGAN, whose first input is constant)
        np.testing.assert_allclose(one[0][key], eight[0][key], atol=1e-4, rtol=1e-6, err_msg=key)


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("configs/dcgan.py:digits", 0),
        ("configs/wgan_gp.py:25gaussians", 0),
        pytest.param("configs/stylegan.py:digits", 1, marks=pytest.mark.slow),  # a fade
        *(pytest.param("configs/stackgan.py:digits", phase, marks=pytest.mark.slow) for phase in (0, 1)),
    ],
)
def test_bfloat16_is_close_and_keeps_float32_parameters(name, phase):
    own = ["config.dataset=captioned:test_text.marks:digits"] if "stackgan" in name else []
    config, _ = shrunk(name, *own)
    low, _ = shrunk(name, *own, "config.precision=bfloat16")
    (state, a, _), (_, b, _) = play(low, 2, 1, phase), play(config, 2, 1, phase)
    assert {x.dtype for x in jax.tree.leaves(state.nets) if x.dtype.kind == "f"} == {np.dtype("float32")}
    for key in ("discriminator/loss", "generator/loss"):
        assert a[0][key] != b[0][key]
        np.testing.assert_allclose(a[0][key], b[0][key], atol=0.05)


def test_sngan_by_hand():
    """SNGAN's ResNet with width 256 (generator) and 128 (discriminator), from its layers."""
    conv = lambda i, o, k: i * o * k * k + o
    block = 2 * conv(256, 256, 3) + conv(256, 256, 1) + 2 * 2 * 256
    generator = 128 * 16 * 256 + 16 * 256 + 3 * block + 2 * 256 + conv(256, 3, 3)
    flat, down = 2 * conv(128, 128, 3), conv(128, 128, 1)
    first = conv(3, 128, 3) + conv(128, 128, 3) + conv(3, 128, 1)
    assert PAPERS["sngan.py:paper"] == {"generator": generator, "discriminator": first + 3 * flat + down + 128}


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_program(name):
    """Eight devices: the state is donated, nothing goes to the host, and only sums cross devices."""
    config, _ = shrunk(name)
    game = configs.build(config)[1][0].game
    state, _, compiled = play(config, 1, 8)
    text = compiled.as_text()
    leaves = len(jax.tree.leaves(state))
    assert text.count("may-alias") + text.count("must-alias") >= leaves - 1
    assert compiled.memory_analysis().alias_size_in_bytes > 0
    for operation in (
        "infeed",
        "outfeed",
        "send(",
        "recv(",
        "all-gather(",
        "all-to-all(",
        'custom-call-target="xla_python',
    ):
        assert operation not in text, operation
    if not any("batch_stats" in variables for variables in state.nets.values()):
        turns = sum(player.turns for player in game.players.values())
        assert text.count(" all-reduce(") == turns, "one reduction for each player's turn"


def test_compiles_once_for_a_phase(caplog):
    config, _ = shrunk("configs/dcgan.py:digits")
    with jax.log_compiles():
        play(config, 4, 8)
    compiled = [message for message in caplog.messages if "ompiling" in message and "jit(train_rounds)" in message]
    assert len(compiled) == 1, compiled
