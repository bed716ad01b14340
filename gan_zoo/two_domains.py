"""What games of two domains share: four networks, and pictures and samples of translations both ways.

Domain A's images are the batch's "input", B's its "image". Generators ab and ba, discriminators a and b.
"""

from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_zoo.data import Spec
from gan_zoo.errors import UserError
from gan_zoo.game import Batch, Game, Nets, Player, View, infer

GENERATORS = ("generator_ab", "generator_ba")
DISCRIMINATORS = ("discriminator_a", "discriminator_b")
TITLES = ("A", "A to B", "back to A", "B", "B to A", "back to B")


def check(member: str, spec: Spec) -> None:
    """Refuses data that is no two domains of one shape."""
    if not spec.input_shape:
        raise UserError(
            f"{member} learns from two domains, and {spec.name} is one: take unpaired:PATH_A,PATH_B, "
            "domains:DATA:A:B, emoji:twitter+google or emoji:faces"
        )
    if spec.input_shape != spec.shape:
        raise UserError(
            f"the domains differ, {spec.input_shape} and {spec.shape}: set config.image_shape to one shape for both, "
            "for example '(64, 64, 3)'"
        )


def initial(generator: nn.Module, discriminator: nn.Module) -> Callable[[jax.Array, Batch], Nets]:
    """A game's ``init``: two networks of either kind."""

    def init(rng: jax.Array, batch: Batch) -> Nets:
        names = [(name, generator) for name in GENERATORS] + [(name, discriminator) for name in DISCRIMINATORS]
        keys = jax.random.split(rng, len(names))
        return {name: net.init(key, batch["image"], train=True) for (name, net), key in zip(names, keys, strict=True)}

    return init


def game(
    init: Callable, players: Mapping[str, Player], generator: nn.Module, ema_decay: float, both_ways: bool = True
) -> Game:
    """The players' game, seen through averages of the generators if ``ema_decay`` is not 0."""
    ema = {name: ema_decay for name in GENERATORS if ema_decay}
    titles = {"translations": TITLES if both_ways else TITLES[:2]}
    return Game(init, players, _views(generator, both_ways), ema=ema, titles=titles, given="input")


def _views(generator: nn.Module, both_ways: bool) -> dict[str, View]:
    """ "sample" (A to B), "back" (B to A) and rows of A, A -> B, back to A, B, B -> A, back to B.

    Of a game that learns only A to B, what belongs to that.
    """

    def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
        return {"image": infer(generator, nets["generator_ab"], batch["input"])}

    def back(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
        return {"image": infer(generator, nets["generator_ba"], batch["image"])}

    def translations(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
        columns = []
        for given, there, again in ((batch["input"], *GENERATORS), (batch["image"], *reversed(GENERATORS))):
            made = infer(generator, nets[there], given)
            if not both_ways:
                return {"image": jnp.stack([given, made], axis=1)}
            columns += [given, made, infer(generator, nets[again], made)]
        return {"image": jnp.stack(columns, axis=1)}

    return {"sample": sample, **({"back": back} if both_ways else {}), "translations": translations}
