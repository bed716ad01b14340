"""Convolutions with fewer multiplications: Winograd's minimal filtering F(2, n) along both axes, for n = 2 and 3.

Two neighbouring outputs of a filter with n taps need n + 1 products instead of 2 n (Winograd 1980; Lavin and Gray,
Fast Algorithms for Convolutional Neural Networks, 2016):

    F(2, 2):  y0 = x0 w0 + x1 w1 = a + b        a = (x0 - x1) w0
              y1 = x1 w0 + x2 w1 = b - c        b = x1 (w0 + w1)        c = (x1 - x2) w1

As a trilinear form it is <y, conv(x, w)> = sum over m of (image_m x) (kernel_m w) (output_m y) with three lists of
linear maps, so that one list of matrix products, of two of the three, gives a convolution and both its gradients.
In two dimensions that is 9 products instead of 16 (n = 2), 16 instead of 36 (n = 3). A convolution of stride s
is one of stride 1 over blocks of s x s pixels, with n = ceil(kernel / s).
"""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

Matrix = tuple[tuple[float, ...], ...]


class Maps(NamedTuple):
    """The three maps along one axis; a row for each product."""

    image: Matrix
    kernel: Matrix
    output: Matrix


MAPS = {
    2: Maps(((1, -1, 0), (0, 1, 0), (0, 1, -1)), ((1, 0), (1, 1), (0, 1)), ((1, 0), (1, 1), (0, -1))),
    3: Maps(
        ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
        ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
        ((1, 0), (1, 1), (1, -1), (0, -1)),
    ),
}


