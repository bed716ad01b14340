"""Metrics of a run: checked every round, averaged, and written to metrics.jsonl, TensorBoard and the screen."""

import json
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from clu import metrics as clu_metrics
from tensorboardX import SummaryWriter
from tqdm import tqdm

from gan_zoo.errors import UserError
from gan_zoo.game import Metrics, Phase

# Rounds that the host may be ahead of the devices. More gain nothing, and several CPU devices deadlock.
IN_FLIGHT = 8


class Log:
    """Takes each round's metrics without waiting for them; ``flush`` waits, checks and writes.

    Args:
        total: rounds of the whole run, for the progress line.
        seeds: the independent runs that are trained together: a line has their mean and, if there are several,
            their spread (sample standard deviation) as "NAME/spread" and each one's value as "NAME/seeds".
    """

    def __init__(self, folder: Path, start: int, total: int, writes: bool, seeds: Mapping[int, Path]):
        self.folder, self.writes, self.seeds, self.images = folder, writes, list(seeds), 0
        self.rounds: deque[tuple[int, Metrics]] = deque()
        self.phase, self.offset = "", 0
        self.seconds, self.consumed = 0.0, 0
        self.latest: dict[str, np.ndarray] = {}  # averages [S] of what was flushed last
        self.since = time.perf_counter()
        if writes:
            self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)
            self.lines = open(folder / "metrics.jsonl", "a")  # noqa: SIM115
            together = len(seeds) > 1
            self.own = [open(own / "metrics.jsonl", "a") for own in seeds.values()] if together else []  # noqa: SIM115
            self.bar = tqdm(initial=start, total=total, unit="round", file=sys.stdout, mininterval=1.0)

    def begin(self, phase: Phase, offset: int, images: int) -> None:
        """A phase begins after ``offset`` rounds of the run; each of its rounds consumes ``images``."""
        self.phase, self.offset, self.images = phase.name, offset, images
        self.players = list(phase.game.players)
        self.since = time.perf_counter()

    def add(self, number: int, metrics: Metrics) -> None:
        """Notes the metrics [R, S] of a dispatch that ends with a round; waits for the one IN_FLIGHT before it."""
        self.rounds.append((number, metrics))
        if len(self.rounds) > IN_FLIGHT:
            jax.block_until_ready(self.rounds[-1 - IN_FLIGHT][1])

    def flush(self) -> None:
        """Checks what has been noted, and writes its averages as one line.

        Raises:
            UserError: a metric is not finite.
        """
        if not self.rounds:
            return
        ends, noted = zip(*self.rounds, strict=True)
        noted = jax.device_get(noted)
        self.rounds.clear()
        seconds = time.perf_counter() - self.since
        metrics = {name: np.concatenate([one[name] for one in noted]) for name in noted[0]}  # [N, S]
        count = len(next(iter(metrics.values())))
        _check(ends[-1] - count + 1, metrics, self.players, self.seeds)
        self.latest = {name: values.mean(axis=0) for name, values in metrics.items()}
        self.seconds += seconds
        self.consumed += self.images * count
        self._write(ends[-1], count, metrics, self.images * count / seconds)
        self.since = time.perf_counter()

    def gradients(self, seed: int) -> dict[str, float]:
        """Player -> its gradient_norm for the seed at that place, as it was flushed last."""
        norms = {name: values[seed] for name, values in self.latest.items() if name.endswith("/gradient_norm")}
        return {name.partition("/")[0]: float(value) for name, value in norms.items()}

    def scores(self, number: int, values: dict[str, Any]) -> None:
        """Shows an evaluation's numbers in TensorBoard."""
        for name, value in values.items():
            if self.writes and isinstance(value, int | float):
                self.board.add_scalar(f"scores/{name}", value, number)

    def image(self, name: str, pixels: np.ndarray, number: int) -> None:
        """Shows a picture uint8 [H, W, C] in TensorBoard."""
        if self.writes:
            self.board.add_image(name, pixels, number, dataformats="HWC")

    def pause(self) -> "Pause":
        """A time that does not count as training: pictures, checkpoints, evaluation."""
        return Pause(self)

    def close(self) -> None:
        """Closes the files."""
        if self.writes:
            self.bar.close()
            self.board.close()
            for file in (self.lines, *self.own):
                file.close()

    def _write(self, number: int, rounds: int, metrics: dict[str, np.ndarray], speed: float) -> None:
        if not self.writes:
            return
        averages = {name: clu_metrics.Average.from_model_output(values).compute() for name, values in metrics.items()}
        averages = {name: float(value) for name, value in averages.items()}
        where = {"step": number, "phase": self.phase, "phase_step": number - self.offset}
        for i, file in enumerate(self.own):
            values = {name: float(values[:, i].mean()) for name, values in metrics.items()}
            file.write(json.dumps({**where, **values, "images_per_second": round(speed / len(self.own), 1)}) + "\n")
            file.flush()
        line: dict[str, Any] = {**where, **averages}
        if len(self.seeds) > 1:
            for name, values in metrics.items():
                line[f"{name}/spread"] = float(values.mean(axis=0).std(ddof=1))
                line[f"{name}/seeds"] = values.mean(axis=0).tolist()
        self.lines.write(json.dumps({**line, "images_per_second": round(speed, 1)}) + "\n")
        self.lines.flush()
        for name, value in averages.items():
            self.board.add_scalar(name, value, number)
        self.board.add_scalar("images_per_second", speed, number)
        losses = {name.removesuffix("/loss"): value for name, value in averages.items() if name.endswith("/loss")}
        shown = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self.bar.set_postfix_str(f"{shown} {speed:.0f} images/s", refresh=False)
        self.bar.update(rounds)


class Pause:
    """Leaves its own duration out of the training time."""

    def __init__(self, log: Log):
        self.log = log

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: Any) -> None:
        self.log.since += time.perf_counter() - self.began


def _check(first: int, metrics: dict[str, np.ndarray], players: list[str], seeds: list[int]) -> None:
    """Metrics [N, S] from a round on. What is first not finite is the cause: players in order of play, then losses."""
    kinds = {"loss": 0, "gradient_norm": 2, "update_norm": 3}

    def when(name):
        player, _, metric = name.partition("/")
        return players.index(player), kinds.get(metric, 1)

    bad = {name: np.argwhere(~np.isfinite(values)) for name, values in metrics.items()}
    found = [(*places[0], name) for name, places in bad.items() if len(places)]
    if not found:
        return
    row, seed, name = min(found, key=lambda place: (place[0], *when(place[2])))
    player, _, metric = name.partition("/")
    whose = f" of the seed {seeds[seed]}" if len(seeds) > 1 else ""
    raise UserError(
        f"{metric} of the player {player!r}{whose} is {metrics[name][row, seed]} at round {first + row}: training "
        "stopped. The last good checkpoint stays; a smaller learning_rate is the usual remedy."
    )
