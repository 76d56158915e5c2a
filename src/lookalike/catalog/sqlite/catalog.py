"""The catalog that keeps everything in one SQLite file."""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.catalog.base import CHANGES_AT_ONCE
from lookalike.catalog.sqlite import feed, reading
from lookalike.catalog.sqlite.connections import MOST_CHANGED_BYTES, Connections
from lookalike.catalog.sqlite.continuity import stamp_of
from lookalike.catalog.sqlite.filters import selection
from lookalike.catalog.sqlite.format import FORMAT, check_current, check_not_newer, format_of, load_alembic, migrate
from lookalike.catalog.sqlite.lock import writer_lock
from lookalike.catalog.sqlite.reads import SqliteReads, size_of
from lookalike.core.errors import (
    BadInput,
    CatalogDamaged,
    CollectionError,
    NoCollection,
    ReadOnly,
    StorageFailed,
    WrongModel,
)
from lookalike.core.filters import Filter
from lookalike.core.records import ChangeKind, ChangePage, Cursor
from lookalike.core.retention import KEEP_REMOVED_DAYS
from lookalike.core.vectors import Keys
from lookalike.storage.cache import BoundedCache
from lookalike.storage.private import database_files, keep_private, make_private
from lookalike.storage.sqlite.connection import Connection

if TYPE_CHECKING:
    from lookalike.catalog.sqlite.writing import SqliteTransaction

LOCK_WAIT_S = 5.0
BUSY_WAIT_S = 30.0

_SELECTIONS_BYTES = 64_000_000  # what filters have selected: one who asks with a filter mostly asks with it again


