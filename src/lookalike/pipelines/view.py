"""The view: an index of the catalog, kept in step with it by sequence number."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.errors import SnapshotDamaged
from lookalike.core.records import Neighbours
from lookalike.core.vectors import HalfVectors, Keys, Vectors, as_vectors, normalise
from lookalike.index.exact import ExactIndex
from lookalike.index.manifest import Manifest
from lookalike.index.projection import LEAST_TO_LEARN, Projection, learn
from lookalike.index.snapshot import Snapshot, discard_snapshots, read_snapshot, write_snapshot
from lookalike.pipelines.reply import IndexFacts

Projecting = Literal["auto", "off"]

_CHANGES_WORTH_SAVING = 1000
_CHANGES_AT_ONCE = 4096

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """An index with the projection of all that is in it: searches take both from one of these.

    Catching up changes the index in place, so that a search meanwhile sees some of the changes already; a new
    projection comes with a new index.
    """

    index: ExactIndex
    projection: Projection | None
    tried_with: int  # how many vectors there were when a projection was last learnt, or was not to be had from them
    seq: int
    saved_seq: int  # -1 where it was not saved


class View:
    """Searches a collection by vector. Safe to use from many threads.

    The index is read from its snapshot where that is whole and fits, made anew from the catalog where not, and brought
    up to date by `refresh`. Nothing that the catalog holds depends on it.

    Args:
        catalog: the truth.
        folder: where snapshots lie; None keeps the index in memory alone.
        projecting: `auto` learns a projection once the collection is large enough; `off` searches raw vectors.
    """

    def __init__(self, catalog: Catalog, folder: Path | None, *, projecting: Projecting) -> None:
        self._catalog = catalog
        self._folder = folder
        self._projecting = projecting
        self._refreshing = threading.Lock()
        self._held: _Held | None = None
        self.rebuilt_because: str | None = None

    @property
    def seq(self) -> int:
        """All changes of the catalog up to this number are in the index."""
        return self._held.seq if self._held else 0

    @property
    def projection(self) -> Projection | None:
        """The projection in use."""
        return self._held.projection if self._held else None

    @property
    def loaded(self) -> bool:
        """Whether there is an index in memory."""
        return self._held is not None

    @property
    def worth_saving(self) -> bool:
        """Whether the next opening would take noticeably longer without a new snapshot."""
        held = self._held
        return (
            held is not None
            and held.seq > held.saved_seq
            and (held.saved_seq < 0 or held.seq - held.saved_seq > _CHANGES_WORTH_SAVING)
        )

    def facts(self) -> IndexFacts:
        """What the index is at this moment."""
        held = self._current()
        return IndexFacts(
            engine=held.index.engine,
            seq=held.seq,
            count=len(held.index),
            dimension=held.index.dimension,
            projection_learnt_from=held.projection.learnt_from if held.projection else 0,
        )

    def refresh(self) -> None:
        """Bring the index up to date with the catalog; the first call reads the snapshot."""
        self._refreshed()

    def rebuild(self) -> None:
        """Make the index anew from the catalog, with a projection learnt anew."""
        with self._refreshing:
            self._held = self._rebuilt()

    def search(self, vectors: Vectors, k: int, *, allowed: Keys | None = None) -> Neighbours:
        """Find neighbours of raw vectors.

        Args:
            vectors: shape (N, D), float32, of the catalog's model, not necessarily unit length.
            k: at least 1.
            allowed: only these keys may be answered.
        Returns:
            as `Index.search` gives them; similarities are cosines after the projection, if there is one.
        Raises:
            DimensionMismatch, BadVectors, BadQuery: as `Index.search`.
        """
        held = self._current()
        checked = as_vectors(vectors, dimension=self._catalog.dimension)
        return held.index.search(_projected(checked, held.projection), k, allowed=allowed)

    def vectors_searched(self) -> tuple[Keys, Vectors]:
        """What is compared, of all that the catalog holds now.

        Returns:
            keys, shape (N,), int64, ascending; and vectors, shape (N, d), float32, of length 1 or 0.
        """
        held = self._current()
        parts = [
            (stored.keys, normalise(_projected(_raw(stored.vectors), held.projection)))
            for stored in self._catalog.all_vectors()
        ]
        if not parts:
            return np.empty(0, np.int64), np.empty((0, held.index.dimension), np.float32)
        return np.concatenate([keys for keys, _ in parts]), np.concatenate([vectors for _, vectors in parts])

    def save(self) -> Manifest | None:
        """Write a snapshot if anything has changed since the last one.

        Returns:
            what was written; None where nothing had changed or the index lives in memory alone.
        Raises:
            StorageFailed: when the disk is full or fails; the last snapshot stays.
        """
        with self._refreshing:
            held = self._held
            if held is None or self._folder is None or held.seq == held.saved_seq:
                return None
            manifest = write_snapshot(
                self._folder,
                held.index,
                held.projection,
                model_id=self._catalog.model_id,
                seq=held.seq,
                lineage=self._catalog.lineage(held.seq),
                projected=self._projecting,
            )
            self._held = replace(held, saved_seq=held.seq)
            return manifest

    def discard(self) -> None:
        """Delete the snapshots and forget the index; the next `refresh` makes it anew."""
        with self._refreshing:
            self._held = None
            if self._folder is not None:
                discard_snapshots(self._folder)

    def _current(self) -> _Held:
        return self._held or self._refreshed()

    def _refreshed(self) -> _Held:
        with self._refreshing:
            held = self._held or self._from_snapshot() or self._rebuilt()
            if held.projection is None and held.index.dimension != self._catalog.dimension:
                held = self._rebuilt()  # the catalog was bound to its model since
            held = self._caught_up(held)
            if self._should_learn(held):
                held = self._rebuilt()
            self._held = held
            return held

    def _from_snapshot(self) -> _Held | None:
        if self._folder is None or not self._folder.exists():  # none was ever saved
            return None
        try:
            snapshot = read_snapshot(self._folder)
            self._check_fits(snapshot.manifest)
        except SnapshotDamaged as error:
            if self._catalog.facts().last_seq > 0:
                self.rebuilt_because = str(error)
                _log.info("the index is made anew: %s", error)
            return None
        seq = snapshot.manifest.seq
        return _Held(snapshot.index, snapshot.projection, _tried_with(snapshot), seq, saved_seq=seq)

    def _check_fits(self, manifest: Manifest) -> None:
        wanted = (self._catalog.model_id, self._projecting)
        found = (manifest.model_id, manifest.projected)
        if found != wanted:
            raise SnapshotDamaged(f"expected a snapshot of model and projection {wanted}, got {found}")
        last_seq = self._catalog.facts().last_seq
        if manifest.seq > last_seq:
            raise SnapshotDamaged(f"the snapshot has applied change {manifest.seq}, the catalog's last is {last_seq}")
        if manifest.lineage != self._catalog.lineage(manifest.seq):
            raise SnapshotDamaged(f"the snapshot has applied {manifest.seq} changes of another history of the catalog")

    def _caught_up(self, held: _Held) -> _Held:
        changes = self._catalog.changes(held.seq)
        for start in range(0, len(changes), _CHANGES_AT_ONCE):
            some = changes[start : start + _CHANGES_AT_ONCE]
            held.index.remove(np.array([change.key for change in some if change.removed], np.int64))
            stored = self._catalog.vectors([change.key for change in some if not change.removed])
            held.index.upsert(stored.keys, _projected(_raw(stored.vectors), held.projection))
        return replace(held, seq=changes[-1].seq) if changes else held

    def _rebuilt(self) -> _Held:
        facts = self._catalog.facts()
        projection = None
        if self._projecting == "auto":
            units = (normalise(_raw(stored.vectors)) for stored in self._catalog.all_vectors())
            projection = learn(units, count=facts.images)
        index = ExactIndex(projection.dimension if projection else self._catalog.dimension)
        for stored in self._catalog.all_vectors():
            index.upsert(stored.keys, _projected(_raw(stored.vectors), projection))
        return _Held(index, projection, facts.images, facts.last_seq, saved_seq=-1)

    def _should_learn(self, held: _Held) -> bool:
        """Once there is enough to learn from, and again when the collection has doubled or halved."""
        if self._projecting == "off":
            return False
        count = len(held.index)
        if held.tried_with < LEAST_TO_LEARN:
            return count >= LEAST_TO_LEARN
        return not held.tried_with // 2 < count < held.tried_with * 2


def _tried_with(snapshot: Snapshot) -> int:
    """Where nothing could be learnt, it was tried not long before the snapshot was saved."""
    return snapshot.projection.learnt_from if snapshot.projection else snapshot.manifest.count


def _raw(vectors: HalfVectors) -> Vectors:
    return vectors.astype(np.float32)


def _projected(vectors: Vectors, projection: Projection | None) -> Vectors:
    """As the index takes them; projected ones are brought to length 1 before, for the centring's sake."""
    return vectors if projection is None else projection.apply(normalise(vectors))
