"""Reproductions: each says what it is, gives configs that exist, and what is kept of it is small."""

import dataclasses
import json
import runpy
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from gan_zoo import data, experiments, reproduce, workdir
from gan_zoo.__main__ import main
from gan_zoo.errors import UserError
from gan_zoo.optimizers import at_rest

PROJECT = Path(__file__).resolve().parent.parent
KNOWN = reproduce.known(PROJECT / "experiments" / "reproductions")


@pytest.mark.parametrize("name", KNOWN)
def test_what_it_says_and_the_configs_of_both_scales(name, monkeypatch, tmp_path):
    monkeypatch.chdir(PROJECT)
    one = KNOWN[name]
    assert one.title and one.paper and one.differs and set(one.cost) == set(reproduce.SCALES)
    for scale in reproduce.SCALES:
        (jobs,) = one.jobs(scale, tmp_path)
        assert len({job.folder for job in jobs.values()}) == len(jobs)
        for job in jobs.values():
            assert job.wanted.rounds > 0
            assert not at_rest(job.wanted, job.wanted.rounds), "a rate falls to 0 before the end"
            if "folder:" not in job.wanted.dataset:  # one's own
                data.spec(job.wanted.dataset, job.wanted.image_shape, job.wanted.classes)
        several = one.jobs(scale, tmp_path, seeds=2)
        seeds = [{job.wanted.seed for job in own.values()} for own in several]
        assert seeds in ([{0}, {1}], [{0, 1, 2}], [set()])  # one for each, their own, or nothing to train
    with pytest.raises(UserError, match="scale"):
        one.jobs("large", tmp_path)


def by_hand():
    return runpy.run_path(str(PROJECT / "experiments" / "reproductions" / "gan_by_hand.py"))


def test_each_is_one_short_file():
    folder = PROJECT / "experiments" / "reproductions"
    assert all(len(file.read_text().splitlines()) < 80 for file in folder.glob("*.py"))


def test_the_fields_computed_by_hand():
    fields = by_hand()["fields"]()
    expected = [[1, 1, 1, 2, 3, 4, 5], [0, 0, 0, 1, 2, 3, 4], [-1, -1, -1, 0, 1, 2, 3], [-2, -2, -2, -1, 0, 1, 2]]
    expected += 3 * [[-3, -3, -3, -2, -1, 0, 1]]
    np.testing.assert_array_equal(fields["logit z"], expected)
    np.testing.assert_allclose(fields["D(x, y)"][0], [0.7, 0.7, 0.7, 0.9, 1, 1, 1])
    np.testing.assert_allclose(fields["D(x, y)"][6], [0, 0, 0, 0.1, 0.3, 0.5, 0.7])


def test_losses_and_gradients_by_hand_are_those_of_jax():
    """The rounded sigmoid is within 0.06 of the exact one, and so is the gradient."""
    for _, _, z, prediction, target, bce, gradient in by_hand()["losses"]():
        loss = lambda z, target=target: -jax.nn.log_sigmoid(z if target else -z)
        assert bce == pytest.approx(float(loss(float(z))), abs=1e-6)
        assert gradient == pytest.approx(float(jax.grad(loss)(float(z))), abs=0.06)
        assert gradient == pytest.approx(prediction - target)


def test_what_is_kept(tmp_path):
    one = KNOWN["gan_by_hand"]
    files = reproduce.keep(one, one.jobs("small", tmp_path), "small", tmp_path)
    assert [file.name for file in files] == ["gan_by_hand.png", "gan_by_hand.md", "gan_by_hand.json"]
    kept = json.loads(files[2].read_text())
    assert kept["scale"] == "small" and kept["versions"]["jax"] == jax.__version__
    page = reproduce.gallery(tmp_path).read_text()
    assert "./launch.sh reproduce gan_by_hand --scale=small" in page and "![" in page
    assert "| 3 | 0 0 0 1 2 3 4 | 4 4 4 4 4 4 4 | 1 1 1 2 3 4 5 | 0.7 0.7 0.7 0.9 1 1 1 |" in page
    noisy = reproduce.Result(np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8))
    with pytest.raises(UserError, match="draw it smaller"):
        reproduce.keep(dataclasses.replace(one, draw=lambda *_: noisy), [{}], "small", tmp_path)
    assert len(files[0].read_bytes()) <= reproduce.LARGEST  # the good one stays
    Image.open(files[0]).verify()


