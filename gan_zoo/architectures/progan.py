"""ProGAN's networks (Karras et al. 2018, appendix A), which grow with the resolution; blocks are named by it.

Every layer has an equalized learning rate; a leaky ReLU's slope is 0.2. At 1024x1024 they are the paper's; ``base``
and ``largest`` choose narrower ones.
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax

from gan_zoo.errors import UserError
from gan_zoo.layers import (
    Conv,
    EqualizedDense,
    average_pool,
    blur,
    minibatch_stddev,
    pixel_norm,
    shrunk,
    upsample,
    with_label,
)

SLOPE = 0.2
Alpha = jax.Array | None  # the share of the newest block, in [0, 1], while it fades in; None once it is grown
HE = math.sqrt(2)  # gain of layers before a leaky ReLU


def check(shape: tuple[int, ...]) -> None:
    """Refuses images that no doubling of 4x4 gives."""
    size = shape[0]
    if len(shape) != 3 or shape[0] != shape[1] or size < 4 or size & (size - 1):
        raise UserError(
            f"networks that grow from 4x4 cannot make images of shape {shape}: set config.image_shape to a square "
            "whose side is a power of two from 4 on, such as '(32, 32, 3)' (the images are resized)"
        )


def levels(resolution: int) -> int:
    """How many sizes there are from 4 pixels on: 1 for 4, 2 for 8."""
    return resolution.bit_length() - 2


def widths(base: int, largest: int) -> Callable[[int], int]:
    """Features of stage 1 (4 pixels), 2 (8 pixels), ...: min(base / 2^stage, largest).

    Raises:
        UserError: a stage has none.
    """

    def width(stage: int) -> int:
        if base >> stage < 1:
            what = "(config.generator.base and config.discriminator.base)"
            raise UserError(f"base={base} leaves no features at {2 << stage} pixels: {1 << stage} is the least {what}")
        return min(base >> stage, largest)

    return width


def fade(old: jax.Array | None, new: jax.Array, alpha: Alpha) -> jax.Array:
    """The new block's part times ``alpha``, and what there was before it."""
    return new if old is None or alpha is None else old + alpha * (new - old)


def real(image: jax.Array, size: int, alpha: Alpha) -> jax.Array:
    """Real images [B, H, W, C] as a discriminator of this size is shown them: [B, size, size, C]; they fade in too."""
    image = shrunk(image, size)
    return image if alpha is None else fade(upsample(average_pool(image)), image, alpha)


def enlarged(image: jax.Array, size: int) -> jax.Array:
    """Images [B, h, h, C] doubled until they have a size: [B, size, size, C]."""
    while image.shape[1] < size:
        image = upsample(image)
    return image


def is_seen(network: nn.Module, size: int, alpha: Alpha) -> bool:
    """Whether images of this size are read or made: those of the network's resolution, and below it while it fades."""
    return (
        network.is_initializing() or size == network.resolution or alpha is not None and 2 * size == network.resolution
    )


class Generator(nn.Module):
    """z [B, noise_size] -> image [B, R, R, channels]; no mapping, no styles, no noise."""

    channels: int
    resolution: int
    classes: int
    noise_size: int = 512
    base: int = 8192
    largest: int = 512

    noises = ()  # shapes of noise images

    @nn.compact
    def __call__(
        self, z: jax.Array, noises: list[jax.Array], alpha: Alpha, label: jax.Array | None = None, *, train: bool
    ) -> jax.Array:
        """While the last block fades in, the rest is the image of half the size, enlarged."""
        width = widths(self.base, self.largest)
        x = pixel_norm(with_label(z, label, self.classes) if self.classes else z)
        after, image = lambda x: pixel_norm(nn.leaky_relu(x, SLOPE)), None
        for level in range(levels(self.resolution)):
            size = 4 << level
            conv = lambda name, resample="none", size=size, level=level: Conv(
                width(level + 1), 3, padding=1, equalized=HE, resample=resample, name=f"{name}_{size}"
            )
            if level:
                x = after(conv("up", "up")(x))
            else:
                x = EqualizedDense(16 * width(1), HE / 4, use_bias=False, name="dense")(x)
                bias = self.param("bias_4", nn.initializers.zeros, (width(1),))
                x = after(x.reshape(-1, 4, 4, width(1)) + bias.astype(x.dtype))
            x = after(conv("conv")(x))
            if is_seen(self, size, alpha):
                made = Conv(self.channels, 1, equalized=1.0, name=f"to_rgb_{size}")(x)
                image = fade(None if image is None else upsample(image), made, alpha)
        return image


class Discriminator(nn.Module):
    """image [B, R, R, C] -> logits [B, 1], or one for each class: the label's is the answer (as in StyleGAN's code)."""

    resolution: int
    classes: int
    base: int = 8192
    largest: int = 512
    group: int = 4  # samples whose deviation is compared
    blurred: bool = False

    @nn.compact
    def __call__(self, image: jax.Array, alpha: Alpha, *, train: bool) -> jax.Array:
        """While the first block fades in, the rest comes from the image at half the size."""
        width = widths(self.base, self.largest)
        act = lambda x: nn.leaky_relu(x, SLOPE)
        conv = lambda name, stage, kernel=3, resample="none": Conv(
            width(stage), kernel, padding=kernel // 2, equalized=HE, resample=resample, name=name
        )
        last = levels(self.resolution) - 1
        read = lambda image, level: act(conv(f"from_rgb_{4 << level}", level + 1, 1)(image))
        x = read(image, last)
        for level in range(last, 0, -1):
            x = act(conv(f"conv_{4 << level}", level + 1)(x))
            x = blur(x) if self.blurred else x
            x = act(conv(f"down_{4 << level}", level, resample="down")(x))
            if is_seen(self, 2 << level, alpha):
                image = average_pool(image)
                x = fade(read(image, level - 1), x, alpha)
        x = act(conv("conv_4", 1)(minibatch_stddev(x, self.group)))
        x = act(EqualizedDense(width(0), HE, name="dense")(x.reshape(len(x), -1)))
        return EqualizedDense(max(self.classes, 1), 1.0, name="logits")(x)
