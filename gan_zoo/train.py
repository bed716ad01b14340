"""The loop: phases in order, rounds within them, and what happens beside the rounds."""

import contextlib
import itertools
import logging
import signal
import threading
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from clu import parameter_overview
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from gan_zoo import config as configs
from gan_zoo import data, figures, trained
from gan_zoo.checkpoint import Checkpoints, Restored, fingerprint, from_leaves, to_leaves
from gan_zoo.data.feed import Feed
from gan_zoo.devices import check_batch, float_type, make_mesh, prepare
from gan_zoo.errors import UserError, choose
from gan_zoo.evaluate import evaluate
from gan_zoo.game import Batch, Phase
from gan_zoo.log import Log
from gan_zoo.step import State, new_state, train_step
from gan_zoo.workdir import Workdir

COLUMNS = 10
log = logging.getLogger("gan_zoo")


def train(config: ConfigDict, path: str | Path) -> dict[str, Any] | None:
    """Trains, or continues what was begun in ``path``, and evaluates the final state.

    Returns:
        What result.json says, or None if the run was asked to stop before its end.

    Raises:
        UserError: see the messages.
    """
    prepare(config.precision)
    check_batch(config.batch_size)
    spec, phases = configs.build(config)
    source = data.load(config.dataset, "train", config.image_shape, config.classes)
    workdir = Workdir(path, config)
    with jax.set_mesh(make_mesh()):
        return Run(config, spec, phases, source, workdir).play()


