"""Two-dimensional convolution with derivative rules of its own, fast on every backend.

A convolution is bilinear: with an input x, a kernel w and an output y it defines one number,
T(x, w, y) = <y, conv(x, w)>, and the three functions here are T's gradients:

    conv(x, w) = dT/dy        input_gradient(y, w) = dT/dx        weight_gradient(x, y) = dT/dw

so the derivative of each of them is made of the other two, to any order (a gradient penalty needs the
second). ``input_gradient`` is at the same time the forward pass of a transposed convolution.

XLA's own derivatives of strided convolutions are many times slower than need be on CPU: there the input
gradient is one matrix product followed by an overlap-add of the k x k patches.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_zoo.arithmetic import pair

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


class Geometry(NamedTuple):
    """What a convolution's shapes do not tell; padding is an integer or (low, high), alike for both axes."""

    kernel: int
    stride: int = 1
    padding: int | tuple[int, int] = 0
    dilation: int = 1


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv(x: jax.Array, w: jax.Array, geometry: Geometry) -> jax.Array:
    """Convolution of x [B, H, W, I] with w [k, k, I, O]: [B, h, w, O]."""
    return _conv(x, w, geometry)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def input_gradient(y: jax.Array, w: jax.Array, geometry: Geometry, size: tuple[int, int]) -> jax.Array:
    """Transposed convolution of y [B, h, w, O] with w [k, k, I, O]: [B, *size, I]."""
    if jax.default_backend() == "cpu" and geometry.stride > 1 and geometry.dilation == 1:
        patches = jnp.einsum("bhwo,ijco->bhwijc", y, w)
        return _overlap_add(patches, geometry, size)
    x = jax.ShapeDtypeStruct((y.shape[0], *size, w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: _conv(x, w, geometry), x)(y)[0]


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def weight_gradient(x: jax.Array, y: jax.Array, geometry: Geometry) -> jax.Array:
    """Correlation of x [B, H, W, I] with y [B, h, w, O]: [k, k, I, O]."""
    if jax.default_backend() == "cpu" and geometry.stride > 1 and geometry.dilation == 1:
        return _correlate_blocks(x, y, geometry)
    w = jax.ShapeDtypeStruct((geometry.kernel, geometry.kernel, x.shape[-1], y.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda w: _conv(x, w, geometry), w)(y)[0]


def _conv(x: jax.Array, w: jax.Array, geometry: Geometry) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=(geometry.stride,) * 2,
        padding=[pair(geometry.padding)] * 2,
        rhs_dilation=(geometry.dilation,) * 2,
        dimension_numbers=DIMENSIONS,
    )


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
    total = total.transpose(0, 1, 3, 2, 4, 5)
    total = total.reshape(batch, (height + blocks - 1) * stride, (width + blocks - 1) * stride, channels)
    # Rows and columns that no patch reaches (output padding) are zeros.
    missing = [max(0, low + wanted - have) for wanted, have in zip(size, total.shape[1:3], strict=True)]
    total = jnp.pad(total, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)])
    return total[:, low : low + size[0], low : low + size[1]]


def _correlate_blocks(x: jax.Array, y: jax.Array, geometry: Geometry) -> jax.Array:
    """``weight_gradient`` as one matrix product for each block of stride x stride pixels of the kernel."""
    kernel, stride, (low, _) = geometry.kernel, geometry.stride, pair(geometry.padding)
    (batch, height, width, features), channels = y.shape, x.shape[-1]
    blocks = -(-kernel // stride)
    sizes = [(count + blocks - 1) * stride for count in (height, width)]
    around = [(low, wanted - have - low, 0) for wanted, have in zip(sizes, x.shape[1:3], strict=True)]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *around, (0, 0, 0)])  # cuts what no patch reaches
    x = x.reshape(batch, height + blocks - 1, stride, width + blocks - 1, stride, channels).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(batch, height + blocks - 1, width + blocks - 1, stride * stride * channels)
    y = y.reshape(-1, features)
    parts = [
        x[:, i : i + height, j : j + width].reshape(-1, x.shape[-1]).T @ y for i in range(blocks) for j in range(blocks)
    ]
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


conv.defvjp(lambda x, w, geometry: (_conv(x, w, geometry), (x, w)), _conv_backward)
input_gradient.defvjp(
    lambda y, w, geometry, size: (input_gradient(y, w, geometry, size), (y, w)), _input_gradient_backward
)
weight_gradient.defvjp(lambda x, y, geometry: (weight_gradient(x, y, geometry), (x, y)), _weight_gradient_backward)
