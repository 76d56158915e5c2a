"""What a search waits for while its index is saved or made anew. About ten minutes.

Turns alternate within seconds, so that a machine that is slow at times is so to both: searches alone, then searches
while a snapshot is written or the index is made anew, which is done as the keeper does it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import lookalike
from benchmarks.collections import fill
from benchmarks.harness import Bench
from benchmarks.rows import Row, measured, median, quartiles
from benchmarks.vectors import grown_raw
from lookalike.collection import Collection
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors
from lookalike.view.aside import Beside

QUESTION = "How much longer does a search take while its index is saved, or made anew?"
TARGET = "<= 1.5 times"
COMPARED, LISTED = 50_000, 300_000
TURNS = 20
LEAST_IN_A_TURN = 200
QUIET_S = 2.0
HITS = 10


def measure(bench: Bench) -> None:
    for name, count, engine in (
        ("all compared", bench.size(COMPARED), "exact"),
        ("inverted lists", bench.size(LISTED), "auto"),
    ):
        vectors = grown_raw(count)
        with lookalike.open(bench.folder(f"{engine}-{count}"), engine=engine) as collection:
            fill(collection, vectors, numbered=False)
            asking = _Asking(collection, vectors)
            asking.once()
            collection._parts.view.settle()
            bench.add(_while_saving(bench, asking, name=name), _while_rebuilding(bench, asking, name=name))


class _Asking:
    """Asks for one picture after the other, each time a little beside one that is there."""

    def __init__(self, collection: Collection, vectors: Vectors) -> None:
        self.collection = collection
        self._vectors = vectors
        self._rng = np.random.default_rng(3)

    def once(self) -> float:
        """The milliseconds that a search takes, from the call to the result."""
        one = self._vectors[int(self._rng.integers(len(self._vectors)))]
        query = one + self._rng.normal(0, 0.002, one.shape).astype(np.float32)
        started = time.perf_counter()
        self.collection.search(query, k=HITS)
        return (time.perf_counter() - started) * 1000

    def p99(self, is_on: Callable[[], bool]) -> float:
        """Of all searches as long as a condition holds, and of so many at least."""
        milliseconds: list[float] = []
        while is_on() or len(milliseconds) < LEAST_IN_A_TURN:
            milliseconds.append(self.once())
        return float(np.percentile(milliseconds, 99))

    def quiet_p99(self) -> float:
        """Of searches alone."""
        until = time.monotonic() + QUIET_S
        return self.p99(lambda: time.monotonic() < until)


def _while_saving(bench: Bench, asking: _Asking, *, name: str) -> Row:
    view, catalog = asking.collection._parts.view, asking.collection._parts.catalog

    def save() -> None:
        until = time.monotonic() + QUIET_S
        while time.monotonic() < until:
            with catalog.transaction() as transaction:  # else there is nothing to save
                image = ImageRecord(f"{time.monotonic_ns():064x}", 640, 480, "jpeg", 100_000)
                transaction.put_images([image], np.random.default_rng().normal(size=(1, 1280)).astype(np.float16))
            view.refresh()
            view.save()

    return _row(bench, asking, save, name=f"{name}: p99 while a snapshot is saved, against quiet")


def _while_rebuilding(bench: Bench, asking: _Asking, *, name: str) -> Row:
    view = asking.collection._parts.view
    return _row(bench, asking, view.rebuild, name=f"{name}: p99 while the index is made anew, against quiet")


def _row(bench: Bench, asking: _Asking, upkeep: Callable[[], None], *, name: str) -> Row:
    ratios, alone, beside = [], [], []
    thread = Beside()
    for _ in range(bench.size(TURNS)):
        bench.tick()
        before = asking.quiet_p99()
        thread.do(upkeep)
        during = asking.p99(lambda: thread.is_busy)
        thread.join()
        after = asking.quiet_p99()
        alone += [before, after]
        beside.append(during)
        ratios.append(during / ((before + after) / 2))
    return measured(
        name,
        median(ratios),
        "times",
        spread=quartiles(ratios),
        target=TARGET,
        note=f"p99 {median(beside):.2f} ms, alone {median(alone):.2f} ms; one client, {len(ratios)} turns in "
        f"alternation; {asking.collection._parts.view.facts().count:,} vectors",
    )
