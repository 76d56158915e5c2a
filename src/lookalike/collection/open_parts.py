"""The parts of a collection while it is open: what the facade and its `pictures` and `models` have in common."""

from __future__ import annotations

from pathlib import Path

from lookalike.catalog.known_fields import check_fields
from lookalike.core.errors import CollectionError, ReadOnly
from lookalike.core.filters import Filter
from lookalike.parts.parts import Parts
from lookalike.parts.stored_bytes import read_if_there, read_stored
from lookalike.search.rerankers import Rerankers
from lookalike.search.where import Where, read_filter
from lookalike.view.keeper import Keeper


class OpenParts:
    """The parts, for as long as the collection is open. Safe to use from many threads.

    Args:
        parts: of the collection.
        threads: that read, decode and embed at once.
        read_only: whether nothing may be written.
        upkeep: whether the index is saved, and made anew, beside searches.
    """

    def __init__(self, parts: Parts, *, threads: int, read_only: bool, upkeep: bool) -> None:
        self.threads = threads
        self.rerankers = Rerankers(threads=threads, may_write=not read_only)
        self.keeper = Keeper(parts.view, may_write=not read_only, beside=upkeep)
        self.is_closed = False
        self._parts = parts
        self._read_only = read_only
        self._has_written = False

    @property
    def parts(self) -> Parts:
        """What everything is done with.

        Raises:
            CollectionError: when the collection is closed.
        """
        if self.is_closed:
            raise CollectionError("expected an open collection, got one that is closed: open it again")
        return self._parts

    @property
    def folder(self) -> Path | None:
        """The collection's own, also after closing; None in memory."""
        return self._parts.folder

    def begin_writing(self) -> None:
        """Before anything is computed that could not be kept; what is written locks out others commit by commit.

        Raises:
            CollectionError: when the collection is closed.
            ReadOnly: when it was opened for reading only.
        """
        folder = self.parts.folder
        if self._read_only:
            raise ReadOnly(
                f"{folder}: the collection was opened for reading only; open it without read_only to change it"
            )
        self._has_written = True

    def save_what_is_new(self) -> None:
        """Save the index where something was written since it was opened, if that can be done."""
        if self._has_written and self._parts.view.loaded:
            self.keeper.save_if_possible()

    def close(self) -> None:
        """Save the index, and let go of files and locks. Idempotent."""
        self.keeper.join()
        if not self.is_closed:
            self.save_what_is_new()
        self.is_closed = True
        self._parts.view.close()
        self._parts.models.close()
        self._parts.catalog.close()

    def filter(self, where: Where) -> Filter:
        """Read a filter whose fields are all known.

        Raises:
            BadFilter, UnknownField: when it cannot be understood, or asks for a field that no picture has.
        """
        filter_ = read_filter(where)
        if filter_:
            check_fields(filter_, self.parts.catalog)
        return filter_

    def bytes_of(self, image_id: str, *, first: str | None = None) -> bytes:
        """The bytes of a picture, from any file that still holds it, of which `first` is tried first.

        Raises:
            NotIndexed: when it is not in the collection.
            ImageRefused: when all of its files are gone or hold other pictures now.
        """
        return read_stored(image_id, self.parts, first=first)

    def bytes_if_there(self, image_id: str) -> bytes | None:
        """The same; None where they cannot be had."""
        return read_if_there(image_id, self.parts)
