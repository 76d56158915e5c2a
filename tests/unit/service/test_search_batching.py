"""Searches that come while one runs are answered together, each as if it were alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import numpy as np
import pytest

from lookalike.collection import Collection
from lookalike.collection.hosting import hosting
from lookalike.core.errors import BadQuery, BadVectors, DeadlineExceeded, Overloaded
from lookalike.core.filters import Filter
from lookalike.core.vectors import normalise
from lookalike.results import SearchResult
from lookalike.service.search_batching import MOST_K, Searches, Way
from lookalike.service.threads import Threads
from tests.collections import D, new_collection, png

N = 12


class Watched:
    """A collection that remembers how many vectors it is asked at once; the first call may wait to be let go."""

    def __init__(self, collection: Collection, *, held_up: bool = False, compares_all: bool = True) -> None:
        self._collection = collection
        self.compares_all = compares_all
        self.sizes: list[int] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        if not held_up:
            self.gate.set()

    def search_vectors(self, vectors: Any, **way: Any) -> list[SearchResult]:
        self.sizes.append(len(vectors))
        self.entered.release()
        assert self.gate.wait(30)
        return hosting(self._collection).search_vectors(vectors, **way)


@pytest.fixture(scope="module")
def collection() -> Iterator[Collection]:
    with new_collection() as made:
        for n in range(N):
            made.add(png(n), metadata={"n": n})
        yield made


def vectors(count: int) -> Any:
    return normalise(np.random.default_rng(1).normal(size=(count, D)).astype(np.float32))


def run(body: Callable[[Searches], Coroutine[Any, Any, None]], *, waiting: int = 64) -> None:
    async def bounded() -> None:
        threads = Threads(threads=2, waiting=64)
        searches = Searches(threads, waiting=waiting)
        async with asyncio.timeout(30):
            await body(searches)
            await searches.close()
            await threads.close()

    asyncio.run(bounded())


def as_facts(result: SearchResult) -> Any:
    return [(hit.id, hit.similarity, hit.rank) for hit in result.hits], result.plan, result.exact, result.scanned


async def held_up(searches: Searches, watched: Any) -> asyncio.Future[SearchResult]:
    """The only thread stands in a search."""
    first = asyncio.ensure_future(searches.search(watched, vectors(1)[0], way=Way()))
    assert await asyncio.to_thread(watched.entered.acquire, timeout=30)
    return first


def test_each_gets_what_a_search_alone_gives(collection: Collection) -> None:
    way = Way(k=4, where=Filter.from_json({"n": {"gte": 2}}), min_confidence=0.0)

    async def body(searches: Searches) -> None:
        results = await asyncio.gather(*[searches.search(hosting(collection), one, way=way) for one in vectors(9)])
        for vector, result in zip(vectors(9), results, strict=True):
            assert as_facts(result) == as_facts(collection.search(vector, **way._asdict()))

    run(body)


def test_what_comes_while_one_runs_goes_together_if_it_wants_the_same(collection: Collection) -> None:
    watched: Any = Watched(collection, held_up=True)
    other: Any = Watched(collection)

    async def body(searches: Searches) -> None:
        first = await held_up(searches, watched)
        ways = [Way(), Way(), Way(k=3), Way(k=3), Way(k=3)]
        later = [
            asyncio.ensure_future(searches.search(watched, one, way=way))
            for one, way in zip(vectors(5), ways, strict=True)
        ]
        elsewhere = asyncio.ensure_future(searches.search(other, vectors(1)[0], way=Way(k=3)))
        while searches.waiting < 6:
            await asyncio.sleep(0)
        watched.gate.set()
        results = await asyncio.gather(first, *later, elsewhere)
        assert (watched.sizes, other.sizes) == ([1, 2, 3], [1])
        assert [len(one) for one in results] == [10, 10, 10, 3, 3, 3, 3]

    run(body)


def test_where_it_gains_nothing_each_goes_for_itself(collection: Collection) -> None:
    approximate: Any = Watched(collection, compares_all=False)
    watched: Any = Watched(collection)

    async def body(searches: Searches) -> None:
        await asyncio.gather(*[searches.search(approximate, one, way=Way()) for one in vectors(5)])
        await asyncio.gather(*[searches.search(watched, one, way=Way(k=MOST_K + 1)) for one in vectors(5)])
        assert approximate.sizes == watched.sizes == [1] * 5

    run(body)


def test_one_that_cannot_be_searched_for_fails_alone(collection: Collection) -> None:
    watched: Any = Watched(collection, held_up=True)
    nothing = np.zeros(D, np.float32)

    async def body(searches: Searches) -> None:
        first = await held_up(searches, watched)
        asked = [vectors(1)[0], nothing, vectors(2)[1]]
        later = [asyncio.ensure_future(searches.search(watched, one, way=Way())) for one in asked]
        await asyncio.sleep(0)
        watched.gate.set()
        results = await asyncio.gather(first, *later, return_exceptions=True)
        assert [isinstance(one, BadVectors) for one in results] == [False, False, True, False]
        with pytest.raises(BadQuery):
            await searches.search(watched, vectors(1)[0], way=Way(k=0))

    run(body)


def test_the_line_is_bounded_and_what_is_late_or_gone_is_not_looked_up(collection: Collection) -> None:
    watched: Any = Watched(collection, held_up=True)

    async def body(searches: Searches) -> None:
        first = await held_up(searches, watched)
        soon = time.monotonic() + 0.01
        late = asyncio.ensure_future(searches.search(watched, vectors(1)[0], way=Way(), deadline=soon))
        gone = asyncio.ensure_future(searches.search(watched, vectors(1)[0], way=Way()))
        await asyncio.sleep(0)
        assert searches.saturated
        with pytest.raises(Overloaded):
            await searches.search(watched, vectors(1)[0], way=Way())
        with pytest.raises(DeadlineExceeded):
            await late
        gone.cancel()
        await asyncio.wait([gone])
        assert searches.waiting == 0
        watched.gate.set()
        await first
        assert watched.sizes == [1]

    run(body, waiting=2)


def test_a_collection_says_whether_it_compares_all(collection: Collection) -> None:
    with new_collection() as fresh:
        assert not hosting(fresh).compares_all
    collection.search(png(1))
    assert hosting(collection).compares_all


def test_who_lately_had_company_waits_a_moment_for_it_and_who_is_alone_for_nobody(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: Any = Watched(collection, held_up=True)
    monkeypatch.setattr("lookalike.service.search_batching.PATIENCE_S", 20.0)

    async def body(searches: Searches) -> None:
        first = await held_up(searches, watched)
        together = [asyncio.ensure_future(searches.search(watched, one, way=Way())) for one in vectors(3)]
        await asyncio.sleep(0)
        watched.gate.set()
        await first
        await asyncio.gather(*together, searches.search(watched, vectors(1)[0], way=Way()))  # the first asks again
        staggered = []
        for one in vectors(4):
            staggered.append(asyncio.ensure_future(searches.search(watched, one, way=Way())))
            await asyncio.sleep(0.01)
        await asyncio.gather(*staggered)
        assert watched.sizes == [1, 4, 4]

    run(body)


def test_who_asks_again_as_soon_as_the_answer_came_is_not_taken_for_company(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks one after the other would wait each time for another one, who never comes."""
    watched: Any = Watched(collection)

    async def body(searches: Searches) -> None:
        again = threading.Event()

        def took(seconds: float, *, count: int) -> None:  # is told when they are answered
            assert again.wait(30)

        monkeypatch.setattr(searches._line.pace, "took", took)
        await searches.search(watched, vectors(1)[0], way=Way())
        second = asyncio.ensure_future(searches.search(watched, vectors(1)[0], way=Way()))
        await asyncio.sleep(0)
        assert searches.waiting == 1
        monkeypatch.setattr("lookalike.service.search_batching.PATIENCE_S", 3_600.0)
        again.set()
        await second
        assert watched.sizes == [1, 1]

    run(body)
