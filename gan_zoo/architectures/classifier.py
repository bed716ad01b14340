"""A plain convolutional classifier, the independent judge of samples."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.layers import BatchNorm, Conv


class Classifier(nn.Module):
    """image [B, H, W, C] in [-1, 1] -> logits [B, classes] and features [B, 128].

    Two 3x3 convolutions a stage, each stage half the size of the one before, until 8 pixels or fewer are left.
    """

    classes: int
    width: int = 32
    dropout: float = 0.4

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        features = self.width
        while True:
            x = nn.relu(BatchNorm()(Conv(features, 3, padding=1, use_bias=False)(x), train))
            small = min(x.shape[1:3]) <= 8
            x = Conv(2 * features, 3, 1 if small else 2, padding=1, use_bias=False)(x)
            x = nn.relu(BatchNorm()(x, train))
            features = min(2 * features, 4 * self.width)
            if small:
                break
        # Average and position both tell digits and garments apart: pool to at most 4x4.
        pool = max(1, min(x.shape[1:3]) // 4)
        x = nn.avg_pool(x, (pool, pool), (pool, pool)).reshape(x.shape[0], -1)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.relu(nn.Dense(128)(x))
        return nn.Dense(self.classes)(nn.Dropout(self.dropout, deterministic=not train)(x)), jnp.asarray(x)
