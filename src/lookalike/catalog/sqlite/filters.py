"""A filter as SQL over the tables of `lookalike.catalog.schema`: the same answers as `Filter.matches`.

Names and values are always bound, never written into the statement.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from lookalike.core.condition_values import Op
from lookalike.core.conditions import Condition
from lookalike.core.fields import Kind, Scalar, term
from lookalike.core.filters import Filter
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
    "date": "i.taken_at",
    "size": "i.size_bytes",
    "width": "i.width",
    "height": "i.height",
    "format": "i.format",
    "camera": "i.camera",
    "path": "(f.folder || f.name)",
    "folder": "f.folder",
    "name": "f.name",
}
_SIGNS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">="}
_FOLDER_TEXT = "coalesce(nullif(substr(f.folder, 1, length(f.folder) - 1), ''), '/')"
_NO_IMAGE = ImageRecord(id="", width=0, height=0, format="", size_bytes=0)


def selection(where: Filter) -> Sql:
    """The statement that selects the keys of the pictures that pass, joined by commas, in no order; NULL for none."""
    passes = _joined([_alternative(conditions) for conditions in where.alternatives], " OR ", none="0")
    return Sql(f"SELECT group_concat(i.key) FROM images i WHERE NOT i.removed AND {passes.text}", passes.values)


def _alternative(conditions: tuple[Condition, ...]) -> Sql:
    parts = [_of_image(condition) for condition in conditions if not condition.is_about_files]
    about_files = [condition for condition in conditions if condition.is_about_files]
    if about_files:
        parts.append(_of_any_file(about_files))
    return _joined(parts, " AND ", none="1")


def _of_any_file(conditions: list[Condition]) -> Sql:
    one_file = _joined([_compared(condition, _COLUMNS[condition.field]) for condition in conditions], " AND ", none="1")
    text = f"i.key IN (SELECT f.key FROM files f WHERE {one_file.text})"
    if all(condition.matches(_NO_IMAGE, None) for condition in conditions):
        text = f"({text} OR NOT EXISTS (SELECT 1 FROM files f WHERE f.key = i.key))"
    return Sql(text, one_file.values)


def _of_image(condition: Condition) -> Sql:
    if condition.kind is not Kind.TERMS:
        return _compared(condition, _COLUMNS[condition.field])
    is_opposite = condition.op in (Op.NE, Op.NOT_IN) or (condition.op is Op.EXISTS and not condition.value)
    some_term = _of_term(condition)
    text = f"i.key {'NOT ' * is_opposite}IN (SELECT t.key FROM terms t WHERE t.name = ? AND {some_term.text})"
    return Sql(text, (condition.metadata_name, *some_term.values))


def _of_term(condition: Condition) -> Sql:
    if condition.op is Op.EXISTS:
        return Sql("1")
    if condition.op is Op.LIKE:
        return Sql(r"t.text LIKE ? ESCAPE '\'", condition.values)
    if condition.op in _SIGNS:
        text, number = term(condition.values[0])
        sign = _SIGNS[condition.op]
        if number is not None:
            return Sql(f"t.number {sign} ?", (number,))
        return Sql(f"(t.number IS NULL AND t.text {sign} ?)", (text or "",))
    wanted = [term(value) for value in condition.values]
    texts = tuple(one.text for one in wanted if one.number is None and one.text is not None)
    numbers = tuple(one.number for one in wanted if one.number is not None)
    return Sql(f"(t.text IN {_marks(texts)} OR t.number IN {_marks(numbers)})", texts + numbers)


def _compared(condition: Condition, column: str) -> Sql:
    """A built-in field compared, never NULL: what is missing fails, and passes `ne` and `not_in`."""
    if condition.op is Op.EXISTS:
        return Sql(f"{column} IS NOT NULL" if condition.value else f"{column} IS NULL")
    if condition.op is Op.LIKE:
        text = _FOLDER_TEXT if condition.kind is Kind.FOLDER else column
        likes = [Sql(rf"coalesce({text} LIKE ? ESCAPE '\', 0)", (value,)) for value in condition.values]
        return _joined(likes, " OR ", none="0")
    if condition.op in _SIGNS:
        value = condition.values[0]
        shortened = f"substr({column}, 1, {len(str(value))})" if condition.kind is Kind.DATE else column
        return Sql(f"coalesce({shortened} {_SIGNS[condition.op]} ?, 0)", (value,))
    equals = _equal_to_any(condition, column)
    return equals if condition.op in (Op.EQ, Op.IN) else Sql(f"NOT {equals.text}", equals.values)


def _equal_to_any(condition: Condition, column: str) -> Sql:
    if condition.kind is Kind.DATE:
        by_length = [tuple(same) for _, same in groupby(sorted(map(str, condition.values), key=len), key=len)]
        dates = [Sql(f"substr({column}, 1, {len(same[0])}) IN {_marks(same)}", same) for same in by_length]
        either = _joined(dates, " OR ", none="0")
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


def _joined(parts: list[Sql], joint: str, *, none: str) -> Sql:
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
