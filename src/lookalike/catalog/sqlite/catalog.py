"""The catalog that keeps everything in one SQLite file."""

from __future__ import annotations

import errno
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lookalike.catalog.base import CatalogFacts, FurtherModel, KeptPicture, StoredVectors
from lookalike.catalog.paths import first_matching_paths
from lookalike.catalog.sqlite import forgotten, further, reading
from lookalike.catalog.sqlite.checking import damage
from lookalike.catalog.sqlite.connections import MOST_CHANGED_BYTES, Connections
from lookalike.catalog.sqlite.continuity import stamp_of
from lookalike.catalog.sqlite.filters import selection
from lookalike.catalog.sqlite.format import FORMAT, check_current, check_not_newer, format_of, load_alembic, migrate
from lookalike.catalog.sqlite.lock import writer_lock
from lookalike.catalog.sqlite.writing import SqliteTransaction
from lookalike.catalog.storable import path_bytes
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
from lookalike.core.records import Change, FileRecord, ImageRecord, RefusedFile
from lookalike.core.retention import KEEP_REMOVED_DAYS
from lookalike.core.vectors import Keys
from lookalike.storage.cache import BoundedCache
from lookalike.storage.private import database_files, keep_private, make_private

LOCK_WAIT_S = 5.0
BUSY_WAIT_S = 30.0

_FILES_AT_ONCE = 20_000
_SELECTIONS_BYTES = 64_000_000  # what filters have selected: one who asks with a filter mostly asks with it again
_HEXADECIMAL = re.compile("[0-9a-f]*")


