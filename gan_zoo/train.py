"""The loop: phases in order, rounds within them, and what happens beside the rounds."""

import contextlib
import dataclasses
import itertools
import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from clu import parameter_overview
from jax.sharding import NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from gan_zoo import config as configs
from gan_zoo import data, trained
from gan_zoo.checkpoint import Checkpoints, Restored, fingerprint, from_leaves, take_over, to_leaves
from gan_zoo.data import captioned
from gan_zoo.data.feed import Feed
from gan_zoo.devices import check_batch, float_type, make_mesh, prepare
from gan_zoo.errors import UserError
from gan_zoo.game import Phase
from gan_zoo.log import Log
from gan_zoo.optimizers import at_rest
from gan_zoo.record import Record
from gan_zoo.rounds import States, apart, compile_rounds, side_by_side
from gan_zoo.step import State, new_state
from gan_zoo.stop import Stop
from gan_zoo.workdir import Workdir, check_continued, reached, read

RATE = "images_per_second"
log = logging.getLogger("gan_zoo")


def train(config: ConfigDict, path: str | Path) -> dict[str, Any] | None:
    """Trains, or continues what was begun in ``path``, and evaluates the final state.

    Returns:
        What result.json says, or None if the run was asked to stop before its end.

    Raises:
        UserError: see the messages.
    """
    prepare(config.precision)
    with jax.set_mesh(make_mesh()):
        spec, phases = configs.build(config)
        for name, end in at_rest(config, max(phase.rounds for phase in phases)).items():
            log.warning("from round %d on nothing is learned: the rate is 0 (config.%s.decay_rounds)", end, name)
        for phase in phases:
            check_batch(phase.batch_size)
        captioned.unpack(Path(path))
        _check_earlier(config, spec, phases, Path(path))
        source = data.load(config.dataset, "train", config.image_shape, config.classes)
        check_size(source, max(phase.batch_size for phase in phases))
        larger = source
        if config.load_size:
            larger = data.load(config.dataset, "train", (*config.load_size, spec.shape[-1]), config.classes)
        trained.held_out(config, spec, phases[-1].game)  # what is wrong there is told before a round is played
        return Run(config, spec, phases, source, larger, path).play()


def _check_earlier(config: ConfigDict, spec: data.Spec, phases: list[Phase], path: Path) -> None:
    """Refuses to go on with another config, other texts or phases than a run had, before its folder is touched."""
    runs = _alone(config, path)
    rounds = {folder: reached(folder) for folder in runs}
    if len(set(rounds.values())) > 1 and not _were_together(runs, path):
        told = ", ".join(f"{folder.name} {number}" for folder, number in rounds.items())
        raise UserError(
            f"{path}: seeds have come unequally far, to the rounds {told}, and together all would go back to the "
            f"least: train those that lack rounds by themselves (--workdir={path}/seed_K --config.seed=K)"
        )
    for folder, own in runs.items():
        check_continued(folder, own)
        if not rounds[folder] or not (spec.text_shape or len(phases) > 1 or config.phases):
            continue
        with contextlib.closing(Checkpoints(folder / "checkpoints", read_only=True)) as found:
            if newest := found.restore():
                check_played(newest.info, phases, folder)
                if spec.text_shape:
                    captioned.check(config.dataset, newest.info["text"], config.classes)


def _were_together(runs: Mapping[Path, ConfigDict], path: Path) -> bool:
    """Whether a folder's runs were trained in it together: killed, they may stand a checkpoint apart."""
    earlier = read(path / "config.json") or {"seed": 0, "seeds": 0}
    return {own.seed for own in runs.values()} <= set(range(earlier["seed"], earlier["seed"] + earlier["seeds"]))


def _alone(config: ConfigDict, path: Path) -> dict[Path, ConfigDict]:
    """The config of each run that is trained in a folder, by the run's own folder."""
    if config.seeds == 1:
        return {path: config}
    numbers = range(config.seed, config.seed + config.seeds)
    return {path / f"seed_{n}": ConfigDict({**config.to_dict(), "seed": n, "seeds": 1}) for n in numbers}


