"""What one process of the service does beside answering: the queue's jobs, and sweeping."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from lookalike.assembly.places import COLLECTIONS
from lookalike.assembly.removal import sweep_removed
from lookalike.core.errors import LookalikeError, StorageFailed
from lookalike.service.context import Service
from lookalike.service.leader import LOCK, Leader
from lookalike.uploads.verify_upload import Tolerance
from lookalike.worker.completing import VERIFY_UPLOAD
from lookalike.worker.uploads import UploadVerifier, end_given_up, end_gone, sweep_staged, sweep_uploads
from lookalike.worker.worker import Worker

SWEEP_EVERY_S = 60.0

REMOVED_WITHIN_S = 86_400.0
"""Within which the removal of a collection has ended for sure, in seconds."""

GONE_FOR_S = 3_600.0
"""So long a collection has not been there when it counts as removed, in seconds: it may have been moved for a while."""

_log = logging.getLogger(__name__)


class Housework:
    """Runs on threads of one process at a time: several may be started, one leads.

    Args:
        service: the parts.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._threads: list[threading.Thread] = []
        self._gone_since: dict[str, float] = {}  # of collections with uploads, by Unix time

    def start(self, stop: threading.Event) -> None:
        """Begin, once this process leads; until `stop` is set."""
        thread = threading.Thread(target=self._lead, args=(stop,), name="lookalike-housework", daemon=True)
        self._threads.append(thread)
        thread.start()

    def work(self, stop: threading.Event, *, concurrency: int = 1) -> None:
        """Do jobs on this thread, whoever leads, until `stop` is set."""
        self._worker(concurrency).run(stop)

    def join(self) -> None:
        """Wait until the job in hand is done."""
        for thread in self._threads:
            thread.join(timeout=self._service.settings.drain_s)

    def _lead(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._lead_once(stop)
            except StorageFailed as error:  # a disk that is full or cannot be written may be so no longer soon
                _log.warning("no jobs are done now, which is tried again in a minute: %s", error)
                stop.wait(SWEEP_EVERY_S)
            else:
                break

    def _lead_once(self, stop: threading.Event) -> None:
        with Leader(self._service.settings.home / LOCK).lead(stop) as leads:
            if not leads:
                return
            sweeping = threading.Thread(target=self._sweep, args=(stop,), name="lookalike-sweep", daemon=True)
            sweeping.start()
            self._worker(1).run(stop)
            sweeping.join()

    def _worker(self, concurrency: int) -> Worker:
        service, settings = self._service, self._service.settings
        verify = UploadVerifier(
            service.ledger,
            collection_of=service.collections.get,
            uploads_of=service.collections.uploads,
            tolerance=Tolerance(keep_below=settings.keep_below, quarantine_above=settings.quarantine_above),
            observe=service.metrics.upload_verified,
        )
        return Worker(
            service.queue,
            {VERIFY_UPLOAD: verify},
            name=f"service-{os.getpid()}",
            concurrency=concurrency,
            drain_s=settings.drain_s,
        )

    def _sweep(self, stop: threading.Event) -> None:
        service = self._service
        steps = (
            service.ledger.sweep,
            partial(end_given_up, service.ledger, service.queue),  # before their jobs are forgotten
            service.queue.sweep,
            partial(_sweep_uploads, service),
            self._sweep_uploads_of_gone,
            lambda now: sweep_removed(service.settings.home / COLLECTIONS, before=now - REMOVED_WITHIN_S),
        )
        while not stop.wait(SWEEP_EVERY_S):
            for step in steps:
                _tried(partial(step, time.time()))

    def _sweep_uploads_of_gone(self, now: float) -> None:
        """Uploads of a collection that somebody has deleted by hand are held against nobody."""
        service = self._service
        gone = [name for name in service.ledger.holding() if service.collections.is_gone(name)]
        self._gone_since = {name: self._gone_since.get(name, now) for name in gone}
        for name, since in self._gone_since.items():
            if now - since >= GONE_FOR_S:
                end_gone(service.ledger, name, created_before=since)


def _sweep_uploads(service: Service, now: float) -> None:
    _tried(lambda: sweep_uploads(service.ledger, service.collections.uploads, now))
    for name in service.collections.names():
        _tried(partial(_sweep_staged, service, name))


def _sweep_staged(service: Service, name: str) -> None:
    sweep_staged(service.ledger, service.collections.uploads(name))


def _tried(sweep: Callable[[], object]) -> None:
    """Whatever happens to one, the others come, and in a minute it does, too."""
    try:
        sweep()
    except LookalikeError as error:
        _log.warning("sweeping failed and is tried again in a minute: %s", error)
    except Exception:
        _log.exception("sweeping failed, which should not be, and is tried again in a minute")
