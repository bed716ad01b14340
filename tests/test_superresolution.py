"""SRGAN: networks, the two phases, the feature maps, and how enlarged pictures are scored."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from tools import FEW, PROJECT, noise, write_image

from gan_zoo import config as configs
from gan_zoo import data, figures, superresolution
from gan_zoo.architectures import srresnet
from gan_zoo.errors import UserError
from gan_zoo.layers import pixel_shuffle
from gan_zoo.pretrained import perceptual
from gan_zoo.resample import enlarged, shifted, shrunk, softened
from gan_zoo.step import new_state, train_step

KEY = jax.random.key(0)
NARROW = ["config.generator.width=4", "config.generator.blocks=1", "config.discriminator.width=4"]


def test_pixel_shuffle_is_pytorchs_and_a_bijection():
    """Output pixel (s y + i, s x + j) of channel c is input pixel (y, x) of channel c s s + i s + j."""
    x = np.arange(2 * 3 * 4 * 8).reshape(2, 3, 4, 8)
    y = np.asarray(pixel_shuffle(jnp.asarray(x), 2))
    assert y.shape == (2, 6, 8, 2) and len(np.unique(y)) == x.size
    for c in range(2):
        for i in range(2):
            for j in range(2):
                np.testing.assert_array_equal(y[:, i::2, j::2, c], x[..., 4 * c + 2 * i + j])


@pytest.mark.parametrize("size", [(8, 8), (9, 13)])
def test_srresnet_makes_any_image_four_times_larger(size):
    network = srresnet.Generator((32, 32, 3), width=4, blocks=1)
    made = jax.eval_shape(lambda x: network.init_with_output(KEY, x, train=False)[0], jnp.zeros((2, *size, 3)))
    assert made.shape == (2, 4 * size[0], 4 * size[1], 3)


def test_small_images_are_rounded_to_bytes_and_keep_their_mean():
    image = jax.random.uniform(KEY, (1, 32, 32, 3), minval=-0.9, maxval=0.9)
    small = np.asarray(shrunk(image))
    assert small.shape == (1, 8, 8, 3)
    levels = (small + 1) * 127.5
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    np.testing.assert_allclose(small.mean(), image.mean(), atol=0.02)
    flat = jnp.full((1, 16, 16, 1), 0.2)
    np.testing.assert_allclose(enlarged(shrunk(flat)), np.rint(1.2 * 127.5) / 127.5 - 1, atol=1e-6)


def test_small_images_are_pillows():
    """Bicubic with antialiasing, as the papers' (MATLAB's imresize) and Pillow's."""
    from PIL import Image

    image = noise(48, 64)
    theirs = np.asarray(Image.fromarray(image).resize((16, 12), Image.Resampling.BICUBIC)).astype(int)
    ours = np.asarray((shrunk(jnp.asarray(image[None, ..., None] / 127.5 - 1, jnp.float32)) + 1) * 127.5)
    assert np.abs(ours[0, ..., 0] - theirs).max() <= 1.01


def phases_of(*overrides):
    config = configs.load(str(PROJECT / "configs/srgan.py:digits"), [*FEW, *NARROW, *overrides])
    return config, *configs.build(config)


def test_the_generator_begins_as_srresnet_which_then_stands_still():
    config, spec, (first, second) = phases_of()
    batch = {"image": jax.random.uniform(KEY, (1, 4, *spec.shape), minval=-1.0)}
    state = new_state(first.game, KEY, data.example(spec, 4))
    begun = jax.tree.map(np.asarray, state.nets["srresnet"])
    state, metrics = train_step(first.game, state, {}, batch)
    assert set(state.nets) == {"srresnet"} and np.isfinite(metrics["srresnet/loss"])
    learned = jax.tree.map(np.asarray, state.nets["srresnet"])
    assert any((a != b).any() for a, b in zip(jax.tree.leaves(begun), jax.tree.leaves(learned), strict=True))
    state = new_state(second.game, KEY, data.example(spec, 4), state)
    for name in ("srresnet", "generator"):
        jax.tree.map(np.testing.assert_array_equal, state.nets[name], learned)
    state, metrics = train_step(second.game, state, {}, batch)
    jax.tree.map(np.testing.assert_array_equal, state.nets["srresnet"], learned)
    changed = zip(jax.tree.leaves(state.nets["generator"]["params"]), jax.tree.leaves(learned["params"]), strict=True)
    assert all((a != b).any() for a, b in changed)


