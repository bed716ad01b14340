"""What users get wrong: a short message that says what to do, exit code 2, and nothing lost."""

import subprocess
import time

import numpy as np
import pytest
from PIL import Image
from tools import PROJECT, command, environment, noise, result, write_image

from gan_zoo import __main__ as command_line

DCGAN = str(PROJECT / "configs/dcgan.py:digits")
QUICK = ["--config.rounds=2", "--config.batch_size=8", "--config.eval_samples=8"]


@pytest.fixture(scope="module")
def env(cache, tmp_path_factory):
    return environment(cache, GAN_ZOO_DATA=str(tmp_path_factory.mktemp("data")))


def refused(arguments: list[str], env, *words: str, **options) -> subprocess.CompletedProcess:
    """Runs a command that must be refused with a short message that has these words."""
    run = command(arguments, env, **options)
    assert run.returncode == 2, (run.returncode, run.stdout, run.stderr)
    for word in words:
        assert word in run.stderr, run.stderr
    assert "Traceback" not in run.stderr and len(run.stderr) < 3000
    return run


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["--config.batch_sise=8"], ["batch_sise", "batch_size"]),
        (["--config.generator.widht=8"], ["widht", "generator.width"]),
        (["--config.batch_size=abc"], ["batch_size", "int", "abc"]),
        (["--config.ema_decay=high"], ["ema_decay", "float", "high"]),
        (["--config.image_shape=8"], ["image_shape", "tuple"]),
        (["--config.image_shape=(8.5,8,1)"], ["image_shape is (8.5, 8, 1): write"]),
        (["--config.image_shape=(27,27,1)"], ["(27, 27, 1)", "multiples of 4"]),
        (["--config.loss=hingee"], ["hingee", "hinge"]),
        (["--config.architecture=dcgam"], ["dcgam", "dcgan"]),
        (["--config.dataset=digit"], ["digit", "digits"]),
        (["--config.rounds=0"], ["rounds", "from 1"]),
        (["--config.precision=float16"], ["float16", "bfloat16"]),
        (["--config.regularizer=gradient_penalty"], ["BatchNorm", "discriminator.norm=none"]),
        (["--config.generator_optimizer.name=adamm"], ["adamm"]),
        (["--config.architecture=infogan"], ["no networks", "classes"]),
        (["--config.generator.norm=btach"], ["btach", "batch"]),
        (["--config.discriminator_turns=0"], ["discriminator_turns", "from 1"]),
        (["--config.ema_decay=7.0"], ["ema_decay", "from 0 to 1"]),
        (["--config.generator.width=0"], ["generator.width is 0", "from 1"]),
        (["--config.generator_optimizer.learning_rate=nan"], ["learning_rate is nan", "from 0"]),
        (["--config.seed=-1"], ["seed", "from 0"]),
    ],
)
def test_config_mistakes(overrides, words, refused_here):
    refused_here(["describe", DCGAN, *overrides], *words)


@pytest.mark.parametrize("shape", [(20, 16), None])
def test_bad_held_out_images_are_told_before_a_round(shape, refused_here, tmp_path):
    for split in ("train", "test"):
        for number in range(8):
            write_image(tmp_path / "in" / split / f"{number}.png", noise(16, 16))
    if shape:
        write_image(tmp_path / "in" / "test" / "7.png", noise(*shape))
    else:
        (tmp_path / "in" / "test" / "7.png").write_bytes(b"no picture")
    given = [f"--config.dataset=folder:{tmp_path}/in", "--config.image_shape=()", "--config.batch_size=8"]
    config = str(PROJECT / "configs/autoencoder.py:digits")
    refused_here([config, f"--workdir={tmp_path}/w", *given], "test/7.png")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("config", "overrides", "words"),
    [
        ("pix2pix", ["dataset=pairs:{}/odd", "image_shape=()"], ["odd/train/0.png", "33 pixels wide"]),
        ("pix2pix", ["image_shape=(30,30,1)"], ["30x30", "multiples of"]),
        ("pix2pix", ["dataset=digits"], ["pairs", "edges:DATA"]),
        ("cyclegan", ["dataset=unpaired:{}/full,{}/empty"], ["{}/empty", "0 images"]),
        ("cyclegan", ["dataset=unpaired:{}/full,{}/grey", "image_shape=()"], ["(16, 16, 3)", "(16, 16, 1)"]),
        ("cyclegan", ["image_shape=(30,30,1)"], ["30x30", "multiples of 4"]),
        ("discogan", ["image_shape=(24,24,1)"], ["24x24", "square"]),
        ("srgan", ["dataset=photos:{}/full", "image_shape=(32,32,3)"], ["smaller than"]),
        ("srgan", ["image_shape=(18,18,1)"], ["18x18", "multiples of 4"]),
    ],
)
def test_images_that_do_not_fit(config, overrides, words, refused_here, tmp_path):
    for name, channels, width in (("full", [3], 16), ("grey", [], 16), ("odd/train", [3], 33), ("odd/test", [3], 33)):
        for number in range(8):
            write_image(tmp_path / name / f"{number}.png", noise(16, width, *channels))
    (tmp_path / "empty").mkdir()
    given = [f"--config.{item.replace('{}', str(tmp_path))}" for item in overrides]
    arguments = [str(PROJECT / f"configs/{config}.py:digits"), f"--workdir={tmp_path}/w", *given]
    refused_here(arguments, *(word.replace("{}", str(tmp_path)) for word in words))


