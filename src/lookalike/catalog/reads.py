"""What can be read of a catalog, and of a transaction that changes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from lookalike.catalog.records import MAIN, CatalogFacts, FurtherModel, KeptPicture, StoredVectors
from lookalike.core.filters import Filter
from lookalike.core.lease import Lease
from lookalike.core.records import FileRecord, ImageRecord, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import Keys


class Reads(Protocol):
    """What can be read: of a `Catalog` what is committed, of a `Transaction` also what it has written itself."""

    @property
    def model_id(self) -> str:
        """The model whose vectors are kept; '' until `claim_model`."""
        ...

    @property
    def dimension(self) -> int:
        """D of that model; 0 until `claim_model`."""
        ...

    def facts(self) -> CatalogFacts:
        """How much is there. Cheap however much that is: the counts are kept, not counted."""
        ...

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Look pictures up by id; ids that are not there are left out."""
        ...

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Look the ids of keys up; keys that are not there (any more) are left out."""
        ...

    def keys(self, ids: Sequence[str]) -> dict[str, int]:
        """Look the keys of ids up; ids that are not there are left out."""
        ...

    def stamps(self, ids: Sequence[str]) -> dict[str, str]:
        """For each picture a word that is another one after each change that puts it into the feed; else the same.

        So what was found out about a picture beside the catalog holds within a transaction that reads the same word.
        Ids that are not there are left out.
        """
        ...

    def find_ids(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` (lower-case hexadecimal), sorted, at most `limit`."""
        ...

    def find_forgotten(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` and of which metadata is kept, sorted, at most `limit`."""
        ...

    def metadata_fields(self) -> list[str]:
        """The names of the metadata fields that pictures have, as filters know them, sorted; at most `MOST_FIELDS`.

        A field that is null wherever it is counts as none. Cheap: it takes as long as there are names.
        """
        ...

    def files_of(self, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
        """The files of pictures, sorted by path, perhaps none; unknown ids are left out."""
        ...

    def pictures(self, keys: Sequence[int]) -> dict[int, KeptPicture]:
        """Look pictures up by key, with their files; keys that are not there (any more) are left out.

        What `ids`, `images` and `files_of` say together, of one moment and at one go.
        """
        ...

    def files(self, *, below: str | None = None) -> Iterator[FileRecord]:
        """All files, in no order. Read in batches; cheap: 10,000 in well under 0.1 s.

        Args:
            below: only the file at this absolute path, and those below it, in the order of their paths' bytes.
        """
        ...

    def count_files(self, *, below: str) -> int:
        """How many files are remembered at a path or below it, those that hold pictures and refused ones. Cheap."""
        ...

    def file(self, path: str) -> FileRecord | None:
        """The file at that path, if it is known."""
        ...

    def files_at(self, paths: Sequence[str]) -> dict[str, FileRecord]:
        """The files at these paths, by path; those that are not known are left out."""
        ...

    def refused_at(self, paths: Sequence[str]) -> dict[str, RefusedFile]:
        """The remembered refusals of these paths, by path; other paths are left out."""
        ...

    def refused(self, *, below: str | None = None) -> Iterator[RefusedFile]:
        """All remembered refusals, in batches, in the order of their paths' bytes; `below` as in `files`."""
        ...

    def devices(self) -> dict[str, str]:
        """On which devices folders lie, by path, as `Transaction.put_devices` was told last."""
        ...

    def out_of_sight(self) -> dict[str, list[str]]:
        """Below which folders files are out of sight, and some of them, as `Transaction.put_out_of_sight` was told."""
        ...

    def deleting(self, ids: Sequence[str]) -> dict[str, float]:
        """Of which of these pictures the kept bytes are being deleted, and until when; see `Transaction`."""
        ...

    def vectors(self, keys: Sequence[int] | Keys) -> StoredVectors:
        """Raw vectors by key, in ascending order of key; keys that are not there are left out.

        Args:
            keys: shape (M,), int64, or as many numbers, in any order.
        """
        ...

    def all_vectors(self, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All raw vectors, in ascending order of key, in batches of at most `batch`."""
        ...

    def all_images(self, *, batch: int = 4096) -> Iterator[list[tuple[int, ImageRecord]]]:
        """All pictures with their keys, in ascending order of key, in batches."""
        ...

    def select(self, where: Filter) -> Keys:
        """Keys of the pictures that pass a filter: shape (M,), int64, ascending.

        A picture passes when one of its files, taken alone, passes; a picture without a file is taken as `path=None`.
        It is what `Filter.matches` says, in every engine. The array is read-only: it may be given again to whoever asks
        the same before anything has changed.
        """
        ...

    def count(self, where: Filter) -> int:
        """How many pictures pass a filter: the length of what `select` gives, without giving the keys."""
        ...

    def passing(self, keys: Keys, where: Filter) -> Keys:
        """Which of some keys pass a filter.

        Args:
            keys: shape (N,), int64, in any order, some of which may be unknown or occur twice.
            where: as for `select`.
        Returns:
            shape (M,), int64, ascending, each once.
        """
        ...

    def matching_paths(self, where: Filter, ids: Sequence[str]) -> dict[str, str]:
        """For pictures that pass a filter, the first path (sorted) that does; those without a file are left out."""
        ...

    def further_models(self) -> list[FurtherModel]:
        """The further models, sorted by name."""
        ...

    def model_vectors(self, name: str, keys: Sequence[int] | Keys) -> StoredVectors:
        """Vectors of a further model by key, ascending; pictures that lack one are left out.

        Args:
            name: of the further model.
            keys: shape (M,), int64, or as many numbers, in any order.
        Raises:
            BadInput: when there is no further model of that name; so do the next two.
        """
        ...

    def all_model_vectors(self, name: str, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All vectors of a further model, in ascending order of key, in batches of at most `batch`."""
        ...

    def projection(self, version: int | None = None, *, model: str = MAIN) -> StoredProjection | None:
        """What was learnt of a model's vectors, so that every index of them is made in the same way.

        Args:
            version: its number; None for the newest.
            model: `main` for the collection's own, or the name of a further one.
        Returns:
            None where there is no such version, or it is no longer among the `PROJECTIONS_KEPT` newest.
        Raises:
            BadInput: when there is no further model of that name.
        """
        ...

    def projection_version(self, *, model: str = MAIN) -> int:
        """The number of the newest projection of a model, 0 where there is none. Cheap. Raises as `projection`."""
        ...

    def lease(self, name: str) -> Lease | None:
        """The lease that was granted last under that name, which may have ended."""
        ...

    def keys_without_vector(self, name: str, limit: int, *, after: int = 0) -> Keys:
        """Keys larger than `after` of pictures that lack a vector of a further model: shape (M,), int64, ascending.

        M is at most `limit`.
        """
        ...
