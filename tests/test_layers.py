"""Layers: parameters, closed forms, and the traps between frameworks."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_zoo.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    average_pool,
    maxout,
    minibatch_stddev,
    spectral,
    upsample,
    upscale_padding,
    with_label,
)

KEY = jax.random.key(0)
# Without XLA's optimizer such small programs compile in half the time.
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def shapes(variables):
    return jax.tree.map(jnp.shape, variables)


# Convolutions


LAYERS = [
    Conv(5, 4, 2, 1),
    Conv(5, 3, 1, 2, dilation=2),
    Conv(5, 4, 2, (1, 2)),
    Conv(5, 3, 1, 1, resample="down"),
    Conv(5, 3, 1, 1, resample="up"),
    ConvTranspose(5, 4, 2, 1),
    ConvTranspose(5, 5, 2, 2, output_padding=1),
    ConvTranspose(5, 3, 1, 2, dilation=2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda x: f"{type(x).__name__}-{x.kernel}-{getattr(x, 'resample', '')}")
def test_constant_maps_are_channels_that_hold_the_label_everywhere(layer):
    """Values and gradients are those of the concatenated images."""
    x, label = normal(3, 8, 6, 2), np.array([1, 0, 3])
    variables = layer.init(KEY, x, jax.nn.one_hot(label, 4))
    assert variables["params"]["kernel"].size == layer.kernel**2 * (2 + 4) * 5

    def squares(variables, *inputs):
        return (layer.apply(variables, *inputs) ** 2).sum()

    expected = quick_jit(jax.value_and_grad(squares))(variables, with_label(x, label, 4))
    found = quick_jit(jax.value_and_grad(squares))(variables, x, jax.nn.one_hot(label, 4))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3), found, expected)


@pytest.mark.parametrize("kernel, padding", [(3, 1), (5, 2), (3, 0), (1, 0), (3, (0, 2))])
def test_resampling_convolutions(kernel, padding):
    """One strided convolution instead of two layers: doubling before it, or the mean after it."""
    x = normal(2, 8, 6, 3)
    plain, up, down = (Conv(4, kernel, 1, padding, resample=kind) for kind in ("none", "up", "down"))
    variables = plain.init(KEY, x)
    expected = plain.apply(variables, upsample(x)), average_pool(plain.apply(variables, x))
    np.testing.assert_allclose(up.apply(variables, x), expected[0], atol=1e-5)
    np.testing.assert_allclose(down.apply(variables, x), expected[1], atol=1e-5)


@pytest.mark.parametrize("use_bias", [True, False])
def test_conv_parameters(use_bias):
    layer = Conv(5, 4, 2, 1, use_bias=use_bias)
    output, variables = jax.eval_shape(lambda: layer.init_with_output(KEY, jnp.zeros((2, 8, 6, 3))))
    bias = {"bias": (5,)} if use_bias else {}
    assert shapes(variables) == {"params": {"kernel": (4, 4, 3, 5), **bias}}
    assert output.shape == (2, 4, 3, 5)


@pytest.mark.parametrize("use_bias", [True, False])
def test_conv_transpose_parameters(use_bias):
    """The kernel is the one of the convolution that goes the other way: [k, k, out, in]."""
    layer = ConvTranspose(5, 4, 2, 1, use_bias=use_bias)
    output, variables = jax.eval_shape(lambda: layer.init_with_output(KEY, jnp.zeros((2, 4, 3, 7))))
    bias = {"bias": (5,)} if use_bias else {}
    assert shapes(variables) == {"params": {"kernel": (4, 4, 5, 7), **bias}}
    assert output.shape == (2, 8, 6, 5)


@pytest.mark.parametrize("layer", [Conv(2, 3), ConvTranspose(2, 3)], ids=["conv", "transposed"])
def test_bias_is_added_to_each_feature(layer):
    """It starts at 0."""
    x = normal(1, 4, 4, 16)
    output, variables = quick_jit(layer.init_with_output)(KEY, x)
    assert not np.any(variables["params"]["bias"])
    bias = np.float32([1, -2])
    shifted = quick_jit(layer.apply)({"params": {**variables["params"], "bias": bias}}, x)
    np.testing.assert_allclose(shifted, np.asarray(output) + bias, atol=1e-5)


@pytest.mark.parametrize("layer", [Conv(64, 3), ConvTranspose(64, 3)], ids=["conv", "transposed"])
def test_default_initialization_is_lecun_normal(layer):
    """Deviation 1 / sqrt(fan in): 9 pixels times the input's features, for both layouts of the kernel."""
    kernel = quick_jit(layer.init)(KEY, np.zeros((1, 4, 4, 16), np.float32))["params"]["kernel"]
    np.testing.assert_allclose(np.std(np.asarray(kernel)), (9 * 16) ** -0.5, rtol=0.05)


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6])
def test_upscale_padding_doubles(kernel):
    layer = ConvTranspose(1, kernel, 2, **upscale_padding(kernel))
    output, _ = jax.eval_shape(lambda: layer.init_with_output(KEY, jnp.zeros((1, 7, 4, 1))))
    assert output.shape == (1, 14, 8, 1)


