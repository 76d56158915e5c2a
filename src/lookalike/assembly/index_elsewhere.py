"""Indexes that live elsewhere: which engine a URL names, and who feeds it."""

from __future__ import annotations

from collections.abc import Callable

from lookalike.assembly.feeds import Feeds
from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadInput, missing_extra
from lookalike.index.remote import RemoteIndex
from lookalike.view.applier import Applier
from lookalike.view.feeding import Feeder
from lookalike.view.remote_view import RemoteView
from lookalike.view.view import View
from lookalike.view.waiting import Waiting, untold
from lookalike.view.wish import Wish

_AT_ONCE = 4_096  # changes in a transaction


def view_elsewhere(url: str, catalog: Catalog, wish: Wish, *, feeds: Feeds, waiting: Waiting = untold) -> View:
    """A view of the index that a collection has in a vector database.

    Args:
        url: of the database.
        catalog: of the collection; open for writing, unless it never feeds.
        wish: what the index is to be.
        feeds: when this process brings it up to date.
        waiting: told what callers wait for.
    Raises:
        BadInput: when the URL names no kind of database that is known. Nothing is connected to yet.
        MissingExtra: when what speaks to it is not installed.
    """
    index = open_index(url, collection=catalog.identity)
    if feeds is Feeds.NEVER:
        return RemoteView(catalog, index, wish=wish, waiting=waiting)
    feeder = Feeder(Applier(catalog, index, wish=wish, most_at_once=_AT_ONCE))
    by_itself = feeds is not Feeds.WHEN_ASKED
    view = RemoteView(catalog, index, wish=wish, feeder=feeder, feeds_by_itself=by_itself, waiting=waiting)
    if feeds is Feeds.BESIDE:
        feeder.begin()
    return view


def open_index(url: str, *, collection: Callable[[], str]) -> RemoteIndex:
    """The index of a collection in a vector database. Nothing is connected to yet.

    Args:
        url: of the database.
        collection: gives a word for the collection that no other has; '' where nothing was written to it yet.
    Raises:
        BadInput: when the URL names no kind of database that is known.
        MissingExtra: when what speaks to it is not installed.
    """
    scheme = url.partition(":")[0]
    if scheme not in ("postgresql", "postgres"):
        raise BadInput(
            f"expected a vector database as postgresql://user:secret@host:5432/name, got one of another kind "
            f"({scheme[:20]!r}:...): correct the setting `vectors`, or remove it for an index in each process"
        )
    try:
        from lookalike.index.pgvector import PgvectorIndex
    except ImportError as error:
        raise missing_extra(error, purpose="an index in PostgreSQL") or error from error
    return PgvectorIndex(url, collection=collection)
