"""What can be read of a catalog in SQLite: committed, or within a transaction with what that has written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from lookalike.catalog.base import MAIN, CatalogFacts, FurtherModel, KeptPicture, StoredVectors
from lookalike.catalog.paths import first_matching_paths
from lookalike.catalog.sqlite import deleting, forgotten, further, leases, projections, reading
from lookalike.catalog.sqlite.filters import count_statement, selection, selection_among
from lookalike.catalog.storable import path_bytes
from lookalike.core.errors import StorageFailed
from lookalike.core.filters import Filter
from lookalike.core.lease import Lease
from lookalike.core.records import FileRecord, ImageRecord, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import Keys
from lookalike.storage.sqlite.connection import Connection

_FILES_AT_ONCE = 20_000
_HEXADECIMAL = re.compile("[0-9a-f]*")


class SqliteReads:
    """See `lookalike.catalog.base.Reads`."""

    def _view(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state until the block ends."""
        raise NotImplementedError

    def _size_bytes(self) -> int:
        raise NotImplementedError

    @property
    def model_id(self) -> str:
        """The model whose vectors are kept; '' where none is bound."""
        with self._view() as connection:
            return reading.setting(connection, "model_id", "")

    @property
    def dimension(self) -> int:
        """D of that model; 0 where none is bound."""
        with self._view() as connection:
            return reading.number_setting(connection, "dimension")

    def select(self, where: Filter) -> Keys:
        """Keys that pass a filter, shape (M,), int64, ascending, read-only."""
        with self._view() as connection:
            return reading.select(connection, selection(where))

    def facts(self) -> CatalogFacts:
        """How much is there; the counts are kept, not counted."""
        with self._view() as connection:
            images, files, refused, kept = reading.counts(connection)
        return CatalogFacts(images, files, refused, kept, self._size_bytes(), engine="sqlite")

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Look pictures up by id; ids that are not there are left out."""
        with self._view() as connection:
            return reading.images(connection, ids)

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Look the ids of keys up; keys that are not there (any more) are left out."""
        with self._view() as connection:
            return reading.ids_of(connection, map(int, keys))

    def keys(self, ids: Sequence[str]) -> dict[str, int]:
        """Look the keys of ids up; ids that are not there are left out."""
        with self._view() as connection:
            return reading.keys_of(connection, ids)

    def stamps(self, ids: Sequence[str]) -> dict[str, str]:
        """A word for the last change of each picture; see `Reads`."""
        with self._view() as connection:
            return {image_id: str(seq) for image_id, seq in reading.seqs_of(connection, ids).items()}

    def find_ids(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` (lower-case hexadecimal), sorted, at most `limit`."""
        if not _HEXADECIMAL.fullmatch(prefix):
            return []
        with self._view() as connection:
            return reading.ids_with_prefix(connection, prefix, limit)

    def find_forgotten(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids of which metadata is kept; see `Reads`."""
        if not _HEXADECIMAL.fullmatch(prefix):
            return []
        with self._view() as connection:
            return forgotten.find_ids(connection, prefix, limit)

    def metadata_fields(self) -> list[str]:
        """The names of the metadata fields that pictures have; see `Reads`."""
        with self._view() as connection:
            return reading.metadata_fields(connection)

    def files_of(self, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
        """The files of pictures, sorted by path, perhaps none; unknown ids are left out."""
        with self._view() as connection:
            return reading.files_of(connection, ids)

    def pictures(self, keys: Sequence[int]) -> dict[int, KeptPicture]:
        """Look pictures up by key, with their files; keys that are not there (any more) are left out."""
        with self._view() as connection:
            return reading.pictures(connection, map(int, keys))

    def files(self, *, below: str | None = None) -> Iterator[FileRecord]:
        """All files, in no order, or those at a path and below it, sorted; see `Reads`."""
        if below is not None:
            yield from self._files_below(below)
            return
        last = 0
        while True:
            with self._view() as connection:
                files, last = reading.files_after(connection, last, _FILES_AT_ONCE)
            if not files:
                return
            yield from files

    def file(self, path: str) -> FileRecord | None:
        """The file at that path, if it is known."""
        with self._view() as connection:
            return reading.file_at(connection, path_bytes(path))

    def files_at(self, paths: Sequence[str]) -> dict[str, FileRecord]:
        """The files at these paths, by path; those that are not known are left out."""
        stored = [path_bytes(path) for path in paths]
        with self._view() as connection:
            return {file.path: file for file in reading.files_at(connection, stored)}

    def refused_at(self, paths: Sequence[str]) -> dict[str, RefusedFile]:
        """The remembered refusals of these paths, by path; other paths are left out."""
        stored = [path_bytes(path) for path in paths]
        with self._view() as connection:
            return {one.path: one for one in reading.read_refused_at(connection, stored)}

    def count_files(self, *, below: str) -> int:
        """How many files are remembered there; see `Reads`."""
        with self._view() as connection:
            return reading.count_files(connection, path_bytes(below), reading.range_below(below))

    def refused(self, *, below: str | None = None) -> Iterator[RefusedFile]:
        """All remembered refusals, sorted; see `Reads`."""
        if below is not None:
            yield from self.refused_at([below]).values()
        last: bytes | str
        last, end = reading.EVERY_PATH if below is None else reading.range_below(below)
        while True:
            with self._view() as connection:
                refused = reading.read_refused_between(connection, last, end, _FILES_AT_ONCE)
            if not refused:
                return
            yield from refused
            last = path_bytes(refused[-1].path)

    def _files_below(self, below: str) -> Iterator[FileRecord]:
        at = self.file(below)
        if at is not None:
            yield at
        last, end = reading.range_below(below)
        while True:
            with self._view() as connection:
                files = reading.files_between(connection, last, end, _FILES_AT_ONCE)
            if not files:
                return
            yield from files
            last = path_bytes(files[-1].path)

    def devices(self) -> dict[str, str]:
        """On which devices folders lie; see `Reads`."""
        with self._view() as connection:
            return reading.devices(connection)

    def out_of_sight(self) -> dict[str, list[str]]:
        """Below which folders files are out of sight; see `Reads`."""
        with self._view() as connection:
            return reading.out_of_sight(connection)

    def deleting(self, ids: Sequence[str]) -> dict[str, float]:
        """Whose kept bytes are being deleted; see `Reads`."""
        with self._view() as connection:
            return deleting.among(connection, ids)

    def vectors(self, keys: Sequence[int] | Keys) -> StoredVectors:
        """Raw vectors by key; see `Reads`."""
        with self._view() as connection:
            return reading.vectors_of(connection, map(int, keys), self.dimension)

    def all_vectors(self, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All raw vectors, in ascending order of key, in batches of at most `batch`."""
        last = 0
        while True:
            with self._view() as connection:
                stored = reading.vectors_after(connection, last, batch, self.dimension)
            if not len(stored.keys):
                return
            yield stored
            last = int(stored.keys[-1])

    def all_images(self, *, batch: int = 4096) -> Iterator[list[tuple[int, ImageRecord]]]:
        """All pictures with their keys, in ascending order of key, in batches."""
        last = 0
        while True:
            with self._view() as connection:
                images = reading.images_after(connection, last, batch)
            if not images:
                return
            yield images
            last = images[-1][0]

    def count(self, where: Filter) -> int:
        """How many pictures pass a filter."""
        with self._view() as connection:
            return reading.count(connection, count_statement(where))

    def passing(self, keys: Keys, where: Filter) -> Keys:
        """Which of some keys pass a filter; see `Reads`."""
        with self._view() as connection:
            return reading.select(connection, selection_among(keys.tolist(), where))

    def matching_paths(self, where: Filter, ids: Sequence[str]) -> dict[str, str]:
        """For pictures that pass a filter, the first path (sorted) that does; those without a file are left out."""
        with self._view() as connection:
            images = reading.images(connection, ids)
            files = reading.files_of(connection, ids)
        return first_matching_paths(where, images, files)

    def further_models(self) -> list[FurtherModel]:
        """The further models, sorted by name."""
        with self._view() as connection:
            return further.models(connection)

    def model_vectors(self, name: str, keys: Sequence[int] | Keys) -> StoredVectors:
        """Vectors of a further model by key; see `Reads`."""
        with self._view() as connection:
            return further.vectors_of(connection, name, keys)

    def all_model_vectors(self, name: str, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All vectors of a further model, in ascending order of key, in batches of at most `batch`."""
        last = 0
        while True:
            with self._view() as connection:
                stored = further.vectors_after(connection, name, last, batch)
            if not len(stored.keys):
                return
            yield stored
            last = int(stored.keys[-1])

    def projection(self, version: int | None = None, *, model: str = MAIN) -> StoredProjection | None:
        """What was learnt of a model's vectors; see `Reads`."""
        with self._view() as connection:
            return projections.projection(connection, model, version)

    def projection_version(self, *, model: str = MAIN) -> int:
        """The number of the newest projection of a model, 0 where there is none."""
        with self._view() as connection:
            return projections.newest_version(connection, model)

    def lease(self, name: str) -> Lease | None:
        """The lease that was granted last under that name, which may have ended."""
        with self._view() as connection:
            return leases.lease(connection, name)

    def keys_without_vector(self, name: str, limit: int, *, after: int = 0) -> Keys:
        """Keys of pictures that lack a vector of a further model, shape (M,), int64, ascending."""
        with self._view() as connection:
            return further.keys_without(connection, name, after, limit)


def size_of(path: Path) -> int:
    """Size of the file in bytes, 0 where there is none.

    Raises:
        StorageFailed: when it cannot be looked at.
    """
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageFailed(
            f"{path}: cannot be looked at ({error.strerror}); repair its permissions or its disk"
        ) from error
