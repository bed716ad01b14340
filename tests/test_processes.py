"""Two processes on one machine, joined by jax.distributed: the same run as one process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from test_training import arguments
from tools import MEMBERS, PROJECT, command, environment, float64_rounds, lines, play, result, shrunk, start

from gan_zoo.devices import join

DCGAN = "configs/dcgan.py:digits"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def pair(begin, cache, meanwhile=lambda processes: None):
    """Starts two processes of four devices with ``begin(environment)`` and waits for their good end."""
    coordinator = {"JAX_COORDINATOR_ADDRESS": f"localhost:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    processes = [begin(environment(cache, devices=4, JAX_PROCESS_ID=str(i), **coordinator)) for i in range(2)]
    meanwhile(processes)
    for process in processes:
        _, err = process.communicate(timeout=600)
        assert process.returncode == 0, err


@pytest.mark.parametrize("name", ["configs/gan.py:digits", pytest.param(DCGAN, marks=pytest.mark.slow)])
def test_two_processes_are_one_run(name, cache, tmp_path):
    """Two processes of four devices against one of eight, in float64: checkpoints, metrics and scores."""
    more = ["config.precision=float64", "config.rounds=20"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert command(arguments(name, one, *more), environment(cache, devices=8)).returncode == 0
    pair(lambda env: start(arguments(name, two, *more), env), cache)
    assert result(two, "versions.json")["processes"] == 2
    assert [p.name for p in (two / "checkpoints").iterdir()]
    for a, b in zip(lines(one), lines(two), strict=True):
        for key in set(a) - {"phase", "images_per_second"}:
            np.testing.assert_allclose(a[key], b[key], atol=1e-8, err_msg=key)
    scores = [result(path, "evaluation.json")["scores"] for path in (one, two)]
    for key, score in scores[0].items():
        np.testing.assert_allclose(score["value"], scores[1][key]["value"], atol=1e-4, err_msg=key)


def test_ctrl_c_saves_two_processes_at_one_round(cache, tmp_path):
    """Also where a dispatch plays ten rounds: they agree on the next dispatch, not on the next round."""

    def interrupt(processes):
        while not (tmp_path / "metrics.jsonl").exists():
            assert all(process.poll() is None for process in processes)
            time.sleep(0.1)
        for process in processes:
            process.send_signal(signal.SIGINT)

    more = ["config.rounds=100000", "config.checkpoint_every=0"]
    pair(lambda env: start(arguments("configs/gan.py:digits", tmp_path, *more), env), cache, interrupt)
    (saved,) = (tmp_path / "checkpoints").iterdir()
    assert 0 < int(saved.name) < 100_000 and not (tmp_path / "result.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMBERS)
def test_two_processes_play_every_member_alike(name, cache, tmp_path):
    """Some rounds in float64."""
    program = lambda file: [sys.executable, __file__, name, tmp_path / file]
    pair(lambda env: subprocess.Popen(program("two.json"), env=env, text=True), cache)
    subprocess.run(program("one.json"), env=environment(cache, devices=8), check=True)
    one, two = (json.loads((tmp_path / file).read_text()) for file in ("one.json", "two.json"))
    for a, b in zip(one, two, strict=True):
        for key in a:
            np.testing.assert_allclose(a[key], b[key], atol=1e-8, rtol=0, err_msg=key)


def play_member(name: str, file: str) -> None:
    """Plays a member on all devices of all processes, and writes the metrics of each round."""
    import jax

    jax.config.update("jax_enable_x64", True)
    join()
    config, _ = shrunk(name, "config.precision=float64")
    _, rounds, _ = play(config, float64_rounds(name), 8)
    if jax.process_index() == 0:
        with open(file, "w") as out:
            json.dump([{key: float(value) for key, value in metrics.items()} for metrics in rounds], out)


if __name__ == "__main__":
    os.chdir(PROJECT)
    play_member(*sys.argv[1:])
