"""What the reproductions would cost at the paper's scale: floating-point operations of all rounds, counted, not run.

    .venv/bin/python experiments/paper_costs.py [NAME ...]

XLA counts those of the lowered train step, as an accelerator is given it (without the CPU's own convolutions); a fused
multiply-add is two. Scores and pictures are not counted. Ten minutes for all on one core.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import jax

from gan_zoo import config, data, reproduce
from gan_zoo.data import captioned, frames
from gan_zoo.devices import make_mesh, prepare
from gan_zoo.errors import UserError
from gan_zoo.step import state_shapes, train_step
from gan_zoo.text import size


def operations(wanted):
    """FLOP of all rounds of a config; sets whose folders are not here are what the config says."""
    spec = None
    if wanted.dataset.startswith("captioned:"):
        encoder, _ = captioned.parsed(wanted.dataset.partition(":")[2])
        text = captioned.CAPTIONS, size(encoder)
        spec = data.Spec(wanted.dataset, wanted.image_shape, wanted.classes or 2, text_shape=text)
    elif wanted.dataset.startswith("folder:"):
        spec = data.Spec(wanted.dataset, wanted.image_shape, wanted.classes)
    elif wanted.dataset.startswith("frames:"):
        spec = frames.described(wanted.dataset, wanted.image_shape)
    spec, phases = config.build(wanted, spec)
    return sum(phase.rounds * _round(phase, data.example(spec, phase.batch_size)) for phase in phases)


def _round(phase, batch):
    state, constants = state_shapes(phase.game, batch), jax.eval_shape(phase.constants)
    batches = {name: jax.ShapeDtypeStruct((phase.game.turns, *x.shape), x.dtype) for name, x in batch.items()}
    return train_step.lower(phase.game, state, constants, batches).cost_analysis()["flops"]


def main(names):
    prepare("float32")
    with mock.patch.object(jax, "default_backend", lambda: "gpu"), jax.set_mesh(make_mesh()):
        for name, one in reproduce.known(Path(__file__).parent / "reproductions").items():
            if names and name not in names:
                continue
            try:
                with TemporaryDirectory() as folder:
                    jobs = [job for seed in one.jobs("paper", Path(folder)) for job in seed.values()]
                print(f"{name:30}{sum(operations(job.wanted) for job in jobs):.1e} FLOP", flush=True)
            except UserError as error:
                print(f"{name:30}{error}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
