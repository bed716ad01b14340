"""Sweep files: which jobs they give, how those are named, and which are done."""

import fcntl
import subprocess
from pathlib import Path

import pytest
from ml_collections import ConfigDict
from sweeps import finish, sweep_file

from gan_zoo import config as configs
from gan_zoo import sweep, workdir
from gan_zoo.errors import UserError
from gan_zoo.sweep import check_phases, load, name_of


def test_a_run_is_named_by_its_settings():
    settings = {"loss": "hinge", "generator.hidden": (16, 16), "seed": 3}
    name = name_of("configs/gan.py:25gaussians", settings)
    assert name == "gan-25gaussians,generator.hidden=16x16,loss=hinge"
    odd = [name_of("gan.py", {"dataset": f"folder:a{sign}b"}) for sign in "/:"]
    assert odd[0] != odd[1] and all(one.startswith("gan,dataset=folder_a_b~") for one in odd)
    assert name_of("my/dir/gan.py", {}) == "gan"
    assert name_of("gan.py:digits", {"rounds": 5, "seed": 0}) == "gan-digits,rounds=5"
    long = name_of("gan.py", {"dataset": "folder:/" + "x" * 400})
    assert len(long) < 220
    for sign in "é漢":  # file systems count bytes
        assert len(name_of("gan.py", {"dataset": f"folder:{100 * sign}"}).encode()) < 255
    pairs = [name_of("gan.py", given) for given in ({"dataset": "a,loss=b"}, {"dataset": "a", "loss": "b"})]
    assert pairs[0] != pairs[1] == "gan,dataset=a,loss=b"
    assert name_of("gan.py", dict(reversed(settings.items()))) == name_of("gan.py", settings)


