"""SQL's LIKE in Python, equal to what the databases do, and safe against hostile patterns."""

from __future__ import annotations

import re

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def like(text: str, pattern: str) -> bool:
    r"""SQL's LIKE: `%` is any text, `_` one character, `\` takes the next literally; A-Z equal a-z.

    The work grows with `len(text) * len(pattern)` at worst, whatever the pattern.
    """
    text = text.translate(_ASCII_LOWER)
    parts = _pattern_parts(pattern.translate(_ASCII_LOWER))
    at, part = 0, 0
    retry_at, retry_part = 0, -1  # where to go on after the last `%`, should this attempt fail
    while at < len(text):
        if part < len(parts) and parts[part] == _ANY_TEXT:
            retry_at, retry_part = at, part + 1
            part += 1
        elif part < len(parts) and parts[part] in (_ANY_CHARACTER, text[at]):
            at, part = at + 1, part + 1
        elif retry_part >= 0:
            retry_at += 1
            at, part = retry_at, retry_part
        else:
            return False
    return all(rest == _ANY_TEXT for rest in parts[part:])


_ANY_TEXT, _ANY_CHARACTER = "any text", "any character"  # longer than one character: they equal no literal


def _pattern_parts(pattern: str) -> list[str]:
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(next(characters, "\\"))
        else:
            parts.append({"%": _ANY_TEXT, "_": _ANY_CHARACTER}.get(character, character))
    return parts


def escape_like(text: str) -> str:
    """The pattern that matches just this text."""
    return re.sub(r"([%_*?\\])", r"\\\1", text)
