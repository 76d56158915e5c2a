"""The fields that a filter can ask for, and the forms in which values are compared.

Built-in fields describe the picture (`id`, `taken_at` ...) or one of its files (`path`, `folder`, `name`); every other
name is a user's own metadata field. Metadata is compared by its *terms*, so that every engine agrees: a scalar is one
term, a list has one for each of its scalars, an object has one that equals nothing. A term has a text, and a number too
where its value is a number or a text written like one (as in JSON: `3`, `-0.5`, `1e3`, but not `007`), because metadata
that came from a CSV file is all text.
"""

from __future__ import annotations

import json
import math
import re
from enum import Enum
from typing import NamedTuple, TypeAlias

from lookalike.core.records import Json

Scalar: TypeAlias = "str | int | float | bool"

METADATA_PREFIX = "metadata."


class Kind(Enum):
    """How the values of a field are compared."""

    TEXT = "text"
    NUMBER = "number"
    SIZE = "number of bytes"
    DATE = "date"
    FOLDER = "folder"
    TERMS = "metadata"


BUILT_IN: dict[str, Kind] = {
    "id": Kind.TEXT,
    "path": Kind.TEXT,
    "folder": Kind.FOLDER,
    "name": Kind.TEXT,
    "taken_at": Kind.DATE,
    "size_bytes": Kind.SIZE,
    "width": Kind.NUMBER,
    "height": Kind.NUMBER,
    "format": Kind.TEXT,
    "camera": Kind.TEXT,
}
"""Built-in fields, named as in a hit. `name` is the file's name, `taken_at` the moment when the picture was taken."""

FORMER_NAMES = {"date": "taken_at", "size": "size_bytes"}
"""What built-in fields were called in 0.1.0; still read, never written."""

FILE_FIELDS = frozenset({"path", "folder", "name"})
"""Built-in fields that belong to a file, of which a picture may have several or none."""

TELLING_PLACES = frozenset({"path", "folder"})
"""Built-in fields that tell how the machine is arranged on which the files lie."""


class Term(NamedTuple):
    """One comparable value of a metadata field; `text` is None for what equals nothing."""

    text: str | None
    number: int | float | None


def terms(value: Json) -> list[Term]:
    """The terms of a metadata value: none for null, at least one for anything else."""
    if value is None:
        return []
    if isinstance(value, list):
        scalars = [term(item) for item in value if isinstance(item, str | int | float)]
        return scalars or [Term(None, None)]
    return [Term(None, None)] if isinstance(value, dict) else [term(value)]


def term(value: Scalar) -> Term:
    """The term of a scalar."""
    if isinstance(value, str):
        return Term(searchable_text(value), _parse_number(value))
    if isinstance(value, bool):
        return Term("true" if value else "false", None)
    return Term(json.dumps(value), value if is_comparable_number(value) else None)


_UNSEARCHABLE = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")


def searchable_text(text: str) -> str:
    """Text as it is compared: what a database cannot keep as text (NUL, lone surrogates) is U+FFFD."""
    return _UNSEARCHABLE.sub("\ufffd", text)


_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 40


def _parse_number(text: str) -> int | float | None:
    if len(text) > _LONGEST_NUMBER or not (match := _JSON_NUMBER.fullmatch(text)):
        return None
    number = float(text) if match[2] or match[3] else int(text)
    return number if is_comparable_number(number) else None


def is_comparable_number(number: int | float) -> bool:
    """Whether a number is finite and, when whole, within 64 bits: beyond, digits are compared as text."""
    if isinstance(number, int):
        return -(2**63) <= number < 2**63
    return math.isfinite(number)


def split_path(path: str) -> tuple[str, str]:
    """Folder (with its closing slash) and name of a file, searchable: `/a/b.jpg` gives `/a/`, `b.jpg`."""
    folder, slash, name = searchable_text(path).rpartition("/")
    return folder + slash, name