@pytest.mark.parametrize(
    ("config", "override", "words"),
    [
        ("discogan", "reconstruction=(0.5,)", "reconstruction is (0.5,): it is the share at first, and then"),
        ("discogan", "feature_matching=1.5", "feature_matching is 1.5: it must be from 0 to 1"),
        ("deepfake", "around.flip=1.5", "around.flip is 1.5: it must be from 0 to 1"),
        ("deepfake", "jitter=-0.1", "jitter is -0.1: it must be from 0"),
        ("deepfake", "jitter=inf", "jitter is inf: it must be from 0"),
        ("stylegan", "batch_sizes=(16,0)", "batch_sizes is (16, 0): it must be from 1"),
        ("stylegan", "generator.layers=0", "generator.layers is 0: it must be from 1"),
        ("stylegan", "penalty_weight=-1.0", "penalty_weight is -1.0: it must be from 0"),
        ("stackgan", "stage2.halvings=0", "stage2.halvings is 0: it must be from 1"),
        ("stackgan", "divergence_weight=nan", "divergence_weight is nan: it must be from 0"),
    ],
)
def test_values_out_of_their_range(config, override, words, refused_here):
    refused_here(["describe", str(PROJECT / f"configs/{config}.py:digits"), f"--config.{override}"], words)


@pytest.mark.parametrize(
    ("config", "more"),
    [
        ("dcgan", ["--config.batch_size=16", "--config.conditioning=none"]),
        ("stylegan", ["--config.batch_sizes=(16,8)", "--config.conditional=False"]),
    ],
)
def test_a_set_that_is_smaller_than_a_batch(config, more, refused_here, tmp_path):
    for number in range(12):
        write_image(tmp_path / "few" / f"{number}.png", noise(16, 16, 3))
    dataset = [f"--config.dataset=folder:{tmp_path}/few", "--config.image_shape=(16,16,3)", *more]
    arguments = [str(PROJECT / f"configs/{config}.py:digits"), f"--workdir={tmp_path}/w", *dataset]
    refused_here(arguments, "11 images", "batch of 16", "config.batch_size")


