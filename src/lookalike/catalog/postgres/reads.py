"""What can be read of a catalog in PostgreSQL: committed, or within a transaction with what that has written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from lookalike.catalog.base import MAIN, CatalogFacts, FurtherModel, KeptPicture, StoredVectors
from lookalike.catalog.paths import first_matching_paths
from lookalike.catalog.postgres import further, leases, projections, reading, tallies
from lookalike.catalog.postgres.filters import count_statement, selection, selection_among
from lookalike.catalog.postgres.footprint import Of
from lookalike.catalog.storable import path_bytes
from lookalike.core.filters import Filter
from lookalike.core.lease import Lease
from lookalike.core.records import FileRecord, ImageRecord, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import Keys
from lookalike.storage.postgres.session import Session

T = TypeVar("T")

_FILES_AT_ONCE = 20_000
_HEXADECIMAL = re.compile("[0-9a-f]*")
_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'"""


class PostgresReads:
    """See `lookalike.catalog.base.Reads`. Each says what it reads, by which a transaction knows who was faster."""

    _added: Counter[str] | None = None
    """What a transaction has added to the tallies so far."""

    def _ask(self, call: Callable[[Session], T]) -> T:
        """Ask one question, or several that see one state."""
        raise NotImplementedError

    def _look(self, call: Callable[[Session], T]) -> T:
        """Ask questions that must see one state."""
        raise NotImplementedError

    def _reading(self, table: Of, names: Iterable[str | bytes | int]) -> None:
        """Rows of a table are about to be read."""

    def _reading_all(self, *tables: Of) -> None:
        """Whole tables are about to be read."""

    @property
    def model_id(self) -> str:
        """The model whose vectors are held; '' where none is bound."""
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        """D of that model; 0 where none is bound."""
        raise NotImplementedError

    def facts(self) -> CatalogFacts:
        """How much is there; what each commit has added is summed."""
        self._reading_all(Of.IMAGES, Of.FILES, Of.REFUSED, Of.FORGOTTEN)
        counts = self._ask(lambda session: tallies.counts(session, self._added))
        size_bytes = self._ask(lambda session: int(session.one(_SIZE, (session.schema,))[0]))
        return CatalogFacts(*counts, size_bytes, engine="postgres")

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Look pictures up by id; ids that are not there are left out."""
        self._reading(Of.IMAGES, ids)
        return self._ask(lambda session: reading.images(session, ids))

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Look the ids of keys up; keys that are not there (any more) are left out."""
        wanted = self._reading_keys(keys)
        return self._ask(lambda session: reading.ids_of(session, wanted))

    def keys(self, ids: Sequence[str]) -> dict[str, int]:
        """Look the keys of ids up; ids that are not there are left out."""
        self._reading(Of.IMAGES, ids)
        return self._ask(lambda session: reading.keys_of(session, ids))

    def stamps(self, ids: Sequence[str]) -> dict[str, str]:
        """A word for the last change of each picture; see `Reads`."""
        self._reading(Of.IMAGES, ids)
        return self._ask(lambda session: reading.stamps_of(session, ids))

    def find_ids(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` (lower-case hexadecimal), sorted, at most `limit`."""
        if not _HEXADECIMAL.fullmatch(prefix):
            return []
        self._reading_all(Of.IMAGES)
        return self._ask(lambda session: reading.ids_with_prefix(session, prefix, limit, table="images"))

    def find_forgotten(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids of which metadata is kept; see `Reads`."""
        if not _HEXADECIMAL.fullmatch(prefix):
            return []
        self._reading_all(Of.FORGOTTEN)
        return self._ask(lambda session: reading.ids_with_prefix(session, prefix, limit, table="forgotten"))

    def metadata_fields(self) -> list[str]:
        """The names of the metadata fields that pictures have; see `Reads`."""
        self._reading_all(Of.IMAGES)
        return self._ask(lambda session: tallies.fields(session, self._added))

    def files_of(self, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
        """The files of pictures, sorted by path, perhaps none; unknown ids are left out."""
        self._reading(Of.IMAGES, ids)
        self._reading(Of.FILES, ids)
        return self._ask(lambda session: reading.files_of(session, ids))

    def pictures(self, keys: Sequence[int]) -> dict[int, KeptPicture]:
        """Look pictures up by key, with their files; keys that are not there (any more) are left out."""
        wanted = self._reading_keys(keys)
        self._reading(Of.FILES, wanted)
        return self._ask(lambda session: reading.pictures(session, wanted))

    def files(self, *, below: str | None = None) -> Iterator[FileRecord]:
        """All files, or those at a path and below it, sorted; see `Reads`."""
        self._reading_all(Of.FILES)
        if below is not None:
            yield from self.files_at([below]).values()
        first, end = reading.EVERY_PATH if below is None else reading.range_below(below)
        while True:
            files = self._ask(lambda session, first=first: reading.files_between(session, first, end, _FILES_AT_ONCE))  # type: ignore[misc]
            yield from files
            if len(files) < _FILES_AT_ONCE:
                return
            first = reading.behind(path_bytes(files[-1].path))

    def file(self, path: str) -> FileRecord | None:
        """The file at that path, if it is known."""
        return self.files_at([path]).get(path)

    def files_at(self, paths: Sequence[str]) -> dict[str, FileRecord]:
        """The files at these paths, by path; those that are not known are left out."""
        stored = [path_bytes(path) for path in paths]
        self._reading(Of.FILES, stored)
        return {file.path: file for file in self._ask(lambda session: reading.files_at(session, stored))}

    def refused_at(self, paths: Sequence[str]) -> dict[str, RefusedFile]:
        """The remembered refusals of these paths, by path; other paths are left out."""
        stored = [path_bytes(path) for path in paths]
        self._reading(Of.REFUSED, stored)
        return {one.path: one for one in self._ask(lambda session: reading.refused_at(session, stored))}

    def count_files(self, *, below: str) -> int:
        """How many files are remembered there; see `Reads`."""
        self._reading_all(Of.FILES, Of.REFUSED)
        at, inside = path_bytes(below), reading.range_below(below)
        return self._ask(lambda session: reading.count_files(session, at, inside))

    def refused(self, *, below: str | None = None) -> Iterator[RefusedFile]:
        """All remembered refusals, sorted; see `Reads`."""
        self._reading_all(Of.REFUSED)
        if below is not None:
            yield from self.refused_at([below]).values()
        first, end = reading.EVERY_PATH if below is None else reading.range_below(below)
        while True:
            found = self._ask(lambda session, first=first: reading.refused_between(session, first, end, _FILES_AT_ONCE))  # type: ignore[misc]
            yield from found
            if len(found) < _FILES_AT_ONCE:
                return
            first = reading.behind(path_bytes(found[-1].path))

    def devices(self) -> dict[str, str]:
        """On which devices folders lie; see `Reads`."""
        self._reading(Of.SETTINGS, ["devices"])
        return dict(self._ask(lambda session: reading.setting(session, "devices")))

    def out_of_sight(self) -> dict[str, list[str]]:
        """Below which folders files are out of sight; see `Reads`."""
        self._reading(Of.SETTINGS, ["out of sight"])
        return dict(self._ask(lambda session: reading.setting(session, "out of sight")))

    def deleting(self, ids: Sequence[str]) -> dict[str, float]:
        """Whose kept bytes are being deleted; see `Reads`."""
        self._reading(Of.DELETING, ids)
        return self._ask(lambda session: reading.deleting(session, ids))

    def vectors(self, keys: Sequence[int] | Keys) -> StoredVectors:
        """Raw vectors by key; see `Reads`."""
        wanted = self._reading_keys(keys)
        return self._ask(lambda session: reading.vectors_of(session, wanted, self.dimension))

    def all_vectors(self, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All raw vectors, in ascending order of key, in batches of at most `batch`."""
        self._reading_all(Of.IMAGES)
        dimension = self.dimension
        yield from _in_batches(
            lambda last: self._ask(lambda session: reading.vectors_after(session, last, batch, dimension))
        )

    def all_images(self, *, batch: int = 4096) -> Iterator[list[tuple[int, ImageRecord]]]:
        """All pictures with their keys, in ascending order of key, in batches."""
        self._reading_all(Of.IMAGES)
        last = 0
        while True:
            images = self._ask(lambda session, last=last: reading.images_after(session, last, batch))  # type: ignore[misc]
            if not images:
                return
            yield images
            last = images[-1][0]

    def select(self, where: Filter) -> Keys:
        """Keys that pass a filter, shape (M,), int64, ascending, read-only."""
        self._reading_for(where)
        return self._ask(lambda session: reading.select(session, selection(where)))

    def count(self, where: Filter) -> int:
        """How many pictures pass a filter."""
        self._reading_for(where)
        return self._ask(lambda session: reading.count(session, count_statement(where)))

    def passing(self, keys: Keys, where: Filter) -> Keys:
        """Which of some keys pass a filter; see `Reads`."""
        self._reading_for(where)
        return self._ask(lambda session: reading.select(session, selection_among(keys.tolist(), where)))

    def matching_paths(self, where: Filter, ids: Sequence[str]) -> dict[str, str]:
        """For pictures that pass a filter, the first path (sorted) that does; those without a file are left out."""
        self._reading(Of.IMAGES, ids)
        self._reading(Of.FILES, ids)
        images, files = self._look(lambda session: (reading.images(session, ids), reading.files_of(session, ids)))
        return first_matching_paths(where, images, files)

    def further_models(self) -> list[FurtherModel]:
        """The further models, sorted by name."""
        self._reading_all(Of.MODELS, Of.MODEL_VECTORS)
        return self._look(lambda session: further.models(session, self._added))

    def model_vectors(self, name: str, keys: Sequence[int] | Keys) -> StoredVectors:
        """Vectors of a further model by key; see `Reads`."""
        self._reading(Of.MODELS, [name])
        wanted = [int(key) for key in keys]
        self._reading(Of.MODEL_VECTORS, wanted)
        return self._look(lambda session: further.vectors_of(session, name, wanted))

    def all_model_vectors(self, name: str, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All vectors of a further model, in ascending order of key, in batches of at most `batch`."""
        self._reading(Of.MODELS, [name])
        self._reading_all(Of.MODEL_VECTORS)
        yield from _in_batches(
            lambda last: self._look(lambda session: further.vectors_after(session, name, last, batch))
        )

    def projection(self, version: int | None = None, *, model: str = MAIN) -> StoredProjection | None:
        """What was learnt of a model's vectors; see `Reads`."""
        self._reading(Of.PROJECTIONS, [model])
        return self._look(lambda session: projections.projection(session, model, version))

    def projection_version(self, *, model: str = MAIN) -> int:
        """The number of the newest projection of a model, 0 where there is none."""
        self._reading(Of.PROJECTIONS, [model])
        return self._look(lambda session: projections.newest_version(session, model))

    def lease(self, name: str) -> Lease | None:
        """The lease that was granted last under that name, which may have ended."""
        self._reading(Of.LEASES, [name])
        return self._ask(lambda session: leases.lease(session, name))

    def keys_without_vector(self, name: str, limit: int, *, after: int = 0) -> Keys:
        """Keys of pictures that lack a vector of a further model, shape (M,), int64, ascending."""
        self._reading(Of.MODELS, [name])
        self._reading_all(Of.IMAGES, Of.MODEL_VECTORS)
        return self._look(lambda session: further.keys_without(session, name, after, limit))

    def _reading_keys(self, keys: Sequence[int] | Keys) -> list[int]:
        wanted = [int(key) for key in keys]
        self._reading(Of.IMAGES, wanted)
        return wanted

    def _reading_for(self, where: Filter) -> None:
        self._reading_all(Of.IMAGES)
        if where.is_about_files:
            self._reading_all(Of.FILES)


def _in_batches(read: Callable[[int], StoredVectors]) -> Iterator[StoredVectors]:
    """All batches, each from behind the last key of the one before."""
    last = 0
    while len((stored := read(last)).keys):
        yield stored
        last = int(stored.keys[-1])
