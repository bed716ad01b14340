"""One side of the comparison, in a process of its own: worker.py SIDE NAME; OMP_NUM_THREADS says how many threads.

Says when it is warm, then plays rounds when asked: a line "ROUNDS" on standard input gives a line of JSON.
"""

import json
import os
import resource
import sys
import time
from collections import deque

import numpy as np
from workloads import WORKLOADS

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.devices import keep_memory
from gan_zoo.log import IN_FLIGHT

REST = 0.5  # seconds, in which the other side's threads stop waiting actively


def zoo(config):
    """(rounds -> (discriminator's and generator's loss, seconds), facts)."""
    import jax
    import jax.numpy as jnp

    from gan_zoo.data.feed import Feed
    from gan_zoo.devices import local_mesh
    from gan_zoo.rounds import compile_rounds, side_by_side
    from gan_zoo.step import new_state

    spec, (phase,) = configs.build(config)
    mesh = local_mesh()
    with jax.set_mesh(mesh):
        source = data.load(config.dataset, "train", config.image_shape)
        feed = Feed(source, 0, 0, config.batch_size, phase.game.turns, mesh, jnp.float32)
        state = new_state(phase.game, jax.random.key(0), data.example(spec, config.batch_size))
        counts = {k: sum(x.size for x in jax.tree.leaves(v["params"])) for k, v in state.nets.items()}
        states = side_by_side([state])
        given = lambda played: ({}, feed.arrays, (feed.given(played),))
        began = time.perf_counter()
        step = compile_rounds(phase.game, jnp.float32, states, *given(0))
        facts = {"jax": jax.__version__, "compile_seconds": round(time.perf_counter() - began, 2), "parameters": counts}
        facts["gflop"] = round(step.cost_analysis()["flops"] / 1e9, 3)
    played = 0

    def play(rounds):
        nonlocal states, played
        flying = deque()
        began = time.perf_counter()
        with jax.set_mesh(mesh):
            for _ in range(rounds):
                states, metrics = step(states, *given(played))
                played += 1
                flying.append(metrics)
                if len(flying) > IN_FLIGHT:
                    jax.block_until_ready(flying.popleft())
            jax.block_until_ready((states, metrics))
        losses = [metrics["discriminator/loss"].item(), metrics["generator/loss"].item()]
        return losses, time.perf_counter() - began

    return play, facts


def pytorch(config):
    """The same in PyTorch, in the faster of its two memory formats."""
    import torch
    import torch_gan

    from gan_zoo.architectures.resnet import downs
    from gan_zoo.arithmetic import halvings

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    spec, _ = configs.build(config)
    stages, down_blocks = halvings(*spec.shape[:2]), downs(spec.shape[0] // 2, spec.shape[1] // 2)
    classes = spec.classes if config.conditioning != "none" else 0
    arrays = data.load(config.dataset, "train", config.image_shape).arrays
    images = torch.from_numpy(np.ascontiguousarray(arrays["image"].transpose(0, 3, 1, 2)))
    labels = torch.nn.functional.one_hot(torch.from_numpy(arrays["label"]).long()).float() if classes else None
    torch.manual_seed(0)

    def game(channels_last):
        nets = torch_gan.networks(config, spec.shape, stages, down_blocks, classes)
        form = torch.channels_last if channels_last else torch.contiguous_format
        return torch_gan.Game(config, images, labels, nets, form)

    def seconds_per_round(game):
        game.round()
        rounds, began = 0, time.perf_counter()
        while rounds < 3 or time.perf_counter() - began < 1:
            game.round()
            rounds += 1
        return (time.perf_counter() - began) / rounds

    channels_last = seconds_per_round(game(True)) < seconds_per_round(game(False))
    chosen = game(channels_last)
    nets = {"generator": chosen.generator, "discriminator": chosen.discriminator}
    counts = {k: sum(p.numel() for p in net.parameters()) for k, net in nets.items()}
    facts = {"torch": torch.__version__, "channels_last": channels_last, "parameters": counts}

    def play(rounds):
        began = time.perf_counter()
        for _ in range(rounds):
            losses = chosen.round()
        return [float(loss) for loss in losses], time.perf_counter() - began

    return play, facts


def main() -> None:
    side, name = sys.argv[1:]
    keep_memory()  # PyTorch gains from it too
    config = configs.load(WORKLOADS[name].config, [f"config.{item}" for item in WORKLOADS[name].overrides])
    play, facts = {"gan_zoo": zoo, "pytorch": pytorch}[side](config)
    first, _ = play(1)
    play(1)
    print(json.dumps({**facts, "first_losses": first}), flush=True)
    for line in sys.stdin:
        time.sleep(REST)
        losses, seconds = play(int(line))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"losses": losses, "seconds": seconds, "peak_mb": round(memory)}), flush=True)


if __name__ == "__main__":
    main()
