"""The arithmetic of convolutions against published tables and against XLA's own shapes."""

import itertools

import jax
import numpy as np
import pytest
from jax import lax

from gan_zoo.arithmetic import conv_size, conv_transpose_size, halvings, pair, receptive_field

# AlexNet (Krizhevsky et al. 2012), 227 x 227 x 3: features, kernel, stride, padding, groups -> size, parameters.
# A pooling layer has no features of its own.
ALEXNET = [
    ("convolution 1", 96, 11, 4, 0, 1, 55, 34_944),
    ("pooling 1", None, 3, 2, 0, 1, 27, 0),
    ("convolution 2", 256, 5, 1, 2, 2, 27, 614_656),
    ("pooling 2", None, 3, 2, 0, 1, 13, 0),
    ("convolution 3", 384, 3, 1, 1, 1, 13, 885_120),
    ("convolution 4", 384, 3, 1, 1, 2, 13, 1_327_488),
    ("convolution 5", 256, 3, 1, 1, 2, 13, 884_992),
    ("pooling 5", None, 3, 2, 0, 1, 6, 0),
]
ALEXNET_DENSE = [(4096, 37_752_832), (4096, 16_781_312), (1000, 4_097_000)]


def alexnet(grouped):
    """Sizes and parameter counts of every layer, from the arithmetic alone."""
    size, channels, sizes, counts = 227, 3, [], []
    for _, features, kernel, stride, padding, groups, *_ in ALEXNET:
        size = conv_size(size, kernel, stride, padding)
        sizes.append(size)
        if features is None:
            counts.append(0)
            continue
        counts.append(kernel**2 * channels // (groups if grouped else 1) * features + features)
        channels = features
    units = size**2 * channels
    assert units == 9216
    for features, _ in ALEXNET_DENSE:
        counts.append((units + 1) * features)
        units = features
    return sizes, counts


def test_alexnet_table():
    sizes, counts = alexnet(grouped=False)
    assert sizes == [row[6] for row in ALEXNET]
    assert counts == [row[7] for row in ALEXNET] + [count for _, count in ALEXNET_DENSE]
    assert sum(counts) == 62_378_344


def test_alexnet_on_two_gpus():
    _, counts = alexnet(grouped=True)
    assert [counts[i] for i in (2, 5, 6)] == [307_456, 663_936, 442_624]
    assert sum(counts) == 60_965_224


def test_alexnet_of_the_papers_text_is_off_by_convention():
    # 224, the size in the paper's text, does not give the 55 of its figure.
    assert conv_size(224, 11, 4) == 54


GRID = list(itertools.product((7, 8, 13), (1, 3, 4, 5), (1, 2, 3), (0, 1, 2), (1, 2)))


def test_conv_size_is_xlas():
    for size, kernel, stride, padding, dilation in GRID:
        shape = jax.eval_shape(
            lambda x, w, s=stride, p=padding, d=dilation: lax.conv_general_dilated(
                x, w, (s,), [(p, p + 1)], rhs_dilation=(d,), dimension_numbers=("NHC", "HIO", "NHC")
            ),
            jax.ShapeDtypeStruct((1, size, 1), np.float32),
            jax.ShapeDtypeStruct((kernel, 1, 1), np.float32),
        ).shape
        assert max(0, conv_size(size, kernel, stride, (padding, padding + 1), dilation)) == shape[1]


def test_conv_transpose_size_is_xlas():
    for size, kernel, stride, padding, dilation in GRID:
        for output_padding in range(stride):
            low = dilation * (kernel - 1) - padding
            shape = jax.eval_shape(
                lambda x, w, s=stride, d=dilation, pads=(low, low + output_padding): lax.conv_transpose(
                    x, w, (s,), [pads], rhs_dilation=(d,), dimension_numbers=("NHC", "HIO", "NHC")
                ),
                jax.ShapeDtypeStruct((1, size, 1), np.float32),
                jax.ShapeDtypeStruct((kernel, 1, 1), np.float32),
            ).shape
            assert conv_transpose_size(size, kernel, stride, padding, output_padding, dilation) == shape[1]


def test_conv_transpose_undoes_the_size_of_conv():
    """Without output padding, the convolution of a transposed convolution's size gives the size back."""
    for size, kernel, stride, padding, dilation in GRID:
        larger = conv_transpose_size(size, kernel, stride, padding, 0, dilation)
        assert conv_size(larger, kernel, stride, padding, dilation) == size


@pytest.mark.parametrize("kernel, padding, output_padding", [(4, 1, 0), (3, 1, 1), (5, 2, 1)])
def test_doubling(kernel, padding, output_padding):
    assert [conv_transpose_size(s, kernel, 2, padding, output_padding) for s in (1, 4, 7)] == [2, 8, 14]


def test_output_padding_must_be_smaller_than_the_stride():
    with pytest.raises(ValueError, match="output_padding 2"):
        conv_transpose_size(4, 3, 2, 1, 2)


@pytest.mark.parametrize("layers, field", list(enumerate((16, 34, 70, 142, 286), 1)))
def test_receptive_field_of_patch_discriminators(layers, field):
    """Pix2Pix's discriminators: n layers of stride 2, then two of stride 1, all 4x4."""
    assert receptive_field([(4, 2)] * layers + [(4, 1)] * 2) == field


def test_receptive_field_of_pixels():
    assert receptive_field([]) == receptive_field([(1, 1)] * 3) == 1


def test_receptive_field_is_what_reaches_the_output():
    """Counts the pixels with a gradient, for kernels and strides that differ from layer to layer."""
    layers = [(5, 1), (3, 2), (2, 3), (4, 1)]

    def stack(x):
        for kernel, stride in layers:
            w = np.ones((kernel, 1, 1), np.float32)
            x = lax.conv_general_dilated(x, w, (stride,), "VALID", dimension_numbers=("NHC", "HIO", "NHC"))
        return x[0, 1, 0]

    gradient = jax.jit(jax.grad(stack))(np.zeros((1, 80, 1), np.float32))
    assert np.count_nonzero(gradient) == receptive_field(layers)


@pytest.mark.parametrize(
    "height, width, stages",
    [
        (64, 64, 4),
        (32, 32, 3),
        (28, 28, 2),
        (8, 8, 2),
        (128, 128, 5),
        (48, 32, 3),
        (32, 64, 3),
        (12, 12, 2),
        (100, 100, 2),  # 25 is odd
        (30, 30, 1),
        (33, 32, 0),
        (27, 27, 0),
        (28, 30, 1),
    ],
)
def test_halvings(height, width, stages):
    assert halvings(height, width) == stages
    assert halvings(width, height) == stages
    assert height % 2**stages == width % 2**stages == 0


def test_halvings_to_a_given_size():
    assert [halvings(s, s, smallest=7, least=0) for s in (64, 32, 28, 8, 4)] == [3, 2, 2, 0, 0]


def test_pair():
    assert pair(2) == (2, 2)
    assert pair((1, 2)) == (1, 2)
    assert pair([0, 1]) == (0, 1)