def torch_conv_transpose(x, w, stride, padding, output_padding):
    """PyTorch's definition, pixel by pixel: input i, j adds x w to the outputs from stride i - padding on."""
    batch, height, width, _ = x.shape
    kernel, _, features, _ = w.shape
    size = lambda s: (s - 1) * stride + kernel + output_padding
    total = np.zeros((batch, size(height), size(width), features), np.float32)
    for i in range(height):
        for j in range(width):
            patch = np.einsum("bi,klfi->bklf", x[:, i, j], w)
            total[:, i * stride : i * stride + kernel, j * stride : j * stride + kernel] += patch
    return total[:, padding : total.shape[1] - padding, padding : total.shape[2] - padding]


def test_transposed_convolution_is_pytorchs_and_not_flax_same():
    """At k = 5 flax's SAME shifts the image by one pixel; at k = 4 there is no difference."""
    x = normal(2, 4, 5, 3)
    for kernel in (4, 5):
        padding = upscale_padding(kernel)
        ours = ConvTranspose(2, kernel, 2, use_bias=False, **padding)
        flax = nn.ConvTranspose(2, (kernel, kernel), (2, 2), "SAME", use_bias=False, transpose_kernel=True)
        w = normal(kernel, kernel, 2, 3)
        mine, theirs = (np.asarray(quick_jit(layer.apply)({"params": {"kernel": w}}, x)) for layer in (ours, flax))
        np.testing.assert_allclose(mine, torch_conv_transpose(x, w, 2, **padding), atol=1e-5)
        if kernel == 4:
            np.testing.assert_allclose(mine, theirs, atol=1e-5)
        else:
            assert np.abs(mine - theirs).max() > 1
            np.testing.assert_allclose(mine[:, :-1, :-1], theirs[:, 1:, 1:], atol=1e-5)


def test_bfloat16_input_with_float32_parameters_is_promoted():
    layer = Conv(2, 3)
    output, variables = jax.eval_shape(lambda: layer.init_with_output(KEY, jnp.ones((1, 3, 3, 2), jnp.bfloat16)))
    assert variables["params"]["kernel"].dtype == output.dtype == jnp.float32


# Batch normalization


def test_batch_norm_statistics():
    """Running statistics move a tenth of the way to the batch's (biased variance), as PyTorch's momentum 0.1."""
    x = normal(4, 3, 2, 5) * np.arange(1, 6, dtype=np.float32) + 7
    layer = BatchNorm()
    variables = {
        "params": {"norm": {"scale": np.ones(5, np.float32), "bias": np.zeros(5, np.float32)}},
        "batch_stats": {"norm": {"mean": np.zeros(5, np.float32), "var": np.ones(5, np.float32)}},
    }
    output, state = quick_jit(lambda v: layer.apply(v, x, True, mutable=["batch_stats"]))(variables)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(output, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-4)
    stats = state["batch_stats"]["norm"]
    np.testing.assert_allclose(stats["mean"], 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * variance, rtol=1e-4)
    evaluated = quick_jit(lambda v: layer.apply(v, x, False))({**variables, **state})
    np.testing.assert_allclose(evaluated, (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5), rtol=1e-3, atol=1e-4)


def test_batch_norm_without_affine_has_no_parameters():
    assert set(jax.eval_shape(lambda: BatchNorm(affine=False).init(KEY, normal(4, 3), True))) == {"batch_stats"}


