"""The recall that users really get: a share of their searches is answered exactly too, and the answers compared."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from lookalike.core.errors import BadInput
from lookalike.core.records import Neighbours

ExactSearch = Callable[[], Neighbours | None]
"""Answers a search exactly; None where the collection has changed since, so that nothing can be compared."""

_STANDARD_ERRORS = 3.0  # of a normal distribution 99.7 % lie within
_TIE = 1e-6  # how far sums in float32 can move a similarity
_WAITING = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallFacts:
    """What a gauge shows.

    Attributes:
        promised: the recall that was promised.
        recall: the mean over the window; None before the first sample.
        low, high: between which the true recall lies with 99.7 % certainty; 0 and 1 before the first sample.
        samples: searches in the window.
        sinking: whether it is certain that the promise is not kept.
        observed: approximate searches since the start, of which a share is sampled.
        dropped: samples that were let go because earlier ones were still being answered.
        outdated: samples that a change of the collection made worthless.
        failed: samples whose exact search failed; the log tells why.
    """

    promised: float
    recall: float | None
    low: float
    high: float
    samples: int
    sinking: bool
    observed: int
    dropped: int
    outdated: int
    failed: int


class RecallGauge:
    """Measures the recall of approximate answers while they are given. Safe to use from many threads.

    Every n-th search is sampled and answered exactly by one thread in the background, which no user waits for. Where it
    cannot keep pace, samples are dropped.

    Args:
        promised: the recall that users were promised, above 0, at most 1.
        share: of the searches that are sampled, from 0 (none) to 1 (all).
        least: how many samples it takes to say that the promise is broken.
        window: of how many of the last samples the recall is the mean.
    Raises:
        BadInput: when one of them is out of its range.
    """

    def __init__(self, promised: float, *, share: float = 0.01, least: int = 100, window: int = 1000) -> None:
        if not (0 < promised <= 1 and 0 <= share <= 1 and 1 <= least <= window):
            raise BadInput(
                "expected a promised recall above 0 and at most 1, a share from 0 to 1 and 1 <= least <= window, "
                f"got promised={promised}, share={share}, least={least}, window={window}"
                "; leave them out for the usual ones"
            )
        self._promised = promised
        self._share = share
        self._least = least
        self._lock = threading.Condition()
        self._recalls: deque[float] = deque(maxlen=window)
        self._worker: ThreadPoolExecutor | None = None  # started with the first sample
        self._is_closed = False
        self._period = 0  # samples of an earlier one came from another index
        self._waiting = 0
        self._observed = self._dropped = self._outdated = self._failed = 0

    @property
    def sinking(self) -> bool:
        """Whether it is certain that the promise is not kept: noise alone hardly ever makes it so."""
        return self.facts().sinking

    def observe(self, found: Neighbours, exact_search: ExactSearch) -> None:
        """Take note of an approximate answer, and sample it if it is its turn. Returns at once and never fails.

        Args:
            found: of one query: arrays of shape (1, k).
            exact_search: answers the same query for the same k; called in another thread, or never. What it raises is
                logged and counted.
        """
        with self._lock:
            self._observed += 1
            is_turn = math.floor(self._observed * self._share) > math.floor((self._observed - 1) * self._share)
            if not is_turn or self._is_closed:
                return
            if self._waiting >= _WAITING:
                self._dropped += 1
                return
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="recall-gauge")
            self._waiting += 1
            self._worker.submit(self._sample, found, exact_search, self._period)

    def facts(self) -> RecallFacts:
        """What it shows at this moment."""
        with self._lock:
            samples = len(self._recalls)
            recall = math.fsum(self._recalls) / samples if samples else None
            low, high = interval(recall, samples)
            return RecallFacts(
                promised=self._promised,
                recall=recall,
                low=low,
                high=high,
                samples=samples,
                sinking=samples >= self._least and high < self._promised,
                observed=self._observed,
                dropped=self._dropped,
                outdated=self._outdated,
                failed=self._failed,
            )

    def reset(self, promised: float | None = None) -> None:
        """Forget the samples, also those that are still being answered: after a rebuild.

        Args:
            promised: the recall that is promised from now on; None for the same.
        """
        with self._lock:
            self._recalls.clear()
            self._period += 1
            self._promised = self._promised if promised is None else promised

    def settle(self, timeout_s: float) -> bool:
        """Wait until all samples are answered; gives whether they are."""
        with self._lock:
            return self._lock.wait_for(lambda: self._waiting == 0, timeout_s)

    def close(self) -> None:
        """Stop sampling; waits for the exact search that is running and lets those go that wait. Idempotent."""
        with self._lock:
            self._is_closed = True
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=True, cancel_futures=True)
            with self._lock:
                self._dropped += self._waiting
                self._waiting = 0
                self._lock.notify_all()

    def _sample(self, found: Neighbours, exact_search: ExactSearch, period: int) -> None:
        recall, failed, outdated = None, 0, 0
        try:
            exact = exact_search()
            outdated = exact is None
            recall = None if exact is None else recall_of(found, exact)
        except Exception:
            _log.warning("an answer could not be compared with the exact one", exc_info=True)
            failed = 1
        with self._lock:
            self._waiting -= 1
            self._failed += failed
            self._outdated += outdated or (recall is not None and period != self._period)
            if recall is not None and period == self._period:
                self._recalls.append(recall)
            self._lock.notify_all()


def recall_of(found: Neighbours, exact: Neighbours) -> float | None:
    """The share of the true nearest that were found, of one query.

    What is as near as the last of the true ones counts, whichever of those that tie were taken.

    Args:
        found: arrays of shape (1, k).
        exact: likewise.
    Returns:
        None where there is nothing to find.
    """
    true_keys = exact.keys[0][exact.keys[0] >= 0]
    if not len(true_keys):
        return None
    keys, first = np.unique(found.keys[0], return_index=True)
    last = float(exact.similarities[0][len(true_keys) - 1])
    slack = _TIE + found.error + exact.error
    is_near = (found.similarities[0][first] >= last - slack) | np.isin(keys, true_keys)
    return min(1.0, int((is_near & (keys >= 0)).sum()) / len(true_keys))


def interval(recall: float | None, samples: int) -> tuple[float, float]:
    """Between which the true recall lies, when it is the mean over so many searches.

    Wilson's interval (Journal of the American Statistical Association 22, 1927), with one toss of a coin for each
    search. The answers of one search are found or missed together, so that they cannot be counted as tosses; but no
    quantity between 0 and 1 varies more than a coin with the same mean (Bhatia and Davis, American Mathematical Monthly
    107, 2000), so that the interval is rather too wide than too narrow.
    """
    if recall is None:
        return 0.0, 1.0
    z2 = _STANDARD_ERRORS**2 / samples
    middle = (recall + z2 / 2) / (1 + z2)
    half = math.sqrt(z2 * (recall * (1 - recall) + z2 / 4)) / (1 + z2)
    return min(max(0.0, middle - half), recall), max(min(1.0, middle + half), recall)  # whatever the rounding
