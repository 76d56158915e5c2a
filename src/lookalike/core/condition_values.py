"""Which comparisons a field allows, and the one form into which their values are brought."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date
from typing import Any, TypeAlias
from unicodedata import normalize

from lookalike.core.errors import BadFilter
from lookalike.core.fields import (
    BUILT_IN,
    FORMER_NAMES,
    METADATA_PREFIX,
    Kind,
    Scalar,
    is_comparable_number,
    searchable_text,
)
from lookalike.core.operators import Op, Operand

Value: TypeAlias = "Scalar | tuple[Scalar, ...]"

MOST_VALUES = 1_000
LONGEST_TEXT = 4_096
LONGEST_FIELD = 200


_BY_WORD = {op.value: op for op in Op}
_WHAT_KINDS_TAKE = {
    Kind.NUMBER: "a number: compare it with eq, lt, lte, gt, gte",
    Kind.SIZE: "a number of bytes: compare it with eq, lt, lte, gt, gte",
    Kind.DATE: "a date: eq with a part of it, as in 2024-05, means within that month",
    Kind.FOLDER: "a folder: eq means in it or below",
}


def field_kind(field: str) -> Kind:
    """How a field is compared."""
    return BUILT_IN.get(field, Kind.TERMS)


def check_field(field: object) -> str:
    """The full name of a field: a built-in one as it is, a user's own with its prefix `metadata.`.

    Raises:
        BadFilter: when it is not a name.
    """
    if not isinstance(field, str) or not 0 < len(field.removeprefix(METADATA_PREFIX)) <= LONGEST_FIELD:
        raise BadFilter(
            f"expected the name of a field, 1 to {LONGEST_FIELD} characters, got {shorten(field)}"
            "; shorten the name, or ask for another field"
        )
    field = FORMER_NAMES.get(field, field)
    if field in BUILT_IN:
        return field
    return METADATA_PREFIX + searchable_text(field.removeprefix(METADATA_PREFIX))


def check_op(field: str, op: object) -> Op:
    """The operator that a word names.

    Raises:
        BadFilter: when there is no such operator, or the field does not take it.
    """
    known = _BY_WORD.get(str(op))
    if known is None:
        raise BadFilter(
            f"{field}: unknown operator {shorten(op)}; known are {', '.join(Op)}"
            "; use eq where you mean that both are the same",
            **_operator(field, op),
        )
    kind = field_kind(field)
    if kind in known.definition.not_of:
        raise BadFilter(
            f"{field}: {known} cannot be asked of {_WHAT_KINDS_TAKE.get(kind, 'such a field')}"
            "; use one of those that take such a field, such as exists",
            **_operator(field, op, [one for one in Op if kind not in one.definition.not_of]),
        )
    return known


def check_value(field: str, op: Op, value: object) -> Value:
    """Bring the value of a comparison into its one form; doing so twice changes nothing.

    Raises:
        BadFilter: when the field and the operator do not take such a value.
    """
    takes = op.definition.takes
    if takes is Operand.TRUTH:
        if not isinstance(value, bool):
            raise _wrong(
                f"{field}: {op} takes true or false, got {shorten(value)}"
                "; say true for pictures that have the field, false for the others",
                field,
                "truth",
            )
        return value
    if takes is Operand.LIST:
        if not isinstance(value, list | tuple) or len(value) > MOST_VALUES:
            raise _wrong(
                f"{field}: {op} takes a list of at most {MOST_VALUES} values, got {shorten(value)}"
                "; split a longer list, and join the parts with or",
                field,
                "list",
            )
        return tuple(_scalar(field, op, item) for item in value)
    if takes is Operand.PATTERN:
        return _pattern(field, op, value)
    return _scalar(field, op, value)


def _wrong(message: str, field: str, kind: str) -> BadFilter:
    return BadFilter(message, code="filter_value", values={"field": field, "kind": kind})


def _operator(field: str, op: object, known: Iterable[Op] = Op) -> dict[str, Any]:
    values = {"field": field, "got": str(op)[:80], "known": [one.value for one in known]}
    return {"code": "filter_operator", "values": values}


def in_every_form(values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """Texts as they are and in Unicode's normal forms C and D: systems keep `ü` in a name in either way."""
    if all(not isinstance(value, str) or value.isascii() for value in values):
        return values
    forms = (
        form
        for value in values
        for form in ((value, normalize("NFC", value), normalize("NFD", value)) if isinstance(value, str) else (value,))
    )
    return tuple(dict.fromkeys(forms))


def shorten(value: object) -> str:
    """A value as messages show it, shortened."""
    if isinstance(value, list | tuple | dict):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value[:80] if isinstance(value, str) else value)
    return text if len(text) <= 100 else text[:100] + "..."