class SqliteCatalog(SqliteReads):
    """See `lookalike.catalog.base.Catalog`; make one with `open`. A context manager that closes it."""

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool,
        lock_wait_s: float,
        busy_wait_s: float,
        most_changed_bytes: int,
        keep_removed_days: int,
        clock: Callable[[], float],
    ) -> None:
        self.path = path
        self._lock = writer_lock(path)
        self._lock_wait_s = lock_wait_s
        self._connections = Connections(
            path, read_only=read_only, busy_wait_s=busy_wait_s, most_changed_bytes=most_changed_bytes
        )
        self._selections: BoundedCache[tuple[str, str], Keys] = BoundedCache(most_bytes=_SELECTIONS_BYTES)
        self._keep_days = keep_removed_days
        self._clock = clock
        self._model: tuple[str, int] = ("", 0)
        self._identity = ""
        self._writer = secrets.token_hex(8)  # names the changes that are made through this object

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        create: bool = True,
        lock_wait_s: float = LOCK_WAIT_S,
        busy_wait_s: float = BUSY_WAIT_S,
        most_changed_bytes: int = MOST_CHANGED_BYTES,
        keep_removed_days: int = KEEP_REMOVED_DAYS,
        clock: Callable[[], float] = time.time,
    ) -> SqliteCatalog:
        """Open a catalog; make it, or bring it up to date, where that is needed and may be.

        Args:
            path: of the file.
            read_only: never write; the file must be there.
            create: make the file where it is missing, also where it goes just then.
            lock_wait_s: how long to wait for another process or thread that is writing, in seconds.
            busy_wait_s: how long a reader waits for a commit and a commit for readers, in seconds.
            most_changed_bytes: what a transaction may change while others read beside it, in bytes of pages in memory;
                once it changes more, readers wait for its end.
            keep_removed_days: for which the metadata of removed pictures is kept; 0 keeps none.
            clock: seconds since 1970.
        Raises:
            NoCollection: when there is no catalog and none may be made.
            FormatTooNew: when a newer version wrote it.
            CollectionError: when `read_only` and an older version wrote it.
            CatalogDamaged: when the file is something else or broken.
            ReadOnly, Locked, StorageFailed: when it must be made or brought up to date, and cannot.
        """
        catalog = cls(
            path,
            read_only=read_only,
            lock_wait_s=lock_wait_s,
            busy_wait_s=busy_wait_s,
            most_changed_bytes=most_changed_bytes,
            keep_removed_days=keep_removed_days,
            clock=clock,
        )
        try:
            catalog._check_format(read_only=read_only, create=create)
            catalog._connections.watch()
        except BaseException:
            catalog.close()
            raise
        return catalog

    def close(self) -> None:
        """Let go of files and locks. Idempotent."""
        self._connections.close()

    def let_go(self) -> None:
        """Close the files that nobody uses at the moment, and others as soon as nobody does; see `Catalog`."""
        self._connections.keep_none()

    @property
    def is_unchanged(self) -> bool:
        """Whether it is still as it was when it was read last; see `Catalog`."""
        return self._connections.are_unchanged

    def is_current(self) -> bool:
        """Whether it is still the catalog that was opened; see `Catalog`."""
        try:
            with self._connections.reading():
                return True
        except CollectionError:  # replaced, gone, damaged or closed
            return False

    def identity(self) -> str:
        """A random word for the collection, whatever it holds; see `Catalog`."""
        if not self._identity:  # once there, it stays
            with self._view() as connection:
                self._identity = reading.setting(connection, "identity", "")
        return self._identity

    def __enter__(self) -> SqliteCatalog:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def model_id(self) -> str:
        """The model whose vectors are kept; '' until `claim_model`."""
        return self._read_model()[0]

    @property
    def dimension(self) -> int:
        """D of that model; 0 until `claim_model`."""
        return self._read_model()[1]

    def claim_model(self, model_id: str, dimension: int) -> None:
        """Bind an empty catalog to a model; on a bound one, check."""
        if not model_id or dimension < 1:
            raise BadInput(
                f"expected the id of a model and its dimension, got {model_id!r} and {dimension}"
                "; take both from the model's card"
            )
        if not self.model_id:
            with self.transaction() as transaction:
                if not transaction.model_id:  # nobody else has bound it in the meantime
                    transaction.put_setting("model_id", model_id)
                    transaction.put_setting("dimension", str(dimension))
        if self._read_model() != (model_id, dimension):
            raise WrongModel(
                f"{self.path}: expected model {self.model_id[:12]} ({self.dimension} wide), whose vectors the "
                "collection "
                f"holds, got {model_id[:12]} ({dimension} wide): open it with that model, or make another collection"
            )

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[SqliteTransaction]:
        """Begin changes: committed durably when the block ends, undone when it raises."""
        from lookalike.catalog.sqlite.writing import SqliteTransaction  # which most searches do not need

        with self._hold_lock(wait_s=self._lock_wait_s if wait else 0.0), self._connections.writing() as connection:
            transaction = SqliteTransaction(
                connection,
                path=self.path,
                keep_days=self._keep_days,
                now_s=int(self._clock()),
            )
            yield transaction
            transaction.finish(writer=self._writer)

    def version(self) -> str:
        """A word that is another one after every commit that changed anything; see `Catalog`."""
        with self._view() as connection:
            return reading.version(connection)

    def changes(
        self, since: Cursor, *, kinds: Collection[ChangeKind] | None = None, limit: int = CHANGES_AT_ONCE
    ) -> ChangePage:
        """What has changed after a place in the feed; see `Catalog`."""
        with self._view() as connection:
            return feed.changes(connection, since, kinds, limit)

    def cursor(self) -> Cursor:
        """The place after the newest change; see `Catalog`."""
        with self._view() as connection:
            return feed.newest(connection)

    def follows(self, cursor: Cursor) -> bool:
        """Whether a place is of this catalog's history; see `Catalog`."""
        with self._view() as connection:
            return feed.follows(connection, cursor)

    def select(self, where: Filter) -> Keys:
        """Keys that pass a filter, shape (M,), int64, ascending, read-only; what was asked before costs nothing."""
        statement = selection(where)
        with self._view() as connection:
            version = (reading.number_setting(connection, "version"),)
            keys = self._selections.get(statement.name, version=version)
            if keys is None:
                keys = reading.select(connection, statement)
        self._selections.put(statement.name, keys, size_bytes=keys.nbytes, version=version)
        return keys

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Say that vectors of a further model are to be kept under that name; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.add_further_model(name, model_id, dimension)

    def drop_further_model(self, name: str) -> None:
        """Forget a further model and all its vectors; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.drop_further_model(name)

    def check(self) -> list[str]:
        """Look for damage; see `Catalog`."""
        from lookalike.catalog.sqlite.checking import damage

        try:
            with self._view() as connection:
                return damage(connection)
        except CatalogDamaged as error:
            return [str(error)]

    def _hold_lock(self, *, wait_s: float) -> AbstractContextManager[None]:
        if self._connections.read_only:
            raise ReadOnly(
                f"{self.path}: the collection was opened for reading only; open it without read_only to change it"
            )
        self._connections.check_there()
        return self._lock.holding(wait_s=wait_s)

    def _read_model(self) -> tuple[str, int]:
        if not self._model[0]:  # once bound, it stays
            with self._view() as connection:
                model_id = reading.setting(connection, "model_id", "")
                self._model = model_id, reading.number_setting(connection, "dimension")
        return self._model

    def _view(self) -> AbstractContextManager[Connection]:
        return self._connections.reading()

    def _size_bytes(self) -> int:
        return size_of(self.path)

    def _make_folder(self) -> None:
        try:
            make_private(self.path.parent)
        except OSError as error:
            kind = ReadOnly if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else StorageFailed
            raise kind(
                f"{self.path.parent}: the folder cannot be made ({error.strerror})"
                "; repair the permissions of the folder above, or choose another"
            ) from error

    def _check_format(self, *, read_only: bool, create: bool) -> None:
        found = self._format()
        if read_only and found == 0:
            raise NoCollection(f"{self.path}: there is no collection there; make one with `lookalike index`")
        if read_only:
            return check_current(found, self.path)
        if found < FORMAT:
            self._bring_up_to_date(create=create)
            found = self._format()
        keep_private(*database_files(self.path))
        return check_not_newer(found, self.path)

    @contextmanager
    def _telling_what_is_gone(self, *, create: bool) -> Iterator[None]:
        """Where the lock cannot be made for the folder has gone, that is what is told of what must be there."""
        try:
            yield
        except StorageFailed:
            if not create:
                stamp_of(self.path)
            raise

    def _bring_up_to_date(self, *, create: bool) -> None:
        if create:
            self._make_folder()
        else:
            stamp_of(self.path)
        load_alembic()
        with self._telling_what_is_gone(create=create), self._hold_lock(wait_s=self._lock_wait_s):
            if not create:
                stamp_of(self.path)  # who removes it holds the lock as well
            if self._format() < FORMAT:  # no other process has done it in the meantime
                migrate(self.path)

    def _format(self) -> int:
        if size_of(self.path) == 0:
            return 0
        with self._view() as connection:
            return format_of(connection, self.path)
