"""When an index is to be made anew, and its being made: one build at a time."""

from __future__ import annotations

import threading
from pathlib import Path

from lookalike.catalog.base import Catalog
from lookalike.core.ending import turn_of
from lookalike.index.base import Engines
from lookalike.index.choice import has_outgrown
from lookalike.view.index_state import IndexState
from lookalike.view.projections import is_due
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.waiting import Reached
from lookalike.view.wish import Wish


def reason_to_rebuild(state: IndexState, wish: Wish, gauge: RecallGauge) -> str:
    """Why an index should be made anew, in words; empty while it is good as it is."""
    count = len(state.index)
    if has_outgrown(state.index.engine, count, wish.engine):
        return f"the collection holds {count} pictures now"
    if wish.projecting != "off":
        if state.newest_version > state.projection_version:
            return f"version {state.newest_version} of the projection was learnt elsewhere"
        if is_due(state.tried_with, count):
            if state.projection is None:
                return f"{count} pictures are enough to learn a projection from"
            return f"the projection was learnt when there were {state.tried_with} pictures, now there are {count}"
    if gauge.sinking:
        return f"the measured recall sank to {gauge.facts().recall:.3f}"
    return state.index.worn


class Rebuilding:
    """Makes the index of a collection anew. Safe to use from many threads: one builds, others wait for their turn.

    Args:
        catalog: the truth.
        engines: that make it.
        wish: what it is to be.
        workplace: where a long build keeps what is done; None for a temporary one.
    """

    def __init__(self, catalog: Catalog, *, engines: Engines, wish: Wish, workplace: Path | None) -> None:
        self._catalog = catalog
        self._engines = engines
        self._wish = wish
        self._workplace = workplace
        self._building = threading.Lock()  # one build at a time, for they would share a workplace
        self._has_built = False

    def build(self, reached: Reached | None = None, *, learn_anew: bool = False) -> IndexState:
        """Make an index of all that the catalog holds; see `lookalike.view.building.build`."""
        from lookalike.view.building import build  # which a search with a snapshot does not need

        with turn_of(self._building):
            self._has_built = True
            return build(
                self._catalog,
                self._wish,
                self._engines,
                workplace=self._workplace,
                reached=reached,
                learn_anew=learn_anew,
            )

    def discard_leftovers(self) -> None:
        """Delete what builds have left in the workplace, once what they made is saved."""
        if self._workplace is not None and self._has_built:
            from lookalike.view.building import discard_workplace

            discard_workplace(self._workplace)
            self._has_built = False
