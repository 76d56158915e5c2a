"""Extending the lease of a job while its handler runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from lookalike.core.errors import LookalikeError
from lookalike.jobs.base import Job, Jobs

_log = logging.getLogger(__name__)


@contextmanager
def extending_lease(jobs: Jobs, job: Job, *, lease_s: float, given_up: Event) -> Iterator[None]:
    """Extend the lease of a job, three times in its length, until the block ends or `given_up` is set.

    A lease that is lost all the same, or cannot be extended, stops nothing: a result is not taken under a lease that
    another has followed.
    """
    released = Event()

    def keep() -> None:
        while not released.wait(lease_s / 3) and not given_up.is_set():
            try:
                if jobs.extend(job.id, lease=job.lease, lease_s=lease_s):
                    continue
            except LookalikeError as error:
                _log.warning("job %s: its lease cannot be extended now (%s)", job.id, error)
                continue
            if not released.is_set():
                _log.warning("job %s: another worker has it now", job.id)
            return

    keeper = Thread(target=keep, name=f"lease of {job.id}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        released.set()
