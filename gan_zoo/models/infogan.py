"""InfoGAN (Chen et al. 2016): codes that the generated image tells, found without labels.

Both players add -I_hat, a lower bound of the mutual information between codes and image: the generator to
make the codes visible, the discriminator's player because it owns Q, which shares its trunk and reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo import losses, optimizers
from gan_zoo.data import Spec
from gan_zoo.errors import choose
from gan_zoo.game import Batch, Game, Metrics, Nets, Phase, Player, infer, run
from gan_zoo.noise import NOISE, latents
from gan_zoo.registry import find


@dataclass(frozen=True)
class Model:
    """One categorical code of ``categories`` values, ``continuous`` codes U(-1, 1), and noise.

    Without ``maximized`` the generator does not care for the codes: a plain GAN that Q watches (the paper's figure 1).
    """

    architecture: str = "infogan"
    categories: int = 10
    continuous: int = 2
    noise: str = "uniform"
    noise_size: int = 62
    maximized: bool = True
    categorical_weight: float = 1.0
    continuous_weight: float = 0.1
    ema_decay: float = 0.99
    generator: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    generator_optimizer: Mapping[str, Any] = field(default_factory=lambda: {**optimizers.ADAM, "learning_rate": 1e-3})
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=optimizers.ADAM.copy)

    def phases(self, spec: Spec) -> list[Phase]:
        """One phase: discriminator and Q move together, then the generator."""
        family = find("architectures", self.architecture)
        family.check(spec.shape)
        choose("noise", self.noise, NOISE)
        generator = family.Generator(shape=spec.shape, **self.generator)
        discriminator = family.Discriminator(self.categories, self.continuous, **self.discriminator)

        codes_and_noise = partial(
            latents,
            {
                "category": (lambda rng, shape, _: jax.random.randint(rng, shape, 0, self.categories), ()),
                "continuous": (NOISE["uniform"], (self.continuous,)),
                "noise": (NOISE[self.noise], (self.noise_size,)),
            },
        )

        def codes(rng: jax.Array, batch: Batch) -> Batch:
            """category int [B], continuous [B, J] and z [B, Z], the generator's whole input."""
            return latent(**codes_and_noise(rng, batch))

        def latent(category, continuous, noise) -> Batch:
            one_hot = jax.nn.one_hot(category, self.categories, dtype=noise.dtype)
            z = jnp.concatenate([one_hot, continuous, noise], axis=-1)
            return {"category": category, "continuous": continuous, "z": z}

        def information(category_logits, means, code) -> tuple[jax.Array, Metrics]:
            categorical = losses.categorical_information(category_logits, code["category"])
            continuous = losses.gaussian_log_likelihood(means, code["continuous"])
            total = self.categorical_weight * categorical + self.continuous_weight * continuous
            return total, {"mutual_information": categorical, "continuous_log_likelihood": continuous}

        def init(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng, 3)
            return {
                "generator": generator.init(keys[0], codes(keys[1], batch)["z"], train=True),
                "discriminator": discriminator.init(keys[2], batch["image"], train=True),
            }

        def discriminator_loss(nets, batch, rng, step):
            code = codes(rng, batch)
            fake, _ = run(generator, nets["generator"], code["z"])
            (on_real, _, _), variables = run(discriminator, nets["discriminator"], batch["image"])
            (on_fake, logits, means), variables = run(discriminator, variables, fake)
            adversarial = losses.cross_entropy_discriminator(on_real, on_fake)
            bound, metrics = information(logits, means, code)
            metrics |= {"adversarial": adversarial, "real": on_real.mean(), "fake": on_fake.mean()}
            return adversarial - bound, ({"discriminator": variables}, metrics)

        def generator_loss(nets, batch, rng, step):
            code = codes(rng, batch)
            fake, variables = run(generator, nets["generator"], code["z"])
            (on_fake, logits, means), _ = run(discriminator, nets["discriminator"], fake)
            bound, metrics = information(logits, means, code)
            adversarial = losses.non_saturating_generator(on_fake)
            return adversarial - (bound if self.maximized else 0), ({"generator": variables}, metrics)

        def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            code = codes(rng, batch)
            return {"image": infer(generator, nets["generator"], code["z"]), "code": code["category"]}

        def categories(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            """One row for each value of the categorical code; each column shares its other codes and noise."""
            columns = 10
            keys = jax.random.split(rng)
            dtype = batch["image"].dtype
            continuous = jnp.tile(NOISE["uniform"](keys[0], (columns, self.continuous), dtype), (self.categories, 1))
            noise = jnp.tile(NOISE[self.noise](keys[1], (columns, self.noise_size), dtype), (self.categories, 1))
            z = latent(jnp.repeat(jnp.arange(self.categories), columns), continuous, noise)["z"]
            images = infer(generator, nets["generator"], z)
            return {"image": images.reshape(self.categories, columns, *spec.shape)}

        def scores(nets: Nets, batch: Batch, rng: jax.Array) -> Metrics:
            code = codes(rng, batch)
            image = infer(generator, nets["generator"], code["z"])
            _, logits, _ = infer(discriminator, nets["discriminator"], image)
            return {"mutual_information": losses.categorical_information(logits, code["category"])}

        players = {
            "discriminator": Player(
                ("discriminator",), discriminator_loss, optimizers.build(self.discriminator_optimizer)
            ),
            "generator": Player(("generator",), generator_loss, optimizers.build(self.generator_optimizer)),
        }
        views = {"sample": sample, "categories": categories}
        ema = {"generator": self.ema_decay}
        game = Game(init, players, views, scores, ema=ema, latents=codes_and_noise)
        return [Phase("adversarial", game)]
