"""Scores of runs and of folders: what they say of how they were measured, and what they warn of."""

import json
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest
from PIL import Image
from tools import command, environment, lines, mesh_of, result, shrunk

from gan_zoo import config as configs
from gan_zoo import data, watch
from gan_zoo.compare import compare
from gan_zoo.errors import UserError
from gan_zoo.evaluate import METRICS, RESULTS, Judge, evaluate, evaluate_folder, same_protocol, summary
from gan_zoo.metrics.classifier import classification_accuracy_score, classifier
from gan_zoo.metrics.seen import collect

STAMP = {
    "version",
    "seed",
    "reference_hash",
    "extractor",
    "weights",
    "input",
    "rounding",
    "reference",
    "real_samples",
    "fake_samples",
}


class Drawn:
    """In place of a trained game: one whose samples are images of the test split, chosen by ``choose(numbers)``."""

    at_once = 100

    def __init__(self, choose):
        self.config, _ = shrunk("configs/gan.py:digits")
        self.spec, phases = configs.build(self.config)
        self.shape = self.spec.shape
        self.game, self.step, self.choose = phases[0].game, 7, choose
        self.images = data.load(self.config.dataset, "test").arrays["image"] / 127.5 - 1

    def chunks(self, num, labels, seed):
        for start in range(0, num, self.at_once):
            numbers = np.arange(start, min(start + self.at_once, num))
            yield {"image": self.images[self.choose(numbers) % len(self.images)]}

    def scores(self, num, seed):
        return {}


