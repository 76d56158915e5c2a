"""Who is let in to a WebSocket, and how each of them ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from fastapi import WebSocket

from lookalike.core.errors import (
    AccessDenied,
    BadInput,
    Busy,
    DeadlineExceeded,
    LookalikeError,
    NoCollection,
    Overloaded,
)
from lookalike.service.access.dependencies import PROTOCOL, principal_of_websocket
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.asker import Asker, current_asker
from lookalike.service.context import Service
from lookalike.service.parameters import check_parameters
from lookalike.service.stream.connection import Bounds, Closing, Code, Connection, Gone

_LOOKS_EVERY_S = 0.2

_log = logging.getLogger(__name__)

Body = Callable[[Connection, Principal], Awaitable[None]]


class Places:
    """Room for so many connections at once; belongs to the event loop.

    Three quarters are for one caller at most, seven eighths for those about one collection.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: list[Asker] = []

    @property
    def taken(self) -> int:
        """How many there are."""
        return len(self._taken)

    @contextmanager
    def one(self, asker: Asker) -> Iterator[None]:
        """A place for as long as the block lasts.

        Raises:
            Overloaded: when all are taken, or all that there are for this caller or this collection.
        """
        of_caller = sum(one.name == asker.name for one in self._taken)
        about_it = sum(one.collection == asker.collection for one in self._taken) if asker.collection else 0
        if self.taken >= self._most:
            raise Overloaded(
                f"{self.taken} connections of this kind are open, which is the most that may; try again later"
            )
        if of_caller >= self._most - self._most // 4:
            raise Overloaded(
                f"{of_caller} connections of this kind are open for you, which is the most that may"
                "; close one of yours first"
            )
        if about_it >= self._most - self._most // 8:
            raise Overloaded(
                f"{about_it} connections to this collection are open, which is the most that may; try again later"
            )
        self._taken.append(asker)
        try:
            yield
        finally:
            self._taken.remove(asker)


async def admit(
    websocket: WebSocket, body: Body, *, places: Places, bounds: Bounds, collection: str | None = None
) -> None:
    """Let a client in where it may, serve it, and close the connection with the code that tells why.

    A browser sees the code of a connection that was accepted, but not why one was not: so all are.

    Args:
        websocket: not accepted yet.
        body: serves it until one side ends it.
        places: of which it needs one.
        bounds: that it keeps to.
        collection: that it is about; None for none.
    """
    found = await _let_in(websocket, collection)
    await websocket.accept(PROTOCOL if PROTOCOL in websocket.scope.get("subprotocols", []) else None)
    connection = Connection(websocket, bounds)
    ending = found if isinstance(found, Closing) else await _serve(connection, body, found, places)
    if ending is not None:
        await connection.close(ending.code, ending.reason)


async def _let_in(websocket: WebSocket, collection: str | None) -> Principal | Closing:
    try:
        principal = await principal_of_websocket(websocket, Scope.READ, collection)
        check_parameters(websocket)
    except LookalikeError as error:
        return _closing_for(error)
    return principal


async def _serve(connection: Connection, body: Body, principal: Principal, places: Places) -> Closing | None:
    """How it ended; None where the client ended it."""
    try:
        with places.one(current_asker()):
            await body(connection, principal)
        return Closing(Code.DONE, "done")
    except Gone:
        return None
    except Closing as closing:
        return closing
    except LookalikeError as error:
        return _closing_for(error)
    except Exception:
        _log.exception("a WebSocket failed")
        return Closing(Code.FAILED, "failed")


async def until_over(service: Service, principal: Principal) -> None:
    """Wait until the service is about to stop.

    Raises:
        Closing: as soon as who was let in may no longer be here.
    """
    while not service.health.draining:
        is_good = partial(service.access.is_good, principal)
        if not (await asyncio.to_thread(is_good) if service.access.waits_for_keys else is_good()):
            raise Closing(Code.NOT_ALLOWED, "not_authenticated")
        await asyncio.sleep(_LOOKS_EVERY_S)


def _closing_for(error: LookalikeError) -> Closing:
    if isinstance(error, Busy | DeadlineExceeded):
        return Closing(Code.TOO_BUSY, error.code)
    if isinstance(error, AccessDenied | BadInput | NoCollection):
        return Closing(Code.NOT_ALLOWED, error.code)
    _log.error("a WebSocket failed: %s", error, exc_info=error)
    return Closing(Code.FAILED, error.code)
