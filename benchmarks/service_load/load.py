"""A load on an HTTP server from a process of its own: so many connections, each asking again when it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

FRESH = b"@@@@"
"""Four digits take its place in each body, so that no cache has seen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for.

    Attributes:
        port: on loopback.
        path: of the URL.
        content_type: of the bodies.
        bodies: taken in turn, each time with other digits for `FRESH`.
        connections: at once.
        seconds: for how long; the first fifth is not counted.
        rate: requests a second, spread evenly, however long answers take; None: as fast as they are answered.
    """

    port: int
    path: str
    content_type: str
    bodies: Sequence[bytes]
    connections: int
    seconds: float
    rate: float | None = None


class Answered(NamedTuple):
    """What came of it.

    Attributes:
        per_second: good answers.
        latencies_ms: shape (N,), of good answers; with a rate, from when they were due.
        failed: answers that were none of 200.
    """

    per_second: float
    latencies_ms: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    failed: int

    def percentile(self, share: float) -> float:
        """Of the latencies, in milliseconds."""
        return float(np.percentile(self.latencies_ms, share)) if len(self.latencies_ms) else float("inf")


def load(asked: Asked) -> Answered:
    """Put a load on a server."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_loaded, asked).result()


def _loaded(asked: Asked) -> Answered:
    return asyncio.run(_all(asked))


async def _all(asked: Asked) -> Answered:
    requests = [_request(asked, body) for body in asked.bodies]
    begun = time.perf_counter()
    seen: list[tuple[float, float, bool]] = []  # when it ended, how long it took, whether it was good
    turn = iter(range(10**9))
    loop = asyncio.gather(*[_one(asked, requests, lambda: next(turn), begun, seen) for _ in range(asked.connections)])
    await loop
    warm = begun + asked.seconds / 5
    counted = [(took, good) for end, took, good in seen if end >= warm]
    good = np.array([took * 1000 for took, is_good in counted if is_good])
    return Answered(len(good) / (asked.seconds * 4 / 5), good, len(counted) - len(good))


async def _one(
    asked: Asked,
    requests: Sequence[bytes],
    turn: Callable[[], int],
    begun: float,
    seen: list[tuple[float, float, bool]],
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
    try:
        while True:
            n = turn()
            due = begun + n / asked.rate if asked.rate is not None else time.perf_counter()
            if due >= begun + asked.seconds:
                return
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(requests[n % len(requests)].replace(FRESH, b"%04d" % (n // len(requests) * 7 % 10_000), 1))
            status = await _status(reader)
            now = time.perf_counter()
            if now >= begun + asked.seconds:
                return
            seen.append((now, now - due, status == 200))
    finally:
        writer.close()


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split(b" ")[1])


def _request(asked: Asked, body: bytes) -> bytes:
    head = (
        f"POST {asked.path} HTTP/1.1\r\nHost: 127.0.0.1:{asked.port}\r\nContent-Type: {asked.content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