def test_mistakes_in_config_files(refused_here, tmp_path):
    for text, word in (
        ("def get_config(:", "SyntaxError"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("x = 1", "get_config"),
        ("def get_config(data=''):\n    return {'rounds': 'many'}", "'many'"),
        ("def get_config(data=''):\n    return {'generator': 3}", "generator"),
        ("def get_config(data=''):\n    return {'round': 3}", "rounds"),
    ):
        (tmp_path / "mine.py").write_text(text)
        refused_here(["describe", str(tmp_path / "mine.py")], word)


def test_odd_workdirs_and_numbers(env, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    refused([DCGAN, f"--workdir={file}", *QUICK], env, str(file))
    refused(["sample", f"--workdir={file}"], env, "holds no run")
    refused(["evalute", f"--workdir={file}"], env, "evalute", "evaluate")
    refused(["evaluate", f"--workdir={file}", "--config.rounds=3"], env, "config.rounds")


def test_seeds_that_jax_would_cut_off(refused_here, tmp_path):
    refused_here(["sample", f"--workdir={tmp_path}", "--seed=4294967296"], "--seed=4294967296: from 0 to 4294967295")
    refused_here([DCGAN, f"--workdir={tmp_path}/w", "--config.seed=4294967296"], "seed is 4294967296")


def test_a_home_folder_is_found_behind_an_equals_sign(monkeypatch, refused_here, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    refused_here(["sample", "--workdir=~/none"], f"{tmp_path}/none holds no run")


def test_an_interrupted_command_leaves_no_traceback(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setitem(command_line.COMMANDS, "list", interrupted)
    monkeypatch.setattr(command_line, "_quiet_libraries", lambda: None)
    assert command_line.main(["list"]) == 130 and capsys.readouterr().err == "gan_zoo: interrupted\n"


def test_config_mistakes_leave_no_workdir(env, tmp_path):
    workdir = tmp_path / "run"
    refused([DCGAN, f"--workdir={workdir}", "--config.nonsense=1"], env, "nonsense")
    assert not workdir.exists()


def test_indivisible_batch(cache, tmp_path):
    env = environment(cache, devices=8)
    refused([DCGAN, f"--workdir={tmp_path}/w", "--config.batch_size=12"], env, "12", "8 devices", "8 or 16")


def test_labels_are_needed(env, tmp_path):
    plain = str(PROJECT / "configs/gan.py:25gaussians")
    refused([plain, f"--workdir={tmp_path}/w", "--config.conditioning=concatenation"], env, "labels", "25gaussians")


def test_missing_data_is_told_within_ten_seconds(env, tmp_path):
    began = time.time()
    name = str(PROJECT / "configs/dcgan.py:fashion_mnist")
    if not (PROJECT / "/usr/share/datasets/fashion-mnist").exists():
        refused([name, f"--workdir={tmp_path}/w"], env, "./launch.sh data fashion_mnist")
    refused([DCGAN, f"--workdir={tmp_path}/v", "--config.dataset=folder:/no/such"], env, "/no/such")
    assert time.time() - began < 20


def test_no_such_config_command_or_run(env, tmp_path):
    refused(["configs/nothing.py"], env, "configs/nothing.py", "list")
    refused(["evaluate", f"--workdir={tmp_path}"], env, str(tmp_path))
    refused(["evaluate"], env, "--workdir")
    refused([DCGAN, "--frobnicate"], env, "--frobnicate")
    refused([str(PROJECT / "configs/dcgan.py:digitz")], env, "digitz", "digits")


def images(folder, count=20, side=8):
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for i in range(count // 2):
            pixels = np.random.default_rng(i).integers(0, 255, (side, side, 3), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{i}.png")


def test_a_folder_of_images_trains_and_a_corrupt_one_is_named(env, tmp_path):
    images(tmp_path / "pictures")
    arguments = [DCGAN, f"--workdir={tmp_path}/w", f"--config.dataset=folder:{tmp_path}/pictures", *QUICK]
    good = command(arguments, env)
    assert good.returncode == 0, good.stderr
    assert "label_accuracy" in result(tmp_path / "w", "evaluation.json")["scores"]
    (tmp_path / "pictures" / "cat" / "3.png").write_bytes(b"no picture")
    arguments[1] = f"--workdir={tmp_path}/v"
    refused(arguments, env, "cat/3.png")


def test_full_disk_keeps_what_was_saved(env, tmp_path):
    """A limit on the size of files stands in for a full disk."""
    arguments = [DCGAN, f"--workdir={tmp_path}/w", "--config.eval_samples=8", "--config.batch_size=8"]
    arguments += ["--config.generator.width=8", "--config.discriminator.width=8"]
    wide = ["--config.sample_every=0", "--config.checkpoint_every=5"]
    assert command([*arguments, *wide, "--config.rounds=5"], env).returncode == 0
    limited = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash"]  # files of at most 100 KiB
    full = command([*arguments, *wide, "--config.rounds=20"], env, prefix=limited)
    assert full.returncode == 2 and "disk is full" in full.stderr and "same command" in full.stderr, full.stderr
    again = command([*arguments, *wide, "--config.rounds=20"], env)
    assert again.returncode == 0 and "continuing" in again.stderr, again.stderr


def test_a_member_outside_the_package(env, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "my_gan.py").write_text("from gan_zoo.models.gan import Model as Base\n\nModel = Base\n")
    (tmp_path / "my_config.py").write_text(
        "def get_config(data=''):\n"
        "    return {'model': 'mine.my_gan', 'rounds': 2, 'batch_size': 8, 'eval_samples': 8}\n"
    )
    run = command(["my_config.py", "--workdir=w"], env, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert result(tmp_path / "w")["step"] == 2
    (tmp_path / "mine" / "texts.py").write_text(
        "def encode(texts):\n    return [[len(one), ord(one[0])] for one in texts]\n"
    )
    texts = "--config.dataset=captioned:mine.texts.encode:digits"
    told = command(["describe", "configs/stackgan.py:digits", texts], env, cwd=tmp_path)
    assert told.returncode == 0 and "captioned:mine.texts.encode:digits" in told.stdout, told.stderr
