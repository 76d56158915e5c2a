"""A filter as SQL over the tables of `lookalike.catalog.schema`: the same answers as `Filter.matches`.

Names and values are always bound, never written into the statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from lookalike.core.conditions import Condition
from lookalike.core.fields import Kind, Scalar, term
from lookalike.core.filters import Filter
from lookalike.core.operators import Op
from lookalike.core.records import ImageRecord


class Sql(NamedTuple):
    """A piece of SQL and the values of its question marks."""

    text: str
    values: tuple[Scalar, ...] = ()

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
_FOLDER_TEXT = "coalesce(nullif(substr(f.folder, 1, length(f.folder) - 1), ''), '/')"
_NO_IMAGE = ImageRecord(id="", width=0, height=0, format="", size_bytes=0)


def selection(where: Filter) -> Sql:
    """The statement that selects the keys of the pictures that pass, joined by commas, in no order; NULL for none."""
    passes = _passes(where)
    return Sql(f"SELECT group_concat(i.key) FROM images i WHERE NOT i.removed AND {passes.text}", passes.values)


def selection_among(keys: Sequence[int], where: Filter) -> Sql:
    """As `selection`, of some keys only."""
    passes = _passes(where)
    return Sql(
        "SELECT group_concat(i.key) FROM images i"
        f" WHERE NOT i.removed AND i.key IN (SELECT value FROM json_each(?)) AND {passes.text}",
        (json.dumps(list(keys)), *passes.values),
    )


def count_statement(where: Filter) -> Sql:
    """The statement that counts the pictures that pass."""
    passes = _passes(where)
    return Sql(f"SELECT count(*) FROM images i WHERE NOT i.removed AND {passes.text}", passes.values)


def _passes(where: Filter) -> Sql:
    return _join([_alternative(conditions) for conditions in where.alternatives], " OR ", none="0")


def _alternative(conditions: tuple[Condition, ...]) -> Sql:
    parts = [_of_image(condition) for condition in conditions if not condition.is_about_files]
    about_files = [condition for condition in conditions if condition.is_about_files]
    if about_files:
        parts.append(_of_any_file(about_files))
    return _join(parts, " AND ", none="1")


def _of_any_file(conditions: list[Condition]) -> Sql:
    one_file = _join([_in_column(condition) for condition in conditions], " AND ", none="1")
    text = f"i.key IN (SELECT f.key FROM files f WHERE {one_file.text})"
    if all(condition.matches(_NO_IMAGE, None) for condition in conditions):
        text = f"({text} OR NOT EXISTS (SELECT 1 FROM files f WHERE f.key = i.key))"
    return Sql(text, one_file.values)


def _of_image(condition: Condition) -> Sql:
    return TRANSLATIONS[condition.op].terms(condition) if condition.kind is Kind.TERMS else _in_column(condition)


def _in_column(condition: Condition) -> Sql:
    return TRANSLATIONS[condition.op].column(condition, _COLUMNS[condition.field])


class Translation(NamedTuple):
    """An operator in SQL.

    Attributes:
        column: of a built-in field in a column, never NULL.
        terms: of a user's own field, of which each value is a row of `terms`.
    """

    column: Callable[[Condition, str], Sql]
    terms: Callable[[Condition], Sql]


def _some_term(condition: Condition, wanted: Sql, *, is_opposite: bool = False) -> Sql:
    """Whether some term of the field, or none, is as wanted."""
    text = f"i.key {'NOT ' * is_opposite}IN (SELECT t.key FROM terms t WHERE t.name = ? AND {wanted.text})"
    return Sql(text, (condition.metadata_name, *wanted.values))


def _equal_terms(condition: Condition) -> Sql:
    wanted = [term(value) for value in condition.values]
    texts = tuple(one.text for one in wanted if one.number is None and one.text is not None)
    numbers = tuple(one.number for one in wanted if one.number is not None)
    return Sql(f"(t.text IN {_marks(texts)} OR t.number IN {_marks(numbers)})", texts + numbers)


def _like_in_column(condition: Condition, column: str) -> Sql:
    text = _FOLDER_TEXT if condition.kind is Kind.FOLDER else column
    likes = [Sql(rf"coalesce({text} LIKE ? ESCAPE '\', 0)", (value,)) for value in condition.values]
    return _join(likes, " OR ", none="0")


def _like_in_terms(condition: Condition) -> Sql:
    return _some_term(condition, Sql(r"t.text LIKE ? ESCAPE '\'", condition.values))


def _translate_order(sign: str) -> Translation:
    def column(condition: Condition, column: str) -> Sql:
        value = condition.values[0]
        shortened = f"substr({column}, 1, {len(str(value))})" if condition.kind is Kind.DATE else column
        return Sql(f"coalesce({shortened} {sign} ?, 0)", (value,))

    def terms(condition: Condition) -> Sql:
        text, number = term(condition.values[0])
        if number is not None:
            return _some_term(condition, Sql(f"t.number {sign} ?", (number,)))
        return _some_term(condition, Sql(f"(t.number IS NULL AND t.text {sign} ?)", (text or "",)))

    return Translation(column, terms)


def _there_in_column(condition: Condition, column: str) -> Sql:
    return Sql(f"{column} IS NOT NULL" if condition.value else f"{column} IS NULL")


def _there_in_terms(condition: Condition) -> Sql:
    return _some_term(condition, Sql("1"), is_opposite=not condition.value)


def _unequal_in_column(condition: Condition, column: str) -> Sql:
    equals = _equal_to_any(condition, column)
    return Sql(f"NOT {equals.text}", equals.values)


def _equal_to_any(condition: Condition, column: str) -> Sql:
    if condition.kind is Kind.DATE:
        by_length = [tuple(same) for _, same in groupby(sorted(map(str, condition.values), key=len), key=len)]
        dates = [Sql(f"substr({column}, 1, {len(same[0])}) IN {_marks(same)}", same) for same in by_length]
        either = _join(dates, " OR ", none="0")
        return Sql(f"coalesce({either.text}, 0)", either.values)
    if condition.kind is Kind.FOLDER:
        return _in_any_folder([str(value) for value in condition.values])
    return Sql(f"coalesce({column} IN {_marks(condition.values)}, 0)", condition.values)


def _in_any_folder(folders: list[str]) -> Sql:
    """Several are a table: a thousand ranges joined by OR can take SQLite seconds to plan and to compare."""
    if not folders:
        return Sql("0")
    ends = tuple(end for folder in folders for end in _ends(folder))
    if len(folders) == 1:
        return Sql("(f.folder >= ? AND f.folder < ?)", ends)
    ranges = f"(VALUES {', '.join(['(?, ?)'] * len(folders))}) r"
    inside = f"SELECT o.number FROM {ranges} CROSS JOIN files o WHERE o.folder >= r.column1 AND o.folder < r.column2"
    return Sql(f"f.number IN ({inside})", ends)


def _ends(folder: str) -> tuple[str, str]:
    """What begins with "x/" lies from "x/" to "x0", for 0 comes after the slash."""
    inside = folder.rstrip("/")
    return inside + "/", inside + "0"


def _join(parts: list[Sql], joint: str, *, none: str) -> Sql:
    """All joined, in halves: SQLite takes no 1,000 levels, and each joint of `a OR b OR c` is one more."""
    if not parts:
        return Sql(none)
    text = _in_halves([part.text for part in parts], joint)
    return Sql(text, tuple(value for part in parts for value in part.values))


def _in_halves(texts: list[str], joint: str) -> str:
    if len(texts) == 1:
        return f"({texts[0]})"
    middle = len(texts) // 2
    return f"({_in_halves(texts[:middle], joint)}{joint}{_in_halves(texts[middle:], joint)})"


def _marks(values: tuple[Scalar, ...]) -> str:
    return f"({', '.join('?' * len(values))})"


_EQUAL = Translation(_equal_to_any, lambda condition: _some_term(condition, _equal_terms(condition)))
_UNEQUAL = Translation(
    _unequal_in_column, lambda condition: _some_term(condition, _equal_terms(condition), is_opposite=True)
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
