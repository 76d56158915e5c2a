"""The view of an index in this process: it follows the catalog by its change feed, and is saved to a folder."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.ending import ending, take_lock, turn_of
from lookalike.core.errors import CursorUnknown, SnapshotDamaged
from lookalike.core.filters import Filter
from lookalike.core.records import INDEXED, START, Cursor, Neighbours
from lookalike.core.vectors import Keys, Vectors, as_vectors
from lookalike.index.base import Engines, Selection
from lookalike.index.manifest import Manifest
from lookalike.index.projection import Projection
from lookalike.index.snapshot import freeze
from lookalike.view.as_searched import as_searched, project
from lookalike.view.aside import step_aside
from lookalike.view.facts import IndexFacts
from lookalike.view.following import follow
from lookalike.view.groups_in_step import GroupsInStep
from lookalike.view.index_state import IndexState
from lookalike.view.nearness import Nearness, NearnessInStep
from lookalike.view.rebuilding import Rebuilding, reason_to_rebuild
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.recall_to_ask import RecallToAsk
from lookalike.view.rescore import Stored, rescore
from lookalike.view.snapshots import Snapshots
from lookalike.view.waiting import Waiting, untold
from lookalike.view.wish import Wish, check_wish

if TYPE_CHECKING:
    from lookalike.index.groups import Groups

_CHANGES_WORTH_SAVING = 1000
_SHARE_OF_TIME = 20  # while others write for an hour, saving takes a twentieth of it at most
_BUILT_AT_ONCE = 20_000
_BUILDING = "building"
_NONE_SAVED = "none was saved yet"

_log = logging.getLogger(__name__)


class LocalView:
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
        self._wish = wish
        self._engines = engines
        self.waiting = waiting
        self._snapshots = Snapshots(catalog, folder, engines=engines, wish=wish)
        workplace = folder.with_name(_BUILDING) if folder is not None else None
        self._rebuilding = Rebuilding(catalog, engines=engines, wish=wish, workplace=workplace)
        self._following = threading.Lock()  # the index is changed in place, or another takes its place
        self._saving = threading.Lock()  # taken before the other
        self._state: IndexState | None = None
        self._tending = threading.Lock()
        self._next_saving = float("-inf")  # on the monotonic clock
        self._background: threading.Thread | None = None
        self._rebuild_failed = False
        self._closed = False
        self._gauge = RecallGauge(wish.recall)
        self._recall_to_ask = RecallToAsk(wish, self._gauge)
        self._groups = GroupsInStep()
        self._nearness = NearnessInStep()
        self.has_keeper = False
        self.generation = 0
        self.rebuilt_because: str | None = None

    @property
    def cursor(self) -> Cursor:
        """All changes of the catalog up to this place in its feed are in the index."""
        return self._state.cursor if self._state else START

    @property
    def projection(self) -> Projection | None:
        """The projection in use."""
        return self._state.projection if self._state else None

    @property
    def projects(self) -> bool:
        """Whether a projection is wanted at all."""
        return self._wish.projecting == "auto"

    @property
    def takes_filters(self) -> bool:
        """Whether its index takes a filter itself, so that nobody need ask the catalog which pictures pass."""
        return self._state is not None and self._state.index.takes_filters

    @property
    def loaded(self) -> bool:
        """Whether there is an index in memory."""
        return self._state is not None

    @property
    def worth_saving(self) -> bool:
        """Whether the next opening would take noticeably longer without a new snapshot."""
        state = self._state
        if state is None or state.is_saved or time.monotonic() < self._next_saving:
            return False
        return state.saved is None or state.applied - state.saved > _CHANGES_WORTH_SAVING

    def facts(self) -> IndexFacts:
        """What the index is at this moment."""
        state = self._current()
        return IndexFacts(
            engine=state.index.engine,
            cursor=state.cursor,
            count=len(state.index),
            dimension=state.index.dimension,
            projection_version=state.projection_version,
            projection_learnt_from=state.projection.learnt_from if state.projection else 0,
            recall=state.index.recall,
            parameters=state.index.parameters,
            gauge=self._gauge.facts() if state.index.recall < 1 else None,
        )

    def refresh(self, *, within_s: float | None = None) -> bool:
        """Bring the index up to date with the catalog; the first call reads the snapshot.

        Args:
            within_s: where there is an index, how long to wait at most for others that change it, in seconds; with a
                keeper, what is not taken in by then is left to it, too. None to wait until it is up to date.
        Returns:
            whether it is up to date.
        """
        return self._bring_up_to_date(within_s)

    def rebuild(self, *, why: str = "", learn_anew: bool = False) -> None:
        """Make the index anew from the catalog; searches go on meanwhile.

        Args:
            why: in words, for who waits.
            learn_anew: learn the projection anew, too, which changes similarities a little. Without, that is done only
                when it is due, and the new index answers as the old one.
        """
        self._replace(self._build(why, learn_anew=learn_anew))
        self._rebuild_failed = False

    def check_wish(self) -> None:
        """Refuse an engine that can never be had; see `View`."""
        check_wish(self._catalog, self._wish, self._engines)

    def settle(self) -> None:
        """Bring the index up to date and, where it is time, make it anew, however long that takes."""
        if self._background is not None:
            self._background.join()
        if why := self._why_rebuild(self._refresh()):
            self.rebuild(why=why)

    def tend(self) -> None:
        """Where it is time to make the index anew, do so in the background; searches go on meanwhile."""
        with self._tending:
            state = self._state
            running = self._background is not None and self._background.is_alive()
            if state is None or running or self._rebuild_failed:
                return
            why = self._why_rebuild(state)
            if why:
                _log.info("the index is made anew in the background: %s", why)
                self._background = threading.Thread(target=self._rebuild_beside, name="lookalike-rebuild", daemon=True)
                self._background.start()

    def search(self, vectors: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find neighbours of raw vectors.

        Args:
            vectors: shape (N, D), float32, of the catalog's model, not necessarily unit length.
            k: at least 1.
            among: only these may be answered: keys, shape (A,), int64, or what passes a filter; None for all.
            recall: as for `Index.search`; None for what the owner of the collection wants.
        Returns:
            as `Index.search` gives them; similarities are cosines after the projection, if there is one. Of one query
            they are computed from the catalog's own vectors.
        Raises:
            DimensionMismatch, BadVectors, BadQuery: as `Index.search`.
        """
        state = self._current()
        if isinstance(among, Filter) and not state.index.takes_filters:
            among = self._catalog.select(among)
        queries = project(as_vectors(vectors, dimension=self._catalog.dimension), state.projection)
        wanted = self._recall_to_ask.of(state.index) if recall is None else recall
        if len(queries) != 1:
            return state.index.search(queries, k, among=among, recall=wanted)
        search = partial(state.index.search, queries, among=among, recall=wanted)
        found = rescore(queries, k, search=search, stored=lambda keys: self._read(keys, state))
        if not found.exact and recall is None:
            self._gauge.observe(found, lambda: self._exactly(queries, k, state, among=among))
        return found

    def vectors_searched(self) -> Stored:
        """What is compared, of all that the catalog holds now.

        Returns:
            keys, shape (N,), int64, ascending; and vectors, shape (N, d), float32, of length 1 or 0.
        """
        from lookalike.view.building import vectors_of_catalog

        state = self._current()
        parts = list(vectors_of_catalog(self._catalog, state.projection))
        if not parts:
            return Stored(np.empty(0, np.int64), np.empty((0, state.index.dimension), np.float32))
        return Stored(np.concatenate([keys for keys, _ in parts]), np.concatenate([rows for _, rows in parts]))

    def stored(self, keys: Keys) -> Stored:
        """The vectors of keys as they are searched, of length 1 or 0; those that are gone are left out.

        Args:
            keys: shape (N,), int64, in any order.
        """
        return self._read(keys, self._current())

    def save(self) -> Manifest | None:
        """Write a snapshot if anything has changed since the last one.

        Returns:
            what was written; None where nothing had changed, the index lives in memory alone, or the collection was
            removed or replaced meanwhile.
        Raises:
            StorageFailed: when the disk is full or fails; the last snapshot stays.
        """
        state = self._state
        if state is None or not self._snapshots.are_kept or state.is_saved or not self._catalog.is_current():
            return None
        nearness = self._nearness.measure(self._catalog, state, generation=self.generation)
        with self._saving, self._snapshots.writing():
            begun = time.monotonic()
            with turn_of(self._following):
                state = self._state
                if state is None or state.is_saved:
                    return None
                frozen = freeze(state.index)
            if not self._catalog.is_current():  # its folder was removed meanwhile, and is not made again
                return None
            manifest = self._snapshots.write(state, frozen, nearness=nearness)
            self._note_saved(state)
            ended = time.monotonic()
            self._next_saving = ended + _SHARE_OF_TIME * (ended - begun)
        self._rebuilding.discard_leftovers()
        return manifest

    def _note_saved(self, saved: IndexState) -> None:
        with turn_of(self._following):
            if self._state is not None and self._state.index is saved.index:
                self._state = replace(self._state, saved=saved.applied)

    def discard(self) -> None:
        """Delete the snapshots and forget the index; the next `refresh` makes it anew."""
        with turn_of(self._saving), turn_of(self._following):
            self._state = None
            self._snapshots.discard()

    def close(self) -> None:
        """End the gauge's thread. A rebuild in the background is not waited for, and comes to nothing."""
        self._closed = True
        self._gauge.close()

    def groups(self) -> Groups:
        """Near-identical pictures, in step with the index; the first call looks through all vectors."""
        state = self._current()
        with self.waiting("Near-identical pictures are looked for", len(state.index)):
            return self._groups.in_step(self._catalog, state, renew=not self.has_keeper)

    def nearness(self) -> Nearness | None:
        """How near the collection's pictures are to their nearest; measured where no snapshot says it."""
        state = self._current()
        with self.waiting("How near pictures are to their nearest is measured", len(state.index)):
            renew = not self.has_keeper
            return self._nearness.now(self._catalog, state, generation=self.generation, renew=renew)

    @property
    def is_behind(self) -> bool:
        """Whether there is something for `renew` to do. Costs little."""
        state = self._state
        if state is None:
            return False
        outdated = self._groups.is_outdated(state) or self._nearness.is_outdated(state, generation=self.generation)
        return outdated or state.cursor != self._catalog.cursor()

    def renew(self) -> None:
        """Take in what searches have left, and make anew what belongs to an earlier index; no search waits for it."""
        state = self._refresh()
        self._groups.renew(self._catalog, state)
        if self._nearness.is_outdated(state, generation=self.generation):
            self._nearness.measure(self._catalog, state, generation=self.generation)

    def feed(self) -> bool:
        """Nothing: searches and the keeper bring it up to date."""
        return False

    def _exactly(self, queries: Vectors, k: int, state: IndexState, *, among: Selection) -> Neighbours | None:
        """All compared; None where the index may have changed since it was `state`."""
        found = state.index.search(queries, k, among=among, recall=1.0)
        return None if self._has_changed(state) else found

    def _has_changed(self, state: IndexState) -> bool:
        """Whether the catalog's vectors have since; whatever else has is nothing to the index."""
        try:
            page = self._catalog.changes(state.cursor, kinds=INDEXED, limit=1)
        except CursorUnknown:
            return True
        return bool(page.changes) or not page.complete

    def _current(self) -> IndexState:
        return self._state or self._refresh()

    def _refresh(self) -> IndexState:
        while True:
            self._bring_up_to_date(None)
            state = self._state
            if state is not None:  # else it was discarded meanwhile
                return state

    def _bring_up_to_date(self, within_s: float | None) -> bool:
        state = self._state
        if state is not None and self._is_up_to_date(state):  # then no lock is taken, which others may hold
            return True
        until = None if within_s is None or state is None else time.monotonic() + within_s
        while True:
            left_s = None if until is None else max(0.0, until - time.monotonic())
            if not take_lock(self._following, within_s=left_s):
                return False
            try:
                with ending(None):
                    state = self._state = self._follow(pages=None if until is None else 1)
                    if until is None or self._is_up_to_date(state):
                        return True
            finally:
                self._following.release()
            if self.has_keeper and time.monotonic() >= until:
                return False

    def _follow(self, *, pages: int | None) -> IndexState:
        """Take in what has changed, or make the index where there is none that can."""
        state = self._state or self._from_snapshot() or self._make(self.rebuilt_because or _NONE_SAVED)
        if state.projection is None and state.index.dimension != self._catalog.dimension:
            state = self._make("the collection has its model only now")
        try:
            state = follow(state, self._catalog, pages=pages, waiting=self.waiting)
        except CursorUnknown as error:
            state = self._make(str(error))
        if not self._leaves_rebuilding(state) and (why := self._why_rebuild(state)):
            state = self._make(why)
        return state

    def _is_up_to_date(self, state: IndexState) -> bool:
        if state.cursor != self._catalog.cursor():
            return False
        if state.projection is None and state.index.dimension != self._catalog.dimension:
            return False
        return self._leaves_rebuilding(state) or not self._why_rebuild(state)

    def _leaves_rebuilding(self, state: IndexState) -> bool:
        """Whether searches go on with an index that should be made anew."""
        return self.has_keeper or len(state.index) > _BUILT_AT_ONCE

    def _from_snapshot(self) -> IndexState | None:
        if not self._snapshots.is_there:  # none was ever saved
            return None
        try:
            with self.waiting("The index is read and checked", 0):
                saved = self._snapshots.read()
        except SnapshotDamaged as error:
            if self._catalog.cursor() != START:
                self.rebuilt_because = error.reason
                _log.info("the index is made anew: %s", error.reason)
            return None
        if saved.nearness is not None:
            self._nearness.put(saved.nearness, generation=self.generation)
        return saved.state

    def _make(self, why: str) -> IndexState:
        """Build the index that answers from now on, while who wants it waits."""
        state = self._build(why)
        self.generation += 1
        self._gauge.reset()
        return state

    def _build(self, why: str, *, learn_anew: bool = False) -> IndexState:
        made = "The index is made" if why == _NONE_SAVED else "The index is made anew"
        what = f"{made}: {why}" if why else made
        with self.waiting(what, self._catalog.facts().images) as reached:
            return self._rebuilding.build(reached, learn_anew=learn_anew)

    def _replace(self, made: IndexState) -> None:
        """Let a new index take the place of the one that answers."""
        made = follow(made, self._catalog)  # nobody waits for it yet
        with turn_of(self._following):
            self._state = follow(made, self._catalog)
            self.generation += 1
        self._gauge.reset()

    def _rebuild_beside(self) -> None:
        """Build without keeping searches from the index that there is, then take its place."""
        step_aside()
        try:
            self._replace(self._rebuilding.build())
            self.renew()
        except Exception:
            self._rebuild_failed = True  # it would fail again; the index that there is goes on
            if not self._closed:
                _log.exception("the index could not be made anew in the background; the old one goes on answering")

    def _why_rebuild(self, state: IndexState) -> str:
        return reason_to_rebuild(state, self._wish, self._gauge)

    def _read(self, keys: Keys, state: IndexState) -> Stored:
        stored = self._catalog.vectors(keys)
        return Stored(stored.keys, as_searched(stored, state.projection))
