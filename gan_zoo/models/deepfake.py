"""Deepfake: one encoder learns what two faces share, a decoder for each how that face looks; swapping them swaps faces.

No paper: the code of the first deepfakes (2017), which faceswap keeps as its "original" model. The encoder is given
warped faces, so that it cannot remember them, and the colours of A are moved to B's mean, so that it cannot tell whose
they are. That code moves A's and B's networks in turn; here one step moves all. It knows the means of all faces; here
they are those of the faces seen so far. It swaps A's faces as they are; here the encoder is given what it was trained
on, A's colours moved to B's mean, and what A's decoder makes is moved back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from gan_zoo import optimizers, two_domains
from gan_zoo.data import Spec
from gan_zoo.game import Batch, Game, Nets, Phase, Player, Variables, infer, run, run_each
from gan_zoo.registry import find
from gan_zoo.warp import JITTER, SHIFT, random_warp, tinted

TITLES = ("A", "A by A's", "A by B's", "B", "B by B's", "B by A's")
SIDES = (("input", "decoder_a"), ("image", "decoder_b"))
NETWORKS = ("encoder", "decoder_a", "decoder_b")
COLOURS = "colours"  # what is remembered of them: no network


@dataclass(frozen=True)
class Model:
    """``warp`` off gives the encoder the faces as they are; ``around`` says how they are turned, scaled, shifted and
    mirrored before, ``jitter`` how strong the warp is (see ``random_warp``). ``same_mean``: whether A's colours are
    moved to B's mean.

    What the code lacks: ``colours``, by how much the encoder's faces are tinted at random (see ``tinted``), as faceswap
    has come to do in other words; ``same_start``: both decoders begin with the same weights; ``ema_decay`` of the
    networks.
    """

    architecture: str = "deepfake"
    warp: bool = True
    around: Mapping[str, float] = field(
        default_factory=lambda: {"rotation": 10.0, "scale": 0.05, "shift": SHIFT, "flip": 0.4}
    )
    jitter: float = JITTER
    same_mean: bool = True
    colours: float = 0.0
    same_start: bool = False
    ema_decay: float = 0.0
    encoder: Mapping[str, Any] = field(default_factory=dict)
    decoder: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Mapping[str, Any] = field(default_factory=lambda: {**optimizers.ADAM, "learning_rate": 5e-5})

    @staticmethod
    def modules(config: Mapping[str, Any]) -> dict[str, type]:
        """The modules whose settings the config's dicts of the same name hold."""
        family = find("architectures", config["architecture"])
        return {"encoder": family.Encoder, "decoder": family.Decoder}

    def phases(self, spec: Spec) -> list[Phase]:
        """One phase with one player: the autoencoders of both faces."""
        two_domains.check("deepfake", spec)
        family = find("architectures", self.architecture)
        family.check(spec.shape)
        encoder, decoder = family.Encoder(**self.encoder), family.Decoder(spec.shape[-1], **self.decoder)

        def init(rng: jax.Array, batch: Batch) -> Nets:
            keys = jax.random.split(rng, 3)
            starts = (keys[1], keys[1 if self.same_start else 2])
            encoding = encoder.init(keys[0], batch["image"], train=True)
            features, _ = run(encoder, encoding, batch["image"])
            decoders = {
                name: decoder.init(key, features, train=True) for name, key in zip(NETWORKS[1:], starts, strict=True)
            }
            nets = {"encoder": encoding, **decoders}
            if self.same_mean:
                nets[COLOURS] = {"statistics": {"seen": jnp.zeros(()), "shift": jnp.zeros(spec.shape[-1])}}
            return nets

        def loss(nets, batch, rng, step):
            """The mean absolute error of both faces, in [0, 1]."""
            faces, new = [batch[name] for name, _ in SIDES], {}
            if self.same_mean:
                new[COLOURS] = noted(nets[COLOURS], *faces)
                faces[0] += shift(new)
            keys = jax.random.split(rng, 4)
            pairs = [
                random_warp(key, face, **self.around, jitter=self.jitter) if self.warp else (face, face)
                for key, face in zip(keys, faces, strict=False)
            ]
            given = [tinted(key, face, self.colours) for key, (face, _) in zip(keys[2:], pairs, strict=True)]
            features, encoding = run_each(encoder, nets["encoder"], *given)
            new, metrics = {**new, "encoder": encoding}, {}
            for (_, name), shared, (_, target) in zip(SIDES, features, pairs, strict=True):
                face, new[name] = run(decoder, nets[name], shared)
                metrics[name[-1]] = jnp.abs(face - target).mean() / 2
            return metrics["a"] + metrics["b"], (new, metrics)

        def shift(nets: Nets) -> jax.Array | float:
            return nets[COLOURS]["statistics"]["shift"] if self.same_mean else 0.0

        def by(name: str, nets: Nets, batch: Batch, side: str) -> jax.Array:
            """What a decoder makes of the faces of a side."""
            faces = batch[side] + (shift(nets) if side == "input" else 0.0)
            made = infer(decoder, nets[name], infer(encoder, nets["encoder"], faces))
            return jnp.clip(made - shift(nets), -1, 1) if name == "decoder_a" else made

        def sample(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            return {"image": by("decoder_b", nets, batch, "input")}

        def back(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            return {"image": by("decoder_a", nets, batch, "image")}

        def swaps(nets: Nets, batch: Batch, rng: jax.Array) -> Batch:
            columns = []
            for (side, own), (_, other) in zip(SIDES, reversed(SIDES), strict=True):
                columns += [batch[side], by(own, nets, batch, side), by(other, nets, batch, side)]
            return {"image": jnp.stack(columns, axis=1)}

        owned = (*NETWORKS, COLOURS) if self.same_mean else NETWORKS
        player = Player(owned, loss, optimizers.build(self.optimizer))
        game = Game(
            init,
            {"autoencoders": player},
            {"sample": sample, "back": back, "swaps": swaps},
            titles={"swaps": TITLES},
            ema={name: self.ema_decay for name in NETWORKS if self.ema_decay},
            given="input",
            one_size=True,
            named={"translated_accuracy": "swapped_accuracy"},
        )
        return [Phase("training", game)]


def noted(colours: Variables, a: jax.Array, b: jax.Array) -> Variables:
    """How far B's mean lies from A's, channel by channel, over all minibatches so far and these faces."""
    seen = colours["statistics"]["seen"] + 1
    shift = colours["statistics"]["shift"]
    return {"statistics": {"seen": seen, "shift": shift + ((b - a).mean(axis=(0, 1, 2)) - shift) / seen}}
