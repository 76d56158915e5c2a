"""The operators of filters. All that is said of one is said here, but how an engine of catalogs translates it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from enum import Enum, StrEnum
from typing import Any, NamedTuple, TypeAlias

from lookalike.core.fields import Kind, Scalar, Term, term
from lookalike.core.like import like

Candidate: TypeAlias = "str | int | float | Term"
"""What a picture has to be compared with: a term of metadata, or the plain value of a built-in field."""

Passes: TypeAlias = Callable[[Kind, Sequence[Candidate], tuple[Scalar, ...]], bool]
"""Whether a field of that kind passes: what a picture has there, none where it has nothing, and what is asked for."""


class Operand(Enum):
    """What an operator takes."""

    ONE = "one text, number or truth value"
    LIST = "a list of texts, numbers and truth values"
    PATTERN = "a text with * or % for anything, and ? or _ for one character"
    TRUTH = "true or false"


class Definition(NamedTuple):
    """All that makes an operator.

    Attributes:
        meaning: what a field is that passes, in a few words.
        takes: the form of its value, which `condition_values` checks.
        passes: its meaning exactly; every engine of catalogs answers the same.
        signs: how it is written in a filter for people; words have one space between them.
        not_of: kinds of fields that it cannot be asked of.
        in_every_form: whether names of files are compared in each of Unicode's normal forms.
        finds_missing: whether a field that a picture lacks may pass, or is what is asked about.
    """

    meaning: str
    takes: Operand
    passes: Passes
    signs: tuple[str, ...]
    not_of: frozenset[Kind] = frozenset()
    in_every_form: bool = False
    finds_missing: bool = False


def _equals(kind: Kind, candidate: Any, value: Any) -> bool:
    if kind is Kind.TERMS:
        wanted = term(value)
        return bool(candidate.text == wanted.text if wanted.number is None else candidate.number == wanted.number)
    if kind is Kind.DATE:
        return bool(candidate[: len(value)] == value)
    if kind is Kind.FOLDER:
        return bool(candidate.startswith(value.rstrip("/") + "/"))
    return bool(candidate == value)


def _is_any(kind: Kind, candidates: Sequence[Candidate], values: tuple[Scalar, ...]) -> bool:
    return any(_equals(kind, candidate, value) for candidate in candidates for value in values)


def _is_none(kind: Kind, candidates: Sequence[Candidate], values: tuple[Scalar, ...]) -> bool:
    return not _is_any(kind, candidates, values)


def _text(kind: Kind, candidate: Any) -> str | None:
    if isinstance(candidate, Term):
        return candidate.text
    return (candidate[:-1] or "/") if kind is Kind.FOLDER else str(candidate)


def _is_like(kind: Kind, candidates: Sequence[Candidate], values: tuple[Scalar, ...]) -> bool:
    texts = [text for text in (_text(kind, candidate) for candidate in candidates) if text is not None]
    return any(like(text, str(value)) for text in texts for value in values)


def _is_there(_kind: Kind, candidates: Sequence[Candidate], values: tuple[Scalar, ...]) -> bool:
    return bool(candidates) == values[0]


def _is_in_order(compare: Callable[[Any, Any], bool]) -> Passes:
    def one(kind: Kind, candidate: Any, value: Any) -> bool:
        if kind is Kind.DATE:
            return compare(candidate[: len(str(value))], value)
        if not isinstance(candidate, Term):
            return compare(candidate, value)
        wanted = term(value)
        if wanted.number is not None:
            return candidate.number is not None and compare(candidate.number, wanted.number)
        return candidate.number is None and candidate.text is not None and compare(candidate.text, wanted.text)

    def passes(kind: Kind, candidates: Sequence[Candidate], values: tuple[Scalar, ...]) -> bool:
        return any(one(kind, candidate, values[0]) for candidate in candidates)

    return passes


_FOLDERS = frozenset({Kind.FOLDER})
_NO_TEXTS = frozenset({Kind.NUMBER, Kind.SIZE, Kind.DATE})


class Op(StrEnum):
    """How a field is compared; the words of the API."""

    definition: Definition

    EQ = "eq", Definition("is equal", Operand.ONE, _is_any, ("=", "=="), in_every_form=True)
    NE = (
        "ne",
        Definition("is not equal, or missing", Operand.ONE, _is_none, ("!=",), in_every_form=True, finds_missing=True),
    )
    IN = "in", Definition("is equal to one of a list", Operand.LIST, _is_any, ("in",), in_every_form=True)
    NOT_IN = (
        "not_in",
        Definition(
            "is equal to none of a list, or missing",
            Operand.LIST,
            _is_none,
            ("not in",),
            in_every_form=True,
            finds_missing=True,
        ),
    )
    LT = "lt", Definition("is less", Operand.ONE, _is_in_order(operator.lt), ("<",), _FOLDERS)
    LTE = "lte", Definition("is less or equal", Operand.ONE, _is_in_order(operator.le), ("<=",), _FOLDERS)
    GT = "gt", Definition("is greater", Operand.ONE, _is_in_order(operator.gt), (">",), _FOLDERS)
    GTE = "gte", Definition("is greater or equal", Operand.ONE, _is_in_order(operator.ge), (">=",), _FOLDERS)
    LIKE = (
        "like",
        Definition("fits a pattern", Operand.PATTERN, _is_like, ("like", "~"), _NO_TEXTS, in_every_form=True),
    )
    EXISTS = (
        "exists",
        Definition("is there", Operand.TRUTH, _is_there, ("exists", "not exists"), finds_missing=True),
    )

    def __new__(cls, word: str, definition: Definition) -> Op:
        """A member that is its word, and has its definition."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.definition = definition
        return member
