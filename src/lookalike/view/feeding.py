"""Feeding an index that lives elsewhere: rounds of its applier, on a thread that gives way, or for who waits."""

from __future__ import annotations

import logging
import threading

from lookalike.core.ending import take_lock, turn_of
from lookalike.core.errors import Interrupted, LookalikeError
from lookalike.view.applier import Applier, Outcome, Round
from lookalike.view.aside import step_aside

EVERY_S = 1.0
WHILE_ANOTHER_FEEDS_S = 10.0
LONGEST_PAUSE_S = 60.0
DRAIN_S = 10.0
"""So long what is under way is waited for at the end; an engine may build something for an hour."""

_ROUNDS = 8  # a swap takes three where all is well

_log = logging.getLogger(__name__)


class Feeder:
    """Keeps an index elsewhere in step with the catalog. Safe to use from many threads.

    While that fails, searches go on; it is tried again after pauses that grow to a minute. The log is told once, and
    once when it succeeds again.

    Args:
        applier: does a round.
        every_s: how long to wait before the next look whether something is to be done, in seconds.
    """

    def __init__(self, applier: Applier, *, every_s: float = EVERY_S) -> None:
        self._applier = applier
        self._every_s = every_s
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None
        """Why the last attempt failed, in words; None where it did not."""

    def begin(self) -> None:
        """Feed it from now on, on a thread of its own, until `close`. Idempotent."""
        with self._starting:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="lookalike-feeder", daemon=True)
                self._thread.start()

    def feed(self) -> Round | None:
        """Bring it up to date now, and make and swap its next version where that is due, however long that takes.

        Returns:
            what came of the last round; None where there was nothing to do.
        Raises:
            Interrupted: when it was closed.
            LookalikeError: as `Applier.run`.
        """
        with turn_of(self._turn):
            done: Round | None = None
            for _ in range(_ROUNDS):
                if self._stop.is_set():
                    raise Interrupted("expected a feeder that is open, found it closed: open the collection again")
                if not self._applier.is_due():
                    return done
                done = self._applier.run()
                if done.outcome in (Outcome.WAITING, Outcome.REFUSED):
                    break
            return done

    def rebuild(self, *, learn_anew: bool) -> Round:
        """Make its next version anew, and swap to it.

        Args:
            learn_anew: learn the projection from what there is now, too.
        Raises:
            LookalikeError: as `Applier.run`.
        """
        with turn_of(self._turn):
            return self._applier.run(anew=True, learn_anew=learn_anew)

    def close(self) -> None:
        """End before the next batch, and let the lease go. Idempotent.

        What takes longer than `DRAIN_S` is left to end by itself, or with the process; so is the lease then.
        """
        with self._starting:
            self._stop.set()
        self._applier.halt()
        if not take_lock(self._turn, within_s=DRAIN_S):
            _log.warning("the index elsewhere is still being worked on, which is not waited for")
            return
        try:
            self._applier.close()
        except LookalikeError as error:  # then it ends by itself, in a minute
            _log.info("the lease of the index was not let go: %s", error)
        finally:
            self._turn.release()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        step_aside()
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            try:
                done = self.feed()
            except Interrupted:
                return
            except LookalikeError as error:
                pause_s = min(LONGEST_PAUSE_S, max(self._every_s, 2 * pause_s))
                self._note_failure(error)
            except Exception:
                pause_s = LONGEST_PAUSE_S
                _log.exception("the index was not fed, which should not be; it is tried again in a minute")
            else:
                waits = done is not None and done.outcome in (Outcome.WAITING, Outcome.REFUSED)
                pause_s = WHILE_ANOTHER_FEEDS_S if waits else self._every_s
                self._note_success()

    def _note_failure(self, error: LookalikeError) -> None:
        if self.trouble is None:
            _log.warning("the index elsewhere is not fed: %s; searches go on, and it is tried again", error)
        self.trouble = str(error)

    def _note_success(self) -> None:
        if self.trouble is not None:
            _log.info("the index elsewhere is fed again")
        self.trouble = None