def _scalar(field: str, op: Op, value: object) -> Scalar:
    if not isinstance(value, str | int | float):
        hint = "; use exists to ask for a missing field" if value is None else "; use in to ask for one of several"
        came = f"{shorten(value)}{hint}"
        raise _wrong(f"{field}: {op} takes one text, number or truth value, got {came}", field, "scalar")
    if isinstance(value, str):
        value = _check_text(field, value)
    elif not isinstance(value, bool) and not is_comparable_number(value):
        raise _wrong(f"{field}: expected a finite number within 64 bits; take it as a text, in quotes", field, "number")
    kind = field_kind(field)
    if kind is Kind.TERMS:
        return value
    if isinstance(value, bool):
        raise _wrong(
            f"{field}: expected {_EXPECTED[kind]}, got {str(value).lower()}"
            "; say exists to ask whether the field is there",
            field,
            kind.name.lower(),
        )
    if kind in (Kind.NUMBER, Kind.SIZE):
        return _number(field, kind, value)
    return _BY_KIND_OF_TEXT[kind](field, str(value))


def _check_text(field: str, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise _wrong(
            f"{field}: expected a text of at most {LONGEST_TEXT} characters, got {len(text)}"
            "; shorten it, or use like with * for the rest",
            field,
            "text",
        )
    return searchable_text(text)


def _pattern(field: str, op: Op, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(
            f"{field}: {op} takes a text with * or % (anything) and ? or _ (one character), got {shorten(value)}"
            "; use eq for a text as it stands",
            field,
            "pattern",
        )
    backslashes = len(value) - len(value.rstrip("\\"))
    if backslashes % 2:
        raise _wrong(
            f"{field}: the pattern ends in a \\ that has nothing to take literally; write it twice", field, "pattern"
        )
    return _WILDCARD.sub(lambda found: found[1] or {"*": "%", "?": "_"}[found[2]], _check_text(field, value))


_WILDCARD = re.compile(r"(\\.)|([*?])", re.DOTALL)
_EXPECTED = {
    Kind.TEXT: "a text",
    Kind.NUMBER: "a number",
    Kind.SIZE: "a number of bytes such as 2000000, 2MB or 1.5GiB",
    Kind.DATE: "a date: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS",
    Kind.FOLDER: "the absolute path of a folder",
}
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_QUANTITY = re.compile(r"([+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([A-Za-z]*)")


def _number(field: str, kind: Kind, value: str | int | float) -> int | float:
    if not isinstance(value, str):
        return value
    match = _QUANTITY.fullmatch(value.strip())
    unit = _UNITS.get(match[2].lower()) if match else None
    if not match or unit is None or (match[2] and kind is not Kind.SIZE):
        raise _wrong(
            f"{field}: expected {_EXPECTED[kind]}, got {shorten(value)}; use exists to ask whether it is known at all",
            field,
            kind.name.lower(),
        )
    number = (float(match[1]) if "." in match[1] else int(match[1])) * unit
    if not is_comparable_number(number):
        raise _wrong(
            f"{field}: expected a number within 64 bits, got {shorten(value)}; use exists where any will do",
            field,
            "number",
        )
    return number


OTHER_NAMES_OF_FORMATS = {"jpg": "jpeg", "tif": "tiff", "heif": "heic"}


def _text(field: str, value: str) -> str:
    if field == "format":
        return OTHER_NAMES_OF_FORMATS.get(value.lower(), value.lower())
    return value.lower() if field == "id" else value


_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[T ]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2}))?)?)?)?)?")


def _date(field: str, value: str) -> str:
    match = _DATE.fullmatch(value)
    if match and _is_in_calendar(
        *(int(part or default) for part, default in zip(match.groups(), "111000", strict=True))
    ):
        return value.replace(" ", "T")
    raise _wrong(
        f"{field}: expected {_EXPECTED[Kind.DATE]} (in the camera's own time), got {shorten(value)}"
        "; shorten it to the day or the year if the rest is not known",
        field,
        "date",
    )


def _is_in_calendar(year: int, month: int, day: int, hour: int, minute: int, second: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return hour < 24 and minute < 60 and second < 60


def _folder(field: str, value: str) -> str:
    if not value.startswith("/"):
        raise _wrong(
            f"{field}: expected {_EXPECTED[Kind.FOLDER]}, such as /photos/2024, got {shorten(value)}"
            "; begin the path with /",
            field,
            "folder",
        )
    return os.path.normpath("/" + value.lstrip("/"))


_BY_KIND_OF_TEXT = {Kind.TEXT: _text, Kind.DATE: _date, Kind.FOLDER: _folder}
