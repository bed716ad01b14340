"""Pix2Pix (Isola et al. 2017): an image from an image, learned from pairs.

The discriminator sees input and image together and judges patches; the generator also keeps close to the true image
in L1. Its only noise is dropout, which stays on when images are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo import losses, optimizers
from gan_zoo.data import Spec
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Batch, Game, Nets, Phase, Player, infer, run, run_each
from gan_zoo.registry import find


@dataclass(frozen=True)
class Model:
    """Weights of 0 switch a term off; without the adversarial one there is no discriminator.

    ``conditional`` lets the discriminator see the input beside the image. ``minibatch_statistics``: BatchNorm keeps to
    them when images are made (section 3.3; the paper's minibatches are single images). Without, it takes its running
    averages, so that an image's translation does not depend on what is translated beside it. With an ``ema_decay``
    (the paper has none) the generator is seen through its average.
    """

    architecture: str = "unet"
    loss: str = "non_saturating"
    adversarial_weight: float = 1.0
    l1_weight: float = 100.0
    conditional: bool = True
    minibatch_statistics: bool = True
    ema_decay: float = 0.0
    generator: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    generator_optimizer: Mapping[str, Any] = field(default_factory=optimizers.ADAM.copy)
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=optimizers.ADAM.copy)

    @staticmethod
    def modules(config: Mapping[str, Any]) -> dict[str, type]:
        """The modules whose settings the config's dicts of the same name hold."""
        family = find("architectures", config["architecture"])
        return {"generator": family.Generator, "discriminator": find("architectures", "patchgan").Discriminator}

    def phases(self, spec: Spec) -> list[Phase]:
        """One phase: the discriminator takes a turn, then the generator."""
        self._check(spec)
        generator = find("architectures", self.architecture).Generator(shape=spec.shape, **self.generator)
        discriminator = find("architectures", "patchgan").Discriminator(**self.discriminator)
        loss = losses.ADVERSARIAL[self.loss]

        def make(nets, batch, rng):
            return run(generator, nets["generator"], batch["input"], rngs={"dropout": rng})

        def judge(variables, batch, *images):
            seen = [jnp.concatenate([batch["input"], x], axis=-1) if self.conditional else x for x in images]
            return run_each(discriminator, variables, *seen)

        def init(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng, 3)
            rngs = {"params": keys[0], "dropout": keys[1]}
            nets = {"generator": generator.init(rngs, batch["input"], train=True)}
            if self.adversarial_weight:
                seen = [batch["input"], batch["image"]] if self.conditional else [batch["image"]]
                nets["discriminator"] = discriminator.init(keys[2], jnp.concatenate(seen, axis=-1), train=True)
            return nets

        def discriminator_loss(nets, batch, rng, step):
            fake, _ = make(nets, batch, rng)
            (on_real, on_fake), variables = judge(nets["discriminator"], batch, batch["image"], fake)
            adversarial = loss.discriminator(on_real, on_fake)
            metrics = {"adversarial": adversarial, "real": on_real.mean(), "fake": on_fake.mean()}
            return adversarial / 2, ({"discriminator": variables}, metrics)  # halved: it learns more slowly

        def generator_loss(nets, batch, rng, step):
            fake, variables = make(nets, batch, rng)
            l1 = jnp.abs(fake - batch["image"]).mean()
            total, metrics = self.l1_weight * l1, {"l1": l1}
            if self.adversarial_weight:
                (on_fake,), _ = judge(nets["discriminator"], batch, fake)
                metrics["adversarial"] = loss.generator(on_fake)
                total += self.adversarial_weight * metrics["adversarial"]
            return total, ({"generator": variables}, metrics)

        def translated(nets: Nets, batch: Batch, rng: jax.Array) -> jax.Array:
            if self.minibatch_statistics:
                return make(nets, batch, rng)[0]
            return infer(generator, nets["generator"], batch["input"], rngs={"dropout": rng})

        def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            return {"image": translated(nets, batch, rng)}

        def translations(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            """Rows of input, output and target."""
            parts = [batch["input"], translated(nets, batch, rng), batch["image"]]
            channels = max(part.shape[-1] for part in parts)
            parts = [jnp.broadcast_to(part, (*part.shape[:-1], channels)) for part in parts]
            return {"image": jnp.stack(parts, axis=1)}

        players = {"generator": Player(("generator",), generator_loss, optimizers.build(self.generator_optimizer))}
        if self.adversarial_weight:
            optimizer = optimizers.build(self.discriminator_optimizer)
            players = {"discriminator": Player(("discriminator",), discriminator_loss, optimizer), **players}
        views = {"sample": sample, "translations": translations}
        titles = {"translations": ("input", "output", "target")}
        ema = {"generator": self.ema_decay} if self.ema_decay else {}
        return [Phase("adversarial", Game(init, players, views, ema=ema, titles=titles, given="input"))]

    def _check(self, spec: Spec) -> None:
        choose("loss", self.loss, losses.ADVERSARIAL)
        if not spec.input_shape:
            raise UserError(
                f"pix2pix learns from pairs, and {spec.name} has none: take edges:DATA, pairs:PATH or "
                "emoji:twitter2google"
            )
        if spec.input_shape[:2] != spec.shape[:2]:
            raise UserError(f"inputs {spec.input_shape} and images {spec.shape} differ in size: set config.image_shape")
        find("architectures", self.architecture).check(spec.shape)
        find("architectures", "patchgan").check(spec.shape, self.discriminator.get("receptive_field", 70))
