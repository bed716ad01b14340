"""The comparison with PyTorch: its arithmetic always, the real thing where PyTorch is installed."""

import importlib.util
import json
import sys

import pytest
from tools import PROJECT, command, environment

from gan_zoo import config as configs

SPEED = PROJECT / "experiments" / "speed"


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(str(SPEED))
    spec = importlib.util.spec_from_file_location("speed_main", SPEED / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("workloads", None)


def test_every_workload_is_a_config(speed):
    for workload in speed.WORKLOADS.values():
        config = configs.load(str(PROJECT / workload.config), [f"config.{item}" for item in workload.overrides])
        assert configs.build(config)[1] and workload.repeats >= (3 if workload.rounds == 1 else 5)


def test_ratio_is_the_median_of_pairs(speed, monkeypatch, tmp_path):
    """Images/s of gan_zoo by PyTorch's, each measurement beside its neighbour."""
    times = {"gan_zoo": [1.0, 2.0, 1.0], "pytorch": [2.0, 2.0, 3.0]}

    class Fake:
        def __init__(self, side, name):
            self.left = list(times[side])
            self.facts = {
                "parameters": {"generator": 3},
                "gflop": 2.0,
                "compile_seconds": 1.5,
                "first_losses": [2.0, 1.0],
            }

        def play(self, rounds):
            return {"seconds": self.left.pop(0), "losses": [1.0, 0.5], "peak_mb": 7}

        def close(self):
            pass

    monkeypatch.setattr(speed, "Side", Fake)
    found = speed.compare("x", speed.Workload("", (), rounds=10, repeats=3))
    assert found["ratios"] == [2.0, 1.0, 3.0] and found["ratio"] == 2.0
    assert found["gan_zoo"]["milliseconds"] == 100 and found["gan_zoo"]["gflop_per_second"] == 20
    assert "**2.00** (1.00 to 3.00)" in speed.table({"x": found})
    speed.chart(tmp_path / "speed.png", {"x": found})
    assert (tmp_path / "speed.png").stat().st_size > 1000


def test_a_discriminator_that_learns_nothing_is_told(speed, monkeypatch):
    class Fake:
        facts = {"parameters": {}, "first_losses": [1.0, 1.0]}
        __init__ = lambda self, side, name: None
        play = lambda self, rounds: {"seconds": 1.0, "losses": [1.4, 0.5], "peak_mb": 7}
        close = lambda self: None

    monkeypatch.setattr(speed, "Side", Fake)
    with pytest.raises(SystemExit, match="learns nothing"):
        speed.compare("x", speed.Workload("", (), rounds=1, repeats=3))


@pytest.mark.slow
def test_side_by_side(tmp_path):
    pytest.importorskip("torch")
    run = command(["speed", "default", f"--workdir={tmp_path}"], environment(tmp_path), cwd=PROJECT, timeout=600)
    assert run.returncode == 0, run.stderr
    found = json.loads((tmp_path / "speed.json").read_text())["default"]
    assert found["ratio"] > 1 and len(found["ratios"]) == 7
