"""Filters in SQL over the documents of pictures: what passes is what `Filter.matches` says without a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from lookalike.core.conditions import Condition
from lookalike.core.fields import Kind, Scalar, term
from lookalike.core.filters import Filter
from lookalike.core.operators import Op
from lookalike.index.pgvector.documents import IMAGE, TERMS, exact_number

_FEW = 8
_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"


class Sql(NamedTuple):
    """A piece of a statement, and what is bound to its placeholders, in order."""

    text: str
    values: tuple[object, ...] = ()


def condition_of(where: Filter) -> Sql:
    """What a WHERE asks of a row that has a column `picture`.

    Args:
        where: a filter that is not about files, of which documents do not tell.
    """
    return _join([_alternative(conditions) for conditions in where.alternatives], " OR ", none="false")


def _alternative(conditions: tuple[Condition, ...]) -> Sql:
    return _join([_of(condition) for condition in conditions], " AND ", none="true")


def _of(condition: Condition) -> Sql:
    translation = TRANSLATIONS[condition.op]
    return translation.terms(condition) if condition.kind is Kind.TERMS else translation.built_in(condition)


class Translation(NamedTuple):
    """An operator in SQL; never NULL.

    Attributes:
        built_in: of a built-in field.
        terms: of a user's own field.
    """

    built_in: Callable[[Condition], Sql]
    terms: Callable[[Condition], Sql]


# Built-in fields


def _value(condition: Condition) -> str:
    text = f"picture -> '{IMAGE}' ->> '{condition.field}'"  # one of ours, never a user's word
    return f"({text})::numeric" if condition.kind in (Kind.NUMBER, Kind.SIZE) else f'({text}) COLLATE "C"'


def _equal_built_in(condition: Condition) -> Sql:
    value = _value(condition)
    if condition.kind is Kind.DATE:
        by_length = [list(same) for _, same in groupby(sorted(map(str, condition.values), key=len), key=len)]
        dates = [Sql(f"left({value}, {len(same[0])}) = ANY(%s::text[])", (same,)) for same in by_length]
        return _never_null(_join(dates, " OR ", none="false"))
    if condition.kind in (Kind.NUMBER, Kind.SIZE):
        return _never_null(Sql(f"{value} = ANY(%s::text[]::numeric[])", (_digits_of(condition.values),)))
    return _never_null(Sql(f"{value} = ANY(%s::text[])", (list(condition.values),)))


def _order_built_in(sign: str) -> Callable[[Condition], Sql]:
    def translate(condition: Condition) -> Sql:
        (value,) = condition.values
        column = _value(condition)
        if condition.kind in (Kind.NUMBER, Kind.SIZE):
            return _never_null(Sql(f"{column} {sign} %s::text::numeric", tuple(_digits_of([value]))))
        if condition.kind is Kind.DATE:
            column = f"left({column}, {len(str(value))})"
        return _never_null(Sql(f"{column} {sign} %s::text", (value,)))

    return translate


def _like_built_in(condition: Condition) -> Sql:
    likes = [_like(_value(condition), value) for value in condition.values]
    return _never_null(_join(likes, " OR ", none="false"))


def _there_built_in(condition: Condition) -> Sql:
    sign = "" if condition.value else "NOT "
    return Sql(f"{sign}(picture -> '{IMAGE}' ? '{condition.field}')")


# Users' own fields


def _some_term(condition: Condition, wanted: Sql) -> Sql:
    """Whether some term of the field is as wanted: its text is `t ->> 0`, its number `t -> 1`."""
    each = f"jsonb_array_elements(picture -> '{TERMS}' -> %s::text) t"
    return Sql(f"EXISTS (SELECT 1 FROM {each} WHERE {wanted.text})", (condition.metadata_name, *wanted.values))


def _equal_terms(condition: Condition) -> Sql:
    wanted = [term(value) for value in condition.values]
    texts = [one.text for one in wanted if one.number is None and one.text is not None]
    numbers = [exact_number(one.number) for one in wanted if one.number is not None]
    if len(texts) + len(numbers) <= _FEW:  # which an index of the documents answers
        return _join([_contains(condition, one) for one in [*texts, *numbers]], " OR ", none="false")
    by_text = Sql("(t ->> 0) = ANY(%s::text[])", (texts,))
    by_number = Sql(
        "CASE jsonb_typeof(t -> 1) WHEN 'number' THEN (t ->> 1)::numeric = ANY(%s::text[]::numeric[]) ELSE false END",
        (_digits_of(numbers),),
    )
    return _some_term(condition, _never_null(_join([_never_null(by_text), by_number], " OR ", none="false")))


def _contains(condition: Condition, wanted: Scalar | None) -> Sql:
    document = json.dumps({TERMS: {condition.metadata_name: [[wanted]]}}, ensure_ascii=False)
    return Sql("picture @> %s::jsonb", (document,))


def _order_terms(sign: str) -> Callable[[Condition], Sql]:
    def translate(condition: Condition) -> Sql:
        text, number = term(condition.values[0])
        if number is not None:
            compared = f"(t ->> 1)::numeric {sign} %s::text::numeric"
            wanted = f"CASE jsonb_typeof(t -> 1) WHEN 'number' THEN {compared} ELSE false END"
            return _some_term(condition, Sql(wanted, tuple(_digits_of([number]))))
        has_none = "jsonb_typeof(t -> 1) IS DISTINCT FROM 'number'"
        by_text = Sql(f'{has_none} AND (t ->> 0) COLLATE "C" {sign} %s', (text or "",))
        return _some_term(condition, _never_null(by_text))

    return translate


def _like_terms(condition: Condition) -> Sql:
    likes = [_like("(t ->> 0)", value) for value in condition.values]
    return _some_term(condition, _never_null(_join(likes, " OR ", none="false")))


def _there_terms(condition: Condition) -> Sql:
    sign = "" if condition.value else "NOT "
    return Sql(f"{sign}(picture -> '{TERMS}' ? %s::text)", (condition.metadata_name,))


# What both have in common


def _like(text: str, pattern: Scalar) -> Sql:
    """A-Z equal a-z, and no other letters; the locale of the database has no say."""
    lowered = f"translate({text}, '{_UPPER}', '{_LOWER}')"
    return Sql(rf"{lowered} LIKE %s ESCAPE '\'", (_whole_pattern(str(pattern)).translate(_TO_LOWER),))


_TO_LOWER = str.maketrans(_UPPER, _LOWER)


def _whole_pattern(pattern: str) -> str:
    """A backslash that escapes nothing, at the end, is one itself, which PostgreSQL wants doubled."""
    return pattern + "\\" if (len(pattern) - len(pattern.rstrip("\\"))) % 2 else pattern


def _never_null(condition: Sql) -> Sql:
    return Sql(f"coalesce({condition.text}, false)", condition.values)


def _digits_of(numbers: Iterable[Scalar | None]) -> list[str]:
    """All digits: what is bound as a float would be rounded to 15 of them on its way to a numeric."""
    return [str(exact_number(number)) for number in numbers if isinstance(number, int | float)]


def _negate(translate: Callable[[Condition], Sql]) -> Callable[[Condition], Sql]:
    def opposite_of(condition: Condition) -> Sql:
        opposite = translate(condition)
        return Sql(f"NOT {opposite.text}", opposite.values)

    return opposite_of


def _join(parts: list[Sql], joint: str, *, none: str) -> Sql:
    if not parts:
        return Sql(none)
    text = joint.join(f"({part.text})" for part in parts)
    return Sql(f"({text})", tuple(value for part in parts for value in part.values))


_EQUAL = Translation(_equal_built_in, _equal_terms)
_UNEQUAL = Translation(_negate(_equal_built_in), _negate(_equal_terms))

TRANSLATIONS: Mapping[Op, Translation] = {
    Op.EQ: _EQUAL,
    Op.IN: _EQUAL,
    Op.NE: _UNEQUAL,
    Op.NOT_IN: _UNEQUAL,
    Op.LT: Translation(_order_built_in("<"), _order_terms("<")),
    Op.LTE: Translation(_order_built_in("<="), _order_terms("<=")),
    Op.GT: Translation(_order_built_in(">"), _order_terms(">")),
    Op.GTE: Translation(_order_built_in(">="), _order_terms(">=")),
    Op.LIKE: Translation(_like_built_in, _like_terms),
    Op.EXISTS: Translation(_there_built_in, _there_terms),
}
"""Every operator in SQL; a test says which one is missing here."""