@pytest.mark.parametrize(
    "body, message",
    [
        ("return []", "gives no runs: get_runs"),
        ("return [{'loss': 'hinge'}]", "a run names no config"),
        ("return [{'config': x + 'configs/gan.py:digits'} for x in ('', './')]", "gan-digits/seed_0 twice, of"),
        ("return [{'config': CONFIG, 'loss': 'hinge', 'rounds': r} for r in (9, 9.0)]", "is of type int|twice"),
        ("return {'run': {'config': CONFIG}}", "a list of runs, without names"),
        ("return [{'config': CONFIG}]\nEXECUTOR = 3", "gives no runs: TypeError"),
        ("return [{'config': CONFIG}, {'config': CONFIG, 'loss': 'non_saturating'}]", "lists one run twice"),
        ("return [{'config': None}]", "a run names no config"),
        ("return [{'config': CONFIG, 'loss': None}]", "loss is None"),
        ("return [{'config': CONFIG, 'batchsize': 3}]", "did you mean config.batch_size"),
        ("return [{'config': CONFIG, 'rounds': 0}]", r"some.py: \{.*config.rounds is 0: it must be from 1"),
        ("return [{'config': 'configs/gans.py'}]", "no config file"),
        ("return [{'config': CONFIG, 3: 4, 'loss': 'hinge'}]", r"some.py: \{.*unknown field config.3"),
        ("return [{'config': CONFIG, 'seed': s} for s in (0, '1')]", "the seed '1' is no whole number"),
        ("return [{'config': CONFIG, 'generator': {'width': 8}}]", '"generator.FIELD": value'),
        ("raise KeyError('x')", "gives no runs: KeyError"),
    ],
)
def test_a_mistake_is_told_before_anything_is_trained(tmp_path, body, message):
    with pytest.raises(UserError, match=message):
        load(sweep_file(tmp_path, body), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    with pytest.raises(UserError, match="no sweep file"):
        load(str(tmp_path / "none.py"), tmp_path)


def test_what_a_random_search_draws_twice_is_played_once(tmp_path, caplog):
    caplog.set_level("INFO", "gan_zoo")
    body = "return [{'config': CONFIG, **{k: 9 for k in s}} for s in (('rounds', 'seed'), ('seed', 'rounds'))]"
    (job,), _ = load(sweep_file(tmp_path, body), tmp_path)
    assert job.name == "gan-25gaussians,rounds=9/seed_9" and f"lists {job.name} twice" in caplog.text


def test_seeds_that_follow_each_other_are_trained_together(tmp_path):
    body = "return [{'config': CONFIG, 'loss': loss, 'seed': s} for loss in ('hinge', 'minimax') for s in (2, 0, 1)]"
    file = sweep_file(tmp_path, body)
    apart, _ = load(file, tmp_path)
    together, _ = load(file, tmp_path, together=True)
    assert len(apart) == 6 and [job.seeds for job in together] == [3, 3]
    assert {job.folder.parent for job in apart} == {job.folder for job in together}
    first = together[0]
    assert "--config.seed=0" in first.arguments and first.arguments[-1] == "--config.seeds=3"
    # A folder of the seeds that are trained together holds the very run that one trained alone would be.
    alone = next(job for job in apart if job.folder == first.folder / "seed_1")
    assert configs.to_json(alone.wanted) == {**configs.to_json(first.wanted), "seeds": 1, "seed": 1}
    gap = sweep_file(tmp_path, "return [{'config': CONFIG, 'seed': s} for s in (0, 2)]", "gap.py")
    gap, _ = load(gap, tmp_path, True)
    assert [job.seeds for job in gap] == [1, 1]
    row = "return [{'config': CONFIG, 'loss': 'hinge', 'seed': s} for s in (0, 1, 2, 4)]"
    assert [job.seeds for job in load(sweep_file(tmp_path, row, "row.py"), tmp_path, True)[0]] == [3, 1]
    finish(next(job for job in apart if job.folder == first.folder / "seed_0"))
    rest, _ = load(file, tmp_path, together=True)  # what is done is not played again
    assert sorted((job.seeds, job.is_done()) for job in rest) == [(1, True), (2, False), (3, False)]


def test_seeds_that_have_come_further_than_others_go_on_alone(tmp_path):
    """Together all would begin where the last one is."""
    file = sweep_file(tmp_path, "return [{'config': CONFIG, 'seed': s} for s in range(4)]")
    apart, _ = load(file, tmp_path)
    for job, newest in zip(apart, (900, 300, 300, 300), strict=True):
        (job.folder / "checkpoints" / "200").mkdir(parents=True)
        (job.folder / "checkpoints" / str(newest)).mkdir()
    together, _ = load(file, tmp_path, together=True)
    assert sorted((job.seed, job.seeds) for job in together) == [(0, 1), (1, 3)]
    (apart[2].folder / "checkpoints" / "600").mkdir()
    together, _ = load(file, tmp_path, together=True)
    assert sorted((job.seed, job.seeds) for job in together) == [(seed, 1) for seed in range(4)]


def test_a_mistyped_phase_is_told_before_anything_is_trained(tmp_path):
    body = "return [{'config': 'configs/stylegan.py:digits', 'phases.8-fad': 3}]"
    listed, _ = load(sweep_file(tmp_path, body), tmp_path)
    with pytest.raises(UserError, match="(?s)stylegan-digits.*8-fad.*did you mean '8-fade'"):
        check_phases(listed)
    listed, _ = load(sweep_file(tmp_path, body.replace("8-fad", "8-fade")), tmp_path)
    check_phases(listed)


def test_a_seed_that_the_config_file_sets_is_the_runs(tmp_path):
    own = tmp_path / "own.py"
    own.write_text("def get_config():\n    return {'model': 'gan', 'dataset': '8gaussians', 'seed': 7}\n")
    listed = f"return [{{'config': {str(own)!r}, **s}} for s in ({{}}, {{'seed': 8}})]"
    apart, _ = load(sweep_file(tmp_path, listed), tmp_path)
    assert [job.folder.name for job in apart] == ["seed_7", "seed_8"]
    (joint,), _ = load(sweep_file(tmp_path, listed), tmp_path, together=True)
    assert joint.seeds == 2 and [job.folder for job in joint.singles] == [job.folder for job in apart]
    with pytest.raises(UserError, match="lists one run twice|lists it twice"):
        load(sweep_file(tmp_path, listed.replace("8}", "7, 'loss': 'non_saturating'}")), tmp_path)


def test_seeds_apart_and_together_wait_for_each_other(tmp_path):
    listed = sweep_file(tmp_path, "return [{'config': CONFIG, 'seed': s} for s in (0, 1)]")
    (first, second), _ = load(listed, tmp_path)
    (joint,), _ = load(listed, tmp_path, together=True)
    with first.turn(), second.turn():  # apart they do not
        assert first.is_busy() and second.is_busy() and joint.is_busy()
    assert not joint.is_busy()
    with joint.turn() as held:
        assert first.is_busy() and second.is_busy() and joint.is_busy()
        left = subprocess.Popen(["sleep", "60"], pass_fds=held)  # a training whose sweep is killed
    assert first.is_busy() and joint.is_busy()
    left.kill()
    left.wait()
    assert not (first.is_busy() or second.is_busy() or joint.is_busy())


def test_values_of_numpy_are_pythons(tmp_path):
    values = "'generator.hidden': np.array([8, 8]), 'batch_size': np.int64(4), 'loss': np.str_('hinge')"
    body = f"return [{{'config': CONFIG, {values}}}]"
    file = Path(sweep_file(tmp_path, body))
    file.write_text("import numpy as np\n" + file.read_text())
    (job,), _ = load(str(file), tmp_path)
    assert job.wanted.generator.hidden == (8, 8) and job.wanted.batch_size == 4 and job.wanted.loss == "hinge"


def test_what_is_done_is_told_by_its_files(tmp_path):
    (job,), _ = load(sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': 10}]"), tmp_path)
    assert not job.is_done() and not job.is_busy()
    finish(job)
    assert job.is_done()
    wanted = configs.to_json(job.wanted)
    earlier = {name: value for name, value in wanted.items() if name != "conditioning"}
    workdir.write(job.folder / "config.json", earlier)  # of a version that did not have this field
    assert job.is_done()
    (job.folder / "result.json").write_text('{"step"')
    assert not job.is_done()
    workdir.write(job.folder / "result.json", {"step": 10})
    changed = {"rounds": 9, "loss": "hinge", "eval_samples": 5, "extractor": "x", "best_score": "fid"}
    for field, value in changed.items():  # the config file's, since then
        workdir.write(job.folder / "config.json", {**wanted, field: value})
        assert not job.is_done()
    for name, trained in ((".lock", True), (sweep.TURN, False)):
        with open(job.folder / name, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert job.is_busy() and job.is_trained() == trained
        assert not job.is_busy()


@pytest.mark.parametrize("change, kept", [({}, True), ({"eval_samples": 7}, False), ({"rounds": 20}, False)])
def test_scores_go_before_another_config_is_written(tmp_path, monkeypatch, change, kept):
    (job,), _ = load(sweep_file(tmp_path, "return [{'config': CONFIG, 'rounds': 10}]"), tmp_path)
    finish(job)
    write = workdir.write

    def killed(path, value):
        if path.name == "config.json":
            raise KeyboardInterrupt
        write(path, value)

    monkeypatch.setattr(workdir, "write", killed)
    opened = object.__new__(workdir.Workdir)
    with pytest.raises(KeyboardInterrupt):
        opened.__init__(job.folder, ConfigDict({**job.wanted.to_dict(), **change}))
    opened.lock.close()
    assert [(job.folder / name).exists() for name in ("result.json", "evaluation.json")] == [kept, kept]
