"""Which version of an index elsewhere is searched, and how far it and its tail have followed the catalog."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from lookalike.catalog.base import Catalog
from lookalike.core.errors import CursorUnknown
from lookalike.core.records import INDEXED, Cursor
from lookalike.index.base import Index
from lookalike.index.projection import Projection
from lookalike.index.remote import RemoteIndex, RemoteVersion
from lookalike.view.caught_up import CaughtUpIndex, ScannedCatalog
from lookalike.view.projections import projection_of
from lookalike.view.tail import Tail, empty_tail, extend

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RemoteState:
    """What is searched; see `lookalike.view.index_state.Searched`.

    Attributes:
        index: a version with its tail, or the catalog where no version can be searched.
        projection: what vectors passed before they came into it; None for raw ones.
        projection_version: its number in the catalog; 0 where there is none.
        cursor: answers know all changes of the catalog up to this place in its feed.
        is_complete: whether there was nothing after them.
        version: that is searched; None where none can be.
        tail: what it has not taken in yet; None where there is no version.
        why_none: why there is no version, in words; empty where there is one.
    """

    index: Index
    projection: Projection | None
    projection_version: int
    cursor: Cursor
    is_complete: bool
    version: RemoteVersion | None = None
    tail: Tail | None = None
    why_none: str = ""

    @property
    def subject(self) -> tuple[str, int]:
        """Differs where another version answers, or similarities mean something else."""
        return (self.version.name if self.version else "", self.projection_version)


def find_state(catalog: Catalog, index: RemoteIndex, before: RemoteState | None) -> RemoteState:
    """Ask the index which version is to be searched, and follow the catalog from there.

    Where it has none yet, or one of another history of the catalog, whose keys stand for other pictures, all of the
    catalog's vectors are compared: slow, and right.

    Args:
        catalog: the truth.
        index: that another process may feed.
        before: what was searched last.
    Raises:
        ServiceDown: when the index does not answer.
    """
    serving = index.serving()
    if serving is None:
        return _scan_catalog(catalog, before, "the index has no version yet")
    if not catalog.follows(serving.applied):
        return _scan_catalog(catalog, before, "the index is of another history of the catalog")
    stored = catalog.projection(serving.projection_version) if serving.projection_version else None
    if serving.projection_version and stored is None:
        return _scan_catalog(catalog, before, f"projection {serving.projection_version} is no longer kept")
    projection = None if stored is None else projection_of(stored)
    if serving.dimension != (catalog.dimension if projection is None else projection.dimension):
        return _scan_catalog(catalog, before, "the index is of vectors of another width")
    tail = empty_tail(serving.dimension, serving.applied)
    if before is not None and before.version is not None and before.tail is not None:
        is_as_before = (before.version.name, before.version.applied) == (serving.name, serving.applied)
        tail = before.tail if is_as_before else tail
        if before.subject == (serving.name, serving.projection_version):
            projection = before.projection  # the same object, by which groups know theirs
    state = RemoteState(
        index=index.at(serving.name),
        projection=projection,
        projection_version=serving.projection_version,
        cursor=tail.cursor,
        is_complete=False,
        version=serving,
        tail=tail,
    )
    return catch_up(state, catalog, index)


def catch_up(state: RemoteState, catalog: Catalog, index: RemoteIndex) -> RemoteState:
    """The same, as the catalog is now."""
    if state.version is None or state.tail is None:
        return _scan_catalog(catalog, state, state.why_none)
    kinds = None if index.takes_filters else INDEXED
    try:
        tail = extend(state.tail, catalog, state.projection, kinds=kinds)
    except CursorUnknown:
        return _scan_catalog(catalog, state, "the index is of another history of the catalog")
    count = catalog.facts().images
    caught_up = CaughtUpIndex(index.at(state.version.name), tail, catalog=catalog, count=count)
    return replace(state, index=caught_up, tail=tail, cursor=tail.cursor, is_complete=tail.complete)


def _scan_catalog(catalog: Catalog, before: RemoteState | None, why: str) -> RemoteState:
    if before is None or before.why_none != why:
        _log.info("%s: until one can be searched, all of the catalog's vectors are compared", why)
    cursor, newest = catalog.cursor(), catalog.projection()
    version = 0 if newest is None else newest.version
    projection = None if newest is None else projection_of(newest)
    if before is not None and before.subject == ("", version):
        projection = before.projection
    return RemoteState(
        index=ScannedCatalog(catalog, projection, count=catalog.facts().images),
        projection=projection,
        projection_version=version,
        cursor=cursor,
        is_complete=True,
        why_none=why,
    )
