"""The catalog in memory: nothing outlives it. Each commit costs time that grows with what is held."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import NamedTuple

import numpy as np

from lookalike.catalog.base import CatalogFacts, StoredVectors
from lookalike.catalog.paths import first_matching_paths
from lookalike.catalog.storable import laid_over, last_of_each, path_bytes, storable_vectors
from lookalike.core.errors import BadInput, CollectionError, NotIndexed, WrongModel
from lookalike.core.fields import searchable_text
from lookalike.core.filters import Filter
from lookalike.core.records import Change, FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.vectors import HalfVectors, Keys


class _Held(NamedTuple):
    image: ImageRecord
    vector: HalfVectors


@dataclass(frozen=True, slots=True)
class _State:
    """All that is held at one moment; a transaction changes a copy."""

    last_seq: int = 0
    keys: dict[str, int] = field(default_factory=dict)  # by id, also of removed images
    changes: dict[int, Change] = field(default_factory=dict)  # by key, the last one
    held: dict[str, _Held] = field(default_factory=dict)  # by id
    files: dict[str, FileRecord] = field(default_factory=dict)  # by path
    refused: dict[str, RefusedFile] = field(default_factory=dict)  # by path

    def copy(self) -> _State:
        return replace(
            self,
            keys=dict(self.keys),
            changes=dict(self.changes),
            held=dict(self.held),
            files=dict(self.files),
            refused=dict(self.refused),
        )

    def ordered(self) -> list[tuple[int, _Held]]:
        """The pictures with their keys, in ascending order of key."""
        return sorted(((self.keys[image_id], held) for image_id, held in self.held.items()), key=lambda item: item[0])

    def paths_of(self) -> dict[str, list[FileRecord]]:
        """By id, the files sorted by path."""
        files: dict[str, list[FileRecord]] = {image_id: [] for image_id in self.held}
        for path in sorted(self.files):
            files[self.files[path].image_id].append(self.files[path])
        return files


class MemoryTransaction:
    """Changes on a copy of the state."""

    def __init__(self, state: _State, *, dimension: int) -> None:
        self.state = state.copy()
        self._dimension = dimension

    def put_images(self, images: Sequence[ImageRecord], vectors: HalfVectors) -> Keys:
        """Add pictures with their vectors; see `Transaction`."""
        halves = storable_vectors(vectors, count=len(images), dimension=self._dimension)
        for image_id, (position, image) in last_of_each(images).items():
            held = self.state.held.get(image_id)
            metadata = laid_over(held.image.metadata if held else {}, image.metadata)
            self.state.keys.setdefault(image_id, len(self.state.keys) + 1)
            self.state.held[image_id] = _Held(replace(image, metadata=metadata), halves[position].copy())
            self._stamp(image_id, removed=False)
        return np.array([self.state.keys[image.id] for image in images], dtype=np.int64)

    def put_files(self, files: Sequence[FileRecord]) -> None:
        """Say in which files pictures lie; see `Transaction`."""
        for file in files:
            if file.image_id not in self.state.held:
                raise NotIndexed(
                    f"{file.path}: its picture {file.image_id[:80]!r} is not in the catalog; put that first"
                )
            path_bytes(file.path)
            self.state.files[file.path] = file
            self.state.refused.pop(file.path, None)

    def put_refused(self, refused: Sequence[RefusedFile]) -> None:
        """Remember files that were refused; see `Transaction`."""
        for one in refused:
            path_bytes(one.path)
            self.state.refused[one.path] = replace(
                one, code=searchable_text(one.code), reason=searchable_text(one.reason)
            )
            self.state.files.pop(one.path, None)

    def forget_files(self, paths: Sequence[str]) -> None:
        """Forget files; see `Transaction`."""
        for path in paths:
            path_bytes(path)
            self.state.files.pop(path, None)
            self.state.refused.pop(path, None)

    def remove_images(self, ids: Sequence[str]) -> int:
        """Remove pictures; see `Transaction`."""
        there = [image_id for image_id in dict.fromkeys(ids) if self.state.held.pop(image_id, None)]
        for image_id in there:
            self._stamp(image_id, removed=True)
        gone = set(there)
        for path in [path for path, file in self.state.files.items() if file.image_id in gone]:
            del self.state.files[path]
        return len(there)

    def merge_metadata(self, metadata: Mapping[str, Metadata]) -> int:
        """Lay fields over metadata; see `Transaction`."""
        there = [image_id for image_id in metadata if image_id in self.state.held]
        for image_id in there:
            image, vector = self.state.held[image_id]
            merged = laid_over(image.metadata, metadata[image_id])
            self.state.held[image_id] = _Held(replace(image, metadata=merged), vector)
            self._stamp(image_id, removed=False)
        return len(there)

    def _stamp(self, image_id: str, *, removed: bool) -> None:
        key = self.state.keys[image_id]
        self.state = replace(self.state, last_seq=self.state.last_seq + 1)
        self.state.changes[key] = Change(self.state.last_seq, key, removed)


class MemoryCatalog:
    """See `lookalike.catalog.base.Catalog`."""

    def __init__(self) -> None:
        self._state = _State()
        self._model: tuple[str, int] = ("", 0)
        self._lineage = secrets.token_hex(8)
        self._turn = RLock()
        self._is_changing = False

    @property
    def model_id(self) -> str:
        """The model whose vectors are held; '' until `claim_model`."""
        return self._model[0]

    @property
    def dimension(self) -> int:
        """D of that model; 0 until `claim_model`."""
        return self._model[1]

    def claim_model(self, model_id: str, dimension: int) -> None:
        """Bind an empty catalog to a model; on a bound one, check."""
        if not model_id or dimension < 1:
            raise BadInput(f"expected the id of a model and its dimension, got {model_id!r} and {dimension}")
        with self._turn:
            self._model = self._model if self._model[0] else (model_id, dimension)
        if self._model != (model_id, dimension):
            raise WrongModel(
                f"holds vectors of model {self.model_id[:12]} ({self.dimension} wide), not of {model_id[:12]} "
                f"({dimension} wide): use that model, or another collection"
            )

    @contextmanager
    def writing(self, *, wait: bool = True) -> Iterator[None]:  # noqa: ARG002 - the promise's
        """Nothing to keep out: no other process sees this catalog."""
        yield

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """Begin changes: they become true when the block ends, and are dropped when it raises."""
        with self._turn:
            if self._is_changing:
                raise CollectionError("a transaction was begun inside another one of the same thread; end that first")
            self._is_changing = True
            try:
                transaction = MemoryTransaction(self._state, dimension=self.dimension)
                yield transaction
                self._state = transaction.state
            finally:
                self._is_changing = False

    def facts(self) -> CatalogFacts:
        """Count what is there."""
        state = self._state
        return CatalogFacts(len(state.held), len(state.files), len(state.refused), state.last_seq, 0, engine="memory")

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Look pictures up by id; ids that are not there are left out."""
        state = self._state
        return {image_id: _own(state.held[image_id].image) for image_id in ids if image_id in state.held}

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Look the ids of keys up; keys that are not there (any more) are left out."""
        state, wanted = self._state, {int(key) for key in keys}
        return {state.keys[image_id]: image_id for image_id in state.held if state.keys[image_id] in wanted}

    def keys(self, ids: Sequence[str]) -> dict[str, int]:
        """Look the keys of ids up; ids that are not there are left out."""
        state = self._state
        return {image_id: state.keys[image_id] for image_id in ids if image_id in state.held}

    def find_ids(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` (lower-case hexadecimal), sorted, at most `limit`."""
        return sorted(image_id for image_id in self._state.held if image_id.startswith(prefix))[:limit]

    def files_of(self, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
        """The files of pictures, sorted by path, perhaps none; unknown ids are left out."""
        files = self._state.paths_of()
        return {image_id: files[image_id] for image_id in ids if image_id in files}

    def files(self) -> Iterator[FileRecord]:
        """All files, in no order."""
        return iter(list(self._state.files.values()))

    def file(self, path: str) -> FileRecord | None:
        """The file at that path, if it is known."""
        path_bytes(path)
        return self._state.files.get(path)

    def refused(self) -> Iterator[RefusedFile]:
        """All remembered refusals, in no order."""
        return iter(list(self._state.refused.values()))

    def known_ids(self) -> set[str]:
        """The ids of all pictures."""
        return set(self._state.held)

    def vectors(self, keys: Sequence[int] | Keys) -> StoredVectors:
        """Raw vectors by key, in ascending order of key; keys that are not there are left out."""
        wanted = {int(key) for key in keys}
        return self._stored([(key, held) for key, held in self._state.ordered() if key in wanted])

    def all_vectors(self, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All raw vectors, in ascending order of key, in batches of at most `batch`."""
        ordered = self._state.ordered()
        for start in range(0, len(ordered), batch):
            yield self._stored(ordered[start : start + batch])

    def all_images(self, *, batch: int = 4096) -> Iterator[list[tuple[int, ImageRecord]]]:
        """All pictures with their keys, in ascending order of key, in batches."""
        ordered = [(key, _own(held.image)) for key, held in self._state.ordered()]
        for start in range(0, len(ordered), batch):
            yield ordered[start : start + batch]

    def changes(self, since: int) -> list[Change]:
        """What has changed after sequence number `since`, oldest first, each image once (its last change)."""
        return sorted(change for change in self._state.changes.values() if change.seq > since)

    def lineage(self, seq: int) -> str:
        """A random word for the history up to sequence number `seq`; see `Catalog`."""
        return self._lineage if seq > 0 else ""

    def select(self, where: Filter) -> Keys:
        """Keys of the pictures that pass a filter, ascending."""
        state = self._state
        files = state.paths_of()
        passing = [
            state.keys[image_id]
            for image_id, held in state.held.items()
            if any(where.matches(held.image, path) for path in _views(files[image_id]))
        ]
        return np.array(sorted(passing), dtype=np.int64)

    def matching_paths(self, where: Filter, ids: Sequence[str]) -> dict[str, str]:
        """For pictures that pass a filter, the first path (sorted) that does; those without a file are left out."""
        state = self._state
        images = {image_id: state.held[image_id].image for image_id in ids if image_id in state.held}
        return first_matching_paths(where, images, state.paths_of())

    def check(self) -> list[str]:
        """Look for damage: files of pictures that are not there."""
        state = self._state
        lost = [path for path, file in state.files.items() if file.image_id not in state.held]
        return [f"{len(lost)} rows of files belong to no picture"] if lost else []

    def close(self) -> None:
        """Nothing to let go of."""

    def _stored(self, ordered: list[tuple[int, _Held]]) -> StoredVectors:
        keys = np.array([key for key, _ in ordered], dtype=np.int64)
        vectors = np.array([held.vector for _, held in ordered], dtype="<f2").reshape(len(ordered), self.dimension)
        return StoredVectors(keys, vectors)


def _views(files: list[FileRecord]) -> list[str | None]:
    """As which files a picture is shown to a filter."""
    return [file.path for file in files] or [None]


def _own(image: ImageRecord) -> ImageRecord:
    """A record whose metadata the caller may change."""
    return replace(image, metadata=laid_over({}, image.metadata))
