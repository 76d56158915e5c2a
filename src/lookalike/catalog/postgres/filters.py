"""A filter as SQL over the tables of a catalog in PostgreSQL: the same answers as `Filter.matches`.

Names and values are always bound, never written into the statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from lookalike.catalog.postgres.words import exact_number, field_key, wanted_name, wanted_number, wanted_text
from lookalike.core.conditions import Condition
from lookalike.core.fields import Kind, searchable_text, term
from lookalike.core.filters import Filter
from lookalike.core.operators import Op
from lookalike.core.records import ImageRecord


class Sql(NamedTuple):
    """A piece of SQL and the values of its placeholders."""

    text: str
    values: tuple[Any, ...] = ()

    @property
    def name(self) -> tuple[str, str]:
        """Tells it from every other: 1, 1.0 and True are equal, but not the same in a filter."""
        return self.text, repr(self.values)


_COLUMNS = {
    "id": "i.id",
    "taken_at": "i.taken_at",
    "size_bytes": "i.size_bytes",
    "width": "i.width",
    "height": "i.height",
    "format": "i.format",
    "camera": "i.camera",
    "path": "(f.folder || f.name)",
    "folder": "f.folder",
    "name": "f.name",
}
_FOLDER_TEXT = "coalesce(nullif(left(f.folder, -1), ''), '/')"
_NUMBERS = frozenset({Kind.NUMBER, Kind.SIZE})
_NO_IMAGE = ImageRecord(id="", width=0, height=0, format="", size_bytes=0)
# Big-endian, as the server holds them: a million Python objects would take longer than the selecting itself.
_KEYS = "SELECT coalesce(string_agg(int8send(i.key), ''::bytea ORDER BY i.key), ''::bytea) FROM ours.images i"


def selection(where: Filter) -> Sql:
    """The statement that selects the keys of the pictures that pass: 8 bytes each, ascending, in one value."""
    passes = _passes(where)
    return Sql(f"{_KEYS} WHERE NOT i.removed AND {passes.text}", passes.values)


def selection_among(keys: Sequence[int], where: Filter) -> Sql:
    """As `selection`, of some keys only."""
    passes = _passes(where)
    return Sql(
        f"{_KEYS} WHERE NOT i.removed AND i.key = ANY(%s::bigint[]) AND {passes.text}", (list(keys), *passes.values)
    )


def count_statement(where: Filter) -> Sql:
    """The statement that counts the pictures that pass."""
    passes = _passes(where)
    return Sql(f"SELECT count(*) FROM ours.images i WHERE NOT i.removed AND {passes.text}", passes.values)


def _passes(where: Filter) -> Sql:
    return _join([_alternative(conditions) for conditions in where.alternatives], " OR ", none="false")


def _alternative(conditions: tuple[Condition, ...]) -> Sql:
    parts = [_of_image(condition) for condition in conditions if not condition.is_about_files]
    about_files = [condition for condition in conditions if condition.is_about_files]
    if about_files:
        parts.append(_of_any_file(about_files))
    return _join(parts, " AND ", none="true")


def _of_any_file(conditions: list[Condition]) -> Sql:
    one_file = _join([_in_column(condition) for condition in conditions], " AND ", none="true")
    text = f"i.key IN (SELECT f.key FROM ours.files f WHERE {one_file.text})"
    if all(condition.matches(_NO_IMAGE, None) for condition in conditions):
        text = f"({text} OR NOT EXISTS (SELECT 1 FROM ours.files f WHERE f.key = i.key))"
    return Sql(text, one_file.values)


def _of_image(condition: Condition) -> Sql:
    return TRANSLATIONS[condition.op].terms(condition) if condition.kind is Kind.TERMS else _in_column(condition)


def _in_column(condition: Condition) -> Sql:
    return TRANSLATIONS[condition.op].column(condition, _COLUMNS[condition.field])


class Translation(NamedTuple):
    """An operator in SQL.

    Attributes:
        column: of a built-in field in a column, never NULL.
        terms: of a user's own field, which is kept taken apart.
    """

    column: Callable[[Condition, str], Sql]
    terms: Callable[[Condition], Sql]


def _equal_terms(condition: Condition) -> Sql:
    """What the index of `terms` finds: whether the field has one of the values."""
    wanted = [term(value) for value in condition.values]
    found = [
        wanted_text(condition.metadata_name, one.text or "")
        if one.number is None
        else wanted_number(condition.metadata_name, one.number)
        for one in wanted
    ]
    return _join([Sql("i.terms @> %s::jsonb", (one,)) for one in found], " OR ", none="false")


def _some_term(condition: Condition, wanted: Sql) -> Sql:
    """Whether the field is there, which the index finds, and some term of it is as wanted."""
    name = condition.metadata_name
    return Sql(
        "(i.terms @> %s::jsonb AND EXISTS (SELECT 1 FROM jsonb_array_elements(i.terms -> %s) AS t (term)"
        f" WHERE {wanted.text}))",
        (wanted_name(name), field_key(name), *wanted.values),
    )


_TERM_TEXT = "((t.term ->> 't') COLLATE \"C\")"


def _pattern(value: object) -> str:
    """A pattern that ends with a lone backslash means just that; PostgreSQL refuses it."""
    text = searchable_text(str(value))
    return text + "\\" if (len(text) - len(text.rstrip("\\"))) % 2 else text


def _like_in_column(condition: Condition, column: str) -> Sql:
    text = _FOLDER_TEXT if condition.kind is Kind.FOLDER else column
    likes = [Sql(f'coalesce({text} COLLATE "C" ILIKE %s, false)', (_pattern(value),)) for value in condition.values]
    return _join(likes, " OR ", none="false")


def _like_in_terms(condition: Condition) -> Sql:
    return _some_term(condition, Sql(f"{_TERM_TEXT} ILIKE %s", (_pattern(condition.values[0]),)))


def _bound(condition: Condition, value: object) -> tuple[str, str]:
    """A placeholder for a value of a built-in field, and what is put there."""
    if condition.kind in _NUMBERS:
        return "%s::numeric", exact_number(value)
    return "%s::text", searchable_text(str(value))


def _translate_order(sign: str) -> Translation:
    def column(condition: Condition, column: str) -> Sql:
        placeholder, value = _bound(condition, condition.values[0])
        shortened = f"left({column}, {len(value)})" if condition.kind is Kind.DATE else column
        return Sql(f"coalesce({shortened} {sign} {placeholder}, false)", (value,))

    def terms(condition: Condition) -> Sql:
        text, number = term(condition.values[0])
        if number is not None:
            inside = f"SELECT n.key FROM ours.numbers n WHERE n.name = %s AND n.number {sign} %s::numeric"
            return Sql(f"i.key IN ({inside})", (searchable_text(condition.metadata_name), exact_number(number)))
        return _some_term(condition, Sql(f"NOT t.term ? 'n' AND {_TERM_TEXT} {sign} %s::text", (text or "",)))

    return Translation(column, terms)


def _there_in_column(condition: Condition, column: str) -> Sql:
    return Sql(f"{column} IS NOT NULL" if condition.value else f"{column} IS NULL")


def _there_in_terms(condition: Condition) -> Sql:
    text = "i.terms @> %s::jsonb" if condition.value else "NOT i.terms @> %s::jsonb"
    return Sql(text, (wanted_name(condition.metadata_name),))


def _opposite(wanted: Sql) -> Sql:
    return Sql(f"NOT {wanted.text}", wanted.values)


def _equal_to_any(condition: Condition, column: str) -> Sql:
    if condition.kind is Kind.DATE:
        by_length = [list(same) for _, same in groupby(sorted(map(str, condition.values), key=len), key=len)]
        dates = [Sql(f"left({column}, {len(same[0])}) = ANY(%s::text[])", (same,)) for same in by_length]
        either = _join(dates, " OR ", none="false")
        return Sql(f"coalesce({either.text}, false)", either.values)
    if condition.kind is Kind.FOLDER:
        inside = [Sql("(f.folder >= %s AND f.folder < %s)", _ends(str(folder))) for folder in condition.values]
        return _join(inside, " OR ", none="false")
    bound = [_bound(condition, value) for value in condition.values]
    kind = "numeric" if condition.kind in _NUMBERS else "text"
    return Sql(f"coalesce({column} = ANY(%s::{kind}[]), false)", ([value for _, value in bound],))


def _ends(folder: str) -> tuple[str, str]:
    """What begins with "x/" lies from "x/" to "x0", for 0 comes after the slash."""
    inside = searchable_text(folder).rstrip("/")
    return inside + "/", inside + "0"


def _join(parts: list[Sql], joint: str, *, none: str) -> Sql:
    if not parts:
        return Sql(none)
    return Sql(f"({joint.join(part.text for part in parts)})", tuple(value for part in parts for value in part.values))


_EQUAL = Translation(_equal_to_any, _equal_terms)
_UNEQUAL = Translation(
    lambda condition, column: _opposite(_equal_to_any(condition, column)),
    lambda condition: _opposite(_equal_terms(condition)),
)

TRANSLATIONS: Mapping[Op, Translation] = {
    Op.EQ: _EQUAL,
    Op.IN: _EQUAL,
    Op.NE: _UNEQUAL,
    Op.NOT_IN: _UNEQUAL,
    Op.LT: _translate_order("<"),
    Op.LTE: _translate_order("<="),
    Op.GT: _translate_order(">"),
    Op.GTE: _translate_order(">="),
    Op.LIKE: Translation(_like_in_column, _like_in_terms),
    Op.EXISTS: Translation(_there_in_column, _there_in_terms),
}
"""Every operator in SQL; a test says which one is missing here."""
