"""The catalog in memory: nothing outlives it. Each commit costs time that grows with what is held."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import NamedTuple

import numpy as np

from lookalike.catalog.base import (
    DAY_S,
    MOST_FIELDS,
    CatalogFacts,
    FurtherModel,
    KeptPicture,
    StoredVectors,
)
from lookalike.catalog.paths import first_matching_paths
from lookalike.catalog.storable import (
    check_further_model,
    laid_over,
    last_of_each,
    no_such_model,
    path_bytes,
    storable_vectors,
)
from lookalike.core.errors import BadInput, CollectionError, NotIndexed, WrongModel
from lookalike.core.fields import searchable_text, terms
from lookalike.core.filters import Filter
from lookalike.core.records import Change, FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.retention import KEEP_REMOVED_DAYS
from lookalike.core.vectors import HalfVectors, Keys


class _Held(NamedTuple):
    image: ImageRecord
    vector: HalfVectors


class _Forgotten(NamedTuple):
    metadata: Metadata
    removed_at: int


@dataclass(frozen=True, slots=True)
class _State:
    """All that is held at one moment; a transaction changes a copy."""

    last_seq: int = 0
    version: int = 0
    keys: dict[str, int] = field(default_factory=dict)  # by id, also of removed images
    changes: dict[int, Change] = field(default_factory=dict)  # by key, the last one
    held: dict[str, _Held] = field(default_factory=dict)  # by id
    files: dict[str, FileRecord] = field(default_factory=dict)  # by path
    refused: dict[str, RefusedFile] = field(default_factory=dict)  # by path
    forgotten: dict[str, _Forgotten] = field(default_factory=dict)  # by id
    claims: dict[str, dict[str, HalfVectors]] = field(default_factory=dict)  # by id of a picture, by claim
    further: dict[str, tuple[str, int]] = field(default_factory=dict)  # by name: id and dimension of a further model
    further_vectors: dict[str, dict[int, HalfVectors]] = field(default_factory=dict)  # by name, by key
    devices: dict[str, str] = field(default_factory=dict)  # by folder
    out_of_sight: dict[str, list[str]] = field(default_factory=dict)  # by folder

    def copy(self) -> _State:
        return replace(
            self,
            version=self.version + 1,
            keys=dict(self.keys),
            changes=dict(self.changes),
            held=dict(self.held),
            files=dict(self.files),
            refused=dict(self.refused),
            forgotten=dict(self.forgotten),
            claims={image_id: dict(claims) for image_id, claims in self.claims.items()},
            further=dict(self.further),
            further_vectors={name: dict(vectors) for name, vectors in self.further_vectors.items()},
            devices=dict(self.devices),
            out_of_sight=dict(self.out_of_sight),
        )

    def further_models(self) -> list[FurtherModel]:
        """Sorted by name."""
        return [
            FurtherModel(name, *self.further[name], len(self.further_vectors[name])) for name in sorted(self.further)
        ]

    def vectors_of_model(self, name: str) -> dict[int, HalfVectors]:
        """The vectors of a further model by key.

        Raises:
            BadInput: when there is none of that name.
        """
        if name not in self.further:
            raise no_such_model(name, self.further_models())
        return self.further_vectors[name]

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
    """Changes on a copy of the state.

    Args:
        state: is copied.
        model: id and dimension of the catalog's; '' and 0 where none is bound.
        keep_days: for which the metadata of removed pictures is kept.
        now_s: seconds since 1970.
    """

    def __init__(self, state: _State, *, model: tuple[str, int], keep_days: int, now_s: int) -> None:
        self.state = state.copy()
        self._model_id, self._dimension = model
        self._now_s = now_s if keep_days else None
        self._returned: set[str] = set()
        for image_id, kept in state.forgotten.items():
            if kept.removed_at <= now_s - keep_days * DAY_S:
                del self.state.forgotten[image_id]

    def put_images(self, images: Sequence[ImageRecord], vectors: HalfVectors) -> Keys:
        """Add pictures with their vectors; see `Transaction`."""
        halves = storable_vectors(vectors, count=len(images), dimension=self._dimension)
        for image_id, (position, image) in last_of_each(images).items():
            held = self.state.held.get(image_id)
            before = held.image.metadata if held else {}
            if not image.provisional and (kept := self.state.forgotten.pop(image_id, None)):
                before = {**kept.metadata, **before}
                self._returned.add(image_id)
            metadata = laid_over(before, image.metadata)
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

    @property
    def returned(self) -> frozenset[str]:
        """The ids of pictures to which kept metadata has come back."""
        return frozenset(self._returned)

    def remove_images(self, ids: Sequence[str], *, keep: bool = True) -> int:
        """Remove pictures; see `Transaction`."""
        removed = {one: self.state.held.pop(one) for one in dict.fromkeys(ids) if one in self.state.held}
        there = list(removed)
        self._returned.difference_update(there)
        for image_id in there:
            if keep:
                self._keep(image_id, removed[image_id].image.metadata)
            self._stamp(image_id, removed=True)
            self.state.claims.pop(image_id, None)
        for vectors in self.state.further_vectors.values():
            for image_id in there:
                vectors.pop(self.state.keys[image_id], None)
        gone = set(there)
        for path in [path for path, file in self.state.files.items() if file.image_id in gone]:
            del self.state.files[path]
        return len(there)

    def forget_forever(self, ids: Sequence[str]) -> int:
        """Remove pictures and what is kept of them; see `Transaction`."""
        known = {one for one in ids if one in self.state.held or one in self.state.forgotten}
        self.remove_images(ids, keep=False)
        for image_id in known:
            self.state.forgotten.pop(image_id, None)
        return len(known)

    def merge_metadata(self, metadata: Mapping[str, Metadata]) -> int:
        """Lay fields over metadata; see `Transaction`."""
        there = [image_id for image_id in metadata if image_id in self.state.held]
        for image_id in there:
            image, vector = self.state.held[image_id]
            merged = laid_over(image.metadata, metadata[image_id])
            self.state.held[image_id] = _Held(replace(image, metadata=merged), vector)
            self._stamp(image_id, removed=False)
        return len(there)

    def put_claim(self, image_id: str, claim: str, vector: HalfVectors) -> None:
        """Note a claimed vector; see `Transaction`."""
        halves = storable_vectors(vector, count=1, dimension=self._dimension)
        self.state.claims.setdefault(image_id, {})[claim] = halves.copy()

    def claims(self, image_id: str) -> dict[str, HalfVectors]:
        """Claimed vectors; see `Transaction`."""
        return dict(self.state.claims.get(image_id, {}))

    def drop_claim(self, image_id: str, claim: str) -> None:
        """Forget a claim; see `Transaction`."""
        self.state.claims.get(image_id, {}).pop(claim, None)

    def put_model_vectors(self, name: str, keys: Sequence[int] | Keys, vectors: HalfVectors) -> int:
        """Keep vectors of a further model; see `Transaction`."""
        held = self.state.vectors_of_model(name)
        halves = storable_vectors(vectors, count=len(keys), dimension=self.state.further[name][1])
        there = {self.state.keys[image_id] for image_id in self.state.held}
        given = {int(key): half.copy() for key, half in zip(keys, halves, strict=True) if int(key) in there}
        held.update(given)
        return len(given)

    def put_devices(self, devices: Mapping[str, str]) -> None:
        """Remember the devices of folders; see `Transaction`."""
        self.state.devices.clear()
        self.state.devices.update(devices)

    def put_out_of_sight(self, folders: Mapping[str, Sequence[str]]) -> None:
        """Remember below which folders files are out of sight; see `Transaction`."""
        self.state.out_of_sight.clear()
        self.state.out_of_sight.update({folder: list(paths) for folder, paths in folders.items()})

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Add a further model; see `Catalog`."""
        there = self.state.further_models()
        if check_further_model(name, model_id, dimension, own_model_id=self._model_id, there=there):
            self.state.further[name] = model_id, dimension
            self.state.further_vectors[name] = {}

    def drop_further_model(self, name: str) -> None:
        """Forget a further model; see `Catalog`."""
        self.state.vectors_of_model(name)
        del self.state.further[name], self.state.further_vectors[name]

    def _keep(self, image_id: str, metadata: Metadata) -> None:
        if metadata and self._now_s is not None:
            before = self.state.forgotten.get(image_id)
            laid = laid_over(before.metadata if before else {}, metadata)
            self.state.forgotten[image_id] = _Forgotten(laid, self._now_s)

    def _stamp(self, image_id: str, *, removed: bool) -> None:
        key = self.state.keys[image_id]
        self.state = replace(self.state, last_seq=self.state.last_seq + 1)
        self.state.changes[key] = Change(self.state.last_seq, key, removed)


