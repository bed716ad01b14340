"""What a run shows of itself beside the rounds: pictures, scores of a few samples on the way, and those of its end."""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_zoo import figures, watch
from gan_zoo.data import Source
from gan_zoo.evaluate import METRICS, evaluate, judge_of, summary
from gan_zoo.log import Log
from gan_zoo.trained import Trained
from gan_zoo.workdir import Workdir

COLUMNS = 10
POINTS = 2000
WATCHED = "evaluations.jsonl"
CURVES = ("fid", "coverage")
Seeds = Iterable[tuple[Workdir, Trained]]  # each seed's folder, and what it has learned
log = logging.getLogger("gan_zoo")


class Record:
    """Writes to each seed's folder, to the log and to the board.

    Args:
        config: of the run, or of all that are trained together.
        source: the training split.

    Raises:
        UserError: there is nothing by which samples could be scored.
    """

    def __init__(self, config: ConfigDict, source: Source):
        self.config, self.source = config, source
        self.judge = judge_of(config, source)

    def pictures(self, seeds: Seeds, board: Log) -> None:
        """Pictures of the averaged networks; samples with labels have one row for each."""
        for folder, learned in seeds:
            for name in learned.pictures:
                self._picture(folder, learned, name, board)

    def _picture(self, folder: Workdir, learned: Trained, name: str, board: Log) -> None:
        spec, rows = learned.spec, min(learned.spec.classes, 20) or COLUMNS
        points = len(spec.shape) == 1
        if points:
            made = learned.sample(num=POINTS)
        else:
            made = learned.view(name, learned.shown(name, rows, COLUMNS))["image"]
        if not folder.writes:  # its devices had a share in the samples all the same
            return
        file = folder.path / "samples" / f"{name}_{learned.step:07d}.png"
        if points:
            figures.save_points(file, made, self.source.take(np.arange(POINTS))["image"])
            return
        images = made if made.ndim == 5 else made.reshape(rows, COLUMNS, *spec.shape)
        titles = learned.game.titles.get(name)
        pixels = figures.comparison(images, titles) if titles else figures.grid(images)
        figures.save(file, pixels)
        tag = name if self.config.seeds == 1 else f"{name}/seed_{learned.config.seed}"
        board.image(tag, pixels, learned.step)

    def watch(self, seeds: Seeds, board: Log, phase: str, last: bool) -> list[float | None]:
        """Scores a few samples, warns of a collapse, and says how good each seed is by the score that decides.

        Args:
            phase, last: the phase's name, and whether no other comes after it.
        """
        lines, samples = [], self.config.watch_samples
        for i, (folder, learned) in enumerate(seeds):
            evaluation = evaluate(learned, self.judge, samples, METRICS)
            lines.append(watch.line(evaluation, samples, board.gradients(i), phase, last))
            self._note(folder, learned, lines[-1])
        scores = [line["scores"] for line in lines]
        board.scores(lines[0]["step"], {name: np.mean([one[name] for one in scores]).item() for name in scores[0]})
        return [watch.goodness(self.config.best_score, line) for line in lines]

    def _note(self, folder: Workdir, learned: Trained, line: dict[str, Any]) -> None:
        """Keeps an evaluation with what the watch warns of, and draws all that there are."""
        history = folder.lines(WATCHED)
        line["warnings"] = watch.warnings(history, line)
        folder.append(WATCHED, line)
        lines = [*history, line]
        if not folder.writes:
            return
        shown = {}
        for name in CURVES:
            have = [one for one in lines if name in one["scores"] and one["samples"] == line["samples"]]
            if have:
                shown[name] = [one["step"] for one in have], [one["scores"][name] for one in have]
        figures.save_scores(folder.path / "scores.png", shown)
        for warning in line["warnings"]:
            log.warning("SEED %d, %s", learned.config.seed, warning)

    def final(self, seeds: Seeds, board: Log, phase: str) -> dict[str, Any]:
        """Evaluates the final states; says too what the watch warned of, and which round was the best.

        Returns:
            What evaluation.json says of all seeds together.
        """
        evaluations, numbers = [], []
        for folder, learned in seeds:
            evaluation = evaluate(learned, self.judge, pictures=folder.path / "samples")
            if not any(line["step"] == learned.step for line in folder.lines(WATCHED)):
                self._note(folder, learned, watch.line(evaluation, self.config.eval_samples, phase=phase))
            evaluation |= watch.report(folder.lines(WATCHED), self.config.best_score)
            folder.write("evaluation.json", evaluation)
            evaluations.append(evaluation)
            numbers.append(learned.config.seed)
        together = summary(numbers, evaluations)
        scores = {f"final/{name}": score["value"] for name, score in together["scores"].items()}
        board.scores(evaluations[0]["step"], scores)
        return together
