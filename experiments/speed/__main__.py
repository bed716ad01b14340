"""./launch.sh speed [NAME ...] [--workdir=DIR]: gan_zoo beside PyTorch, in turn, on this machine."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from workloads import WORKLOADS, Workload

from gan_zoo.errors import choose
from gan_zoo.workdir import versions, write

SIDES = ("gan_zoo", "pytorch")
CORES = len(os.sched_getaffinity(0))


class Side:
    """A worker process."""

    def __init__(self, side: str, name: str):
        here = Path(__file__).parent
        threads = {"OMP_NUM_THREADS": str(CORES), "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", here / "worker.py", side, name],
            env={**os.environ, **threads},
            cwd=here.parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.facts = self._answer()

    def play(self, rounds: int) -> dict[str, Any]:
        self.process.stdin.write(f"{rounds}\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker ended early with {self.process.wait()}")
        return json.loads(line)


def compare(name: str, workload: Workload) -> dict[str, Any]:
    """Plays both sides in turn; the ratio is gan_zoo's images/s by PyTorch's."""
    sides = {side: Side(side, name) for side in SIDES}
    if sides["gan_zoo"].facts["parameters"] != sides["pytorch"].facts["parameters"]:
        raise SystemExit(f"{name}: the networks differ: {[side.facts['parameters'] for side in sides.values()]}")
    played = {side: [] for side in SIDES}
    for _ in range(workload.repeats):
        for side in SIDES:
            played[side].append(sides[side].play(workload.rounds))
    for which, side in sides.items():
        side.close()
        losses = [one["losses"][0] for one in played[which]]
        if not min(losses) < side.facts["first_losses"][0]:
            raise SystemExit(f"{name}: the discriminator of {which} learns nothing: its losses are {losses}")
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(played["gan_zoo"], played["pytorch"], strict=True)]
    found = {"ratio": round(statistics.median(ratios), 3), "ratios": [round(ratio, 3) for ratio in ratios]}
    for side in SIDES:
        seconds = [one["seconds"] / workload.rounds for one in played[side]]
        found[side] = {
            "milliseconds": round(1000 * statistics.median(seconds), 2),
            "spread": [round(1000 * min(seconds), 2), round(1000 * max(seconds), 2)],
            "peak_mb": played[side][-1]["peak_mb"],
            "losses": [[round(loss, 4) for loss in one["losses"]] for one in played[side]],
            **sides[side].facts,
        }
    found["gan_zoo"]["gflop_per_second"] = round(found["gan_zoo"]["gflop"] / found["gan_zoo"]["milliseconds"] * 1000, 1)
    return found


def table(found: dict[str, Any]) -> str:
    """Markdown."""
    lines = ["| workload | gan_zoo | PyTorch | ratio (spread) | compile | memory |", "|---|---|---|---|---|---|"]
    for name, one in found.items():
        ours, theirs = one["gan_zoo"], one["pytorch"]
        lines.append(
            f"| {name} | {ours['milliseconds']} ms | {theirs['milliseconds']} ms | **{one['ratio']:.2f}** "
            f"({min(one['ratios']):.2f} to {max(one['ratios']):.2f}) | {ours['compile_seconds']} s "
            f"| {ours['peak_mb']} / {theirs['peak_mb']} MB |"
        )
    return "\n".join(lines)


def chart(path: Path, found: dict[str, Any]) -> None:
    """Bars of the ratios with their spread."""
    figure = Figure(figsize=(7, 0.7 * len(found) + 1.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    names, ratios = list(found), [one["ratio"] for one in found.values()]
    spread = [
        [ratio - min(found[name]["ratios"]) for name, ratio in zip(names, ratios, strict=True)],
        [max(found[name]["ratios"]) - ratio for name, ratio in zip(names, ratios, strict=True)],
    ]
    axes.barh(names, ratios, xerr=spread, color="tab:blue", ecolor="0.3", capsize=3)
    axes.axvline(1, color="0.3", linestyle="--")
    axes.invert_yaxis()
    axes.set_xlabel("images/s of gan_zoo by those of PyTorch (more is faster)")
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./launch.sh speed")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--workdir", default="runs/speed")
    args = parser.parse_args()
    found = {}
    for name in args.names or WORKLOADS:
        choose("workload", name, WORKLOADS)
    folder = Path(args.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    for name in args.names or WORKLOADS:
        found[name] = compare(name, WORKLOADS[name])
        print(f"{name}: {found[name]['ratio']}", flush=True)
        write(folder / "speed.json", found)
    text = table(found) + f"\n\n{CORES} cores, {json.dumps(dict(versions()))}\n"
    (folder / "speed.md").write_text(text)
    chart(folder / "speed.png", found)
    print(text)


if __name__ == "__main__":
    main()
