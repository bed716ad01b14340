"""Two-dimensional convolution with derivative rules of its own, fast on every backend.

A convolution is bilinear: with an input x, a kernel w and an output y it defines one number,
T(x, w, y) = <y, conv(x, w)>, and the three functions here are T's gradients:

    conv(x, w) = dT/dy        input_gradient(y, w) = dT/dx        weight_gradient(x, y) = dT/dw

so the derivative of each of them is made of the other two, to any order (a gradient penalty needs the
second). ``input_gradient`` is at the same time the forward pass of a transposed convolution.

On accelerators all three are XLA's. On CPU XLA's are up to ten times slower than need be for many shapes, so there
each is computed, chosen by shape, in one of four ways that experiments/speed/README.md measures:

    Winograd's minimal filtering (winograd.py)           many channels
    patches of the image (im2col), matrix products       weight gradients, few channels to read
    one matrix product, patches added up (col2im)        few channels to write, input gradients strided or of small maps
    XLA's convolution                                    weight gradients of large kernels, and the rest
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_zoo.arithmetic import conv_size, pair
from gan_zoo.winograd import MAPS, Form, cut

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


class Geometry(NamedTuple):
    """What a convolution's shapes do not tell; padding is an integer or (low, high), alike for both axes."""

    kernel: int
    stride: int = 1
    padding: int | tuple[int, int] = 0
    dilation: int = 1


FEW = 8  # channels
LARGE = 5  # of kernels
SOME, MANY = 512, 4096  # channels that are read, times those that are written


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv(x: jax.Array, w: jax.Array, geometry: Geometry) -> jax.Array:
    """Convolution of x [B, H, W, I] with w [k, k, I, O]: [B, h, w, O]."""
    kernel, stride, (low, high), dilation = *geometry[:2], pair(geometry.padding), geometry.dilation
    inputs, outputs = w.shape[2:]
    size = tuple(conv_size(s, kernel, stride, (low, high), dilation) for s in x.shape[1:3])
    if not _by_products(geometry):
        return _conv(x, w, geometry)
    if form := _form(geometry, x.shape[1:3], size, w, MANY):
        return form.conv(x, w)
    if stride == 1 and outputs <= FEW < inputs:
        around = (kernel - 1 - low, kernel - 1 - high)
        return _overlap_add(_spread(x, _flipped(w)), Geometry(kernel, 1, around), size)
    if kernel == 1 or (stride == 1 and inputs <= FEW):
        return _patches(x, geometry, size) @ w.reshape(-1, outputs)
    return _conv(x, w, geometry)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def input_gradient(y: jax.Array, w: jax.Array, geometry: Geometry, size: tuple[int, int]) -> jax.Array:
    """Transposed convolution of y [B, h, w, O] with w [k, k, I, O]: [B, *size, I]."""
    kernel, stride, (low, high) = *geometry[:2], pair(geometry.padding)
    if not _by_products(geometry):
        x = jax.ShapeDtypeStruct((y.shape[0], *size, w.shape[2]), y.dtype)
        return jax.linear_transpose(lambda x: _conv(x, w, geometry), x)(y)[0]
    small = max(y.shape[1:3]) < 2 * kernel and kernel not in MAPS  # XLA would take such a y for the kernel
    if stride == 1 and not small:
        return conv(y, _flipped(w), Geometry(kernel, 1, (kernel - 1 - low, kernel - 1 - high)))
    if stride > 1 and (form := _form(geometry, size, y.shape[1:3], w, SOME)):
        return form.input_gradient(y, w)
    return _overlap_add(_spread(y, w), geometry, size)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def weight_gradient(x: jax.Array, y: jax.Array, geometry: Geometry) -> jax.Array:
    """Correlation of x [B, H, W, I] with y [B, h, w, O]: [k, k, I, O]."""
    kernel, stride, inputs, outputs = *geometry[:2], x.shape[-1], y.shape[-1]
    w = jax.ShapeDtypeStruct((kernel, kernel, inputs, outputs), x.dtype)
    if not _by_products(geometry):
        return jax.linear_transpose(lambda w: _conv(x, w, geometry), w)(y)[0]
    if form := _form(geometry, x.shape[1:3], y.shape[1:3], w, SOME):
        return form.weight_gradient(x, y)
    if kernel >= LARGE and stride == 1 and min(inputs, outputs) > FEW:  # x's samples for channels, and y for a kernel
        x, y = lax.optimization_barrier((x.transpose(3, 1, 2, 0), y.transpose(1, 2, 0, 3)))
        return _conv(x, y, geometry).transpose(1, 2, 0, 3)
    if stride == 1 and outputs <= FEW < inputs:  # patches of y instead
        around = tuple(kernel - 1 - padding for padding in pair(geometry.padding))
        # XLA does not fuse a product: else it may compute y anew for each pixel of a patch, k k times.
        y = y @ jnp.eye(outputs, dtype=y.dtype)
        patches = _patches(y, Geometry(kernel, 1, around), x.shape[1:3])
        w = (_rows(x).T @ _rows(patches)).reshape(inputs, kernel, kernel, outputs)
        return w[:, ::-1, ::-1].transpose(1, 2, 0, 3)
    if stride == 1 and inputs <= FEW:
        return (_rows(_patches(x, geometry, y.shape[1:3])).T @ _rows(y)).reshape(kernel, kernel, inputs, outputs)
    return _correlate_blocks(x, y, geometry)


def _by_products(geometry: Geometry) -> bool:
    return jax.default_backend() == "cpu" and geometry.dilation == 1