class Run:
    """One training run in one folder."""

    def __init__(self, config: ConfigDict, spec: data.Spec, phases: list[Phase], source: data.Source, workdir: Workdir):
        self.config, self.spec, self.phases, self.source, self.workdir = config, spec, phases, source, workdir
        self.mesh = jax.sharding.get_mesh()
        self.dtype = float_type(config.precision)
        self.ends = list(itertools.accumulate(phase.rounds for phase in phases))
        self.checkpoints = Checkpoints(workdir.path / "checkpoints", self.ends)
        self.stop = Stop()
        self.compile_seconds = 0.0
        self.earlier_seconds = 0.0
        self.scored = None  # the round of the last evaluation

    def play(self) -> dict[str, Any] | None:
        """Plays all phases from where the newest good checkpoint is."""
        with contextlib.ExitStack() as at_end:
            at_end.callback(self.stop.close)
            at_end.callback(self.checkpoints.close)
            return self._play(at_end)

    def _play(self, at_end: contextlib.ExitStack) -> dict[str, Any] | None:
        restored = self.checkpoints.restore(self._fits)
        start = restored.round if restored else 0
        self.workdir.cut_metrics(start)
        if restored and start == self.ends[-1] and self._is_finished():
            return self.workdir.read("result.json")
        self.workdir.remove("result.json", "evaluation.json")
        self.log = Log(self.workdir.path, start, self.ends[-1], self.workdir.writes)
        at_end.callback(self.log.close)
        index, state, within = 0, None, 0
        if restored:
            index, within = len(restored.info["played"]) - 1, restored.info["played"][-1][1]
            like = trained.state_like(self.phases[index].game, self.spec, self.config)
            state = self._replicate(from_leaves(like, restored.leaves))
            self.earlier_seconds = restored.info["seconds"]
            log.info("continuing %s at round %d", self.workdir.path, start)
        for number in range(index, len(self.phases)):
            if number > index or not restored:
                state, within = self._begin(number, state), 0
            state = self._phase(number, state, within)
            if self.stop.seen:
                log.warning("stopped at round %d: run the same command again to continue", self.stop.seen)
                return None
        return self._finish(state)

    def _phase(self, number: int, state: State, within: int) -> State:
        """Plays a phase from the round ``within`` to its end, or until the run is asked to stop."""
        phase, config = self.phases[number], self.config
        offset = self.ends[number] - phase.rounds
        feed = self._feed(number)
        constants = self._replicate(phase.constants())
        self.log.begin(phase, offset, phase.game.turns * config.batch_size)
        if within < phase.rounds:
            self._overview(phase, state)
            step = self._compile(phase, state, constants, feed(within))
        for played in range(within + 1, phase.rounds + 1):
            state, metrics = step(state, constants, feed(played - 1))
            now = offset + played
            self.log.add(now, metrics)
            last, due = played == phase.rounds, lambda every, now=now: every and now % every == 0
            stopping = self.stop.asked(now)
            saving = due(config.checkpoint_every) or last or stopping
            if due(config.log_every) or due(config.eval_every) or saving:
                self.log.flush()
            with self.log.pause():
                if due(config.sample_every) or last:
                    self._pictures(number, state, now)
                # The final state is saved before it is scored, unless its score decides what is kept.
                scoring = due(config.eval_every) if now < self.ends[-1] else config.best_score
                score = self._score(number, state, now) if scoring else None
                if saving or score is not None:
                    self._save(number, state, played, score)
            if stopping and now < self.ends[-1]:
                self.checkpoints.wait()
                self.stop.seen = now
                break
        return state

    def _begin(self, number: int, earlier: State | None) -> State:
        """The state at the start of a phase; the first one may start from another run's networks."""
        batch = data.example(self.spec, self.config.batch_size, self.dtype)
        key = jax.random.fold_in(jax.random.key(self.config.seed), number)
        state = new_state(self.phases[number].game, key, batch, earlier)
        if earlier is None and self.config.init_from:
            state = take_over(state, trained.restore(self.config.init_from), self.config.init_from)
        return self._replicate(state)

    def _feed(self, number: int) -> Feed:
        """The data of a phase begins where the phases before it ended."""
        size, before = self.config.batch_size, self.phases[:number]
        start = sum(phase.rounds * phase.game.turns * size for phase in before)
        turns = self.phases[number].game.turns
        return Feed(self.source, self.config.seed, start, size, turns, self.mesh, self.dtype)

    def _compile(self, phase: Phase, state: State, constants: Any, batches: Batch):
        """train_step for this phase, compiled here and only here."""
        began = time.perf_counter()
        with self.log.pause():
            step = train_step.lower(phase.game, state, constants, batches).compile()
        seconds = time.perf_counter() - began
        self.compile_seconds += seconds
        log.info("%s: compiled in %.1f s", phase.name, seconds)
        return step

    def _save(self, number: int, state: State, played: int, score: float | None) -> None:
        before = [[phase.name, phase.rounds] for phase in self.phases[:number]]
        now = sum(rounds for _, rounds in before) + played
        info = {
            "played": [*before, [self.phases[number].name, played]],
            "seconds": self.earlier_seconds + self.log.seconds,
            "config": configs.to_json(self.config),
        }
        self.checkpoints.save(now, state, info, score)

    def _fits(self, info: dict[str, Any]) -> bool:
        """Whether a checkpoint lies on the way that the phases now take: their lengths may have been changed."""
        played = info["played"]
        planned = [[phase.name, phase.rounds] for phase in self.phases[: len(played)]]
        return played[:-1] == planned[:-1] and played[-1][0] == planned[-1][0] and played[-1][1] <= planned[-1][1]

    def _pictures(self, number: int, state: State, now: int) -> None:
        """Sample grids of the averaged networks; with labels, one row for each."""
        learned = self._trained(number, state, now)
        rows = min(self.spec.classes, 20) or COLUMNS
        for name in learned.views:
            if len(self.spec.shape) == 1:
                made = learned.sample(num=2000)
            else:
                labels = np.repeat(np.arange(rows), COLUMNS)
                batch = data.example(self.spec, len(labels), self.dtype, labels)
                made = learned.view(name, batch)["image"]
            if not self.workdir.writes:
                continue
            file = self.workdir.path / "samples" / f"{name}_{now:07d}.png"
            if len(self.spec.shape) == 1:
                figures.save_points(file, made, self.source.take(np.arange(2000))["image"])
                continue
            images = made if made.ndim == 5 else made.reshape(rows, COLUMNS, *self.spec.shape)
            figures.save_grid(file, images)
            self.log.board.add_image(name, figures.grid(images), now, dataformats="HWC")

    def _score(self, number: int, state: State, now: int) -> float | None:
        """Evaluates; the score that the config names decides which checkpoint is the best."""
        evaluation, self.scored = evaluate(self._trained(number, state, now)), now
        self.workdir.write("evaluation.json", evaluation)
        values = {name: score["value"] for name, score in evaluation["scores"].items()}
        self.log.scores(now, values)
        if not self.config.best_score:
            return None
        return values[choose("score (config.best_score)", self.config.best_score, values)]

    def _finish(self, state: State) -> dict[str, Any]:
        """Evaluates the final state and writes result.json."""
        step, seconds = self.ends[-1], self.earlier_seconds + self.log.seconds
        images = sum(phase.rounds * phase.game.turns for phase in self.phases) * self.config.batch_size
        self.checkpoints.wait()
        self.stop.close()  # all is saved: from here a signal may end the process at once
        if self.scored != step:
            with self.log.pause():
                self._score(len(self.phases) - 1, state, step)
        result = {
            "step": step,
            "seconds": round(seconds, 2),
            "images_per_second": round(images / seconds, 1) if seconds else None,
            "compile_seconds": round(self.compile_seconds, 2),
            "fingerprint": fingerprint(to_leaves(state)),
        }
        self.workdir.write("result.json", result)
        return result

    def _trained(self, number: int, state: State, now: int) -> trained.Trained:
        return trained.Trained(self.config, self.spec, self.phases[number].game, state, now)

    def _is_finished(self) -> bool:
        files = [self.workdir.read(name) or {} for name in ("result.json", "evaluation.json")]
        return all(file.get("step") == self.ends[-1] for file in files)

    def _overview(self, phase: Phase, state: State) -> None:
        for name, variables in state.nets.items():
            table = parameter_overview.get_parameter_overview(variables.get("params", {}), include_stats=False)
            log.info("%s: %s\n%s", phase.name, name, table)

    def _replicate(self, tree: Any) -> Any:
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec()))


