"""Two processes on one machine, joined by jax.distributed: the same run as one process."""

import socket

import numpy as np
import pytest
from test_training import arguments
from tools import command, environment, lines, result, start


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("name", ["configs/dcgan.py:digits"])
def test_two_processes_are_one_run(name, cache, tmp_path):
    """Two processes of four devices against one of eight, in float64: checkpoints, metrics and scores."""
    more = ["config.precision=float64", "config.rounds=20"]
    eight = environment(cache, devices=8)
    assert command(arguments(name, tmp_path / "one", *more), eight).returncode == 0
    coordinator = {"JAX_COORDINATOR_ADDRESS": f"localhost:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    pair = [
        start(
            arguments(name, tmp_path / "two", *more),
            environment(cache, devices=4, JAX_PROCESS_ID=str(i), **coordinator),
        )
        for i in range(2)
    ]
    for process in pair:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
    assert result(tmp_path / "two", "versions.json")["processes"] == 2
    assert [p.name for p in (tmp_path / "two" / "checkpoints").iterdir()]
    for a, b in zip(lines(tmp_path / "one"), lines(tmp_path / "two"), strict=True):
        for key in set(a) - {"phase", "images_per_second"}:
            np.testing.assert_allclose(a[key], b[key], atol=1e-8, err_msg=key)
