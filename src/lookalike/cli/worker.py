"""`lookalike worker`: does what the service has queued, in a process of its own."""

from __future__ import annotations

import signal
import threading

import click

from lookalike.cli.session import Session, command
from lookalike.core.errors import missing_extra


@command("worker")
@click.option("--home", metavar="FOLDER", help="Where the service's own files are kept: as for `lookalike serve`.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Jobs at a time.")
def worker_command(session: Session, *, home: str | None, concurrency: int) -> None:
    """Do what the service has queued.

    The service does that itself, unless `run_worker` is off. Several workers may run. Ctrl-C or SIGTERM ends it once
    the jobs in hand are done.
    """
    from lookalike.settings.processors import share_processors
    from lookalike.settings.service_reading import read_service_settings

    settings = read_service_settings(collection=session.collection, home=home)
    share_processors(1)
    try:
        from lookalike.service.app import wire
        from lookalike.service.housework import Housework
    except ImportError as error:
        raise missing_extra(error, purpose="the service's worker") or error from error
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    service = wire(settings)
    session.say(f"Waiting for jobs in {settings.home}. Ctrl-C ends it.")
    try:
        Housework(service).work(stop, concurrency=concurrency)
    finally:
        service.collections.close()
        service.queue.close()
        service.ledger.close()