def check_played(info: Mapping[str, Any], phases: list[Phase], path: Path) -> None:
    """Refuses what was played, [(phase, rounds)] of a checkpoint, if the phases asked for have others before its end.

    Raises:
        UserError: says how to keep it.
    """
    *ended, (name, rounds) = map(tuple, info["played"])
    planned = [(phase.name, phase.rounds) for phase in phases[: len(ended) + 1]]
    if ended == planned[:-1] and name == planned[-1][0] and rounds <= planned[-1][1]:
        return
    told = lambda given: ", ".join(f"{name} {rounds}" for name, rounds in given)
    paced = phases[len(planned) - 1].paced  # such as a fade: of another length it begins again
    keeping = [*ended, (name, info.get("length", rounds) if paced else max(rounds, planned[-1][1]))]
    others = [one for one, plan in zip(keeping, planned, strict=False) if one != plan]
    kept = " ".join(f"--config.phases.{name}={rounds}" for name, rounds in others)
    kept = f"{kept} keeps what was played, " if kept else ""
    raise UserError(
        f"{path} has played the rounds {told(info['played'])}, and these settings give them {told(planned)}: "
        f"{kept}another --workdir begins anew"
    )


def check_size(source: data.Source, batch_size: int) -> None:
    """Refuses a set that is smaller than a minibatch, which would hold an image twice.

    Raises:
        UserError: says how many there are.
    """
    smallest = min((source, source.inputs or source), key=lambda one: one.size)
    if smallest.size < batch_size:
        raise UserError(
            f"{smallest.spec.name}/{source.split} has {smallest.size} images, fewer than a batch of {batch_size}: "
            "set config.batch_size to less (and config.batch_sizes, where a model has them)"
        )


@dataclass(frozen=True)
class Seed:
    """One of the independent runs that are trained together. A run alone lies in the run's own folder."""

    config: ConfigDict
    workdir: Workdir
    checkpoints: Checkpoints


