"""Upkeep of a collection's index: saved when that is worth it, and looked after beside searches."""

from __future__ import annotations

import logging

from lookalike.core.errors import LookalikeError, StorageFailed
from lookalike.view.keeper import Keeper
from lookalike.view.view import View

_log = logging.getLogger(__name__)


class IndexUpkeep:
    """Saves an index: a view that costs time, never data, so that a failure is only told to the log.

    Safe to use from many threads.

    Args:
        view: the index.
        may_write: whether it may be saved at all.
        beside: whether it is saved on a thread of its own, and made anew in the background; else a search waits for
            its being saved, and nothing else is done.
    """

    def __init__(self, view: View, *, may_write: bool, beside: bool) -> None:
        self._view = view
        self._may_write = may_write
        self._beside = beside
        self._keeper = Keeper()
        self._disk_failed = False  # then searches do not try again to save it, only what changes pictures does

    def look_after(self) -> None:
        """To be called after a search."""
        is_due = self._view.worth_saving and not self._disk_failed
        if is_due and self._beside:
            self._keeper.do(self.save_if_possible)
        elif is_due:
            self.save_if_possible()
        if self._beside:
            self._view.tend()

    def save_if_possible(self) -> None:
        """Save it now, if it may be and can."""
        if not self._may_write:
            return
        try:
            self._view.save()
            self._disk_failed = False
        except LookalikeError as error:  # also of a catalog that is locked, or was damaged or replaced meanwhile
            self._disk_failed = isinstance(error, StorageFailed)
            _log.info("the index was not saved: %s", error)

    def join(self) -> None:
        """Wait until it is saved, where that is under way."""
        self._keeper.join()
