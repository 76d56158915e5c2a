"""The applier: one process feeds a remote index from the catalog's change feed, and swaps its versions.

Many processes may run one; a lease in the catalog says which of them writes. Whatever fails is left as it is: the index
itself says how far it has come, and the next round goes on from there.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.catalog.feed_pages import find_labelled, pages_since, put_of, removals_of
from lookalike.catalog.patience import in_transaction
from lookalike.core.errors import Interrupted, LeaseLost, Locked
from lookalike.core.lease import Lease
from lookalike.core.records import INDEXED, START, ChangePage, ImageRecord
from lookalike.core.vectors import Vectors, unit_of_kept
from lookalike.index.projection import Projection, learn
from lookalike.index.remote import Batch, RemoteIndex, RemoteVersion
from lookalike.view.as_searched import as_searched
from lookalike.view.comparing import Compared, compare
from lookalike.view.projections import ChosenProjection, choose, is_due, projection_of
from lookalike.view.wish import Wish

LEASE = "index applier"
"""The name of the lease."""

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What has come of a round."""

    WAITING = "another process has the lease"
    FOLLOWED = "the version that is searched has taken in all changes"
    SWAPPED = "another version is searched now"
    UNCONFIRMED = "a swap was asked for, and the index does not say yet that it is done"
    REFUSED = "the next version finds too little, and was dropped; the one before goes on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What an applier has done.

    Attributes:
        outcome: what came of it.
        changes: how many changes were taken in, by all versions.
        serving: name of the version that is searched; None where there is none.
        compared: the next version against the catalog; None where there was none.
    """

    outcome: Outcome
    changes: int = 0
    serving: str | None = None
    compared: Compared | None = None


class Applier:
    """Brings a remote index up to date, round by round. For one thread.

    Args:
        catalog: the truth, open for writing.
        index: that is fed.
        wish: which projection and recall it is to have.
        holder: a word for this process that no other has; None for one by chance.
        lasts_s: how long a lease lasts that is not renewed, in seconds: so long nobody writes after a crash.
        most_at_once: changes in a batch.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        catalog: Catalog,
        index: RemoteIndex,
        *,
        wish: Wish,
        holder: str | None = None,
        lasts_s: int = 60,
        most_at_once: int = 1024,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._wish = wish
        self._holder = holder or secrets.token_hex(8)
        self._lasts_s = lasts_s
        self._most_at_once = most_at_once
        self._monotonic = monotonic
        self._kinds = None if index.takes_filters else INDEXED
        self._halted = threading.Event()
        self._lease: Lease | None = None
        self._renew_at = 0.0
        self._claimed_fence = 0
        self._followed_before: str | None = None
        self._settled: str | None = None  # the version beside which there is no other any more
        self._changes = 0

    def is_due(self) -> bool:
        """Whether a round would do something, as far as that is seen without the lease. Costs little."""
        if not self._catalog.dimension:  # nothing was ever put in
            return False
        serving = self._index.serving()
        if serving is None or self._settled != serving.name or serving.applied != self._catalog.cursor():
            return True
        if self._wish.projecting == "off":
            return serving.projection_version != 0
        newest = self._catalog.projection()
        if newest is not None and newest.version != serving.projection_version:
            return True
        return is_due(0 if newest is None else newest.learnt_from, self._catalog.facts().images)

    def halt(self) -> None:
        """Have the round that runs, and all later ones, end before the next batch. From any thread."""
        self._halted.set()

    def run(self, *, anew: bool = False, learn_anew: bool = False) -> Round:
        """One round: take the lease, take in what has changed, and make and swap the next version where that is due.

        Args:
            anew: make the next version in any case.
            learn_anew: and learn its projection from what there is now.
        Raises:
            Interrupted: when it was halted; the next holder of the lease goes on.
            LeaseLost: when another process has the lease by now; it goes on from where the index stands.
            ServiceDown, Busy: when the index does not answer; the next round goes on.
            ReadOnly, Locked, StorageFailed: when the catalog cannot be written.
        """
        self._changes = 0
        if not self._hold():
            return Round(outcome=Outcome.WAITING)
        chosen = self._choose(anew=learn_anew)
        serving = self._index.serving()
        if serving is not None and not self._catalog.follows(serving.applied):
            _log.warning("the index %s is of another history of the catalog: it is made anew", serving.name)
        elif serving is not None:
            self._follow_serving(serving, chosen)
            if serving.projection_version == chosen.version and not anew:
                self._index.tune(serving.name, recall=self._wish.recall, fence=self._fence())
                self._settle(serving.name)
                return self._tell(Outcome.FOLLOWED, serving.name)
        return self._make_next(serving, chosen, anew=anew)

    def close(self) -> None:
        """Let the lease go, so that another process need not wait for its end. Idempotent."""
        lease, self._lease = self._lease, None
        if lease is not None:
            in_transaction(self._catalog, lambda transaction: transaction.end_lease(lease))

    def _make_next(self, serving: RemoteVersion | None, chosen: ChosenProjection, *, anew: bool) -> Round:
        """Fill the next version beside the one that is searched, compare it, and swap."""
        name_before = None if serving is None else serving.name
        begun = None if anew else self._find_begun(name_before, chosen)
        following = begun or self._create(chosen)
        self._follow(following, chosen.projection)
        self._index.tune(following.name, recall=self._wish.recall, fence=self._fence())
        compared = compare(self._index.at(following.name), self._catalog, chosen.projection)
        if compared.most < self._wish.recall:
            _log.error(
                "the next version of the index finds %.3f of the nearest, %.3f are wanted: it is dropped",
                compared.recall,
                self._wish.recall,
            )
            self._index.drop(following.name, fence=self._fence())
            return self._tell(Outcome.REFUSED, name_before, compared)
        self._index.swap(following.name, fence=self._fence())
        now = self._index.serving()
        if now is None or now.name != following.name:
            return self._tell(Outcome.UNCONFIRMED, None if now is None else now.name, compared)
        return self._tell(Outcome.SWAPPED, now.name, compared)

    def _find_begun(self, serving: str | None, chosen: ChosenProjection) -> RemoteVersion | None:
        """A version that an earlier round, here or elsewhere, has begun to fill, or has filled and not swapped."""
        fitting = [
            version
            for name, version in sorted(self._index.versions().items())
            if name != serving
            and version.projection_version == chosen.version
            and version.dimension == self._dimension(chosen)
            and self._catalog.follows(version.applied)
        ]
        return max(fitting, key=lambda version: version.count, default=None)

    def _create(self, chosen: ChosenProjection) -> RemoteVersion:
        name, dimension = f"v{chosen.version}-{secrets.token_hex(4)}", self._dimension(chosen)
        self._index.create(name, projection_version=chosen.version, dimension=dimension, fence=self._fence())
        return RemoteVersion(name=name, projection_version=chosen.version, dimension=dimension, count=0, applied=START)

    def _follow(self, version: RemoteVersion, projection: Projection | None) -> None:
        """Take the feed into a version, in batches, to its end."""
        pages = pages_since(self._catalog, version.applied, kinds=self._kinds, limit=self._most_at_once)
        for page in pages:
            if page.cursor == version.applied:
                continue
            batch = self._batch(page, projection)
            self._index.apply(version.name, batch, cursor=page.cursor, fence=self._fence())
            self._changes += len(page.changes)

    def _batch(self, page: ChangePage, projection: Projection | None) -> Batch:
        """What a page tells; what is put and was removed between two looks at the catalog counts as removed already."""
        put = put_of(page)
        stored = self._catalog.vectors(put)
        pictures: dict[int, ImageRecord] = {}
        there = np.ones(len(stored.keys), bool)
        if self._index.takes_filters:
            known = self._catalog.pictures([*stored.keys.tolist(), *find_labelled(page).tolist()])
            pictures = {key: kept.image for key, kept in known.items()}
            there = np.isin(stored.keys, list(pictures))
        gone = np.setdiff1d(put, stored.keys[there])
        vectors = as_searched(stored, projection)[there]
        return Batch(stored.keys[there], vectors, np.concatenate([removals_of(page), gone]), pictures)

    def _settle(self, serving: str) -> None:
        """Complete a swap that may be half made, and in the next round drop the versions before.

        By then, searches that had begun there have ended.
        """
        if self._followed_before != serving:
            self._index.swap(serving, fence=self._fence())
            self._settled = None
        else:
            for name in self._index.versions():
                if name != serving:
                    self._index.drop(name, fence=self._fence())
            self._settled = serving
        self._followed_before = serving

    def _choose(self, *, anew: bool) -> ChosenProjection:
        if self._wish.projecting == "off":
            return ChosenProjection(None, 0, 0)
        count = self._catalog.facts().images
        chosen = choose(self._catalog, count=count, learn=lambda: learn(self._units(), count=count), anew=anew)
        if chosen.projection is not None and not chosen.version:
            raise Locked("expected a catalog to put the projection into, got one that others write to: try again")
        return chosen

    def _units(self) -> Iterator[Vectors]:
        return (unit_of_kept(stored.vectors) for stored in self._catalog.all_vectors())

    def _follow_serving(self, serving: RemoteVersion, chosen: ChosenProjection) -> None:
        if serving.projection_version == chosen.version:
            return self._follow(serving, chosen.projection)
        if not serving.projection_version:
            return self._follow(serving, None)
        stored = self._catalog.projection(serving.projection_version)
        if stored is None:  # older than those that are kept: it stays as it is until the next is swapped in
            return None
        return self._follow(serving, projection_of(stored))

    def _dimension(self, chosen: ChosenProjection) -> int:
        return chosen.projection.dimension if chosen.projection is not None else self._catalog.dimension

    def _hold(self) -> bool:
        """Take the lease, or have it longer; whether this process has it."""
        asked_at = self._monotonic()
        self._lease = in_transaction(
            self._catalog,
            lambda transaction: transaction.take_lease(LEASE, self._holder, lasts_s=self._lasts_s),
        )
        self._renew_at = asked_at + self._lasts_s / 2
        if self._lease is None:
            return False
        if self._lease.fence != self._claimed_fence:
            self._index.claim(self._lease.fence)
            self._claimed_fence = self._lease.fence
        return True

    def _fence(self) -> int:
        """To be asked for before each writing: of a lease that lasts for a while still.

        Raises:
            Interrupted: when it is to end.
            LeaseLost: when another process has it.
        """
        if self._halted.is_set():
            raise Interrupted(
                "expected to bring the index up to date, and was ended before: start again to go on from there"
            )
        fence = self._claimed_fence
        if self._monotonic() >= self._renew_at and (not self._hold() or self._claimed_fence != fence):
            raise LeaseLost("expected to hold the lease of the index still, found it with another process: start again")
        return fence

    def _tell(self, outcome: Outcome, serving: str | None, compared: Compared | None = None) -> Round:
        return Round(outcome=outcome, changes=self._changes, serving=serving, compared=compared)
