"""An option that is not there is told with those that are, whichever Python runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def tells_options(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function of many options: the `TypeError` for one that is not there lists them."""
    parameters = inspect.signature(function).parameters.values()
    named = {one.name for one in parameters if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD)} - {"self"}
    options = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        unknown = [name for name in kwargs if name not in named]
        if unknown:
            raise TypeError(_told(unknown[0], options))
        return function(*args, **kwargs)

    return checked


def _told(name: str, options: list[str]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(name.lower(), options, n=1)
    question = f" Did you mean {close[0]!r}?" if close else ""
    return f"there is no option {name!r}.{question} The options are {', '.join(options)}"
