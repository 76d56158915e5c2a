"""The API's form of a filter: `{field: {op: value}}`, with one level of `or: [...]`."""

from __future__ import annotations

from collections.abc import Mapping

from lookalike.core.condition_values import shorten
from lookalike.core.conditions import Condition
from lookalike.core.errors import BadFilter
from lookalike.core.operators import Op

Alternatives = tuple[tuple[Condition, ...], ...]

MOST_FIELDS = 256
_OR = "or"


def alternatives_from_json(value: object) -> Alternatives:
    """Read a filter from JSON.

    Raises:
        BadFilter: when the form is another; the message begins with the place, as in `or[1].label`.
    """
    fields = _check_object(value, place="the filter")
    required = _conditions({field: asked for field, asked in fields.items() if field != _OR}, place="")
    if _OR not in fields:
        return (required,)
    return tuple(required + either for either in _either(fields[_OR]))


def _either(value: object) -> list[tuple[Condition, ...]]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST_FIELDS:
        raise BadFilter(
            f"or: expected a list of 1 to {MOST_FIELDS} objects, got {shorten(value)}"
            "; split a longer list into several searches"
        )
    return [_branch(item, place=f"or[{number}]") for number, item in enumerate(value)]


def _branch(value: object, *, place: str) -> tuple[Condition, ...]:
    fields = _check_object(value, place=place)
    if _OR in fields:
        raise BadFilter(
            f"{place}: only one level of `or` is understood (a field named or is asked for as metadata.or)"
            "; write each alternative out in the list of the outer `or`"
        )
    return _conditions(fields, place=place + ".")


def _conditions(fields: Mapping[str, object], *, place: str) -> tuple[Condition, ...]:
    return tuple(
        _condition(field, op, wanted, place=f"{place}{field}"[:100])
        for field, asked in fields.items()
        for op, wanted in _operators(asked, place=f"{place}{field}"[:100]).items()
    )


def _condition(field: str, op: str, value: object, *, place: str) -> Condition:
    try:
        return Condition(field, op, value)  # type: ignore[arg-type]  # it checks what comes from outside
    except BadFilter as error:
        message = str(error)
        shown_message = message if message.startswith(place) else f"{place}: {message}"
        raise BadFilter(shown_message, code=error.code, values=error.values) from None


def _operators(asked: object, *, place: str) -> Mapping[str, object]:
    if isinstance(asked, str | int | float):
        return {Op.EQ: asked}
    if not isinstance(asked, Mapping) or not 0 < len(asked) <= len(Op):
        raise BadFilter(
            f'{place}: expected an object such as {{"eq": ...}}, with some of {", ".join(Op)}, got {shorten(asked)}'
            f'; write {{"eq": value}} where you mean that both are the same'
        )
    return asked


def _check_object(value: object, *, place: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise BadFilter(
            f'{place}: expected an object such as {{"label": {{"eq": "apple"}}}}, got {shorten(value)}'
            "; name the fields, and of each what to ask"
        )
    if len(value) > MOST_FIELDS:
        raise BadFilter(
            f"{place}: expected at most {MOST_FIELDS} fields, got {len(value)}"
            "; use in with a list, or several searches",
            code="filter_too_large",
            values={"limit": MOST_FIELDS},
        )
    return value
