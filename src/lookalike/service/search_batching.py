"""Searching for many at once: vectors that are searched for at the same time in the same way are compared together."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from lookalike.collection.hosting import Hosting
from lookalike.core.ending import Ending, ending
from lookalike.core.filters import Filter
from lookalike.core.vectors import Vectors
from lookalike.results import SearchResult
from lookalike.service.batching.ask import Ask
from lookalike.service.batching.crew import Crew
from lookalike.service.batching.line import Line
from lookalike.service.threads import Threads

BATCH_SIZE = 16
PATIENCE_S = 0.003
"""How long the first waits for as many others as there lately were. Clients that ask again once they are answered come
one after the other, and all of them together take less work than in two halves."""
MOST_K = 100
"""To look up more hits than this takes longer than to find them, and others would wait for it."""

_NO_BYTES = 1  # what waits here are vectors


class Way(NamedTuple):
    """How a vector is searched for; as in `Collection.search`.

    Attributes:
        k: how many hits.
        where: what a picture must be.
        recall: that is wanted.
        min_confidence: of a hit.
    """

    k: int = 10
    where: Filter = Filter.everything()
    recall: float | None = None
    min_confidence: float | None = None


class Searches:
    """Searches by vector. One for a process; every method belongs on its event loop.

    Where all pictures are compared, which takes every processor, one thread does it: while it compares, others gather,
    and it goes on with as many of them as want the same of the same collection. Where there was company lately, the
    first waits for it a moment; who is alone waits for nobody. Where an index knows shorter ways, where much is asked
    for, and where a filter has to be looked up, each goes to the threads. All get the reply that they get alone.

    Args:
        threads: for those that gain nothing.
        waiting: how many may wait before others are turned away.
        batch_size: how many are answered together at most.
    """

    def __init__(self, threads: Threads, *, waiting: int, batch_size: int = BATCH_SIZE) -> None:
        self._threads = threads
        self._batch_size = batch_size
        self._line = Line[_VectorAsk]("searches", most=waiting, most_bytes=_NO_BYTES, threads=1)
        self._crew = Crew("lookalike-search", 1, self._did_some)
        self._company = 1  # how many went together lately

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._line.waiting

    @property
    def saturated(self) -> bool:
        """Whether the next would be turned away."""
        return self._line.is_saturated

    async def search(
        self, collection: Hosting, vector: Vectors, *, way: Way, deadline: float | None = None
    ) -> SearchResult:
        """Find what is nearest to a vector.

        Args:
            collection: in which.
            vector: shape (D,), float32, raw, of the collection's model.
            way: how many of what.
            deadline: `time.monotonic()` after which the answer is of no use. It is not begun then.
        Raises:
            Overloaded: when too many wait, or the service stops.
            DeadlineExceeded: when it is not done in time.
            LookalikeError: as `Collection.search`.
        """
        if way.k > MOST_K or way.where or not collection.compares_all:
            return await self._threads.run(
                lambda: collection.search_vectors(vector[None], **way._asdict())[0], deadline=deadline
            )
        ask = _VectorAsk(collection, vector, way, deadline=deadline)
        with self._line.standing(ask):
            return await ask.wait()

    async def close(self) -> None:
        """Turn away who waits, and wait for what is under way. Idempotent."""
        self._line.close()
        await self._crew.wait_until_done()

    def _did_some(self) -> bool:
        """Answer some; False once the line is closed."""
        first = self._line.take()
        if first is None:
            return False
        self._line.gather(self._company - 1, until=time.monotonic() + PATIENCE_S)
        taken, started = [first], time.perf_counter()
        while len(taken) < self._batch_size:
            ask = self._line.take_another(first.goes_with, own=taken, until=0.0)
            if ask is None:
                break
            taken.append(ask)
        try:
            wanted = [ask for ask in taken if ask.is_wanted]
            answers = _look_up(wanted) if wanted else []
            # before anybody is answered, who may ask again at once and would be counted twice
            self._company = min(self._batch_size, max(len(taken) + self._line.waiting, self._company - 1))
            for ask, answer in zip(wanted, answers, strict=True):
                if isinstance(answer, Exception):
                    ask.refuse(answer)
                else:
                    ask.give(answer)
            if wanted:
                self._line.pace.took(time.perf_counter() - started, count=len(wanted))
        finally:
            self._line.done(taken)
        return True


class _VectorAsk(Ask[SearchResult]):
    def __init__(self, collection: Hosting, vector: Vectors, way: Way, *, deadline: float | None) -> None:
        super().__init__(deadline=deadline)
        self.collection, self.vector, self.way = collection, vector, way

    def goes_with(self, other: _VectorAsk) -> bool:
        return other.collection == self.collection and other.way == self.way and other.vector.shape == self.vector.shape


def _while_one_is_wanted(asks: list[_VectorAsk]) -> Ending:
    return Ending(None, lambda: any(ask.is_wanted for ask in asks))


def _look_up(asks: list[_VectorAsk]) -> list[SearchResult | Exception]:
    """Together; where that fails, one by one, so that only the one at fault does."""
    try:
        vectors = np.stack([ask.vector for ask in asks])
        with ending(_while_one_is_wanted(asks)):
            return [*asks[0].collection.search_vectors(vectors, **asks[0].way._asdict())]
    except Exception as error:
        if len(asks) == 1:
            return [error]
        return [_look_up([ask])[0] for ask in asks]
