"""`lookalike serve`: the service and its page."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import click

from lookalike.cli.servers import tell_servers
from lookalike.cli.session import Session, command
from lookalike.core.errors import missing_extra


@command("serve")
@click.option("--home", metavar="FOLDER", help="Where collections, and the service's own files, are kept.")
@click.option("--host", metavar="ADDRESS", help="To listen on; 127.0.0.1, this machine alone, if not said.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="To listen on; 8080 if not said, 0 is any.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="How many processes answer.")
@click.option("--keys", metavar="PATH", help="The file of keys; keys.json beside the settings if it is there.")
@click.option("--cors", multiple=True, metavar="ORIGIN", help="Let pages of this origin call, too.")
@click.option("--tls-certificate", metavar="PATH", help="Answer https with this certificate (PEM).")
@click.option("--tls-key", metavar="PATH", help="Its key (PEM).")
@click.option("--rate", type=click.IntRange(min=0), metavar="N", help="Requests a minute that one caller may make.")
@click.option("--reranker", metavar="NAME", help="The further model that looks again where an answer is not sure.")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
def serve_command(
    session: Session,
    *,
    home: str | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    keys: str | None,
    cors: tuple[str, ...],
    tls_certificate: str | None,
    tls_key: str | None,
    rate: int | None,
    reranker: str | None,
    opens: bool,
) -> int:
    """Serve collections, with a page to search on.

    Ctrl-C or SIGTERM ends it once requests under way are answered, a second one at once.
    """
    from lookalike.settings.processors import share_processors
    from lookalike.settings.service_reading import read_service_settings

    settings = read_service_settings(
        collection=session.collection,
        embed_threads=session.threads,
        home=home,
        host=host,
        port=port,
        workers=workers,
        keys_file=keys,
        cors_origins=cors or None,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        rate_per_minute=rate,
        reranker=reranker,
    )
    share_processors(settings.workers)  # before NumPy is imported
    serve = _server()
    tell_servers(session, settings)
    if not settings.collections and not settings.database:
        session.say("No collection is there yet: `lookalike index` makes one, and so does the page.")
    if settings.page is None:
        from lookalike.settings.page_folder import how_to_build

        session.say(f"The search page is not built: {how_to_build()}. The API works without it.")
    return serve(settings, ready=_teller(session, opens=opens), log_level=_level(session))


def _server() -> Callable[..., int]:
    """What serves; said to be missing before anything else is."""
    try:
        from lookalike.service.server import serve
    except ImportError as error:
        raise missing_extra(error, purpose="the service") or error from error
    return serve


def _teller(session: Session, *, opens: bool) -> Callable[[str], None]:
    def tell(address: str) -> None:
        if session.as_json:
            session.write_json({"address": address})
        else:
            session.write(f"{address}\n")
        sys.stdout.flush()
        session.say("Open it in a browser; the API is described at /docs. Ctrl-C ends it.")
        if opens:
            import webbrowser

            webbrowser.open(address)

    return tell


def _level(session: Session) -> int:
    if session.quiet:
        return logging.ERROR
    return logging.DEBUG if session.verbose else logging.INFO
