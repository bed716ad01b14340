"""What scores see of an image: features and class probabilities, from a network, on all devices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from gan_zoo.data import Spec
from gan_zoo.errors import UserError, choose
from gan_zoo.game import constrain
from gan_zoo.pretrained import weights
from gan_zoo.pretrained.efficientnet import EfficientNetLite0
from gan_zoo.pretrained.inception import Inception
from gan_zoo.pretrained.vgg import VGG

PER_DEVICE = 64  # images that a device looks at at once
PRETRAINED = ("inception", "vgg16", "vgg19", "efficientnet")
NAMES = ("classifier", "points", *PRETRAINED)


@dataclass(frozen=True, eq=False)
class Extractor:
    """A network that looks at images.

    Attributes:
        apply: (variables, images [B, H, W, C] as they are stored) -> features [B, D], and logits [B, K] or None.
            None: what is looked at are features already.
        protocol: what a score says of it: its name, the hash of its weights, how images are brought to its input.
    """

    apply: Callable[[Any, jax.Array], tuple[jax.Array, jax.Array | None]] | None
    variables: Any
    protocol: Mapping[str, str]

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Features float32 [N, D], and class probabilities [N, K] if the network knows classes.

        Args:
            images: uint8 [N, H, W, C] (points: float32 [N, 2]).
        """
        if self.apply is None:
            return images, None
        size = PER_DEVICE * jax.device_count()
        parts = [images[i : i + size] for i in range(0, len(images), size)]
        seen = [self._look(self.variables, np.resize(part, (size, *part.shape[1:]))) for part in parts]
        features, probabilities = zip(*jax.device_get(seen), strict=True)
        join = lambda found: None if found[0] is None else np.concatenate(found)[: len(images)]
        return join(features), join(probabilities)

    @cached_property
    def _look(self) -> Callable:
        def look(variables, images):
            features, logits = self.apply(variables, constrain(images, PartitionSpec("data")))
            whole = lambda x: constrain(x.astype(jnp.float32), PartitionSpec())
            return whole(features), None if logits is None else whole(jax.nn.softmax(logits))

        return jax.jit(look)


@lru_cache(maxsize=1)
def for_points() -> Extractor:
    """Points in the plane are their own features."""
    protocol = {"extractor": "points", "weights": "none", "input": "as it is"}
    return Extractor(None, None, protocol)


@lru_cache(maxsize=1)
def pretrained(name: str) -> Extractor:
    """A network of PRETRAINED, with its weights from a file.

    Raises:
        UserError: no file, or one of another network; says where to get it.
    """
    path = weights.find(choose("extractor", name, PRETRAINED))
    if path is None:
        raise weights.missing(name)
    tensors = weights.read(path)
    network, side, prepare, how = _network(name, tensors)
    like = jax.eval_shape(network.init, jax.random.key(0), jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32))
    variables = weights.fill(like, tensors, path)
    protocol = {"extractor": how[0], "weights": weights.file_hash(path), "input": f"{side}x{side}, {how[1]}"}
    return Extractor(lambda variables, x: network.apply(variables, prepare(_colour(x))), variables, protocol)


def _network(name: str, tensors: Mapping[str, np.ndarray]):
    """A network, the side of its input, how images in [0, 255] are brought to it, and its name and that in words."""
    bilinear = lambda x: _resize(x, 299, "linear", antialias=False)
    if name == "inception":
        fid = len(tensors.get("fc.bias", ())) == 1008
        title = "inception-2015-12-05" if fid else "inception_v3 of torchvision (not FID's)"
        return Inception(fid), 299, lambda x: bilinear(x) / 127.5 - 1, (title, "bilinear without antialiasing")
    if name in ("vgg16", "vgg19"):
        mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
        prepare = lambda x: (_resize(x, 224, "linear") / 255 - mean) / deviation
        return VGG(int(name[3:])), 224, prepare, (f"{name} of torchvision", "bilinear with antialiasing")
    prepare = lambda x: (_resize(x, 224, "cubic") - 127) / 128
    return EfficientNetLite0(), 224, prepare, ("efficientnet-lite0", "bicubic with antialiasing")


def _resize(x: jax.Array, side: int, method: str, antialias: bool = True) -> jax.Array:
    return jax.image.resize(x.astype(jnp.float32), (len(x), side, side, 3), method, antialias)


def _colour(x: jax.Array) -> jax.Array:
    return jnp.broadcast_to(x, (*x.shape[:-1], 3))


def available(spec: Spec) -> str:
    """The name of the extractor that scores of a data set are made with unless another one is named; "" is none."""
    if len(spec.shape) == 1:
        return "points"
    if has_classes(spec):
        return "classifier"
    return next((name for name in ("inception", "efficientnet") if weights.find(name)), "")


def check(name: str, spec: Spec) -> None:
    """Raises UserError if the extractor cannot look at such data."""
    choose("extractor", name, NAMES)
    if (name == "points") != (len(spec.shape) == 1):
        raise UserError(f"the extractor {name!r} cannot look at {spec.name}, whose examples are {spec.shape}")
    if name == "classifier" and not has_classes(spec):
        raise UserError(f"the extractor 'classifier' learns labels, and {spec.name} has no two: take {PRETRAINED}")
    if name in PRETRAINED and weights.find(name) is None:
        raise weights.missing(name)


def has_classes(spec: Spec) -> bool:
    """Whether there is something that a classifier could learn."""
    return spec.classes > 1 and not spec.name.startswith("without:")  # whose training part has one label
