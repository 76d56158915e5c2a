"""The parts of a service around one small collection in memory, and an application with the WebSockets alone."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from lookalike.collection import Collection
from lookalike.core.errors import NoCollection
from lookalike.core.vectors import normalise
from lookalike.dispatch.polling import PollingDispatch
from lookalike.ledger.memory import MemoryLedger
from lookalike.service.access.access import open_access
from lookalike.service.api.hits import hit_json
from lookalike.service.batching import Embedding
from lookalike.service.collections import Collections
from lookalike.service.context import Service
from lookalike.service.health import Health
from lookalike.service.metrics import Metrics
from lookalike.service.request_bytes import RequestBytes
from lookalike.service.search_batching import Searches
from lookalike.service.stream.connection import Bounds
from lookalike.service.stream.routes import stream_router
from lookalike.service.threads import Threads
from lookalike.service.thumbnails import Thumbnails
from lookalike.settings.service import ServiceSettings
from tests.collections import new_collection, png
from tests.unit.service.batching.fakes import GatedEmbedder, Seen

N = 8
NAME = "photos"
HERE = "ws://127.0.0.1"
STREAM = f"/v1/collections/{NAME}/stream"
PICTURE, VECTOR = 1, 2


class OneCollection(Collections):
    """Knows one, in memory."""

    def __init__(self, collection: Collection) -> None:
        self.collection: Collection | None = collection

    def get_open(self, name: str) -> Collection | None:
        return None

    def get(self, name: str) -> Collection:
        if name != NAME or self.collection is None:
            raise NoCollection(f"there is no collection {name!r}")
        return self.collection


class CountedMetrics(Metrics):
    """Remembers what it was told of frames and vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0
        self.where: list[str] = []

    def dropped_frames(self, n: int) -> None:
        self.dropped += n
        super().dropped_frames(n)

    def count_embedding(self, where: str) -> None:
        self.where.append(where)
        super().count_embedding(where)


class World:
    """One service and what a test needs of it."""

    def __init__(self, home: Path, *, bounds: Bounds | None = None, gated: bool = False, **options: Any) -> None:
        self.embedder = GatedEmbedder(open_=True, dimension=16)
        self.collection = new_collection(embedder=self.embedder)  # type: ignore[arg-type]
        self.ids = [self.collection.add(png(n), metadata={"n": n}) for n in range(N)]
        if gated:
            self.embedder.gate.clear()
        while self.embedder.entered.acquire(blocking=False):
            pass
        self.metrics = CountedMetrics()
        settings = ServiceSettings(home=home, **options)
        self.ledger = ledger = MemoryLedger()
        threads = Threads(threads=2, waiting=64)
        self.service = Service(
            settings=settings,
            collections=OneCollection(self.collection),
            ledger=ledger,
            dispatch=PollingDispatch(),
            access=open_access(settings, ledger),
            embedding=Embedding(threads=1, waiting=4, batch_size=1, window_ms=0.0, observe=Seen()),
            threads=threads,
            writes=threads,
            books=threads,
            fetches=threads,
            files=threads,
            parsing=threads,
            credentials=threads,
            searches=Searches(threads, waiting=64),
            spooled=RequestBytes(1_000_000),
            streamed=RequestBytes(1_000_000),
            thumbnails=Thumbnails(),
            metrics=self.metrics,
            health=Health(),
        )
        self.bounds = bounds or Bounds(drain_s=20.0)

    def app(self, **options: Any) -> FastAPI:
        app = FastAPI()
        app.state.service = self.service
        app.include_router(stream_router(hit_json=hit_json, bounds=self.bounds, **options))
        return app

    def client(self, **options: Any) -> TestClient:
        """One that comes from this machine itself."""
        return TestClient(self.app(**options), client=("127.0.0.1", 50_000))

    def vector(self, n: int) -> Any:
        """Of the n-th picture: shape (D,), float32."""
        return self.collection.embed(png(n))[0]

    def close(self) -> None:
        self.embedder.gate.set()
        asyncio.run(self.service.embedding.close())
        asyncio.run(self.service.searches.close())
        asyncio.run(self.service.threads.close())


@contextmanager
def listening(world: World, **options: Any) -> Iterator[str]:
    """A real server on this machine; gives the address for WebSockets."""
    config = uvicorn.Config(world.app(**options), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def frame(seq: int, payload: bytes, *, kind: int = PICTURE, zeros: bytes = b"\0\0\0") -> bytes:
    return struct.pack("<IB", seq, kind) + zeros + payload


def vector_frame(seq: int, vector: Any) -> bytes:
    return frame(seq, np.asarray(vector, "<f4").tobytes(), kind=VECTOR)


def configure(**options: Any) -> str:
    return json.dumps({"type": "configure", **options})


def unit(*numbers: float) -> Any:
    """A vector of length 1 in 16 dimensions."""
    return normalise(np.array([[*numbers, *[0.0] * (16 - len(numbers))]], np.float32))[0]
