"""DiscoGAN (Kim et al. 2017): relations between two domains, without pairs; what comes back must be what was given.

The generators take two turns for one of the discriminators. They also match the mean features of the discriminators,
which only the authors' code has. Reconstruction counts little at first, and as much as the rest later on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp

from gan_zoo import losses, optimizers, two_domains
from gan_zoo.data import Spec
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Phase, Player, run
from gan_zoo.registry import find
from gan_zoo.two_domains import DISCRIMINATORS, GENERATORS

# The paper's figure 2: a plain GAN from A to B; with the way back and reconstruction of A; both ways.
VARIANTS = ("gan", "recongan", "discogan")


@dataclass(frozen=True)
class Model:
    """``reconstruction`` is the share of that term: the first value for ``curriculum_rounds``, then the second.

    Of the rest ``feature_matching`` is the share of that term. The authors count 3 iterations in a round.
    With an ``ema_decay``, which they do not have, the generators are seen through averages.
    """

    architecture: str = "discogan"
    variant: str = "discogan"
    reconstruction: tuple[float, float] = (0.01, 0.5)
    curriculum_rounds: int = 3333
    feature_matching: float = 0.9
    generator_turns: int = 2
    ema_decay: float = 0.0
    generator: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    generator_optimizer: Mapping[str, Any] = field(default_factory=lambda: {**optimizers.ADAM, "l2": 1e-5})
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=lambda: {**optimizers.ADAM, "l2": 1e-5})

    def phases(self, spec: Spec) -> list[Phase]:
        """One phase: the discriminators take a turn, then the generators two."""
        choose("variant", self.variant, VARIANTS)
        if len(self.reconstruction) != 2:
            raise UserError(f"config.reconstruction is {self.reconstruction}: it is the share at first, and then")
        two_domains.check("discogan", spec)
        family = find("architectures", self.architecture)
        family.check(spec.shape)
        generator = family.Generator(shape=spec.shape, **self.generator)
        discriminator = family.Discriminator(**self.discriminator)
        ways = [("input", "image", *GENERATORS, "discriminator_b")]
        if self.variant == "discogan":
            ways.append(("image", "input", *reversed(GENERATORS), "discriminator_a"))

        def discriminator_loss(nets, batch, rng, step):
            """Half the cross entropy of each domain's discriminator."""
            total, new, metrics = 0.0, {name: nets[name] for name in DISCRIMINATORS}, {}
            for given, real, there, _, judge in ways:
                fake, _ = run(generator, nets[there], batch[given])
                (on_real, _), variables = run(discriminator, nets[judge], batch[real])
                (on_fake, _), new[judge] = run(discriminator, variables, fake)
                metrics |= {f"real{judge[-2:]}": on_real.mean(), f"fake{judge[-2:]}": on_fake.mean()}
                total += losses.cross_entropy_discriminator(on_real, on_fake) / 2
            return total, (new, metrics)

        def generator_loss(nets, batch, rng, step):
            """For each way (1 - r) [(1 - f) adversarial + f feature matching] + r reconstruction."""
            share = jnp.where(step < self.curriculum_rounds, *self.reconstruction)
            share = 0.0 if self.variant == "gan" else share
            new, fooling, matching, back = {name: nets[name] for name in GENERATORS}, 0.0, 0.0, 0.0
            for given, real, there, again, judge in ways:
                fake, new[there] = run(generator, new[there], batch[given])
                (on_fake, made), _ = run(discriminator, nets[judge], fake)
                (_, true), _ = run(discriminator, nets[judge], batch[real])
                fooling += losses.non_saturating_generator(on_fake)
                matching += sum(losses.feature_matching(a, b) for a, b in zip(true, made, strict=True))
                if self.variant != "gan":
                    came_back, new[again] = run(generator, new[again], fake)
                    # In the paper's range [0, 1].
                    back += jnp.mean(((came_back - batch[given]) / 2) ** 2)
            rest = (1 - self.feature_matching) * fooling + self.feature_matching * matching
            metrics = {"adversarial": fooling, "feature_matching": matching, "reconstruction": jnp.asarray(back)}
            return (1 - share) * rest + share * back, (new, metrics)

        players = {
            "discriminators": Player(
                DISCRIMINATORS, discriminator_loss, optimizers.build(self.discriminator_optimizer)
            ),
            "generators": Player(
                GENERATORS,
                generator_loss,
                optimizers.build(self.generator_optimizer, self.generator_turns),
                self.generator_turns,
            ),
        }
        init = two_domains.initial(generator, discriminator)
        game = two_domains.game(init, players, generator, self.ema_decay, both_ways=len(ways) == 2)
        return [Phase("adversarial", game)]
