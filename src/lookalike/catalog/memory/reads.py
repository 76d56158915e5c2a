"""What can be read of a state: of what is committed, and of what a transaction is changing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from lookalike.catalog.base import MAIN, MOST_FIELDS, CatalogFacts, FurtherModel, KeptPicture, StoredVectors
from lookalike.catalog.memory.state import State
from lookalike.catalog.paths import first_matching_paths
from lookalike.catalog.storable import lay_over, path_bytes
from lookalike.core.fields import searchable_text, terms
from lookalike.core.filters import Filter
from lookalike.core.lease import Lease
from lookalike.core.records import FileRecord, ImageRecord, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import HalfVectors, Keys

Record = TypeVar("Record")


class MemoryReads:
    """See `lookalike.catalog.base.Reads`, of a state."""

    def _view(self) -> State:
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        """D of the catalog's model."""
        raise NotImplementedError

    def facts(self) -> CatalogFacts:
        """How much is there."""
        state = self._view()
        return CatalogFacts(
            images=len(state.pictures),
            files=len(state.files),
            refused=len(state.refused),
            forgotten=len(state.forgotten),
            size_bytes=0,
            engine="memory",
        )

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Look pictures up by id; ids that are not there are left out."""
        state = self._view()
        return {image_id: _own(state.pictures[image_id].image) for image_id in ids if image_id in state.pictures}

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Look the ids of keys up; keys that are not there (any more) are left out."""
        state, wanted = self._view(), {int(key) for key in keys}
        return {state.keys[image_id]: image_id for image_id in state.pictures if state.keys[image_id] in wanted}

    def keys(self, ids: Sequence[str]) -> dict[str, int]:
        """Look the keys of ids up; ids that are not there are left out."""
        state = self._view()
        return {image_id: state.keys[image_id] for image_id in ids if image_id in state.pictures}

    def stamps(self, ids: Sequence[str]) -> dict[str, str]:
        """A word for the last change of each picture; see `Reads`."""
        state = self._view()
        return {one: str(state.changed[state.keys[one]][0]) for one in ids if one in state.pictures}

    def find_ids(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` (lower-case hexadecimal), sorted, at most `limit`."""
        return sorted(image_id for image_id in self._view().pictures if image_id.startswith(prefix))[:limit]

    def find_forgotten(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids of which metadata is kept; see `Reads`."""
        return sorted(image_id for image_id in self._view().forgotten if image_id.startswith(prefix))[:limit]

    def metadata_fields(self) -> list[str]:
        """The names of the metadata fields that pictures have; see `Reads`."""
        named = {
            searchable_text(name)
            for picture in self._view().pictures.values()
            for name, value in picture.image.metadata.items()
            if terms(value)
        }
        return sorted(named)[:MOST_FIELDS]

    def files_of(self, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
        """The files of pictures, sorted by path, perhaps none; unknown ids are left out."""
        files = self._view().paths_of()
        return {image_id: files[image_id] for image_id in ids if image_id in files}

    def pictures(self, keys: Sequence[int]) -> dict[int, KeptPicture]:
        """Look pictures up by key, with their files; keys that are not there (any more) are left out."""
        ids = self.ids(keys)
        images, files = self.images(list(ids.values())), self.files_of(list(ids.values()))
        return {key: KeptPicture(images[one], files.get(one, [])) for key, one in ids.items() if one in images}

    def files(self, *, below: str | None = None) -> Iterator[FileRecord]:
        """All files; see `Reads`."""
        return iter(_sort_below(self._view().files, below))

    def count_files(self, *, below: str) -> int:
        """How many files are remembered there; see `Reads`."""
        state = self._view()
        return len(_sort_below(state.files, below)) + len(_sort_below(state.refused, below))

    def file(self, path: str) -> FileRecord | None:
        """The file at that path, if it is known."""
        path_bytes(path)
        return self._view().files.get(path)

    def files_at(self, paths: Sequence[str]) -> dict[str, FileRecord]:
        """The files at these paths, by path; those that are not known are left out."""
        state = self._view()
        return {path: state.files[path] for path in paths if path in state.files}

    def refused_at(self, paths: Sequence[str]) -> dict[str, RefusedFile]:
        """The remembered refusals of these paths, by path; other paths are left out."""
        state = self._view()
        return {path: state.refused[path] for path in paths if path in state.refused}

    def refused(self, *, below: str | None = None) -> Iterator[RefusedFile]:
        """All remembered refusals; see `Reads`."""
        return iter(_sort_below(self._view().refused, below))

    def devices(self) -> dict[str, str]:
        """On which devices folders lie; see `Reads`."""
        return dict(self._view().devices)

    def out_of_sight(self) -> dict[str, list[str]]:
        """Below which folders files are out of sight; see `Reads`."""
        return {folder: list(paths) for folder, paths in self._view().out_of_sight.items()}

    def deleting(self, ids: Sequence[str]) -> dict[str, float]:
        """Whose kept bytes are being deleted; see `Reads`."""
        marked = self._view().deleting
        return {image_id: marked[image_id] for image_id in ids if image_id in marked}

    def vectors(self, keys: Sequence[int] | Keys) -> StoredVectors:
        """Raw vectors by key; see `Reads`."""
        wanted = {int(key) for key in keys}
        return _stack([(key, picture.vector) for key, picture in self._view().sort() if key in wanted], self.dimension)

    def all_vectors(self, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All raw vectors, in ascending order of key, in batches of at most `batch`."""
        ordered = [(key, picture.vector) for key, picture in self._view().sort()]
        for start in range(0, len(ordered), batch):
            yield _stack(ordered[start : start + batch], self.dimension)

    def all_images(self, *, batch: int = 4096) -> Iterator[list[tuple[int, ImageRecord]]]:
        """All pictures with their keys, in ascending order of key, in batches."""
        ordered = [(key, _own(picture.image)) for key, picture in self._view().sort()]
        for start in range(0, len(ordered), batch):
            yield ordered[start : start + batch]

    def select(self, where: Filter) -> Keys:
        """Keys of the pictures that pass a filter, shape (M,), int64, ascending."""
        return self._select(where)

    def _select(self, where: Filter) -> Keys:
        state = self._view()
        files = state.paths_of()
        passing = [
            state.keys[image_id]
            for image_id, picture in state.pictures.items()
            if any(where.matches(picture.image, path) for path in _views(files[image_id]))
        ]
        keys = np.array(sorted(passing), dtype=np.int64)
        keys.flags.writeable = False
        return keys

    def count(self, where: Filter) -> int:
        """How many pictures pass a filter."""
        return len(self._select(where))

    def passing(self, keys: Keys, where: Filter) -> Keys:
        """Which of some keys pass a filter; see `Reads`."""
        return np.intersect1d(keys, self._select(where)).astype(np.int64)

    def matching_paths(self, where: Filter, ids: Sequence[str]) -> dict[str, str]:
        """For pictures that pass a filter, the first path (sorted) that does; those without a file are left out."""
        state = self._view()
        images = {image_id: state.pictures[image_id].image for image_id in ids if image_id in state.pictures}
        return first_matching_paths(where, images, state.paths_of())

    def further_models(self) -> list[FurtherModel]:
        """The further models, sorted by name."""
        return self._view().further_models()

    def model_vectors(self, name: str, keys: Sequence[int] | Keys) -> StoredVectors:
        """Vectors of a further model by key; see `Reads`."""
        state = self._view()
        kept = state.vectors_of_model(name)
        return _stack([(key, kept[key]) for key in sorted({*map(int, keys)} & kept.keys())], state.further[name][1])

    def all_model_vectors(self, name: str, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All vectors of a further model, in ascending order of key, in batches of at most `batch`."""
        state = self._view()
        ordered = sorted(state.vectors_of_model(name).items())
        for start in range(0, len(ordered), batch):
            yield _stack(ordered[start : start + batch], state.further[name][1])

    def projection(self, version: int | None = None, *, model: str = MAIN) -> StoredProjection | None:
        """What was learnt of a model's vectors; see `Reads`."""
        kept = self._view().projections_of(model)
        return next((one for one in reversed(kept) if version in (None, one.version)), None)

    def projection_version(self, *, model: str = MAIN) -> int:
        """The number of the newest projection of a model, 0 where there is none."""
        kept = self._view().projections_of(model)
        return kept[-1].version if kept else 0

    def lease(self, name: str) -> Lease | None:
        """The lease that was granted last under that name, which may have ended."""
        return self._view().leases.get(name)

    def keys_without_vector(self, name: str, limit: int, *, after: int = 0) -> Keys:
        """Keys of pictures that lack a vector of a further model, shape (M,), int64, ascending."""
        state = self._view()
        kept = state.vectors_of_model(name)
        lacking = (state.keys[image_id] for image_id in state.pictures)
        return np.array(sorted(key for key in lacking if key > after and key not in kept)[:limit], dtype=np.int64)


def _stack(ordered: Sequence[tuple[int, HalfVectors]], dimension: int) -> StoredVectors:
    keys = np.array([key for key, _ in ordered], dtype=np.int64)
    vectors = np.array([vector for _, vector in ordered], dtype="<f2").reshape(len(ordered), dimension)
    return StoredVectors(keys, vectors)


def _sort_below(by_path: Mapping[str, Record], below: str | None) -> list[Record]:
    """What lies at a path or below it, in the order of the paths' bytes."""
    paths = [path for path in by_path if below is None or path == below or path.startswith(os.path.join(below, ""))]
    return [by_path[path] for path in sorted(paths, key=path_bytes)]


def _views(files: list[FileRecord]) -> list[str | None]:
    """As which files a picture is shown to a filter."""
    return [file.path for file in files] or [None]


def _own(image: ImageRecord) -> ImageRecord:
    """A record whose metadata the caller may change."""
    return replace(image, metadata=lay_over({}, image.metadata))