def _form(geometry: Geometry, size: tuple[int, int], small: tuple[int, int], w: jax.Array, least: int) -> Form | None:
    """Winograd's form of a convolution from images of ``size`` to ``small``, where it pays.

    XLA's own convolution compiles in a twentieth of the time, so it stays where it is nearly as fast.
    """
    inputs, outputs = w.shape[2:]
    if -(-geometry.kernel // geometry.stride) not in MAPS or min(inputs, outputs) <= FEW or inputs * outputs < least:
        return None
    return Form(geometry.kernel, geometry.stride, pair(geometry.padding)[0], size, small)


def _conv(x: jax.Array, w: jax.Array, geometry: Geometry) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=(geometry.stride,) * 2,
        padding=[pair(geometry.padding)] * 2,
        rhs_dilation=(geometry.dilation,) * 2,
        dimension_numbers=DIMENSIONS,
    )


def _flipped(w: jax.Array) -> jax.Array:
    """The kernel of the way back: w [k, k, I, O] -> [k, k, O, I].

    Without the barrier XLA writes it as a reversed window, which its fast convolutions do not take.
    """
    return lax.optimization_barrier(w[::-1, ::-1].swapaxes(2, 3))


def _rows(x: jax.Array) -> jax.Array:
    """[..., C] -> [N, C]."""
    return x.reshape(-1, x.shape[-1])


def _patches(x: jax.Array, geometry: Geometry, size: tuple[int, int]) -> jax.Array:
    """What each output pixel of a convolution sees: x [B, H, W, I] -> [B, *size, k k I]."""
    kernel, stride, (low, _) = *geometry[:2], pair(geometry.padding)
    height, width = ((count - 1) * stride + 1 for count in size)
    x = cut(x, low, [height + kernel - 1, width + kernel - 1])
    taps = [(i, j) for i in range(kernel) for j in range(kernel)]
    return jnp.concatenate([x[:, i : i + height : stride, j : j + width : stride] for i, j in taps], axis=-1)


def _spread(y: jax.Array, w: jax.Array) -> jax.Array:
    """What each pixel of y [B, h, w, O] gives through w [k, k, I, O]: patches [B, h, w, k, k, I]."""
    return jnp.einsum("bhwo,ijco->bhwijc", y, w)


def _overlap_add(patches: jax.Array, geometry: Geometry, size: tuple[int, int]) -> jax.Array:
    """Adds patches [B, h, w, k, k, I], placed ``stride`` pixels apart, into an image [B, *size, I].

    The kernel is cut into blocks of stride x stride pixels. Blocks of equal place in the kernel tile the
    plane without overlapping, so each is an interleaving reshape, and only (k / stride)^2 planes are added.
    """
    stride, (low, _) = geometry.stride, pair(geometry.padding)
    batch, height, width, kernel, _, channels = patches.shape
    blocks = -(-kernel // stride)
    fill = blocks * stride - kernel
    patches = jnp.pad(patches, [(0, 0)] * 3 + [(0, fill)] * 2 + [(0, 0)])
    patches = patches.reshape(batch, height, width, blocks, stride, blocks, stride, channels)
    total = 0
    for i in range(blocks):
        for j in range(blocks):
            around = [(0, 0), (i, blocks - 1 - i), (j, blocks - 1 - j), (0, 0), (0, 0), (0, 0)]
            total = total + jnp.pad(patches[:, :, :, i, :, j], around)  # [B, h + blocks - 1, w + .., s, s, I]
    image = total.transpose(0, 1, 3, 2, 4, 5).reshape(batch, *(stride * s for s in total.shape[1:3]), channels)
    return cut(image, -low, size)  # rows and columns that no patch reaches (output padding) are zeros


def _correlate_blocks(x: jax.Array, y: jax.Array, geometry: Geometry) -> jax.Array:
    """``weight_gradient`` as one matrix product for each block of stride x stride pixels of the kernel."""
    kernel, stride, (low, _) = geometry.kernel, geometry.stride, pair(geometry.padding)
    (batch, height, width, features), channels = y.shape, x.shape[-1]
    blocks = -(-kernel // stride)
    x = cut(x, low, [(count + blocks - 1) * stride for count in (height, width)])
    x = x.reshape(batch, height + blocks - 1, stride, width + blocks - 1, stride, channels).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(batch, height + blocks - 1, width + blocks - 1, stride * stride * channels)
    places = [(i, j) for i in range(blocks) for j in range(blocks)]
    parts = [_rows(x[:, i : i + height, j : j + width]).T @ _rows(y) for i, j in places]
    w = jnp.stack(parts).reshape(blocks, blocks, stride, stride, channels, features).transpose(0, 2, 1, 3, 4, 5)
    return w.reshape(blocks * stride, blocks * stride, channels, features)[:kernel, :kernel]


def _conv_backward(geometry, saved, y_bar):
    x, w = saved
    return input_gradient(y_bar, w, geometry, x.shape[1:3]), weight_gradient(x, y_bar, geometry)


def _input_gradient_backward(geometry, size, saved, x_bar):
    y, w = saved
    return conv(x_bar, w, geometry), weight_gradient(x_bar, y, geometry)


def _weight_gradient_backward(geometry, saved, w_bar):
    x, y = saved
    return input_gradient(y, w_bar, geometry, x.shape[1:3]), conv(x, w_bar, geometry)


conv.defvjp(lambda x, w, geometry: (conv(x, w, geometry), (x, w)), _conv_backward)
input_gradient.defvjp(
    lambda y, w, geometry, size: (input_gradient(y, w, geometry, size), (y, w)), _input_gradient_backward
)
weight_gradient.defvjp(lambda x, y, geometry: (weight_gradient(x, y, geometry), (x, y)), _weight_gradient_backward)
