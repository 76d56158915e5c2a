"""The form of a filter for people: `label = apple and width >= 800 or folder = ~/Pictures`.

    filter     = conditions { "or" conditions }
    conditions = condition { "and" condition }
    condition  = field ( comparison value | ["not"] "in" "(" value { "," value } ")" | ["not"] "exists" )
    comparison = "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "like" | "~"

A field and a value are one word, or anything in single or double quotes (a quote inside is doubled). A field of the
name `and`, `or` or `not` needs the quotes.
"""

from __future__ import annotations

import os
import re

from lookalike.core.conditions import Condition
from lookalike.core.errors import BadFilter
from lookalike.core.like import escape_like
from lookalike.core.operators import Op, Operand

Alternatives = tuple[tuple[Condition, ...], ...]

LONGEST_FILTER = 100_000

_SPACE = re.compile(r"\s*")
_QUOTED = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"")
_FIELD = re.compile(r"(?!(?:and|or|not)(?![\w.\-]))\w[\w.\-]*", re.IGNORECASE)
_VALUE = re.compile(r"[^\s,()'\"]+")
_JOINT = re.compile(r"(?:and|or)\b", re.IGNORECASE)

_OPS = {sign: op for op in Op for sign in op.definition.signs}
_CONTAINS = "~"  # a pattern without its wildcards


def _pattern_of(sign: str) -> str:
    return re.escape(sign).replace(r"\ ", r"\s+") + r"\b" * sign[-1].isalpha()


_COMPARISON = re.compile("|".join(_pattern_of(sign) for sign in sorted(_OPS, key=len, reverse=True)), re.IGNORECASE)


def alternatives_from_text(text: str) -> Alternatives:
    """Read a filter from text.

    Raises:
        BadFilter: when it cannot be read; the message names the position, counted from 1.
    """
    if len(text) > LONGEST_FILTER:
        raise BadFilter(
            f"expected a filter of at most {LONGEST_FILTER} characters, got {len(text)}"
            "; use in with a list, or several searches"
        )
    return _Reader(text).filter()


class _Reader:
    """Reads from left to right; `position` is where it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def filter(self) -> Alternatives:
        alternatives: list[tuple[Condition, ...]] = [(self._condition(),)]
        while not self._is_at_end():
            joint = self._take(_JOINT, expected="`and`, `or` or the end").lower()
            condition = self._condition()
            if joint == "or":
                alternatives.append((condition,))
            else:
                alternatives[-1] += (condition,)
        return tuple(alternatives)

    def _condition(self) -> Condition:
        self._skip_space()
        start = self.position
        field = self._word(_FIELD, expected="the name of a field")
        sign = " ".join(self._take(_COMPARISON, expected=f"an operator: {', '.join(_OPS)}").lower().split())
        value = self._operand(sign)
        try:
            return Condition(field, _OPS[sign], _resolve(field, sign, value))
        except BadFilter as error:
            raise BadFilter(f"in the filter, at position {start + 1}: {error}") from None

    def _operand(self, sign: str) -> str | bool | tuple[str, ...]:
        takes = _OPS[sign].definition.takes
        if takes is Operand.TRUTH:
            return not sign.startswith("not ")
        return self._list() if takes is Operand.LIST else self._value()

    def _list(self) -> tuple[str, ...]:
        self._take(re.compile(r"\("), expected="( and a list of values, as in `label in (a, b)`")
        values = [self._value()]
        while self._take(re.compile(r"[,)]"), expected="`,` or `)`") == ",":
            values.append(self._value())
        return tuple(values)

    def _value(self) -> str:
        return self._word(_VALUE, expected="a value")

    def _word(self, pattern: re.Pattern[str], *, expected: str) -> str:
        self._skip_space()
        if quoted := _QUOTED.match(self.text, self.position):
            self.position = quoted.end()
            single, double = quoted.groups()
            return single.replace("''", "'") if single is not None else double.replace('""', '"')
        return self._take(pattern, expected=expected)

    def _take(self, pattern: re.Pattern[str], *, expected: str) -> str:
        self._skip_space()
        match = pattern.match(self.text, self.position)
        if not match:
            rest = self.text[self.position : self.position + 20]
            got = f"got {rest!r}" if rest else "but the filter ends there"
            raise BadFilter(
                f"in the filter, at position {self.position + 1}: expected {expected}, {got}; "
                "put a text with spaces or signs in quotes, and write it like label = 'red apple' and width > 800"
            )
        self.position = match.end()
        return match[0]

    def _is_at_end(self) -> bool:
        self._skip_space()
        return self.position == len(self.text)

    def _skip_space(self) -> None:
        match = _SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position


def _resolve(field: str, sign: str, value: str | bool | tuple[str, ...]) -> str | bool | tuple[str, ...]:
    if isinstance(value, tuple):
        return tuple(str(_resolve(field, "=", item)) for item in value)
    if sign == _CONTAINS:
        return f"%{escape_like(str(value))}%"
    if field in ("path", "folder") and sign in ("=", "!=") and isinstance(value, str):
        return os.path.abspath(os.path.expanduser(value))  # pathlib does not resolve `..`
    return value
