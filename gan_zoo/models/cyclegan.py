"""CycleGAN (Zhu et al. 2017): two domains, no pairs; what is translated there and back must be what it was.

One player moves both generators, the other both discriminators, which see fakes out of a pool of past ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo import losses, optimizers, two_domains
from gan_zoo.data import Spec
from gan_zoo.errors import choose
from gan_zoo.game import Batch, Nets, Phase, Player, run, run_each
from gan_zoo.pool import exchange, new_pool
from gan_zoo.registry import find
from gan_zoo.two_domains import DISCRIMINATORS, GENERATORS

POOLS = ("pool_a", "pool_b")


@dataclass(frozen=True)
class Model:
    """Weights of 0 switch a term off; ``forward_cycle`` is A -> B -> A, ``backward_cycle`` B -> A -> B.

    ``identity_weight`` is a share of ``cycle_weight``. The adversarial weight of 2 makes up for the half in LSGAN's
    loss: the authors' generators minimize E (D - 1)^2. With an ``ema_decay`` generators are seen through averages.
    """

    architecture: str = "translator"
    loss: str = "least_squares"
    adversarial_weight: float = 2.0
    cycle_weight: float = 10.0
    identity_weight: float = 0.5
    forward_cycle: bool = True
    backward_cycle: bool = True
    pool_size: int = 50
    discriminator_turns: int = 1
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
        """One phase: the generators take a turn, then the discriminators."""
        self._check(spec)
        generator = find("architectures", self.architecture).Generator(shape=spec.shape, **self.generator)
        discriminator = find("architectures", "patchgan").Discriminator(**self.discriminator)
        loss, networks = losses.ADVERSARIAL[self.loss], two_domains.initial(generator, discriminator)

        def init(rng: jax.Array, batch: Batch) -> Nets:
            pools = {name: new_pool(self.pool_size, batch["image"]) for name in POOLS if self.pool_size}
            return {**networks(rng, batch), **pools}

        def generator_loss(nets, batch, rng, step):
            """Adversarial, cycle and identity terms, both ways (equations 1 to 3, section 5.2)."""
            a, b = batch["input"], batch["image"]
            # BatchNorm's running averages are of what is translated later on: real images of the generator's domain.
            fake_b, ab = run(generator, nets["generator_ab"], a)
            fake_a, ba = run(generator, nets["generator_ba"], b)
            fooling = loss.generator(run(discriminator, nets["discriminator_b"], fake_b)[0])
            fooling += loss.generator(run(discriminator, nets["discriminator_a"], fake_a)[0])
            cycle = identity = jnp.zeros(())
            if self.forward_cycle:
                cycle += jnp.abs(run(generator, ba, fake_b)[0] - a).mean()
            if self.backward_cycle:
                cycle += jnp.abs(run(generator, ab, fake_a)[0] - b).mean()
            if self.identity_weight:
                identity += jnp.abs(run(generator, ab, b)[0] - b).mean() + jnp.abs(run(generator, ba, a)[0] - a).mean()
            total = self.adversarial_weight * fooling + self.cycle_weight * (cycle + self.identity_weight * identity)
            metrics = {"adversarial": fooling, "cycle": cycle, "identity": identity}
            return total, ({"generator_ab": ab, "generator_ba": ba}, metrics)

        def discriminator_loss(nets, batch, rng, step):
            """Each judges its domain's images and past fakes."""
            total, new, metrics, keys = 0.0, {}, {}, jax.random.split(rng)
            for key, domain, name, given, real in (
                (keys[0], "b", "generator_ab", batch["input"], batch["image"]),
                (keys[1], "a", "generator_ba", batch["image"], batch["input"]),
            ):
                fake, _ = run(generator, nets[name], given)
                if self.pool_size:
                    fake, new[f"pool_{domain}"] = exchange(nets[f"pool_{domain}"], fake, key)
                network = f"discriminator_{domain}"
                (on_real, on_fake), new[network] = run_each(discriminator, nets[network], real, fake)
                metrics |= {f"real_{domain}": on_real.mean(), f"fake_{domain}": on_fake.mean()}
                total += loss.discriminator(on_real, on_fake)
            return total, (new, metrics)

        owned = (*DISCRIMINATORS, *(POOLS if self.pool_size else ()))
        players = {
            "generators": Player(GENERATORS, generator_loss, optimizers.build(self.generator_optimizer)),
            "discriminators": Player(
                owned,
                discriminator_loss,
                optimizers.build(self.discriminator_optimizer, self.discriminator_turns),
                self.discriminator_turns,
            ),
        }
        game = two_domains.game(init, players, generator, self.ema_decay)
        return [Phase("adversarial", game)]

    def _check(self, spec: Spec) -> None:
        choose("loss", self.loss, losses.ADVERSARIAL)
        two_domains.check("cyclegan", spec)
        find("architectures", self.architecture).check(spec.shape)
        find("architectures", "patchgan").check(spec.shape, self.discriminator.get("receptive_field", 70))