def test_losses_are_the_papers():
    weights = ("config.content_weight=0.5", "config.adversarial_weight=0.25", "config.pixel_weight=0.125")
    config, spec, (_, phase) = phases_of(*weights)
    batch = {"image": jax.random.uniform(KEY, (4, *spec.shape), minval=-1.0)}
    nets = new_state(phase.game, KEY, batch).nets
    total, (_, parts) = phase.game.players["generator"].loss(nets, batch, KEY, 0)
    expected = 0.5 * parts["content"] + 0.25 * parts["adversarial"] + 0.125 * parts["pixels"]
    np.testing.assert_allclose(total, expected, rtol=1e-6)
    np.testing.assert_allclose(parts["content"], parts["pixels"])
    assert phase.game.about == {"content": "mse"}


def test_feature_maps_without_weights_are_told_before_training(monkeypatch):
    for variable in ("GAN_ZOO_VGG19", "GAN_ZOO_EFFICIENTNET"):
        monkeypatch.delenv(variable, raising=False)
    _, _, (_, phase) = phases_of("config.content=vgg54")
    with pytest.raises(UserError, match="GAN_ZOO_VGG19"):
        phase.constants()
    with pytest.raises(UserError, match="did you mean 'vgg54'"):
        phases_of("config.content=vgg45")


def test_feature_maps_of_vgg(tmp_path, monkeypatch):
    """VGG54 has 512 maps of a sixteenth; what a file holds is what is compared, and its hash is told."""
    whose, network, _ = perceptual.KNOWN["vgg22"]
    shapes = jax.eval_shape(network.init, KEY, jnp.zeros((1, 16, 16, 3)))
    rng, tensors = np.random.default_rng(0), {}
    for layer, leaves in shapes["params"].items():
        kernel = leaves["kernel"].shape
        tensors[f"{layer}.weight"] = 0.05 * rng.standard_normal((kernel[3], kernel[2], *kernel[:2]), np.float32)
        tensors[f"{layer}.bias"] = np.zeros(kernel[3], np.float32)
    np.savez(tmp_path / "vgg.npz", **tensors)
    monkeypatch.setenv("GAN_ZOO_VGG19", str(tmp_path / "vgg.npz"))
    maps = perceptual.perceptual("vgg22")
    variables = maps.load()
    image = jax.random.uniform(KEY, (2, 16, 16, 1), minval=-1.0)
    features = maps.features(variables, image)
    assert features.shape == (2, 8, 8, 128) and features.min() == 0 and features.max() > 0
    assert maps.protocol["content"] == "vgg22" and len(maps.protocol["content_weights"]) == 16
    # Gray images are seen as gray colour images, normalized as ImageNet's.
    colour = jnp.broadcast_to(image, (2, 16, 16, 3))
    np.testing.assert_allclose(features, maps.features(variables, colour), atol=1e-6)
    phase = phases_of("config.content=vgg22")[2][1]
    assert phase.game.about["content"] == "vgg22"


def test_what_sees_every_other_pixel_sees_all_by_shifts():
    """Of images that differ where a stride of 2 does not look: without shifts nothing, with them what it should be."""
    every_other = lambda variables, x: x[:, ::2, ::2]
    odd = np.arange(8) % 2 == 1
    a, b = jnp.zeros((1, 8, 8, 1)), jnp.asarray(np.outer(odd, odd)[None, ..., None], jnp.float32)
    distances = {}
    for shift in (0, 8):
        maps = perceptual.Perceptual(every_other, dict, {}, shift)
        distances[shift] = [float(maps.distances({}, a, b, jax.random.key(i)).mean()) for i in range(200)]
    assert set(distances[0]) == {0} and set(distances[8]) == {0, 1}
    assert np.mean(distances[8]) == pytest.approx(float(jnp.mean((a - b) ** 2)), abs=0.08)
    assert perceptual.KNOWN["vgg54"][2] == 0  # as in the paper


