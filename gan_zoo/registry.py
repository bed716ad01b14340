"""Finds a member or an architecture by name: the file system is the registry."""

import importlib
import os
import pkgutil
import sys
from types import ModuleType

from gan_zoo.errors import UserError, choose


def find(kind: str, name: str) -> ModuleType:
    """The module gan_zoo.KIND.NAME, or any module by its dotted name ("my_package.my_gan").

    Raises:
        UserError: there is none; names the nearest.
    """
    if "." in name:
        return outside(name)
    choose(kind.removesuffix("s"), name, names(kind))
    return importlib.import_module(f"gan_zoo.{kind}.{name}")


def outside(name: str) -> ModuleType:
    """A module that is not ours, by its dotted name.

    Raises:
        UserError: it cannot be imported.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # the user's own package, beside the command; never before installed ones
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UserError(f"cannot import {name}: {error}; it must lie in the current folder or be installed") from None


def names(kind: str) -> list[str]:
    """Names of the modules in gan_zoo/KIND."""
    package = importlib.import_module(f"gan_zoo.{kind}")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))
