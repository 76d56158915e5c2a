"""What a service is kept busy with: the costliest that a read key may ask for, and all at once that it is for."""

from __future__ import annotations

import io
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import httpx2
import numpy as np
from PIL import Image

CALLERS = 8
LIKES = 200
LETTERS, LETTERS_BEFORE = 16, 1_000
"""Of each pattern; all together as many as are taken now, and as were taken before they were bounded."""
TEXT = "a" * 50_000
PATIENCE_MS = 2_000


def client(port: int, key: str) -> httpx2.Client:
    """Of the service on that port, with a key."""
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=120)


@contextmanager
def kept_at(*calls: Callable[[], object]) -> Iterator[None]:
    """Have each done over and over again during the block, on a thread of its own, in another process: who measures has
    this one for himself.
    """
    context = multiprocessing.get_context("fork")  # the calls are functions that cannot be sent
    attacker = context.Process(target=_go_on, args=(calls,), daemon=True)
    attacker.start()
    try:
        yield
    finally:
        attacker.kill()
        attacker.join()


def _go_on(calls: tuple[Callable[[], object], ...]) -> None:
    def repeat(call: Callable[[], object]) -> None:
        while True:
            with suppress(httpx2.HTTPError):
                call()

    threads = [threading.Thread(target=repeat, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a picture that never comes."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/picture.jpg"


def costly_filter(
    port: int, key: str, collection: str, query: dict[str, object], *, letters: int
) -> Callable[[], object]:
    """Searches with 200 patterns of so many letters over long texts."""
    alternatives = [{"text": {"like": f"%{'a' * letters}{n:03}"}} for n in range(LIKES)]
    return _search(port, key, collection, {**query, "filter": {"or": alternatives}})


def slow_address(port: int, key: str, collection: str, address: str) -> Callable[[], object]:
    """Searches by a URL that never answers."""
    return _search(port, key, collection, {"image_url": address})


def _search(port: int, key: str, collection: str, body: dict[str, object]) -> Callable[[], object]:
    asking = client(port, key)
    headers = {"X-Timeout-Ms": str(PATIENCE_MS)}
    return lambda: asking.post(f"/v1/collections/{collection}/search", json=body, headers=headers)


def adding(port: int, key: str, collection: str, *, mode: str) -> Callable[[], object]:
    """Adds new pictures of two megapixels: `now`, or `queued` for the worker to verify."""
    asking, rng = client(port, key), np.random.default_rng(len(mode))

    def add() -> object:
        pixels = np.kron(rng.integers(0, 256, (12, 16, 3), np.uint8), np.ones((100, 100, 1), np.uint8))
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "JPEG")
        form = {"image": ("one.jpg", content.getvalue(), "image/jpeg")}
        return asking.post(f"/v1/collections/{collection}/images?mode={mode}", files=form)

    return add


def latencies_ms(ask: Callable[[], object], *, seconds: float, every_s: float) -> list[float]:
    """How long each call took, begun at a steady pace as far as the one before allows."""
    took: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(max(0.0, every_s - took[-1] / 1000))
    return took
