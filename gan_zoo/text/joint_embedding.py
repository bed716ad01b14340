"""Images and texts in one space: structured joint embedding (Reed et al. 2016, section 3), trained on a set's pairs.

An image and its text have a high inner product, an image and another's text a low one. It is a one-player game, played
by the same ``train_step`` as every member, on one device of each process, and kept in the user's cache folder.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_zoo import data
from gan_zoo.cached import cached, copy_in, copy_out, read
from gan_zoo.checkpoint import fingerprint, to_leaves
from gan_zoo.data.feed import Feed
from gan_zoo.data.images import fit_all
from gan_zoo.devices import local_mesh
from gan_zoo.errors import UserError
from gan_zoo.game import Game, Nets, Player, infer, run
from gan_zoo.metrics.networks import Classifier
from gan_zoo.noise import draw
from gan_zoo.step import new_state, state_shapes, train_step
from gan_zoo.text import NETWORKS, Encoder
from gan_zoo.text.char_cnn_rnn import CharCNNRNN, characters

KIND = "embedding"  # in the cache
SHAPE = (32, 32, 3)  # of images, whatever the run's: one embedding judges all sizes
LARGER = (36, 36, 3)  # what they are cut out of at random in training
CAPTIONS = 10  # of each image; fewer are repeated
BATCH = 64
RATE = 2e-3
EPOCHS = 100
ROUNDS = (300, 4000)  # at least, at most
CHUNK = 512
OF = 10  # captions among which the right one is looked for


@dataclass(frozen=True, eq=False)
class JointEmbedding:
    """Both networks, trained, and what is known of them."""

    text: CharCNNRNN
    image: Classifier
    nets: Nets
    protocol: dict[str, Any]
    key: str = ""  # of the cache

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings float32 [N, T].

        Raises:
            UserError: a text without a character of the alphabet.
        """
        return self._in_parts(self._text, characters(texts, self.text.length))

    def images(self, images: np.ndarray) -> np.ndarray:
        """Embeddings float32 [N, T] of images uint8 [N, H, W, C]."""
        return self._in_parts(self._image, fit_all(images, SHAPE))

    def _in_parts(self, function, rows: np.ndarray) -> np.ndarray:
        parts = []
        with jax.set_mesh(local_mesh()):  # other processes may be waiting for this one's result
            for start in range(0, len(rows), CHUNK):
                part = rows[start : start + CHUNK]
                whole = np.resize(part, (min(CHUNK, len(rows)), *part.shape[1:]))  # of one shape: one program
                parts.append(jax.device_get(function(self.nets, whole))[: len(part)])
        return np.concatenate(parts)

    @property
    def encoder(self) -> Encoder:
        """The half that reads texts."""
        return Encoder(self.texts, self.protocol, self.text.features)

    @property
    def _text(self):
        return partial(_text, self.text)

    @property
    def _image(self):
        return partial(_image, self.image)


@partial(jax.jit, static_argnums=0)
def _text(network: CharCNNRNN, nets: Nets, rows: jax.Array) -> jax.Array:
    return infer(network, nets["text"], rows)


@partial(jax.jit, static_argnums=0)
def _image(network: Classifier, nets: Nets, rows: jax.Array) -> jax.Array:
    return infer(network, nets["image"], rows.astype(jnp.float32) / 127.5 - 1)[0]


def encoder(name: str, dataset: str, classes: int = 0) -> Encoder:
    """The text half of the joint embedding of a set with captions, trained now if the cache has none."""
    return joint_embedding(name, dataset, classes).encoder


@lru_cache(maxsize=4)
def joint_embedding(name: str, dataset: str, classes: int = 0, seed: int = 0) -> JointEmbedding:
    """The joint embedding of a set with captions, by its text network's name; classes as for ``data.load``.

    With another seed it is another one: a judge that no generator was given.
    """
    text = NETWORKS[name]
    train = _pairs(data.load(dataset, "train", LARGER, classes), text)
    test = _pairs(data.load(dataset, "test", SHAPE, classes), text)
    image = Classifier(text.features)

    def make():
        nets = _train(text, image, train, seed)
        joint = JointEmbedding(text, image, nets, {})
        firsts = [captions[0] for captions in test.captions()]
        found = retrieval(joint.images(test.arrays["image"]), joint.texts(firsts), firsts)
        return nets, {"retrieval": found, "steps": _rounds(train)}

    title, key = (
        f"the joint embedding of {dataset}'s images and captions",
        _content(train, test, text, image, *([seed] if seed else [])),
    )
    return _known(name, key, *cached(KIND, key, title, _like(text, image), make))


def keep(joint: JointEmbedding, folder: Path) -> None:
    """Copies a joint embedding out of the cache, so that it goes where a run goes."""
    copy_out(KIND, joint.key, folder)


def read_kept(name: str, folder: Path) -> JointEmbedding:
    """The joint embedding that ``keep`` has put into a folder: without the set's images."""
    text = NETWORKS[name]
    return _known(name, "", *read(folder, KIND, _like(text, Classifier(text.features))))


def bring(folder: Path) -> None:
    """Brings a joint embedding that was kept into the cache, in place of one that was trained otherwise."""
    if copy_in(KIND, folder):
        joint_embedding.cache_clear()


def _known(name: str, key: str, nets: Nets, noted: dict[str, Any]) -> JointEmbedding:
    weights = fingerprint(to_leaves(nets))[:16]
    protocol = {"text_encoder": name, "text_weights": weights, "held_out_retrieval": noted["retrieval"]}
    return JointEmbedding(NETWORKS[name], Classifier(NETWORKS[name].features), nets, protocol, key)


