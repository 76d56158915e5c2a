"""FAISS itself: loaded when it is first needed, its complaints translated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_WHERE = re.compile(r"^Error in .*? at \S+:\d+: ", re.DOTALL)
_CONDITION = re.compile(r"^Error: '.*?' failed: ?", re.DOTALL)


@cache
def faiss() -> Any:
    """The module."""
    import faiss as module

    return module


@contextmanager
def translating(error_class: type[Exception], expected: str, *, to_do: str = "") -> Iterator[None]:
    """Turn what FAISS complains of into an error of ours: `expected`, its first line of reason, and what to do."""
    try:
        yield
    except (RuntimeError, AssertionError, TypeError, ValueError, OverflowError) as error:
        raise error_class(f"{expected}: {_reason(error)}{to_do}") from error


def _reason(error: Exception) -> str:
    text = _CONDITION.sub("", _WHERE.sub("", str(error))).strip()
    return text.splitlines()[0] if text else f"{type(error).__name__} without a reason"
