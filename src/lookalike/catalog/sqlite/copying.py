"""A catalog's file, copied while it is in use, and its copy. Of any format that this version knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from lookalike.catalog.numbered_feed import place_of, unknown
from lookalike.catalog.sqlite import checking, feed
from lookalike.catalog.sqlite.errors import decoding, translating
from lookalike.catalog.sqlite.format import FORMAT, check_not_newer, format_of
from lookalike.catalog.sqlite.lock import writer_lock
from lookalike.core.errors import CatalogDamaged, ReadOnly
from lookalike.core.records import Cursor
from lookalike.storage.sqlite.connection import connect_to_read
from lookalike.storage.sqlite.copying import WAIT_S, copy_database, unchanging


class CatalogFile:
    """A catalog that this process does not have open.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether it is there."""
        return self.path.is_file()

    def cursor(self) -> Cursor:
        """The place after the last change.

        Raises:
            CatalogDamaged, FormatTooNew, Locked, StorageFailed: when it cannot be read.
        """
        with translating(self.path), decoding(), unchanging(self.path) as (connection,):
            check_not_newer(format_of(connection, self.path), self.path)
            return feed.newest(connection)

    @contextmanager
    def copied(self, target: Path) -> Iterator[CatalogCopy]:
        """Copy it into a new file. Nothing is committed until the block ends: who writes waits, who reads does not.

        Raises:
            CatalogDamaged, Locked, NoCollection, StorageFailed: when it cannot be read.
            OSError: when the copy cannot be written.
        """
        with self._nobody_committing(), translating(self.path), unchanging(self.path) as (connection,):
            copy_database(connection, target)
            yield CatalogCopy(target)

    @contextmanager
    def _nobody_committing(self) -> Iterator[None]:
        """Have who writes wait before a transaction begins: a commit that waited for us would shut readers out."""
        with ExitStack() as stack:
            with suppress(ReadOnly):  # then nobody writes, or not from here
                stack.enter_context(writer_lock(self.path).holding(wait_s=WAIT_S))
            yield


class CatalogCopy:
    """A catalog's file that nobody writes.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def ids_changed_after(self, cursor: Cursor) -> list[str]:
        """The pictures that are there and were put in or changed after a place in the feed of the catalog.

        Raises:
            CatalogDamaged: when it cannot be read.
            CursorUnknown: when it is no place in the feed of such a catalog.
        """
        place = place_of(cursor)
        if place is None:
            raise unknown(cursor)
        with self._reading() as connection:  # of any format, so by the number alone
            rows = connection.execute("SELECT id FROM images WHERE seq > ? AND NOT removed", (place.seq,))
            return [str(image_id) for (image_id,) in rows]

    def without(self, image_ids: Iterator[str]) -> list[str]:
        """Those that are no pictures that are there.

        Raises:
            CatalogDamaged: when it cannot be read.
        """
        statement = "SELECT 1 FROM images WHERE id = ? AND NOT removed"
        with self._reading() as connection:
            return [one for one in image_ids if connection.execute(statement, (one,)).fetchone() is None]

    def images(self) -> int:
        """How many pictures are there.

        Raises:
            CatalogDamaged: when it cannot be read.
        """
        with self._reading() as connection:
            return int(connection.execute("SELECT count(*) FROM images WHERE NOT removed").fetchone()[0])

    def damage(self) -> list[str]:
        """What is wrong, one line each; empty where nothing is. Reads the whole file."""
        try:
            with self._reading() as connection:
                if format_of(connection, self.path) == FORMAT:
                    return checking.damage(connection)
                return checking.integrity(connection)  # an older one lacks tables that the other looks into
        except CatalogDamaged as error:
            return [str(error)]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with translating(self.path), decoding(), closing(connect_to_read(self.path)) as connection:
            yield connection
