"""The view: an index of the catalog, kept in step with it by sequence number."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.ending import turn_of
from lookalike.core.errors import SnapshotDamaged
from lookalike.core.records import Neighbours
from lookalike.core.vectors import Keys, Vectors, as_vectors, normalise
from lookalike.index.base import Engines, Index
from lookalike.index.choice import has_outgrown
from lookalike.index.manifest import Manifest
from lookalike.index.projection import LEAST_TO_LEARN, Projection
from lookalike.index.snapshot import Snapshot, alone, discard_snapshots, read_snapshot, write_snapshot
from lookalike.view.building import build, discard_workplace, vectors_of_catalog
from lookalike.view.facts import IndexFacts
from lookalike.view.groups_in_step import GroupsInStep
from lookalike.view.held import Held, Projecting, Wish, as_float32, projected
from lookalike.view.nearness import Nearness, NearnessInStep, read_nearness
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.rescore import Stored, rescored
from lookalike.view.waiting import Reached, Waiting, untold

if TYPE_CHECKING:
    from lookalike.index.groups import Groups

_CHANGES_WORTH_SAVING = 1000
_SHARE_OF_TIME = 20  # while others write for an hour, saving takes a twentieth of it at most
_CHANGES_AT_ONCE = 4096
_BUILT_AT_ONCE = 20_000
_BUILDING = "building"
_NONE_SAVED = "none was saved yet"

_log = logging.getLogger(__name__)


class View:
    """Searches a collection by vector. Safe to use from many threads.

    The index is read from its snapshot where that is whole and fits, made anew from the catalog where not, and brought
    up to date by `refresh`. Nothing that the catalog holds depends on it.

    A small index that has to be made anew is made at once; a large one goes on answering until `rebuild` or `tend`
    has made the next.

    Args:
        catalog: the truth.
        folder: where snapshots lie; None keeps the index in memory alone.
        engines: that make and read the index.
        wish: what the index is to be.
        waiting: told what callers wait for; not what is done in the background.
    """

    def __init__(
        self, catalog: Catalog, folder: Path | None, *, engines: Engines, wish: Wish, waiting: Waiting = untold
    ) -> None:
        self._catalog = catalog
        self._folder = folder
        self._engines = engines
        self._wish = wish
        self.waiting = waiting
        self._refreshing = threading.Lock()
        self._saving = threading.Lock()  # taken before the other
        self._held: Held | None = None
        self._building = threading.Lock()  # one build at a time, for they would share a workplace
        self._tending = threading.Lock()
        self._has_built = False  # since the last snapshot
        self._next_saving = float("-inf")  # on the monotonic clock
        self._background: threading.Thread | None = None
        self._rebuild_failed = False
        self._closed = False
        self._gauge = RecallGauge(wish.recall)
        self._groups = GroupsInStep()
        self._nearness = NearnessInStep()
        self._best_ways: tuple[Index | None, float | None] = (None, None)  # the recall of an index's dearest point
        self.generation = 0
        self.rebuilt_because: str | None = None

    @property
    def _workplace(self) -> Path | None:
        return self._folder.with_name(_BUILDING) if self._folder is not None else None

    @property
    def seq(self) -> int:
        """All changes of the catalog up to this number are in the index."""
        return self._held.seq if self._held else 0

    @property
    def projection(self) -> Projection | None:
        """The projection in use."""
        return self._held.projection if self._held else None

    @property
    def projects(self) -> bool:
        """Whether a projection is wanted at all."""
        return self._wish.projecting == "auto"

    @property
    def loaded(self) -> bool:
        """Whether there is an index in memory."""
        return self._held is not None

    @property
    def worth_saving(self) -> bool:
        """Whether the next opening would take noticeably longer without a new snapshot."""
        held = self._held
        if held is None or held.seq <= held.saved_seq or time.monotonic() < self._next_saving:
            return False
        return held.saved_seq < 0 or held.seq - held.saved_seq > _CHANGES_WORTH_SAVING

    def facts(self) -> IndexFacts:
        """What the index is at this moment."""
        held = self._current()
        return IndexFacts(
            engine=held.index.engine,
            seq=held.seq,
            count=len(held.index),
            dimension=held.index.dimension,
            projection_learnt_from=held.projection.learnt_from if held.projection else 0,
            recall=held.index.recall,
            parameters=held.index.parameters,
            gauge=self._gauge.facts() if held.index.recall < 1 else None,
        )

    def refresh(self) -> None:
        """Bring the index up to date with the catalog; the first call reads the snapshot."""
        self._refreshed()

    def rebuild(self, *, why: str = "") -> None:
        """Make the index anew from the catalog, with a projection learnt anew; `why`, in words, is for who waits."""
        with turn_of(self._refreshing):
            self._held = self._rebuilt(why)
        self._rebuild_failed = False

    def settle(self) -> None:
        """Bring the index up to date and, where it is time, make it anew, however long that takes."""
        if self._background is not None:
            self._background.join()
        if why := self._why_rebuild(self._refreshed()):
            self.rebuild(why=why)

    def tend(self) -> None:
        """Where it is time to make the index anew, do so in the background; searches go on meanwhile."""
        with self._tending:
            held = self._held
            running = self._background is not None and self._background.is_alive()
            if held is None or running or self._rebuild_failed:
                return
            why = self._why_rebuild(held)
            if why:
                _log.info("the index is made anew in the background: %s", why)
                self._background = threading.Thread(target=self._rebuild_beside, name="lookalike-rebuild", daemon=True)
                self._background.start()

    def search(
        self, vectors: Vectors, k: int, *, allowed: Keys | None = None, recall: float | None = None
    ) -> Neighbours:
        """Find neighbours of raw vectors.

        Args:
            vectors: shape (N, D), float32, of the catalog's model, not necessarily unit length.
            k: at least 1.
            allowed: shape (A,), int64: only these keys may be answered.
            recall: as for `Index.search`; None for what the owner of the collection wants.
        Returns:
            as `Index.search` gives them; similarities are cosines after the projection, if there is one. Of one query
            they are computed from the catalog's own vectors.
        Raises:
            DimensionMismatch, BadVectors, BadQuery: as `Index.search`.
        """
        held = self._current()
        queries = projected(as_vectors(vectors, dimension=self._catalog.dimension), held.projection)
        wanted = self._recall_to_ask(held.index) if recall is None else recall

        def search(depth: int) -> Neighbours:
            return held.index.search(queries, depth, allowed=allowed, recall=wanted)

        if len(queries) != 1:
            return search(k)
        found = rescored(queries, k, search=search, stored=lambda keys: self._stored(keys, held))
        if not found.exact and recall is None:
            self._gauge.observe(found, lambda: self._exactly(queries, k, held, allowed=allowed))
        return found

    def vectors_searched(self) -> Stored:
        """What is compared, of all that the catalog holds now.

        Returns:
            keys, shape (N,), int64, ascending; and vectors, shape (N, d), float32, of length 1 or 0.
        """
        held = self._current()
        parts = list(vectors_of_catalog(self._catalog, held.projection))
        if not parts:
            return Stored(np.empty(0, np.int64), np.empty((0, held.index.dimension), np.float32))
        return Stored(np.concatenate([keys for keys, _ in parts]), np.concatenate([rows for _, rows in parts]))

    def stored(self, keys: Keys) -> Stored:
        """The vectors of keys as they are searched, of length 1 or 0; those that are gone are left out.

        Args:
            keys: shape (N,), int64, in any order.
        """
        return self._stored(keys, self._current())

    def save(self) -> Manifest | None:
        """Write a snapshot if anything has changed since the last one.

        Returns:
            what was written; None where nothing had changed or the index lives in memory alone.
        Raises:
            StorageFailed: when the disk is full or fails; the last snapshot stays.
        """
        held = self._held
        if held is None or self._folder is None or held.seq == held.saved_seq:
            return None
        nearness = self._nearness.in_step(self._catalog, held, generation=self.generation)
        with self._saving, alone(self._folder), ExitStack() as unchanged:
            unchanged.enter_context(turn_of(self._refreshing))
            held = self._held
            if held is None or held.seq == held.saved_seq:
                return None
            begun = time.monotonic()
            manifest = write_snapshot(
                self._folder,
                held.index,
                held.projection,
                model_id=self._catalog.model_id,
                seq=held.seq,
                lineage=self._catalog.lineage(held.seq),
                projected=self._wish.projecting,
                wanted=self._wish.engine,
                nearness=nearness and nearness._asdict(),
                taken=unchanged.close,
            )
            self._note_saved(held)
            ended = time.monotonic()
            self._next_saving = ended + _SHARE_OF_TIME * (ended - begun)
        if self._workplace is not None and self._has_built:
            discard_workplace(self._workplace)
            self._has_built = False
        return manifest

    def _note_saved(self, saved: Held) -> None:
        with turn_of(self._refreshing):
            if self._held is not None and self._held.index is saved.index:
                self._held = replace(self._held, saved_seq=saved.seq)

    def discard(self) -> None:
        """Delete the snapshots and forget the index; the next `refresh` makes it anew."""
        with turn_of(self._saving), turn_of(self._refreshing):
            self._held = None
            if self._folder is not None:
                discard_snapshots(self._folder)

    def close(self) -> None:
        """End the gauge's thread. A rebuild in the background is not waited for, and comes to nothing."""
        self._closed = True
        self._gauge.close()

    def groups(self) -> Groups:
        """Near-identical pictures, in step with the index; the first call looks through all vectors."""
        held = self._current()
        with self.waiting("Near-identical pictures are looked for", len(held.index)):
            return self._groups.in_step(self._catalog, held)

    def nearness(self) -> Nearness | None:
        """How near the collection's pictures are to their nearest; measured where no snapshot says it."""
        held = self._current()
        with self.waiting("How near pictures are to their nearest is measured", len(held.index)):
            return self._nearness.in_step(self._catalog, held, generation=self.generation)

    def _recall_to_ask(self, index: Index) -> float | None:
        """What the owner wants, as far as the index has a way to it; more while the gauge tells that it is not kept.

        Comparing all is only for who asks for all: an index whose best way falls just short of the wish takes that.
        """
        if self._wish.recall == 1:
            return 1.0
        if self._best_ways[0] is not index:
            points = index.parameters.get("points")
            recalls = (
                [point["recall"] for point in points if isinstance(point, dict)] if isinstance(points, list) else []
            )
            self._best_ways = index, max((one for one in recalls if isinstance(one, float)), default=None)
        best = self._best_ways[1]
        sinking = self._gauge.sinking
        wanted = 1 - (1 - self._wish.recall) / 4 if sinking else self._wish.recall
        if best is None:
            return wanted if sinking else None
        return min(wanted, best)

    def _exactly(self, queries: Vectors, k: int, held: Held, *, allowed: Keys | None) -> Neighbours | None:
        """All compared; None where the index may have changed since it was `held`."""
        found = held.index.search(queries, k, allowed=allowed, recall=1.0)
        return found if self._catalog.last_seq() == held.seq else None

    def _current(self) -> Held:
        return self._held or self._refreshed()

    def _refreshed(self) -> Held:
        held = self._held
        if held is not None and self._is_up_to_date(held):  # then no lock is taken, which a save may hold
            return held
        with turn_of(self._refreshing):
            held = self._held or self._from_snapshot() or self._rebuilt(self.rebuilt_because or _NONE_SAVED)
            if held.projection is None and held.index.dimension != self._catalog.dimension:
                held = self._rebuilt("the collection has its model only now")
            held = self._caught_up(held)
            if len(held.index) <= _BUILT_AT_ONCE and (why := self._why_rebuild(held)):
                held = self._rebuilt(why)
            self._held = held
            return held

    def _is_up_to_date(self, held: Held) -> bool:
        if held.seq != self._catalog.last_seq():
            return False
        if held.projection is None and held.index.dimension != self._catalog.dimension:
            return False
        return len(held.index) > _BUILT_AT_ONCE or not self._why_rebuild(held)

    def _from_snapshot(self) -> Held | None:
        if self._folder is None or not self._folder.exists():  # none was ever saved
            return None
        try:
            with self.waiting("The index is read and checked", 0):
                snapshot = read_snapshot(self._folder, self._engines, check=self._check_fits)
        except SnapshotDamaged as error:
            if self._catalog.last_seq() > 0:
                self.rebuilt_because = str(error)
                _log.info("the index is made anew: %s", error)
            return None
        seq = snapshot.manifest.seq
        if snapshot.manifest.nearness is not None:
            self._nearness.put(read_nearness(snapshot.manifest.nearness), generation=self.generation)
        return Held(
            index=snapshot.index,
            projection=snapshot.projection,
            tried_with=_tried_with(snapshot),
            seq=seq,
            saved_seq=seq,
        )

    def _check_fits(self, manifest: Manifest) -> None:
        for what, wanted, found in (
            ("model", self._catalog.model_id[:12], manifest.model_id[:12]),
            ("projection", self._wish.projecting, manifest.projected),
            ("engine", self._wish.engine, manifest.wanted),
        ):
            if found != wanted:
                raise SnapshotDamaged(f"it is to be of {what} {wanted!r}, and the one that was saved is of {found!r}")
        last_seq = self._catalog.last_seq()
        if manifest.seq > last_seq:
            raise SnapshotDamaged(f"the snapshot has applied change {manifest.seq}, the catalog's last is {last_seq}")
        if manifest.lineage != self._catalog.lineage(manifest.seq):
            raise SnapshotDamaged(f"the snapshot has applied {manifest.seq} changes of another history of the catalog")

    def _caught_up(self, held: Held) -> Held:
        if held.seq == self._catalog.last_seq():
            return held
        changes = self._catalog.changes(held.seq)
        with self.waiting("The index takes in what has changed since it was saved", len(changes)) as reached:
            for start in range(0, len(changes), _CHANGES_AT_ONCE):
                some = changes[start : start + _CHANGES_AT_ONCE]
                held.index.remove(np.array([change.key for change in some if change.removed], np.int64))
                stored = self._catalog.vectors([change.key for change in some if not change.removed])
                held.index.upsert(stored.keys, projected(as_float32(stored.vectors), held.projection))
                reached(start + len(some))
        return replace(held, seq=changes[-1].seq) if changes else held

    def _rebuilt(self, why: str) -> Held:
        made = "The index is made" if why == _NONE_SAVED else "The index is made anew"
        what = f"{made}: {why}" if why else made
        with self.waiting(what, self._catalog.facts().images) as reached:
            held = self._built(reached)
        self.generation += 1
        self._gauge.reset()
        return held

    def _built(self, reached: Reached | None = None) -> Held:
        with turn_of(self._building):
            self._has_built = True
            return build(self._catalog, self._wish, self._engines, workplace=self._workplace, reached=reached)

    def _rebuild_beside(self) -> None:
        """Build without keeping searches from the index that there is, then take its place."""
        try:
            held = self._built()
            with turn_of(self._refreshing):
                self._held = self._caught_up(held)
                self.generation += 1
            self._gauge.reset()
        except Exception:
            self._rebuild_failed = True  # it would fail again; the index that there is goes on
            if not self._closed:
                _log.exception("the index could not be made anew in the background; the old one goes on answering")

    def _why_rebuild(self, held: Held) -> str:
        """In words; empty while the index is good as it is."""
        count = len(held.index)
        if has_outgrown(held.index.engine, count, self._wish.engine):
            return f"the collection holds {count} pictures now"
        if self._should_learn(held, count):
            if held.projection is None:
                return f"{count} pictures are enough to learn a projection from"
            return f"the projection was learnt when there were {held.tried_with} pictures, now there are {count}"
        if self._gauge.sinking:
            return f"the measured recall sank to {self._gauge.facts().recall:.3f}"
        return held.index.worn

    def _should_learn(self, held: Held, count: int) -> bool:
        """Once there is enough to learn from, and again when the collection has doubled or halved."""
        if self._wish.projecting == "off":
            return False
        if held.tried_with < LEAST_TO_LEARN:
            return count >= LEAST_TO_LEARN
        return not held.tried_with // 2 < count < held.tried_with * 2

    def _stored(self, keys: Keys, held: Held) -> Stored:
        stored = self._catalog.vectors(keys)
        return Stored(stored.keys, normalise(projected(as_float32(stored.vectors), held.projection)))


def _tried_with(snapshot: Snapshot) -> int:
    """Where nothing could be learnt, it was tried not long before the snapshot was saved."""
    return snapshot.projection.learnt_from if snapshot.projection else snapshot.manifest.count


__all__ = ["Projecting", "View", "Wish"]
