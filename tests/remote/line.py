"""The line between a client and a database elsewhere: it takes time, and is lost now and then."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

T = TypeVar("T")


class LineLost(Exception):
    """No answer came. What was asked for may have been done, or not."""


class Fault(StrEnum):
    """What can happen to a request."""

    LOST = "the connection is lost before the request arrives"
    LOST_ANSWER = "the request is done, and its answer lost"


class Line:
    """Carries requests. Safe to use from many threads.

    Args:
        latency_s: of every request, in seconds.
        chance: that a request is lost, from 0 to 1, in either way.
        possible: what chance may do to requests whose names begin so; everything to all others.
        seed: of that chance.

    Attributes:
        asked: how often what was asked for.
        is_down: while it is, every request is lost.
    """

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        chance: float = 0.0,
        possible: Mapping[str, Sequence[Fault]] = MappingProxyType({}),
        seed: int = 0,
    ) -> None:
        self._latency_s = latency_s
        self._chance = chance
        self._possible = possible
        self._random = random.Random(seed)
        self._mutex = threading.Lock()
        self._scripted: dict[str, deque[Fault | None]] = {}
        self.asked: Counter[str] = Counter()
        self.is_down = False

    def script(self, request: str, faults: Iterable[Fault | None]) -> None:
        """What is to happen to the next requests of that name, one after the other; None is nothing."""
        with self._mutex:
            self._scripted.setdefault(request, deque()).extend(faults)

    def carry(self, request: str, call: Callable[[], T]) -> T:
        """Have something done on the other side.

        Raises:
            LineLost: when no answer comes.
        """
        fault = self._fault_of(request)
        if self._latency_s:
            time.sleep(self._latency_s)
        if self.is_down or fault is Fault.LOST:
            raise LineLost(f"{request}: the connection was lost")
        answer = call()
        if fault is Fault.LOST_ANSWER:
            raise LineLost(f"{request}: the connection was lost before the answer came")
        return answer

    def _fault_of(self, request: str) -> Fault | None:
        with self._mutex:
            self.asked[request] += 1
            if scripted := self._scripted.get(request):
                return scripted.popleft()
            faults = next((some for name, some in self._possible.items() if request.startswith(name)), tuple(Fault))
            return self._random.choice(faults) if faults and self._random.random() < self._chance else None
