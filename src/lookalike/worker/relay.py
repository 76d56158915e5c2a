"""The relay: what the outbox holds is published, and deleted once that is confirmed."""

from __future__ import annotations

import logging
from threading import Event

from lookalike.core.errors import LookalikeError
from lookalike.dispatch.base import Dispatch, Notice
from lookalike.jobs.base import Jobs
from lookalike.worker.policy import backoff_s

_AT_ONCE = 100
_LONGEST_SILENCE_S = 30.0

_log = logging.getLogger(__name__)


class Relay:
    """Publishes what is in the outbox. Several may run, in any processes.

    Killed between the publication and the deletion, it publishes the same again, and so does another that reads the
    outbox at the same time: which is harmless, for to claim the job decides.

    Args:
        jobs: have the outbox.
        dispatch: to publish to.
        every_s: how often the outbox is looked at, in seconds.
    """

    def __init__(self, jobs: Jobs, dispatch: Dispatch, *, every_s: float = 0.2) -> None:
        self._jobs = jobs
        self._dispatch = dispatch
        self._every_s = every_s

    def run(self, stop: Event) -> None:
        """Publish what comes, until `stop` is set."""
        failures = 0
        while not stop.is_set():
            try:
                published = self.publish_some()
            except LookalikeError as error:
                failures += 1
                _log.warning("workers cannot be told of jobs now (%s): trying again", error)
                stop.wait(min(backoff_s(failures), _LONGEST_SILENCE_S))
            else:
                failures = 0
                if not published:
                    stop.wait(self._every_s)

    def publish_some(self) -> int:
        """Publish what is due, up to a hundred notices.

        Returns:
            how many there were.
        Raises:
            ServiceDown: when they were not confirmed; they stay in the outbox.
            ReadOnly, Locked, StorageFailed: when they cannot be read or deleted.
        """
        rows = self._jobs.outbox(limit=_AT_ONCE)
        if rows:
            self._dispatch.publish([Notice(row.job_id, row.kind) for row in rows])
            self._jobs.note_published(rows)
        return len(rows)
