"""One comparison of one field, and what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lookalike.core.condition_values import (
    Value,
    check_field,
    check_op,
    check_value,
    field_kind,
    in_every_form,
)
from lookalike.core.fields import (
    FILE_FIELDS,
    METADATA_PREFIX,
    Kind,
    Scalar,
    searchable_text,
    split_path,
    terms,
)
from lookalike.core.operators import Candidate, Op
from lookalike.core.records import ImageRecord


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison: `field`, `op`, `value`, checked and brought into one form when it is made.

    A field that is missing, and a date or camera that is not known, equals nothing and is in no order; so `eq`, `in`,
    `like` and the orderings fail on it, while `ne` and `not_in`, the exact opposites of `eq` and `in`, pass. A field
    with several terms (a list) passes when one of them does, and for `ne` and `not_in` when none is equal.

    - In metadata, numbers are compared with numbers: a value that is a number, or a text written like one, is compared
      only with terms that are; any other value only with terms that are not, by code points.
    - `taken_at` is compared as far as the value goes: `eq 2024-05` is all of that month, `gt 2024` begins with 2025.
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
        field = check_field(self.field)
        op = check_op(field, self.op)
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "op", op)
        object.__setattr__(self, "value", check_value(field, op, self.value))

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
        return in_every_form(given) if self.is_about_files and self.op.definition.in_every_form else given

    def matches(self, image: ImageRecord, path: str | None) -> bool:
        """Whether a picture passes, seen as the file at `path` (None: a picture without a file)."""
        return self.op.definition.passes(self.kind, self._candidates(image, path), self.values)

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


_FROM_IMAGE: dict[str, Callable[[ImageRecord], str | int | None]] = {
    "id": lambda image: image.id,
    "taken_at": lambda image: image.taken_at,
    "size_bytes": lambda image: image.size_bytes,
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
