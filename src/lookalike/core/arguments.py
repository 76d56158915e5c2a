"""What is handed to public functions is looked at first: a wrong type is our error, not one from somewhere within.

Which types a parameter takes is read from its annotation, so that there is nothing to be kept in step. Those that can
be many things, such as a query or a filter, are judged by whoever reads them.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache, wraps
from numbers import Integral, Real
from typing import ParamSpec, TypeVar

from lookalike.core.errors import BadInput

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Kind(StrEnum):
    """What a parameter takes, in the words of an error."""

    TEXT = "a text"
    PATH = "a path"
    WHOLE = "a whole number"
    NUMBER = "a number"
    FLAG = "True or False"
    FUNCTION = "a function"
    TEXTS = "a list of texts"
    PATHS = "a list of paths"
    TABLE = "a dict"
    TABLES = "a dict of dicts"
    NOTHING = "None"


_KINDS = {
    "str": Kind.TEXT,
    "Collapse": Kind.TEXT,
    "os.PathLike[str]": Kind.PATH,
    "int": Kind.WHOLE,
    "float": Kind.NUMBER,
    "bool": Kind.FLAG,
    "None": Kind.NOTHING,
    "Sequence[str]": Kind.TEXTS,
    "Sequence[str | os.PathLike[str]]": Kind.PATHS,
    "Metadata": Kind.TABLE,
    "Mapping[str, Metadata]": Kind.TABLES,
    "Progress": Kind.FUNCTION,
    "Acknowledge": Kind.FUNCTION,
    "Waiting": Kind.FUNCTION,
}
"""By annotation; every `Callable` is a function, too."""

_TO_DO = {
    Kind.TEXT: "convert it with str()",
    Kind.PATH: "convert it with str(), or bytes with os.fsdecode()",
    Kind.WHOLE: "round it, or convert it with int()",
    Kind.NUMBER: "convert it with float()",
    Kind.FLAG: "convert it with bool()",
    Kind.FUNCTION: "write the name of a function, without calling it",
    Kind.TEXTS: "put the texts into a list",
    Kind.PATHS: "put the paths into a list",
    Kind.TABLE: "build a dict whose keys are texts",
    Kind.TABLES: "build a dict of dicts whose keys are texts",
    Kind.NOTHING: "leave it out",
}


_MOST = 2**63 - 1


def checks_arguments(*, but: Sequence[str] = ()) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a public function: arguments of wrong types are `BadInput`, and an unknown option lists those there are.

    Args:
        but: parameters that the function itself judges, with an error that says more.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @cache  # at the first call: a program that never calls it does not pay
        def parameters() -> tuple[inspect.Signature, dict[str, frozenset[Kind]]]:
            signature = inspect.signature(function)
            return signature, {
                one.name: kinds
                for one in signature.parameters.values()
                if one.name not in but and (kinds := kinds_of(one.annotation))
            }

        @wraps(function)
        def check(*args: P.args, **kwargs: P.kwargs) -> R:
            signature, kinds = parameters()
            _check_names(kwargs, signature.parameters.values())
            for name, value in signature.bind(*args, **kwargs).arguments.items():
                if name in kinds:
                    is_several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
                    for one in value if is_several else (value,):
                        check_argument(one, name, kinds[name])
            return function(*args, **kwargs)

        return check

    return decorate


def kinds_of(annotation: object) -> frozenset[Kind]:
    """What a parameter with this annotation takes; nothing where it takes what no kind says."""
    parts = _parts(str(annotation))
    kinds = {_KINDS.get(part) or (Kind.FUNCTION if part.startswith("Callable[") else None) for part in parts}
    return frozenset() if None in kinds else frozenset(kind for kind in kinds if kind is not None)


def check_argument(value: object, name: str, kinds: Iterable[Kind]) -> None:
    """Refuse a value that is of none of these kinds.

    Raises:
        BadInput: which names the parameter.
    """
    wanted = [kind for kind in Kind if kind in kinds]
    if isinstance(value, str) and "\0" in value and Kind.PATH in wanted:
        raise BadInput(
            f"expected {name} as a path, which has no NUL, got {_show(value)}; remove what stands behind the NUL"
        )
    if isinstance(value, Integral) and not -_MOST <= int(value) <= _MOST:
        raise BadInput(f"expected {name} as a number that 64 bits hold, got {_show(value)}; make it smaller")
    if not any(_fits(value, kind) for kind in wanted):
        told = [str(kind) for kind in wanted]
        expected = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"
        first = wanted[0]
        raise BadInput(f"expected {name} as {expected}, got {type(value).__name__}: {_show(value)}; {_TO_DO[first]}")


def check_instance(value: object, name: str, kind: type[T], expected: str) -> T:
    """The value, of a parameter that takes one class.

    Args:
        value: that was given.
        name: of the parameter.
        kind: the class.
        expected: what is expected, in words.
    Raises:
        BadInput: when it is of another.
    """
    if isinstance(value, kind):
        return value
    raise BadInput(
        f"expected {name} as {expected}, got {type(value).__name__}: {_show(value)}; see `help(lookalike.Collection)`"
    )


def _fits(value: object, kind: Kind) -> bool:
    match kind:
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.PATH:
            return isinstance(value, str) or (isinstance(value, os.PathLike) and isinstance(os.fspath(value), str))
        case Kind.WHOLE:
            return isinstance(value, Integral) and not isinstance(value, bool)
        case Kind.NUMBER:
            return isinstance(value, Real) and not isinstance(value, bool)
        case Kind.FLAG:
            return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")  # NumPy's
        case Kind.FUNCTION:
            return callable(value)
        case Kind.TEXTS | Kind.PATHS:
            one = Kind.TEXT if kind is Kind.TEXTS else Kind.PATH
            if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray | memoryview):
                return False
            return all(_fits(item, one) for item in value)
        case Kind.TABLE:
            return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)
        case Kind.TABLES:
            return isinstance(value, Mapping) and all(
                isinstance(key, str) and _fits(item, Kind.TABLE) for key, item in value.items()
            )
        case Kind.NOTHING:
            return value is None


def _show(value: object) -> str:
    short = value[:80] if isinstance(value, str | bytes | bytearray) else value
    return f"{short!r:.80}"


def _parts(annotation: str) -> list[str]:
    """What a union is made of; what stands in brackets is not taken apart."""
    parts, depth = [""], 0
    for sign in annotation:
        depth += (sign == "[") - (sign == "]")
        if sign == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _check_names(given: Iterable[str], parameters: Iterable[inspect.Parameter]) -> None:
    """Refuse an option that is not there with those that are, whichever Python runs."""
    known = [one for one in parameters if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD)]
    names = {one.name for one in known} - {"self"}
    for name in given:
        if name not in names:
            raise TypeError(_tell_options(name, [one.name for one in known if one.kind is one.KEYWORD_ONLY]))


def _tell_options(name: str, options: list[str]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(name.lower(), options, n=1)
    question = f" Did you mean {close[0]!r}?" if close else ""
    return f"there is no option {name!r}.{question} The options are {', '.join(options)}"
