"""Errors that are told to the user in one short message."""

import difflib
from collections.abc import Iterable
from typing import Any


class UserError(ValueError):
    """A mistake of the user's, told in one short message; the command line exits with 2."""


def choose(what: str, name: Any, known: Iterable[Any]) -> Any:
    """``name`` if it is one of the known ones.

    Raises:
        UserError: it is not; names the nearest and lists them all.
    """
    known = sorted(known)
    if name in known:
        return name
    known = list(map(str, known))
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UserError(f"unknown {what} {name!r}: {hint}(known: {', '.join(known)})")
