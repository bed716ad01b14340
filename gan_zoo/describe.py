"""What a config plays, told from shapes alone: no data, no weights."""

import ast
import time
from pathlib import Path

import jax
from clu import parameter_overview
from ml_collections import ConfigDict

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.devices import float_type, prepare
from gan_zoo.game import Batch, Phase
from gan_zoo.rounds import compile_rounds
from gan_zoo.step import State, state_shapes


def describe(config: ConfigDict, compiled: bool = False) -> str:
    """Parameters of each network, players and phases; with ``compiled`` also what a round costs."""
    prepare(config.precision)
    spec, phases = configs.build(config)
    lines = [f"{config.model} on {spec.name}: {spec.shape}" + (f", {spec.classes} classes" if spec.classes else "")]
    for phase in phases:
        batch = data.example(spec, phase.batch_size, float_type(config.precision))
        state = state_shapes(phase.game, batch)
        lines.append(f"\nphase {phase.name}: {phase.rounds:,} rounds, minibatches of {phase.batch_size}")
        for name, player in phase.game.players.items():
            lines.append(f"  player {name} moves {', '.join(player.owns)} ({player.turns} turns a round)")
        for name, variables in state.nets.items():
            params = variables.get("params", {})
            count = sum(leaf.size for leaf in jax.tree.leaves(params))
            overview = parameter_overview.get_parameter_overview(params, include_stats=False)
            lines.append(f"\n{name}: {count:,} parameters\n{overview}")
        if compiled:
            lines.append(_cost(phase, state, batch))
    return "\n".join(lines)


def members(folder: Path) -> list[tuple[str, str]]:
    """(path, first line of the docstring) of each config in a folder."""
    found = []
    for path in sorted(folder.glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        found.append((f"{folder.name}/{path.name}", text.partition("\n")[0]))
    return found


def _cost(phase: Phase, state: State, batch: Batch) -> str:
    given = jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, phase.game.turns, *x.shape), x.dtype), batch)
    constants = jax.eval_shape(phase.constants)
    began = time.perf_counter()
    program = compile_rounds(phase.game, batch["image"].dtype, (state,), constants, {}, (given,))
    seconds = time.perf_counter() - began
    cost, memory = program.cost_analysis(), program.memory_analysis()
    peak = memory.argument_size_in_bytes + memory.temp_size_in_bytes + memory.output_size_in_bytes
    peak -= memory.alias_size_in_bytes
    return (
        f"\na round, compiled for {jax.default_backend()} in {seconds:.1f} s: {cost['flops'] / 1e9:.3f} GFLOP, "
        f"{cost['bytes accessed'] / 1e6:.1f} MB accessed, {peak / 1e6:.1f} MB of memory at the peak"
    )
