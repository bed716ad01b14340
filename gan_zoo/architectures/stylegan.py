"""StyleGAN's networks (Karras et al. 2019), which grow with the resolution; blocks are named by it.

A block of the generator: convolution, blur where it enlarges, noise, bias, leaky ReLU, instance normalization, style.
The discriminator is ProGAN's with the same blur. At 1024x1024 they are the paper's; ``base`` and ``largest`` choose
narrower ones.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.architectures.progan import HE, SLOPE, Alpha, check, enlarged, fade, is_seen, levels, real, widths
from gan_zoo.architectures.progan import Discriminator as Growing
from gan_zoo.layers import Conv, EqualizedDense, blur, pixel_norm, upsample

__all__ = ["Discriminator", "Generator", "check", "enlarged", "real"]


class Mapping(nn.Module):
    """z [B, Z] and label [B] -> w [B, features] (section 2; equalized, with a hundredth of the learning rate)."""

    classes: int
    features: int
    layers: int
    rate: float

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array | None = None) -> jax.Array:
        if self.classes:
            table = self.param("label", nn.initializers.normal(1.0), (self.classes, z.shape[-1]))
            z = jnp.concatenate([z, table[label].astype(z.dtype)], axis=-1)
        w = pixel_norm(z)
        for _ in range(self.layers):
            w = nn.leaky_relu(EqualizedDense(self.features, HE, self.rate)(w), SLOPE)
        return w


class Epilogue(nn.Module):
    """What follows a convolution: x [B, H, W, C], a noise image [B, H, W, 1] and the style's w [B, Z]."""

    @nn.compact
    def __call__(self, x: jax.Array, noise: jax.Array, w: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        strength = self.param("noise", nn.initializers.zeros, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        x = nn.leaky_relu(x + noise * strength.astype(x.dtype) + bias.astype(x.dtype), SLOPE)
        # The constant's channels hardly differ from place to place at first: E x^2 - (E x)^2 would lose their digits.
        x = nn.InstanceNorm(epsilon=1e-8, use_bias=False, use_scale=False, use_fast_variance=False)(x)
        scale, shift = jnp.split(EqualizedDense(2 * channels, 1.0, name="style")(w)[:, None, None], 2, axis=-1)
        return x * (scale + 1) + shift


class Synthesis(nn.Module):
    """w [B, layers, Z], a noise image for each layer and the last block's share -> image [B, R, R, C]."""

    channels: int
    resolution: int
    base: int
    largest: int

    @nn.compact
    def __call__(self, w: jax.Array, noises: list[jax.Array], alpha: Alpha) -> jax.Array:
        width = widths(self.base, self.largest)
        constant = self.param("constant", nn.initializers.ones, (4, 4, width(1)))
        x, image, layer = jnp.broadcast_to(constant.astype(w.dtype), (len(w), *constant.shape)), None, 0

        def styled(x, name):
            nonlocal layer
            x, layer = Epilogue(name=name)(x, noises[layer], w[:, layer]), layer + 1
            return x

        for level in range(levels(self.resolution)):
            size = 4 << level
            conv = lambda name, resample="none", size=size, level=level: Conv(
                width(level + 1), 3, padding=1, use_bias=False, equalized=HE, resample=resample, name=f"{name}_{size}"
            )
            x = styled(blur(conv("up", "up")(x)) if level else x, f"first_{size}")
            x = styled(conv("conv")(x), f"second_{size}")
            if is_seen(self, size, alpha):
                made = Conv(self.channels, 1, equalized=1.0, name=f"to_rgb_{size}")(x)
                image = fade(None if image is None else upsample(image), made, alpha)
        return image


class Generator(nn.Module):
    """z [B, noise_size] -> image [B, R, R, channels] at the ``resolution`` that it has grown to.

    Its state "average" is the moving mean of w, which truncation goes towards.
    """

    channels: int
    resolution: int
    classes: int
    noise_size: int = 512
    features: int = 512  # of w
    layers: int = 8  # of the mapping
    mapping_rate: float = 0.01
    base: int = 8192
    largest: int = 512
    average_decay: float = 0.995

    def setup(self):
        self.mapping = Mapping(self.classes, self.features, self.layers, self.mapping_rate)
        self.synthesis = Synthesis(self.channels, self.resolution, self.base, self.largest)
        self.average = self.variable("average", "w", jnp.zeros, (self.features,))

    @property
    def noises(self) -> list[tuple[int, int, int]]:
        """The shape of each layer's noise image: as many as there are styles."""
        return [(4 << level, 4 << level, 1) for level in range(levels(self.resolution)) for _ in range(2)]

    def __call__(
        self,
        z: jax.Array,
        noises: list[jax.Array],
        alpha: Alpha,
        label: jax.Array | None = None,
        other: jax.Array | None = None,
        cut: jax.Array | int = 0,
        *,
        train: bool,
    ) -> jax.Array:
        """``other``: with it the layers from ``cut`` on have another latent's style (mixing, section 3.1)."""
        w = self.mapping(z, label)
        if train and not self.is_initializing():
            decay = self.average_decay
            self.average.value = decay * self.average.value + (1 - decay) * jax.lax.stop_gradient(w.mean(axis=0))
        each = jnp.repeat(w[:, None], len(self.noises), axis=1)
        if other is not None:
            late = (jnp.arange(len(self.noises)) >= cut)[None, :, None]
            each = jnp.where(late, self.mapping(other, label)[:, None], each)
        return self.synthesis(each, noises, alpha)

    def style(self, z: jax.Array, label: jax.Array | None = None, *, train: bool = False) -> jax.Array:
        """w [B, features] of z [B, noise_size]."""
        return self.mapping(z, label)

    def draw(self, w: jax.Array, noises: list[jax.Array], alpha: Alpha, *, train: bool = False):
        """The image of styles w [B, layers, features]."""
        return self.synthesis(w, noises, alpha)


class Discriminator(Growing):
    """ProGAN's, with a blur before each halving: image [B, R, R, C] -> logits [B, 1], or one for each class."""

    blurred: bool = True
