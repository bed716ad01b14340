"""The domain classifier: trained once on a labelled set's training part, kept in the user's cache folder.

It is a one-player game, played by the same ``train_step`` as every member, on one device of each process.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_zoo import data
from gan_zoo.cached import cached
from gan_zoo.checkpoint import fingerprint, to_leaves
from gan_zoo.data.feed import Feed
from gan_zoo.devices import local_mesh
from gan_zoo.errors import UserError
from gan_zoo.game import Game, Player, Variables, infer, run
from gan_zoo.metrics.arrays import rows
from gan_zoo.metrics.extractors import Extractor
from gan_zoo.metrics.networks import Classifier as Network
from gan_zoo.step import new_state, state_shapes, train_step

BATCH = 128
EPOCHS = 6
ROUNDS = (400, 2800)  # at least, at most
LONGEST = 1000  # epochs that even a tiny set is seen
CHUNK = 512
LONGEST_NAME = 80  # characters of a set's name in the cache: paths may be long


@dataclass(frozen=True)
class Classifier:
    """A trained judge: what it sees of images, and its accuracy on ``test_images`` held-out ones."""

    extractor: Extractor
    accuracy: float
    test_images: int


@lru_cache(maxsize=1)
def classifier(name: str, image_shape: tuple[int, ...] = (), classes: int = 0) -> Classifier:
    """The classifier of a labelled data set, trained now if the cache has none."""
    return trained_on(*(data.load(name, split, image_shape, classes) for split in ("train", "test")))


def trained_on(train: data.Source, test: data.Source) -> Classifier:
    """The same of a training and a test split."""
    network = Network(train.spec.classes)

    def make():
        variables, rounds = _train(network, train)
        return {"classifier": variables}, {"accuracy": _accuracy(network, variables, test), "steps": rounds}

    like = {"classifier": state_shapes(_game(network, 1), data.example(train.spec, BATCH)).nets["classifier"]}
    title, key = f"the classifier of {train.spec.name}", _content(train, test, network)
    networks, noted = cached("classifier", key, title, like, make)
    return Classifier(_extractor(network, networks["classifier"]), noted["accuracy"], test.size)


def classification_accuracy_score(images: np.ndarray, labels: np.ndarray, test: data.Source) -> float:
    """Accuracy on real test images of a classifier trained on generated ones (Ravuri and Vinyals 2019, section 3).

    Args:
        images, labels: generated images uint8 [N, H, W, C] and the classes [N] that they were made from.

    Raises:
        UserError: images of another shape, or labels that the test set does not have.
    """
    images, labels = rows("images", images), np.asarray(labels)
    if images.shape[1:] != test.spec.shape or images.dtype != np.uint8 or len(labels) != len(images):
        raise UserError(f"need uint8 images [N, {test.spec.shape}] and a label for each, not {images.shape}")
    if not np.isin(labels, np.arange(test.spec.classes)).all():
        raise UserError(f"there are labels that {test.spec.name} does not have: it has {test.spec.classes} classes")
    network = Network(test.spec.classes)
    variables, _ = _train(network, data.in_memory(test.spec, "train", images, labels))
    return _accuracy(network, variables, test)


def _extractor(network: Network, variables: Variables) -> Extractor:
    def apply(variables, images):
        logits, features = infer(network, variables, images.astype(jnp.float32) / 127.5 - 1)
        return features, logits

    weights = fingerprint(to_leaves({"classifier": variables}))[:16]
    protocol = {"extractor": "classifier", "weights": weights, "input": "as it is"}
    return Extractor(apply, variables, protocol)


def _game(network: Network, rounds: int) -> Game:
    def init(rng, batch):
        return {"classifier": network.init({"params": rng, "dropout": rng}, batch["image"], train=True)}

    def loss(nets, batch, rng, step):
        (logits, _), variables = run(network, nets["classifier"], batch["image"], rngs={"dropout": rng})
        value = optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()
        return value, ({"classifier": variables}, {})

    player = Player(("classifier",), loss, optax.adam(optax.cosine_decay_schedule(2e-3, rounds)))
    return Game(init, {"classifier": player}, ema={"classifier": 0.99})


def _rounds(train: data.Source) -> int:
    epoch = train.size / BATCH
    return int(min(max(EPOCHS * epoch, ROUNDS[0]), ROUNDS[1], max(LONGEST * epoch, 1)))


def _train(network: Network, train: data.Source) -> tuple[Variables, int]:
    """The averaged variables, and the rounds played; on one device, so that they are the same on any number."""
    rounds = _rounds(train)
    game = _game(network, rounds)
    with jax.set_mesh(local_mesh()):
        feed = Feed(train, 0, 0, BATCH, 1, local_mesh(), jnp.float32)
        state = new_state(game, jax.random.key(0), data.example(train.spec, BATCH))
        for step in range(rounds):
            state, metrics = train_step(game, state, {}, feed(step))
            if step % 8 == 0:
                jax.block_until_ready(metrics)
    return jax.device_get(state.ema["classifier"]), rounds


def _accuracy(network: Network, variables: Variables, test: data.Source) -> float:
    extractor, right = _extractor(network, variables), 0
    with jax.set_mesh(local_mesh()):  # other processes may be waiting for this one's result
        for start in range(0, test.size, CHUNK):
            held_out = test.take(np.arange(start, min(start + CHUNK, test.size)))
            right += int((extractor(held_out["image"])[1].argmax(axis=1) == held_out["label"]).sum())
    return right / test.size


def _content(train: data.Source, test: data.Source, network: Network) -> str:
    """Names the cached classifier by what it was made from, so that a changed set or network gets a new one."""
    total = hashlib.sha256(repr((network, train.spec, train.size, test.size, BATCH, _rounds(train))).encode())
    for source in (train, test):
        for array in (source.arrays or source.take(np.arange(min(CHUNK, source.size)))).values():
            total.update(np.ascontiguousarray(array).tobytes())
    name = train.spec.name.replace("/", "_").replace(":", "_")[-LONGEST_NAME:]
    return f"{name}-{total.hexdigest()[:16]}"
