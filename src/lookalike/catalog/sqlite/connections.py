"""Connections to the file: many that read, one that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lookalike.catalog.sqlite.continuity import Continuity, history_of, stamp_of
from lookalike.catalog.sqlite.errors import decoding, translating
from lookalike.catalog.sqlite.format import PAGE_SIZE_BYTES
from lookalike.core.errors import CollectionError, ReadOnly
from lookalike.storage.sqlite.connection import Connection
from lookalike.storage.sqlite.pool import Pool

MOST_CHANGED_BYTES = 256 << 20
"""Of a transaction in memory. Once more are changed, some are written before the commit, and that shuts readers out."""

_CACHE_BYTES = 32 << 20
_WRITER_PRAGMAS = ("PRAGMA secure_delete = FAST",)  # what is deleted is zeroed where its page is written anyway


class Connections:
    """Lends connections to threads, each to one at a time.

    Once `watch` was called, each block begins with a look whether the file is still the one that was opened first.

    Args:
        path: of the database, which exists.
        read_only: whether `writing` is refused.
        busy_wait_s: how long a reader waits for a commit and a commit for readers, in seconds.
        most_changed_bytes: of a transaction in memory, before some are written and readers are shut out until its end.
    """

    def __init__(
        self, path: Path, *, read_only: bool, busy_wait_s: float, most_changed_bytes: int = MOST_CHANGED_BYTES
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._guard = _Guard(path)
        memory_pragmas = (
            f"PRAGMA cache_size = {min(_CACHE_BYTES, most_changed_bytes) // PAGE_SIZE_BYTES}",
            f"PRAGMA cache_spill = {most_changed_bytes // PAGE_SIZE_BYTES}",
        )
        self._pool = Pool(
            path,
            what="catalog",
            error=CollectionError,
            busy_wait_s=busy_wait_s,
            pragmas=("PRAGMA foreign_keys = ON",),
            writer_pragmas=(*_WRITER_PRAGMAS, *memory_pragmas),
            guard=self._guard,
        )

    def watch(self) -> None:
        """From now on the file must be the same one, and go on from what it is; it has its tables.

        Raises:
            NoCollection: when it is gone.
        """
        self._guard.continuity = Continuity(self.path)
        with self.reading():
            pass

    def check_there(self) -> None:
        """Raises `NoCollection` when the file is gone."""
        if self._guard.continuity is not None:
            stamp_of(self.path)

    @property
    def are_unchanged(self) -> bool:
        """Whether the file's size and time are those of the last block that began. At once."""
        continuity = self._guard.continuity
        return not self._pool.is_closed and continuity is not None and continuity.is_unchanged()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one committed state until the block ends; see `Pool.reading`.

        Raises:
            CollectionReplaced, NoCollection: when the file is another one now, or gone.
        """
        with translating(self.path), decoding(), self._pool.reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: committed when the block ends, undone when it raises. Other threads wait for their turn.

        The caller holds the writer lock. Raises as `reading`, before anything is changed.
        """
        if self.read_only:
            raise ReadOnly(
                f"{self.path}: the collection was opened for reading only; open it without read_only to change it"
            )
        with translating(self.path), self._pool.writing() as connection:
            yield connection

    def close(self) -> None:
        """Close what is not lent; what is lent is closed when it comes back."""
        self._pool.close()

    def keep_none(self) -> None:
        """Close what is not lent, and from now on whatever comes back; what is needed is opened as before."""
        self._pool.keep_none()


class _Guard:
    """See `lookalike.storage.sqlite.pool.Guard`; asks the continuity once there is one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.continuity: Continuity | None = None

    def file(self) -> tuple[int, int]:
        return stamp_of(self._path).file

    def begun(self, connection: Connection) -> None:
        if self.continuity is not None:
            self.continuity.check(connection, connection.file)

    def committing(self, connection: Connection) -> Callable[[], None]:
        continuity = self.continuity
        if continuity is None:
            return lambda: None
        history = history_of(connection)
        return lambda: continuity.note_commit(history)

    def failed(self, connection: Connection) -> None:
        if self.continuity is not None:
            self.continuity.check_file(connection.file)

    def undoing(self) -> None:
        if self.continuity is not None:
            self.continuity.undoing()
