"""One comparison of one field, and what it means."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from lookalike.core.condition_values import (
    Op,
    Value,
    checked_field,
    checked_op,
    checked_value,
    field_kind,
    in_every_form,
)
from lookalike.core.fields import (
    FILE_FIELDS,
    METADATA_PREFIX,
    Kind,
    Scalar,
    Term,
    searchable_text,
    split_path,
    term,
    terms,
)
from lookalike.core.like import like
from lookalike.core.records import ImageRecord

Candidate: TypeAlias = "str | int | float | Term"
"""What a picture has to be compared with: a term of metadata, or the plain value of a built-in field."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison: `field`, `op`, `value`, checked and brought into one form when it is made.

    A field that is missing, and a date or camera that is not known, equals nothing and is in no order; so `eq`, `in`,
    `like` and the orderings fail on it, while `ne` and `not_in`, the exact opposites of `eq` and `in`, pass. A field
    with several terms (a list) passes when one of them does, and for `ne` and `not_in` when none is equal.

    - In metadata, numbers are compared with numbers: a value that is a number, or a text written like one, is compared
      only with terms that are; any other value only with terms that are not, by code points.
    - `date` is compared as far as the value goes: `eq 2024-05` is any moment of that month, `gt 2024` begins with 2025.
    - `folder` is equal in the folder itself and anywhere below. `format` knows `jpg` as `jpeg`.

    Args:
        field: a built-in field, or a user's own, kept with its prefix `metadata.`.
        op: an `Op` or its word.
        value: a scalar; a list for `in` and `not_in`; a truth value for `exists`.
    Raises:
        BadFilter: when the field does not take that operator or that value.
    """

    field: str
    op: Op
    value: Value

    def __post_init__(self) -> None:
        field = checked_field(self.field)
        op = checked_op(field, self.op)
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "value", checked_value(field, op, self.value))

    @property
    def kind(self) -> Kind:
        """How the field is compared."""
        return field_kind(self.field)

    @property
    def metadata_name(self) -> str:
        """The user's own name of a metadata field."""
        return self.field.removeprefix(METADATA_PREFIX)

    @property
    def is_about_files(self) -> bool:
        """Whether the field belongs to a file rather than to the picture."""
        return self.field in FILE_FIELDS

    @property
    def values(self) -> tuple[Scalar, ...]:
        """The value, or all of a list, as a tuple; of names in their other Unicode forms, too, as systems keep them."""
        given = self.value if isinstance(self.value, tuple) else (self.value,)
        return in_every_form(given) if self.is_about_files and self.op in _BY_NAME else given

    def matches(self, image: ImageRecord, path: str | None) -> bool:
        """Whether a picture passes, seen as the file at `path` (None: a picture without a file)."""
        candidates = self._candidates(image, path)
        if self.op is Op.EXISTS:
            return bool(candidates) == self.value
        if self.op is Op.LIKE:
            texts = [text for text in map(self._text, candidates) if text is not None]
            return any(like(text, str(value)) for text in texts for value in self.values)
        if self.op in ORDER:
            return any(self._is_ordered(candidate) for candidate in candidates)
        is_equal = any(self._equals(candidate, value) for candidate in candidates for value in self.values)
        return is_equal == (self.op in (Op.EQ, Op.IN))

    def _candidates(self, image: ImageRecord, path: str | None) -> list[Candidate]:
        if self.kind is Kind.TERMS:
            named = (value for name, value in image.metadata.items() if searchable_text(name) == self.metadata_name)
            return [item for value in named for item in terms(value)]
        value = self._built_in_value(image, path)
        if value is None:
            return []
        return [searchable_text(value) if isinstance(value, str) else value]

    def _built_in_value(self, image: ImageRecord, path: str | None) -> str | int | None:
        if self.is_about_files:
            return None if path is None else _FROM_PATH[self.field](path)
        return _FROM_IMAGE[self.field](image)

    def _equals(self, candidate: Any, value: Any) -> bool:
        if self.kind is Kind.TERMS:
            wanted = term(value)
            return bool(candidate.text == wanted.text if wanted.number is None else candidate.number == wanted.number)
        if self.kind is Kind.DATE:
            return bool(candidate[: len(value)] == value)
        if self.kind is Kind.FOLDER:
            return bool(candidate.startswith(value.rstrip("/") + "/"))
        return bool(candidate == value)

    def _is_ordered(self, candidate: Any) -> bool:
        compare, value = ORDER[self.op], self.value
        if self.kind is Kind.DATE:
            return compare(candidate[: len(str(value))], value)
        if not isinstance(candidate, Term) or isinstance(value, tuple):
            return compare(candidate, value)
        wanted = term(value)
        if wanted.number is not None:
            return candidate.number is not None and compare(candidate.number, wanted.number)
        return candidate.number is None and candidate.text is not None and compare(candidate.text, wanted.text)

    def _text(self, candidate: Any) -> str | None:
        if isinstance(candidate, Term):
            return candidate.text
        return (candidate[:-1] or "/") if self.kind is Kind.FOLDER else str(candidate)


_BY_NAME = frozenset({Op.EQ, Op.NE, Op.IN, Op.NOT_IN, Op.LIKE})

ORDER: dict[Op, Callable[[Any, Any], bool]] = {
    Op.LT: operator.lt,
    Op.LTE: operator.le,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
}

_FROM_IMAGE: dict[str, Callable[[ImageRecord], str | int | None]] = {
    "id": lambda image: image.id,
    "date": lambda image: image.taken_at,
    "size": lambda image: image.size_bytes,
    "width": lambda image: image.width,
    "height": lambda image: image.height,
    "format": lambda image: image.format,
    "camera": lambda image: image.camera,
}

_FROM_PATH: dict[str, Callable[[str], str]] = {
    "path": lambda path: path,
    "folder": lambda path: split_path(path)[0],
    "name": lambda path: split_path(path)[1],
}
