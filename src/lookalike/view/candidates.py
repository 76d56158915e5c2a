"""Candidates: the keys nearest to a query, of which groups of near-identical pictures may count once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lookalike.core.records import Neighbours
from lookalike.core.vectors import Keys

_WIDER = 4


class Candidate(NamedTuple):
    """One picture found, or the nearest of a group.

    Attributes:
        key: its number.
        similarity: cosine.
        others: keys of the rest of its group, ascending; empty where groups were not asked for or it is alone.
    """

    key: int
    similarity: float
    others: tuple[int, ...] = ()


class Found(NamedTuple):
    """Candidates, best first, and how they were found."""

    candidates: list[Candidate]
    plan: str
    exact: bool
    scanned: int


def single_candidates(found: Neighbours) -> Found:
    """What was found of one query, each for itself."""
    return Found(_in_order(found), found.plan, found.exact, found.scanned)


def find_grouped(
    k: int,
    *,
    search: Callable[[int], Neighbours],
    labels: Callable[[Keys], Keys],
    members: Callable[[int], Keys],
    shown: Callable[[Keys], Keys] | None,
) -> Found:
    """The nearest of each of the k nearest groups.

    Args:
        k: how many groups; fewer come where there are fewer.
        search: gives that many neighbours.
        labels: the group of each key.
        members: the keys of a group.
        shown: gives which of some keys, shape (N,), int64, may be shown among the others of a group; None for all.
    """
    depth = k + 1
    while True:
        found = search(depth)
        singles = _in_order(found)
        of_group = labels(np.array([one.key for one in singles], np.int64)).tolist()
        nearest: dict[int, Candidate] = {}
        for label, one in zip(of_group, singles, strict=True):
            nearest.setdefault(label, one)
        if len(nearest) >= k or len(singles) < depth:
            break
        depth *= _WIDER
    best = [one._replace(others=_others(one.key, members(label), shown)) for label, one in list(nearest.items())[:k]]
    return Found(best, found.plan, found.exact, found.scanned)


def _others(key: int, members: Keys, shown: Callable[[Keys], Keys] | None) -> tuple[int, ...]:
    visible = members if shown is None else shown(members)
    return tuple(sorted(set(visible.tolist()) - {key}))


def _in_order(found: Neighbours) -> list[Candidate]:
    keys = found.keys[0]
    there = keys >= 0
    return [
        Candidate(key, similarity)
        for key, similarity in zip(keys[there].tolist(), found.similarities[0][there].tolist(), strict=True)
    ]
