"""Styles: truncated, drawn, mixed, found, and their commands."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from stylegan_runs import grown_run
from test_stylegan_networks import normal
from tools import noise, write_image

from gan_zoo import data, styles
from gan_zoo.__main__ import main
from gan_zoo.errors import UserError
from gan_zoo.style_pictures import noise_picture
from gan_zoo.trained import Trained


@pytest.fixture
def run(monkeypatch):
    """A grown run, found wherever one is asked for."""
    run = grown_run()
    monkeypatch.setattr("gan_zoo.trained.load", lambda folder, number: run)
    return run


def test_styles_of_a_run():
    run = grown_run()
    w = styles.styles_of(run, np.asarray(normal(6, 8)), np.arange(6))
    assert w.shape == (6, 8) and styles.layers_of(run) == 4
    gone = styles.draw(run, styles.truncated(run, w, 0.0))
    still = styles.draw(run, styles.truncated(run, w, 0.0), noise=False)
    assert np.abs(still - still[:1]).max() < 1e-6 < np.abs(gone - gone[:1]).max()  # one image, but for the noise
    assert np.ptp(styles.draw(run, styles.truncated(run, w), noise=False), axis=0).max() > 1e-3
    each = styles.truncated(run, w, 0.0, cutoff=2)
    np.testing.assert_array_equal(each[:, 2:], np.repeat(w[:, None], 2, axis=1))
    assert styles.groups(run) == {"coarse": slice(0, 2), "fine": slice(2, 4)}


def test_truncated_samples():
    run = grown_run()
    strength = lambda value: jax.tree_util.tree_map_with_path(
        lambda path, x: jnp.full_like(x, value) if "noise" in str(path[-1]) else x, run.nets["generator"]
    )
    run.nets = {**run.nets, "generator": strength(0.1)}
    made = lambda psi, cutoff=0: run.sample(3, 6, given=styles.truncation(run, psi, cutoff))
    assert np.ptp(made(0.0), axis=0).max() < 1e-6  # one image, noise and all
    assert np.ptp(made(0.0, cutoff=2), axis=0).max() > 1e-3
    run.nets = {**run.nets, "generator": strength(0.0)}
    noise, labels = run.latents(6)["noise"], np.arange(6, dtype=np.int32)
    batch = {**data.example(run.spec, 6, labels=labels), "noise": noise, **styles.truncation(run, 0.5, 3)}
    w = styles.truncated(run, styles.styles_of(run, noise, labels), 0.5, 3)
    np.testing.assert_allclose(run.view("sample", batch)["image"], styles.draw(run, w), atol=1e-5)
    np.testing.assert_allclose(made(1.0), run.sample(3, 6), atol=1e-5)  # of the same latents
    with pytest.raises(UserError, match="4 layers"):
        styles.truncation(run, 0.5, 5)
    for psi in (np.nan, np.inf):
        with pytest.raises(UserError, match=f"--truncation={psi}"):
            styles.truncation(run, psi)


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


def test_projection_finds_an_image_that_the_network_makes():
    run = grown_run()
    w = styles.styles_of(run, np.asarray(normal(3, 8)), np.arange(3))
    made = styles.draw(run, styles.truncated(run, w), noise=False)
    target = np.asarray(np.clip(np.rint((made + 1) * 127.5), 0, 255), np.uint8)
    distance = lambda a, b, rng: jnp.mean((jnp.clip(a, -1, 1) - b) ** 2, axis=(1, 2, 3))
    _, history = styles.project(run, target, distance, 200)
    assert (history[-1] < 0.5 * history[0]).all() and history[-1].min() < 0.01 * history[0].min()
