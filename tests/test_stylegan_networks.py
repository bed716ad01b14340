"""StyleGAN's and ProGAN's networks: sizes, equalized layers, fades, styles, noise and the average of w."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_zoo.architectures import progan, stylegan
from gan_zoo.layers import Conv, EqualizedDense, average_pool, blur, pixel_norm, upsample

KEY = jax.random.key(0)
NARROW = {"base": 64, "largest": 16}
SMALL = {**NARROW, "noise_size": 8, "features": 8, "layers": 2}


def normal(*shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape)


def generator(resolution, family=stylegan, alpha=None, **settings):
    """A small generator, its variables and what it takes."""
    if family is progan:
        settings = {**NARROW, "noise_size": 8, **settings}
    network = family.Generator(3, resolution, 0, **(settings or SMALL))
    given = normal(4, 8), [normal(4, *shape, seed=i) for i, shape in enumerate(network.noises)]
    return network, network.init(KEY, *given, alpha, train=True), given


def parameters(network, *given):
    shapes = jax.eval_shape(lambda: network.init(KEY, *given, None, train=True))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


def test_parameters_at_the_papers_size():
    network = stylegan.Generator(3, 1024, 0)
    noises = [jnp.zeros((1, *shape)) for shape in network.noises]
    assert len(noises) == 18 and parameters(network, jnp.zeros((1, 512)), noises) == 26_219_627
    assert parameters(progan.Generator(3, 1024, 0), jnp.zeros((1, 512)), []) == 23_079_115
    for family in (stylegan, progan):
        assert parameters(family.Discriminator(1024, 0), jnp.zeros((1, 1024, 1024, 3))) == 23_087_249


@pytest.mark.parametrize("gain", [1.0, 2**0.5])
def test_equalized_layers_keep_the_variance(gain):
    x = normal(2000, 300)
    for rate in (1.0, 0.01):
        dense = EqualizedDense(200, gain, rate)
        variables = dense.init(KEY, x)
        assert float(variables["params"]["kernel"].std()) == pytest.approx(1 / rate, rel=0.02)
        assert float(dense.apply(variables, x).var()) == pytest.approx(gain**2, rel=0.05)
    conv = Conv(64, 3, equalized=gain, use_bias=False)
    y, _ = conv.init_with_output(KEY, normal(20, 16, 16, 32))
    assert float(y.var()) == pytest.approx(gain**2, rel=0.05)


def test_a_rate_scales_what_a_step_of_adam_changes():
    x, changes = normal(5, 30), []
    for rate in (1.0, 0.01):
        dense = EqualizedDense(4, 1.0, rate)
        variables = dense.init(KEY, x)
        moved = jax.tree.map(lambda leaf: leaf + 1e-2, variables)  # as far as Adam moves each number
        changes.append(float(jnp.abs(dense.apply(moved, x) - dense.apply(variables, x)).max()))
    assert changes[1] == pytest.approx(0.01 * changes[0], rel=1e-2)


def test_pixel_norm_and_blur():
    assert np.allclose((pixel_norm(normal(3, 4, 4, 9)) ** 2).mean(axis=-1), 1, atol=1e-5)
    point = jnp.zeros((1, 5, 5, 1)).at[0, 2, 2, 0].set(16.0)
    kernel = np.outer([1, 2, 1], [1, 2, 1])
    np.testing.assert_allclose(blur(point)[0, 1:4, 1:4, 0], kernel)
    assert float(blur(jnp.ones((1, 4, 4, 1)))[0, 0, 0, 0]) == 9 / 16  # zeros around


@pytest.mark.parametrize("family", [stylegan, progan])
def test_a_block_fades_in(family):
    network, variables, (z, noises) = generator(16, family)
    half = network.clone(resolution=8)
    made = lambda net, alpha: net.apply(variables, z, noises[: len(net.noises)], alpha, train=False)
    np.testing.assert_allclose(made(network, 0.0), upsample(made(half, None)), atol=1e-6)
    np.testing.assert_allclose(made(network, 1.0), made(network, None), atol=1e-5)
    between = (made(network, 0.0) + made(network, 1.0)) / 2
    np.testing.assert_allclose(made(network, 0.5), between, atol=1e-5)


@pytest.mark.parametrize("family", [stylegan, progan])
def test_a_discriminators_block_fades_in(family):
    image = normal(4, 16, 16, 3)
    network = family.Discriminator(16, 0, **NARROW)
    variables = network.init(KEY, image, None, train=True)
    judged = lambda net, image, alpha: net.apply(variables, image, alpha, train=False)
    half = judged(network.clone(resolution=8), average_pool(image), None)
    np.testing.assert_allclose(judged(network, image, 0.0), half, atol=1e-5)
    np.testing.assert_allclose(judged(network, image, 1.0), judged(network, image, None), atol=1e-5)
    assert not np.allclose(half, judged(network, image, None), atol=1e-3)


def test_mixing():
    network, variables, (z, noises) = generator(16)
    made = lambda other, cut: network.apply(variables, z, noises, None, None, other, cut, train=False)
    plain, other = made(None, 0), normal(4, 8, seed=1)
    np.testing.assert_array_equal(made(z, 2), plain)  # with itself
    np.testing.assert_array_equal(made(other, len(noises)), plain)  # nowhere
    np.testing.assert_allclose(made(other, 0), network.apply(variables, other, noises, None, train=False), atol=1e-6)
    assert not np.allclose(made(other, 3), plain, atol=1e-2)


def test_noise_does_nothing_at_first_and_is_each_layers_own():
    network, variables, (z, noises) = generator(8)
    made = lambda variables, noises: network.apply(variables, z, noises, None, train=False)
    np.testing.assert_array_equal(made(variables, noises), made(variables, [0 * x for x in noises]))
    strong = jax.tree_util.tree_map_with_path(lambda path, x: x + ("noise" in str(path[-1])), variables)
    plain = made(strong, noises)
    for layer in range(len(noises)):
        changed = [-x if i == layer else x for i, x in enumerate(noises)]
        assert not np.allclose(made(strong, changed), plain, atol=1e-3)


def test_the_average_of_w_is_the_closed_form():
    network, variables, (z, noises) = generator(8)
    w = network.apply(variables, z, method="style")
    for rounds in range(1, 4):
        _, state = network.apply(variables, z, noises, None, train=True, mutable=["average"])
        variables = {**variables, **state}
        np.testing.assert_allclose(state["average"]["w"], (1 - 0.995**rounds) * w.mean(axis=0), rtol=1e-4, atol=1e-7)