def take_over(state: State, other: Restored, path: str) -> State:
    """The state with every leaf of a network that the other run has at the same place.

    Raises:
        UserError: a leaf has another shape, or none is at the same place.
    """
    leaves, taken = to_leaves(state), 0
    for name, leaf in leaves.items():
        found = other.leaves.get(name, other.leaves.get(name.replace("ema/", "nets/", 1)))
        if not name.startswith(("nets/", "ema/")) or found is None:
            continue
        if found.shape != leaf.shape:
            raise UserError(f"--init-from: {name} has the shape {found.shape} in {path} and {leaf.shape} here")
        leaves[name], taken = found.astype(leaf.dtype), taken + 1
    if not taken:
        raise UserError(f"--init-from: the run in {path} has none of this model's networks")
    log.info("took %d arrays of networks from %s at round %d", taken, path, other.round)
    return from_leaves(state, leaves)


class Stop:
    """Whether the run was asked to stop: SIGTERM or SIGINT; with several processes, by all at the same round."""

    def __init__(self):
        self.seen, self.signalled, self.before = 0, False, {}
        # With several processes jax.distributed listens; outside the main thread nobody may.
        if jax.process_count() == 1 and threading.current_thread() is threading.main_thread():
            for kind in (signal.SIGTERM, signal.SIGINT):
                self.before[kind] = signal.signal(kind, self._note)

    def asked(self, now: int) -> bool:
        """Asked once a round."""
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(now)
        return self.signalled

    def close(self) -> None:
        """Gives the signals back."""
        for kind, handler in self.before.items():
            signal.signal(kind, handler)

    def _note(self, kind: int, _: Any) -> None:
        self.signalled = True
        signal.signal(kind, signal.SIG_DFL)  # a second one ends the process at once
