"""The collapse watch: what a run's evaluations, one after the other, warn of.

A falling loss says nothing of it, and the best checkpoint's score hides it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gan_zoo.errors import choose

REPEATED = 0.5  # share of repeated samples from which a generator counts as collapsed
FALL = 0.5  # share of its best value below which coverage or recall counts as fallen
SEEN = 0.2  # a best value below this says nothing yet
FEW, GOOD = 0.25, 0.5  # shares of real images' coverage and precision: good samples that cover few are a collapse
VANISHED = 1e-3  # share of its highest value below which a gradient counts as gone
LOWER_IS_BETTER = {
    *("fid", "fid_stage1", "kid", "repeated_share", "ppl_z", "ppl_w", "separability_z", "separability_w"),
    *("l1", "cycle_l1", "mask_error", "cross_entropy", "character_mean_rank", "character_mean_rank_held_out"),
}

# What stands beside a score for comparison, or has no better end: no checkpoint is the best by it.
BESIDE = (
    "_of_mean",
    "_of_input",
    "_of_truth",
    "_last_frame",
    "_noisy",
    "_median_filter",
    "_bicubic",
    "_real",
    "_chance",
    "_of_nothing",
)
AIMLESS = ("kl", "classifier_accuracy", "domain_classifier_accuracy")


def line(
    evaluation: Mapping[str, Any],
    samples: int = 0,
    gradients: Mapping[str, float] | None = None,
    phase: str = "",
    last: bool = True,
) -> dict[str, Any]:
    """What is kept of an evaluation, and of the players' gradient_norm at that time: a line of evaluations.jsonl.

    Before the last phase there are no shares of what real images have: images may be coarser there on purpose.
    """
    values = {name: score["value"] for name, score in evaluation["scores"].items()}
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    shares = {name: score["at_floor"]["value"] / score["floor"]["value"] for name, score in _with_floor(evaluation)}
    return {
        "step": evaluation["step"],
        "phase": phase,
        "samples": samples,
        "scores": numbers,
        "of_floor": shares if last else {},
        "gradients": dict(gradients or {}),
    }


def _with_floor(evaluation: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    shares = [(name, evaluation["scores"].get(name, {})) for name in ("precision", "coverage")]
    return [(name, score) for name, score in shares if score.get("floor", {}).get("value")]


def goodness(name: str, now: Mapping[str, Any]) -> float | None:
    """How good a line is by the score of that name, the higher the better; None without a name.

    Raises:
        UserError: the line has no such score.
    """
    if not name:
        return None
    known = [score for score in now["scores"] if not score.endswith(BESIDE) and score not in AIMLESS]
    value = now["scores"][choose("score (config.best_score)", name, known)]
    return -value if name in LOWER_IS_BETTER else value


def report(history: Sequence[Mapping[str, Any]], best_score: str) -> dict[str, Any]:
    """What a run's lines say at its end: all warnings, and which round was the best."""
    found: dict[str, Any] = {"warnings": [warning for one in history for warning in one["warnings"]]}
    scored = [one for one in history if best_score in one["scores"] and one["samples"] == history[-1]["samples"]]
    if scored:
        best = max(scored, key=lambda one: goodness(best_score, one))
        where = {"step": best["step"], "samples": best["samples"]}
        found["best"] = {"score": best_score, "value": best["scores"][best_score], **where}
    return found


def warnings(history: Sequence[Mapping[str, Any]], now: Mapping[str, Any]) -> list[str]:
    """What is wrong at an evaluation, as sentences that name the metric and the round.

    Args:
        history, now: lines, the earlier ones and this; what was scored with other numbers of samples does not count,
            nor what was scored in another phase: that begins with layers which know nothing yet.
    """
    found, step = [], now["step"]
    history = [one for one in history if (one["samples"], one["phase"]) == (now["samples"], now["phase"])]
    share = now["scores"].get("repeated_share", 0)
    if share >= REPEATED:
        found.append(f"collapse at round {step}: {share:.0%} of the samples repeat another one (repeated_share)")
    shares = now.get("of_floor", {})
    if shares.get("coverage", 1) < FEW and shares.get("precision", 0) > GOOD:
        how = f"precision is {shares['precision']:.0%} of what real ones have and coverage {shares['coverage']:.0%}"
        found.append(f"collapse at round {step}: the samples are good and cover few of the data: {how}")
    for name in ("coverage", "recall"):
        before = {one["step"]: one["scores"][name] for one in history if name in one["scores"]}
        if not before or name not in now["scores"]:
            continue
        best, value = max(before, key=before.get), now["scores"][name]
        if before[best] >= SEEN and value < FALL * before[best]:
            found.append(f"collapse at round {step}: {name} fell from {before[best]:.3f} at {best} to {value:.3f}")
    for player, norm in now.get("gradients", {}).items():
        highest = max([one.get("gradients", {}).get(player, 0) for one in history], default=0)
        if norm < VANISHED * highest:
            found.append(f"saturation at round {step}: the player {player!r} has a gradient_norm of {norm:.1e}")
    return found
