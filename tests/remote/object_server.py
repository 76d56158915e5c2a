"""A server of objects that behaves like one of S3 (no client library, no network): late, busy, and lost in the middle.

It knows nothing of ids or hashes. Each request can be made to fail, by a script or by chance.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple, TypeVar

T = TypeVar("T")

PAGE = 1_000
"""So many keys are listed, or deleted, at most in a request."""


class ServerError(Exception):
    """What a client library would raise."""


class SlowDown(ServerError):
    """Come again later."""

    def __init__(self, retry_after_s: float = 0.01) -> None:
        super().__init__("503 SlowDown: please reduce your request rate")
        self.retry_after_s = retry_after_s


class TimedOut(ServerError):
    """No answer came: what was asked for may have been done, or not."""


class ConnectionLost(ServerError):
    """In the middle of a body."""


class NoSuchKey(ServerError):
    """404."""


class PreconditionFailed(ServerError):
    """412."""


class Fault(StrEnum):
    """What can happen to a request."""

    SLOW_DOWN = "slow down"
    TIMEOUT_BEFORE = "timed out before it was applied"
    TIMEOUT_AFTER = "timed out after it was applied"
    LOST = "lost in the middle of the body"


class Head(NamedTuple):
    """What is told of an object."""

    size_bytes: int
    modified_at: float


class _Blob(NamedTuple):
    data: bytes
    modified_at: float


class ObjectServer:
    """See the module.

    Args:
        latency_s: of every request, in seconds.
        fault_rate: the share of requests that fail by chance.
        seed: of that chance.
        clock: Unix time in seconds.

    Attributes:
        asked: how often each operation was asked for.
    """

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        fault_rate: float = 0.0,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._latency_s, self._fault_rate, self._clock = latency_s, fault_rate, clock
        self._random = random.Random(seed)
        self._mutex = threading.Lock()
        self._blobs: dict[str, _Blob] = {}
        self._script: dict[str, deque[Fault]] = {}
        self.asked: Counter[str] = Counter()

    def fail_next(self, operation: str, *faults: Fault) -> None:
        """Let the next requests of that operation meet these faults, one after the other."""
        self._script.setdefault(operation, deque()).extend(faults)

    def damage(self, key: str, data: bytes) -> None:
        """Other bytes under a key, as a disk that fails would have them."""
        self._blobs[key] = _Blob(data, self._blobs[key].modified_at)

    def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
        """Store; with `if_none_match` only where nothing is."""

        def applied() -> None:
            if if_none_match and key in self._blobs:
                raise PreconditionFailed(key)
            self._blobs[key] = _Blob(data, self._clock())

        self._request("put", applied)

    def copy(self, source: str, target: str) -> None:
        """Store under another key, or anew under the same."""

        def applied() -> None:
            self._blobs[target] = _Blob(self._found(source).data, self._clock())

        self._request("copy", applied)

    def head(self, key: str) -> Head:
        """What is there."""
        blob = self._request("head", lambda: self._found(key))
        return Head(len(blob.data), blob.modified_at)

    def get(self, key: str, *, first: int = 0, size_bytes: int | None = None, chunk_bytes: int = 8) -> Iterator[bytes]:
        """The bytes of a range, in small pieces."""
        fault = self._fault("get")
        blob = self._request("get", lambda: self._found(key), fault=fault)
        data = blob.data[first : None if size_bytes is None else first + size_bytes]

        def body() -> Iterator[bytes]:
            for start in range(0, len(data), chunk_bytes):
                if fault is Fault.LOST and start >= len(data) // 2:
                    raise ConnectionLost(key)
                yield data[start : start + chunk_bytes]

        return body()

    def keys(self, prefix: str, *, after: str = "") -> list[tuple[str, Head]]:
        """A page of what is there, sorted."""

        def listed() -> list[tuple[str, Head]]:
            found = sorted(key for key in self._blobs if key.startswith(prefix) and key > after)[:PAGE]
            return [(key, Head(len(self._blobs[key].data), self._blobs[key].modified_at)) for key in found]

        return self._request("keys", listed)

    def delete(self, keys: list[str]) -> None:
        """Delete up to a page of them; unknown ones are passed over."""
        if len(keys) > PAGE:
            raise ServerError(f"400: at most {PAGE} keys")

        def applied() -> None:
            for key in keys:
                self._blobs.pop(key, None)

        self._request("delete", applied)

    def _found(self, key: str) -> _Blob:
        try:
            return self._blobs[key]
        except KeyError:
            raise NoSuchKey(key) from None

    def _request(self, operation: str, apply: Callable[[], T], *, fault: Fault | None = None) -> T:
        fault = fault or self._fault(operation)
        with self._mutex:
            self.asked[operation] += 1
        if self._latency_s:
            time.sleep(self._latency_s)
        if fault is Fault.SLOW_DOWN:
            raise SlowDown
        if fault is Fault.TIMEOUT_BEFORE:
            raise TimedOut(operation)
        with self._mutex:
            given = apply()
        if fault is Fault.TIMEOUT_AFTER:
            raise TimedOut(operation)
        return given

    def _fault(self, operation: str) -> Fault | None:
        with self._mutex:
            script = self._script.get(operation)
            if script:
                return script.popleft()
            if self._random.random() < self._fault_rate:
                return self._random.choice(list(Fault))
        return None