class Run:
    """What is trained in one folder: one run, or one for each of config.seeds.

    Args:
        source, larger: the training split as it is compared with, and at the size that it is cut out of.
    """

    def __init__(
        self,
        config: ConfigDict,
        spec: data.Spec,
        phases: list[Phase],
        source: data.Source,
        larger: data.Source,
        path: str | Path,
    ):
        self.config, self.spec, self.phases = config, spec, phases
        self.source, self.larger = source, larger
        self.mesh = jax.sharding.get_mesh()
        self.dtype = float_type(config.precision)
        self.ends = list(itertools.accumulate(phase.rounds for phase in phases))
        # What is missing here is told before anything in the folder is touched.
        self.constants = [phase.constants() for phase in phases]
        self.record = Record(config, source)
        self.text = captioned.weights(config.dataset, config.classes) if spec.text_shape else ""
        self.workdir = Workdir(path, config)
        self.stop = Stop()
        self.compile_seconds = 0.0
        self.earlier_seconds = 0.0
        self.seeds = []
        best = f"{config.best_score}/{config.watch_samples}"
        for folder, own in _alone(config, self.workdir.path).items():
            place = self.workdir if own is config else Workdir(folder, own)
            self.seeds.append(Seed(own, place, Checkpoints(folder / "checkpoints", self.ends, best)))
        for folder in (self.workdir, *(seed.workdir for seed in self.seeds)):
            if self.text and folder.writes:
                captioned.keep(self.config.dataset, self.config.classes, folder.path)

    def play(self) -> dict[str, Any] | None:
        """Plays all phases from where the newest good checkpoint is."""
        with contextlib.ExitStack() as at_end:
            at_end.callback(self.stop.close)
            at_end.callback(self.workdir.close)
            for seed in self.seeds:
                at_end.callback(seed.workdir.close)
                at_end.callback(seed.checkpoints.close)
            return self._play(at_end)

    def _play(self, at_end: contextlib.ExitStack) -> dict[str, Any] | None:
        restored = self._restore()
        start = restored[0].round if restored else 0
        folders = [self.workdir, *(seed.workdir for seed in self.seeds)]
        for folder in folders:
            folder.cut(start)
        if start == self.ends[-1] and all(self._is_finished(folder) for folder in folders):
            return self.workdir.read("result.json")
        for folder in folders:
            folder.remove("result.json", "evaluation.json")
        places = {seed.config.seed: seed.workdir.path for seed in self.seeds}
        self.log = Log(self.workdir.path, start, self.ends[-1], self.workdir.writes, places)
        at_end.callback(self.log.close)
        index, states, within = 0, None, 0
        if restored:
            info = restored[0].info
            index, within = len(info["played"]) - 1, info["played"][-1][1]
            like = trained.state_like(self.phases[index].game, self.spec, self.config)
            states = [self._replicate(from_leaves(like, one.leaves)) for one in restored]
            self.earlier_seconds = info["seconds"]
            log.info("continuing %s at round %d", self.workdir.path, start)
        for number in range(index, len(self.phases)):
            if number > index or not restored:
                states, within = self._begin(number, states), 0
            states = self._phase(number, states, within)
            if self.stop.seen:
                log.warning("stopped at round %d: run the same command again to continue", self.stop.seen)
                return None
        return self._finish(states)

    def _restore(self) -> list[Restored]:
        """The newest good checkpoints that all seeds have, or none."""
        last = self.ends[-1]
        while True:
            fits = lambda info, last=last: self._fits(info) and info["round"] <= last
            found = [seed.checkpoints.restore(fits) for seed in self.seeds]
            rounds = {restored.round if restored else 0 for restored in found}
            if len(rounds) == 1:
                return found if all(found) else []
            last = min(rounds)

    def _phase(self, number: int, states: list[State], within: int) -> list[State]:
        """Plays a phase from the round ``within`` to its end, or until the run is asked to stop."""
        phase, config = self.phases[number], self.config
        offset = self.ends[number] - phase.rounds
        if within == phase.rounds:
            return states
        stride = self._rounds_at_once(phase, offset, within)
        feeds, constants = self._feeds(number), self._replicate(self.constants[number])
        given = lambda played: tuple(feed.given(played, stride) for feed in feeds)
        self.log.begin(phase, offset, phase.game.turns * phase.batch_size * len(self.seeds))
        self._overview(phase, states[0])
        fixed, states = (constants, feeds[0].arrays), side_by_side(states)
        step = self._compile(phase, states, *fixed, given(within))
        for played in range(within + stride, phase.rounds + 1, stride):
            states, metrics = step(states, *fixed, given(played - stride))
            now = offset + played
            self.log.add(now, metrics)
            last, due = played == phase.rounds, lambda every, now=now: every and now % every == 0
            stopping = self.stop.asked()
            saving = due(config.checkpoint_every) or last or stopping
            if due(config.log_every) or due(config.eval_every) or saving:
                self.log.flush()
            with self.log.pause():
                scores: list[float | None] = [None] * len(self.seeds)
                learned = lambda states=states, now=now: self._learned(number, self._each(states), now)
                try:
                    if due(config.sample_every) or last:
                        self.record.pictures(learned(), self.log)
                    if due(config.eval_every) or (last and (config.eval_every or config.best_score)):
                        scores = self.record.watch(learned(), self.log, phase.name, number == len(self.phases) - 1)
                except Exception:  # a picture or a score that cannot be had: what was played is not lost
                    # Processes save together, and only the first one knows of this.
                    for seed, state in self._each(states) if jax.process_count() == 1 else ():
                        self._save(seed, number, state, played, None)
                        seed.checkpoints.wait()
                    raise
                for (seed, state), score in zip(self._each(states), scores, strict=True):
                    if saving or score is not None:
                        self._save(seed, number, state, played, score)
            if stopping and now < self.ends[-1]:
                for seed in self.seeds:
                    seed.checkpoints.wait()
                self.stop.seen = now
                break
        return [state for _, state in self._each(states)]

    def _rounds_at_once(self, phase: Phase, offset: int, within: int) -> int:
        """Rounds in a dispatch: whatever is due falls between two of them."""
        config = self.config
        every = [config.log_every, config.sample_every, config.checkpoint_every, config.eval_every]
        return math.gcd(config.rounds_per_dispatch, phase.rounds, within, offset, *every)

    def _each(self, states: States) -> Iterator[tuple[Seed, State]]:
        yield from zip(self.seeds, apart(states), strict=True)

    def _begin(self, number: int, earlier: list[State] | None) -> list[State]:
        """The states at the start of a phase; networks that begin there may start from another run's."""
        batch, states = data.example(self.spec, self.phases[number].batch_size, self.dtype), []
        for i, seed in enumerate(self.seeds):
            key = jax.random.fold_in(jax.random.key(seed.config.seed), number)
            state = new_state(self.phases[number].game, key, batch, *([earlier[i]] if earlier else []))
            if self.config.init_from:
                known, other = to_leaves(earlier[i]) if earlier else {}, trained.restore(self.config.init_from)
                if self.text and other.info.get("text"):
                    whose = self.config.init_from
                    captioned.check(self.config.dataset, other.info["text"], self.config.classes, whose=whose)
                state = take_over(state, other, self.config.init_from, known)
            states.append(self._replicate(state))
        return states

    def _feeds(self, number: int) -> list[Feed]:
        """The data of a phase begins where the phases before it ended."""
        start = sum(phase.images for phase in self.phases[:number])
        turns, size = self.phases[number].game.turns, self.phases[number].batch_size
        crop = self.spec.shape[:2] if self.config.load_size else ()
        feed = Feed(self.larger, self.config.seed, start, size, turns, self.mesh, self.dtype, crop, self.config.flip)
        return [feed.of_seed(seed.config.seed) for seed in self.seeds]

    def _compile(self, phase: Phase, states: States, *given: Any):
        """What plays this phase, compiled here and only here."""
        began = time.perf_counter()
        with self.log.pause():
            step = compile_rounds(phase.game, self.dtype, states, *given)
        seconds = time.perf_counter() - began
        self.compile_seconds += seconds
        log.info("%s: compiled in %.1f s", phase.name, seconds)
        return step

    def _save(self, seed: Seed, number: int, state: State, played: int, score: float | None) -> None:
        before = [[phase.name, phase.rounds] for phase in self.phases[:number]]
        now = sum(rounds for _, rounds in before) + played
        info = {
            "played": [*before, [self.phases[number].name, played]],
            "length": self.phases[number].rounds,
            "seconds": self.earlier_seconds + self.log.seconds,
            "config": configs.to_json(seed.config),
            "spec": dataclasses.asdict(self.spec),
            "text": self.text,
        }
        seed.checkpoints.save(now, state, info, score)

    def _fits(self, info: dict[str, Any]) -> bool:
        """Whether a checkpoint is of the game that is played: a fade of another length is another, and begins again."""
        phase = self.phases[len(info["played"]) - 1]
        return not phase.paced or info.get("length", phase.rounds) == phase.rounds

    def _finish(self, states: list[State]) -> dict[str, Any]:
        """Evaluates the final state and writes result.json."""
        step, seconds = self.ends[-1], self.earlier_seconds + self.log.seconds
        images = sum(phase.images for phase in self.phases)
        for seed in self.seeds:
            seed.checkpoints.wait()
        self.stop.close()  # all is saved: from here a signal may end the process at once
        with self.log.pause():
            number = len(self.phases) - 1
            seeds = self._learned(number, zip(self.seeds, states, strict=True), step)
            self.workdir.write("evaluation.json", self.record.final(seeds, self.log, self.phases[number].name))
        result = {
            "step": step,
            "seconds": round(seconds, 2),
            RATE: round(images * len(self.seeds) / seconds, 1) if seconds else None,
            "compile_seconds": round(self.compile_seconds, 2),
        }
        share = {name: result[name] and round(result[name] / len(self.seeds), 2) for name in ("seconds", RATE)}
        for seed, state in zip(self.seeds, states, strict=True):
            own = {**result, **share, "fingerprint": fingerprint(to_leaves(state))}
            seed.workdir.write("result.json", own)
        if len(self.seeds) == 1:
            return own
        result["seeds"] = [seed.config.seed for seed in self.seeds]
        self.workdir.write("result.json", result)
        return result

    def _learned(
        self, number: int, states: Iterable[tuple[Seed, State]], now: int
    ) -> Iterator[tuple[Workdir, trained.Trained]]:
        game = self.phases[number].game
        for seed, state in states:
            folder = seed.workdir
            yield folder, trained.Trained(seed.config, self.spec, game, state, now, folder.path)

    def _is_finished(self, folder: Workdir) -> bool:
        files = [folder.read(name) or {} for name in ("result.json", "evaluation.json")]
        return all(file.get("step") == self.ends[-1] for file in files)

    def _overview(self, phase: Phase, state: State) -> None:
        for name, variables in state.nets.items():
            if "params" not in variables:
                continue
            table = parameter_overview.get_parameter_overview(variables["params"], include_stats=False)
            log.info("%s: %s\n%s", phase.name, name, table)

    def _replicate(self, tree: Any) -> Any:
        return jax.device_put(tree, NamedSharding(self.mesh, PartitionSpec()))