@pytest.mark.parametrize("shape", [(6, 4), (6, 2, 3, 4)], ids=["dense", "image"])
def test_conditional_batch_norm(shape):
    """At the start it is the plain one; then each sample is scaled by 1 + its label's row, and shifted."""
    x, label = normal(*shape), np.array([0, 2, 1, 1, 0, 2])
    plain, conditional = BatchNorm(), BatchNorm(3)
    wanted, _ = quick_jit(lambda: plain.init_with_output(KEY, x, True))()
    output, variables = quick_jit(lambda: conditional.init_with_output(KEY, x, True, label))()
    np.testing.assert_array_equal(output, wanted)
    assert shapes(variables["params"]) == {"scale": (3, 4), "bias": (3, 4)}

    scale, bias = normal(3, 4, seed=1), normal(3, 4, seed=2)
    params = {"scale": scale, "bias": bias}
    apply = quick_jit(lambda v: conditional.apply(v, x, True, label, mutable=["batch_stats"]))
    output, wanted = np.asarray(apply({**variables, "params": params})[0]), np.asarray(wanted)
    for i, y in enumerate(label):
        np.testing.assert_allclose(output[i], wanted[i] * (1 + scale[y]) + bias[y], rtol=1e-5, atol=1e-5)


# Spectral normalization


class Normalized(nn.Module):
    """One layer under spectral normalization."""

    kind: str
    on: bool = True

    @nn.compact
    def __call__(self, x, *, train):
        layers = {
            "dense": lambda: nn.Dense(6, name="layer"),
            "conv": lambda: Conv(6, 3, name="layer"),
            "embed": lambda: nn.Embed(7, 6, name="layer"),
        }
        return spectral(layers[self.kind](), self.on, train)(x)


def probe(kind):
    """An input whose output is the layer's whole weight, as a matrix [.., out]: a unit vector for each row."""
    if kind == "dense":
        return np.eye(8, dtype=np.float32)
    return np.eye(27, dtype=np.float32).reshape(27, 3, 3, 3) if kind == "conv" else np.arange(7)


def pass_through(module, variables, x, train):
    """(output, variables with new state), compiled once for each module and kind of pass."""
    output, state = _pass(module, variables, x, train)
    return output, {**variables, **state}


@partial(quick_jit, static_argnums=(0, 3))
def _pass(module, variables, x, train):
    return module.apply(variables, x, train=train, mutable=["spectral"])


@partial(quick_jit, static_argnums=0)
def start(module, x):
    return module.init(KEY, x, train=True)


@pytest.mark.parametrize("kind", ["dense", "conv", "embed"])
def test_spectral_norm_converges(kind):
    module, x = Normalized(kind), probe(kind)
    variables = start(module, x)
    # Far from 1, and all of it in the parameters: only the weight that is used is divided.
    variables = {**variables, "params": jax.tree.map(lambda w: 20 * np.asarray(w), variables["params"])}
    for _ in range(50):
        _, variables = pass_through(module, variables, x, True)
    used = np.asarray(pass_through(module, variables, x, False)[0]).reshape(-1, 6)
    assert abs(np.linalg.svd(used, compute_uv=False)[0] - 1) < 1e-3
    stored = variables["params"]["layer"]["embedding" if kind == "embed" else "kernel"].reshape(-1, 6)
    np.testing.assert_allclose(used, stored / np.linalg.svd(stored, compute_uv=False)[0], atol=1e-3)


def test_spectral_state():
    """Its vectors are in the collection "spectral", training moves them, evaluation does not."""
    module, x = Normalized("dense"), probe("dense")
    variables = start(module, x)
    assert set(variables) == {"params", "spectral"}
    _, trained = pass_through(module, variables, x, True)
    _, evaluated = pass_through(module, variables, x, False)
    before, after = jax.tree.leaves(variables["spectral"]), jax.tree.leaves(trained["spectral"])
    assert all(np.any(np.asarray(a) != np.asarray(b)) for a, b in zip(before, after, strict=True))
    for old, new in zip(before, jax.tree.leaves(evaluated["spectral"]), strict=True):
        np.testing.assert_array_equal(old, new)


def test_spectral_norm_leaves_the_bias_alone():
    module, bias = Normalized("dense"), np.arange(6, dtype=np.float32)
    variables = start(module, probe("dense"))
    variables["params"]["layer"]["bias"] = bias
    output, _ = pass_through(module, variables, np.zeros((8, 8), np.float32), False)
    np.testing.assert_array_equal(output, np.tile(bias, (8, 1)))


