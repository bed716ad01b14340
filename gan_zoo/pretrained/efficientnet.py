"""EfficientNet-Lite0 (Tan and Le 2019; the Lite variant has ReLU6 and no squeeze and excitation)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

# (blocks, kernel, stride of the first, expansion, output channels)
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """image [B, 224, 224, 3] as (bytes - 127) / 128 -> features [B, 1280] and logits [B, 1000].

    Names of layers are those of the efficientnet_lite_pytorch package. With ``until`` the result are the maps of that
    stage (from 1), for any size.
    """

    until: int = 0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array | tuple[jax.Array, jax.Array]:
        x = nn.Conv(32, (3, 3), 2, "SAME", use_bias=False, name="_conv_stem")(x)
        x = nn.relu6(norm("_bn0")(x))
        number = 0
        for stage, (blocks, kernel, stride, expansion, features) in enumerate(STAGES, 1):
            for block in range(blocks):
                x = Block(features, kernel, 1 if block else stride, expansion, name=f"_blocks.{number}")(x)
                number += 1
            if stage == self.until:
                return x
        x = nn.relu6(norm("_bn1")(nn.Conv(1280, (1, 1), use_bias=False, name="_conv_head")(x)))
        features = x.mean(axis=(1, 2))
        return features, nn.Dense(1000, name="_fc")(features)


class Block(nn.Module):
    """Inverted residual: 1x1 to more channels, a convolution of each channel alone, 1x1 back."""

    features: int
    kernel: int
    stride: int
    expansion: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        entered, width = x, x.shape[-1] * self.expansion
        if self.expansion > 1:
            x = nn.relu6(norm("_bn0")(nn.Conv(width, (1, 1), use_bias=False, name="_expand_conv")(x)))
        x = nn.relu6(norm("_bn1")(Depthwise(self.kernel, self.stride, name="_depthwise_conv")(x)))
        x = norm("_bn2")(nn.Conv(self.features, (1, 1), use_bias=False, name="_project_conv")(x))
        return x + entered if x.shape == entered.shape else x


class Depthwise(nn.Module):
    """Each channel convolved with a kernel of its own, x [B, H, W, C], padded as TensorFlow's SAME.

    Written as one multiplication for each place in the kernel: XLA's convolution of single channels is tens of times
    slower on CPU.
    """

    kernel: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        k, s = self.kernel, self.stride
        weights = self.param("kernel", nn.initializers.lecun_normal(), (k, k, 1, x.shape[-1]))
        out = [-(-size // s) for size in x.shape[1:3]]
        total = [max((o - 1) * s + k - size, 0) for o, size in zip(out, x.shape[1:3], strict=True)]
        x = jnp.pad(x, [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)])
        taps = [(i, j) for i in range(k) for j in range(k)]
        window = lambda i, j: x[:, i : i + (out[0] - 1) * s + 1 : s, j : j + (out[1] - 1) * s + 1 : s]
        return sum(window(i, j) * weights[i, j, 0] for i, j in taps)


def norm(name: str) -> nn.BatchNorm:
    """BatchNorm with the statistics of the training set."""
    return nn.BatchNorm(use_running_average=True, epsilon=1e-3, name=name)
