"""Codes with values beside sentences in English, so that others can say the same in another language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from lookalike.core.records import Json


class Coded(StrEnum):
    """A word for programs, and the names of the values that always come with it.

    A name that ends in `?` is of a value that comes where it is known.
    """

    values_named: tuple[str, ...]

    def __new__(cls, code: str, *names: str) -> Coded:
        """A member is a text, its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.values_named = names
        return member

    def fault_of(self, values: Mapping[str, Json]) -> str | None:
        """What is wrong with values that are to come with this code, in words; None where nothing is."""
        known = {name.removesuffix("?") for name in self.values_named}
        missing = [name for name in self.values_named if not name.endswith("?") and name not in values]
        extra = [name for name in values if name not in known]
        if not missing and not extra:
            return None
        return f"{self.value}: expected the values {', '.join(self.values_named) or 'none'}, got {', '.join(values)}"


class Remark(NamedTuple):
    """One thing that is said.

    Attributes:
        code: what.
        values: its numbers and names; sizes, times and the like have their unit in the name.
    """

    code: str
    values: Mapping[str, Json]


class Words(str):
    """A text in English that knows the remarks of which it was made. It is a text in every other way."""

    remarks: tuple[Remark, ...]

    def __new__(cls, text: str, remarks: Iterable[Remark] = ()) -> Words:
        """A text with its remarks."""
        made = super().__new__(cls, text)
        made.remarks = tuple(remarks)
        return made

    def and_then(self, more: str, *, separator: str = ", ") -> Words:
        """Both, one after the other."""
        return Words(f"{self}{separator}{more}", (*self.remarks, *remarks_of(more)))


def words_of(text: str, code: Coded, **values: Json) -> Words:
    """A text that says one thing.

    Raises:
        TypeError: when the values are not those that the code names.
    """
    fault = code.fault_of(values)
    if fault is not None:
        raise TypeError(fault)
    return Words(text, [Remark(code.value, values)])


def remarks_of(text: str) -> tuple[Remark, ...]:
    """What a text is made of; nothing where it does not know."""
    return text.remarks if isinstance(text, Words) else ()