@pytest.fixture(scope="module", autouse=True)
def own_cache(cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        yield


@pytest.fixture(scope="module")
def healthy():
    return evaluate(Drawn(lambda numbers: numbers), samples=300)


def test_every_score_says_how_it_was_measured(healthy):
    scores = healthy["scores"]
    assert set(METRICS) | {"repeated_share", "class_histogram", "classifier_accuracy"} == set(scores)
    for name in METRICS:
        assert set(scores[name]) >= STAMP | {"averaged", "labels"}, name
        assert scores[name]["reference"] == "digits/train" and scores[name]["extractor"] == "classifier"
        assert len(scores[name]["weights"]) == 16
    assert scores["fid"]["shape"] == [8, 8, 1] and scores["inception_score"]["over_splits"] > 0
    assert scores["fid"]["real_samples"] == 1437 and scores["fid"]["fake_samples"] == 300
    assert scores["coverage"]["real_samples"] == scores["coverage"]["fake_samples"] == 300
    assert scores["kid"]["subset_size"] == 300 and scores["precision"]["k"] == 5
    json.dumps(healthy)


def test_held_out_images_are_at_their_own_floor(healthy):
    """These samples are held-out real images; with as many of them, only their order differs."""
    for name in ("fid", "precision", "recall", "coverage"):
        score = healthy["scores"][name]
        assert score["floor"]["samples"] == score["at_floor"]["samples"] == 300
        assert score["value"] == score["at_floor"]["value"]
        assert score["value"] == pytest.approx(score["floor"]["value"], rel=0.15), name
    assert healthy["scores"]["inception_score"]["value"] > 8


def test_a_floor_is_of_the_features_that_see_it(cache):
    """Of doubled features Fréchet distances are four times as large, the floor's as well; and it is computed once."""
    plain = Judge("digits", (8, 8, 1), 10).extractor
    twice = lambda variables, x: (2 * plain.apply(variables, x)[0], plain.apply(variables, x)[1])
    doubled = replace(plain, apply=twice, protocol={**plain.protocol, "extractor": "doubled"})

    def fid(extractor, choose=lambda numbers: numbers):
        judge = Judge("digits", (8, 8, 1), 10)
        judge.extractor = extractor
        return evaluate(Drawn(choose), judge, 300, ("fid", "inception_score"))["scores"]["fid"]

    one, other = fid(plain), fid(doubled)
    assert other["value"] == pytest.approx(4 * one["value"], rel=1e-3)
    assert other["floor"]["value"] == pytest.approx(4 * one["floor"]["value"], rel=1e-3)
    kept = lambda: {file for file in (cache / "gan_zoo" / "references").iterdir() if file.suffix == ".json"}
    before = kept()
    assert fid(plain, lambda numbers: numbers // 2)["floor"] == one["floor"] and kept() == before


def test_eight_devices_score_as_one():
    found = []
    for count in (1, 8):
        with jax.set_mesh(mesh_of(count)):
            found.append(evaluate(Drawn(lambda numbers: numbers), samples=200)["scores"])
    for name, score in found[0].items():
        np.testing.assert_allclose(score["value"], found[1][name]["value"], atol=1e-4, err_msg=name)


def test_different_protocols_are_not_compared(healthy):
    other = evaluate(Drawn(lambda numbers: numbers), samples=200)
    with pytest.raises(UserError, match=r"fid cannot be compared(?s:.*)fake_samples: 300 and 200"):
        same_protocol("fid", healthy["scores"]["fid"], other["scores"]["fid"])
    with pytest.raises(UserError, match="measured in two ways"):
        summary([0, 1], [healthy, other])
    with pytest.raises(UserError, match="measured in two ways"):
        compare([healthy, other])
    same = dict(compare([healthy, healthy]))
    assert same["fid"] == [healthy["scores"]["fid"]["value"]] * 2
    assert "value" in RESULTS


def test_a_folder_of_the_same_images_gets_the_same_scores(healthy, tmp_path):
    for number, image in enumerate(data.load("digits", "test").arrays["image"][:300]):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{number:04d}.png")
    found = evaluate_folder(str(tmp_path), "digits")["scores"]
    for name in set(METRICS) - {"kid", "inception_score"}:  # those two depend on the order
        assert found[name]["value"] == pytest.approx(healthy["scores"][name]["value"], rel=1e-6), name
    assert found["fid"]["rounding"] == "as stored"


def folder_of(tmp_path, *sizes):
    for number, size in enumerate(sizes):
        Image.new("L", (size, size), number).save(tmp_path / f"{number}.png")
    return str(tmp_path)


@pytest.mark.parametrize(
    "sizes, options, message",
    [
        ((), {}, "holds no images"),
        ((8,) * 12 + (9,), {}, r"12.png is \(9, 9, 1\).*make them of one size"),
        ((8,) * 3, {}, "has 3 images: scores need at least 10"),
        ((8,) * 12, {"real": ""}, "--real=DATA"),
        ((8,) * 12, {"real": "digit"}, "did you mean 'digits'"),
        ((8,) * 12, {"metrics": ["fidd"]}, "did you mean 'fid'"),
        ((8,) * 12, {"extractor": "inceptoin"}, "did you mean 'inception'"),
        ((8,) * 12, {"extractor": "points"}, "cannot look at digits"),
        ((8,) * 12, {"extractor": "vgg19"}, "GAN_ZOO_VGG19"),
    ],
)
def test_bad_folders_and_requests_are_told(tmp_path, sizes, options, message):
    with pytest.raises(UserError, match=message):
        evaluate_folder(folder_of(tmp_path, *sizes), **{"real": "digits", **options})


def test_a_folder_on_the_command_line(tmp_path, cache):
    """Images that lie class by class: they are mixed before they are scored."""
    labels = data.load("digits", "test").arrays["label"]
    for place in np.argsort(labels, kind="stable")[:200]:
        folder = tmp_path / "made" / str(labels[place])
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(data.load("digits", "test").arrays["image"][place, ..., 0])
        image.save(folder / f"{place}.png")
    arguments = ["evaluate", f"--fake={tmp_path}/made", "--real=digits", f"--output={tmp_path}/scores.json"]
    run = command(arguments, environment(cache))
    assert run.returncode == 0, run.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert scores["fid"]["shape"] == [8, 8, 1] and scores["inception_score"]["value"] > 5
    assert "coverage" in run.stdout and "floor" in run.stdout
    refused = command([*arguments, "--num-samples=50"], environment(cache))
    assert refused.returncode == 2 and "leave --workdir" in refused.stderr


def test_a_judge_without_labels(tmp_path):
    """One class teaches a classifier nothing: without a pretrained network there is no extractor."""
    for split in ("train", "test"):
        (tmp_path / split / "all").mkdir(parents=True)
        folder_of(tmp_path / split / "all", *(8,) * 12)
    judge = Judge(f"folder:{tmp_path}")
    assert judge.spec.classes == 1 and judge.named != "classifier" and judge.classifier is None


def test_too_few_samples_are_told():
    with pytest.raises(UserError, match="5 samples cannot be scored"):
        evaluate(Drawn(lambda numbers: numbers), samples=5)


def test_features_that_are_not_finite_are_told():
    with pytest.raises(UserError, match="not finite in 1 of 4 samples"):
        collect([(np.array([[1.0, 2], [3, 4], [np.nan, 1], [0, 1]]), None)], 4)


# The collapse watch


def test_a_generator_of_few_outputs_is_flagged_at_once(healthy):
    frozen = evaluate(Drawn(lambda numbers: numbers % 5), samples=300)
    found = watch.warnings([], watch.line(frozen))
    assert len(found) == 2 and "collapse at round 7: 100% of the samples" in found[0]
    assert "collapse at round 7: the samples are good and cover few" in found[1]
    assert frozen["scores"]["coverage"]["value"] < 0.15
    assert watch.warnings([], watch.line(healthy)) == []
    assert watch.warnings([], watch.line(frozen, last=False)) == found[:1]  # may be coarse on purpose


def test_what_falls_is_flagged():
    at = lambda step, coverage, norm=1.0, phase="one": {
        "step": step,
        "phase": phase,
        "samples": 100,
        "scores": {"coverage": coverage, "recall": 0.5},
        "gradients": {"a": norm},
    }
    history = [at(10, 0.1), at(20, 0.8), at(30, 0.7)]
    assert watch.warnings(history, at(40, 0.5)) == []
    (found,) = watch.warnings(history, at(40, 0.39))
    assert found == "collapse at round 40: coverage fell from 0.800 at 20 to 0.390"
    assert watch.warnings([at(10, 0.1)], at(20, 0.01)) == []  # it never was good: nothing fell
    assert watch.warnings(history, at(40, 0.1, norm=1e-9, phase="two")) == []  # new layers begin
    (found,) = watch.warnings(history, at(40, 0.8, norm=1e-4))
    assert found.startswith("saturation at round 40: the player 'a'")


def test_best_and_last():
    def line(step, fid):
        return {"step": step, "samples": 9, "scores": {"fid": fid}, "warnings": [f"w{step}"] if step == 2 else []}

    history = [line(1, 9.0), line(2, 3.0), line(3, 5.0)]
    assert watch.goodness("fid", history[1]) > watch.goodness("fid", history[2])  # the lower the better
    best = {"score": "fid", "value": 3.0, "step": 2, "samples": 9}
    assert watch.report(history, "fid") == {"warnings": ["w2"], "best": best}
    for name in ("mask_error", "character_mean_rank", "ppl_w"):
        assert watch.goodness(name, {"scores": {name: 1.0}}) > watch.goodness(name, {"scores": {name: 2.0}})
    for name in ("kl", "l1_of_mean", "psnr_last_frame", "text_retrieval_real", "domain_classifier_accuracy"):
        with pytest.raises(UserError, match=f"unknown score .* {name!r}"):  # nobody's aim
            watch.goodness(name, {"scores": {name: 1.0, "psnr": 1.0}})
    assert watch.goodness("", history[0]) is None and "best" not in watch.report(history, "")
    with pytest.raises(UserError, match="did you mean 'fid'"):
        watch.goodness("fdi", history[0])


def test_a_run_is_watched(cache, tmp_path):
    """Lines at every evaluation, a curve, the best round kept and named; a run stopped between continues the lines."""
    _, narrow = shrunk("configs/gan.py:digits")
    often = ["config.rounds=40", "config.eval_every=10", "config.watch_samples=50", "config.best_score=coverage"]
    few = ["config.eval_samples=64", "config.batch_size=16", "config.log_every=10", "config.sample_every=0"]
    arguments = ["configs/gan.py:digits", f"--workdir={tmp_path}"]
    arguments += [f"--{item}" for item in [*often, *few, *narrow, "config.checkpoint_every=20"]]
    env = environment(cache)
    run = command(arguments, env)
    assert run.returncode == 0, run.stderr
    watched = [json.loads(line) for line in (tmp_path / "evaluations.jsonl").read_text().splitlines()]
    assert [(line["step"], line["phase"]) for line in watched] == [(n, "adversarial") for n in (10, 20, 30, 40)]
    assert all({"fid", "coverage", "repeated_share"} <= set(line["scores"]) for line in watched)
    assert all(set(line["gradients"]) == {"discriminator", "generator"} for line in watched)
    final = result(tmp_path, "evaluation.json")
    best = max(line["scores"]["coverage"] for line in watched)
    assert final["best"]["value"] == best and final["scores"]["fid"]["fake_samples"] == 64
    assert (tmp_path / "checkpoints" / str(final["best"]["step"])).is_dir()
    assert (tmp_path / "scores.png").is_file() and (tmp_path / "samples" / "nearest_0000040.png").is_file()
    assert len(lines(tmp_path)) == 4
    # Scored again with other settings, pictures tidied away, the run's own evaluation stays; compared with itself it is
    # the same.
    shutil.rmtree(tmp_path / "samples")
    again = command(["evaluate", f"--workdir={tmp_path}", "--num-samples=32", "--metrics=fid"], env)
    assert again.returncode == 0 and "coverage" not in again.stdout and "fid" in again.stdout, again.stderr
    assert result(tmp_path, "evaluation.json") == final
    table = command(["compare", str(tmp_path), str(tmp_path), f"--output={tmp_path / 'both.png'}"], env)
    assert table.returncode == 0 and "coverage" in table.stdout, table.stderr
    shown = np.asarray(Image.open(tmp_path / "both.png"))
    middle = shown.shape[1] // 2  # one run beside itself
    assert np.array_equal(shown[20:, 2:middle], shown[20:, middle + 1 : -1])
    assert "say which runs" in command(["compare", str(tmp_path)], env).stderr
    # A score that cannot be had is told, with what was played saved; corrected, the same run ends.
    wrong = [argument for argument in arguments if "best_score" not in argument and "rounds=" not in argument]
    wrong += ["--config.rounds=50", "--config.best_score=label_accuracy"]
    refused = command(wrong, env)
    assert refused.returncode == 2 and "label_accuracy" in refused.stderr
    assert (tmp_path / "checkpoints" / "50").is_dir()
    assert command([*wrong, "--config.best_score=fid"], env).returncode == 0


# Classification accuracy score


def test_classification_accuracy_score(monkeypatch):
    """Real training images teach what the domain classifier learns; with shuffled labels nothing is learned."""
    monkeypatch.setattr("gan_zoo.metrics.classifier.ROUNDS", (60, 60))
    train, test = (data.load("digits", split).arrays for split in ("train", "test"))
    source = data.load("digits", "test")
    assert classification_accuracy_score(train["image"], train["label"], source) > 0.9
    shuffled = np.random.default_rng(0).permutation(train["label"])
    assert classification_accuracy_score(train["image"], shuffled, source) < 0.3
    with pytest.raises(UserError, match="labels that digits does not have"):
        classification_accuracy_score(test["image"], test["label"] + 5, source)
    with pytest.raises(UserError, match="need uint8 images"):
        classification_accuracy_score(test["image"][:, :4], test["label"], source)


def test_the_classifier_is_cached(cache):
    first = classifier("digits")
    classifier.cache_clear()
    assert classifier("digits").extractor.protocol == first.extractor.protocol
    assert first.accuracy > 0.97 and first.test_images == 360
