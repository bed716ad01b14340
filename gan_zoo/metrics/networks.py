"""Networks that judge samples."""

import flax.linen as nn
import jax

from gan_zoo.layers import BatchNorm, Conv


class Classifier(nn.Module):
    """image [B, H, W, C] in [-1, 1] -> logits [B, classes] and features [B, 128].

    Three convolutions that halve the image down to about 4 pixels (the first one not below 8), two dense layers.
    """

    classes: int
    width: int = 32
    dropout: float = 0.3

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        for stage, kernel in enumerate((5, 3, 3)):
            stride = 2 if min(x.shape[1:3]) > (4 if stage else 8) else 1
            x = Conv(self.width << stage, kernel, stride, kernel // 2, use_bias=False)(x)
            x = nn.relu(BatchNorm()(x, train))
        pool = max(1, min(x.shape[1:3]) // 4)
        x = nn.avg_pool(x, (pool, pool), (pool, pool)).reshape(x.shape[0], -1)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.relu(nn.Dense(128)(x))
        return nn.Dense(self.classes)(nn.Dropout(self.dropout, deterministic=not train)(x)), x
