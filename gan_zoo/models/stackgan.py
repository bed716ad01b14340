"""StackGAN (Zhang et al. 2017): an image from a text in two stages, first a small one, then a large one from both.

The discriminators are matching-aware (section 3.3): a real image with another's text is as wrong as a generated one. In
the second phase nobody moves the first stage, unless it is fine-tuned.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo import augment, losses, optimizers
from gan_zoo.data import Spec
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Batch, Game, Metrics, Nets, Phase, Player, infer, run
from gan_zoo.noise import NOISE, draw, latents
from gan_zoo.registry import find

MISMATCHED = ("class", "example", "none")


def _truncated(rng: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    return jax.random.truncated_normal(rng, -2.0, 2.0, shape, dtype)


@dataclass(frozen=True)
class Model:
    """``captions`` embeddings of an image are drawn and averaged in training; views take the first one.

    ``divergence_weight`` is for the mean over code and minibatch, as in the authors' code; ``augmentation`` unset is
    the paper's ablation. ``mismatched``: whose text is the wrong one, an image's of another "class" (the paper's), any
    other "example"'s, or "none": then discriminators are not matching-aware. ``fine_tuned``: in the second phase the
    first stage's players go on, at ``fine_tuning_rate`` times their rates, and its generator serves the second stage as
    well (by one optimizer; the authors' code has one for each end). Not the paper's are ``ema_decay`` and
    ``diffaugment``, how ``gan_zoo.augment`` changes all images before a discriminator sees them.
    """

    architecture: str = "stackgan"
    first_size: int = 64
    captions: int = 4
    augmentation: bool = True
    divergence_weight: float = 2.0
    mismatched: str = "class"
    fine_tuned: bool = False
    fine_tuning_rate: float = 0.1
    noise_size: int = 100
    ema_decay: float = 0.0
    diffaugment: str = ""
    stage1: Mapping[str, Any] = field(default_factory=dict)
    stage2: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    generator_optimizer: Mapping[str, Any] = field(default_factory=optimizers.ADAM.copy)
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=optimizers.ADAM.copy)

    @staticmethod
    def modules(config: Mapping[str, Any]) -> dict[str, type]:
        """The modules whose settings the config's dicts of the same name hold."""
        family = find("architectures", config["architecture"])
        return {"stage1": family.StageOne, "stage2": family.StageTwo, "discriminator": family.Discriminator}

    def phases(self, spec: Spec) -> list[Phase]:
        """The first stage with its discriminator, then the second with its own."""
        self._check(spec)
        family = find("architectures", self.architecture)
        small = (self.first_size, self.first_size, spec.shape[-1])
        stage1 = family.StageOne(small, self.augmentation, **self.stage1)
        stage2 = family.StageTwo(spec.shape, self.augmentation, **self.stage2)
        discriminator = family.Discriminator(**self.discriminator)
        wanted = {"noise": (NOISE["normal"], (self.noise_size,)), "augmentation": (_truncated, (stage1.code,))}
        both = {**wanted, "augmentation2": (_truncated, (stage2.code,))}
        shrink, enlarge = partial(family.shrunk, size=self.first_size), partial(family.enlarged, size=spec.shape[0])
        first, whole = partial(latents, wanted), partial(latents, both)

        def judge(variables: Any, image: jax.Array, text: jax.Array, rng: jax.Array):
            return run(discriminator, variables, augment.augmented(self.diffaugment, rng, image), text)

        def make(apply, nets: Nets, batch: Batch, text: jax.Array, rng: jax.Array):
            """The first stage's images, by ``run`` or ``infer``."""
            z = whole(rng, batch) if "stage2" in nets else first(rng, batch)
            return apply(stage1, nets["stage1"], text, z["noise"], z["augmentation"])

        def refine(apply, nets: Nets, batch: Batch, image: jax.Array, text: jax.Array, rng: jax.Array):
            return apply(stage2, nets["stage2"], image, text, whole(rng, batch)["augmentation2"])

        def init1(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng, 3)
            z, text = first(keys[0], batch), batch["text"][:, 0]
            return {
                "stage1": stage1.init(keys[1], text, z["noise"], z["augmentation"], train=True),
                "discriminator1": discriminator.init(keys[2], shrink(batch["image"]), text, train=True),
            }

        def init2(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng, 5)
            z, text = whole(keys[0], batch), batch["text"][:, 0]
            image = shrink(batch["image"])
            judge1 = {"discriminator1": discriminator.init(keys[4], image, text, train=True)}
            return (judge1 if self.fine_tuned else {}) | {
                "stage1": stage1.init(keys[1], text, z["noise"], z["augmentation"], train=True),
                "stage2": stage2.init(keys[2], image, text, z["augmentation2"], train=True),
                "discriminator2": discriminator.init(keys[3], batch["image"], text, train=True),
            }

        def imitate1(nets: Nets, batch: Batch, text: jax.Array, rng: jax.Array):
            (image, *divergence), variables = make(run, nets, batch, text, rng)
            return image, divergence, {"stage1": variables}

        def imitate2(nets: Nets, batch: Batch, text: jax.Array, rng: jax.Array):
            made = make(run, nets, batch, text, rng)[0] if self.fine_tuned else make(infer, nets, batch, text, rng)
            small = made[0]
            (image, *divergence), variables = refine(run, nets, batch, small, text, rng)
            return image, divergence, {"stage2": variables}

        def serves(nets: Nets, batch: Batch, text: jax.Array, small: jax.Array, rng: jax.Array) -> jax.Array:
            """How the second stage's discriminator takes what becomes of the first one's images."""
            keys = jax.random.split(rng)
            image = refine(run, nets, batch, small, text, keys[0])[0][0]
            return losses.non_saturating_generator(judge(nets["discriminator2"], image, text, keys[1])[0])

        def draw1(nets: Nets, batch: Batch, rng: jax.Array) -> jax.Array:
            return make(infer, nets, batch, batch["text"][:, 0], rng)[0]

        def draw2(nets: Nets, batch: Batch, rng: jax.Array) -> jax.Array:
            return refine(infer, nets, batch, draw1(nets, batch, rng), batch["text"][:, 0], rng)[0]

        def stages(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            """Rows of a text's small image, the large one, and the real one."""
            made = [enlarge(draw1(nets, batch, rng)), draw2(nets, batch, rng), batch["image"]]
            return {"image": jnp.stack(made, axis=1)}

        view = lambda image: lambda nets, batch, rng: _sampled(image(nets, batch, rng), batch)
        small = view(lambda *given: enlarge(draw1(*given)))
        ema = lambda *names: dict.fromkeys(names, self.ema_decay) if self.ema_decay else {}
        game1 = Game(
            init1,
            self._players(judge, "1", imitate1, shrink),
            {"sample": small},
            latents=first,
            ema=ema("stage1"),
        )
        players = self._players(judge, "2", imitate2, lambda image: image)
        if self.fine_tuned:
            go_on = self._players(judge, "1", imitate1, shrink, serves, self.fine_tuning_rate)
            players = {f"{name}1": player for name, player in go_on.items()} | players
        game2 = Game(
            init2,
            players,
            {"sample": view(draw2), "stage1": small, "stages": stages},
            latents=whole,
            titles={"stages": ("stage I", "stage II", "real")},
            ema=ema("stage2", *(("stage1",) if self.fine_tuned else ())),
        )
        return [Phase("stage1", game1), Phase("stage2", game2)]

    def _players(
        self, judge, number: str, imitate, real, also: Callable | None = None, rate: float = 1.0
    ) -> dict[str, Player]:
        """Both players of a stage; ``imitate`` makes its images, ``real`` gives the data's, ``judge`` their logits.

        ``also`` is a further loss of the images; ``rate`` a factor of both learning rates.
        """
        name = f"discriminator{number}"
        scaled = lambda given: optimizers.build({**given, "learning_rate": rate * given["learning_rate"]})

        def text_of(batch: Batch, rng: jax.Array) -> jax.Array:
            """The mean of some captions of each image, drawn anew each turn: [B, T]."""
            known = batch["text"].shape[1]
            _, chosen = jax.lax.top_k(draw(jax.random.uniform, rng, batch, known), min(self.captions, known))
            return jnp.take_along_axis(batch["text"], chosen[..., None], axis=1).mean(axis=1)

        def discriminator_loss(nets, batch, rng, step):
            keys = jax.random.split(rng, 5)
            text, image = text_of(batch, keys[0]), real(batch["image"])
            fake = imitate(nets, batch, text, keys[1])[0]
            cross_entropy = losses.binary_cross_entropy
            # Three passes: each kind has its own statistics, as in the authors' code.
            on_real, variables = judge(nets[name], image, text, keys[2])
            on_fake, variables = judge(variables, fake, text, keys[3])
            wrong, metrics = cross_entropy(on_fake, 0.0), {"real": on_real.mean(), "fake": on_fake.mean()}
            if self.mismatched != "none":
                on_other, variables = judge(variables, self._other(image, batch), text, keys[4])
                wrong = (wrong + cross_entropy(on_other, 0.0)) / 2
                metrics["mismatched"] = on_other.mean()
            return cross_entropy(on_real, 1.0) + wrong, ({name: variables}, metrics)

        def generator_loss(nets, batch, rng, step):
            keys = jax.random.split(rng, 4)
            text = text_of(batch, keys[0])
            fake, (mean, log_deviation), moved = imitate(nets, batch, text, keys[1])
            adversarial = losses.non_saturating_generator(judge(nets[name], fake, text, keys[2])[0])
            divergence = losses.normal_divergence(mean, 2 * log_deviation).mean() / mean.shape[-1]
            metrics: Metrics = {"adversarial": adversarial, "divergence": divergence}
            total = adversarial + self.divergence_weight * divergence
            if also:
                metrics["of_stage2"] = also(nets, batch, text, fake, keys[3])
                total += metrics["of_stage2"]
            return total, (moved, metrics)

        return {
            "discriminator": Player((name,), discriminator_loss, scaled(self.discriminator_optimizer)),
            "generator": Player((f"stage{number}",), generator_loss, scaled(self.generator_optimizer)),
        }

    def _other(self, image: jax.Array, batch: Batch) -> jax.Array:
        """For each text an image that is not its own: the nearest one before it, of another class if so wanted."""
        if len(image) == 1:
            raise UserError("a batch of one has no mismatched image: set config.batch_size to 2 or more")
        if self.mismatched == "example":
            return jnp.roll(image, 1, axis=0)
        number = jnp.arange(len(image))
        before = (number[:, None] - number[1:]) % len(image)  # [B, B - 1]; a batch of one class has no wrong images
        differs = batch["label"][before] != batch["label"][:, None]
        return image[before[number, differs.argmax(axis=1)]]

    def _check(self, spec: Spec) -> None:
        choose("mismatched", self.mismatched, MISMATCHED)
        augment.names(self.diffaugment)
        if not spec.text_shape:
            raise UserError(f"stackgan needs captions, and {spec.name} has none: config.dataset=captioned:{spec.name}")
        if self.mismatched == "class" and spec.classes < 2:
            raise UserError(f"{spec.name} has no classes: set config.mismatched=example")
        family = find("architectures", self.architecture)
        family.check(spec.shape, self.first_size)
        halvings = self.stage2.get("halvings", family.StageTwo.halvings)
        if self.first_size % 2**halvings:
            raise UserError(f"config.stage2.halvings={halvings}: {self.first_size} pixels cannot be halved so often")


def _sampled(image: jax.Array, batch: Batch) -> Batch:
    return {"image": image, "text": batch["text"][:, 0], **({"label": batch["label"]} if "label" in batch else {})}
