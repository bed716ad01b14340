"""What a run has learned: its networks, restored from a checkpoint and ready to draw samples.

gan_zoo.load("runs/dcgan-digits").sample(seed=0, num=16)
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import PartitionSpec
from ml_collections import ConfigDict

from gan_zoo import config as configs
from gan_zoo import data, workdir
from gan_zoo.checkpoint import Checkpoints, Damaged, Restored, from_leaves
from gan_zoo.data import Spec, captioned
from gan_zoo.data.feed import floats
from gan_zoo.devices import float_type, prepare
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Batch, Game, Nets, constrain
from gan_zoo.step import State, state_shapes

CHUNK = 512  # samples that are made at once, small ones
MADE = 64  # images that are made of others at once: networks that keep an image's size are wide at all its pixels
SMALL = 64 * 64  # pixels
TRANSLATE = ("sample", "back")
SHOWN = 16  # held-out examples in a picture
# Views that make images of images of any size: what they are in the batch, and what the view does.
MAKE = {
    "sample": ("input", "translate inputs to images (a2b)"),
    "back": ("image", "translate images to inputs (b2a)"),
    "upscale": ("input", "enlarge images"),
    "upscale_srresnet": ("input", "enlarge images by SRResNet"),
}


class Trained:
    """A game and its averaged networks at some round.

    Attributes:
        config, spec, game, state: what is played, on what, and all that training remembers.
        nets: every network, the averaged ones in place of those that were trained.
        step: the global round.
        folder: the run's; None if it has none.
    """

    def __init__(self, config: ConfigDict, spec: Spec, game: Game, state: State, step: int, folder: Path | None = None):
        self.config, self.spec, self.game, self.state, self.step = config, spec, game, state, step
        self.nets: Nets = {**state.nets, **state.ema}
        self.folder = folder
        self.views = {name: _compiled(view) for name, view in game.views.items()}
        self.dtype = float_type(config.precision)

    def sample(
        self,
        seed: int = 0,
        num: int = 16,
        label: int | None = None,
        text: str | None = None,
        given: Mapping[str, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Images float [num, H, W, C] in [-1, 1] (2-D sets: [num, 2]); of one class or one text if that is given.

        Args:
            given: what else batches have, as in ``chunks``.

        Raises:
            UserError: a label or a text that the data or the game does not have, or cannot read.
        """
        if num < 1:
            raise UserError(f"cannot draw {num} samples: ask for at least one")
        if text is not None and not self.spec.text_shape:
            raise UserError(f"text {text!r}: this run was trained without captions (config.dataset=captioned:DATA)")
        if text is not None and label is not None:
            raise UserError("a text or a label: one of the two says what is drawn")
        if text is not None:
            made = self.generate(num, np.zeros(num, np.int32), seed, text)
            if "text" not in made:
                raise UserError(f"text {text!r}: {self.config.model} reads no captions, whatever the data have")
            return made["image"]
        if label is not None and not self.spec.classes:
            raise UserError(f"label {label}: {self.spec.name} has no labels")
        if label is not None and not 0 <= label < self.spec.classes:
            raise UserError(f"label {label}: {self.spec.name} has {self.spec.classes} classes, counted from 0")
        if label is not None and self.spec.text_shape and self.train.arrays is None:
            raise UserError(f"label {label}: {self.spec.name} is too large to look a caption up: give a text")
        if label is not None and self.spec.text_shape and label not in self.train.arrays["label"]:
            raise UserError(f"label {label}: no training image has it, whose captions samples are made of: give a text")
        labels = np.arange(num) % max(self.spec.classes, 1) if label is None else np.full(num, label)
        made = self.generate(num, labels, seed, given=given)
        if label is not None and "label" not in made:
            raise UserError(f"label {label}: trained without labels (config.conditioning, a StyleGAN's conditional)")
        return made["image"]

    def generate(
        self,
        num: int,
        labels: np.ndarray,
        seed: int = 0,
        text: str | None = None,
        given: Mapping[str, np.ndarray] | None = None,
    ) -> dict[str, np.ndarray]:
        """A generated batch of ``num`` samples, with what they were made from; labels [num], or one text."""
        if text is not None:
            given = {"text": captioned.encode(self.config.dataset, [text], self.config.classes, self.folder)[:, None]}
        made = list(self.chunks(num, labels, seed, given=given))
        return {key: np.concatenate([chunk[key] for chunk in made]) for key in made[0]}

    def chunks(
        self,
        num: int,
        labels: np.ndarray,
        seed: int = 0,
        view: str = "sample",
        given: Mapping[str, np.ndarray] | None = None,
    ) -> Iterator[dict[str, np.ndarray]]:
        """The same by any such view, in parts of ``at_once``; batches take ``given`` [1 or num, ...] over."""
        key, size = jax.random.key(seed), self.at_once
        for number, start in enumerate(range(0, num, size)):
            # All chunks have one shape, so that one program makes them; the last one's surplus is dropped.
            wanted = np.resize(labels[start : start + size], min(num, size))
            rows = np.arange(start, start + len(wanted))
            # A text needs no caption of the set, which may not be here.
            told = "text" in (given or {})
            batch = data.example(self.spec, len(rows), self.dtype, wanted) if told else self.batch(rows, wanted)
            for name, x in (given or {}).items():
                batch[name] = x[rows % len(x)].astype(self.dtype if np.issubdtype(x.dtype, np.floating) else x.dtype)
            made = self.views[view](self.nets, batch, jax.random.fold_in(key, number))
            yield {k: np.asarray(v)[: num - start] for k, v in made.items()}

    @property
    def at_once(self) -> int:
        """How many samples are made at once: fewer of large images."""
        return at_once(self.shape, CHUNK)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a sample: of frames that of whole ones, where patches of them were learned from."""
        return _sample_shape(self.config, self.spec, self.game)

    def latents(self, num: int, seed: int = 0) -> dict[str, np.ndarray]:
        """What samples are made of, by name, such as {"noise": [num, Z]}: to be changed, and given to ``draw``.

        Raises:
            UserError: this game makes its samples of images.
        """
        if self.game.latents is None:
            raise UserError(f"{self.config.model} makes its samples of images, not of noise")
        batch = data.example(self.spec, num, self.dtype)
        return jax.device_get(self.game.latents(jax.random.key(seed), batch))

    def draw(self, latents: Mapping[str, np.ndarray], labels: np.ndarray | None = None) -> np.ndarray:
        """The samples float [N, H, W, C] in [-1, 1] of latents [N, ...], all at once; labels int [N] where it has them.

        Texts are captions of training images of those labels.

        Raises:
            UserError: latents that this game does not have, or of other shapes.
        """
        wanted = {name: x.shape[1:] for name, x in self.latents(1).items()}
        shapes = {name: np.shape(x)[1:] for name, x in latents.items()}
        sizes = {len(x) for x in latents.values()}
        if shapes != wanted or len(sizes) != 1:
            raise UserError(f"latents have the shapes {shapes} and {sorted(sizes)} samples: this game's are {wanted}")
        number = sizes.pop()
        if self.spec.text_shape:
            batch = self.batch(np.arange(number), np.zeros(number, np.int32) if labels is None else labels)
        else:
            batch = data.example(self.spec, number, self.dtype, labels)
        return self.view("sample", {**batch, **floats(dict(latents), self.dtype)})["image"]

    def probe(
        self, name: str, images: np.ndarray, labels: np.ndarray | None = None, seed: int = 0, key: str = "image"
    ) -> Any:
        """What one of the game's probes says of images float [N, H, W, C] in [-1, 1] (points: [N, 2]).

        Args:
            key: what the batch has them as; a decoder's codes [N, Z] are "code".

        Raises:
            UserError: there is no such probe.
        """
        choose("probe", name, self.game.probes)
        batch = data.example(self.spec, len(images), self.dtype, labels) | {key: images.astype(self.dtype)}
        return jax.device_get(_compiled(self.game.probes[name])(self.nets, batch, jax.random.key(seed)))

    def batch(self, numbers: np.ndarray, labels: np.ndarray) -> Batch:
        """What the samples of these numbers [N] are made from.

        Labels [N], with the first caption of a training image of that label, or held-out inputs in their order.
        """
        if self.game.given:
            return self.held_out(numbers)
        batch = data.example(self.spec, len(numbers), self.dtype, labels)
        if self.spec.text_shape:
            try:
                train = self.train
            except UserError as error:
                raise UserError(
                    f"{error}\nSamples are made of captions of these data, or of a text: --text=TEXT"
                ) from None
            taken = train.take(self._captioned(numbers, labels))
            batch |= {"text": taken["text"][:, :1].astype(self.dtype)}
            batch |= {"label": taken["label"]} if self.spec.classes else {}
        return batch

    def _captioned(self, numbers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """For each of the samples a training image, drawn at random, of its label where there are such, in memory."""
        drawn = np.random.default_rng(0).integers(0, 2**31, int(numbers.max()) + 1)[numbers]
        chosen = drawn % self.train.size
        if not self.spec.classes or self.train.arrays is None:
            return chosen
        for label in np.unique(labels):
            own, rows = np.flatnonzero(self.train.arrays["label"] == label), labels == label
            if len(own):
                chosen[rows] = own[drawn[rows] % len(own)]
        return chosen

    def shown(self, view: str, rows: int, columns: int) -> Batch:
        """What a view's picture is made from: held-out examples, or as many rows of one label or one caption each."""
        if self.game.given or view in self.game.titles:
            return self.examples(SHOWN)
        if self.spec.text_shape:
            each = self.examples(rows)
            return {name: np.repeat(x, columns, axis=0) for name, x in each.items()}
        labels = np.repeat(np.arange(rows), columns)
        return self.batch(np.arange(len(labels)), labels)

    def held_out(self, numbers: np.ndarray) -> Batch:
        """Examples [N] of the test split, from the first one on again after the last."""
        taken = self.test.take(numbers % self.test.size)
        if self.test.inputs is not None:
            taken["input"] = self.test.inputs.take(numbers % self.test.inputs.size)["image"]
        return jax.tree.map(np.asarray, floats(taken, self.dtype))

    def examples(self, number: int) -> Batch:
        """So many examples of the test split, spread over it."""
        return self.held_out(spread(number, self.test.size))

    @property
    def test(self) -> data.Source:
        """The held-out split, of the shape of samples."""
        return held_out(self.config, self.spec, self.game)

    @property
    def train(self) -> data.Source:
        """The split that it learned from."""
        return _load(self.config.dataset, "train", tuple(self.config.image_shape), self.config.classes)

    @property
    def pictures(self) -> list[str]:
        """The views that are pictures for people: samples, unless they are made from images."""
        return [name for name in self.views if not self.game.given or name not in MAKE]

    def make(self, view: str, images: np.ndarray, seed: int = 0) -> np.ndarray:
        """What a view of MAKE makes of images float [N, h, w, c] in [-1, 1], of one size, whatever it is.

        Raises:
            UserError: the game has no such view.
        """
        if view not in self.views or (view in TRANSLATE and self.game.given != "input"):
            raise UserError(f"{self.config.model} cannot {MAKE[view][1]}")
        made, size = [], min(len(images), at_once(images.shape[1:], MADE))
        for number, start in enumerate(range(0, len(images), size)):
            part = images[start : start + size]
            whole = np.resize(part, (size, *part.shape[1:]))  # of one shape: one program
            key = jax.random.fold_in(jax.random.key(seed), number)
            found = self.views[view](self.nets, {MAKE[view][0]: whole.astype(self.dtype)}, key)["image"]
            made.append(np.asarray(found)[: len(part)])
        return np.concatenate(made)

    def view(self, name: str, batch: Batch, seed: int = 0) -> dict[str, np.ndarray]:
        """One of the game's views."""
        return jax.device_get(self.views[name](self.nets, batch, jax.random.key(seed)))

    def scores(self, num: int, seed: int = 0) -> dict[str, float]:
        """The member's own scores: means over ``num`` samples, rounded up to whole chunks."""
        if self.game.scores is None:
            return {}
        score, key = _compiled(self.game.scores), jax.random.key(seed)
        batch = data.example(self.spec, self.at_once, self.dtype)
        parts = [score(self.nets, batch, jax.random.fold_in(key, i)) for i in range(-(-num // self.at_once))]
        return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}


def at_once(shape: tuple[int, ...], most: int) -> int:
    """How many images of a shape are held or made at once: ``most`` small ones, fewer of large ones."""
    return max(1, most * SMALL // max(SMALL, math.prod(shape[:2])))


def spread(number: int, size: int) -> np.ndarray:
    """So many places in a split of this size, spread over it: sets often lie kind by kind."""
    return np.arange(number) * size // number


def held_out(config: ConfigDict, spec: Spec, game: Game) -> data.Source:
    """The held-out split, of the shape of samples."""
    shape = _sample_shape(config, spec, game)
    own = tuple(config.image_shape) if shape == spec.shape else shape
    return _load(config.dataset, "test", own, config.classes)


def _sample_shape(config: ConfigDict, spec: Spec, game: Game) -> tuple[int, ...]:
    whole = tuple(config.load_size) if "predictions" in game.views else ()
    return (*whole, spec.shape[-1]) if whole else spec.shape


@lru_cache(maxsize=2)
def _load(dataset: str, split: str, image_shape: tuple[int, ...], classes: int) -> data.Source:
    """A split: read once for all the pictures of a run."""
    return data.load(dataset, split, image_shape, classes)


@lru_cache(maxsize=64)
def _compiled(function: Callable) -> Callable:
    """Jitted, with a result that every process holds whole."""
    return jax.jit(lambda *args: jax.tree.map(lambda x: constrain(x, PartitionSpec()), function(*args)))


def state_like(game: Game, spec: Spec, config: ConfigDict) -> State:
    """The shapes of a phase's state, without making it."""
    return state_shapes(game, data.example(spec, config.batch_size, float_type(config.precision)))


def restore(path: str | Path, number: int | None = None) -> Restored:
    """The newest good checkpoint of a run, or that of a given round, as it lies on the disk.

    Raises:
        UserError: there is no run or no such checkpoint, or it is damaged.
    """
    path = Path(path)
    noted = workdir.read(path / "config.json")
    if noted is None:
        raise UserError(f"{path} holds no run: there is no config.json")
    if noted.get("seeds", 1) > 1:
        raise UserError(f"{path} holds {noted['seeds']} runs: name one of them, such as {path}/seed_{noted['seed']}")
    if not (path / "checkpoints").is_dir():
        raise UserError(f"{path} has no checkpoint yet")
    checkpoints = Checkpoints(path / "checkpoints", read_only=True)
    try:
        restored = checkpoints.restore() if number is None else checkpoints.read(number)
    except Damaged as error:
        raise UserError(f"checkpoint {number} is damaged: {error}") from None
    finally:
        checkpoints.close()
    if restored is None:
        raise UserError(f"{path} has no checkpoint yet")
    return restored


def load(path: str | Path, number: int | None = None) -> Trained:
    """Restores a run from its newest good checkpoint, or from the one of a given round; its data need not be here.

    Raises:
        UserError: there is no run or no checkpoint.
    """
    noted = workdir.read(Path(path) / "config.json") or {}
    prepare(noted.get("precision", "float32"))  # before anything asks for the devices
    restored = restore(path, number)
    config = configs.complete(restored.info["config"])
    captioned.unpack(Path(path))
    noted = restored.info.get("spec")
    known = noted and Spec(**{name: tuple(x) if isinstance(x, list) else x for name, x in noted.items()})
    spec, phases = configs.build(config, known)  # a run of an earlier version needs its data
    game = next(phase.game for phase in phases if phase.name == restored.info["played"][-1][0])
    if spec.text_shape:
        captioned.check(config.dataset, restored.info["text"], config.classes, Path(path))
    state = from_leaves(state_like(game, spec, config), restored.leaves)
    return Trained(config, spec, game, state, restored.round, Path(path))
