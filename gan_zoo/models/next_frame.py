"""Next-frame prediction (Mathieu et al. 2016): the coming frame of a video, at four scales, kept sharp.

Squared error blurs what cannot be known. Against that stand the absolute error, the difference of gradients, and a
discriminator at each scale, which sees the past frames too (as in the authors' code).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo import losses, optimizers
from gan_zoo.data import Spec
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Batch, Game, Nets, Phase, Player, infer, run
from gan_zoo.registry import find

SHOWN = 4  # frames that pictures predict
SGD = {"name": "sgd", "learning_rate": 0.02}  # the authors' script


@dataclass(frozen=True)
class Model:
    """Errors are means over pixels, summed over the scales: ``weight`` |Y - Y'|^``power`` + ``gradient_weight`` times
    the gradient difference (power 1) + ``adversarial_weight`` times the cross entropy. 0 switches a term off.

    The paper's weights: 1, 1 and 0.05, of sums; the authors' script has 0.01 for the last, of means. In the rounds
    before ``squares_first``, which the paper has not, the power is 2: where most pixels are black the absolute error
    makes all of them black, and tanh, saturated, never leaves that. Where ``load_size``, a field of every
    run, lets it learn from patches of frames, whole ones of that size are predicted and scored.
    """

    architecture: str = "multiscale"
    power: int = 2
    squares_first: int = 0
    load_size: tuple[int, ...] = ()
    weight: float = 1.0
    gradient_weight: float = 0.0
    adversarial_weight: float = 0.0
    generator: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    generator_optimizer: Mapping[str, Any] = field(default_factory=SGD.copy)
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=SGD.copy)

    def phases(self, spec: Spec) -> list[Phase]:
        """One phase: the discriminator takes a turn, then the generator."""
        self._check(spec)
        family = find("architectures", self.architecture)
        generator = family.Generator(spec.shape, **self.generator)
        discriminator = family.Discriminator(**self.discriminator)
        scales = lambda batch: (family.pyramid(batch["input"]), family.pyramid(batch["image"]))

        def init(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng)
            nets = {"generator": generator.init(keys[0], batch["input"], train=True)}
            if self.adversarial_weight:
                nets["discriminator"] = discriminator.init(keys[1], *scales(batch), train=True)
            return nets

        def discriminator_loss(nets, batch, rng, step):
            past, real = scales(batch)
            fake, _ = run(generator, nets["generator"], batch["input"])
            on_real, _ = run(discriminator, nets["discriminator"], past, real)
            on_fake, variables = run(discriminator, nets["discriminator"], past, fake)
            total = sum(losses.cross_entropy_discriminator(*pair) for pair in zip(on_real, on_fake, strict=True))
            metrics = {"real": on_real[-1].mean(), "fake": on_fake[-1].mean()}
            return total, ({"discriminator": variables}, metrics)

        def generator_loss(nets, batch, rng, step):
            past, real = scales(batch)
            made, variables = run(generator, nets["generator"], batch["input"])
            pairs = list(zip(real, made, strict=True))
            distance = lambda power: sum(jnp.mean(jnp.abs(a - b) ** power) for a, b in pairs)
            error = distance(self.power)
            if self.squares_first:
                error = jnp.where(step < self.squares_first, distance(2), error)
            total, metrics = self.weight * error, {"error": error}
            if self.gradient_weight:
                metrics["gradients"] = sum(losses.gradient_difference(a, b) for a, b in pairs)
                total += self.gradient_weight * metrics["gradients"]
            if self.adversarial_weight:
                on_fake, _ = run(discriminator, nets["discriminator"], past, made)
                metrics["adversarial"] = sum(map(losses.non_saturating_generator, on_fake))
                total += self.adversarial_weight * metrics["adversarial"]
            return total, ({"generator": variables}, metrics)

        def following(nets: Nets, past: jax.Array) -> jax.Array:
            return infer(generator, nets["generator"], past)[-1]

        def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            return {"image": following(nets, batch["input"])}

        def predictions(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            """Rows of the past frames, the true next one, and the predicted ones, each made of those before it."""
            channels = spec.shape[-1]
            past = batch["input"]
            columns = [past[..., i : i + channels] for i in range(0, past.shape[-1], channels)] + [batch["image"]]
            for _ in range(SHOWN):
                columns.append(following(nets, past))
                past = jnp.concatenate([past[..., channels:], columns[-1]], axis=-1)
            return {"image": jnp.stack(columns, axis=1)}

        players = {"generator": Player(("generator",), generator_loss, optimizers.build(self.generator_optimizer))}
        if self.adversarial_weight:
            optimizer = optimizers.build(self.discriminator_optimizer)
            players = {"discriminator": Player(("discriminator",), discriminator_loss, optimizer), **players}
        given = [str(number) for number in range(1, spec.input_shape[-1] // spec.shape[-1] + 1)]
        titles = {"predictions": (*given, "next", *(f"made {number + 1}" for number in range(SHOWN)))}
        views = {"sample": sample, "predictions": predictions}
        return [Phase("training", Game(init, players, views, titles=titles, given="input"))]

    def _check(self, spec: Spec) -> None:
        choose("power", self.power, (1, 2))
        if not any((self.weight, self.gradient_weight, self.adversarial_weight)):
            raise UserError("config.weight, gradient_weight and adversarial_weight are all 0: nothing would be learned")
        if not spec.input_shape or spec.input_shape[-1] <= spec.shape[-1] or spec.input_shape[-1] % spec.shape[-1]:
            raise UserError(
                f"next_frame learns from sequences, and {spec.name} has none: take moving_digits, frames:PATH or "
                "tfds:moving_mnist"
            )
        for size in filter(None, (spec.shape[:2], self.load_size)):
            find("architectures", self.architecture).check(size)
