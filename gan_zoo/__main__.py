"""The command line: ./launch.sh [COMMAND] [CONFIG[:DATA]] [--workdir=DIR] [--config.FIELD=VALUE ...]"""

import argparse
import errno
import logging
import os
import re
import runpy
import sys
import threading
import warnings

from gan_zoo.commands import COMMANDS, DEFAULT
from gan_zoo.errors import UserError, choose
from gan_zoo.experiments import EXPERIMENTS

USAGE = """\
./launch.sh [train] [CONFIG[:DATA]] [--workdir=DIR] [--init-from=DIR] [--config.FIELD=VALUE ...]
./launch.sh evaluate --workdir=DIR [--checkpoint=ROUND] [--num-samples=N] [--metrics=fid,kid,...] [--real=DATA]
                     [--extractor=NAME] [--output=FILE.json]
./launch.sh evaluate --fake=FOLDER --real=DATA [--metrics=fid,kid,...] [--extractor=NAME] [--output=FILE.json]
./launch.sh compare DIR DIR ... [--output=FILE.png]
./launch.sh sweep FILE [--jobs=N] [--executor=local|slurm] [--together] [--workdir=DIR]
./launch.sh report DIR [--by=FIELD,...]
./launch.sh reproduce [NAME | --all] [--scale=small|paper] [--seeds=N] [--jobs=N] [--executor=local|slurm]
                      [--workdir=DIR] [--output=DIR]
./launch.sh sample --workdir=DIR [--num=N] [--label=K | --text=TEXT] [--seed=S] [--output=FILE.png]
                   [--checkpoint=ROUND] [--truncation=PSI] [--cutoff=LAYERS]
./launch.sh styles --workdir=DIR --output=DIR [--seed=S] [--truncation=PSI] [--checkpoint=ROUND]
./launch.sh project --workdir=DIR --input=IMAGE_OR_FOLDER --output=DIR [--checkpoint=ROUND]
                     [--extractor=vgg22|vgg54|efficientnet]
./launch.sh translate --workdir=DIR --input=IMAGE_OR_FOLDER --output=DIR [--direction=b2a] [--checkpoint=ROUND]
./launch.sh upscale --workdir=DIR --input=IMAGE_OR_FOLDER --output=DIR [--checkpoint=ROUND]
./launch.sh predict --workdir=DIR --output=DIR [--input=FOLDER_OF_FRAMES] [--frames=N] [--num=N] [--checkpoint=ROUND]
./launch.sh retrieve --workdir=DIR --query=IMAGE_OR_FOLDER [--num=N] [--output=FILE.png] [--checkpoint=ROUND]
./launch.sh score --workdir=DIR --input=IMAGE_OR_FOLDER [--output=FILE.csv] [--checkpoint=ROUND]
./launch.sh restore --workdir=DIR --input=IMAGE_OR_FOLDER --output=DIR [--mask=IMAGE] [--checkpoint=ROUND]
./launch.sh describe [CONFIG[:DATA]] [--compile] [--config.FIELD=VALUE ...]
./launch.sh list
./launch.sh data NAME
./launch.sh speed [NAME ...] [--workdir=DIR]
./launch.sh test [pytest's arguments]

Without arguments: train configs/dcgan.py:digits. The same command again continues a run."""


def experiment(name: str, *arguments: str) -> int:
    """Runs experiments/NAME, a program of its own."""
    sys.argv = [f"./launch.sh {name}", *arguments]
    runpy.run_path(str(EXPERIMENTS / name), run_name="__main__")
    return 0


def main(argv: list[str]) -> int:
    """Runs a command; 0 if it went well, 2 with one short message if the user has to do something."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("gan_zoo").setLevel(logging.INFO)
    _quiet_libraries()
    try:
        if argv and (EXPERIMENTS / argv[0] / "__main__.py").is_file():
            return experiment(*argv)
        command, args, overrides = parse(argv)
        COMMANDS[command](args, overrides)
        sys.stdout.flush()
    except UserError as error:
        print(f"gan_zoo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("gan_zoo: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "the disk is full: free some space, then run the same command again" if full else error
        print(f"gan_zoo: {advice}", file=sys.stderr)
        return 2
    return 0


def _quiet_libraries() -> None:
    """What libraries tell their developers is not for users.

    An error in a background thread (saving, reading ahead) comes back to the main thread, which tells it.
    """
    warnings.simplefilter("ignore")
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    threading.excepthook = lambda error: None


def parse(argv: list[str]) -> tuple[str, argparse.Namespace, list[str]]:
    """The command, its arguments, and the config's overrides."""
    command = argv[0] if argv and argv[0] in COMMANDS else "train"
    rest = argv[1:] if argv and argv[0] in COMMANDS else argv
    if rest is argv and argv and argv[0].isalpha():
        programs = [file.parent.name for file in EXPERIMENTS.glob("*/__main__.py")]
        choose("command", argv[0], [*COMMANDS, *programs])  # neither an option nor a config file
    overrides = [item.removeprefix("--") for item in rest if item.startswith("--config.")]
    if overrides and command not in ("train", "describe"):
        whose = "settings from its file" if command in ("sweep", "reproduce") else "a run as it was trained"
        raise UserError(f"{command} takes {whose}: leave --{overrides[0]} out")
    _check_options(command, rest)
    parser = _Parser(usage=USAGE, add_help=True, allow_abbrev=False)
    parser.add_argument("config", nargs="?", default=DEFAULT if command in ("train", "describe") else None)
    parser.add_argument("--workdir")
    parser.add_argument("--init-from")
    parser.add_argument("--num", type=int, default=16)
    parser.add_argument("--label", type=int)
    parser.add_argument("--text")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output")
    parser.add_argument("--checkpoint", type=int)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--num-samples", type=int)
    parser.add_argument("--direction", default="a2b")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--truncation", type=float, default=1.0)
    parser.add_argument("--cutoff", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--executor", default="local")
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--scale", default="small")
    for name in ("metrics", "real", "fake", "extractor", "input", "query", "by", "mask"):
        parser.add_argument(f"--{name}")
    if command == "compare":
        parser.add_argument("more", nargs="*", default=[])
    args = parser.parse_args([item for item in rest if not item.startswith("--config.")])
    if not 0 <= args.seed < 2**32:
        raise UserError(f"--seed={args.seed}: from 0 to {2**32 - 1}")
    for name in ("workdir", "init_from", "output", "input", "query", "mask", "fake"):  # no shell sees the ~ after =
        if value := getattr(args, name):
            setattr(args, name, os.path.expanduser(value))
    return command, args, overrides


def options(command: str) -> list[str]:
    """What a command can be given, by its usage."""
    usages = [text for text in USAGE.split("./launch.sh") if text.split()[:1] in ([command], [f"[{command}]"])]
    return [*dict.fromkeys(re.findall(r"--(?!config\.)[\w-]+", " ".join(usages)))]


def _check_options(command: str, given: list[str]) -> None:
    """Refuses what the command would not read: it must not look as if it had."""
    own = options(command)
    for item in given:
        name = item.partition("=")[0]
        if name.startswith("--") and name not in ("--", "--help", *own) and not name.startswith("--config."):
            hint = f"; a config's field is set by --config.{name[2:]}=..." if command == "train" else ""
            raise UserError(f"{command} knows no {name} (it takes {' '.join(own) or 'no options'}{hint})")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise UserError(f"{message}\n{USAGE}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
