"""StyleGAN (Karras, Laine and Aila 2019), grown from small images to large ones as ProGAN (Karras et al. 2018).

Each resolution has two phases: its block fades in, then all is trained. Where the discriminator sees a fading image it
sees the real ones blended in the same way. A minibatch's images have one latent each, or two, cut at a random layer.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo import losses, optimizers
from gan_zoo.data import Spec
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Batch, Game, Nets, Phase, Player, infer, run
from gan_zoo.noise import draw
from gan_zoo.registry import find

REGULARIZERS = ("none", "r1", "gradient_penalty")
ADAM = {"name": "adam", "b1": 0.0, "b2": 0.99, "learning_rate": 1e-3}


@dataclass(frozen=True)
class Model:
    """Tuples say what holds at 4, 8, 16, ... pixels; their last value holds from there on.

    ``thousands`` of real images are shown in each phase, and ``fading_thousands`` in each fade. ``batch_sizes`` of ()
    is the run's batch_size. ``learning_rates`` of () are the optimizers'. ``half_life``: thousands of images after
    which the generator's average has forgotten half; while a block fades in, at most a twentieth of the fade.
    ``mixing``: how often two latents are mixed. ``drift`` weighs the mean square of the logits of real images (ProGAN,
    appendix A.1).
    """

    architecture: str = "stylegan"
    loss: str = "non_saturating"
    regularizer: str = "r1"
    penalty_weight: float = 10.0
    drift: float = 0.0
    conditional: bool = False
    start: int = 8
    thousands: tuple[float, ...] = (600.0,)
    fading_thousands: tuple[float, ...] = (600.0,)
    batch_size: int = 64
    batch_sizes: tuple[int, ...] = (128, 128, 128, 64, 32, 16, 8, 4, 4)
    learning_rates: tuple[float, ...] = ()
    mixing: float = 0.9
    half_life: float = 10.0
    generator: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    generator_optimizer: Mapping[str, Any] = field(default_factory=ADAM.copy)
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=ADAM.copy)

    @staticmethod
    def modules(config: Mapping[str, Any]) -> dict[str, type]:
        """The modules whose settings the config's dicts of the same name hold."""
        family = find("architectures", config["architecture"])
        return {"generator": family.Generator, "discriminator": family.Discriminator}

    def phases(self, spec: Spec) -> list[Phase]:
        """4, 8-fade, 8, 16-fade, 16, ... up to the images' size; the first without a fade."""
        self._check(spec)
        found, size, level = [], self.start, self.start.bit_length() - 3
        while size <= spec.shape[0]:
            batch_size = at(self.batch_sizes, level) if self.batch_sizes else self.batch_size
            for name, thousands in ((f"{size}-fade", self.fading_thousands), (str(size), self.thousands)):
                images = 1000 * at(thousands, level)
                rounds = max(1, round(images / batch_size))
                if images and (found or name == str(size)):
                    fading = name.endswith("fade")
                    paced = partial(self._game, spec, size, level, batch_size, fading)
                    own = {"rounds": rounds, "batch_size": batch_size, "paced": paced if fading else None}
                    found.append(Phase(name, paced(rounds), **own))
            shown = found and found[-1].name in (f"{size}-fade", str(size))
            if not shown and (found or size == spec.shape[0]):
                raise UserError(
                    f"config.thousands and fading_thousands show no images at {size} pixels: each size needs some, "
                    "from the first one that has them to the images' own"
                )
            size, level = 2 * size, level + 1
        return found

    def _game(self, spec: Spec, size: int, level: int, batch_size: int, fading: bool, rounds: int) -> Game:
        """The game at one size; ``fading``: whether its block fades in, over all its rounds."""
        family, classes = find("architectures", self.architecture), spec.classes if self.conditional else 0
        generator = family.Generator(spec.shape[-1], size, classes, **self.generator)
        discriminator = family.Discriminator(size, classes, **self.discriminator)
        loss = losses.ADVERSARIAL[self.loss]
        label = lambda batch: batch["label"] if classes else None
        share = f"alpha_{size}"  # named by the block, so that no other's is taken over

        def noises(rng: jax.Array, batch: Batch) -> list[jax.Array]:
            keys = jax.random.split(rng, max(len(generator.noises), 1))
            return [
                draw(jax.random.normal, key, batch, *shape) for key, shape in zip(keys, generator.noises, strict=False)
            ]

        def latent(rng: jax.Array, batch: Batch) -> Batch:
            z = batch["noise"] if "noise" in batch else draw(jax.random.normal, rng, batch, generator.noise_size)
            return {"noise": z}

        def imitate(nets: Nets, batch: Batch, rng: jax.Array, alpha: jax.Array | None):
            keys, mixed = jax.random.split(rng, 5), ()
            z = latent(keys[0], batch)["noise"]
            if self.mixing:
                layers = len(generator.noises)
                cut = jax.random.randint(keys[1], (), 1, layers)
                cut = jnp.where(jax.random.uniform(keys[2]) < self.mixing, cut, layers)
                mixed = latent(keys[3], {"image": batch["image"]})["noise"], cut
            return run(generator, nets["generator"], z, noises(keys[4], batch), alpha, label(batch), *mixed)

        def judge(variables, image, batch, alpha):
            logits, variables = run(discriminator, variables, image, alpha)
            if classes:
                return jnp.take_along_axis(logits, batch["label"][:, None], axis=1)[:, 0], variables
            return logits[:, 0], variables

        def alpha_of(step: jax.Array) -> jax.Array | None:
            return step / rounds if fading else None

        def init(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng, 4)
            z, alpha = latent(keys[0], batch)["noise"], jnp.zeros(()) if fading else None
            nets = {
                "generator": generator.init(keys[1], z, noises(keys[2], batch), alpha, label(batch), train=True),
                "discriminator": discriminator.init(
                    keys[3], family.real(batch["image"], size, None), alpha, train=True
                ),
            }
            if fading:  # what pictures are made with; it ends with the phase
                nets["generator"] = {**nets["generator"], "fade": {share: alpha}}
            return nets

        def discriminator_loss(nets, batch, rng, step):
            keys, alpha = jax.random.split(rng), alpha_of(step)
            fake, image = imitate(nets, batch, keys[0], alpha)[0], family.real(batch["image"], size, alpha)
            on_real, variables = judge(nets["discriminator"], image, batch, alpha)
            on_fake, variables = judge(variables, fake, batch, alpha)
            total = adversarial = loss.discriminator(on_real, on_fake)
            metrics = {"adversarial": adversarial, "real": on_real.mean(), "fake": on_fake.mean()}
            critic = lambda x: judge(nets["discriminator"], x, batch, alpha)[0]
            if self.regularizer != "none":
                metrics["penalty"] = (
                    losses.r1_penalty(critic, image)
                    if self.regularizer == "r1"
                    else losses.gradient_penalty(critic, image, fake, draw(jax.random.uniform, keys[1], batch))
                )
                total += self.penalty_weight * metrics["penalty"]
            if self.drift:
                total += self.drift * jnp.mean(on_real**2)
            return total, ({"discriminator": variables}, metrics)

        def generator_loss(nets, batch, rng, step):
            alpha = alpha_of(step)
            fake, variables = imitate(nets, batch, rng, alpha)
            on_fake, _ = judge(nets["discriminator"], fake, batch, alpha)
            if fading:
                kept = seen(nets).dtype  # float64 if that was asked for
                variables = {**variables, "fade": {share: alpha_of(step + 1).astype(kept)}}
            return loss.generator(on_fake), ({"generator": variables}, {})

        def seen(nets: Nets) -> jax.Array | None:
            return nets["generator"]["fade"][share] if fading else None

        def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            """With "truncation" [B, layers], the shares by which styles differ from their average: all of one noise."""
            keys = jax.random.split(rng)
            z, noise = latent(keys[0], batch)["noise"], noises(keys[1], batch)
            if "truncation" in batch:
                w, mean = style(nets, {**batch, "noise": z}, rng), nets["generator"]["average"]["w"]
                each = mean + batch["truncation"][..., None] * (w - mean)[:, None]
                made = drawn(same)(nets, {**batch, "w": each}, jax.random.key(0))
            else:
                made = infer(generator, nets["generator"], z, noise, seen(nets), label(batch))
                made = family.enlarged(made, spec.shape[0])
            return {"image": made, **({"label": batch["label"]} if classes else {})}

        def style(nets: Nets, batch: Batch, rng: jax.Array) -> jax.Array:
            """w [B, W] of the batch's noise."""
            return infer(generator, nets["generator"], batch["noise"], label(batch), method="style")

        def drawn(changed: Callable[[jax.Array], jax.Array]):
            def image(nets: Nets, batch: Batch, rng: jax.Array) -> jax.Array:
                """The images of the styles "w" [B, layers, W]."""
                noise = [changed(x) for x in noises(rng, batch)]
                made = infer(generator, nets["generator"], batch["w"], noise, seen(nets), method="draw")
                return family.enlarged(made, spec.shape[0])

            return image

        # A fading block's weights follow its share: a long time's average fits no share, and makes gray images.
        half_life = min(1000 * self.half_life, rounds * batch_size / 20 if fading else math.inf)
        decay = 0.5 ** (batch_size / half_life) if half_life else 0.0
        return Game(
            init,
            {
                "discriminator": Player(
                    ("discriminator",), discriminator_loss, self._optimizer("discriminator", level)
                ),
                "generator": Player(("generator",), generator_loss, self._optimizer("generator", level)),
            },
            {"sample": sample},
            latents=latent,
            probes={"style": style, "synthesis": drawn(lambda x: x), "synthesis_without_noise": drawn(jnp.zeros_like)}
            if generator.noises
            else {},
            ema={"generator": decay} if decay else {},
        )

    def _optimizer(self, player: str, level: int):
        settings = dict(getattr(self, f"{player}_optimizer"))
        if self.learning_rates:
            settings["learning_rate"] = at(self.learning_rates, level)
        return optimizers.build(settings)

    def _check(self, spec: Spec) -> None:
        choose("loss", self.loss, losses.ADVERSARIAL)
        choose("regularizer", self.regularizer, REGULARIZERS)
        family = find("architectures", self.architecture)
        family.check(spec.shape)
        if not self.thousands or not self.fading_thousands:
            raise UserError("config.thousands and fading_thousands are images to show, at least one number each")
        if self.start < 4 or self.start & (self.start - 1) or self.start > spec.shape[0]:
            raise UserError(f"config.start={self.start}: a power of two from 4 to the images' {spec.shape[0]} pixels")
        if self.conditional and not spec.classes:
            raise UserError(f"config.conditional needs labels, and {spec.name} has none")
        if self.mixing and not family.Generator(spec.shape[-1], self.start, 0).noises:
            raise UserError(f"architecture {self.architecture} has no styles to mix: set config.mixing=0")


def same(noise: jax.Array) -> jax.Array:
    """The first sample's noise image [B, H, W, 1] for all."""
    return jnp.broadcast_to(noise[:1], noise.shape)


def at(values: Sequence[Any], level: int) -> Any:
    """The value of 4, 8, 16, ... pixels for level 0, 1, 2, ...; the last one holds from there on."""
    return values[min(level, len(values) - 1)]
