"""Sweep files of small runs, and what a finished run leaves."""

from pathlib import Path

from gan_zoo import config as configs
from gan_zoo import workdir

CONFIG = str(Path(__file__).resolve().parent.parent / "configs" / "gan.py") + ":25gaussians"


def sweep_file(tmp_path, body, name="some.py"):
    file = tmp_path / name
    file.write_text(f"CONFIG = {CONFIG!r}\ndef get_runs():\n    {body}\n")
    return str(file)


def finished(job):
    return {"config.json": configs.to_json(job.wanted), "evaluation.json": {}, "result.json": {"step": 10}}


def finish(job):
    job.folder.mkdir(parents=True)
    for name, value in finished(job).items():
        workdir.write(job.folder / name, value)
