"""Feature maps in which images are compared: VGG-19's, as SRGAN does, or EfficientNet-Lite0's."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.errors import choose
from gan_zoo.pretrained import weights
from gan_zoo.pretrained.efficientnet import EfficientNetLite0
from gan_zoo.pretrained.vgg import VGG
from gan_zoo.resample import shifted

# Name -> (whose weights, network until that layer, shift). vgg22 and vgg54 are SRGAN's: after the 2nd convolution
# before the 2nd pooling, and after the 4th before the 5th, both behind their ReLU. efficientnet's maps are a quarter in
# size; its first convolution has stride 2 and sees every other pixel best, which draws a grid into images that are
# fitted to it, unless both are shifted at random.
KNOWN: dict[str, tuple[str, nn.Module, int]] = {
    "vgg22": ("vgg19", VGG(19, until=(2, 2)), 0),
    "vgg54": ("vgg19", VGG(19, until=(5, 4)), 0),
    "efficientnet": ("efficientnet", EfficientNetLite0(until=2), 8),
}


class Perceptual(NamedTuple):
    """``features`` maps (variables, images [B, H, W, C] in [-1, 1]) to [B, h, w, D]; ``load`` reads the variables."""

    features: Callable[[Any, jax.Array], jax.Array]
    load: Callable[[], Any]
    protocol: dict[str, str]
    shift: int

    def distances(self, variables: Any, a: jax.Array, b: jax.Array, rng: jax.Array) -> jax.Array:
        """[B]: mean squared differences of the maps of a and b [B, H, W, C], rolled alike by up to ``shift`` - 1."""
        a, b = shifted(rng, self.shift, a, b)
        return jnp.mean((self.features(variables, a) - self.features(variables, b)) ** 2, axis=(1, 2, 3))


def perceptual(name: str) -> Perceptual:
    """One of KNOWN; ``load`` takes its weights from a file, and says where to get one if there is none."""
    whose, network, shift = KNOWN[choose("feature maps", name, KNOWN)]
    path = weights.find(whose)

    def features(variables, images):
        return network.apply(variables, _normalized(whose, jnp.broadcast_to(images, (*images.shape[:-1], 3))))

    def load():
        if path is None:
            raise weights.missing(whose)
        like = jax.eval_shape(network.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32))
        return weights.fill(like, weights.read(path), path)

    found = weights.file_hash(path) if path else "missing"
    return Perceptual(features, load, {"content": name, "content_weights": found}, shift)


def _normalized(whose: str, images: jax.Array) -> jax.Array:
    """As the weights were trained: ImageNet's mean and deviation, or (bytes - 127) / 128."""
    if whose == "efficientnet":
        return (images * 127.5 + 0.5) / 128
    return ((images + 1) / 2 - jnp.array([0.485, 0.456, 0.406])) / jnp.array([0.229, 0.224, 0.225])
