"""What the members reach, as README says it: minutes each, so only with -m slow."""

import statistics

import pytest
from tools import PROJECT, command, environment, result

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(cache, tmp_path_factory):
    """Scores of a whole run of a config with a seed."""

    def get(name: str, seed: int = 0) -> dict:
        workdir = tmp_path_factory.mktemp("run")
        arguments = [str(PROJECT / name), f"--workdir={workdir}", f"--config.seed={seed}"]
        run = command(arguments, environment(cache, XLA_FLAGS=""), timeout=3600)
        assert run.returncode == 0, run.stderr
        scores = result(workdir, "evaluation.json")["scores"]
        return {key: score["value"] for key, score in scores.items()}

    return get


def test_default_run_draws_the_digits_that_it_is_asked_for(trained):
    scores = trained("configs/dcgan.py:digits")
    assert scores["classifier_accuracy"] >= 0.97
    assert scores["label_accuracy"] >= 0.95


@pytest.mark.parametrize("seed", range(3))
def test_wgan_gp_covers_all_modes(trained, seed):
    scores = trained("configs/wgan_gp.py:25gaussians", seed)
    assert scores["modes_covered"] == 25
    assert scores["high_quality"] >= 0.9


def test_infogan_finds_the_classes(trained):
    runs = [trained("configs/infogan.py:digits", seed) for seed in range(3)]
    assert statistics.median(run["code_accuracy"] for run in runs) >= 0.8
    assert min(run["mutual_information"] for run in runs) >= 2.0


# What must hold of a config's scores on held-out images.
IMAGES = {
    **dict.fromkeys(
        ("configs/pix2pix.py:edges2fashion", "configs/pix2pix.py:emoji"),
        lambda s: (
            s["l1"] < min(s["l1_of_input"], s["l1_of_mean"]) and s["ssim"] > max(s["ssim_of_input"], s["ssim_of_mean"])
        ),
    ),
    "configs/cyclegan.py:emoji": lambda s: (
        s["l1"] < s["l1_of_input"] and s["translated_accuracy"] >= 0.8 and s["cycle_l1"] <= 0.1
    ),
    "configs/discogan.py:shoes2bags": lambda s: (
        s["domain_classifier_accuracy"] >= 0.95 and s["translated_accuracy"] >= 0.95 and s["coverage"] >= 0.8
    ),
    "configs/autoencoder.py:denoise": lambda s: (
        s["psnr"] >= s["psnr_noisy"] + 3 and s["psnr"] >= s["psnr_median_filter"] + 3
    ),
    "configs/autoencoder.py:inpaint": lambda s: s["mask_error"] < s["mask_error_of_mean"] / 2,
    "configs/autoencoder.py:fashion_mnist": lambda s: s["precision_at_10"] >= 0.75,
    "configs/deepfake.py:faces": lambda s: s["swapped_accuracy"] >= 0.9 and s["character_top1"] >= 0.6,
    "configs/next_frame.py:moving_digits": lambda s: s["psnr"] >= s["psnr_last_frame"] + 3,
    "configs/srgan.py:photos": lambda s: (
        s["psnr_srresnet"] >= s["psnr_bicubic"] + 0.5 and s["sharpness"] > s["sharpness_srresnet"]
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images_from_images(trained, cache, name):
    data = name.partition(":")[2]
    brought = command(
        ["data", {"faces": "emoji"}.get(data, data if data in ("emoji", "photos") else "fashion_mnist")],
        environment(cache),
        timeout=900,
    )
    assert brought.returncode == 0, brought.stderr
    scores = trained(name)
    assert IMAGES[name](scores), scores
