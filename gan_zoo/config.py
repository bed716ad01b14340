"""Configs: a file's ``get_config(data)``, completed with every default, with the command line's changes.

A config file names what it sets; the rest comes from RUN below, from the model's fields and from the settings of
the networks and optimizers that it chooses. So every field can be changed as ``--config.FIELD=VALUE``.
"""

import ast
import contextlib
import dataclasses
import difflib
import inspect
import json
import runpy
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from gan_zoo import data, optimizers
from gan_zoo.devices import float_type
from gan_zoo.errors import UserError, choose
from gan_zoo.game import Phase
from gan_zoo.registry import find
from gan_zoo.step import state_shapes

PROJECT = Path(__file__).resolve().parent.parent  # whose config files are found from anywhere

# Fields of every config. All that ends in _every is counted in rounds; 0 means only at the end.
RUN = {
    "model": "gan",
    "dataset": "digits",
    "image_shape": (),  # (height, width, channels); () is the data set's own
    "classes": 0,  # 0 is the data set's own
    "load_size": (),  # (height, width) that training images are resized to before image_shape is cut out at random
    "flip": False,  # half of the training images are mirrored
    "seed": 0,
    "seeds": 1,  # so many runs side by side, with the seeds seed, seed + 1, ..., each in a folder seed_K of its own
    "precision": "float32",
    "rounds": 1000,
    "phases": {},  # lengths of phases, by name, where there are several; rounds caps each
    "batch_size": 64,
    "rounds_per_dispatch": 1,  # at most; more keep a fast device busy. Fewer where phases and _every do not divide
    "log_every": 100,
    "sample_every": 500,
    "checkpoint_every": 500,
    "eval_every": 0,
    "extractor": "",  # whose features are compared: see gan_zoo/metrics/extractors.py; "" chooses by the data
    "watch_samples": 1000,  # are scored every eval_every rounds, to see a collapse and to find the best checkpoint
    "eval_samples": 10_000,  # are scored at the end
    "best_score": "",  # the checkpoint with the best such score is kept
    "init_from": "",  # folder of another run whose networks this one starts from
}
# What fields of these names, or with these endings, may be, whatever they belong to.
MANY = 2**31 - 1
RANGES = {
    (1, MANY): (
        *("rounds", "rounds_per_dispatch", "seeds", "log_every", "eval_samples", "batch_sizes", "_size", "_turns"),
        *("width", "dense", "code", "base", "largest", "features", "layers", "halvings", "kernel", "group"),
        *("categories", "captions", "hidden"),
    ),
    (10, MANY): ("watch_samples",),  # fewer cannot be scored
    (0, 2**32 - 1): ("seed",),  # jax's keys have no more
    (0, 2**63 - 1): ("pool_size", "_every", "blocks", "squares_first", "curriculum_rounds"),
    (0, sys.float_info.max): (
        *("learning_rate", "learning_rates", "weight", "_weight", "beta", "drift", "rotation", "shift", "jitter"),
    ),
    (0, MANY): ("thousands", "fading_thousands", "half_life"),
    (1e-6, 1e6): ("mapping_rate",),
    (0, 0.9): ("scale",),
    (0, 1): (
        *("ema_decay", "average_decay", "dropout", "dropout_input", "dropout_hidden", "mixing", "flip", "colours"),
        *("reconstruction", "feature_matching"),
    ),
}
RESULT = ("rounds", "phases", "eval_samples", "extractor", "best_score")  # others are another result of the same run
FREE = (*RESULT, "watch_samples")  # may change when a run is resumed
PRECISIONS = ("float32", "bfloat16", "float64")


def load(name: str, overrides: list[str]) -> ConfigDict:
    """The config of "PATH[:DATA]" with overrides such as "config.rounds=10".

    Raises:
        UserError: no such file or data setting, an unknown field, a value of a wrong type.
    """
    path, _, argument = name.partition(":")
    if not Path(path).is_file() and (PROJECT / path).is_file():
        path = str(PROJECT / path)
    if not Path(path).is_file():
        raise UserError(f"no config file {path!r}: ./launch.sh list shows the members")
    try:
        get_config = runpy.run_path(path)["get_config"]
        given = get_config(argument) if argument else get_config()
    except UserError:
        raise
    except Exception as error:  # The file is the user's own code.
        raise UserError(f"{path} gives no config: {type(error).__name__}: {error}") from None
    return override(complete(given), overrides)


def settings(name: str, known: Mapping[str, Mapping[str, Any]], data_name: str) -> dict[str, Any]:
    """One of a config file's settings, by the data's name; helper for ``get_config``."""
    choose(f"data of configs/{name}.py", data_name, known)
    return dict(known[data_name])


