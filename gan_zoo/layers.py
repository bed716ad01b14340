"""Layers that two or more architectures use; images are [B, H, W, C]."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_zoo.arithmetic import conv_transpose_size, halvings, pair, taps
from gan_zoo.conv import Geometry, conv, input_gradient
from gan_zoo.errors import UserError, choose

Initializer = Callable[..., Any]


# The DCGAN family's initial values: weights N(0, 0.02), BatchNorm's scales N(1, 0.02).
WEIGHTS = nn.initializers.normal(0.02)


def SCALES(rng: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """N(1, 0.02)."""
    return 1 + WEIGHTS(rng, shape, dtype)


def check_halvings(family: str, shape: tuple[int, ...], instead: str = "mlp") -> None:
    """Refuses an image that cannot be halved twice, before anything is compiled; ``instead`` takes every shape.

    Raises:
        UserError: says what to change.
    """
    if len(shape) != 3 or halvings(*shape[:2]) < 2:
        raise UserError(
            f"{family} cannot make images of shape {shape}: height and width must be multiples of 4. Set "
            f"config.image_shape (the images are resized) or choose config.architecture={instead}"
        )


class Conv(nn.Module):
    """Convolution with PyTorch's padding, or a (low, high) pair: [B, H, W, I] -> [B, h, w, features].

    ``maps`` [B, M] are M more input channels, behind x's, each constant over the image: a label's one-hot maps.
    ``resample`` is "up" (the input is doubled first, nearest neighbour), "down" (the output is averaged over 2x2
    pixels) or "none". Both are computed as one strided convolution with a kernel that is larger by one.
    ``equalized``, where it is not 0, is the gain of an equalized learning rate: see ``equalize``.
    """

    features: int
    kernel: int
    stride: int = 1
    padding: int | tuple[int, int] = 0
    use_bias: bool = True
    dilation: int = 1
    kernel_init: Initializer = nn.initializers.lecun_normal()
    resample: str = "none"
    equalized: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, maps: jax.Array | None = None) -> jax.Array:
        channels = x.shape[-1] + (0 if maps is None else maps.shape[-1])
        shape = (self.kernel, self.kernel, channels, self.features)
        w = equalize(self, shape, self.equalized) if self.equalized else self.param("kernel", self.kernel_init, shape)
        x, w, maps = nn.dtypes.promote_dtype(x, w, maps)
        (low, high), k = pair(self.padding), self.kernel
        if self.resample == "none":
            x = _convolve(x, maps, w, Geometry(k, self.stride, self.padding, self.dilation))
        elif self.resample == "down":
            x = _convolve(x, maps, _widened(w) / 4, Geometry(k + 1, 2, (low, high)))
        else:
            size = tuple(2 * s + low + high - k + 1 for s in x.shape[1:3])
            w = _widened(w[::-1, ::-1]).swapaxes(2, 3)
            x = _convolve_transposed(x, maps, w, Geometry(k + 1, 2, (k - 1 - low, k - 1 - high)), size)
        return _add_bias(self, x)


class EqualizedDense(nn.Module):
    """Fully connected layer with an equalized learning rate: [B, I] -> [B, features].

    ``rate`` scales the learning rate of weights and bias (StyleGAN's mapping network has 0.01).
    """

    features: int
    gain: float
    rate: float = 1.0
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        w = equalize(self, (x.shape[-1], self.features), self.gain, self.rate)
        x, w = nn.dtypes.promote_dtype(x, w)
        if not self.use_bias:
            return x @ w
        return x @ w + (self.rate * self.param("bias", nn.initializers.zeros, (self.features,))).astype(x.dtype)


def equalize(layer: nn.Module, shape: tuple[int, ...], gain: float, rate: float = 1.0) -> jax.Array:
    """A layer's kernel, stored as N(0, 1 / rate^2) and used times rate gain / sqrt(fan in) (ProGAN, section 4.1).

    So an optimizer that normalizes its gradients moves all layers equally fast.
    """
    kernel = layer.param("kernel", nn.initializers.normal(1 / rate), shape)
    return kernel * (rate * gain / math.sqrt(math.prod(shape[:-1])))


class ConvTranspose(nn.Module):
    """Transposed convolution with PyTorch's padding and output padding: [B, h, w, I] -> [B, H, W, features].

    The kernel is [k, k, features, I]: it is the gradient of a convolution from ``features`` to I channels.
    ``maps`` as in ``Conv``.
    """

    features: int
    kernel: int
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    use_bias: bool = True
    dilation: int = 1
    kernel_init: Initializer = nn.initializers.variance_scaling(1.0, "fan_in", "normal", in_axis=-1, out_axis=-2)

    @nn.compact
    def __call__(self, x: jax.Array, maps: jax.Array | None = None) -> jax.Array:
        channels = x.shape[-1] + (0 if maps is None else maps.shape[-1])
        w = self.param("kernel", self.kernel_init, (self.kernel, self.kernel, self.features, channels))
        x, w, maps = nn.dtypes.promote_dtype(x, w, maps)
        geometry = (self.kernel, self.stride, self.padding)
        size = tuple(conv_transpose_size(s, *geometry, self.output_padding, self.dilation) for s in x.shape[1:3])
        return _add_bias(self, _convolve_transposed(x, maps, w, Geometry(*geometry, self.dilation), size))


def _convolve(x: jax.Array, maps: jax.Array | None, w: jax.Array, geometry: Geometry) -> jax.Array:
    """Convolution of x [B, H, W, I] and maps [B, M] with w [k, k, I + M, O]."""
    channels = x.shape[-1]
    y = conv(x, w[:, :, :channels], geometry)
    if maps is None:
        return y
    reach = [taps(*sizes, *geometry).any(axis=2) for sizes in zip(x.shape[1:3], y.shape[1:3], strict=True)]
    return y + _constant(maps, w[:, :, channels:], reach)


def _convolve_transposed(
    x: jax.Array, maps: jax.Array | None, w: jax.Array, geometry: Geometry, size: tuple[int, int]
) -> jax.Array:
    """Transposed convolution of x [B, h, w, I] and maps [B, M] with w [k, k, O, I + M], to [B, *size, O]."""
    channels = x.shape[-1]
    y = input_gradient(x, w[..., :channels], geometry, size)
    if maps is None:
        return y
    reach = [taps(*sizes, *geometry).any(axis=0).T for sizes in zip(size, x.shape[1:3], strict=True)]
    return y + _constant(maps, w[..., channels:].swapaxes(2, 3), reach)


def _constant(maps: jax.Array, w: jax.Array, reach: list[np.ndarray]) -> jax.Array:
    """What maps [B, M] give through w [k, k, M, O]: the sum of the taps that each pixel has, reach [H, k] and [W, k].

    Far cheaper than convolving images that hold the same number everywhere.
    """
    (height, kernel), (width, _) = (taps.shape for taps in reach)
    both = jnp.asarray(np.einsum("hi,wj->hwij", *reach).reshape(height * width, kernel**2), w.dtype)
    # Each map's image first: there are fewer maps than samples.
    images = jnp.einsum("pt,tmo->mpo", both, w.reshape(kernel**2, *w.shape[2:]))
    return jnp.einsum("bm,mpo->bpo", maps, images).reshape(len(maps), height, width, -1)


def _widened(w: jax.Array) -> jax.Array:
    """w [k, k, I, O] convolved with 2x2 ones: [k + 1, k + 1, I, O]."""
    around = [(0, 1), (1, 0)]
    return sum(jnp.pad(w, [rows, columns, (0, 0), (0, 0)]) for rows in around for columns in around)


def _add_bias(layer: nn.Module, x: jax.Array) -> jax.Array:
    if not layer.use_bias:
        return x
    return x + layer.param("bias", nn.initializers.zeros, (x.shape[-1],)).astype(x.dtype)


def upscale_padding(kernel: int) -> dict[str, int]:
    """Padding of a stride-2 transposed convolution that doubles the size: k=4 p=1; k=3 p=1 op=1; k=5 p=2 op=1."""
    return {"padding": (kernel - 1) // 2, "output_padding": kernel % 2}


class BatchNorm(nn.Module):
    """Batch normalization in the papers' terms (momentum 0.9 is PyTorch's 0.1); statistics over all devices.

    With ``classes`` the scale and bias are looked up by label: x (1 + scale[y]) + bias[y]
    (conditional batch normalization: Dumoulin et al. 2017; de Vries et al. 2017).
    """

    classes: int = 0
    epsilon: float = 1e-5
    scale_init: Initializer = nn.initializers.ones
    affine: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, label: jax.Array | None = None) -> jax.Array:
        plain = self.affine and not self.classes
        x = nn.BatchNorm(
            use_running_average=not train,
            momentum=0.9,
            epsilon=self.epsilon,
            use_scale=plain,
            use_bias=plain,
            scale_init=self.scale_init,
            name="norm",
        )(x)
        if not self.classes:
            return x
        table = (self.classes, x.shape[-1])
        around = (-1,) + (1,) * (x.ndim - 2) + (x.shape[-1],)
        scale = self.param("scale", nn.initializers.zeros, table)[label].reshape(around)
        bias = self.param("bias", nn.initializers.zeros, table)[label].reshape(around)
        return (x * (1 + scale) + bias).astype(x.dtype)


class Norm(nn.Module):
    """The normalization of image translators: "batch", "instance" (each image and channel by itself, no parameters)
    or "none"."""

    kind: str

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        if choose("norm", self.kind, ("batch", "instance", "none")) == "batch":
            return BatchNorm(scale_init=SCALES)(x, train)
        if self.kind == "instance":
            return nn.InstanceNorm(epsilon=1e-5, use_bias=False, use_scale=False)(x)
        return x


def spectral(layer: nn.Module, on: bool, train: bool) -> Callable[..., jax.Array]:
    """The layer, with spectral normalization if ``on`` (SNGAN, Miyato et al. 2018, section 2.1).

    One power iteration for each training pass; its vectors are the collection "spectral".
    """
    if not on:
        return layer

    def normalized(x, *more):
        dtype = x.dtype if jnp.issubdtype(x.dtype, jnp.floating) else None  # not that of the float32 vectors
        return nn.SpectralNorm(layer, dtype=dtype, collection_name="spectral")(x, *more, update_stats=train)

    return normalized


def maxout(x: jax.Array, pieces: int) -> jax.Array:
    """Largest of ``pieces`` neighbouring features (Goodfellow et al. 2013): [..., units pieces] -> [..., units]."""
    return x.reshape(*x.shape[:-1], -1, pieces).max(axis=-1)


def minibatch_stddev(x: jax.Array, group: int = 4) -> jax.Array:
    """Appends one map with the mean standard deviation over groups of samples (ProGAN, section 3).

    x [B, H, W, C] -> [B, H, W, C + 1]. Sample i shares its group with i + B / group, i + 2 B / group, ...
    A batch that ``group`` does not divide has groups of their greatest common divisor.
    """
    group = math.gcd(group, x.shape[0])
    groups = x.reshape(group, -1, *x.shape[1:]).astype(jnp.promote_types(x.dtype, jnp.float32))
    deviation = jnp.sqrt(groups.var(axis=0) + 1e-8).mean(axis=(1, 2, 3))  # [B / group]
    deviation = jnp.tile(deviation, group).reshape(-1, 1, 1, 1)
    return jnp.concatenate([x, jnp.broadcast_to(deviation, (*x.shape[:3], 1)).astype(x.dtype)], axis=-1)


def pixel_norm(x: jax.Array) -> jax.Array:
    """x [..., C] over its root mean square (ProGAN, section 4.2)."""
    return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-8)


def blur(x: jax.Array) -> jax.Array:
    """x [B, H, W, C] smoothed by [1, 2, 1] / 4 down and across, with zeros around it (StyleGAN's code)."""
    x = jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    x = (x[:, :-2] + x[:, 2:]) / 4 + x[:, 1:-1] / 2
    return (x[:, :, :-2] + x[:, :, 2:]) / 4 + x[:, :, 1:-1] / 2


def with_label(x: jax.Array, label: jax.Array | None, classes: int) -> jax.Array:
    """x [B, ..., C] with the one-hot label [B] appended to each position: [B, ..., C + classes]."""
    maps = one_hot(label, classes, x.dtype)
    if maps is None:
        return x
    maps = maps.reshape(-1, *(1,) * (x.ndim - 2), classes)
    return jnp.concatenate([x, jnp.broadcast_to(maps, (*x.shape[:-1], classes))], axis=-1)


def one_hot(label: jax.Array | None, classes: int, dtype: Any) -> jax.Array | None:
    """The label [B] as the ``maps`` [B, classes] of a convolution; None without one."""
    return None if label is None else jax.nn.one_hot(label, classes, dtype=dtype)


def pixel_shuffle(x: jax.Array, scale: int) -> jax.Array:
    """Channels to pixels, in PyTorch's order: [B, H, W, C s s] -> [B, s H, s W, C] (Shi et al. 2016, equation 4)."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, channels // scale**2, scale, scale).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(batch, scale * height, scale * width, -1)


def upsample(x: jax.Array) -> jax.Array:
    """Nearest-neighbour doubling: [B, H, W, C] -> [B, 2H, 2W, C]."""
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def average_pool(x: jax.Array) -> jax.Array:
    """2x2 mean: [B, 2H, 2W, C] -> [B, H, W, C]."""
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


def shrunk(image: jax.Array, size: int) -> jax.Array:
    """Images [B, S, S, C] halved until they have a size: [B, size, size, C]."""
    while image.shape[1] > size:
        image = average_pool(image)
    return image
