"""One measured figure, and whether it reaches its target."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_COMPARE: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}
_RULE = re.compile(r"(>=|<=)\s*(\d+(?:\.\d+)?)\s*(\S.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a result.

    Attributes:
        name: what was measured.
        value: what came out; None where it could not be measured.
        unit: of the value.
        spread: first and third quartile of the ratios where there is a ratio, else of the values.
        peer: what it is compared with.
        peer_value: what came out there, in the same unit.
        ratio: how many times better than the peer, the median over rounds.
        target: a rule such as `>= 2.5x` (of the ratio) or `<= 0.8 s` (of the value).
        met: whether the target is reached; None without a target or a value.
        note: how it was measured, where the name does not say.
        not_run: why it could not be measured.
    """

    name: str
    value: float | None
    unit: str
    spread: tuple[float, float] | None
    peer: str | None
    peer_value: float | None
    ratio: float | None
    target: str | None
    met: bool | None
    note: str | None
    not_run: str | None


def measured(
    name: str,
    value: float,
    unit: str,
    *,
    spread: tuple[float, float] | None = None,
    peer: str | None = None,
    peer_value: float | None = None,
    ratio: float | None = None,
    target: str | None = None,
    note: str | None = None,
) -> Row:
    """A figure, with its target judged.

    Raises:
        ValueError: when the target is no rule, or speaks of another unit.
    """
    met = None if target is None else reaches(target, value=value, unit=unit, ratio=ratio)
    return Row(
        name=name,
        value=rounded(value),
        unit=unit,
        spread=None if spread is None else (rounded(spread[0]), rounded(spread[1])),
        peer=peer,
        peer_value=None if peer_value is None else rounded(peer_value),
        ratio=None if ratio is None else rounded(ratio),
        target=target,
        met=met,
        note=note,
        not_run=None,
    )


def could_not_run(name: str, why: str, *, target: str | None = None) -> Row:
    """The line of something that could not be measured here."""
    return Row(
        name=name,
        value=None,
        unit="",
        spread=None,
        peer=None,
        peer_value=None,
        ratio=None,
        target=target,
        met=None,
        note=None,
        not_run=why,
    )


def reaches(rule: str, *, value: float, unit: str, ratio: float | None) -> bool:
    """Whether a figure reaches its target.

    Args:
        rule: `>=` or `<=`, a number, and `x` for the ratio or the value's own unit.
        value: in `unit`.
        unit: of the value.
        ratio: to the peer.
    Raises:
        ValueError: when the rule cannot be understood, or does not fit what was measured.
    """
    parts = _RULE.fullmatch(rule.strip())
    if parts is None:
        raise ValueError(f"expected a target such as '>= 2.5x' or '<= 0.8 s', got {rule!r}")
    sign, number, of = parts.groups()
    if of == "x":
        if ratio is None:
            raise ValueError(f"the target {rule!r} is about a ratio, but nothing was compared")
        return _COMPARE[sign](ratio, float(number))
    if (of or "") != unit:
        raise ValueError(f"the target {rule!r} is not in the unit of the value, {unit!r}")
    return _COMPARE[sign](value, float(number))


def median(values: Sequence[float]) -> float:
    """The middle of what was measured."""
    return float(np.median(values))


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Between which the middle half lies."""
    low, high = np.percentile(values, [25, 75])
    return float(low), float(high)


def rounded(value: float) -> float:
    """To four figures, which is more than any measurement here is good for."""
    return float(f"{value:.4g}")