def test_spectral_gradient_flows_through_the_norm():
    """Equation 12 of the paper: d<A, W / s(W)>/dW = (A - <A, W / s> u v') / s, with u and v held."""
    module, x, cotangent = Normalized("dense"), probe("dense"), normal(8, 6)
    variables = start(module, x)
    # A matrix with well separated singular values, so that the vectors are known.
    u, _, v = np.linalg.svd(normal(8, 6, seed=1))
    weight = ((u[:, :6] * [3.0, 1.0, 0.5, 0.4, 0.3, 0.2]) @ v).astype(np.float32)
    params = {"layer": {**variables["params"]["layer"], "kernel": weight}}
    variables = {**variables, "params": params}
    for _ in range(20):
        _, variables = pass_through(module, variables, x, True)

    @quick_jit
    @jax.grad
    def gradient(params):
        return jnp.sum(module.apply({**variables, "params": params}, x, train=False) * cotangent)

    along = np.sum(cotangent * weight) / 3
    wanted = (cotangent - along * np.outer(u[:, 0], v[0])) / 3
    np.testing.assert_allclose(gradient(params)["layer"]["kernel"], wanted, atol=1e-4)


def test_spectral_norm_off_is_the_layer_itself():
    module, x = Normalized("dense", on=False), probe("dense")
    variables = start(module, x)
    assert set(variables) == {"params"}
    output, _ = pass_through(module, variables, x, True)
    np.testing.assert_allclose(output, variables["params"]["layer"]["kernel"], atol=1e-6)


# The rest

stddev = quick_jit(minibatch_stddev, static_argnums=1)


def test_maxout():
    x = np.float32([[1.0, 5.0, 2.0, -3.0, -1.0, -2.0]])
    np.testing.assert_array_equal(maxout(x, 3), [[5.0, -1.0]])
    np.testing.assert_array_equal(maxout(x, 2), [[5.0, 2.0, -1.0]])
    np.testing.assert_array_equal(quick_jit(jax.grad(lambda x: maxout(x, 3).sum()))(x), [[0, 1, 0, 0, 1, 0]])


def test_minibatch_stddev_of_identical_samples():
    x = np.broadcast_to(normal(1, 2, 3, 4), (8, 2, 3, 4))
    output = stddev(x)
    assert output.shape == (8, 2, 3, 5)
    np.testing.assert_array_equal(output[..., :4], x)
    np.testing.assert_allclose(output[..., 4], 1e-4, rtol=1e-3)


def test_minibatch_stddev_of_known_groups():
    """Six samples in groups of three: 0, 2, 4 and 1, 3, 5. The deviation of (-d, 0, d) is d sqrt(2 / 3)."""
    values = np.float32([-1.0, -10.0, 0.0, 0.0, 1.0, 10.0])
    x = np.broadcast_to(values[:, None, None, None], (6, 2, 2, 3))
    wanted = np.tile([(2 / 3) ** 0.5, 10 * (2 / 3) ** 0.5], 3)
    np.testing.assert_allclose(stddev(x, 3)[:, 1, 0, 3], wanted, rtol=1e-5)


def test_minibatch_stddev_is_the_mean_over_features_and_pixels():
    x = normal(4, 2, 3, 5)
    wanted = np.sqrt(x.var(0) + 1e-8).mean()
    np.testing.assert_allclose(stddev(x)[..., 5], np.full((4, 2, 3), wanted), rtol=1e-5)
    # A group larger than the batch is the batch.
    np.testing.assert_array_equal(stddev(x, 64), stddev(x, 4))


def test_minibatch_stddev_takes_smaller_groups_where_the_batch_is_not_divided():
    x = jax.random.normal(jax.random.key(0), (6, 2, 2, 1))
    np.testing.assert_array_equal(minibatch_stddev(x, 4), minibatch_stddev(x, 2))


@pytest.mark.parametrize("shape", [(3, 2), (3, 4, 5, 2)], ids=["vector", "image"])
def test_with_label(shape):
    x, label = normal(*shape), np.array([2, 0, 3])
    output = np.asarray(quick_jit(lambda x, label: with_label(x, label, 4))(x, label))
    assert output.shape == (*shape[:-1], 6)
    np.testing.assert_array_equal(output[..., :2], x)
    for i, y in enumerate(label):
        np.testing.assert_array_equal(output[i, ..., 2:], np.broadcast_to(np.eye(4)[y], (*shape[1:-1], 4)))
    assert with_label(x, None, 4) is x


def test_upsample():
    x = np.float32([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None]
    np.testing.assert_array_equal(upsample(x)[0, :, :, 0], [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])


def test_average_pool():
    x = np.float32([[1.0, 2.0, 0.0, 0.0], [3.0, 4.0, 0.0, 8.0]])[None, :, :, None]
    np.testing.assert_array_equal(average_pool(x)[0, :, :, 0], [[2.5, 2.0]])
    x = normal(2, 3, 4, 5)
    np.testing.assert_allclose(average_pool(upsample(x)), x, rtol=1e-6)
