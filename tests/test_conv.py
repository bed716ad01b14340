"""Convolution's own derivative rules against XLA's, against finite differences, and against PyTorch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.test_util import check_grads

from gan_zoo import conv as module
from gan_zoo.arithmetic import conv_transpose_size, pair
from gan_zoo.conv import DIMENSIONS, Geometry, conv, input_gradient, weight_gradient

BATCH, INPUTS, OUTPUTS = 2, 3, 2
# Our rules are tested here, not XLA's optimizer: without it these many small programs compile in half the time.
quick_jit = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
# kernel, stride, padding, output padding, dilation; the first five are those of PyTorch's values below.
TORCH_CASES = [(4, 2, 1, 0, 1), (5, 2, 2, 1, 1), (3, 2, 1, 1, 1), (4, 1, 0, 0, 1), (3, 2, 1, 0, 2)]
CASES = TORCH_CASES + [
    (3, 1, 1, 0, 1),
    (1, 1, 0, 0, 1),
    (1, 2, 0, 1, 1),  # a kernel smaller than its stride: some pixels reach nothing
    (2, 3, 0, 2, 1),
    (3, 3, 1, 0, 1),
    (7, 3, 2, 2, 1),
    (4, 2, (1, 2), 0, 1),  # TensorFlow's SAME for odd sizes
    (5, 2, (1, 2), 1, 1),
    (3, 1, (0, 2), 0, 1),
]


def integers(shape, factor, modulus):
    """Small whole numbers that a formula gives: sums of their products are exact in float32."""
    return ((np.arange(np.prod(shape)) * factor + 5) % modulus - modulus // 2).reshape(shape).astype(np.float32)


def checksum(array):
    """Sum, sum weighted by position, first, middle and last entry of whole numbers, in the order [.., H, W, C]."""
    flat = np.asarray(array).ravel()
    exact = flat.astype(np.int64)
    assert np.array_equal(flat, exact)
    weighted = exact * (np.arange(flat.size) * 31 % 101)
    return int(exact.sum()), int(weighted.sum()), int(exact[0]), int(exact[flat.size // 2]), int(exact[-1])


def reference_conv(x, w, geometry):
    return lax.conv_general_dilated(
        x,
        w,
        (geometry.stride,) * 2,
        [pair(geometry.padding)] * 2,
        rhs_dilation=(geometry.dilation,) * 2,
        dimension_numbers=DIMENSIONS,
    )


def reference_transpose(y, w, geometry, output_padding):
    """lax.conv_transpose, whose paddings are applied to the input that the stride has dilated."""
    reach = geometry.dilation * (geometry.kernel - 1)
    low, high = pair(geometry.padding)
    return lax.conv_transpose(
        y,
        w,
        (geometry.stride,) * 2,
        [(reach - low, reach - high + output_padding)] * 2,
        rhs_dilation=(geometry.dilation,) * 2,
        dimension_numbers=DIMENSIONS,
        transpose_kernel=True,
    )


def value_and_vjp(function):
    """(a, b, cotangent) -> value, gradient of a, gradient of b."""

    def apply(a, b, cotangent):
        value, pull = jax.vjp(function, a, b)
        return value, *pull(cotangent)

    return apply


def compare(ours, theirs, inputs):
    """Values and first derivatives of functions of two of the inputs each, all as one program."""
    rng = np.random.default_rng(3)
    for key, (function, names) in theirs.items():
        shape = jax.eval_shape(function, *(inputs[name] for name in names)).shape
        inputs = {**inputs, key: rng.standard_normal(shape, np.float32)}

    @quick_jit
    def both(inputs):
        return [
            {key: value_and_vjp(f)(*(inputs[name] for name in names), inputs[key]) for key, (f, names) in side.items()}
            for side in (ours, theirs)
        ]

    mine, wanted = both(inputs)
    for key in theirs:
        for what, a, b in zip(("value", "first gradient", "second gradient"), mine[key], wanted[key], strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * max(1, np.abs(b).max()), err_msg=f"{key}: {what}")


def arrays(geometry, size, output_padding=0, inputs=INPUTS, outputs=OUTPUTS):
    """x [B, H, W, I] of a transposed convolution of y [B, *size, O], and the kernel w [k, k, I, O]."""
    rng = np.random.default_rng(0)
    kernel, stride, padding, dilation = geometry
    larger = tuple(conv_transpose_size(s, kernel, stride, padding, output_padding, dilation) for s in size)
    x = rng.standard_normal((BATCH, *larger, inputs), np.float32)
    w = rng.standard_normal((kernel, kernel, inputs, outputs), np.float32)
    y = rng.standard_normal((BATCH, *size, outputs), np.float32)
    return x, w, y


@pytest.mark.parametrize("channels", [(INPUTS, OUTPUTS), (9, 10)], ids=["few", "many"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients_are_xlas(case, channels):
    """Of each of the three functions; many channels go another way."""
    kernel, stride, padding, output_padding, dilation = case
    geometry = Geometry(kernel, stride, padding, dilation)
    x, w, y = arrays(geometry, (4, 3), output_padding, *channels)
    size = x.shape[1:3]

    def reference_weight_gradient(x, y):
        return jax.vjp(lambda w: reference_conv(x, w, geometry), jnp.zeros(w.shape))[1](y)[0]

    ours = {
        "conv": (partial(conv, geometry=geometry), "xw"),
        "input_gradient": (partial(input_gradient, geometry=geometry, size=size), "yw"),
        "weight_gradient": (partial(weight_gradient, geometry=geometry), "xy"),
    }
    theirs = {
        "conv": (partial(reference_conv, geometry=geometry), "xw"),
        "input_gradient": (partial(reference_transpose, geometry=geometry, output_padding=output_padding), "yw"),
        "weight_gradient": (reference_weight_gradient, "xy"),
    }
    compare(ours, theirs, {"x": x, "w": w, "y": y})


def test_rows_that_the_stride_leaves_over():
    """An image whose last rows and columns no patch covers: their gradient is 0, and the sizes stay."""
    geometry = Geometry(3, 3)
    x = np.zeros((1, 8, 7, INPUTS), np.float32)
    w = np.random.default_rng(1).uniform(1, 2, (3, 3, INPUTS, OUTPUTS)).astype(np.float32)
    gradient = np.asarray(quick_jit(jax.grad(lambda x: conv(x, w, geometry).sum()))(x))
    assert gradient.shape == x.shape
    assert not np.any(gradient[:, 6:]) and not np.any(gradient[:, :, 6:]) and np.all(gradient[:, :6, :6])


@pytest.mark.parametrize("geometry, channels", [(Geometry(4, 2, 1), (1, 2)), (Geometry(3, 1, 1), (9, 9))], ids=str)
def test_second_derivatives(geometry, channels):
    """Of all three functions, against finite differences in float64: what a gradient penalty needs."""
    with jax.enable_x64(True):
        x, w, y = (a.astype(np.float64) / 4 for a in arrays(geometry, (2, 1), 0, *channels))

        @jax.jit
        def all_three(x, w, y):
            # tanh, for a bilinear function's second derivative towards one argument alone is 0.
            found = conv(x, w, geometry), input_gradient(y, w, geometry, x.shape[1:3]), weight_gradient(x, y, geometry)
            return sum(jnp.tanh(array).sum() for array in found)

        check_grads(all_three, (x, w, y), order=2, modes=["rev"])


@pytest.mark.parametrize("channels", [(INPUTS, OUTPUTS), (9, 10)], ids=["few", "many"])
@pytest.mark.parametrize("geometry", [Geometry(5, 2, (1, 2)), Geometry(3, 1, 1), Geometry(3, 2, 1, 2)], ids=str)
def test_gradient_of_a_gradient_is_xlas(geometry, channels):
    """d/dw of |d/dx sum tanh(conv)|^2, the shape of WGAN-GP's penalty."""
    x, w, _ = arrays(geometry, (3, 4), 0, *channels)
    w /= np.sqrt(channels[0])  # or tanh is flat

    def penalty(convolve):
        return lambda w: jnp.sum(jax.grad(lambda x: jnp.tanh(convolve(x, w, geometry)).sum())(x) ** 2)

    mine, wanted = quick_jit(lambda w: (jax.grad(penalty(conv))(w), jax.grad(penalty(reference_conv))(w)))(w)
    np.testing.assert_allclose(mine, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("channels", [(INPUTS, OUTPUTS), (9, 10)], ids=["few", "many"])
@pytest.mark.parametrize("case", [case for case in CASES if case[1] == 2 and case[0] > 1 and case[4] == 1], ids=str)
def test_both_ways_to_an_input_gradient(case, channels, monkeypatch):
    """On CPU matrix products, elsewhere XLA's convolution: the same numbers."""
    kernel, stride, padding, output_padding, dilation = case
    geometry = Geometry(kernel, stride, padding, dilation)
    x, w, y = arrays(geometry, (4, 3), output_padding, *channels)
    found = {}
    for backend in ("cpu", "gpu"):
        with monkeypatch.context() as patch:
            patch.setattr(module.jax, "default_backend", lambda backend=backend: backend)
            traced = quick_jit(lambda y, w: input_gradient(y, w, geometry, x.shape[1:3])).trace(y, w)
        found[backend] = traced.lower().compile()(y, w)
        # That the two programs do differ: only XLA's own way contains a convolution.
        assert ("conv_general_dilated" in str(traced.jaxpr)) == (backend == "gpu")
    np.testing.assert_allclose(found["cpu"], found["gpu"], rtol=0, atol=1e-5 * np.abs(found["gpu"]).max())


# Computed once with torch 2.13.0 on CPU, in float64, from the same formulas (images and kernels transposed to
# PyTorch's layouts): case, output shape, checksums of the output, of x's gradient and of w's.
TORCH_CONV2D = [
    (
        (4, 2, 1, 0, 1),
        (2, 4, 4, 2),
        (-8, 38069, -13, 56, -101),
        (-121, 13718, 24, -6, 60),
        (41, -38920, 76, -166, 8),
    ),
    (
        (5, 2, 2, 1, 1),
        (2, 5, 4, 2),
        (-206, -69048, -201, 107, -182),
        (9, 13904, 29, -5, 30),
        (43, -33013, -190, 108, 130),
    ),
    (
        (3, 2, 1, 1, 1),
        (2, 5, 4, 2),
        (519, 31269, -23, 52, 25),
        (348, 34974, -31, -3, 12),
        (-805, -38174, 226, 108, -358),
    ),
    (
        (4, 1, 0, 0, 1),
        (2, 6, 5, 2),
        (351, 46484, 45, -22, 112),
        (-72, -39453, 35, 5, 6),
        (-1020, -44804, -192, -80, -185),
    ),
    (
        (3, 2, 1, 0, 2),
        (2, 4, 3, 2),
        (-49, -21946, 96, 57, 33),
        (-49, 14682, 0, 0, 0),
        (67, 21941, -21, -134, -56),
    ),
]
TORCH_CONV_TRANSPOSE2D = [
    (
        (4, 2, 1, 0, 1),
        (2, 8, 10, 2),
        (242, 68364, 51, 78, -42),
        (106, -13168, -179, -113, 21),
        (-610, -16390, -327, -48, 507),
    ),
    (
        (5, 2, 2, 1, 1),
        (2, 8, 10, 2),
        (-37, -38269, 43, -56, -18),
        (-248, -46954, 129, 47, 110),
        (1364, 128945, 477, -11, 507),
    ),
    (
        (3, 2, 1, 1, 1),
        (2, 8, 10, 2),
        (130, 18931, -24, -42, 30),
        (-107, -74176, 36, -34, 138),
        (-3614, -171169, -327, -11, -510),
    ),
    (
        (4, 1, 0, 0, 1),
        (2, 7, 8, 2),
        (-58, -12194, -12, -15, -66),
        (-94, 14026, -10, -8, -25),
        (-713, -18483, -30, 149, -243),
    ),
    (
        (3, 2, 1, 0, 2),
        (2, 9, 11, 2),
        (373, 20465, 0, 0, 0),
        (-861, -39904, 31, -113, -3),
        (-3343, -180225, -172, -197, -279),
    ),
]


@pytest.mark.parametrize("case, shape, output, x_gradient, w_gradient", TORCH_CONV2D, ids=str)
def test_conv_is_pytorchs(case, shape, output, x_gradient, w_gradient):
    kernel, stride, padding, _, dilation = case
    x, w = integers((2, 9, 8, 3), 37, 19), integers((kernel, kernel, 3, 2), 23, 13)
    function = partial(conv, geometry=Geometry(kernel, stride, padding, dilation))
    results = quick_jit(value_and_vjp(function))(x, w, integers(shape, 29, 17))
    assert results[0].shape == shape
    assert [checksum(result) for result in results] == [output, x_gradient, w_gradient]


@pytest.mark.parametrize("case, shape, output, x_gradient, w_gradient", TORCH_CONV_TRANSPOSE2D, ids=str)
def test_transposed_conv_is_pytorchs(case, shape, output, x_gradient, w_gradient):
    """PyTorch's kernel [in, out, k, k] is ours [k, k, out, in] with its axes turned around, not flipped."""
    kernel, stride, padding, output_padding, dilation = case
    x, w = integers((2, 4, 5, 3), 37, 19), integers((kernel, kernel, 2, 3), 23, 13)
    size = tuple(conv_transpose_size(s, kernel, stride, padding, output_padding, dilation) for s in x.shape[1:3])
    function = partial(input_gradient, geometry=Geometry(kernel, stride, padding, dilation), size=size)
    results = quick_jit(value_and_vjp(function))(x, w, integers(shape, 29, 17))
    assert results[0].shape == shape
    assert [checksum(result) for result in results] == [output, x_gradient, w_gradient]


# The same for the second order: the checksums of the gradients towards the image, the kernel and the cotangent of
# <image's gradient, vx> + <kernel's gradient, vw>.
TORCH_SECOND = {
    "conv": [
        ((4, 2, 1, 0, 1), (-1, 3278, 8, -2, -1), (2, 5951, -45, 47, -11), (401, 15528, 12, -16, -53)),
        ((5, 2, 2, 1, 1), (1, 57990, -23, 16, -14), (-87, -60569, 41, -70, -52), (-101, 15663, 165, 83, 139)),
        ((3, 2, 1, 1, 1), (85, 22745, 19, 7, -20), (155, 4202, 16, -70, -214), (145, 28586, -74, -14, 55)),
        ((4, 1, 0, 0, 1), (33, -20406, -14, 4, 4), (-144, -10149, -89, 11, -2), (-113, -27230, -115, 5, 60)),
        ((3, 2, 1, 0, 2), (71, 3606, 0, 0, 0), (258, 21885, -36, 32, 38), (-210, -53169, -38, 49, 3)),
    ],
    "transposed": [
        ((4, 2, 1, 0, 1), (-164, 3616, 43, -8, 9), (-329, 11567, -15, 80, 1), (-140, -11144, 47, 47, -51)),
        ((5, 2, 2, 1, 1), (68, -21499, -53, -101, -66), (-669, -29847, 8, 49, 1), (-19, -29049, 67, 13, -71)),
        ((3, 2, 1, 1, 1), (154, 7115, 4, 52, 46), (-373, -86723, -15, 49, 105), (81, -1633, 32, 56, 9)),
        ((4, 1, 0, 0, 1), (-101, -20696, 27, 31, 57), (488, 95264, -27, -256, 308), (52, 41146, -29, -37, -7)),
        ((3, 2, 1, 0, 2), (102, 15572, -3, 19, 24), (455, 20735, -118, 21, -12), (-158, -9482, 0, 0, 0)),
    ],
}


@pytest.mark.parametrize("kind, case, expected", [(k, c, e) for k, v in TORCH_SECOND.items() for c, *e in v], ids=str)
def test_second_order_is_pytorchs(kind, case, expected):
    kernel, stride, padding, output_padding, dilation = case
    geometry = Geometry(kernel, stride, padding, dilation)
    if kind == "conv":
        x, w = integers((2, 9, 8, 3), 37, 19), integers((kernel, kernel, 3, 2), 23, 13)
        function = partial(conv, geometry=geometry)
    else:
        x, w = integers((2, 4, 5, 3), 37, 19), integers((kernel, kernel, 2, 3), 23, 13)
        size = tuple(conv_transpose_size(s, kernel, stride, padding, output_padding, dilation) for s in x.shape[1:3])
        function = partial(input_gradient, geometry=geometry, size=size)
    cotangent = integers(jax.eval_shape(function, x, w).shape, 29, 17)
    vx, vw = integers(x.shape, 31, 11), integers(w.shape, 41, 7)

    def total(x, w, cotangent):
        x_gradient, w_gradient = jax.vjp(function, x, w)[1](cotangent)
        return jnp.sum(x_gradient * vx) + jnp.sum(w_gradient * vw)

    results = quick_jit(jax.grad(total, (0, 1, 2)))(x, w, cotangent)
    assert [checksum(result) for result in results] == expected


def test_bfloat16_stays_bfloat16():
    geometry = Geometry(4, 2, 1)
    x, w, y = (jnp.asarray(a, jnp.bfloat16) for a in arrays(geometry, (3, 2)))
    for result in jax.tree.leaves(jax.eval_shape(value_and_vjp(partial(conv, geometry=geometry)), x, w, y)):
        assert result.dtype == jnp.bfloat16


@pytest.mark.parametrize("channels", [(3, 12), (12, 3), (12, 12)], ids=str)
@pytest.mark.parametrize("case", [(3, 1, 1), (1, 1, 0), (9, 1, 4), (4, 2, 1), (5, 2, 2), (4, 2, (1, 2))], ids=str)
def test_few_and_many_channels_on_larger_images(case, channels):
    """The shape chooses how each of the three is computed: all give XLA's numbers."""
    geometry, rng = Geometry(*case), np.random.default_rng(0)
    x = rng.standard_normal((2, 18, 20, channels[0]), np.float32)
    w = rng.standard_normal((geometry.kernel, geometry.kernel, *channels), np.float32)
    y, backward = jax.vjp(partial(reference_conv, geometry=geometry), x, w)
    y_bar = rng.standard_normal(y.shape, np.float32)
    expected = (y, *backward(y_bar))
    found = (
        quick_jit(partial(conv, geometry=geometry))(x, w),
        quick_jit(partial(input_gradient, geometry=geometry, size=x.shape[1:3]))(y_bar, w),
        quick_jit(partial(weight_gradient, geometry=geometry))(x, y_bar),
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())
