"""The arithmetic of convolutions: sizes, receptive fields and stages, known before anything is compiled."""

import numpy as np


def conv_size(size: int, kernel: int, stride: int = 1, padding: int | tuple[int, int] = 0, dilation: int = 1) -> int:
    """Output size of a convolution or pooling along one axis.

    floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1; ``padding`` may be a (low, high) pair.
    """
    low, high = pair(padding)
    return (size + low + high - dilation * (kernel - 1) - 1) // stride + 1


def conv_transpose_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Output size of a transposed convolution along one axis, with PyTorch's meaning of the paddings.

    (size - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding.

    Raises:
        ValueError: when output_padding is not smaller than the stride.
    """
    if output_padding >= stride:
        raise ValueError(f"output_padding {output_padding} must be smaller than the stride, {stride}")
    low, high = pair(padding)
    return (size - 1) * stride - low - high + dilation * (kernel - 1) + 1 + output_padding


def taps(large: int, small: int, kernel: int, stride: int, padding: int | tuple[int, int], dilation: int) -> np.ndarray:
    """Which pixels of the large side meet which of the small side through which tap: bool [small, kernel, large].

    The large side is a convolution's input, or a transposed convolution's output.
    """
    low, _ = pair(padding)
    place = stride * np.arange(small)[:, None] + dilation * np.arange(kernel) - low  # [small, kernel]
    return place[..., None] == np.arange(large)


def receptive_field(layers: list[tuple[int, int]]) -> int:
    """Receptive field in pixels of a stack of (kernel, stride) layers, first layer first."""
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def halvings(height: int, width: int, smallest: int = 4, least: int = 2) -> int:
    """How many stride-2 stages an image allows: down to ``smallest`` pixels on its shorter side.

    Images too small for that still get ``least`` stages where both sides can be halved as often
    (8x8 becomes 2x2). 64 -> 4, 32 -> 3, 28 -> 2 (to 7), 8 -> 2 (to 2). Fewer than ``least`` means
    that the sides are odd too early: the caller refuses the size.
    """
    stages = 0
    while height % 2 == 0 and width % 2 == 0 and (min(height, width) // 2 >= smallest or stages < least):
        height, width, stages = height // 2, width // 2, stages + 1
    return stages


def pair(padding: int | tuple[int, int]) -> tuple[int, int]:
    """(low, high) padding of one axis."""
    return (padding, padding) if isinstance(padding, int) else tuple(padding)
