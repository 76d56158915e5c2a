"""`WS /v1/collections/{collection}/stream`: frames or vectors in, hits out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from lookalike.collection import Collection
from lookalike.collection.hosting import hosting
from lookalike.core.errors import Conflict, LookalikeError
from lookalike.core.vectors import Vectors
from lookalike.results import SearchResult
from lookalike.service.access.principal import Principal
from lookalike.service.api.filters import check_allowed
from lookalike.service.api.hits import is_soon_told
from lookalike.service.context import Service, with_collection
from lookalike.service.request_bytes import Holding
from lookalike.service.search_batching import Way
from lookalike.service.stream.admission import until_over
from lookalike.service.stream.connection import Closing, Code, Connection, first_ended
from lookalike.service.stream.frames import Newest
from lookalike.service.stream.protocol import (
    Configured,
    Frame,
    Kind,
    hits_message,
    problem_message,
    read_configure,
    read_frame,
    ready_message,
    vector_of,
)

MOST_STREAMED_BYTES = 48_000_000
"""Of all queries of one process that wait or are being answered; see `RequestBytes`."""

HitJson = Callable[..., dict[str, Any]]
"""Makes a hit what goes over the wire: `lookalike.service.api.hits.hit_json`."""


class _Query(NamedTuple):
    frame: Frame
    configured: Configured
    holding: Holding  # until it was answered or dropped


class _Looked(NamedTuple):
    vector: Vectors
    timings_ms: dict[str, float]


class SearchStream:
    """One stream: answers queries in order, one after the other; of those that come meanwhile the newest waits.

    Args:
        connection: accepted.
        service: the parts.
        principal: who asks.
        name: of the collection.
        hit_json: makes hits what goes over the wire.
    """

    def __init__(
        self, connection: Connection, service: Service, principal: Principal, *, name: str, hit_json: HitJson
    ) -> None:
        self._connection = connection
        self._service = service
        self._principal = principal
        self._name = name
        self._hit_json = hit_json
        self._configured = Configured()
        self._newest = Newest[_Query]()
        self._last_seq = -1

    async def run(self) -> None:
        """Serve it.

        Raises:
            Closing, Gone: when it is over.
            NoCollection: when there is no such collection.
        """
        card = await self._service.threads.run(lambda: self._service.collections.get(self._name).models.embedder.card)
        await self._connection.send(ready_message(self._name, card))
        try:
            await first_ended(self._read(), self._answer(), self._drain())
        finally:
            self._newest.close()
            if (left := await self._newest.take()) is not None:
                left.holding.let_go()

    async def _read(self) -> None:
        while True:
            try:
                await self._hear(await self._connection.receive(idle_s=self._connection.bounds.idle_s))
            except LookalikeError as error:
                await self._connection.send(problem_message(None, error))

    async def _hear(self, message: bytes | str) -> None:
        if isinstance(message, str):
            said = read_configure(message)
            self._configured = said._replace(where=check_allowed(said.where, self._principal))
        else:
            await self._take_in(read_frame(message))

    async def _take_in(self, frame: Frame) -> None:
        if frame.seq <= self._last_seq:
            error = Conflict(
                f"expected a seq above {self._last_seq}, got {frame.seq}; count it up by 1 with each frame",
                code="seq_not_growing",
            )
            await self._connection.send(problem_message(frame.seq, error))
            return
        self._last_seq = frame.seq
        holding = Holding(self._service.streamed)
        if not holding.add(len(frame.payload)):
            holding.let_go()
            overloaded = self._service.streamed.overloaded_error("pictures that are searched for over streams")
            await self._connection.send(problem_message(frame.seq, overloaded))
            return
        dropped = self._newest.put(_Query(frame, self._configured, holding))
        if dropped is not None:
            dropped.holding.let_go()
            self._service.metrics.dropped_frames(1)

    async def _answer(self) -> None:
        while (query := await self._newest.take()) is not None:
            with query.holding:
                answer = await self._answer_query(query)
            query = None  # its picture is not held while the client reads, nor while the next is waited for
            await self._connection.send(answer)
        raise Closing(Code.RESTART, "the service stops")

    async def _drain(self) -> None:
        """Once the service is about to stop, what waits is answered still."""
        await until_over(self._service, self._principal)
        self._newest.close()
        await asyncio.sleep(self._connection.bounds.drain_s)
        raise Closing(Code.RESTART, "the service stops")

    async def _answer_query(self, query: _Query) -> str:
        frame, configured, _ = query
        began = time.perf_counter()
        deadline = time.monotonic() + self._service.settings.request_timeout_ms / 1000

        async def find_in(opened: Collection) -> tuple[_Looked, SearchResult]:
            looked = await self._look(frame, configured, opened, deadline)
            return looked, await self._find(opened, looked.vector, configured, deadline)

        try:
            looked, result = await with_collection(self._service, self._name, find_in, deadline=deadline)
        except LookalikeError as error:
            return problem_message(frame.seq, error)
        for name, milliseconds in result.timings_ms.items():
            self._service.metrics.stage(name, milliseconds / 1000)
        total = (time.perf_counter() - began) * 1000
        told = partial(self._hits, frame.seq, result, {**result.timings_ms, **looked.timings_ms, "total": total})
        if is_soon_told(result.hits):
            return told()
        try:
            return await self._service.threads.run(told, deadline=deadline)
        except LookalikeError as error:
            return problem_message(frame.seq, error)

    async def _look(self, frame: Frame, configured: Configured, opened: Collection, deadline: float) -> _Looked:
        """The vector of a query, and what it took."""
        if frame.kind is Kind.VECTOR:
            vector = vector_of(frame.payload, model=configured.model, expected=opened.models.embedder.card)
            self._service.metrics.count_embedding("client")
            return _Looked(vector, {})
        embedded = await self._service.embedding.embed(frame.payload, opened.models.embedder, deadline=deadline)
        self._service.metrics.count_embedding("server")
        timings = {"decode": embedded.decode_ms, "wait": embedded.wait_ms, "embed": embedded.embed_ms}
        return _Looked(embedded.vector, timings)

    async def _find(self, opened: Collection, vector: Vectors, configured: Configured, deadline: float) -> SearchResult:
        k, where, recall, min_confidence, collapse, _ = configured
        if collapse == "none":
            way = Way(k, where, recall, min_confidence)
            return await self._service.searches.search(hosting(opened), vector, way=way, deadline=deadline)
        return await self._service.threads.run(
            lambda: opened.search(
                vector, k=k, where=where, recall=recall, min_confidence=min_confidence, collapse=collapse
            ),
            deadline=deadline,
        )

    def _hits(self, seq: int, result: SearchResult, timings_ms: dict[str, float]) -> str:
        hits = [
            self._hit_json(hit, collection=self._name, principal=self._principal, model=result.model)
            for hit in result.hits
        ]
        return hits_message(
            seq,
            hits,
            plan=result.plan,
            exact=result.exact,
            nothing_like_it=result.nothing_like_it,
            timings_ms=timings_ms,
            dropped=self._newest.dropped,
        )
