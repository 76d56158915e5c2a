"""How deeply JSON may be nested where a body lets it be anything; elsewhere its schema says so."""

from __future__ import annotations

from typing import TypeVar

DEEPEST = 32

T = TypeVar("T")


def check_depth(value: T) -> T:
    """JSON that has been parsed, as it is.

    Raises:
        ValueError: when it has more than `DEEPEST` levels of arrays and objects.
    """
    layer: list[object] = [value]
    for _ in range(DEEPEST):
        layer = [inner for one in layer for inner in _inner(one)]
        if not layer:
            return value
    if any(isinstance(one, dict | list) for one in layer):
        raise ValueError(f"expected at most {DEEPEST} levels, got more")
    return value


def _inner(value: object) -> list[object]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
