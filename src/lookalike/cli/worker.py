"""`lookalike worker`: does what the service has queued, in a process of its own."""

from __future__ import annotations

import threading

import click

from lookalike.cli.servers import tell_servers
from lookalike.cli.session import Session, command
from lookalike.cli.stopping import set_at_signals
from lookalike.core.errors import missing_extra


@command("worker")
@click.option("--home", metavar="FOLDER", help="Where the service's own files are kept: as for `lookalike serve`.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Jobs at a time.")
@click.option("--decode-memory", metavar="SIZE", default="2G", show_default=True, help="That one picture may take.")
@click.option(
    "--decode-seconds",
    type=click.FloatRange(1, 3_600),
    default=60.0,
    show_default=True,
    help="That decoding one picture may take.",
)
def worker_command(
    session: Session, *, home: str | None, concurrency: int, decode_memory: str, decode_seconds: float
) -> None:
    """Do what the service has queued.

    The service does that itself, unless `run_worker` is off. Several workers may run. Pictures are decoded in processes
    of their own. Ctrl-C or SIGTERM ends it once the jobs in hand are done or given back.
    """
    from lookalike.core.sizes import parse_bytes
    from lookalike.settings.processors import share_processors
    from lookalike.settings.service_reading import read_service_settings

    decode_memory_bytes = parse_bytes(decode_memory)
    settings = read_service_settings(collection=session.collection, home=home)
    share_processors(1)
    try:
        from lookalike.service.app import wire
        from lookalike.service.housework import Housework
        from lookalike.worker.embedding import DecodeBounds
    except ImportError as error:
        raise missing_extra(error, purpose="the service's worker") or error from error
    tell_servers(session, settings)
    bounds = DecodeBounds(memory_bytes=decode_memory_bytes, seconds=decode_seconds)
    stop = threading.Event()
    set_at_signals(stop)
    service = wire(settings)
    session.say(f"Waiting for jobs in {settings.home}. Ctrl-C ends it.")
    try:
        housework = Housework(service)
        housework.sweep_where_nobody_does(stop)
        housework.work(stop, concurrency=concurrency, bounds=bounds)
        housework.join()
    finally:
        service.collections.close()
        service.dispatch.close()
        service.ledger.close()