def test_several_seeds_are_kept_as_means_and_spreads(tmp_path):
    def draw(runs, scale):
        value = float(runs["run"].name.removeprefix("seed_"))
        return reproduce.Result(None, [["", "score"], ["run", value]], {"score": value})

    runs = {"run": {"config": "configs/cgan.py:digits"}}
    one = dataclasses.replace(KNOWN["gan_by_hand"], name="two", draw=draw, get_runs=lambda scale: runs)
    every = one.jobs("small", tmp_path / "runs", seeds=3)
    for jobs in every:
        folder = jobs["run"].folder
        folder.mkdir(parents=True)
        workdir.write(folder / "result.json", {"seconds": 2.0})
        workdir.write(folder / "versions.json", workdir.versions())
    text, about = reproduce.keep(one, every, "small", tmp_path)
    page = text.read_text()
    assert "| run | 1 ± 1 |" in page and "--seeds=3" in page and "3 runs, 6 s of training" in page
    kept = json.loads(about.read_text())
    assert kept["numbers_of_seeds"] == [{"score": float(seed)} for seed in range(3)]
    assert kept["runs"]["run"]["seconds"] == [2.0] * 3 and kept["runs"]["run"]["seeds"] == [0, 1, 2]


def test_seeds_come_after_the_one_that_a_run_has(tmp_path, caplog):
    own = tmp_path / "own.py"
    own.write_text("def get_config():\n    return {'model': 'gan', 'dataset': '8gaussians', 'seed': 7}\n")
    runs = {"a": {"config": str(own)}, "b": {"config": "configs/cgan.py:digits"}}
    one = dataclasses.replace(KNOWN["gan_by_hand"], get_runs=lambda scale: runs)
    every = one.jobs("small", tmp_path, seeds=3)
    assert [{name: job.seed for name, job in jobs.items()} for jobs in every] == [
        {"a": 7 + number, "b": number} for number in range(3)
    ]
    named = dataclasses.replace(one, get_runs=lambda scale: {"a": {**runs["a"], "seed": 2}})
    assert len(named.jobs("small", tmp_path, seeds=3)) == 1 and "--seeds=3 changes nothing" in caplog.text


def test_a_page_that_cannot_be_written_leaves_the_one_that_is_there(tmp_path):
    one = dataclasses.replace(KNOWN["gan_by_hand"], draw=lambda *_: reproduce.Result(None, [["x"], [1.0]]))
    before = {file: file.read_bytes() for file in reproduce.keep(one, [{}], "small", tmp_path)}
    tables = iter([[["x"], [1.0]], [["x", "y"], [1.0, 2.0]]])
    other = dataclasses.replace(one, draw=lambda *_: reproduce.Result(None, next(tables), {"new": 1}))
    with pytest.raises(UserError, match="not alike, perhaps as one has no such score: x; x, y"):
        reproduce.keep(other, [{}, {}], "small", tmp_path)
    assert {file: file.read_bytes() for file in before} == before


def test_a_score_that_some_seeds_lack_is_the_others_mean():
    tables = [[[1.25, "a"]], [[None, "b"]], [[1.75, "a"]]]
    assert reproduce.spread(tables) == [["1.5 ± 0.35 (2 of 3 seeds)", "a, b"]]
    assert reproduce.spread([[[""]], [[None]]]) == [[""]]


