"""A server of indexes that behaves like a remote one: late, lost before or after its work, twice, and half swapped."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import numpy as np

from lookalike.core.errors import Conflict, LeaseLost, NotFound, ServiceDown
from lookalike.core.filters import Filter
from lookalike.core.records import START, Cursor, ImageRecord, Json, Neighbours
from lookalike.core.vectors import Vectors
from lookalike.index.base import Selection, check_wanted
from lookalike.index.exact import ExactIndex
from lookalike.index.remote import Batch, RemoteVersion

T = TypeVar("T")


class Fault(StrEnum):
    """What can happen to a request."""

    LOST = "it never came there"
    UNANSWERED = "it was done, and the answer was lost"
    LATE = "no answer came, and it is done later"
    TWICE = "it was delivered twice"
    HALF = "a swap that only some of the machines have made"


@dataclass
class _Version:
    index: ExactIndex
    projection_version: int
    applied: Cursor = START
    pictures: dict[int, ImageRecord] = field(default_factory=dict)


class IndexServer:
    """See `lookalike.index.remote.RemoteIndex`. Exact, or blind for some keys.

    Args:
        latency_s: of every request, in seconds.
        is_blind: whether its searches do not find a key.
        takes_filters: whether it keeps what filters ask of pictures, and searches among those that pass.

    Attributes:
        asked: how often it was asked for what.
        faults: what happens to the next requests, by what is asked for, one after the other.
        refused: fences that came too late.
        filters: that searches were handed.
    """

    engine = "remote"

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        is_blind: Callable[[int], bool] = lambda key: False,
        takes_filters: bool = False,
    ) -> None:
        self.takes_filters = takes_filters
        self._mutex = threading.RLock()
        self._versions: dict[str, _Version] = {}
        self._serving: str | None = None
        self._half: deque[str | None] = deque()
        self._fence = 0
        self._later: list[Callable[[], None]] = []
        self._latency_s = latency_s
        self.is_blind = is_blind
        self.asked: Counter[str] = Counter()
        self.faults: dict[str, deque[Fault]] = {}
        self.refused: list[int] = []
        self.filters: list[Filter] = []

    def fail(self, what: str, *faults: Fault) -> None:
        """Have this happen to the next requests of that name."""
        self.faults.setdefault(what, deque()).extend(faults)

    def deliver_late(self) -> None:
        """Do now what was late, as it comes: what is refused is nobody's to hear."""
        later, self._later = self._later, []
        for do in later:
            try:
                do()
            except (LeaseLost, NotFound, Conflict):
                continue

    def versions(self) -> Mapping[str, RemoteVersion]:
        with self._mutex:
            return self._done("versions", lambda: {name: self._facts(name) for name in self._versions})

    def serving(self) -> RemoteVersion | None:
        def look() -> RemoteVersion | None:
            name = self._serving
            if self._half:  # one machine after the other is asked
                name = self._half[0]
                self._half.rotate()
            return None if name is None or name not in self._versions else self._facts(name)

        with self._mutex:
            return self._done("serving", look)

    def at(self, name: str) -> ServedVersion:
        return ServedVersion(self, name)

    def claim(self, fence: int) -> None:
        self._written("claim", fence, lambda: None)

    def create(self, name: str, *, projection_version: int, dimension: int, fence: int) -> None:
        def create() -> None:
            self._versions.setdefault(name, _Version(ExactIndex(dimension), projection_version))

        self._written("create", fence, create)

    def apply(self, name: str, batch: Batch, *, cursor: Cursor, fence: int) -> None:
        def apply() -> None:
            version = self._found(name)
            version.index.upsert(batch.keys, batch.vectors)
            version.index.remove(batch.removed)
            there, _ = version.index.stored_vectors()
            told = {**version.pictures, **batch.pictures}
            version.pictures = {key: told[key] for key in there.tolist() if key in told}
            version.applied = cursor

        self._written("apply", fence, apply)

    def swap(self, name: str, *, fence: int) -> None:
        fault = self._next_fault("swap")

        def swap() -> None:
            self._found(name)
            self._half = deque([self._serving, name]) if fault is Fault.HALF else deque()
            self._serving = name

        self._written("swap", fence, swap, fault=None if fault is Fault.HALF else fault)

    def drop(self, name: str, *, fence: int) -> None:
        def drop() -> None:
            if name == self._serving:
                raise Conflict(f"expected a version that is not searched, got {name}: swap to another one first")
            self._versions.pop(name, None)

        self._written("drop", fence, drop)

    def tune(self, name: str, *, recall: float, fence: int) -> None:
        self._written("tune", fence, lambda: _forget(self._found(name)))

    def forget(self) -> None:
        def forget() -> None:
            self._versions.clear()
            self._serving = None

        self._written("forget", self._fence, forget)

    def let_go(self) -> None:
        self.asked["let_go"] += 1

    def search(self, name: str, queries: Vectors, k: int, among: Selection, recall: float | None) -> Neighbours:
        check_wanted(k, recall)
        with self._mutex:
            version = self._found(name)
            index = version.index
            if isinstance(among, Filter) and self.takes_filters:
                self.filters.append(among)
                passing = [key for key, image in version.pictures.items() if among.matches(image, None)]
                among = np.array(passing, np.int64)
        found = self._done("search", lambda: index.search(queries, max(1, len(index)), among=among, recall=recall))
        keys, similarities = np.full((len(found.keys), k), -1, np.int64), np.full((len(found.keys), k), -np.inf)
        for n, row in enumerate(found.keys):
            seen = [m for m, key in enumerate(row.tolist()) if key >= 0 and not self.is_blind(key)][:k]
            keys[n, : len(seen)], similarities[n, : len(seen)] = row[seen], found.similarities[n, seen]
        return Neighbours(keys, similarities.astype(np.float32), exact=True, scanned=found.scanned, plan=found.plan)

    def index_of(self, name: str) -> ExactIndex:
        with self._mutex:
            return self._found(name).index

    def _facts(self, name: str) -> RemoteVersion:
        version = self._versions[name]
        return RemoteVersion(
            name=name,
            projection_version=version.projection_version,
            dimension=version.index.dimension,
            count=len(version.index),
            applied=version.applied,
        )

    def _found(self, name: str) -> _Version:
        try:
            return self._versions[name]
        except KeyError:
            raise NotFound(
                f"expected a version of {', '.join(self._versions) or 'none'}, got {name}: ask anew"
            ) from None

    def _written(self, what: str, fence: int, do: Callable[[], None], *, fault: Fault | None = None) -> None:
        def write() -> None:
            with self._mutex:
                if fence < self._fence:
                    self.refused.append(fence)
                    raise LeaseLost(f"expected a fence of at least {self._fence}, got {fence}: stop")
                self._fence = fence
                do()

        self._done(what, write, fault=fault)

    def _done(self, what: str, do: Callable[[], T], *, fault: Fault | None = None) -> T:
        self.asked[what] += 1
        if self._latency_s:
            time.sleep(self._latency_s)
        fault = fault or self._next_fault(what)
        if fault is Fault.LOST:
            raise ServiceDown(f"{what}: no answer came")
        if fault is Fault.LATE:
            self._later.append(lambda: _forget(do()))
            raise ServiceDown(f"{what}: no answer came")
        result = do()
        if fault is Fault.TWICE:
            do()
        if fault is Fault.UNANSWERED:
            raise ServiceDown(f"{what}: no answer came")
        return result

    def _next_fault(self, what: str) -> Fault | None:
        waiting = self.faults.get(what)
        return waiting.popleft() if waiting else None


def _forget(_result: object) -> None:
    """Nobody hears of it."""


class ServedVersion:
    """One version; see `lookalike.index.base.Index`."""

    engine = "remote"
    recall = 1.0

    def __init__(self, server: IndexServer, name: str) -> None:
        self.takes_filters = server.takes_filters
        self._server = server
        self._name = name

    @property
    def parameters(self) -> dict[str, Json]:
        return {}

    @property
    def dimension(self) -> int:
        return self._server.index_of(self._name).dimension

    def __len__(self) -> int:
        return len(self._server.index_of(self._name))

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        return self._server.search(self._name, queries, k, among, recall)
