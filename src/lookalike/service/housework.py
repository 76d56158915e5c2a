"""What one process of the service does beside answering: jobs, and sweeping."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from lookalike.collection.hosting import hosting
from lookalike.core.errors import LookalikeError, StorageFailed
from lookalike.doctor.orphans import KEPT_S
from lookalike.embedding.files import EmbedBytes
from lookalike.objects.base import Leftover
from lookalike.service.context import Service
from lookalike.service.leader import LOCK, Leader
from lookalike.service.orphan_sweep import OrphanSweep
from lookalike.uploads.verify_upload import Tolerance
from lookalike.worker.completing import VERIFY_UPLOAD
from lookalike.worker.embedding import DecodeBounds, embedding_apart
from lookalike.worker.feeding import Feeding
from lookalike.worker.relay import Relay
from lookalike.worker.uploads import UploadVerifier, end_given_up, end_gone, sweep_staged, sweep_uploads
from lookalike.worker.worker import Worker

SWEEP_EVERY_S = 60.0

REMOVED_WITHIN_S = 86_400.0
"""Within which the removal of a collection has ended for sure, in seconds."""

GONE_FOR_S = 3_600.0
"""So long a collection has not been there when it counts as removed, in seconds: it may have been moved for a while."""

_BOUNDS = DecodeBounds()

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

    def sweep_where_nobody_does(self, stop: threading.Event) -> None:
        """Begin to sweep on a thread of its own, once no other process of this home does; until `stop` is set."""
        thread = threading.Thread(target=self._lead_sweeping, args=(stop,), name="lookalike-sweep", daemon=True)
        self._threads.append(thread)
        thread.start()

    def work(self, stop: threading.Event, *, concurrency: int = 1, bounds: DecodeBounds = _BOUNDS) -> None:
        """Do jobs on this thread, and tell others of them, whoever leads, until `stop` is set.

        Args:
            stop: ends it, once the jobs in hand are done or given back.
            concurrency: jobs at a time.
            bounds: of decoding a picture.
        """
        relay = Relay(self._service.ledger.jobs, self._service.dispatch)
        telling = threading.Thread(target=relay.run, args=(stop,), name="lookalike-relay", daemon=True)
        if self._service.dispatch.needs_relay:
            telling.start()
        feeding = Feeding(self._service.collections.names, self._feed)
        bringing = threading.Thread(target=feeding.run, args=(stop,), name="lookalike-feeding", daemon=True)
        if self._service.settings.vectors:
            bringing.start()
        with embedding_apart(concurrency=concurrency, bounds=bounds) as embed:
            self._worker(concurrency, embed).run(stop)
        for thread in (telling, bringing):
            if thread.is_alive():
                thread.join()

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

    def _lead_sweeping(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with Leader(self._service.settings.home / LOCK).lead(stop) as leads:
                    if leads:
                        self._sweep(stop)
            except StorageFailed as error:
                _log.warning("nothing is swept now, which is tried again in a minute: %s", error)
                stop.wait(SWEEP_EVERY_S)
            else:
                return

    def _lead_once(self, stop: threading.Event) -> None:
        with Leader(self._service.settings.home / LOCK).lead(stop) as leads:
            if not leads:
                return
            sweeping = threading.Thread(target=self._sweep, args=(stop,), name="lookalike-sweep", daemon=True)
            sweeping.start()
            self.work(stop)
            sweeping.join()

    def _worker(self, concurrency: int, embed: EmbedBytes) -> Worker:
        service, settings = self._service, self._service.settings
        verify = UploadVerifier(
            service.ledger,
            collection_of=service.collections.get,
            uploads_of=service.collections.uploads,
            tolerance=Tolerance(keep_below=settings.keep_below, quarantine_above=settings.quarantine_above),
            observe=service.metrics.upload_verified,
            embed=embed,
        )
        return Worker(
            service.ledger.jobs,
            service.dispatch,
            {VERIFY_UPLOAD: verify},
            name=f"service-{os.getpid()}",
            concurrency=concurrency,
            drain_s=settings.drain_s,
        )

    def _sweep(self, stop: threading.Event) -> None:
        service = self._service
        orphans = OrphanSweep(self._sweep_orphans_of, kept_s=KEPT_S)
        steps = (
            service.ledger.sweep,
            partial(end_given_up, service.ledger),  # before their jobs are forgotten
            service.ledger.jobs.sweep,
            partial(_sweep_uploads, service),
            self._sweep_uploads_of_gone,
            lambda now: service.collections.sweep(before=now - REMOVED_WITHIN_S),
            lambda now: orphans.go_on(service.collections.names(), now),
        )
        while not stop.wait(SWEEP_EVERY_S):
            for step in steps:
                _try(partial(step, time.time()))
        orphans.close()

    def _feed(self, name: str) -> bool:
        return self._service.collections.use(name, lambda opened: hosting(opened).feed())

    def _sweep_orphans_of(self, name: str, before: float) -> Iterator[list[Leftover]]:
        return hosting(self._service.collections.get(name)).sweep_orphans(before=before)

    def _sweep_uploads_of_gone(self, now: float) -> None:
        """Uploads of a collection that somebody has deleted by hand are held against nobody."""
        service = self._service
        gone = [name for name in service.ledger.holding() if service.collections.is_gone(name)]
        self._gone_since = {name: self._gone_since.get(name, now) for name in gone}
        for name, since in self._gone_since.items():
            if now - since >= GONE_FOR_S:
                end_gone(service.ledger, name, created_before=since)


def _sweep_uploads(service: Service, now: float) -> None:
    _try(lambda: sweep_uploads(service.ledger, service.collections.uploads, now))
    for name in service.collections.names():
        _try(partial(_sweep_staged, service, name))


def _sweep_staged(service: Service, name: str) -> None:
    sweep_staged(service.ledger, service.collections.uploads(name))


def _try(sweep: Callable[[], object]) -> None:
    """Whatever happens to one, the others come, and in a minute it does, too."""
    try:
        sweep()
    except LookalikeError as error:
        _log.warning("sweeping failed and is tried again in a minute: %s", error)
    except Exception:
        _log.exception("sweeping failed, which should not be, and is tried again in a minute")
