"""The view of an index that lives elsewhere: searched from here, fed by whoever has the lease."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.ending import ending, take_lock, turn_of
from lookalike.core.errors import CursorUnknown, Interrupted, Locked, LookalikeError, NotFound, ServiceDown
from lookalike.core.filters import Filter
from lookalike.core.records import INDEXED, START, Cursor, Neighbours
from lookalike.core.vectors import Keys, Vectors, as_vectors
from lookalike.index.base import Selection, check_wanted
from lookalike.index.manifest import Manifest
from lookalike.index.projection import Projection
from lookalike.index.remote import RemoteIndex
from lookalike.view.applier import Outcome
from lookalike.view.as_searched import project
from lookalike.view.building import vectors_of_catalog
from lookalike.view.facts import IndexFacts, VersionFacts
from lookalike.view.feeding import Feeder
from lookalike.view.groups_in_step import GroupsInStep
from lookalike.view.nearness import Nearness, NearnessInStep
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.recall_to_ask import RecallToAsk
from lookalike.view.remote_state import RemoteState, catch_up, find_state
from lookalike.view.rescore import Stored
from lookalike.view.waiting import Waiting, untold
from lookalike.view.whole_answers import WholeAnswers
from lookalike.view.wish import Wish

if TYPE_CHECKING:
    from lookalike.index.groups import Groups

FRESH_S = 1.0

_ATTEMPTS = 3

_log = logging.getLogger(__name__)

T = TypeVar("T")


class RemoteView:
    """Searches a collection by an index elsewhere; see `lookalike.view.view.View`.

    What the index has not taken in yet is compared here (`lookalike.view.tail`), so that answers know what is in the
    catalog, up to some thousand changes. Of one query similarities are computed from the catalog's own vectors, and
    what is gone there is not answered.

    Args:
        catalog: the truth.
        index: that is searched.
        wish: what the index is to be; which engine it has is its own affair.
        feeder: feeds it from this process; None where this one only searches.
        feeds_by_itself: whether the feeder does so beside searches and after writing; else only `feed` does.
        waiting: told what callers wait for.
        fresh_s: for how long it goes by what the index said last of which version is searched, in seconds.
        monotonic: seconds that only grow.
    """

    rebuilt_because = None
    worth_saving = False

    def __init__(
        self,
        catalog: Catalog,
        index: RemoteIndex,
        *,
        wish: Wish,
        feeder: Feeder | None = None,
        feeds_by_itself: bool = True,
        waiting: Waiting = untold,
        fresh_s: float = FRESH_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._wish = wish
        self._feeder = feeder
        self._feeds_by_itself = feeds_by_itself
        self.waiting = waiting
        self._fresh_s = fresh_s
        self._monotonic = monotonic
        self._following = threading.Lock()
        self._state: RemoteState | None = None
        self._asked_at = float("-inf")
        self._gauge = RecallGauge(wish.recall)
        self._recall_to_ask = RecallToAsk(wish, self._gauge)
        self._answers = WholeAnswers(catalog)
        self._groups = GroupsInStep()
        self._nearness = NearnessInStep()
        self.has_keeper = False
        self.generation = 0

    @property
    def cursor(self) -> Cursor:
        """All changes of the catalog up to this place in its feed are known to answers."""
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
        """Whether what is searched takes a filter itself."""
        return self._state is not None and self._state.index.takes_filters

    @property
    def loaded(self) -> bool:
        """Whether it is known which version is searched."""
        return self._state is not None

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
            elsewhere=VersionFacts(
                engine=self._index.engine,
                version=state.version.name if state.version else None,
                behind=len(state.tail.keys) if state.tail else len(state.index),
                not_fed=self._feeder.trouble if self._feeder else None,
            ),
        )

    def refresh(self, *, within_s: float | None = None) -> bool:
        """Look what has changed in the catalog, and now and then which version is searched; see `View`."""
        state = self._state
        if state is not None and self._is_fresh() and state.cursor == self._catalog.cursor():
            return state.is_complete
        if not take_lock(self._following, within_s=within_s if state is not None else None):
            return False
        try:
            with ending(None):
                return self._follow().is_complete
        finally:
            self._following.release()

    def check_wish(self) -> None:
        """Nothing: an index elsewhere makes itself as it can; see `View`."""

    def settle(self) -> None:
        """Feed the index now, where this process does, and look what it says then."""
        if self._feeder is not None and self._feeds_by_itself:
            try:
                with self.waiting("The index elsewhere takes in what has changed", 0):
                    self._feeder.feed()
            except Interrupted:  # it was closed meanwhile; the next that may goes on
                _log.info("the index elsewhere was not brought up to date, for the collection is closed")
            except (ServiceDown, Locked) as error:  # what was written is safe, and answers know it
                _log.warning("the index elsewhere is not up to date: %s", error)
        self._look_anew()

    def feed(self) -> bool:
        """Feed the index now, if that is due; see `View`."""
        if self._feeder is None:
            return False
        done = self._feeder.feed()
        return done is not None and done.outcome is not Outcome.WAITING

    def rebuild(self, *, why: str = "", learn_anew: bool = False) -> None:
        """Have the next version made anew, and searched; see `View`.

        Raises:
            Locked: when another process feeds the index, or this one must not.
            LookalikeError: when what was made finds too little, so that the one before goes on.
        """
        if self._feeder is None:
            raise Locked("expected a process that feeds the index, got one that only searches: ask a worker for it")
        what = f"The index is made anew: {why}" if why else "The index is made anew"
        with self.waiting(what, self._catalog.facts().images):
            done = self._feeder.rebuild(learn_anew=learn_anew)
        if done.outcome is Outcome.WAITING:
            raise Locked("expected to be the one that feeds the index, found another process: end that, or try later")
        if done.outcome is Outcome.REFUSED:
            raise LookalikeError(
                f"expected the new index to find {self._wish.recall:g} of the nearest, it found "
                f"{done.compared.recall if done.compared else 0:.3f}: the one before goes on; ask for a smaller recall"
            )
        self._look_anew()

    def search(self, vectors: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find neighbours of raw vectors; see `View`."""
        check_wanted(k, recall)
        raw = as_vectors(vectors, dimension=self._catalog.dimension)
        return self._trying(lambda state: self._search(state, raw, k, among, recall))

    def vectors_searched(self) -> Stored:
        """What is compared, of all that the catalog holds now; see `View`."""
        state = self._current()
        parts = list(vectors_of_catalog(self._catalog, state.projection))
        if not parts:
            return Stored(np.empty(0, np.int64), np.empty((0, state.index.dimension), np.float32))
        return Stored(np.concatenate([keys for keys, _ in parts]), np.concatenate([rows for _, rows in parts]))

    def stored(self, keys: Keys) -> Stored:
        """The vectors of keys as they are searched; see `View`."""
        return self._answers.stored(keys, self._current())

    def groups(self) -> Groups:
        """Near-identical pictures, in step with what is searched; the first call looks through all vectors."""
        state = self._current()
        with self.waiting("Near-identical pictures are looked for", len(state.index)):
            return self._groups.in_step(self._catalog, state, renew=not self.has_keeper)

    def nearness(self) -> Nearness | None:
        """How near the collection's pictures are to their nearest; measured where that is not known yet."""

        def now(state: RemoteState) -> Nearness | None:
            with self.waiting("How near pictures are to their nearest is measured", len(state.index)):
                renew = not self.has_keeper
                return self._nearness.now(self._catalog, state, generation=self.generation, renew=renew)

        return self._trying(now)

    def save(self) -> Manifest | None:
        """Nothing: it is kept where it lives."""
        return None

    @property
    def is_behind(self) -> bool:
        """Whether there is something for `renew` to do. Costs little."""
        state = self._state
        if state is None:
            return False
        outdated = self._groups.is_outdated(state) or self._nearness.is_outdated(state, generation=self.generation)
        return outdated or state.cursor != self._catalog.cursor()

    def renew(self) -> None:
        """Make anew what belongs to an earlier version; no search waits for it."""
        self.refresh()
        self._trying(partial(self._groups.renew, self._catalog))
        if self._nearness.is_outdated(self._current(), generation=self.generation):
            self._trying(lambda state: self._nearness.measure(self._catalog, state, generation=self.generation))

    def tend(self) -> None:
        """Nothing: its feeder has a thread of its own, here or elsewhere."""

    def close(self) -> None:
        """End its threads, let the lease go, and keep no connection that nobody uses."""
        if self._feeder is not None:
            self._feeder.close()
        self._gauge.close()
        self._index.let_go()

    def _search(self, state: RemoteState, raw: Vectors, k: int, among: Selection, recall: float | None) -> Neighbours:
        if isinstance(among, Filter) and (not state.index.takes_filters or among.is_about_files):
            among = self._catalog.select(among)
        queries = project(raw, state.projection)
        wanted = self._recall_to_ask.of(state.index) if recall is None else recall
        if len(queries) != 1:
            return self._answers.each(state, queries, k, among=among, recall=wanted)
        found = self._answers.one(state, queries, k, among=among, recall=wanted)
        if not found.exact and recall is None:
            self._gauge.observe(found, lambda: self._exactly(queries, k, state, among=among))
        return found

    def _exactly(self, queries: Vectors, k: int, state: RemoteState, *, among: Selection) -> Neighbours | None:
        """All compared, by the index; None where the catalog has changed since it was `state`."""
        found = state.index.search(queries, k, among=among, recall=1.0)
        try:
            page = self._catalog.changes(state.cursor, kinds=INDEXED, limit=1)
        except CursorUnknown:
            return None
        return None if page.changes or not page.complete else found

    def _trying(self, call: Callable[[RemoteState], T]) -> T:
        """Have a call done with what is searched; anew, where that was swapped, and dropped, since it was looked at."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return call(self._current())
            except NotFound:
                self._look_anew()
        return call(self._current())

    def _current(self) -> RemoteState:
        return self._state or self._look_anew()

    def _look_anew(self) -> RemoteState:
        with turn_of(self._following):
            self._asked_at = float("-inf")
            return self._follow()

    def _is_fresh(self) -> bool:
        return self._monotonic() < self._asked_at + self._fresh_s

    def _follow(self) -> RemoteState:
        before = self._state
        if before is None or not self._is_fresh():
            asked_at = self._monotonic()
            state = find_state(self._catalog, self._index, before)
            self._asked_at = asked_at
        else:
            state = catch_up(before, self._catalog, self._index)
        if before is not None and before.subject != state.subject:
            self.generation += 1
            self._gauge.reset()
        self._state = state
        return state