def complete(given: Mapping[str, Any]) -> ConfigDict:
    """A config with every field: lists become tuples where the default is one.

    Raises:
        UserError: a field that neither RUN nor the model knows.
    """
    given = given.to_dict() if isinstance(given, ConfigDict) else dict(given)
    model = find("models", given.get("model", RUN["model"])).Model
    fields = {f.name: _default(f) for f in dataclasses.fields(model)}
    known = {**RUN, **fields}
    for name in given:
        choose("config field", name, known)
    values = {name: _like(name, default, given.get(name, default)) for name, default in known.items()}
    for name, module in _modules(model, values).items():
        values[name] = _fill(name, _module_settings(module), given.get(name, {}))
    for name, default in fields.items():
        if name.endswith("optimizer"):
            own = given.get(name, {})
            own = own if own.get("name", default["name"]) != default["name"] else {**default, **own}
            values[name] = _fill(name, optimizers.settings(own["name"]), own)
    return ConfigDict(values)


def override(config: ConfigDict, overrides: list[str]) -> ConfigDict:
    """Applies "config.FIELD=VALUE" strings, those that choose other settings first."""
    texts = {}
    for item in overrides:
        name, equals, text = item.removeprefix("config.").partition("=")
        if not equals:
            raise UserError(f"--{item} needs a value: --config.FIELD=VALUE")
        texts[name] = text
    for name, text in sorted(texts.items()):
        if name in ("model", "architecture") or name.endswith("optimizer.name"):
            config = _choose_again(config, name, text)
    for name in [name for name in texts if name.startswith("phases.")]:  # build knows which phases there are
        text = texts.pop(name)
        if not text.isdecimal():
            raise UserError(f"config.{name} is a number of rounds, and {text!r} is none")
        config.phases[name.removeprefix("phases.")] = int(text)
    paths = flatten(config)
    for name in texts:
        if name not in paths:
            near = difflib.get_close_matches(name, paths, n=1, cutoff=0.5)
            near = near or [path for path in paths if path.rpartition(".")[2] == name.rpartition(".")[2]]
            hint = f"did you mean config.{near[0]}?" if near else f"there are: {', '.join(sorted(paths))}"
            raise UserError(f"unknown field config.{name}: {hint}")
    for name, text in texts.items():
        try:
            if isinstance(paths[name], tuple):
                text = str(_tuple(text, paths[name]))
            argv = ["", f"--config.{name}={text}"]
            values = flags.FlagValues()
            config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
            values(argv)
            config = values.config
        except (flags.Error, ValueError, TypeError, SyntaxError) as error:
            kind = type(paths[name]).__name__
            raise UserError(f"config.{name} is of type {kind}, and {text!r} is none ({error})") from None
    for name in texts:
        several = f"{name.rpartition('.')[2]}s"
        if several in ("batch_sizes", "learning_rates") and config.get(several):
            raise UserError(f"config.{name} is not read beside config.{several}: set those, or config.{several}=()")
    return config


def build(config: ConfigDict, spec: data.Spec | None = None) -> tuple[data.Spec, list[Phase]]:
    """The data's spec and the phases of a run; a run that knows its ``spec`` needs no data.

    Raises:
        UserError: fields that do not fit together, or the data.
    """
    choose("precision", config.precision, PRECISIONS)
    check_ranges(config)
    spec = spec or data.spec(config.dataset, config.image_shape, config.classes)
    size = config.load_size
    if size and not (
        len(size) == 2 and len(spec.shape) == 3 and all(a >= b for a, b in zip(size, spec.shape, strict=False))
    ):
        raise UserError(f"config.load_size is {size}: write a (height, width) from which {spec.shape[:2]} is cut out")
    model = find("models", config.model).Model
    fields = {f.name: config[f.name] for f in dataclasses.fields(model)}
    model = model(**{k: v.to_dict() if isinstance(v, ConfigDict) else v for k, v in fields.items()})
    compute = "bfloat16" if config.precision == "bfloat16" else None
    phases, played = [], _buildable(model, spec, config)
    for name, rounds in config.phases.items():
        choose("phase (config.phases)", name, [phase.name for phase in played])
        if rounds < 1:
            raise UserError(f"config.phases.{name} is {rounds}: a phase has one round at least")
    for phase in played:
        rounds = min(config.rounds, config.phases.get(phase.name, phase.rounds or config.rounds))
        game = phase.paced(rounds) if phase.paced and rounds != phase.rounds else phase.game
        game = dataclasses.replace(game, compute=compute)
        size = phase.batch_size or config.batch_size
        phases.append(dataclasses.replace(phase, game=game, rounds=rounds, batch_size=size))
    return spec, phases


