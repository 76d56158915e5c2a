"""The keeper of an index: it is saved when that is worth it, and kept in order beside searches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lookalike.core.errors import LookalikeError
from lookalike.view.aside import Beside
from lookalike.view.view import View

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingTrouble:
    """An index that cannot be saved.

    Attributes:
        lasts_s: for how long it has failed, in seconds.
        tries: how often it was tried since.
        reason: why it failed last, in words.
    """

    lasts_s: float
    tries: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Failure:
    since: float
    tries: int
    reason: str
    next_try: float


class Keeper:
    """Saves an index: a view that costs time, never data, so that a failure ends nothing.

    While it fails, searches go on, and it is tried again after pauses that grow from a second to five minutes, at the
    first search after each; the log is told once, and once when it is saved again. Safe to use from many threads.

    Args:
        view: the index.
        may_write: whether it may be saved at all.
        beside: whether that is done on a thread of its own, and the index made anew in the background; else a search
            waits for its being saved, and nothing else is done.
        clock: tells the time, in seconds, and never goes back.
    """

    def __init__(
        self, view: View, *, may_write: bool, beside: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._view = view
        self._may_write = may_write
        self._is_beside = beside
        self._clock = clock
        self._beside = Beside()
        self._noting = threading.Lock()
        self._failure: _Failure | None = None
        view.has_keeper = beside

    @property
    def trouble(self) -> SavingTrouble | None:
        """What is wrong with saving; None while it succeeds, or was not tried."""
        failure = self._failure
        if failure is None:
            return None
        return SavingTrouble(lasts_s=self._clock() - failure.since, tries=failure.tries, reason=failure.reason)

    def look_after(self) -> None:
        """To be called after a search."""
        if not self._is_beside:
            if self._is_due:
                self.save_if_possible()
            return
        if self._is_due or self._is_behind:
            self._beside.do(self._keep)
        self._view.tend()

    def save_if_possible(self) -> None:
        """Save it now, if it may be and can, whatever failed before."""
        if not self._may_write:
            return
        try:
            self._view.save()
        except LookalikeError as error:  # also of a catalog that is locked, or was damaged or replaced meanwhile
            self._note_failure(error)
        else:
            self._note_success()

    def join(self) -> None:
        """Wait until it is saved, where that is under way."""
        self._beside.join()

    @property
    def _is_due(self) -> bool:
        failure = self._failure
        is_paused = failure is not None and self._clock() < failure.next_try
        return self._may_write and self._view.worth_saving and not is_paused

    @property
    def _is_behind(self) -> bool:
        try:
            return self._view.is_behind
        except LookalikeError:  # as of a catalog that was closed or replaced meanwhile; searches tell their own
            return False

    def _keep(self) -> None:
        if self._is_behind:
            try:
                self._view.renew()
            except LookalikeError as error:
                _log.info("the index was not kept in step: %s", error)
        if self._is_due:
            self.save_if_possible()

    def _note_failure(self, error: LookalikeError) -> None:
        now = self._clock()
        with self._noting:
            before = self._failure
            tries = before.tries + 1 if before else 1
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (tries - 1))
            self._failure = _Failure(before.since if before else now, tries, str(error), now + pause_s)
        if before is None:
            level = logging.WARNING if self._is_beside else logging.INFO  # else who called is told soon enough
            _log.log(level, "the index was not saved: %s; searches go on, and it is tried again", error)

    def _note_success(self) -> None:
        with self._noting:
            before, self._failure = self._failure, None
        if before is not None:
            lasted_s = self._clock() - before.since
            _log.info("the index is saved again, which had failed for %.0f s", lasted_s)
