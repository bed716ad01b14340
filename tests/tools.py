"""What several tests need: commands as a user types them, and configs small enough to play in a test."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from PIL import Image

from gan_zoo import config as configs
from gan_zoo import data
from gan_zoo.data.feed import Feed
from gan_zoo.rounds import apart, compile_rounds, side_by_side
from gan_zoo.step import new_state
from gan_zoo.trained import Trained

PROJECT = Path(__file__).resolve().parent.parent
# Every member with each of its small data sets that needs no file.
SMALL = [
    f"configs/{path.stem}.py:{name}"
    for path in sorted((PROJECT / "configs").glob("*.py"))
    for name in ("digits", "moving_digits", "25gaussians", "8gaussians", "swissroll", "5to10gaussians")
    if f'"{name}":' in path.read_text()
]
MEMBERS = sorted({name.partition(":")[0]: name for name in reversed(SMALL)}.values())
NARROW = {"width": 8, "dense": 32, "q_dense": 16, "blocks": 1, "code": 16, "base": 64, "largest": 16, "features": 16}
FEW = ["config.batch_size=16", "config.eval_samples=64", "config.log_every=5", "config.sample_every=0"]


def shrunk(name: str, *overrides: str):
    """A config with narrow networks and at most two turns for each player."""
    config = configs.load(str(PROJECT / name), [])
    narrow = ["config.batch_sizes=()"] if config.get("batch_sizes") else []
    for network in {"generator", "discriminator", "encoder", "decoder", "stage1", "stage2"} & set(config):
        for field, value in config[network].items():
            small = NARROW.get(field)
            if field == "hidden":
                small = (16,) * len(value)
            if small is not None:
                narrow.append(f"config.{network}.{field}={small}")
    if config.get("discriminator_turns", 1) > 2:
        narrow.append("config.discriminator_turns=2")  # turns are unrolled: each is compiled
    return configs.load(str(PROJECT / name), [*FEW, *narrow, *overrides]), narrow


def float64_rounds(name: str) -> int:
    """How many rounds are compared: next-frame prediction's large kernels take XLA half a minute each in float64."""
    return 4 if "next_frame" in name else 20


def autoencoder(*overrides: str, name: str = "digits") -> Trained:
    """An untrained autoencoder on digits."""
    config = configs.load(str(PROJECT / f"configs/autoencoder.py:{name}"), ["config.dataset=digits", *overrides])
    spec, (phase,) = configs.build(config)
    state = new_state(phase.game, jax.random.key(0), data.example(spec, 8))
    return Trained(config, spec, phase.game, state, 0)


def mesh_of(count: int) -> Mesh:
    """A mesh of the first ``count`` devices."""
    return Mesh(np.array(jax.devices()[:count]), ("data",), axis_types=(AxisType.Auto,))


def play(config, rounds: int, devices: int, phase: int = 0):
    """Plays rounds of one phase on real data: (final state, metrics of each round, compiled program)."""
    (state,), history, program = play_seeds(config, [config.seed], rounds, devices, phase=phase)
    return state, [{key: values[0] for key, values in metrics.items()} for metrics in history], program


def play_seeds(config, seeds, rounds: int, devices: int, at_once: int = 1, phase: int = 0):
    """Plays as the loop does, so many rounds at once: (each seed's state, metrics [S] of each round, program)."""
    spec, phases = configs.build(config)
    game, mesh = phases[phase].game, mesh_of(devices)
    dtype = jnp.float64 if config.precision == "float64" else jnp.float32
    source = data.load(config.dataset, "train", config.image_shape)
    with jax.set_mesh(mesh):
        feed = Feed(source, 0, 0, config.batch_size, game.turns, mesh, dtype)
        feeds = [feed.of_seed(seed) for seed in seeds]
        batch, everywhere = data.example(spec, config.batch_size, dtype), NamedSharding(mesh, PartitionSpec())
        begin = lambda seed: jax.device_put(new_state(game, jax.random.key(seed), batch), everywhere)
        states, history, program = side_by_side([begin(seed) for seed in seeds]), [], None
        for step in range(0, rounds, at_once):
            given = ({}, feed.arrays, tuple(one.given(step, at_once) for one in feeds))
            program = program or compile_rounds(game, dtype, states, *given)
            states, metrics = program(states, *given)
            metrics = jax.device_get(metrics)
            history += [{key: values[row] for key, values in metrics.items()} for row in range(at_once)]
        return apart(states), history, program


def environment(cache: Path, devices: int = 1, **more: str) -> dict[str, str]:
    """A user's environment with virtual devices and a cache folder of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XLA_", "JAX_"))}
    # Commands in tests compile much and compute little, but for the classifier: level 1 compiles a third faster.
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=1"}
    return {**kept, **flags, "XDG_CACHE_HOME": str(cache), "JAX_PLATFORMS": "cpu", **more}


def start(arguments: list[str], env: dict[str, str], prefix: list[str] = (), **options) -> subprocess.Popen:
    """Starts the command line, behind the words of ``prefix``."""
    command = [*prefix, sys.executable, "-P", "-m", "gan_zoo", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=env, **{**pipes, **options})


def command(arguments: list[str], env: dict[str, str], timeout: int = 300, **options) -> subprocess.CompletedProcess:
    """Runs the command line to its end."""
    process = start(arguments, env, **options)
    out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def result(workdir: Path, name: str = "result.json") -> dict:
    """A JSON file of a run."""
    return json.loads((Path(workdir) / name).read_text())


def lines(workdir: Path) -> list[dict]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (Path(workdir) / "metrics.jsonl").read_text().splitlines()]


def fields(cls) -> set[str]:
    """Names of a dataclass's fields."""
    return {field.name for field in dataclasses.fields(cls)}


def noise(*shape: int, seed: int = 0, dtype=np.uint8) -> np.ndarray:
    """Random pixels, the same every time."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write_image(path: Path, array: np.ndarray | Image.Image, **options) -> None:
    """Writes an image file and the folder around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(path, **options)
