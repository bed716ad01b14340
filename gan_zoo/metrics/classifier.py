"""The domain classifier: trained once on a labelled set's training part, kept in the user's cache folder.

It is a one-player game, played by the same ``train_step`` as every member, on one device of each process.
"""

import fcntl
import hashlib
import json
import logging
import os
import zipfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_zoo import data
from gan_zoo.checkpoint import fingerprint, from_leaves, to_leaves
from gan_zoo.data.feed import Feed
from gan_zoo.devices import cache_folder, local_mesh
from gan_zoo.game import Game, Player, Variables, infer, run
from gan_zoo.metrics.networks import Classifier as Network
from gan_zoo.step import new_state, train_step

BATCH = 128
ROUNDS = (400, 2800)  # at least, at most; in between EPOCHS
EPOCHS = 6
CHUNK = 512
log = logging.getLogger("gan_zoo")


@dataclass(frozen=True)
class Classifier:
    """A trained judge: its accuracy on ``test_images`` held-out ones, and the hash of its weights."""

    network: Network
    variables: Variables
    accuracy: float
    test_images: int
    hash: str

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The classes int [N] of images [N, H, W, C] in [-1, 1]."""
        with jax.set_mesh(local_mesh()):
            parts = [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]
            padded = [np.resize(part, (CHUNK, *images.shape[1:])).astype(np.float32) for part in parts]
            return np.concatenate([self._classes(p)[: len(part)] for p, part in zip(padded, parts, strict=True)])

    @cached_property
    def _classes(self):
        classify = jax.jit(lambda variables, x: infer(self.network, variables, x)[0].argmax(axis=-1))
        return lambda x: np.asarray(classify(self.variables, x))


@lru_cache(maxsize=1)
def classifier(name: str, image_shape: tuple[int, ...] = (), classes: int = 0) -> Classifier:
    """The classifier of a labelled data set, trained now if the cache has none."""
    train, test = (data.load(name, split, image_shape, classes) for split in ("train", "test"))
    network = Network(train.spec.classes)
    folder = cache_folder() / "classifiers" / _content(train, test, network)
    folder.mkdir(parents=True, exist_ok=True)
    with jax.set_mesh(local_mesh()), open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be training the same one: take its result
        rounds = min(ROUNDS[1], max(ROUNDS[0], EPOCHS * train.size // BATCH))
        game = _game(network, rounds)
        if not _is_whole(folder):
            log.info("training the classifier of %s (once)", name)
            _train(game, network, rounds, train, test, folder)
        noted = json.loads((folder / "classifier.json").read_text())
        with np.load(folder / "classifier.npz") as file:
            leaves = dict(file)
        batch = data.example(train.spec, 1)
        like = jax.eval_shape(lambda: {"classifier": new_state(game, jax.random.key(0), batch).nets["classifier"]})
        variables = from_leaves(like, leaves)["classifier"]
    return Classifier(network, variables, noted["accuracy"], test.size, fingerprint(leaves)[:16])


def _is_whole(folder: Path) -> bool:
    """Whether the cache has a classifier that is what was saved."""
    try:
        noted = json.loads((folder / "classifier.json").read_text())
        with np.load(folder / "classifier.npz") as file:
            return noted["hash"] == fingerprint(dict(file))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False


def _game(network: Network, rounds: int) -> Game:
    def init(rng, batch):
        return {"classifier": network.init({"params": rng, "dropout": rng}, batch["image"], train=True)}

    def loss(nets, batch, rng, step):
        (logits, _), variables = run(network, nets["classifier"], batch["image"], rngs={"dropout": rng})
        value = optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()
        return value, ({"classifier": variables}, {})

    player = Player(("classifier",), loss, optax.adam(optax.cosine_decay_schedule(2e-3, rounds)))
    return Game(init, {"classifier": player}, ema={"classifier": 0.99})


def _train(game: Game, network: Network, rounds: int, train: data.Source, test: data.Source, folder: Path) -> None:
    feed = Feed(train, 0, 0, BATCH, 1, local_mesh(), jnp.float32)
    state = new_state(game, jax.random.key(0), jax.tree.map(lambda x: x[0], feed(0)))
    for step in range(rounds):
        state, metrics = train_step(game, state, {}, feed(step))
        if step % 8 == 0:
            jax.block_until_ready(metrics)
    judge = Classifier(network, state.ema["classifier"], 0.0, 0, "")
    right = total = 0
    for start in range(0, test.size, CHUNK):
        held_out = test.take(np.arange(start, min(start + CHUNK, test.size)))
        right += int((judge.predict(held_out["image"] / 127.5 - 1) == held_out["label"]).sum())
        total += len(held_out["label"])
    partial, leaves = folder / "partial.npz", to_leaves({"classifier": state.ema["classifier"]})
    np.savez(partial, **leaves)
    os.replace(partial, folder / "classifier.npz")
    partial = folder / "partial.json"
    partial.write_text(json.dumps({"accuracy": right / total, "hash": fingerprint(leaves), "steps": rounds}))
    os.replace(partial, folder / "classifier.json")  # written last: it says that all is there


def _content(train: data.Source, test: data.Source, network: Network) -> str:
    """Names the cached classifier by what it was made from, so that a changed set or network gets a new one."""
    total = hashlib.sha256(repr((network, train.spec, train.size, test.size, BATCH, ROUNDS, EPOCHS)).encode())
    for source in (train, test):
        for array in (source.arrays or source.take(np.arange(min(CHUNK, source.size)))).values():
            total.update(np.ascontiguousarray(array).tobytes())
    return f"{train.spec.name.replace('/', '_').replace(':', '_')}-{total.hexdigest()[:16]}"
