"""What the routes work with: the parts of one process of the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import Request, WebSocket

from lookalike.collection import Collection
from lookalike.core.errors import CollectionReplaced
from lookalike.dispatch.base import Dispatch
from lookalike.ledger.base import Ledger
from lookalike.service.access.access import Access
from lookalike.service.batching import Embedding
from lookalike.service.collections import ATTEMPTS, Collections
from lookalike.service.health import Health
from lookalike.service.metrics import Metrics
from lookalike.service.model_cards import ModelCards
from lookalike.service.request_bytes import RequestBytes
from lookalike.service.search_batching import Searches
from lookalike.service.threads import Threads
from lookalike.service.thumbnails import Thumbnails
from lookalike.settings.service import ServiceSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """Wired by `lookalike.service.app`; handlers find it with `service_of`.

    Attributes:
        settings: what was set.
        collections: those that are served.
        ledger: jobs, uploads, idempotency keys, tickets.
        dispatch: wakes the workers.
        access: who may do what.
        embedding: pictures become vectors, several at a time.
        threads: where collections are searched and read.
        writes: where collections are changed.
        books: where the ledger and its jobs are read and written.
        fetches: where pictures are fetched from elsewhere.
        files: where files are read and written piece by piece, as their bytes go out and come in.
        parsing: where large JSON is parsed.
        credentials: where credentials are looked at, and requests counted, that may wait for another machine or a disk.
        searches: vectors are searched for, several at a time.
        spooled: how much of forms and pictures that come in is kept in memory and on disk, and for whom.
        streamed: how much of queries that came over streams waits or is answered, and for whom.
        thumbnails: small versions, kept.
        metrics: figures.
        health: how the parts do.
        cards: of models that were asked for.
    """

    settings: ServiceSettings
    collections: Collections
    ledger: Ledger
    dispatch: Dispatch
    access: Access
    embedding: Embedding
    threads: Threads
    writes: Threads
    books: Threads
    fetches: Threads
    files: Threads
    parsing: Threads
    credentials: Threads
    searches: Searches
    spooled: RequestBytes
    streamed: RequestBytes
    thumbnails: Thumbnails
    metrics: Metrics
    health: Health
    cards: ModelCards = field(default_factory=ModelCards)


def service_of(connection: Request | WebSocket) -> Service:
    """The parts, for a handler."""
    service = connection.app.state.service
    if not isinstance(service, Service):
        raise TypeError("the application was made without lookalike.service.app.make_app")
    return service


async def collection_of(service: Service, name: str, *, deadline: float | None = None) -> Collection:
    """A collection; one that is open already without a detour over another thread.

    Raises:
        NoCollection: when there is none of that name.
    """
    opened = service.collections.get_open(name)
    if opened is not None:
        return opened
    return await service.threads.run(lambda: service.collections.get(name), deadline=deadline)


async def with_collection(
    service: Service, name: str, use: Callable[[Collection], Awaitable[T]], *, deadline: float | None = None
) -> T:
    """Do something with a collection; anew, from its beginning, where another took its place meanwhile.

    Args:
        service: the parts.
        name: of the collection.
        use: does it; it must bear to be called again after `CollectionReplaced`.
        deadline: for the opening.
    Raises:
        NoCollection: when there is none of that name.
    """
    for _ in range(ATTEMPTS - 1):
        opened = await collection_of(service, name, deadline=deadline)
        try:
            return await use(opened)
        except CollectionReplaced:
            continue
    return await use(await collection_of(service, name, deadline=deadline))


def deadline_of(request: Request) -> float | None:
    """When the caller stops waiting, on the monotonic clock in seconds."""
    deadline = request.scope.get("state", {}).get("deadline")
    return float(deadline) if deadline is not None else None
