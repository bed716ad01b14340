"""DiffAugment's changes (Zhao et al. 2020): closed forms over many draws, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_zoo.augment import augmented
from gan_zoo.errors import UserError

MANY = 2000


def changed(policy, image, seed=0):
    """MANY copies of an image [H, W, C], each changed by its own draws."""
    images = jnp.broadcast_to(jnp.asarray(image, jnp.float32), (MANY, *np.shape(image)))
    return np.asarray(jax.jit(lambda x: augmented(policy, jax.random.key(seed), x))(images))


def test_color_of_a_gray_image_is_brightness_and_contrast():
    image = np.linspace(-0.5, 0.7, 16).reshape(4, 4, 1).repeat(3, axis=2)
    made = changed("color", image)
    brightness = made.mean(axis=(1, 2, 3)) - image.mean()
    contrast = made.std(axis=(1, 2, 3)) / image.std()
    expected = (image.mean() + brightness)[:, None, None, None] + contrast[:, None, None, None] * (image - image.mean())
    np.testing.assert_allclose(made, expected, atol=1e-5)  # gray has no saturation
    for values, low, high in ((brightness, -0.5, 0.5), (contrast, 0.5, 1.5)):
        assert low - 1e-5 <= values.min() < low + 0.01 and high - 0.01 < values.max() <= high + 1e-5
        assert np.isclose(values.mean(), (low + high) / 2, atol=0.03) and np.isclose(values.var(), 1 / 12, rtol=0.1)
    assert abs(np.corrcoef(brightness, contrast)[0, 1]) < 0.1


def test_saturation_keeps_each_pixels_mean_and_scales_its_colors():
    image = np.random.default_rng(0).uniform(-1, 1, (4, 4, 3))
    image -= image.mean(axis=2, keepdims=True)  # all means are 0: contrast then scales what saturation leaves
    made = changed("color", image)
    brightness = made.mean(axis=(1, 2, 3), keepdims=True)
    scale = ((made - brightness) * image).sum(axis=(1, 2, 3)) / (image**2).sum()
    np.testing.assert_allclose(made, brightness + scale[:, None, None, None] * image, atol=1e-5)
    assert scale.min() < 0.01 and 2.5 < scale.max() <= 3  # 0 to 2 times 0.5 to 1.5
    assert np.isclose(scale.mean(), 1, atol=0.05)


def test_translation_moves_by_up_to_an_eighth_and_lets_zeros_in():
    image = np.random.default_rng(0).uniform(0.1, 1, (16, 8, 2))
    made = changed("translation", image)
    padded = np.pad(image, ((2, 2), (1, 1), (0, 0)))
    places = {(i, j): padded[i : i + 16, j : j + 8] for i in range(5) for j in range(3)}
    found = dict.fromkeys(places, 0)
    for one in made:
        (place,) = [key for key, moved in places.items() if np.allclose(moved, one)]
        found[place] += 1
    assert min(found.values()) > 0.7 * MANY / 15 and max(found.values()) < 1.3 * MANY / 15


def test_cutout_clears_half_of_each_side_around_any_middle():
    gone = changed("cutout", np.ones((8, 12, 1)))[..., 0] == 0
    rows, columns = gone.any(axis=2), gone.any(axis=1)
    np.testing.assert_array_equal(gone, rows[:, :, None] & columns[:, None])
    for sides, side in ((rows, 8), (columns, 12)):
        length = sides.sum(axis=1)
        runs = (np.diff(sides.astype(int), axis=1, prepend=0, append=0) == 1).sum(axis=1)
        assert (runs == 1).all() and length.max() == side // 2 and length.min() == side // 4
        # Middles lie at 0 ... side: of the lengths from side / 4 on, each but the whole one comes at both ends.
        shares = np.bincount(length, minlength=side // 2 + 1)[side // 4 :] / MANY
        whole = (side // 2 + 1) / (side + 1)
        np.testing.assert_allclose(shares, [*[2 / (side + 1)] * (side // 4), whole], atol=0.04)


@pytest.mark.parametrize("policy", ["color", "translation", "cutout", "color,translation,cutout"])
def test_the_gradient_comes_through(policy):
    with jax.enable_x64(True):
        x, v = (jax.random.normal(jax.random.key(n), (2, 8, 8, 3), jnp.float64) for n in (1, 2))
        loss = lambda x: jnp.sum(jnp.sin(augmented(policy, jax.random.key(0), x)))
        slope, step = jnp.vdot(jax.grad(loss)(x), v), 1e-6
        np.testing.assert_allclose(slope, (loss(x + step * v) - loss(x - step * v)) / (2 * step), rtol=1e-6)
        assert slope != 0


def test_policies_are_named_and_in_order():
    x = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    made = lambda policy: augmented(policy, jax.random.key(0), x)
    assert made("") is x
    assert (made("cutout")[0] == 0).sum() == (made(" cutout, ")[0] == 0).sum() > 0
    # What was cut out is brightened afterwards, or stays zero.
    assert (made("color,cutout") == 0).any() and not (made("cutout,color") == 0).any()
    with pytest.raises(UserError, match="unknown augmentation 'colour': did you mean 'color'"):
        made("translation,colour")