class SqliteCatalog:
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
            with self._connections.reading() as connection:
                self._identity = reading.setting(connection, "identity", "")
        return self._identity

    def __enter__(self) -> SqliteCatalog:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def model_id(self) -> str:
        """The model whose vectors are held; '' until `claim_model`."""
        return self._bound_model()[0]

    @property
    def dimension(self) -> int:
        """D of that model; 0 until `claim_model`."""
        return self._bound_model()[1]

    def claim_model(self, model_id: str, dimension: int) -> None:
        """Bind an empty catalog to a model; on a bound one, check."""
        if not model_id or dimension < 1:
            raise BadInput(f"expected the id of a model and its dimension, got {model_id!r} and {dimension}")
        if not self.model_id:
            with self.transaction() as transaction:
                if not self.model_id:  # nobody else has bound it in the meantime
                    transaction.put_setting("model_id", model_id)
                    transaction.put_setting("dimension", str(dimension))
        if self._bound_model() != (model_id, dimension):
            raise WrongModel(
                f"{self.path}: holds vectors of model {self.model_id[:12]} ({self.dimension} wide), "
                f"not of {model_id[:12]} ({dimension} wide): use that model, or another collection"
            )

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[SqliteTransaction]:
        """Begin changes: committed durably when the block ends, undone when it raises."""
        with self._locked(wait_s=self._lock_wait_s if wait else 0.0), self._connections.writing() as connection:
            transaction = SqliteTransaction(
                connection,
                dimension=reading.number_setting(connection, "dimension"),
                keep_days=self._keep_days,
                now_s=int(self._clock()),
            )
            yield transaction
            transaction.finish(writer=self._writer)

    def facts(self) -> CatalogFacts:
        """How much is there; the counts are kept, not counted."""
        with self._connections.reading() as connection:
            images, files, refused, kept, last_seq = reading.counts(connection)
        return CatalogFacts(images, files, refused, kept, last_seq, self._size_bytes(), engine="sqlite")

    def last_seq(self) -> int:
        """Sequence number of the newest change, 0 in a new catalog."""
        with self._connections.reading() as connection:
            return reading.number_setting(connection, "last_seq")

    def version(self) -> int:
        """A number that grows with every commit that changes anything; see `Catalog`."""
        with self._connections.reading() as connection:
            return reading.number_setting(connection, "version")

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Look pictures up by id; ids that are not there are left out."""
        with self._connections.reading() as connection:
            return reading.images(connection, ids)

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Look the ids of keys up; keys that are not there (any more) are left out."""
        with self._connections.reading() as connection:
            return reading.ids_of(connection, map(int, keys))

    def keys(self, ids: Sequence[str]) -> dict[str, int]:
        """Look the keys of ids up; ids that are not there are left out."""
        with self._connections.reading() as connection:
            return reading.keys_of(connection, ids)

    def find_ids(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` (lower-case hexadecimal), sorted, at most `limit`."""
        if not _HEXADECIMAL.fullmatch(prefix):
            return []
        with self._connections.reading() as connection:
            return reading.ids_with_prefix(connection, prefix, limit)

    def find_forgotten(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids of which metadata is kept; see `Catalog`."""
        if not _HEXADECIMAL.fullmatch(prefix):
            return []
        with self._connections.reading() as connection:
            return forgotten.find_ids(connection, prefix, limit)

    def metadata_fields(self) -> list[str]:
        """The names of the metadata fields that pictures have; see `Catalog`."""
        with self._connections.reading() as connection:
            return reading.metadata_fields(connection)

    def files_of(self, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
        """The files of pictures, sorted by path, perhaps none; unknown ids are left out."""
        with self._connections.reading() as connection:
            return reading.files_of(connection, ids)

    def pictures(self, keys: Sequence[int]) -> dict[int, KeptPicture]:
        """Look pictures up by key, with their files; keys that are not there (any more) are left out."""
        with self._connections.reading() as connection:
            return reading.pictures(connection, map(int, keys))

    def files(self) -> Iterator[FileRecord]:
        """All files, in no order."""
        last = 0
        while True:
            with self._connections.reading() as connection:
                files, last = reading.files_after(connection, last, _FILES_AT_ONCE)
            if not files:
                return
            yield from files

    def file(self, path: str) -> FileRecord | None:
        """The file at that path, if it is known."""
        with self._connections.reading() as connection:
            return reading.file_at(connection, path_bytes(path))

    def files_at(self, paths: Sequence[str]) -> dict[str, FileRecord]:
        """The files at these paths, by path; those that are not known are left out."""
        stored = [path_bytes(path) for path in paths]
        with self._connections.reading() as connection:
            found = (reading.file_at(connection, path) for path in stored)
            return {file.path: file for file in found if file is not None}

    def refused_at(self, paths: Sequence[str]) -> dict[str, RefusedFile]:
        """The remembered refusals of these paths, by path; other paths are left out."""
        stored = [path_bytes(path) for path in paths]
        with self._connections.reading() as connection:
            found = (reading.refused_at(connection, path) for path in stored)
            return {one.path: one for one in found if one is not None}

    def refused(self) -> Iterator[RefusedFile]:
        """All remembered refusals, in no order."""
        with self._connections.reading() as connection:
            refused = reading.refused(connection)
        return iter(refused)

    def devices(self) -> dict[str, str]:
        """On which devices folders lie; see `Catalog`."""
        with self._connections.reading() as connection:
            return reading.devices(connection)

    def out_of_sight(self) -> dict[str, list[str]]:
        """Below which folders files are out of sight; see `Catalog`."""
        with self._connections.reading() as connection:
            return reading.out_of_sight(connection)

    def known_ids(self) -> set[str]:
        """The ids of all pictures."""
        with self._connections.reading() as connection:
            return reading.known_ids(connection)

    def vectors(self, keys: Sequence[int] | Keys) -> StoredVectors:
        """Raw vectors by key; see `Catalog`."""
        with self._connections.reading() as connection:
            return reading.vectors_of(connection, map(int, keys), self.dimension)

    def all_vectors(self, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All raw vectors, in ascending order of key, in batches of at most `batch`."""
        last = 0
        while True:
            with self._connections.reading() as connection:
                stored = reading.vectors_after(connection, last, batch, self.dimension)
            if not len(stored.keys):
                return
            yield stored
            last = int(stored.keys[-1])

    def all_images(self, *, batch: int = 4096) -> Iterator[list[tuple[int, ImageRecord]]]:
        """All pictures with their keys, in ascending order of key, in batches."""
        last = 0
        while True:
            with self._connections.reading() as connection:
                images = reading.images_after(connection, last, batch)
            if not images:
                return
            yield images
            last = images[-1][0]

    def changes(self, since: int) -> list[Change]:
        """What has changed after sequence number `since`, oldest first, each image once (its last change)."""
        with self._connections.reading() as connection:
            return reading.changes(connection, since)

    def lineage(self, seq: int) -> str:
        """A random word for the history up to sequence number `seq`; see `Catalog`."""
        with self._connections.reading() as connection:
            return reading.lineage(connection, seq)

    def select(self, where: Filter) -> Keys:
        """Keys that pass a filter, shape (M,), int64, ascending, read-only; what was asked before costs nothing."""
        statement = selection(where)
        with self._connections.reading() as connection:
            version = (reading.number_setting(connection, "version"),)
            keys = self._selections.get(statement.name, version=version)
            if keys is None:
                keys = reading.selected(connection, statement)
        self._selections.put(statement.name, keys, size_bytes=keys.nbytes, version=version)
        return keys

    def matching_paths(self, where: Filter, ids: Sequence[str]) -> dict[str, str]:
        """For pictures that pass a filter, the first path (sorted) that does; those without a file are left out."""
        with self._connections.reading() as connection:
            images = reading.images(connection, ids)
            files = reading.files_of(connection, ids)
        return first_matching_paths(where, images, files)

    def further_models(self) -> list[FurtherModel]:
        """The further models, sorted by name."""
        with self._connections.reading() as connection:
            return further.models(connection)

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Say that vectors of a further model are to be kept under that name; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.add_further_model(name, model_id, dimension)

    def drop_further_model(self, name: str) -> None:
        """Forget a further model and all its vectors; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.drop_further_model(name)

    def model_vectors(self, name: str, keys: Sequence[int] | Keys) -> StoredVectors:
        """Vectors of a further model by key; see `Catalog`."""
        with self._connections.reading() as connection:
            return further.vectors_of(connection, name, keys)

    def all_model_vectors(self, name: str, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All vectors of a further model, in ascending order of key, in batches of at most `batch`."""
        last = 0
        while True:
            with self._connections.reading() as connection:
                stored = further.vectors_after(connection, name, last, batch)
            if not len(stored.keys):
                return
            yield stored
            last = int(stored.keys[-1])

    def keys_without_vector(self, name: str, limit: int, *, after: int = 0) -> Keys:
        """Keys of pictures that lack a vector of a further model, shape (M,), int64, ascending."""
        with self._connections.reading() as connection:
            return further.keys_without(connection, name, after, limit)

    def check(self) -> list[str]:
        """Look for damage; see `Catalog`."""
        try:
            with self._connections.reading() as connection:
                return damage(connection)
        except CatalogDamaged as error:
            return [str(error)]

    def _locked(self, *, wait_s: float) -> AbstractContextManager[None]:
        if self._connections.read_only:
            raise ReadOnly(f"{self.path}: the collection was opened for reading only")
        self._connections.check_there()
        return self._lock.held(wait_s=wait_s)

    def _bound_model(self) -> tuple[str, int]:
        if not self._model[0]:  # once bound, it stays
            with self._connections.reading() as connection:
                model_id = reading.setting(connection, "model_id", "")
                self._model = model_id, reading.number_setting(connection, "dimension")
        return self._model

    def _size_bytes(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StorageFailed(f"{self.path}: cannot be looked at ({error.strerror})") from error

    def _make_folder(self) -> None:
        try:
            make_private(self.path.parent)
        except OSError as error:
            kind = ReadOnly if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else StorageFailed
            raise kind(f"{self.path.parent}: the folder cannot be made ({error.strerror})") from error

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
        with self._telling_what_is_gone(create=create), self._locked(wait_s=self._lock_wait_s):
            if not create:
                stamp_of(self.path)  # who removes it holds the lock as well
            if self._format() < FORMAT:  # no other process has done it in the meantime
                migrate(self.path)

    def _format(self) -> int:
        if self._size_bytes() == 0:
            return 0
        with self._connections.reading() as connection:
            return format_of(connection, self.path)