class Form(NamedTuple):
    """<y, conv(x, w)> for x [B, H, W, I], w [k, k, I, O] and y [B, h, w, O].

    Attributes:
        low: padding before the image; what follows after it is told by the sizes.
        size: (H, W).
        small: (h, w).
    """

    kernel: int
    stride: int
    low: int
    size: tuple[int, int]
    small: tuple[int, int]

    def conv(self, x: jax.Array, w: jax.Array) -> jax.Array:
        return self._from_output([a @ b for a, b in zip(self._image(x), self._kernel(w), strict=True)])

    def input_gradient(self, y: jax.Array, w: jax.Array) -> jax.Array:
        return self._from_image([a @ b.T for a, b in zip(self._output(y), self._kernel(w), strict=True)])

    def weight_gradient(self, x: jax.Array, y: jax.Array) -> jax.Array:
        return self._from_kernel([a.T @ b for a, b in zip(self._image(x), self._output(y), strict=True)])

    # Each map and, below it, its transpose. Products have the rows [B t t] (t: pairs of outputs) and the columns
    # [s s I] or [O]. The barriers keep XLA from computing the first axis anew for each product of the second.

    def _image(self, x: jax.Array) -> list[jax.Array]:
        (high, wide), s = self._padded, self.stride
        x = cut(x, self.low, (high, wide)).reshape(len(x), high // s, s, wide, -1)
        found = []
        for rows in _combine(x, 1, self._maps.image, 2, self._pairs[0]):  # [B, t, s, W, I]
            rows = lax.optimization_barrier(rows.transpose(0, 1, 3, 2, 4)).reshape(*rows.shape[:2], wide // s, -1)
            found += _combine(rows, 2, self._maps.image, 2, self._pairs[1])  # [B, t, t, s s I]
        return [part.reshape(-1, part.shape[-1]) for part in found]

    def _from_image(self, parts: list[jax.Array]) -> jax.Array:
        (high, wide), s = self._padded, self.stride
        rows = []
        for columns in self._split(parts):
            row = _combined(columns, 2, self._maps.image, 2, wide // s)  # [B, t, W / s, s s I]
            row = lax.optimization_barrier(row.reshape(*row.shape[:2], wide, s, -1))
            rows.append(row.transpose(0, 1, 3, 2, 4))  # [B, t, s, W, I]
        x = _combined(rows, 1, self._maps.image, 2, high // s)
        return cut(x.reshape(len(x), high, wide, -1), -self.low, self.size)

    def _kernel(self, w: jax.Array) -> list[jax.Array]:
        n, s, (inputs, outputs) = self._taps, self.stride, w.shape[2:]
        w = jnp.pad(w, [(0, n * s - self.kernel)] * 2 + [(0, 0)] * 2)
        w = w.reshape(n, s, n, s, inputs, outputs).transpose(0, 2, 3, 1, 4, 5).reshape(n, n, -1, outputs)
        rows = _combine(w, 0, self._maps.kernel, n, 1)
        return [part[0, 0] for row in rows for part in _combine(row, 1, self._maps.kernel, n, 1)]

    def _from_kernel(self, parts: list[jax.Array]) -> jax.Array:
        n, s, count = self._taps, self.stride, self._taps + 1
        rows = [[part[None, None] for part in parts[i : i + count]] for i in range(0, count**2, count)]
        rows = [_combined(row, 1, self._maps.kernel, n, n) for row in rows]
        w = _combined(rows, 0, self._maps.kernel, n, n)
        w = w.reshape(n, n, s, s, -1, w.shape[-1]).transpose(0, 3, 1, 2, 4, 5)
        return w.reshape(n * s, n * s, *w.shape[4:])[: self.kernel, : self.kernel]

    def _output(self, y: jax.Array) -> list[jax.Array]:
        high, wide = self._pairs
        rows = _combine(cut(y, 0, (2 * high, 2 * wide)), 1, self._maps.output, 2, high)
        parts = [part for row in rows for part in _combine(row, 2, self._maps.output, 2, wide)]
        return [part.reshape(-1, part.shape[-1]) for part in parts]

    def _from_output(self, parts: list[jax.Array]) -> jax.Array:
        high, wide = self._pairs
        rows = [_combined(columns, 2, self._maps.output, 2, 2 * wide) for columns in self._split(parts)]
        return cut(_combined(rows, 1, self._maps.output, 2, 2 * high), 0, self.small)

    @property
    def _taps(self) -> int:
        return -(-self.kernel // self.stride)

    @property
    def _maps(self) -> Maps:
        return MAPS[self._taps]

    @property
    def _pairs(self) -> tuple[int, int]:
        """Pairs of outputs along each axis."""
        return -(-self.small[0] // 2), -(-self.small[1] // 2)

    @property
    def _padded(self) -> tuple[int, int]:
        """Pixels of the image that the pairs of outputs see."""
        high, wide = ((2 * pairs + self._taps - 1) * self.stride for pairs in self._pairs)
        return high, wide

    def _split(self, parts: list[jax.Array]) -> list[list[jax.Array]]:
        """Products [B t t, C] as a list for each product along the first axis, of [B, t, t, C]."""
        count = self._taps + 1
        parts = [part.reshape(-1, *self._pairs, part.shape[-1]) for part in parts]
        return [parts[i : i + count] for i in range(0, count**2, count)]


def cut(x: jax.Array, low: int, sizes: Sequence[int]) -> jax.Array:
    """x [B, H, W, C] with ``low`` zeros before each axis (fewer than none: cut off) and ``sizes`` pixels in all."""
    around = [(low, wanted - have - low, 0) for wanted, have in zip(sizes, x.shape[1:3], strict=True)]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *around, (0, 0, 0)])


def _combine(x: jax.Array, axis: int, maps: Matrix, step: int, count: int) -> list[jax.Array]:
    """For each row of ``maps`` its sums over windows of x along an axis: ``count`` windows, ``step`` apart."""
    ends = (count - 1) * step + 1
    pieces = [lax.slice_in_dim(x, place, place + ends, step, axis) for place in range(len(maps[0]))]
    return [_sum(row, pieces) for row in maps]


def _combined(parts: list[jax.Array], axis: int, maps: Matrix, step: int, size: int) -> jax.Array:
    """The transpose of ``_combine``: an x with ``size`` places along the axis, zero where no window is."""
    count, groups = parts[0].shape[axis], -(-size // step)
    pieces = [_sum(column, parts) for column in zip(*maps, strict=True)]
    places = []
    for place in range(step):
        total = [_shifted(piece, axis, i, groups - count - i) for i, piece in enumerate(pieces[place::step])]
        places.append(reduce(jnp.add, total))
    x = jnp.stack(places, axis + 1)
    x = x.reshape(*x.shape[:axis], groups * step, *x.shape[axis + 2 :])
    return lax.slice_in_dim(x, 0, size, 1, axis)


def _shifted(x: jax.Array, axis: int, low: int, high: int) -> jax.Array:
    return jnp.pad(x, [(low, high) if i == axis else (0, 0) for i in range(x.ndim)])


def _sum(factors: tuple[float, ...], pieces: list[jax.Array]) -> jax.Array:
    terms = [piece if factor == 1 else factor * piece for factor, piece in zip(factors, pieces, strict=True) if factor]
    return reduce(jnp.add, terms)
