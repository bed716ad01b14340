"""Reports: groups, means and spreads by hand, and what must not stand in one table."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gan_zoo import figures, plots, report, workdir
from gan_zoo.__main__ import main
from gan_zoo.errors import UserError


def write_run(folder, loss, seed, fid, data="digits", samples=100, rounds=(10, 20)):
    folder.mkdir(parents=True)
    config = {"model": "gan", "loss": loss, "seed": seed, "seeds": 1, "dataset": data, "generator": {"width": 8}}
    score = {"value": fid, "floor": {"value": 1.0}, "data": data, "fake_samples": samples}
    workdir.write(folder / "config.json", config)
    workdir.write(folder / "evaluation.json", {"scores": {"fid": score, "shares": {"value": [0.5, 0.5]}}})
    workdir.write(folder / "result.json", {"step": 20, "seconds": 4.0 + seed, "fingerprint": "f"})
    lines = [{"step": step, "phase": "p", "generator/loss": float(step + seed)} for step in rounds]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    line = {"step": 20, "samples": 100, "scores": {"fid": fid}}
    (folder / "evaluations.jsonl").write_text(json.dumps(line) + "\n")


FAILED = {"gan-digits,loss=wgan/seed_7": {"state": "failed", "loss": "wgan", "clip": 0.1}}


@pytest.fixture
def folder(tmp_path):
    for loss, fids in (("hinge", (1.0, 3.0)), ("minimax", (5.0, 5.0))):
        for seed, fid in enumerate(fids):
            write_run(tmp_path / f"loss={loss}" / f"seed_{seed}", loss, seed, fid)
    return tmp_path


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1.0, 2.0], "1.5 ± 0.71"),
        ([1952, 1730, 1727], "1803 ± 130"),
        ([12067.6, 11098.9], "11580 ± 680"),
        ([12067.6], "12070"),
        ([1.0e6, 2.0e6], "1.5e+06 ± 7.1e+05"),
        ([2e-9, 4e-9], "3e-09 ± 1.4e-09"),
    ],
)
def test_numbers_are_written_without_exponents_where_they_can(values, wanted):
    assert report.mean_and_spread(values) == wanted


def test_groups_means_and_spreads(folder):
    runs = report.find(folder)
    assert report.axes(runs) == ["config", "loss", "seed"]
    (table,) = report.tables(report.grouped(runs, []))
    assert table == [
        ["", "runs", "fid", "seconds"],
        ["loss=hinge", "2", "2 ± 1.4", "4.5 ± 0.71"],
        ["loss=minimax", "2", "5 ± 0", "4.5 ± 0.71"],
    ]
    assert report.markdown(table).splitlines()[2] == "| loss=hinge | 2 | 2 ± 1.4 | 4.5 ± 0.71 |"
    (by_seed,) = report.tables(report.grouped(runs, [" config.seed"]))
    assert [row[:3] for row in by_seed[1:]] == [["seed=0", "2", "3 ± 2.8"], ["seed=1", "2", "4 ± 1.4"]]
    (whole,) = report.tables(report.grouped(runs, ["dataset"]))
    assert whole[1][:3] == ["dataset=digits", "4", "3.5 ± 1.9"]
    with pytest.raises(UserError, match="did you mean 'loss'"):
        report.grouped(runs, ["los"])


def test_runs_of_other_names_are_other_groups(tmp_path):
    """Also where their folders are called alike, or lie in a folder of seeds."""
    places = ("one/gan,loss=hinge,rounds=9", "two/gan,loss=hinge,rounds=9", "one/gan,loss=minimax,rounds=9/seed_3")
    for place in places:
        for seed in range(2):
            write_run(tmp_path / place / f"seed_{seed}", "hinge", seed, 1.0)
    runs = report.find(tmp_path)
    groups = report.grouped(runs, [])
    told = lambda groups: {report.title(group): len(own) for group, own in groups.items()}
    assert told(groups) == {"one/gan,loss=hinge": 2, "one/gan,loss=minimax": 2, "two/gan,loss=hinge": 2}
    assert told(report.grouped(runs, ["config"])) == {"config=one/gan": 4, "config=two/gan": 2}


def test_damaged_runs_are_left_out(folder, caplog):
    (folder / "loss=hinge" / "seed_0" / "result.json").write_text('{"step": 2')
    (folder / "other").mkdir()
    (folder / "other" / "config.json").write_text("[1]")
    assert len(report.find(folder)) == 3
    assert "seed_0 is left out" in caplog.text


@pytest.mark.parametrize(
    "file, change, told",
    [
        ("result.json", {"step": None}, "step is None"),
        ("result.json", {"seconds": "4"}, "seconds is '4'"),
        ("evaluation.json", {"scores": 3}, "has no attribute 'items'"),
        ("evaluation.json", {"scores": {"fid": {"value": None}}}, "fid is None"),
        ("evaluation.json", {"scores": {"fid": 3.0}}, "not subscriptable"),
    ],
)
def test_runs_of_odd_files_are_left_out(folder, caplog, file, change, told):
    place = folder / "loss=hinge" / "seed_0" / file
    workdir.write(place, {**workdir.read(place), **change})
    assert main(["report", str(folder)]) == 0
    assert "seed_0 is left out" in caplog.text and told in caplog.text
    with open(folder / "sweep.csv") as rows:
        assert len(list(csv.DictReader(rows))) == 3


def test_lines_of_odd_metrics_are_passed_over(folder):
    run = folder / "loss=hinge" / "seed_0"
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"generator/loss": 1.0}\n{"step": 30, "generator/loss": "high", "a/b": null}\n')
    with open(run / "evaluations.jsonl", "a") as file:
        file.write('{"step": 30}\n{"scores": {"fid": 1.0}}\n')
    found = plots.curves(run)
    assert set(found) == {"generator/loss", "fid"} and [list(rounds) for rounds, _ in found.values()] == [
        [10, 20],
        [20],
    ]


def test_a_line_for_each_run(folder):
    report.save_csv(folder / "sweep.csv", folder, report.find(folder), FAILED)
    with open(folder / "sweep.csv") as file:
        *rows, failed = csv.DictReader(file)
    told = {name: value for name, value in failed.items() if value}
    named = {"run": "gan-digits,loss=wgan/seed_7", "state": "failed", "config": "gan-digits", "seed": "7"}
    assert told == {**named, "loss": "wgan", "clip": "0.1"}  # what was set is what explains a failure
    assert [(row["run"], row["loss"], row["seed"], float(row["fid"])) for row in rows][1] == (
        "loss=hinge/seed_1",
        "hinge",
        "1",
        3.0,
    )
    assert len(rows) == 4 and rows[0]["seconds"] == "4.0" and rows[0]["state"] == "done" and rows[0]["step"] == "20"


def test_rounds_of_a_phase_that_one_run_alone_names_make_it_another(folder):
    """Where none are given they are those of the config."""
    config = workdir.read(folder / "loss=hinge" / "seed_0" / "config.json")
    workdir.write(folder / "loss=hinge" / "seed_0" / "config.json", {**config, "phases": {"stage1": 100}})
    runs = report.find(folder)
    assert report.axes(runs) == ["config", "loss", "phases.stage1", "seed"]
    with pytest.raises(UserError, match="loss=hinge: .* phases.stage1 differ"):
        report.grouped(runs, [])


def test_what_was_measured_in_two_ways_is_not_mixed(folder):
    write_run(folder / "other" / "seed_0", "hinge", 0, 9.0, data="points")
    runs = report.find(folder)
    tables = report.tables(report.grouped(runs, []))
    assert [len(table) for table in tables] == [3, 2]
    with pytest.raises(UserError, match="fid cannot be compared(?s:.*)digits and points(?s:.*)--by=FIELD"):
        report.tables(report.grouped(runs, ["loss"]))


def test_runs_that_are_not_done_stay_in_the_table(folder, capsys):
    states = {**FAILED, "loss=hinge/seed_0": {"state": "failed"}}
    report.save_csv(folder / "sweep.csv", folder, report.find(folder), states)
    (name, noted), *others = report.not_done(folder / "sweep.csv", report.find(folder)).items()
    assert not others and name in FAILED  # the other has been finished
    assert noted == {"state": "failed", "config": "gan-digits", "loss": "wgan", "clip": "0.1", "seed": "7"}
    assert report.not_done(folder / "none.csv", []) == {}
    assert main(["report", str(folder), "--by=loss,"]) == 0
    assert "not done when the sweep was last seen: 1 failed" in capsys.readouterr().out
    with open(folder / "sweep.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == 4 * ["done"] + ["failed"] and rows[-1]["clip"] == "0.1"


def test_a_field_and_a_score_of_one_name_have_two_columns(folder):
    """There are config.precision and the score precision."""
    for number, file in enumerate(folder.rglob("config.json")):
        workdir.write(file, {**workdir.read(file), "precision": ("float32", "bfloat16")[number % 2]})
        scores = workdir.read(file.parent / "evaluation.json")["scores"]
        workdir.write(file.parent / "evaluation.json", {"scores": {**scores, "precision": {"value": 0.8}}})
    missing = {"gan-digits/seed_9": {"state": "failed", "precision": "float64"}}
    for _ in range(2):  # once as the sweep notes it, once as a report has read it
        report.save_csv(folder / "sweep.csv", folder, report.find(folder), missing)
        with open(folder / "sweep.csv") as file:
            *rows, failed = csv.DictReader(file)
        assert {(row["config.precision"], row["precision"]) for row in rows} == {
            ("float32", "0.8"),
            ("bfloat16", "0.8"),
        }
        assert failed["config.precision"] == "float64" and failed["precision"] == ""
        missing = report.not_done(folder / "sweep.csv", report.find(folder))
    assert missing["gan-digits/seed_9"]["precision"] == "float64"


def test_a_row_that_was_cut_off_is_passed_over(folder, capsys):
    report.save_csv(folder / "sweep.csv", folder, report.find(folder), FAILED)
    with open(folder / "sweep.csv", "a") as file:
        file.write(f"gan-digits/seed_8,failed{',' * 30}more than the head names\ngan-digits,")
    assert main(["report", str(folder), "--by=loss"]) == 0
    assert "2 failed" in capsys.readouterr().out


def test_runs_of_one_name_and_two_configs_are_not_averaged(folder):
    """As after a config file was edited: one seed is of before, another of after."""
    file = folder / "loss=hinge" / "seed_0" / "config.json"
    workdir.write(file, {**workdir.read(file), "batch_size": 8, "log_every": 3})
    other = folder / "loss=hinge" / "seed_1" / "config.json"
    workdir.write(other, {**workdir.read(other), "batch_size": 64, "log_every": 4})
    runs = report.find(folder)
    with pytest.raises(UserError, match="loss=hinge: runs that are no seeds of one, as batch_size differ"):
        report.grouped(runs, [])
    assert len(report.grouped(runs, ["loss", "batch_size"])) == 3


def test_a_score_more_parts_no_table(folder):
    for file in (folder / "loss=hinge").rglob("evaluation.json"):
        scores = workdir.read(file)["scores"]
        workdir.write(file, {"scores": {**scores, "label_accuracy": {"value": 0.5, "data": "digits"}}})
    (table,) = report.tables(report.grouped(report.find(folder), []))
    assert table == [
        ["", "runs", "fid", "label_accuracy", "seconds"],
        ["loss=hinge", "2", "2 ± 1.4", "0.5 ± 0", "4.5 ± 0.71"],
        ["loss=minimax", "2", "5 ± 0", "", "4.5 ± 0.71"],
    ]


def test_members_that_differ_in_fields_and_scores(folder):
    """Their table has what all have; the CSV everything."""
    other = folder / "other" / "seed_0"
    write_run(other, "hinge", 0, 2.0)
    for file, key, value in (("config.json", "clip", 0.1), ("evaluation.json", "scores", None)):
        found = workdir.read(other / file)
        found[key] = value or {**found[key], "own": {"value": 3.0}}
        workdir.write(other / file, found)
    runs = report.find(folder)
    assert report.axes(runs) == ["config", "loss", "seed"]  # clip does not differ: one run alone has it
    assert report.axes([*runs, replace(runs[-1], fields={**runs[-1].fields, "clip": 1})])[-2:] == ["clip", "seed"]
    assert report.tables(report.grouped(runs, ["loss"]))[0][:2] == [
        ["", "runs", "fid", "seconds"],
        ["loss=hinge", "3", "2 ± 1", "4.333 ± 0.58"],
    ]
    report.save_csv(folder / "sweep.csv", folder, runs)
    with open(folder / "sweep.csv") as file:
        assert [row["own"] for row in csv.DictReader(file)] == 4 * [""] + ["3.0"]


def test_curves_and_their_picture(folder):
    write_run(folder / "loss=hinge" / "seed_2", "hinge", 2, 2.0, rounds=(20,))
    runs = report.find(folder)
    rounds, values = plots.curves(runs[0].folder)["generator/loss"]
    np.testing.assert_array_equal([rounds, values], [[10, 20], [10, 20]])
    assert set(plots.curves(runs[0].folder)) == {"generator/loss", "fid"}
    groups = report.grouped(runs, [])
    report.save_plots(folder / "report.png", groups)
    picture = np.asarray(Image.open(folder / "report.png").convert("RGB"))
    width = picture.shape[1] // 2  # of a panel
    for number in range(2):  # both groups in both panels, in the second by dots of what was scored but once
        color = [int(plots.COLORS[number][i : i + 2], 16) for i in (1, 3, 5)]
        near = (np.abs(picture.astype(int) - color) < 3).all(axis=2)
        assert near[60:, :width].any() and near[60:, width:].any()


def test_a_long_legend_leaves_the_panels_alone(folder):
    """Also where more groups were played than can be told apart."""
    runs = report.find(folder)
    few = report.grouped(runs, ["loss"])
    many = {(("", f"{number:02} {'long ' * 12}"),): runs for number in range(40)}
    heights = {}
    for name, groups in {"few": few, "many": many}.items():
        report.save_plots(folder / f"{name}.png", groups)
        with Image.open(folder / f"{name}.png") as image:
            pixels = np.asarray(image.convert("L"))
        lines = (pixels < 100).mean(axis=1) > 0.5  # the panels' upper and lower ends
        heights[name] = np.ptp(np.flatnonzero(lines))
    assert abs(heights["many"] - heights["few"]) < 25


def test_samples_of_each_group(folder):
    groups = report.grouped(report.find(folder), [])
    report.save_samples(folder / "samples.png", groups)
    assert not (folder / "samples.png").exists()
    for loss, size in {"hinge": (40, 30), "minimax": (30, 20)}.items():
        for number, color in {100: "white", 200: "red"}.items():
            file = folder / f"loss={loss}" / "seed_0" / "samples" / f"sample_{number:07d}.png"
            file.parent.mkdir(exist_ok=True)
            Image.new("RGB", size, color).save(file)
    report.save_samples(folder / "samples.png", groups)
    shown = np.asarray(Image.open(folder / "samples.png"))
    assert shown.shape == (30 + figures.HEAD, 2 * (40 + report.GAP), 3)
    red = (shown == (255, 0, 0)).all(axis=2)
    assert red[:, : 40 + report.GAP].sum() == 40 * 30 and red[:, 40 + report.GAP :].sum() == 30 * 20


def test_a_folder_without_finished_runs(tmp_path, refused_here):
    refused_here(["report", str(tmp_path)], "holds no finished run")
    refused_here(["report"], "say which folder")
    refused_here(["report", str(tmp_path), "--jobs=2"], "report knows no --jobs (it takes --by)")
    refused_here(["sweep", "x.py", "--seeds=3"], "sweep knows no --seeds (it takes --jobs")
    refused_here(["train", "--seed=3"], "--config.seed=")
    refused_here(["sweep"], "say which sweep")
    refused_here(["sweep", "x.py", "--executor=lsf"], "executor")
    refused_here(["sweep", "x.py", "--jobs=0"], "at least one")
