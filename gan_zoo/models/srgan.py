"""SRGAN (Ledig et al. 2017): four times larger images, sharp ones instead of the mean of all possible ones.

SRResNet first learns the pixels alone (mean squared error); from it the generator begins, whose images must fool a
discriminator and agree with the original in a pretrained network's feature maps. SRResNet is kept to compare with.
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
from gan_zoo.pretrained.perceptual import KNOWN, perceptual
from gan_zoo.registry import find
from gan_zoo.resample import enlarged, shifted, shrunk, softened

ADAM = {"name": "adam", "learning_rate": 1e-4, "b1": 0.9, "b2": 0.999}


@dataclass(frozen=True)
class Model:
    """``content`` names the feature maps of ``gan_zoo.pretrained.perceptual``, or "mse" for the pixels themselves.

    ``content_weight`` 0.006 is the paper's rescaling of VGG's maps by 1 / 12.75, squared. What the paper has not: with
    a ``pixel_weight`` the generator also keeps close to the original's pixels, as ESRGAN's (Wang et al. 2018, section
    3.2; there in L1); with a ``shift`` the discriminator sees images moved at random by less than so many pixels (Zhao
    et al. 2020, "translation"); where ``soften`` is set, discriminator and feature maps see smoothed images, so that no
    grid of single pixels can please them; with an ``ema_decay`` the generator is seen through its average.
    """

    architecture: str = "srresnet"
    content: str = "vgg54"
    content_weight: float = 0.006
    pixel_weight: float = 0.0
    shift: int = 0
    soften: bool = False
    adversarial_weight: float = 1e-3
    ema_decay: float = 0.0
    generator: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    pretraining_optimizer: Mapping[str, Any] = field(default_factory=ADAM.copy)
    generator_optimizer: Mapping[str, Any] = field(default_factory=ADAM.copy)
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=ADAM.copy)

    def phases(self, spec: Spec) -> list[Phase]:
        """Two phases: SRResNet alone; then the discriminator and the generator, which begins as SRResNet."""
        family, maps = find("architectures", self.architecture), self._maps(spec)
        generator = family.Generator(shape=spec.shape, **self.generator)
        discriminator = family.Discriminator(**self.discriminator)

        def init(rng: jax.Array, batch: Batch) -> Nets:
            return {"srresnet": generator.init(rng, shrunk(batch["image"]), train=True)}

        def init_both(rng: jax.Array, batch: Batch) -> Nets:
            nets = init(rng, batch)
            return {
                **nets,
                "generator": jax.tree.map(jnp.copy, nets["srresnet"]),
                "discriminator": discriminator.init(rng, batch["image"], train=True),
            }

        soft = softened if self.soften else lambda image: image

        def pixel_loss(nets, batch, rng, step):
            made, variables = run(generator, nets["srresnet"], shrunk(batch["image"]))
            return jnp.mean((made - batch["image"]) ** 2), ({"srresnet": variables}, {})

        def discriminator_loss(nets, batch, rng, step):
            made, _ = run(generator, nets["generator"], shrunk(batch["image"]))
            real, made = shifted(rng, self.shift, soft(batch["image"]), soft(made))
            on_real, variables = run(discriminator, nets["discriminator"], real)
            on_fake, variables = run(discriminator, variables, made)
            metrics = {"real": on_real.mean(), "fake": on_fake.mean()}
            return losses.cross_entropy_discriminator(on_real, on_fake), ({"discriminator": variables}, metrics)

        def generator_loss(nets, batch, rng, step):
            made, variables = run(generator, nets["generator"], shrunk(batch["image"]))
            pixels = jnp.mean((made - batch["image"]) ** 2)
            content = maps.distances(nets["maps"], soft(made), soft(batch["image"]), rng).mean() if maps else pixels
            on_fake, _ = run(discriminator, nets["discriminator"], *shifted(rng, self.shift, soft(made)))
            adversarial = losses.non_saturating_generator(on_fake)
            total = self.content_weight * content + self.pixel_weight * pixels + self.adversarial_weight * adversarial
            metrics = {"content": content, "pixels": pixels, "adversarial": adversarial}
            return total, ({"generator": variables}, metrics)

        first = {"srresnet": Player(("srresnet",), pixel_loss, optimizers.build(self.pretraining_optimizer))}
        then = {
            "discriminator": Player(
                ("discriminator",), discriminator_loss, optimizers.build(self.discriminator_optimizer)
            ),
            "generator": Player(("generator",), generator_loss, optimizers.build(self.generator_optimizer)),
        }
        constants = (lambda: {"maps": maps.load()}) if maps else dict
        about = maps.protocol if maps else {"content": "mse"}
        after = Game(
            init_both,
            then,
            _views(generator, "generator", "srresnet"),
            ema={"generator": self.ema_decay} if self.ema_decay else {},
            titles={"comparison": ("bicubic", "SRResNet", "SRGAN", "original")},
            inherits={"generator": "srresnet"},
            given="image",
            about=about,
        )
        titles = {"comparison": ("bicubic", "SRResNet", "original")}
        before = Game(init, first, _views(generator, "srresnet"), titles=titles, given="image")
        return [Phase("pretraining", before), Phase("adversarial", after, constants)]

    def _maps(self, spec: Spec):
        choose("content", self.content, ("mse", *KNOWN))
        if len(spec.shape) != 3:
            raise UserError(f"srgan enlarges images, and {spec.name} holds none")
        find("architectures", self.architecture).check(spec.shape)
        return None if self.content == "mse" else perceptual(self.content)


def _views(generator, *names: str) -> dict:
    """ "sample" from the batch's images made small, "upscale" from its inputs, and rows to compare them."""

    def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
        return {"image": infer(generator, nets[names[0]], shrunk(batch["image"]))}

    def upscale(name):
        return lambda nets, batch, rng: {"image": infer(generator, nets[name], batch["input"])}

    def comparison(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
        """Rows of bicubic enlargement, SRResNet's, the generator's, and the original."""
        small = shrunk(batch["image"])
        made = [infer(generator, nets[name], small) for name in reversed(names)]
        return {"image": jnp.stack([enlarged(small), *made, batch["image"]], axis=1)}

    own = {f"upscale_{name}": upscale(name) for name in names[1:]}
    return {"sample": sample, "upscale": upscale(names[0]), **own, "comparison": comparison}