class MemoryCatalog:
    """See `lookalike.catalog.base.Catalog`.

    Args:
        keep_removed_days: for which the metadata of removed pictures is kept.
        clock: seconds since 1970.
    """

    def __init__(self, *, keep_removed_days: int = KEEP_REMOVED_DAYS, clock: Callable[[], float] = time.time) -> None:
        self._keep_days = keep_removed_days
        self._clock = clock
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
    def transaction(self, *, wait: bool = True) -> Iterator[MemoryTransaction]:  # noqa: ARG002 - no other process is there
        """Begin changes: they become true when the block ends, and are dropped when it raises."""
        with self._turn:
            if self._is_changing:
                raise CollectionError("a transaction was begun inside another one of the same thread; end that first")
            self._is_changing = True
            try:
                transaction = MemoryTransaction(
                    self._state, model=self._model, keep_days=self._keep_days, now_s=int(self._clock())
                )
                yield transaction
                self._state = transaction.state
            finally:
                self._is_changing = False

    def facts(self) -> CatalogFacts:
        """How much is there."""
        state = self._state
        return CatalogFacts(
            images=len(state.held),
            files=len(state.files),
            refused=len(state.refused),
            forgotten=len(state.forgotten),
            last_seq=state.last_seq,
            size_bytes=0,
            engine="memory",
        )

    def last_seq(self) -> int:
        """Sequence number of the newest change, 0 in a new catalog."""
        return self._state.last_seq

    def version(self) -> int:
        """A number that grows with every commit; see `Catalog`."""
        return self._state.version

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

    def find_forgotten(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids of which metadata is kept; see `Catalog`."""
        return sorted(image_id for image_id in self._state.forgotten if image_id.startswith(prefix))[:limit]

    def metadata_fields(self) -> list[str]:
        """The names of the metadata fields that pictures have; see `Catalog`."""
        named = {
            searchable_text(name)
            for held in self._state.held.values()
            for name, value in held.image.metadata.items()
            if terms(value)
        }
        return sorted(named)[:MOST_FIELDS]

    def files_of(self, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
        """The files of pictures, sorted by path, perhaps none; unknown ids are left out."""
        files = self._state.paths_of()
        return {image_id: files[image_id] for image_id in ids if image_id in files}

    def pictures(self, keys: Sequence[int]) -> dict[int, KeptPicture]:
        """Look pictures up by key, with their files; keys that are not there (any more) are left out."""
        ids = self.ids(keys)
        images, files = self.images(list(ids.values())), self.files_of(list(ids.values()))
        return {key: KeptPicture(images[one], files.get(one, [])) for key, one in ids.items() if one in images}

    def files(self) -> Iterator[FileRecord]:
        """All files, in no order."""
        return iter(list(self._state.files.values()))

    def file(self, path: str) -> FileRecord | None:
        """The file at that path, if it is known."""
        path_bytes(path)
        return self._state.files.get(path)

    def files_at(self, paths: Sequence[str]) -> dict[str, FileRecord]:
        """The files at these paths, by path; those that are not known are left out."""
        state = self._state
        return {path: state.files[path] for path in paths if path in state.files}

    def refused_at(self, paths: Sequence[str]) -> dict[str, RefusedFile]:
        """The remembered refusals of these paths, by path; other paths are left out."""
        state = self._state
        return {path: state.refused[path] for path in paths if path in state.refused}

    def refused(self) -> Iterator[RefusedFile]:
        """All remembered refusals, in no order."""
        return iter(list(self._state.refused.values()))

    def devices(self) -> dict[str, str]:
        """On which devices folders lie; see `Catalog`."""
        return dict(self._state.devices)

    def out_of_sight(self) -> dict[str, list[str]]:
        """Below which folders files are out of sight; see `Catalog`."""
        return {folder: list(paths) for folder, paths in self._state.out_of_sight.items()}

    def known_ids(self) -> set[str]:
        """The ids of all pictures."""
        return set(self._state.held)

    def vectors(self, keys: Sequence[int] | Keys) -> StoredVectors:
        """Raw vectors by key; see `Catalog`."""
        wanted = {int(key) for key in keys}
        return _stored([(key, held.vector) for key, held in self._state.ordered() if key in wanted], self.dimension)

    def all_vectors(self, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All raw vectors, in ascending order of key, in batches of at most `batch`."""
        ordered = [(key, held.vector) for key, held in self._state.ordered()]
        for start in range(0, len(ordered), batch):
            yield _stored(ordered[start : start + batch], self.dimension)

    def all_images(self, *, batch: int = 4096) -> Iterator[list[tuple[int, ImageRecord]]]:
        """All pictures with their keys, in ascending order of key, in batches."""
        ordered = [(key, _own(held.image)) for key, held in self._state.ordered()]
        for start in range(0, len(ordered), batch):
            yield ordered[start : start + batch]

    def changes(self, since: int) -> list[Change]:
        """What has changed after sequence number `since`, oldest first, each image once (its last change)."""
        return sorted(change for change in self._state.changes.values() if change.seq > since)

    is_unchanged = True
    """Nobody else can come to it."""

    def is_current(self) -> bool:
        """Always."""
        return True

    def let_go(self) -> None:
        """Nothing: no file is open."""

    def identity(self) -> str:
        """A random word for the collection; see `Catalog`."""
        return self._lineage

    def lineage(self, seq: int) -> str:
        """A random word for the history up to sequence number `seq`; see `Catalog`."""
        return self._lineage if seq > 0 else ""

    def select(self, where: Filter) -> Keys:
        """Keys of the pictures that pass a filter, shape (M,), int64, ascending."""
        state = self._state
        files = state.paths_of()
        passing = [
            state.keys[image_id]
            for image_id, held in state.held.items()
            if any(where.matches(held.image, path) for path in _views(files[image_id]))
        ]
        keys = np.array(sorted(passing), dtype=np.int64)
        keys.flags.writeable = False
        return keys

    def matching_paths(self, where: Filter, ids: Sequence[str]) -> dict[str, str]:
        """For pictures that pass a filter, the first path (sorted) that does; those without a file are left out."""
        state = self._state
        images = {image_id: state.held[image_id].image for image_id in ids if image_id in state.held}
        return first_matching_paths(where, images, state.paths_of())

    def further_models(self) -> list[FurtherModel]:
        """The further models, sorted by name."""
        return self._state.further_models()

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
        state = self._state
        held = state.vectors_of_model(name)
        return _stored([(key, held[key]) for key in sorted({*map(int, keys)} & held.keys())], state.further[name][1])

    def all_model_vectors(self, name: str, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All vectors of a further model, in ascending order of key, in batches of at most `batch`."""
        state = self._state
        ordered = sorted(state.vectors_of_model(name).items())
        for start in range(0, len(ordered), batch):
            yield _stored(ordered[start : start + batch], state.further[name][1])

    def keys_without_vector(self, name: str, limit: int, *, after: int = 0) -> Keys:
        """Keys of pictures that lack a vector of a further model, shape (M,), int64, ascending."""
        state = self._state
        held = state.vectors_of_model(name)
        lacking = (state.keys[image_id] for image_id in state.held)
        return np.array(sorted(key for key in lacking if key > after and key not in held)[:limit], dtype=np.int64)

    def check(self) -> list[str]:
        """Look for damage: files of pictures that are not there."""
        state = self._state
        lost = [path for path, file in state.files.items() if file.image_id not in state.held]
        return [f"{len(lost)} rows of files belong to no picture"] if lost else []

    def close(self) -> None:
        """Nothing to let go of."""


def _stored(ordered: Sequence[tuple[int, HalfVectors]], dimension: int) -> StoredVectors:
    keys = np.array([key for key, _ in ordered], dtype=np.int64)
    vectors = np.array([vector for _, vector in ordered], dtype="<f2").reshape(len(ordered), dimension)
    return StoredVectors(keys, vectors)


def _views(files: list[FileRecord]) -> list[str | None]:
    """As which files a picture is shown to a filter."""
    return [file.path for file in files] or [None]


def _own(image: ImageRecord) -> ImageRecord:
    """A record whose metadata the caller may change."""
    return replace(image, metadata=laid_over({}, image.metadata))
