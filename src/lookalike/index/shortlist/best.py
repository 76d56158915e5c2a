"""The best answers that are known so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.core.metrics import Metric
from lookalike.core.vectors import Keys
from lookalike.index.shortlist.values import worst


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The k best of each query, best first, ties to the smaller label. Its arrays change.

    Attributes:
        labels: shape (Q, k), int64, padded with -1.
        values: shape (Q, k), float32 or float64, padded with what is worst.
        widened: shape (Q,), bool: whether a first shortlist was too short.
        metric: what the values are.
    """

    labels: Keys
    values: NDArray[np.floating]
    widened: NDArray[np.bool_]
    metric: Metric

    @classmethod
    def nothing(cls, Q: int, k: int, metric: Metric, dtype: type[np.floating] = np.float32) -> Best:
        """Of Q queries, before any row is compared. What `dtype` cannot tell apart are ties."""
        values = np.full((Q, k), worst(metric), dtype)
        return cls(np.full((Q, k), -1, np.int64), values, np.zeros(Q, bool), metric)

    def part(self, part: slice) -> Best:
        """Some of the queries: views."""
        return Best(self.labels[part], self.values[part], self.widened[part], self.metric)

    def take(self, askers: NDArray[np.intp], labels: Keys, values: NDArray[np.floating]) -> None:
        """Put answers in their places.

        Args:
            askers: shape (P,), intp: of which queries.
            labels: shape (P,), int64: none of which is there already.
            values: shape (P,), any float dtype.
        """
        Q, k = self.labels.shape
        there = self.labels >= 0
        askers = np.concatenate([np.nonzero(there)[0], askers])
        labels = np.concatenate([self.labels[there], labels])
        values = np.concatenate([self.values[there], values])
        order = np.lexsort((labels, -values if self.metric.higher_is_closer else values, askers))
        askers = askers[order]
        rank = np.arange(len(askers)) - np.searchsorted(askers, np.arange(Q))[askers]
        kept = rank < k
        at = askers[kept], rank[kept]
        self.labels[at], self.values[at] = labels[order[kept]], values[order[kept]]
