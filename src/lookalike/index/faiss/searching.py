"""The way from queries to neighbours: the plan, candidates, comparing, widening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

import numpy as np

from lookalike.core.records import Neighbours
from lookalike.core.saying import PlanCode, exact_plan
from lookalike.core.vectors import Vectors
from lookalike.core.wording import Words, words_of
from lookalike.index.faiss.columns import Slots
from lookalike.index.faiss.comparing import Best, Query, Table, as_queries
from lookalike.index.faiss.eligible import Bits, Eligible
from lookalike.index.faiss.recipes import OperatingPoint
from lookalike.index.faiss.structure import Structure

CODES_PER_ROW = 20
"""So many codes and centroids are compared in the time of one row."""

_NARROWING = 1 / 7
"""A filter that lets a share s through asks for a gap s^(-1/7) times as wide for the same recall."""

_MORE_CODES = 0.37
"""In which about s^(-0.37) times as many codes lie."""

_WIDER = 1.7
"""So many times the gap holds about four times as many lists."""

_WIDENINGS = 2
_POINTS_K = 10
_QUERIES_AT_ONCE = 256


class Searched(NamedTuple):
    """What is searched, as it was when the search began.

    Attributes:
        table: all rows.
        structure: proposes candidates; None where all are compared.
        eligible: what may be answered.
        error: how far a similarity can be from the true one.
    """

    table: Table
    structure: Structure | None
    eligible: Eligible
    error: float


@dataclass(slots=True)
class _Told:
    """What is told of a search, gathered query by query."""

    plan: Words = field(default_factory=lambda: Words(""))
    scanned: float = 0.0
    widened: bool = False


def search(searched: Searched, units: Vectors, k: int, *, point: OperatingPoint | None) -> Neighbours:
    """Find the k nearest of each query.

    Args:
        searched: what is searched.
        units: shape (Q, D), float32, C-contiguous, of length 1 or 0.
        k: at least 1.
        point: how thoroughly; None compares all.
    """
    structure, eligible = searched.structure, searched.eligible
    if structure is None or point is None or _all_is_cheaper(structure, eligible, k, point):
        best = list(_compare_all(searched, as_queries(units), k))
        plan = exact_plan(None if eligible.everything else eligible.count)
        return _pad(best, k)._replace(exact=True, scanned=eligible.count, plan=plan, error=searched.error)
    told = _Told()
    best = []
    for start in range(0, len(units), _QUERIES_AT_ONCE):
        best += _compare_candidates(searched, structure, units[start : start + _QUERIES_AT_ONCE], k, point, told)
    return _pad(best, k)._replace(
        scanned=round(told.scanned / max(1, len(units))),
        plan=told.plan.and_then(words_of("widened", PlanCode.WIDENED)) if told.widened else told.plan,
        error=searched.error,
    )


def _all_is_cheaper(structure: Structure, eligible: Eligible, k: int, point: OperatingPoint) -> bool:
    """Whether comparing all that may be answered takes no longer than finding candidates."""
    depth = _depth(structure, eligible, k, point)
    codes = point.scanned / _share(eligible) ** _MORE_CODES
    return bool(eligible.count <= depth + (codes + structure.lists) / CODES_PER_ROW)


def _share(eligible: Eligible) -> float:
    """Of the vectors that are there those that the filter lets through; above 0 where there are any."""
    return float(max(1, eligible.count) / max(1, eligible.present))


def _depth(structure: Structure, eligible: Eligible, k: int, point: OperatingPoint) -> int:
    depth = max(k, ceil(point.rerank * max(1.0, k / _POINTS_K)))
    return depth if structure.selects else ceil(depth * structure.count / max(1, eligible.count))


def _compare_all(searched: Searched, queries: list[Query], k: int) -> Iterator[Best]:
    eligible = searched.eligible
    if eligible.everything:
        return searched.table.scan(None, eligible.flags, queries, k)
    return searched.table.scan(eligible.slots, None, queries, k)


def _compare_candidates(
    searched: Searched, structure: Structure, units: Vectors, k: int, point: OperatingPoint, told: _Told
) -> list[Best]:
    eligible = searched.eligible
    depth, gap = _depth(structure, eligible, k, point), point.gap / _share(eligible) ** _NARROWING
    proposal = structure.propose(units, depth, gap=gap, allowed=_select(eligible))
    told.plan = told.plan or structure.plan(proposal, depth, filtered=not eligible.everything)
    told.scanned += proposal.scanned * len(units)
    best: list[Best] = []
    for n, query in enumerate(as_queries(units)):
        slots = _answerable(proposal.slots[n], structure, eligible)
        if len(slots) < min(k, eligible.count):
            told.widened = True
            wider = _widen(searched, structure, units[n : n + 1], k, gap, depth, told)
            if wider is None:
                told.scanned += eligible.count
                best += _compare_all(searched, [query], k)
                continue
            slots = wider
        best.append(searched.table.best_of(slots, query, k))
    return best


def _widen(
    searched: Searched, structure: Structure, unit: Vectors, k: int, gap: float, depth: int, told: _Told
) -> Slots | None:
    """Enough candidates from more lists; None where even these are not enough, or there are no lists."""
    for _ in range(_WIDENINGS if structure.lists else 0):
        gap *= _WIDER
        proposal = structure.propose(unit, depth, gap=gap, allowed=_select(searched.eligible))
        told.scanned += proposal.scanned
        slots = _answerable(proposal.slots[0], structure, searched.eligible)
        if len(slots) >= min(k, searched.eligible.count):
            return slots
    return None


def _select(eligible: Eligible) -> Bits | None:
    """None where every slot may be answered: then FAISS need not look each up."""
    return None if eligible.count == eligible.end else eligible.bits


def _answerable(proposed: Slots, structure: Structure, eligible: Eligible) -> Slots:
    if structure.selects:
        return proposed[(proposed >= 0) & (proposed < eligible.end)]
    return proposed[eligible.holds(proposed)]


def _pad(best: list[Best], k: int) -> Neighbours:
    keys = np.full((len(best), k), -1, np.int64)
    similarities = np.full((len(best), k), -np.inf, np.float32)
    for n, (its_keys, its_similarities) in enumerate(best):
        keys[n, : len(its_keys)], similarities[n, : len(its_keys)] = its_keys, its_similarities
    return Neighbours(keys, similarities, exact=False, scanned=0)
