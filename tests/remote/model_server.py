"""A server of models that behaves like a remote one, and how it is asked: no network, but all that happens on one."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lookalike.core.errors import Overloaded, ServiceDown
from lookalike.embedding.fake import FakeEmbedder
from lookalike.embedding.transport import Inferred, ServedModel

SIDE = 16


class Fault(StrEnum):
    """What can happen to a request."""

    TIMED_OUT = "timed out"
    LOST = "the connection is lost"
    BUSY = "it asks to come again"
    NARROW = "vectors of another width"
    TOO_FEW = "fewer vectors than pictures"
    NAN = "a vector that is not finite"
    LONG = "a vector that is not of length 1"
    INTEGERS = "numbers of another kind"
    REDEPLOYED = "another version has answered"


_ANSWERS: dict[Fault, Callable[[NDArray[np.float32]], NDArray[np.generic]]] = {
    Fault.NARROW: lambda vectors: vectors[:, :-1],
    Fault.TOO_FEW: lambda vectors: vectors[:-1],
    Fault.NAN: lambda vectors: np.where(np.arange(len(vectors))[:, None] == 0, np.float32(np.nan), vectors),
    Fault.LONG: lambda vectors: vectors * np.float32(1.5),
    Fault.INTEGERS: lambda vectors: (vectors * 100).astype(np.int8),
}


class ModelServer:
    """Serves the fake model; is a transport to itself (`lookalike.embedding.transport.Transport`).

    Args:
        latency_s: of every request, in seconds.
        most_at_once: pictures in a request.
        tells_identity: whether it says what changes with the weights.
        faults: of the first requests for vectors, one after the other.

    Attributes:
        asked: how often it was asked for what.
        largest: pictures of the largest request.
        timeouts_s: what the requests were given.
        is_closed: whether the transport was closed.
    """

    def __init__(
        self,
        *faults: Fault,
        latency_s: float = 0.0,
        most_at_once: int = 3,
        dimension: int = 16,
        tells_identity: bool = True,
    ) -> None:
        self._mutex = threading.Lock()
        self._faults = deque(faults)
        self._latency_s, self._most_at_once, self._tells_identity = latency_s, most_at_once, tells_identity
        self._dimension = dimension
        self.asked: Counter[str] = Counter()
        self.largest = 0
        self.timeouts_s: list[float] = []
        self.is_closed = False
        self.redeploy(seed=0, version="1")

    def redeploy(self, *, seed: int, version: str) -> None:
        """Serve other weights from now on."""
        self._model = FakeEmbedder(dimension=self._dimension, seed=seed)
        self._version = version

    def fail_next(self, *faults: Fault) -> None:
        """Let the next requests meet these."""
        self._faults.extend(faults)

    def recover(self) -> None:
        """Meet no more faults."""
        self._faults.clear()

    def describe(self, *, timeout_s: float) -> ServedModel:
        """What is served now."""
        self._answered("describe", timeout_s, self._fault())
        return ServedModel(
            name="fake",
            version=self._version,
            identity=self._identity,
            dimension=self._dimension,
            input_side=SIDE,
            most_at_once=self._most_at_once,
            precision="fp32",
            licence="Apache-2.0",
            source="tests.remote.model_server",
        )

    def infer(self, pixels: NDArray[np.uint8], *, timeout_s: float) -> Inferred:
        """The vectors."""
        fault = self._fault()
        self._answered("infer", timeout_s, fault)
        assert pixels.dtype == np.uint8
        assert pixels.shape[1:] == (SIDE, SIDE, 3)
        self.largest = max(self.largest, len(pixels))
        vectors = self._model.embed(list(pixels))
        spoilt = _ANSWERS[fault](vectors) if fault in _ANSWERS else vectors
        version = f"{self._version}.1" if fault is Fault.REDEPLOYED else self._version
        return Inferred(spoilt, version, self._identity)

    def close(self) -> None:
        """Take note of it."""
        self.is_closed = True

    @property
    def _identity(self) -> str:
        return self._model.card.id if self._tells_identity else ""

    def _fault(self) -> Fault | None:
        with self._mutex:
            return self._faults.popleft() if self._faults else None

    def _answered(self, what: str, timeout_s: float, fault: Fault | None) -> None:
        with self._mutex:
            self.asked[what] += 1
            self.timeouts_s.append(timeout_s)
        if fault is Fault.TIMED_OUT or self._latency_s > timeout_s:
            time.sleep(min(self._latency_s, timeout_s))
            raise ServiceDown(f"the server of models has not answered within {timeout_s:.3g} s")
        time.sleep(self._latency_s)
        if fault is Fault.LOST:
            raise ServiceDown("the connection to the server of models was lost")
        if fault is Fault.BUSY:
            raise Overloaded("the server of models asks to come again", retry_after_s=0.001)
