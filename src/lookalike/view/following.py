"""Following: what has changed in the catalog is taken into an index that answers meanwhile."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from itertools import islice

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.catalog.feed_pages import pages_since, put_of, removals_of
from lookalike.core.records import ChangePage
from lookalike.core.vectors import widen
from lookalike.view.as_searched import project
from lookalike.view.index_state import IndexState
from lookalike.view.waiting import Reached, Waiting, untold

CHANGES_AT_ONCE = 4096


def follow(state: IndexState, catalog: Catalog, *, pages: int | None = None, waiting: Waiting = untold) -> IndexState:
    """Take all changes of vectors since `state.cursor` into its index, which is changed in place.

    For one thread at a time; searches may run meanwhile. What concerns metadata alone does not touch the index.

    Args:
        state: the index, and how far it has followed.
        catalog: the truth.
        pages: after how many pages of changes to stop, whether or not more have come; None for never.
        waiting: told how many changes there are, where one page tells them all, and how many are taken in.
    Returns:
        the same index, and how far it has followed now.
    Raises:
        CursorUnknown: when the index followed another history than the catalog has now.
    """
    before, taken_in = state.cursor, 0
    reached: Reached | None = None
    with ExitStack() as stack:
        for page in islice(pages_since(catalog, state.cursor, limit=CHANGES_AT_ONCE), pages):
            if page.changes:
                reached = reached or stack.enter_context(_taking_in(page, waiting))
                _take_in(page, state, catalog)
                taken_in += len(page.changes)
                reached(taken_in)
            state = replace(state, cursor=page.cursor, applied=state.applied + len(page.changes))
    if state.cursor == before:
        return state
    return replace(state, newest_version=catalog.projection_version())  # a new one moves the cursor


def _taking_in(first: ChangePage, waiting: Waiting) -> AbstractContextManager[Reached]:
    total = len(first.changes) if first.complete else 0  # 0: nobody knows yet
    return waiting("The index takes in what has changed since it was saved", total)


def _take_in(page: ChangePage, state: IndexState, catalog: Catalog) -> None:
    put = put_of(page)
    stored = catalog.vectors(put)
    without = np.setdiff1d(put, stored.keys)  # removed meanwhile, as a later page tells, or by a catalog that errs
    state.index.remove(np.concatenate([removals_of(page), without]))
    state.index.upsert(stored.keys, project(widen(stored.vectors), state.projection))
