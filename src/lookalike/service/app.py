"""The application: the parts wired, the routes added, the edge around them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mimetypes
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from lookalike.assembly.backing import Backing, Open, backing_of
from lookalike.assembly.places import SIGNING_KEY
from lookalike.assembly.service import dispatch_of, ledger_of
from lookalike.core.errors import ReadOnly, StorageFailed
from lookalike.core.processors import available_processors
from lookalike.service.access.access import check_binding, open_access
from lookalike.service.api import (
    collections,
    contents,
    embeddings,
    images,
    jobs,
    models,
    operations,
    search,
    session,
    storage,
    uploads,
)
from lookalike.service.api.documents import add_document
from lookalike.service.api.hits import hit_json
from lookalike.service.batching import Embedding
from lookalike.service.batching.line import Share
from lookalike.service.collections import Collections
from lookalike.service.context import Service
from lookalike.service.edge import Edge, edge
from lookalike.service.health import Health
from lookalike.service.housework import Housework
from lookalike.service.metrics import Metrics
from lookalike.service.page_files import add_page
from lookalike.service.problems import add_problem_handlers
from lookalike.service.readiness import kinds, watch
from lookalike.service.request_bytes import RequestBytes
from lookalike.service.search_batching import Searches
from lookalike.service.signing_key import SigningKey, is_of_the_disk
from lookalike.service.stream.routes import stream_router
from lookalike.service.stream.searching import MOST_STREAMED_BYTES
from lookalike.service.threads import WAITING, Threads
from lookalike.service.thumbnails import Thumbnails
from lookalike.settings import read_settings
from lookalike.settings.service import ServiceSettings

_log = logging.getLogger(__name__)

MOST_OF_ONE = max(1, min(4, available_processors() - 1))
"""Threads that one caller may have for searching and reading: one processor is left to the others, whatever it asks."""

_ROUTERS = (
    search.router,  # first, for it is asked for most
    operations.router,
    session.router,
    collections.router,
    images.router,
    contents.router,
    uploads.router,
    storage.router,
    jobs.router,
    embeddings.router,
    models.router,
)


def make_app(settings: ServiceSettings) -> Edge:
    """The whole service as one ASGI application.

    Raises:
        BadInput: when it would be open to others than this machine without credentials.
        StorageFailed: when its folder cannot be used.
    """
    check_binding(settings)
    service = wire(settings)
    return edge(application(service), settings=settings, metrics=service.metrics, health=service.health)


def application(service: Service) -> FastAPI:
    """The routes with their parts, without the edge."""
    app = routes(lifespan=lambda _: _lifespan(service))
    app.state.service = service
    app.include_router(stream_router(hit_json=hit_json, job_json=jobs.job_json))
    if not mimetypes.inited:
        mimetypes.init()  # reads files of this machine: the first file that is asked for would do so on the event loop
    add_page(app, service.settings.page)
    return app


def routes(*, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    """The HTTP resources and their document."""
    app = FastAPI(title="Lookalike", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    add_problem_handlers(app)
    for router in _ROUTERS:
        app.include_router(router)
    add_document(app)
    return app


def wire(settings: ServiceSettings, *, open_: Open | None = None, backing: Backing | None = None) -> Service:
    """Make the parts of one process.

    A disk that is full or cannot be written keeps nobody from searching: what needs it fails when it is asked for.

    Args:
        settings: what was set.
        open_: opens the folder of a collection; as a user's collection if None.
        backing: what keeps the collections; as the settings say if None.
    """
    home = settings.home
    key = SigningKey(home / SIGNING_KEY)
    try:
        key.secret()
    except (StorageFailed, ReadOnly) as error:
        if not is_of_the_disk(error):
            raise
        _log.warning("no address of an upload can be signed, which is tried again when one is asked for: %s", error)
    ledger = ledger_of(settings, starts_anyway=True)
    metrics, health = Metrics(), Health()
    threads = Threads(threads=8, share=Share(caller=MOST_OF_ONE, collection=6))
    service = Service(
        settings=settings,
        collections=Collections(
            backing or backing_of(settings, open_=open_),
            secret=key.secret,
            most_open=settings.open_collections,
        ),
        ledger=ledger,
        dispatch=dispatch_of(settings),
        access=open_access(settings, ledger),
        embedding=Embedding(
            threads=settings.embed_threads,
            waiting=settings.embed_waiting,
            batch_size=settings.batch_size,
            window_ms=settings.batch_window_ms,
            limits=read_settings().limits,
            observe=metrics,
        ),
        threads=threads,
        writes=Threads("lookalike-write", threads=8, share=Share(caller=4, collection=6), ends=False),
        books=Threads("lookalike-books", threads=4, share=Share(caller=2, collection=3), ends=False),
        fetches=Threads("lookalike-fetch", threads=8, share=Share(caller=4, collection=6)),
        files=Threads(
            "lookalike-file",
            threads=8,
            waiting=settings.max_connections,  # each waits for one piece at a time
            share=Share(caller=3, collection=6),
            ends=False,
        ),
        parsing=Threads("lookalike-parse", threads=1),
        credentials=Threads(
            "lookalike-credentials",
            threads=8,
            waiting=settings.max_connections,  # each waits for one answer at a time
            share=Share(caller=4, collection=8),
            ends=False,
        ),
        searches=Searches(threads, waiting=WAITING),
        spooled=RequestBytes(settings.max_spooled_bytes),
        streamed=RequestBytes(MOST_STREAMED_BYTES),
        thumbnails=Thumbnails(),
        metrics=metrics,
        health=health,
    )
    watch(service, key)
    return service


@contextlib.asynccontextmanager
async def _lifespan(service: Service) -> AsyncIterator[None]:
    stop = threading.Event()
    housework = Housework(service)
    if service.settings.run_worker:
        housework.start(stop)
    try:
        yield
    finally:
        stop.set()
        await service.embedding.close()
        await service.searches.close()
        for threads in kinds(service).values():
            await threads.close()
        closings: list[Callable[[], None]] = [housework.join, service.collections.close]
        for close in (*closings, service.dispatch.close, service.ledger.close):
            await asyncio.to_thread(close)
