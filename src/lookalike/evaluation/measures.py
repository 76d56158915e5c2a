"""Measures of ranked answers, as values: `Success(10)`, `AP()`, `nDCG(10)`.

Every measure works on one query and is computed from two things: which ranked answers are relevant (`hits`, best
first), and how many relevant items there are in all. Means over queries come after, from rows. What was not
answered counts as not relevant, so a short ranking is never an advantage.

The pages named below are of Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import BadInput

Q = TypeVar("Q", bound=Hashable)

Hits = NDArray[np.bool_]
"""shape (R,), bool: hits[r] says whether the answer at rank r + 1 is relevant."""


class Measure(Protocol):
    """A figure between 0 and 1 for one query; higher is better."""

    @property
    def name(self) -> str:
        """The standard name, as in tables."""
        ...

    def __call__(self, hits: Hits, *, relevant: int) -> float:
        """Compute the figure.

        Args:
            hits: shape (R,), bool, best answer first; R may be smaller than the cutoff, even 0.
            relevant: how many relevant items there are in all, at least 1 and at least `hits.sum()`.
        Raises:
            BadInput: when `relevant` is less than 1 or less than the hits; a query without anything
                to find has no figure.
        """
        ...


@dataclass(frozen=True)
class _AtCutoff:
    """A measure of the first `k` answers.

    Raises:
        BadInput: when `k` is less than 1.
    """

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise BadInput(f"expected a cutoff of at least 1, got {self.k}; take 10, as in Success@10")

    @property
    def name(self) -> str:
        """The standard name: `P@10`."""
        return f"{type(self).__name__}@{self.k}"


@dataclass(frozen=True)
class Success(_AtCutoff):
    """1 where any of the first k answers is relevant, else 0.

    Often called "recall@k" or "top-k accuracy" in image search; recall is `R`.
    """

    def __call__(self, hits: Hits, *, relevant: int) -> float:
        """Compute the figure; see `Measure`."""
        _check(hits, relevant)
        return float(hits[: self.k].any())


@dataclass(frozen=True)
class P(_AtCutoff):
    """Precision: relevant answers among the first k, divided by k, however few there are to find (p. 161)."""

    def __call__(self, hits: Hits, *, relevant: int) -> float:
        """Compute the figure; see `Measure`."""
        _check(hits, relevant)
        return float(hits[: self.k].sum() / self.k)


@dataclass(frozen=True)
class R(_AtCutoff):
    """Recall: relevant answers among the first k, divided by all that are relevant (p. 155)."""

    def __call__(self, hits: Hits, *, relevant: int) -> float:
        """Compute the figure; see `Measure`."""
        _check(hits, relevant)
        return float(hits[: self.k].sum() / relevant)


@dataclass(frozen=True)
class AP:
    """Average precision: the sum of P@r over the ranks r of relevant answers, divided by all that are relevant.

    Relevant items that were not answered add 0. The mean over queries is MAP (p. 160).
    """

    @property
    def name(self) -> str:
        """The standard name: `AP`."""
        return "AP"

    def __call__(self, hits: Hits, *, relevant: int) -> float:
        """Compute the figure; see `Measure`."""
        _check(hits, relevant)
        ranks = np.flatnonzero(hits) + 1
        return float((np.arange(1, len(ranks) + 1) / ranks).sum() / relevant)


@dataclass(frozen=True)
class nDCG(_AtCutoff):  # noqa: N801 - the measure is written so everywhere
    """Discounted gain of the first k answers, divided by that of the best possible ranking.

    A relevant answer at rank r gains 1 / log2(r + 1); the best ranking holds min(k, relevant) of them first.
    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002), with the discount of p. 163.
    """

    def __call__(self, hits: Hits, *, relevant: int) -> float:
        """Compute the figure; see `Measure`."""
        _check(hits, relevant)
        discounts = 1 / np.log2(np.arange(2, self.k + 2))
        gained = discounts[: len(hits)][hits[: self.k]].sum()
        return float(gained / discounts[: min(self.k, relevant)].sum())


class Row(NamedTuple):
    """The figures of one query.

    Attributes:
        query: its id.
        relevant: how many relevant items there were to find.
        values: name of a measure -> its figure.
    """

    query: Hashable
    relevant: int
    values: Mapping[str, float]


def hits_of(ranked: Sequence[Hashable], relevant: Collection[Hashable]) -> Hits:
    """Tell which of the ranked answers are relevant.

    Args:
        ranked: ids, best first.
        relevant: the ids that should be found.
    Returns:
        shape (len(ranked),), bool.
    Raises:
        BadInput: when an id is ranked twice, which would count it twice.
    """
    if len(set(ranked)) != len(ranked):
        raise BadInput(
            f"expected every id once in a ranking, got {len(ranked) - len(set(ranked))} of {len(ranked)} again"
            "; remove those that come again, and keep the first"
        )
    wanted = set(relevant)
    return np.fromiter((id_ in wanted for id_ in ranked), bool, len(ranked))


def evaluate(
    answers: Mapping[Q, Sequence[Hashable]],
    relevant: Mapping[Q, Collection[Hashable]],
    measures: Sequence[Measure],
) -> list[Row]:
    """Compute the figures of every query.

    Args:
        answers: query -> ranked ids, best first. A query that is missing here got no answers: all zeros.
        relevant: query -> ids that should be found; it decides which queries count. None may be empty.
        measures: what to compute.
    Returns:
        one row for each query of `relevant`, in its order.
    Raises:
        BadInput: when a query has nothing to find, or a ranking holds an id twice.
    """
    rows = []
    for query, wanted in relevant.items():
        hits, count = hits_of(answers.get(query, ()), wanted), len(set(wanted))
        rows.append(Row(query, count, {measure.name: measure(hits, relevant=count) for measure in measures}))
    return rows


def means(rows: Iterable[Row]) -> dict[str, float]:
    """Average each measure over queries, each query weighing the same.

    Raises:
        BadInput: when there are no rows.
    """
    values = [row.values for row in rows]
    if not values:
        raise BadInput(
            "expected at least one query to average over, got none; check that the queries have relevant items"
        )
    return {name: float(np.mean([of_query[name] for of_query in values])) for name in values[0]}


def _check(hits: Hits, relevant: int) -> None:
    if relevant < max(1, int(hits.sum())):
        raise BadInput(
            f"expected at least 1 relevant item and no fewer than the {int(hits.sum())} hits, got {relevant}"
            "; count all items of the query's class, without the query"
        )
