"""Eight virtual devices for all tests, and compiled programs and classifiers shared between them."""

import os
from importlib.metadata import version
from pathlib import Path

# Tests compile much and compute little: without LLVM's optimizations they take less than half the time, and jax 0.10
# compiles in two thirds of that with XLA's older emitters (which jax 0.12 has no more).
FLAGS = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
OLDER = " --xla_cpu_use_fusion_emitters=false" if version("jax").startswith("0.10.") else ""
os.environ["XLA_FLAGS"] = FLAGS + OLDER
os.environ.setdefault("JAX_PLATFORMS", "cpu")

# Each of pytest-xdist's workers keeps to a core of its own, as do the commands that it starts: XLA's threads of one
# worker and of the other take turns on every core otherwise.
if hasattr(os, "sched_setaffinity") and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})

import jax  # noqa: E402
import pytest  # noqa: E402

PROJECT = Path(__file__).resolve().parent.parent
COMPILED = PROJECT / ".pytest_cache" / "compiled"

jax.config.update("jax_compilation_cache_dir", str(COMPILED))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(autouse=True)
def programs_are_let_go():
    """A process of Linux may hold 65,530 memory maps; compiled programs take them, and XLA crashes without."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 30_000:
        jax.clear_caches()


@pytest.fixture(scope="session")
def cache(tmp_path_factory, worker_id) -> Path:
    """A user's cache folder that lives as long as the tests: what one command caches the next one finds."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "cache"  # pytest-xdist: one for all workers
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def own_data(tmp_path, monkeypatch) -> None:
    """The test has its own folder of data sets."""
    monkeypatch.setenv("GAN_ZOO_DATA", str(tmp_path / "zoo"))


@pytest.fixture
def refused_here(monkeypatch, capsys):
    """A command that must be refused, with these words, run in this process: to start another takes seconds."""
    from gan_zoo import __main__ as command_line

    monkeypatch.setattr(command_line, "_quiet_libraries", lambda: None)  # warnings stay errors

    def refused_here(arguments, *words):
        assert command_line.main(arguments) == 2
        told = capsys.readouterr().err
        for word in words:
            assert word in told, told
        assert told.startswith("gan_zoo: ") and len(told) < 3000

    return refused_here
