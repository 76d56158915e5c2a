"""How settings are read: argument, else environment, else file, else default; and what each value may be.

The file is `lookalike.toml` in the user's configuration folder, or the one that `LOOKALIKE_CONFIG` names.
"""

from __future__ import annotations

import errno
import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from lookalike.core.errors import BadInput


class Said(NamedTuple):
    """A value, and where it came from.

    Attributes:
        value: as it was said.
        source: in words: `the argument`, the name of a variable, the path of a file, `the default`.
    """

    value: Any
    source: str


Values = Mapping[str, Said]


def gather(
    defaults: Mapping[str, object],
    *,
    variables: Mapping[str, str],
    prefix: str,
    table: str | None = None,
    apart: Iterable[str] = (),
    given: Mapping[str, object],
) -> dict[str, Said]:
    """Find out what was said.

    Args:
        defaults: value by name of every setting that there is.
        variables: of the environment; an empty one says nothing.
        prefix: of the names of variables.
        table: of the file; None for what stands outside of tables.
        apart: what else may stand there and is read elsewhere.
        given: arguments; None counts as not said.
    Raises:
        BadInput: when a name is unknown, or the file cannot be read.
    """
    _check_names(given, defaults, place="")
    in_file, path = _file(variables)
    place = str(path) if table is None else f"[{table}] of {path}"
    in_table = in_file if table is None else in_file.get(table, {})
    if not isinstance(in_table, dict):
        raise BadInput(f"expected a table {table} in {path}, got {in_table!r}; write [{table}] above its settings")
    in_table = {name: value for name, value in in_table.items() if name not in apart}
    _check_names(in_table, defaults, place=f" in {place}")
    named = {name: f"{prefix}{name.upper()}" for name in defaults}
    return {
        **{name: Said(value, "the default") for name, value in defaults.items()},
        **{name: Said(value, place) for name, value in in_table.items()},
        **{name: Said(variables[each], each) for name, each in named.items() if variables.get(each)},
        **{name: Said(value, "the argument") for name, value in given.items() if value is not None},
    }


def text(name: str, values: Values) -> str:
    """A text that is not empty."""
    value, source = values[name]
    read = os.fsdecode(value) if isinstance(value, str | os.PathLike) else ""
    if not read or "\0" in read:
        raise BadInput(f"expected a text for {name}, got {value!r} from {source}; put it in quotes")
    return read


def folder(name: str, values: Values) -> Path:
    """A path, made absolute; it need not be there, but it could."""
    path = Path(os.path.expanduser(text(name, values))).absolute()
    try:
        path.lstat()
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno == errno.ENAMETOOLONG:
            why = "it is too long" if isinstance(error, OSError) else "it is no Unicode text"
            raise BadInput(
                f"expected the path of a folder for {name}, got {str(path)[:300]!r} from {values[name].source}, "
                f"which none can have: {why}"
                "; choose a shorter one below your home"
            ) from error
    return path


def choice(name: str, values: Values, *, of: Iterable[str]) -> str:
    """One of some words."""
    value, source = values[name]
    words = tuple(of)
    if value not in words:
        raise BadInput(
            f"expected {_either(words)} for {name}, got {value!r} from {source}; remove it there for the usual one"
        )
    return str(value)


def whole(name: str, values: Values, *, least: int, most: int, expected: str = "") -> int:
    """A whole number, as such or as text."""
    value, source = values[name]
    try:
        number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or not least <= number <= most:
        raise BadInput(
            f"expected {expected or f'{least} to {most} for {name}'}, got {value!r} from {source}"
            "; remove it there for the usual one"
        )
    return number


def number(name: str, values: Values, *, least: float, most: float) -> float:
    """A number, as such or as text."""
    value, source = values[name]
    try:
        read = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        read = math.nan
    if not least <= read <= most:
        raise BadInput(
            f"expected {least:g} to {most:g} for {name}, got {value!r} from {source}; remove it there for the usual one"
        )
    return read


def flag(name: str, values: Values) -> bool:
    """Yes or no, as TOML or an environment says it."""
    value, source = values[name]
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    said = value if isinstance(value, bool) else words.get(value.lower()) if isinstance(value, str) else None
    if said is None:
        raise BadInput(
            f"expected true or false for {name}, got {value!r} from {source}; write it without quotes, or remove it"
        )
    return said


def texts(name: str, values: Values) -> tuple[str, ...]:
    """Several texts: a list, or one text with commas."""
    value, source = values[name]
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        raise BadInput(
            f"expected a list of texts for {name}, got {value!r} from {source}"
            '; put each in quotes, and brackets around: ["one", "two"]'
        )
    return tuple(one.strip() for one in listed if one.strip())


def _either(words: tuple[str, ...]) -> str:
    quoted = [repr(word) for word in words]
    return " or ".join(quoted) if len(quoted) < 3 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _check_names(names: Iterable[str], known: Iterable[str], *, place: str) -> None:
    if unknown := sorted(set(names) - set(known)):
        raise BadInput(
            f"expected a setting that is known, got {unknown[0]!r}{place}; "
            f"correct it to one of {', '.join(sorted(known))}"
        )


def _file(variables: Mapping[str, str]) -> tuple[dict[str, Any], Path]:
    named = variables.get("LOOKALIKE_CONFIG")
    path = Path(os.path.expanduser(named)) if named else platformdirs.user_config_path("lookalike") / "lookalike.toml"
    try:
        return tomllib.loads(path.read_text("utf-8")), path
    except (FileNotFoundError, NotADirectoryError) as error:
        if not named:
            return {}, path
        raise BadInput(
            f"LOOKALIKE_CONFIG names {path}, which is not there; correct the path, or unset LOOKALIKE_CONFIG"
        ) from error
    except (OSError, ValueError) as error:
        raise BadInput(
            f"the settings in {path} cannot be read: {error}; correct the line, or move the file away to begin anew"
        ) from error
