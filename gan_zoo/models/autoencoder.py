"""Autoencoders: a code from which the image can be made again, or a better image than the one that was given.

One player owns encoder and decoder. Given corrupted images it denoises (Vincent et al. 2008) or fills holes in; with a
discriminator as second player that is the context encoder (Pathak et al. 2016). Variational (Kingma and Welling 2013),
the code is drawn from a normal distribution, and the decoder alone makes images of noise.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import sigmoid, softplus

from gan_zoo import losses, optimizers
from gan_zoo.corruptions import CORRUPTIONS, HOLES, SHARES, side
from gan_zoo.data import Spec
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Batch, Game, Nets, Phase, Player, infer, run, run_each
from gan_zoo.noise import NOISE, draw, latents
from gan_zoo.registry import find

TITLES = ("original", "given", "made")


@dataclass(frozen=True)
class Model:
    """``corruption`` is one of gan_zoo.corruptions, as strong as ``level``; of holes the loss sees what was missing.

    ``loss``: mse, or bce, the cross entropy of pixels in [0, 1]; means over pixels. ``variational`` adds ``beta`` times
    the Kullback-Leibler divergence; both terms are then sums, in nats for each image: the negative ELBO of Bernoulli
    pixels (bce), or of normal ones with the deviation ``pixel_deviation`` (mse; learned in the paper's appendix C.2).
    ``adversarial_weight`` is the share of the adversarial term (0.001 in the paper's context encoder), 0 without one.
    """

    architecture: str = "autoencoder"
    loss: str = "mse"
    latent_size: int = 32
    corruption: str = "none"
    level: float = 0.3
    variational: bool = False
    beta: float = 1.0
    pixel_deviation: float = 0.1
    adversarial_weight: float = 0.0
    encoder: Mapping[str, Any] = field(default_factory=dict)
    decoder: Mapping[str, Any] = field(default_factory=dict)
    discriminator: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Mapping[str, Any] = field(default_factory=lambda: {**optimizers.ADAM, "learning_rate": 1e-3, "b1": 0.9})
    discriminator_optimizer: Mapping[str, Any] = field(default_factory=optimizers.ADAM.copy)

    @staticmethod
    def modules(config: Mapping[str, Any]) -> dict[str, type]:
        """The modules whose settings the config's dicts of the same name hold."""
        family = find("architectures", config["architecture"])
        judge = find("architectures", "patchgan").Discriminator
        return {"encoder": family.Encoder, "decoder": family.Decoder, "discriminator": judge}

    def phases(self, spec: Spec) -> list[Phase]:
        """One phase: the autoencoder, after a discriminator if it has one."""
        self._check(spec)
        family = find("architectures", self.architecture)
        encoder = family.Encoder(self.latent_size * (2 if self.variational else 1), **self.encoder)
        decoder = family.Decoder(spec.shape, **self.decoder)
        discriminator = find("architectures", "patchgan").Discriminator(**self.discriminator)
        corrupt = lambda rng, images: CORRUPTIONS[self.corruption](rng, images, self.level)
        to_image = lambda logits: 2 * sigmoid(logits) - 1
        noise = partial(latents, {"noise": (NOISE["normal"], (self.latent_size,))})
        holes, size = self.corruption in HOLES, math.prod(spec.shape)
        likely = (self.loss == "bce" or self.variational) and self.corruption == "none"
        # A normal density's, less what depends on the pixel.
        log_deviation = math.log(self.pixel_deviation * math.sqrt(2 * math.pi))

        def init(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng, 3)
            z = jnp.zeros((len(batch["image"]), self.latent_size), batch["image"].dtype)
            nets = {
                "encoder": encoder.init(keys[0], batch["image"], train=True),
                "decoder": decoder.init(keys[1], z, train=True),
            }
            if self.adversarial_weight:
                nets["discriminator"] = discriminator.init(keys[2], batch["image"], train=True)
            return nets

        def code_of(encoded: jax.Array, rng: jax.Array | None, batch: Batch) -> tuple[jax.Array, jax.Array]:
            """The code, drawn if it is a distribution's and there is a key; and the divergence in nats [B]."""
            if not self.variational:
                return encoded, jnp.zeros(len(encoded))
            mean, log_variance = jnp.split(encoded, 2, axis=-1)
            z = mean
            if rng is not None:
                z += jnp.exp(log_variance / 2) * draw(NOISE["normal"], rng, batch, self.latent_size)
            return z, losses.normal_divergence(mean, log_variance)

        def filled(image: jax.Array, given: jax.Array, missing: jax.Array) -> jax.Array:
            return missing * image + (1 - missing) * given if holes else image

        def distance(logits: jax.Array, image: jax.Array, missing: jax.Array) -> jax.Array:
            """Mean over the pixels [B], in nats of each where it is variational; of holes, over what was missing."""
            unit = (image + 1) / 2
            if self.loss == "bce":
                each = softplus(logits) - unit * logits
            else:
                each = (sigmoid(logits) - unit) ** 2
                if self.variational:
                    each = each / (2 * self.pixel_deviation**2) + log_deviation
            where = jnp.broadcast_to(missing if holes else jnp.ones_like(missing), each.shape)
            return jnp.sum(each * where, axis=(1, 2, 3)) / jnp.maximum(jnp.sum(where, axis=(1, 2, 3)), 1)

        def make(nets: Nets, batch: Batch, rng: jax.Array):
            keys = jax.random.split(rng)
            given, missing = corrupt(keys[0], batch["image"])
            encoded, encoding = run(encoder, nets["encoder"], given)
            z, divergence = code_of(encoded, keys[1], batch)
            logits, decoding = run(decoder, nets["decoder"], z)
            image = filled(to_image(logits), given, missing)
            return image, logits, missing, divergence, {"encoder": encoding, "decoder": decoding}

        def loss(nets, batch, rng, step):
            image, logits, missing, divergence, new = make(nets, batch, rng)
            pixels = distance(logits, batch["image"], missing)
            metrics = {"reconstruction": pixels.mean()}
            total = metrics["reconstruction"]
            if self.variational:
                total = (pixels * size + self.beta * divergence).mean()
                metrics |= {"kl": divergence.mean(), "elbo": -(pixels * size + divergence).mean()}
            if self.adversarial_weight:
                on_fake, _ = run(discriminator, nets["discriminator"], image)
                metrics["adversarial"] = losses.non_saturating_generator(on_fake)
                share = self.adversarial_weight
                total = (1 - share) * total + share * metrics["adversarial"]
            return total, (new, metrics)

        def discriminator_loss(nets, batch, rng, step):
            fake = make(nets, batch, rng)[0]
            (on_real, on_fake), variables = run_each(discriminator, nets["discriminator"], batch["image"], fake)
            metrics = {"real": on_real.mean(), "fake": on_fake.mean()}
            return losses.cross_entropy_discriminator(on_real, on_fake), ({"discriminator": variables}, metrics)

        def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            if self.variational:
                return {"image": to_image(infer(decoder, nets["decoder"], noise(rng, batch)["noise"]))}
            return {"image": restore(nets, batch, rng)["image"]}

        def restore(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            """What was given, which of its pixels are missing, and what was made of it."""
            given, missing = corrupt(rng, batch["image"])
            z, _ = code_of(infer(encoder, nets["encoder"], given), None, batch)
            logits = infer(decoder, nets["decoder"], z)
            return {"image": filled(to_image(logits), given, missing), "given": given, "missing": missing}

        def nats(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            """Cross entropy of each whole image [B], if that is the loss; with a drawn code its divergence and ELBO."""
            z, divergence = code_of(infer(encoder, nets["encoder"], batch["image"]), rng, batch)
            pixels = distance(infer(decoder, nets["decoder"], z), batch["image"], jnp.zeros_like(batch["image"]))
            found = {"cross_entropy": pixels * size} if self.loss == "bce" else {}
            return found | ({"elbo": -(pixels * size + divergence), "kl": divergence} if self.variational else {})

        def code(nets: Nets, batch: Batch, rng: jax.Array) -> jax.Array:
            return code_of(infer(encoder, nets["encoder"], batch["image"]), None, batch)[0]

        def decode(nets: Nets, batch: Batch, rng: jax.Array) -> jax.Array:
            return to_image(infer(decoder, nets["decoder"], batch["code"]))

        def reconstructions(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            made = restore(nets, batch, rng)
            return {"image": jnp.stack([batch["image"], made["given"], made["image"]], axis=1)}

        players = {"autoencoder": Player(("encoder", "decoder"), loss, optimizers.build(self.optimizer))}
        if self.adversarial_weight:
            judge = Player(("discriminator",), discriminator_loss, optimizers.build(self.discriminator_optimizer))
            players = {"discriminator": judge, **players}
        probes = {"restore": restore, "code": code, "decode": decode, **({"nats": nats} if likely else {})}
        game = Game(
            init,
            players,
            {"sample": sample, "reconstructions": reconstructions},
            titles={"reconstructions": TITLES},
            given="" if self.variational else "image",
            latents=noise if self.variational else None,
            probes=probes,
        )
        return [Phase("training", game)]

    def _check(self, spec: Spec) -> None:
        choose("loss", self.loss, ("mse", "bce"))
        choose("corruption", self.corruption, CORRUPTIONS)
        if len(spec.shape) != 3:
            raise UserError(f"autoencoder encodes images, and {spec.name} holds none")
        find("architectures", self.architecture).check(spec.shape)
        if self.adversarial_weight:
            find("architectures", "patchgan").check(spec.shape, self.discriminator.get("receptive_field", 70))
        if not self.adversarial_weight <= 1:
            raise UserError(f"config.adversarial_weight is {self.adversarial_weight}: it is a share, from 0 to 1")
        if not 0 <= self.level < math.inf or (self.corruption != "none" and not self.level):
            raise UserError(f"config.level is {self.level}: it must be above 0 (corruption=none changes nothing)")
        if self.corruption in SHARES and self.level >= 1:
            raise UserError(f"config.level is {self.level}: {self.corruption} takes a share of the image, below 1")
        if self.corruption in HOLES:
            sides = [side(self.level, size) for size in spec.shape[:2]]
            if self.corruption != "pixels" and not min(sides):
                raise UserError(f"config.level is {self.level}: {self.corruption} leaves no hole in {spec.name}")
            if self.corruption != "pixels" and tuple(sides) == spec.shape[:2]:
                raise UserError(f"config.level is {self.level}: {self.corruption} leaves nothing of {spec.name}")
        if self.variational and self.corruption != "none":
            raise UserError("a variational autoencoder is given whole images: set config.corruption=none")
        if not 0 < self.pixel_deviation < math.inf:
            raise UserError(f"config.pixel_deviation is {self.pixel_deviation}: it must be above 0")
        for name, used in (("beta", self.variational), ("pixel_deviation", self.variational and self.loss == "mse")):
            if not used and getattr(self, name) != getattr(type(self), name):
                which = "" if name == "beta" else " and config.loss=mse"
                raise UserError(f"config.{name} is not used: it needs config.variational=True{which}")
        if self.variational and self.adversarial_weight:
            raise UserError("a variational autoencoder has no second player: set config.adversarial_weight=0")
