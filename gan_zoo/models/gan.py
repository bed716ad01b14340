"""The noise-to-image family: an architecture, a loss, a regularizer and a way to condition, all from the config.

GAN (Goodfellow et al. 2014), CGAN, DCGAN, LSGAN, WGAN, WGAN-GP, SNGAN and their mixtures: two players, a
discriminator (or critic) that takes one or more turns, and a generator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo import losses, optimizers
from gan_zoo.data import Spec
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Batch, Game, Nets, Phase, Player, infer, run
from gan_zoo.noise import NOISE, draw, latents
from gan_zoo.registry import find

REGULARIZERS = ("none", "weight_clipping", "gradient_penalty", "r1", "spectral_norm")
CONDITIONING = ("none", "concatenation", "projection")


@dataclass(frozen=True)
class Model:
    """Hyperparameters; the settings of networks and optimizers are dicts.

    ``regularizer`` acts on the discriminator: weight_clipping keeps its parameters in [-clip, clip],
    gradient_penalty and r1 are added with the weight ``penalty_weight`` (r1: gamma of gamma/2 |grad|^2).
    ``noisy_data``: no generator plays; the fakes are data plus noise of unit variance (WGAN-GP, figure 1).
    """

    architecture: str = "dcgan"
    loss: str = "non_saturating"
    regularizer: str = "none"
    penalty_weight: float = 10.0
    clip: float = 0.01
    conditioning: str = "none"
    noise: str = "normal"
    noise_size: int = 100
    noisy_data: bool = False
    discriminator_turns: int = 1
    ema_decay: float = 0.99
    generator: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    generator_optimizer: Mapping[str, Any] = field(default_factory=optimizers.ADAM.copy)
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=optimizers.ADAM.copy)

    def phases(self, spec: Spec) -> list[Phase]:
        """One phase: the discriminator plays its turns, then the generator plays one."""
        self._check(spec)
        family = find("architectures", self.architecture)
        given = {"classes": spec.classes, "conditioning": self.conditioning}
        spectral = self.regularizer == "spectral_norm"
        generator = family.Generator(shape=spec.shape, **given, **self.generator)
        discriminator = family.Discriminator(spectral_norm=spectral, **given, **self.discriminator)
        loss = losses.ADVERSARIAL[self.loss]

        noise = partial(latents, {"noise": (NOISE[self.noise], (self.noise_size,))})

        def label(batch):
            # Fakes take the labels of the batch: the classes' true shares, and the penalty's pairs share a label.
            return None if self.conditioning == "none" else batch["label"]

        def noisy(batch, rng):
            return batch["image"] + draw(NOISE["normal"], rng, batch, *spec.shape)

        def imitate(nets, batch, rng):
            return run(generator, nets["generator"], noise(rng, batch)["noise"], label(batch))

        def judge(variables, image, batch, rng):
            return run(discriminator, variables, image, label(batch), rngs={"dropout": rng})

        def judge_both(variables, fake, batch, keys):
            if set(variables) == {"params"}:  # nothing remembers or couples samples: one pass, with larger products
                both = {"image": _interleaved(batch["image"], fake)}
                if self.conditioning != "none":
                    both["label"] = _interleaved(batch["label"], batch["label"])
                logits, variables = judge(variables, both["image"], both, keys[0])
                return *logits.reshape(-1, 2).T, variables
            # Two passes: real and fake images each have their own batch statistics.
            on_real, variables = judge(variables, batch["image"], batch, keys[0])
            on_fake, variables = judge(variables, fake, batch, keys[1])
            return on_real, on_fake, variables

        def init(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng, 3)
            judging = {"params": keys[2], "dropout": keys[2]}
            nets = {"discriminator": discriminator.init(judging, batch["image"], label(batch), train=True)}
            if not self.noisy_data:
                z = noise(keys[0], batch)["noise"]
                nets["generator"] = generator.init(keys[1], z, label(batch), train=True)
            return nets

        def discriminator_loss(nets, batch, rng, step):
            keys = jax.random.split(rng, 5)
            fake = noisy(batch, keys[0]) if self.noisy_data else imitate(nets, batch, keys[0])[0]
            on_real, on_fake, variables = judge_both(nets["discriminator"], fake, batch, keys[1:3])
            adversarial = loss.discriminator(on_real, on_fake)
            metrics = {"adversarial": adversarial, "real": on_real.mean(), "fake": on_fake.mean()}
            penalty = self._penalty(lambda x: judge(variables, x, batch, keys[3])[0], batch, fake, keys[4])
            if penalty is not None:
                metrics["penalty"] = penalty
                adversarial += self.penalty_weight * penalty
            return adversarial, ({"discriminator": variables}, metrics)

        def generator_loss(nets, batch, rng, step):
            keys = jax.random.split(rng)
            fake, variables = imitate(nets, batch, keys[0])
            on_fake, _ = judge(nets["discriminator"], fake, batch, keys[1])
            return loss.generator(on_fake), ({"generator": variables}, {})

        def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            if self.noisy_data:
                return {"image": noisy(batch, rng)}
            z = noise(rng, batch)["noise"]
            made = {"image": infer(generator, nets["generator"], z, label(batch))}
            return made if self.conditioning == "none" else {**made, "label": batch["label"]}

        def logits(nets: Nets, batch: Batch, rng: jax.Array) -> jax.Array:
            return infer(discriminator, nets["discriminator"], batch["image"], label(batch))

        def features(nets: Nets, batch: Batch, rng: jax.Array) -> list[jax.Array]:
            """What each layer of the discriminator makes of images, where its architecture tells."""
            variables, given = nets["discriminator"], (batch["image"], label(batch))
            _, told = discriminator.apply(variables, *given, train=False, mutable="intermediates")
            return list(told["intermediates"].get("features", ()))

        turns = self.discriminator_turns
        clip = self.clip if self.regularizer == "weight_clipping" else 0.0
        critic_optimizer = optimizers.build(self.discriminator_optimizer, turns, clip)
        players = {"discriminator": Player(("discriminator",), discriminator_loss, critic_optimizer, turns)}
        probes = {"logits": logits, "features": features}
        if self.noisy_data:
            return [Phase("adversarial", Game(init, players, {"sample": sample}, given="image", probes=probes))]
        players["generator"] = Player(("generator",), generator_loss, optimizers.build(self.generator_optimizer))
        ema = {"generator": self.ema_decay}
        return [Phase("adversarial", Game(init, players, {"sample": sample}, ema=ema, latents=noise, probes=probes))]

    def _penalty(self, critic, batch: Batch, fake: jax.Array, rng: jax.Array) -> jax.Array | None:
        if self.regularizer == "gradient_penalty":
            alpha = draw(jax.random.uniform, rng, batch)
            return losses.gradient_penalty(critic, batch["image"], fake, alpha)
        return losses.r1_penalty(critic, batch["image"]) if self.regularizer == "r1" else None

    def _check(self, spec: Spec) -> None:
        choose("loss", self.loss, losses.ADVERSARIAL)
        choose("regularizer", self.regularizer, REGULARIZERS)
        choose("conditioning", self.conditioning, CONDITIONING)
        choose("noise", self.noise, NOISE)
        if self.conditioning != "none" and not spec.classes:
            raise UserError(
                f"conditioning={self.conditioning} needs labels and {spec.name} has none: "
                "set config.conditioning=none or choose a data set with labels"
            )
        if self.regularizer in ("gradient_penalty", "r1") and self.discriminator.get("norm") == "batch":
            raise UserError(
                f"{self.regularizer} needs a gradient for each sample alone, and BatchNorm couples the samples: "
                "set config.discriminator.norm=none (or layer)"
            )
        find("architectures", self.architecture).check(spec.shape)


def _interleaved(a: jax.Array, b: jax.Array) -> jax.Array:
    """[2B, ...]: a0, b0, a1, b1, ... In this order each device keeps its own share."""
    return jnp.stack([a, b], axis=1).reshape(-1, *a.shape[1:])
