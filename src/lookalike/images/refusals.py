"""Why a picture or a file is refused: one word for programs each, explained in `docs/reference/refusals.md`."""

from __future__ import annotations

from enum import StrEnum

from lookalike.core.errors import ImageRefused


class RefusalCode(StrEnum):
    """The words that stand in `ImageRefused.code`."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    ZERO_SIZE = "zero_size"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_LARGE = "too_large"
    TOO_COSTLY = "too_costly"
    NEEDS_EXTRA = "needs_extra"
    NOT_A_FILE = "not_a_file"
    VANISHED = "vanished"
    UNREADABLE = "unreadable"
    CHANGED = "changed"


BY_A_LIMIT = {RefusalCode.TOO_MANY_PIXELS, RefusalCode.TOO_LARGE, RefusalCode.TOO_COSTLY}
"""What a limit that can be raised has refused."""


def to_raise(limit: str) -> str:
    """How a limit is raised, for the end of a reason; the same for a query as for a picture that is taken in."""
    option = f"--{limit.replace('_', '-')}"
    return f"to use it, raise {limit} (with {option}, LOOKALIKE_{limit.upper()} or in lookalike.toml)"


def refusal(code: RefusalCode, reason: str, **values: object) -> ImageRefused:
    """Make the error of one refused picture, ready to be raised.

    Args:
        code: the word for programs.
        reason: for people; brought onto one line of at most 300 characters.
        values: its numbers and names, see `LookalikeError`.
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in reason).split())
    return ImageRefused(line[:300], code=code.value, values=values)
