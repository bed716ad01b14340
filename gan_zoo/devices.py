"""The devices of a run: precision, the compilation cache, other processes, and the mesh."""

import ctypes
import logging
import os
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh

from gan_zoo.errors import UserError


def cache_folder() -> Path:
    """Where what can be computed again is kept: $XDG_CACHE_HOME/gan_zoo or ~/.cache/gan_zoo."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gan_zoo"


def prepare(precision: str) -> None:
    """Sets JAX up for a run: float64 if asked for, compiled programs kept, other processes joined."""
    keep_memory()
    jax.config.update("jax_enable_x64", precision == "float64")
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        # The defaults keep almost nothing: only what took longer than a second.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    join()
    if jax.process_index():
        logging.getLogger("gan_zoo").setLevel(logging.WARNING)  # one process tells what all do


def keep_memory() -> None:
    """Lets this process keep the memory that it frees (glibc; elsewhere nothing happens).

    Every round on CPU allocates its intermediate arrays anew. Given back in between, each page of them is a fault
    and is zeroed again: a third of a DCGAN's round.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(-4, 0)  # M_MMAP_MAX: large arrays come from the heap too
        libc.mallopt(-1, -1)  # M_TRIM_THRESHOLD: the heap never shrinks


def float_type(precision: str) -> Any:
    """The type of parameters, state, data and noise: bfloat16 only computes."""
    return jnp.float64 if precision == "float64" else jnp.float32


def join() -> None:
    """Joins the other processes if there are any.

    They are announced by JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID, or by Slurm's srun, or by
    a TPU pod.
    """
    environment = os.environ
    if jax.distributed.is_initialized():
        return
    if environment.get("JAX_COORDINATOR_ADDRESS"):
        try:
            processes, process = int(environment["JAX_NUM_PROCESSES"]), int(environment["JAX_PROCESS_ID"])
        except (KeyError, ValueError):
            raise UserError(
                "JAX_COORDINATOR_ADDRESS is set: JAX_NUM_PROCESSES and JAX_PROCESS_ID must be set to whole numbers too"
            ) from None
        jax.distributed.initialize(environment["JAX_COORDINATOR_ADDRESS"], processes, process)
    elif int(environment.get("SLURM_STEP_NUM_TASKS", 1)) > 1 or "," in environment.get("TPU_WORKER_HOSTNAMES", ""):
        jax.distributed.initialize()


def agreed(good: bool) -> bool:
    """Whether all processes say so."""
    if jax.process_count() == 1:
        return good
    return bool(np.all(multihost_utils.process_allgather(np.array(good))))


def make_mesh() -> Mesh:
    """All devices of all processes along one axis, "data"."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def local_mesh() -> Mesh:
    """One device of this process, for what each process does on its own."""
    return Mesh(np.array(jax.local_devices()[:1]), ("data",))


def check_batch(batch_size: int) -> None:
    """Refuses a batch that the devices do not divide.

    Raises:
        UserError: names the nearest sizes.
    """
    count = jax.device_count()
    if batch_size % count:
        down = batch_size // count * count
        sizes = f"{down} or {down + count}" if down else str(count)
        raise UserError(
            f"minibatches of {batch_size} cannot be divided over {count} devices: set config.batch_size, or "
            f"config.batch_sizes where a model has them, to {sizes}"
        )