def _buildable(model: Any, spec: data.Spec, config: ConfigDict) -> list[Phase]:
    """The model's phases, if their networks can be made: told before data is read and anything is compiled."""
    try:
        phases = model.phases(spec)
        batch = data.example(spec, config.batch_size, float_type(config.precision))
        for phase in (phases[0], *phases[1:][-1:]):  # those between are no larger; jax remembers the traces
            state_shapes(phase.game, batch)
    except UserError:
        raise
    except Exception as error:  # whatever Flax and jax say of shapes and fields that do not fit
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
        own = [at for at in traceback.extract_tb(error.__traceback__) if at.filename == inspect.getfile(type(model))]
        reason += f"; {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
        what = f"config.architecture={config.architecture} with these settings makes no networks for {spec.name}"
        raise UserError(f"{what} as config.model={config.model} uses them ({reason})") from error
    return phases


def check_ranges(config: ConfigDict) -> None:
    """Refuses numbers that no run can have.

    Raises:
        UserError: names the first.
    """
    limits = {name: limits for limits, names in RANGES.items() for name in names}
    for name, value in flatten(config).items():
        last = name.rpartition(".")[2]
        found = limits.get(last) or next((limits[end] for end in limits if end[0] == "_" and last.endswith(end)), None)
        for number in value if isinstance(value, tuple) else (value,):
            if found and isinstance(number, int | float) and not found[0] <= number <= found[1]:  # nan lies nowhere
                raise UserError(f"config.{name} is {value}: it must be from {found[0]} to {found[1]}")


def to_json(config: ConfigDict) -> dict[str, Any]:
    """The config as plain JSON values."""
    return json.loads(config.to_json())


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted path -> value of every leaf."""
    flat = {}
    for name, value in config.items():
        nested = isinstance(value, Mapping | ConfigDict)
        flat.update(flatten(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value})
    return flat


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lines "field: old -> new" of what differs and must not when a run is resumed.

    ``rounds``, ``phases``, ``*_every`` and what is scored may change: they do not touch what a round does. A field that
    the old config lacks, of an earlier version, has its default.
    """
    with contextlib.suppress(UserError):  # fields that are no more: told as differences
        old = to_json(complete(old))
    old, new = flatten(old), flatten(new)
    free = {name for name in {*old, *new} if name.split(".")[0] in FREE or name.endswith("_every")}
    changed = [name for name in sorted({*old, *new} - free) if old.get(name) != new.get(name)]
    fewer = old.get("rounds", 0) > new.get("rounds", 0)
    notes = [f"config.rounds: {old['rounds']} -> {new['rounds']} (only more rounds continue a run)"] if fewer else []
    return notes + [f"config.{name}: {old.get(name)} -> {new.get(name)}" for name in changed]


def _choose_again(config: ConfigDict, name: str, text: str) -> ConfigDict:
    """Sets a field that decides which settings there are, and takes the new choice's defaults."""
    values = config.to_dict()
    if name == "model":
        values = {k: v for k, v in values.items() if k in RUN} | {"model": text}
    elif name == "architecture":
        for module in _modules(find("models", config.model).Model, values):
            values.pop(module)
        values["architecture"] = text
    else:
        which = choose("config field", name.split(".")[0], values)
        rate = {k: v for k, v in values[which].items() if k in optimizers.COMMON}
        values[which] = {**optimizers.settings(text), **rate}
    return complete(values)


def _fill(what: str, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    for name in given:
        choose(f"field of config.{what}", name, known)
    return {name: _like(f"{what}.{name}", default, given.get(name, default)) for name, default in known.items()}


def _like(name: str, default: Any, value: Any) -> Any:
    """A config file's value, which must be of its default's type."""
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        return tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if default is not None and type(value) is not type(default):
        raise UserError(f"config.{name} is of type {type(default).__name__}, and {value!r} is none")
    return value


def _tuple(text: str, default: tuple) -> tuple:
    """What a text says of a tuple: numbers like its default's, where that has any; whole ones are floats too."""
    value = ast.literal_eval(text)
    kinds = {type(item) for item in default} or {int, float}
    if kinds == {float} and isinstance(value, tuple | list):
        value = [float(item) if type(item) is int else item for item in value]
    if not isinstance(value, tuple | list) or {type(item) for item in value} - kinds:
        raise TypeError(f"write for example '{default or (32, 32, 3)}'")
    return tuple(value)


def _default(field: dataclasses.Field) -> Any:
    return field.default_factory() if field.default is dataclasses.MISSING else field.default


def _modules(model: Any, values: Mapping[str, Any]) -> dict[str, type]:
    try:
        if hasattr(model, "modules"):
            return model.modules(values)
        family = find("architectures", values["architecture"])
        return {"generator": family.Generator, "discriminator": family.Discriminator}
    except AttributeError as error:
        raise UserError(f"architecture {values['architecture']!r} does not fit {model.__module__}: {error}") from None


def _module_settings(module: type) -> dict[str, Any]:
    """A Flax module's fields that have a default: the others are the model's to give."""
    parameters = inspect.signature(module).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.name not in ("parent", "name")}
