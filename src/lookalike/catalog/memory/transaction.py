"""Changes on a copy of the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lookalike.catalog.base import DAY_S, MAIN, PROJECTIONS_KEPT, STALE_MARK_S
from lookalike.catalog.leases import cut_lease, grant_lease
from lookalike.catalog.memory.reads import MemoryReads
from lookalike.catalog.memory.state import Changed, Forgotten, Picture, State
from lookalike.catalog.storable import (
    check_further_model,
    last_of_each,
    lay_over,
    path_bytes,
    projection_conflict,
    storable_projection,
    storable_vectors,
)
from lookalike.core.errors import NotIndexed
from lookalike.core.fields import searchable_text
from lookalike.core.lease import Lease
from lookalike.core.records import ChangeKind, FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import HalfVectors, Keys


class MemoryTransaction(MemoryReads):
    """Changes on a copy of the state.

    Args:
        state: is copied.
        model: id and dimension of the catalog's; '' and 0 where none is bound.
        keep_days: for which the metadata of removed pictures is kept.
        now_s: seconds since 1970.
    """

    def __init__(self, state: State, *, model: tuple[str, int], keep_days: int, now_s: int) -> None:
        self.state = self._copy(state)
        self._model_id, self._dimension = model
        self._now_s = now_s if keep_days else None
        self._clock_s = now_s
        self._returned: set[str] = set()
        for image_id, kept in state.forgotten.items():
            if kept.removed_at <= now_s - keep_days * DAY_S:
                del self.state.forgotten[image_id]

    def _view(self) -> State:
        return self.state

    @property
    def model_id(self) -> str:
        """The catalog's model; '' where none is bound."""
        return self._model_id

    @property
    def dimension(self) -> int:
        """D of that model; 0 where none is bound."""
        return self._dimension

    def put_images(self, images: Sequence[ImageRecord], vectors: HalfVectors) -> Keys:
        """Add pictures with their vectors; see `Transaction`."""
        halves = storable_vectors(vectors, count=len(images), dimension=self._dimension)
        for image_id, (position, image) in last_of_each(images).items():
            known = self.state.pictures.get(image_id)
            before = known.image.metadata if known else {}
            if not image.provisional and (kept := self.state.forgotten.pop(image_id, None)):
                before = {**kept.metadata, **before}
                self._returned.add(image_id)
            metadata = lay_over(before, image.metadata)
            if image_id not in self.state.keys:
                self.state.keys[image_id] = self._new_key()
            self.state.pictures[image_id] = Picture(replace(image, metadata=metadata), halves[position].copy())
            same = known is not None and known.vector.tobytes() == halves[position].tobytes()
            self._stamp(image_id, ChangeKind.METADATA if same else ChangeKind.VECTOR)
        return np.array([self.state.keys[image.id] for image in images], dtype=np.int64)

    def put_files(self, files: Sequence[FileRecord]) -> None:
        """Say in which files pictures lie; see `Transaction`."""
        for file in files:
            if file.image_id not in self.state.pictures:
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
        removed = {one: self.state.pictures.pop(one) for one in dict.fromkeys(ids) if one in self.state.pictures}
        there = list(removed)
        self._returned.difference_update(there)
        for image_id in there:
            if keep:
                self._keep(image_id, removed[image_id].image.metadata)
            self._stamp(image_id, ChangeKind.REMOVED)
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
        known = {one for one in ids if one in self.state.pictures or one in self.state.forgotten}
        self.remove_images(ids, keep=False)
        for image_id in known:
            self.state.forgotten.pop(image_id, None)
        return len(known)

    def merge_metadata(self, metadata: Mapping[str, Metadata]) -> int:
        """Lay fields over metadata; see `Transaction`."""
        there = [image_id for image_id in metadata if image_id in self.state.pictures]
        for image_id in there:
            image, vector = self.state.pictures[image_id]
            merged = lay_over(image.metadata, metadata[image_id])
            self.state.pictures[image_id] = Picture(replace(image, metadata=merged), vector)
            self._stamp(image_id, ChangeKind.METADATA)
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
        kept = self.state.vectors_of_model(name)
        halves = storable_vectors(vectors, count=len(keys), dimension=self.state.further[name][1])
        there = {self.state.keys[image_id] for image_id in self.state.pictures}
        given = {int(key): half.copy() for key, half in zip(keys, halves, strict=True) if int(key) in there}
        kept.update(given)
        return len(given)

    def begin_deleting(self, ids: Sequence[str], *, until: float) -> None:
        """Say that kept bytes are about to be deleted; see `Transaction`."""
        for image_id in [one for one, end in self.state.deleting.items() if end < until - STALE_MARK_S]:
            del self.state.deleting[image_id]
        self.state.deleting.update(dict.fromkeys(ids, until))

    def end_deleting(self, ids: Sequence[str], *, until: float) -> None:
        """Say that this is done; see `Transaction`."""
        for image_id in ids:
            if self.state.deleting.get(image_id) == until:
                del self.state.deleting[image_id]

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
        self.state.projections.pop(name, None)

    def put_projection(self, new: StoredProjection, *, after: int, model: str = MAIN) -> int:
        """Add a version of a model's projection; see `Transaction`."""
        kept, newest = self.state.projections_of(model), self.projection_version(model=model)
        dimension = self._dimension if model == MAIN else self.state.further[model][1]
        stored = replace(storable_projection(new, dimension=dimension), version=after + 1)
        if newest != after:
            raise projection_conflict(after, newest)
        self.state.projections[model] = [*kept, stored][-PROJECTIONS_KEPT:]
        if model == MAIN:
            self.state = replace(self.state, last_seq=self.state.last_seq + 1)
        return stored.version

    def take_lease(self, name: str, holder: str, *, lasts_s: int) -> Lease | None:
        """Be the one who may do something; see `Transaction`."""
        lease = grant_lease(self.lease(name), name, holder, now_s=self._clock_s, lasts_s=lasts_s)
        if lease is not None:
            self.state.leases[name] = lease
        return lease

    def end_lease(self, lease: Lease) -> None:
        """Let it go before it ends; see `Transaction`."""
        left = cut_lease(self.lease(lease.name), lease, now_s=self._clock_s)
        if left is not None:
            self.state.leases[lease.name] = left

    def _keep(self, image_id: str, metadata: Metadata) -> None:
        if metadata and self._now_s is not None:
            before = self.state.forgotten.get(image_id)
            laid = lay_over(before.metadata if before else {}, metadata)
            self.state.forgotten[image_id] = Forgotten(laid, self._now_s)

    def _copy(self, state: State) -> State:
        return state.copy()

    def _new_key(self) -> int:
        return len(self.state.keys) + 1

    def _stamp(self, image_id: str, kind: ChangeKind) -> None:
        key = self.state.keys[image_id]
        seq = self.state.last_seq + 1
        self.state = replace(self.state, last_seq=seq)
        vector_seq = self.state.changed[key].vector_seq if kind is ChangeKind.METADATA else seq
        self.state.changed[key] = Changed(seq, vector_seq, kind is ChangeKind.REMOVED)
