"""`WS /v1/events`: what happens to jobs, resumable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from lookalike.jobs.base import Event, Job, Jobs
from lookalike.service.access.principal import Principal
from lookalike.service.context import Service
from lookalike.service.stream.admission import until_over
from lookalike.service.stream.broadcast import Broadcast
from lookalike.service.stream.connection import Closing, Code, Connection, first_ended
from lookalike.service.stream.protocol import event_message, gap_message

_AT_ONCE = 200

JobJson = Callable[[Job], dict[str, Any]]
"""Makes a job what goes over the wire: `lookalike.service.api.jobs.job_json`."""


class _News(NamedTuple):
    """What a look at the jobs gives.

    Attributes:
        events: after those that are known.
        missed: number of the newest that is not known and no longer kept; None where all are.
        position: number of the newest event that is known now.
    """

    events: Sequence[Event]
    missed: int | None
    position: int


async def follow_events(
    connection: Connection,
    service: Service,
    principal: Principal,
    *,
    broadcast: Broadcast,
    job_json: JobJson,
    after: int | None,
) -> None:
    """Send what happens until one side ends it.

    Args:
        connection: accepted.
        service: the parts.
        principal: who listens; hears of the collections that they may see.
        broadcast: tells when there is something new.
        job_json: makes jobs what goes over the wire.
        after: number of the last event that is known; None for only what comes from now on.
    Raises:
        Closing, Gone: when it is over.
    """

    async def tell() -> None:
        position = await service.books.run(service.ledger.jobs.last_event) if after is None else after
        while True:
            news = await service.books.run(partial(_look, service.ledger.jobs, principal, position))
            if news.missed is not None:
                await connection.send(gap_message(news.missed))
            for event in news.events:
                await connection.send(event_message(event, job_json(event.job)))
            position = news.position
            if len(news.events) < _AT_ONCE:
                await broadcast.beyond(position)

    async def listen() -> None:
        while True:
            await connection.receive()  # nothing is expected; it tells when the client goes

    async def drain() -> None:
        await until_over(service, principal)
        raise Closing(Code.RESTART, "the service stops")

    async with broadcast.listening():
        await first_ended(tell(), listen(), drain())


def _look(jobs: Jobs, principal: Principal, position: int) -> _News:
    """What happened after an event. The newest is asked for first, so that nothing between is passed over."""
    last = jobs.last_event()
    if last < position:  # numbers of jobs that was there before this one
        return _News((), last, last)
    events, forgotten = jobs.events(position, collections=principal.collections, limit=_AT_ONCE)
    missed = forgotten if forgotten > position else None
    if len(events) == _AT_ONCE:
        return _News(events, missed, events[-1].seq)
    return _News(events, missed, max(last, *(event.seq for event in events[-1:]), position))
