"""The edge to the decoders of others: whatever they raise becomes a refusal, whatever they warn of stays silent."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lookalike.core.errors import ImageRefused
from lookalike.images.refusals import RefusalCode, refusal

_SIGNS: tuple[tuple[RefusalCode, tuple[str, ...]], ...] = (
    (RefusalCode.TOO_MANY_PIXELS, ("decompression bomb", "exceeds limit")),
    (RefusalCode.TRUNCATED, ("truncated", "premature end of jpeg", "unexpected end", "end of file", "no more data")),
    (RefusalCode.UNSUPPORTED_FORMAT, ("unsupported", "not supported", "not implemented", "unknown pixel mode")),
)


@contextmanager
def refusals(format_name: str) -> Iterator[None]:
    """Turn any error of a decoder into `ImageRefused`.

    Decoders raise almost everything on damaged files (OSError, SyntaxError, RuntimeError, struct.error,
    OverflowError, MemoryError ...), so every `Exception` is translated; only calls of decoders stand inside.
    """
    try:
        yield
    except ImageRefused:
        raise
    except MemoryError as error:
        raise refusal(RefusalCode.TOO_COSTLY, f"the {format_name} cannot be decoded: memory ran out") from error
    except Exception as error:
        raise refusal(_code_of(error), f"the {format_name} cannot be decoded: {_line_of(error)}") from error


def silence_pillow() -> None:
    """Ignore warnings that Pillow's own modules give about damaged files, from now on, in the whole process.

    `warnings.catch_warnings` would be tidier, but before Python 3.14 it is not safe between threads. Warnings
    that concern a caller of Pillow, such as deprecations, are attributed to the caller and stay audible.
    """
    if not any(rule[0] == "ignore" and rule[3] is not None and rule[3].pattern == _PILLOW for rule in warnings.filters):
        warnings.filterwarnings("ignore", module=_PILLOW)


_PILLOW = r"(PIL|pillow_heif)\."


def _code_of(error: Exception) -> RefusalCode:
    if isinstance(error, EOFError):
        return RefusalCode.TRUNCATED
    if isinstance(error, NotImplementedError):
        return RefusalCode.UNSUPPORTED_FORMAT
    text = str(error).lower()
    return next((code for code, signs in _SIGNS if any(sign in text for sign in signs)), RefusalCode.DAMAGED)


def _line_of(error: Exception) -> str:
    return str(error) or type(error).__name__
