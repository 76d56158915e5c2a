"""Why a picture or a file is refused: one word for programs each, explained in `docs/reference/refusals.md`."""

from __future__ import annotations

from collections.abc import Mapping
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


TO_DO: Mapping[RefusalCode, str] = {
    RefusalCode.EMPTY: "copy it again from where it came",
    RefusalCode.NOT_AN_IMAGE: "remove or exclude it, or convert it to one of those",
    RefusalCode.UNSUPPORTED_FORMAT: "convert it to JPEG or PNG",
    RefusalCode.TRUNCATED: "copy or download it again",
    RefusalCode.DAMAGED: "copy it again, or open and save it in an editor",
    RefusalCode.ZERO_SIZE: "remove it, or save it anew from its original",
    RefusalCode.TOO_MANY_PIXELS: "scale it down",
    RefusalCode.TOO_LARGE: "scale it down, or save it as a JPEG",
    RefusalCode.TOO_COSTLY: "scale it down, or save it as a JPEG",
    RefusalCode.NOT_A_FILE: "remove or exclude it, or put a picture in its place",
    RefusalCode.VANISHED: "put it back, or run again without it",
    RefusalCode.UNREADABLE: "repair its permissions or its disk",
    RefusalCode.CHANGED: "run again once it is written to the end",
}
"""What to do about a refused picture, where its reason knows nothing better."""

BY_A_LIMIT = {RefusalCode.TOO_MANY_PIXELS, RefusalCode.TOO_LARGE, RefusalCode.TOO_COSTLY}
"""What a limit that can be raised has refused."""


_LONGEST = 300


def to_raise(limit: str) -> str:
    """How a limit is raised, for the end of a reason; the same for a query as for a picture that is taken in."""
    option = f"--{limit.replace('_', '-')}"
    return f"to use it, raise {limit} (with {option}, LOOKALIKE_{limit.upper()} or in lookalike.toml)"


def refusal(code: RefusalCode, reason: str, *, to_do: str | None = None, **values: object) -> ImageRefused:
    """Make the error of one refused picture, ready to be raised.

    Args:
        code: the word for programs.
        reason: for people, what was expected and what came; brought onto one line of at most 300 characters, with
            what to do at its end.
        to_do: what to do; None for what `TO_DO` says of the code. Empty where the reason tells it.
        values: its numbers and names, see `LookalikeError`.
    """
    remedy = TO_DO.get(code, "") if to_do is None else to_do
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in reason).split())
    line = f"{line[: _LONGEST - 2 - len(remedy)]}; {remedy}" if remedy else line[:_LONGEST]
    return ImageRefused(line, code=code.value, values=values)
