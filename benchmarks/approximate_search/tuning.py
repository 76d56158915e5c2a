"""The least effort with which an engine reaches a recall."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

_NEAR = 1.04


class Tuned(NamedTuple):
    """A value of the knob.

    Attributes:
        effort: the least that reaches the recall, within 4 percent; where none does, the highest that was tried.
        recall: what it reaches, on the queries that it was tuned on.
        reached: whether that is enough.
    """

    effort: int
    recall: float
    reached: bool


def tune(recall_of: Callable[[int], float], wanted: float, *, lowest: int, highest: int) -> Tuned:
    """Double the effort until it is enough, then halve the gap; more effort is taken to give no less recall.

    Args:
        recall_of: measures one effort.
        wanted: the recall to reach.
        lowest: the least effort to try.
        highest: the greatest.
    """
    below, effort, recall = lowest, lowest, recall_of(lowest)
    while recall < wanted:
        if effort == highest:
            return Tuned(effort, recall, reached=False)
        below, effort = effort, min(2 * effort, highest)
        recall = recall_of(effort)
    while effort > below + 1 and effort > _NEAR * below:
        middle = (below + effort) // 2
        found = recall_of(middle)
        if found < wanted:
            below = middle
        else:
            effort, recall = middle, found
    return Tuned(effort, recall, reached=True)