def _like(text: CharCNNRNN, image: Classifier) -> Nets:
    return state_shapes(_game(text, image, 1), _example(text)).nets


def captions_of(source: data.Source) -> Sequence[tuple[str, ...]]:
    """The captions of each example; the names of their labels where a set has no others.

    Raises:
        UserError: it has neither.
    """
    if source.captions is not None:
        return source.captions()
    if not source.class_names:
        raise UserError(f"{source.spec.name} has neither captions nor names of labels")
    if source.arrays is None:
        raise UserError(f"{source.spec.name} does not fit in memory: names of labels are captions of smaller sets only")
    return [(source.class_names[label],) for label in source.arrays["label"]]


def different(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The different ones among texts, sorted, and each text's place among those."""
    known = sorted(set(texts))  # an array of texts would take the room of the longest for each
    place = {text: number for number, text in enumerate(known)}
    return known, np.array([place[text] for text in texts])


def retrieval(images: np.ndarray, texts: np.ndarray, captions: Sequence[str]) -> float:
    """The share of images [N, T] to which, of OF texts [N, T], their own is nearest by the inner product.

    The others are drawn at random among those with another caption; a set with fewer captions is asked among all.
    """
    captions, generator, right = np.asarray(captions), np.random.default_rng(0), 0
    for row, image in enumerate(images):
        others = np.flatnonzero(captions != captions[row])
        _, first = np.unique(captions[others], return_index=True)
        others = generator.permutation(others[first])[: OF - 1]
        right += bool(np.all(image @ texts[row] > texts[others] @ image))
    return right / len(images)


def _pairs(source: data.Source, text: CharCNNRNN) -> data.Source:
    """A set's images with the characters of CAPTIONS captions, in memory: "text" int8 [N, CAPTIONS, length]."""
    captions = captions_of(source)
    rows = [own[place % len(own)] for own in captions for place in range(CAPTIONS)]
    known, inverse = different(rows)
    read = characters(known, text.length).astype(np.int8)[inverse].reshape(len(captions), CAPTIONS, text.length)
    image = source.take(np.arange(source.size))["image"] if source.arrays is None else source.arrays["image"]
    found = data.in_memory(replace(source.spec, classes=0), source.split, image)
    arrays = {**found.arrays, "text": read}
    take = lambda indices: {key: x[indices] for key, x in arrays.items()}
    return replace(found, arrays=arrays, take=take, captions=lambda: captions)


def _example(text: CharCNNRNN) -> dict[str, np.ndarray]:
    return {
        "image": np.zeros((BATCH, *SHAPE), np.float32),
        "text": np.zeros((BATCH, CAPTIONS, text.length), np.int8),
    }


def _game(text: CharCNNRNN, image: Classifier, rounds: int) -> Game:
    def init(rng, batch):
        keys = jax.random.split(rng)
        return {
            "text": text.init(keys[0], batch["text"][:, 0], train=True),
            "image": image.init({"params": keys[1], "dropout": keys[1]}, batch["image"], train=True),
        }

    def loss(nets, batch, rng, step):
        keys = jax.random.split(rng)
        which = draw(jax.random.uniform, keys[0], batch) * CAPTIONS
        chosen = jnp.take_along_axis(batch["text"], which.astype(jnp.int32)[:, None, None], axis=1)[:, 0]
        seen, image_variables = run(image, nets["image"], batch["image"], rngs={"dropout": keys[1]})
        read, text_variables = run(text, nets["text"], chosen)
        same = (chosen[:, None] == chosen[None]).all(axis=-1)
        value = structured_loss(seen[0] @ read.T, same)
        return value, ({"text": text_variables, "image": image_variables}, {})

    player = Player(("text", "image"), loss, optax.adam(optax.cosine_decay_schedule(RATE, rounds)))
    return Game(init, {"embedding": player}, ema={"text": 0.99, "image": 0.99})


def structured_loss(scores: jax.Array, same: jax.Array) -> jax.Array:
    """Of scores [B images, B texts], by how much another's comes nearer than 1 to the right one's, both ways.

    ``same`` [B, B] are pairs of equal texts, which are no mistakes.
    """
    right = jnp.diagonal(scores)
    wrong = jnp.maximum(0, 1 + scores - right[:, None]) + jnp.maximum(0, 1 + scores - right[None])
    return jnp.where(same, 0.0, wrong).sum() / (~same).sum().clip(1)


def _rounds(train: data.Source) -> int:
    texts = train.arrays["text"]
    different = len(np.unique(texts.reshape(-1, texts.shape[-1]), axis=0))
    return int(np.clip(EPOCHS * min(different, train.size) / BATCH, *ROUNDS))


def _train(text: CharCNNRNN, image: Classifier, train: data.Source, seed: int) -> Nets:
    """Both networks, averaged; on one device, so that they are the same on any number."""
    rounds = _rounds(train)
    game = _game(text, image, rounds)
    with jax.set_mesh(local_mesh()):
        feed = Feed(train, seed, 0, BATCH, 1, local_mesh(), jnp.float32, SHAPE[:2])
        state = new_state(game, jax.random.key(seed), _example(text))
        for step in range(rounds):
            state, metrics = train_step(game, state, {}, feed(step))
            if step % 8 == 0:
                jax.block_until_ready(metrics)
    return jax.device_get(state.ema)


def _content(train: data.Source, test: data.Source, *made_of: Any) -> str:
    """Names what is cached by what it is made from."""
    total = hashlib.sha256(repr((made_of, train.size, test.size, BATCH, CAPTIONS, _rounds(train))).encode())
    for source in (train, test):
        for array in source.arrays.values():
            total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:24]