def test_a_mistyped_phase_is_told_before_the_first_run(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "reproductions"
    folder.mkdir()
    run = "def get_runs(scale): return {'a': {'config': 'configs/stylegan.py:digits', 'phases.8-fad': 3}}\n"
    (folder / "one.py").write_text(f"{HEAD}from gan_zoo import reproduce\n{run}{GOOD.partition(chr(10))[2]}")
    monkeypatch.setattr(experiments, "EXPERIMENTS", tmp_path)
    monkeypatch.setattr("gan_zoo.live.play", lambda *_: pytest.fail("is played"))
    assert main(["reproduce", "one", f"--workdir={tmp_path / 'runs'}"]) == 2
    assert "did you mean '8-fade'" in capsys.readouterr().err


def test_other_pages_are_not_overwritten(tmp_path, refused_here):
    (tmp_path / "notes.md").write_text("mine")
    one = KNOWN["gan_by_hand"]
    reproduce.keep(one, one.jobs("small", tmp_path), "small", tmp_path)
    assert "mine" not in reproduce.gallery(tmp_path).read_text()
    (tmp_path / "README.md").write_text("# My project")
    refused_here(["reproduce", "gan_by_hand", f"--output={tmp_path}"], "name another --output")
    assert (tmp_path / "README.md").read_text() == "# My project"


HEAD = '"""Title."""\nPAPER = DIFFERS = "x"\nCOST = {"small": "a second", "paper": "not run"}\n'
GOOD = "def get_runs(scale): return {}\ndef draw(runs, scale): return reproduce.Result(None, [['', 'x'], ['a', 1.0]])\n"


@pytest.mark.parametrize(
    "text, word",
    [
        (HEAD.partition("\n")[2] + GOOD, "no docstring"),
        (HEAD.rpartition("COST")[0] + GOOD, "KeyError: 'COST'"),
        (HEAD + GOOD.replace("{}", "{'a': {}}"), "names no config"),
        (HEAD + GOOD.replace("{}", "1 / 0"), "get_runs('small') fails: ZeroDivisionError"),
        (HEAD + GOOD.replace("{}", "{'a': {'config': 'configs/gan.py:digits', 'losss': 1}}"), "did you mean"),
        (HEAD + GOOD.replace("1.0", "1 / 0"), "ZeroDivisionError: division by zero"),
        (HEAD + GOOD.replace("{}", "[{'config': 'configs/gan.py:digits'}]"), "get_runs('small') fails: ValueError"),
        (HEAD + GOOD.replace("{}", "{'a': 'configs/gan.py:digits'}"), "get_runs('small') fails: ValueError"),
        (HEAD + GOOD.replace("return reproduce", "reproduce"), "draw gives a NoneType"),
        (HEAD + GOOD.replace("None, ", "__import__('numpy').zeros((9, 9, 3)), "), "this is float64 (9, 9, 3)"),
        (
            HEAD.replace('{"small": "a second", "paper": "not run"}', '"a second"') + GOOD,
            "COST is a str, not a Mapping",
        ),
    ],
)
def test_a_broken_file_does_not_stop_the_others(text, word, tmp_path, monkeypatch, capsys, caplog):
    folder = tmp_path / "reproductions"
    folder.mkdir()
    begin = "from gan_zoo import reproduce\n"
    (folder / "broken.py").write_text(text.replace('"""\n', f'"""\n{begin}') if '"""' in text else begin + text)
    (folder / "good.py").write_text(HEAD + begin + GOOD)
    monkeypatch.setattr(experiments, "EXPERIMENTS", tmp_path)
    main(["reproduce"])
    main(["reproduce", "--all", f"--workdir={tmp_path / 'runs'}"])
    assert (tmp_path / "runs" / "figures" / "good.md").exists()
    assert word in caplog.text + capsys.readouterr().err


def test_numbers_may_be_numpys_and_cells_empty(tmp_path):
    numbers = {"one": np.float32(1.5), "more": np.arange(3), "jax": jax.numpy.ones(2)}
    table = [["", "x", "y"], ["a", np.float32(1.5), None]]
    one = dataclasses.replace(KNOWN["gan_by_hand"], draw=lambda *_: reproduce.Result(None, table, numbers))
    text, about = reproduce.keep(one, [{}], "small", tmp_path)
    assert json.loads(about.read_text())["numbers"] == {"one": 1.5, "more": [0, 1, 2], "jax": [1.0, 1.0]}
    assert "| a | 1.5 |  |" in text.read_text()
    nothing = dataclasses.replace(one, get_runs=lambda scale: None)
    assert nothing.jobs("small", tmp_path) == [{}]


def test_each_is_drawn_as_soon_as_its_runs_are_done(tmp_path, monkeypatch):
    folder = tmp_path / "reproductions"
    folder.mkdir()
    run = "def get_runs(scale): return {'a': {'config': 'configs/gan.py:digits', 'seed': SEED}}\n"
    for number, name in enumerate(("first", "second")):
        (folder / f"{name}.py").write_text(
            f"{HEAD}from gan_zoo import reproduce\nSEED = {number}\n{run}" + GOOD.partition("\n")[2]
        )
    seen = []

    def play(jobs, place, parameters, at_once, executor, meanwhile):
        for states in (("waiting", "waiting"), ("running", "done"), ("failed", "done")):
            meanwhile(dict(zip([job.folder for job in jobs], states, strict=True)))
            seen.append(sorted(file.stem for file in (place / "figures").glob("*.md")))
        return dict(zip([job.folder for job in jobs], states, strict=True))

    def keep(one, every, scale, output):
        output.mkdir(parents=True, exist_ok=True)
        file = output / f"{one.name}.md"
        file.write_text("page")
        return [file]

    monkeypatch.setattr(experiments, "EXPERIMENTS", tmp_path)
    monkeypatch.setattr("gan_zoo.live.play", play)
    monkeypatch.setattr(reproduce, "keep", keep)
    assert main(["reproduce", "--all", f"--workdir={tmp_path / 'runs'}"]) == 2  # one has failed
    assert seen == [[], ["README", "second"], ["README", "second"]]


def test_sets_are_brought_before_the_first_run(tmp_path, monkeypatch, caplog):
    folder, seen = tmp_path / "reproductions", []
    folder.mkdir()
    runs = "{name: {'config': 'configs/dcgan.py:' + name} for name in ('digits', 'fashion_mnist')}"
    (folder / "one.py").write_text(f"{HEAD}from gan_zoo import reproduce\n{GOOD.replace('{}', runs)}")
    listed = [{"config": "configs/pix2pix.py:emoji"}, {"config": "configs/dcgan.py:fashion_mnist", "seed": 1}]
    (tmp_path / "sweep.py").write_text(f"def get_runs(): return {listed}")

    def bring(name):
        seen.append(name)
        raise UserError("no network") if name == "fashion_mnist" else PermissionError(13, "only read", "emoji.lock")

    def play(jobs, *rest):
        seen.append("play")
        return {job.folder: "failed" for job in jobs}

    monkeypatch.setattr(experiments, "EXPERIMENTS", tmp_path)
    monkeypatch.setattr(data, "bring", bring)
    monkeypatch.setattr("gan_zoo.live.play", play)
    assert main(["reproduce", "one", f"--workdir={tmp_path / 'runs'}"]) == 2
    assert main(["sweep", str(tmp_path / "sweep.py"), f"--workdir={tmp_path}"]) == 2
    assert seen == ["digits", "fashion_mnist", "play", "emoji:twitter2google", "fashion_mnist", "play"]
    # And what is here is played all the same.
    assert "fashion_mnist is not brought: no network" in caplog.text
    assert "is not brought: PermissionError: [Errno 13] only read: 'emoji.lock'" in caplog.text


def test_unknown_names(refused_here):
    refused_here(["reproduce", "gan_by_hnd"], "did you mean 'gan_by_hand'")
    refused_here(["reproduce", "--all", "--scale=paper"], "--all plays all that is small")
    refused_here(["reproduce", "gan_by_hand", "--all"], "NAME [--scale=...] plays one")
    refused_here(["reproduce", "gan_by_hand", "--scale=large"], "scale")
    refused_here(["reproduce", "gan_by_hand", "--config.rounds=3"], "takes settings from its file")