def test_images_are_shifted_alike_by_less_than_asked():
    images = jnp.arange(2 * 8 * 8.0).reshape(2, 8, 8, 1)
    np.testing.assert_array_equal(shifted(KEY, 0, images)[0], images)
    seen = set()
    for i in range(40):
        one, other = shifted(jax.random.key(i), 3, images, -images)
        np.testing.assert_array_equal(one, -other)
        down, right = divmod(int(np.argmin(one[0])), 8)
        np.testing.assert_array_equal(one, np.roll(images, (down, right), (1, 2)))
        seen.add((down, right))
    assert seen == {(down, right) for down in range(3) for right in range(3)}


class Enlarger:
    """In place of a trained game: enlarges by bicubic interpolation, and worse by repeating pixels."""

    game = SimpleNamespace(
        views={"upscale": None, "upscale_srresnet": None},
        titles={"comparison": ("bicubic", "SRResNet", "SRGAN", "original")},
    )

    def __init__(self, folder):
        self.config = configs.load(
            str(PROJECT / "configs/srgan.py:digits"),
            [f"config.dataset=photos:{folder}", "config.image_shape=(16,16,3)"],
        )
        self.spec = data.spec(self.config.dataset, self.config.image_shape)
        self.test = data.load(self.config.dataset, "test", self.config.image_shape)

    def make(self, view, images):
        if view == "upscale":
            return np.asarray(enlarged(jnp.asarray(images)))
        return images.repeat(4, axis=1).repeat(4, axis=2)


def test_scores_of_enlarged_pictures(tmp_path):
    """Pictures of several sizes, none a multiple of four."""
    rows, columns = np.mgrid[:61, :83]
    for i in range(20):
        smooth = 127 + 60 * np.sin(rows / (5 + i)) + 60 * np.cos(columns / (4 + i))
        write_image(tmp_path / f"{i}.png", smooth[..., None].repeat(3, axis=-1).astype(np.uint8))
    file = tmp_path.with_suffix(".png")
    scores = superresolution.superresolution_scores(Enlarger(tmp_path), {"version": "1"}, file)
    value = {name: score["value"] for name, score in scores.items()}
    assert value["psnr"] == value["psnr_bicubic"] > 30 and value["ssim"] == value["ssim_bicubic"] > 0.9
    assert value["psnr_srresnet"] < value["psnr"] and value["ssim_srresnet"] < value["ssim"]
    assert value["sharpness"] == pytest.approx(value["sharpness_of_truth"], rel=0.1)
    assert scores["psnr"]["channel"] == "luma" and scores["psnr"]["border"] == 4 and scores["psnr"]["fake_samples"] == 2
    # Two rows, each a line of titles over four details of 96 pixels, twice as large, with white around what is smaller.
    side, head = 2 * superresolution.DETAIL, figures.HEAD
    picture = np.asarray(Image.open(file)).astype(int)
    assert picture.shape == (2 * (head + side + 2 * figures.GAP), 4 * (side + figures.GAP) + figures.GAP, 3)
    bicubic, srresnet, srgan, original = (
        picture[head + figures.GAP :][:side, figures.GAP + i * (side + figures.GAP) :][:, :side] for i in range(4)
    )
    assert (bicubic == srgan).all() and (srresnet != srgan).any() and (original[120:] == 255).all()
    assert np.abs(srgan[:120, :160] - original[:120, :160]).mean() < 8
    assert (picture[:head] < 128).any()  # the titles


def test_smoothing_takes_the_finest_pattern_away_and_keeps_the_mean():
    grid = np.where(np.indices((8, 8)).sum(axis=0) % 2, 1.0, -1.0)[None, :, :, None]  # every other pixel
    np.testing.assert_allclose(softened(jnp.asarray(grid)), 0, atol=1e-6)
    image = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3))
    np.testing.assert_allclose(softened(jnp.asarray(image)).mean(axis=(1, 2)), image.mean(axis=(1, 2)), atol=1e-6)
