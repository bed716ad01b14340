"""Arrows run one way: who may import whom, and that the core knows no member."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "gan_zoo"
CONFIGS = PACKAGE.parent / "configs"


def module_name(path):
    """gan_zoo/data/feed.py -> data.feed; a package's __init__ has the package's name."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def tree_of(name):
    return ast.parse(FILES[name].read_text())


def imports(tree, package):
    """Modules of ours that a tree imports, anywhere in it; ``package`` is where relative imports begin."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # "from gan_zoo import data" imports a module, "from gan_zoo.data import Source" what is in one.
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    ours = {name.removeprefix("gan_zoo").removeprefix(".") for name in found if re.match(r"gan_zoo(\.|$)", name)}
    return {name for name in ours if name in FILES and name}


def imported_by(name):
    parts = ["gan_zoo", *(name.split(".") if name else [])]
    return imports(tree_of(name), parts if FILES[name].name == "__init__.py" else parts[:-1])


def within(package):
    return {name for name in FILES if name.startswith(f"{package}.")}


def test_imports_are_read_in_every_spelling():
    source = """
import numpy
import gan_zoo.step
from gan_zoo import data, optimizers
from gan_zoo.data import Source
from . import order
from .images import fit
from ..game import Batch
def later():
    from gan_zoo.train import train
"""
    assert imports(ast.parse(source), ["gan_zoo", "data"]) == {
        "step",
        "data",
        "optimizers",
        "data.order",
        "data.images",
        "game",
        "train",
    }


ARCHITECTURE = {"layers", "arithmetic", "conv", "winograd", "errors", "architectures"}
ALLOWED = {
    "game": set(),
    "arithmetic": set(),
    "losses": set(),
    "errors": set(),
    "resample": set(),
    "augment": {"errors", "noise"},
    "corruptions": {"noise"},
    "warp": {"noise"},
    "winograd": set(),
    "conv": {"arithmetic", "winograd"},
    "layers": {"arithmetic", "conv", "errors"},
    "noise": {"game"},
    "pool": {"game"},
    "two_domains": {"data", "errors", "game"},
    "step": {"game"},
    "optimizers": {"errors"},
    "registry": {"errors"},
    "checkpoint": {"errors", "devices"},
    **{name: ARCHITECTURE for name in within("architectures")},
    "architectures.stylegan": ARCHITECTURE | {"architectures.progan"},  # whose discriminator is its own, but for a blur
    **{name: {"errors", "data"} | within("data") - {"data.feed"} for name in within("data") | {"data"}},
    "data.feed": {"data", "data.order", "game"},
    "data.captioned": {"data", "errors", "text", "text.joint_embedding"},  # which embeds captions
    "data.moving_digits": {"data", "data.frames", "data.images", "devices"},  # whose examples are computed there
    **{
        name: {"errors", "devices", "metrics"}
        | within("metrics")
        | within("pretrained")
        | within("data")
        | {"data", "checkpoint", "cached", "game", "step", "layers", "pretrained"}
        for name in within("metrics")
    },
    **{name: {"errors", "pretrained", "pretrained.state_dict"} for name in within("pretrained")},
    "pretrained.perceptual": {"errors", "pretrained", "resample"} | within("pretrained"),
    "text": {"errors", "registry", "text.char_cnn_rnn"},
    "text.char_cnn_rnn": {"errors"},
    "cached": {"checkpoint", "devices"},
    "watch": {"errors"},
    **{
        name: {
            "augment",
            "losses",
            "optimizers",
            "data",
            "errors",
            "game",
            "noise",
            "pool",
            "registry",
            "two_domains",
            "resample",
            "corruptions",
            "warp",
        }
        | {"models", "pretrained"}
        | within("pretrained")
        for name in within("models")
    },
}


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_arrows_run_one_way(name):
    assert imported_by(name) <= ALLOWED[name]


def test_members_are_found_by_name_alone():
    """Nobody imports a member, least of all another member."""
    for name in FILES:
        assert not imported_by(name) & within("models"), name


def test_there_is_no_cycle():
    """Leaving out what a function imports when it is called, which is how commands start quickly."""
    graph = {}
    for name in FILES:
        tree = tree_of(name)
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        parts = ["gan_zoo", *(name.split(".") if name else [])]
        graph[name] = imports(tree, parts if FILES[name].name == "__init__.py" else parts[:-1]) - {name}
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("game") < order.index("step") < order.index("train")


def words(tree):
    """Every word of the code's identifiers and strings; docstrings, which may give examples, aside."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)
    }
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            texts.append(node.value)
        for field in ("id", "attr", "arg", "name", "module", "asname"):
            if isinstance(getattr(node, field, None), str):
                texts.append(getattr(node, field))
    return {word for text in texts for word in re.findall("[a-z]+", text.lower().replace("gan_zoo", ""))}


def test_words_are_read():
    source = '"""A generator."""\ndef move_critic(nets): return f"{nets}/discriminator", nets.wgan, gan_zoo.x'
    assert words(ast.parse(source)) == {"move", "critic", "nets", "discriminator", "wgan", "x"}


@pytest.mark.parametrize("name", ["game", "step", "train", "checkpoint", "log"])
def test_the_core_names_no_member(name):
    """Nor a network: those are names that a model chooses."""
    members = {path.stem for path in CONFIGS.glob("*.py")} | {name.split(".")[1] for name in within("models")}
    assert {"gan", "infogan", "dcgan"} <= members
    networks = {"generator", "discriminator", "critic", "encoder", "decoder"}
    assert not words(tree_of(name)) & (members | networks)


def test_every_file_says_what_it_is():
    for name in FILES:
        assert ast.get_docstring(tree_of(name)), name
