"""What the service asks itself before it says that it can work: its disk, its key, its servers, who leads."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lookalike.core.errors import ReadOnly, ServiceDown, StorageFailed
from lookalike.jobs.base import Jobs
from lookalike.service.context import Service
from lookalike.service.leader import LOCK, SILENT_S
from lookalike.service.signing_key import SigningKey
from lookalike.service.threads import Threads

STALLED_S = 60.0
"""So long a job may be due while none is done."""

_PROBE_BYTES = 4_096
_IS_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def watch(service: Service, key: SigningKey) -> None:
    """Have the health of a service ask its parts."""
    health, settings = service.health, service.settings
    health.add("jobs", partial(_answers, service.ledger.jobs.facts))
    health.add("ledger", partial(_answers, partial(service.ledger.expired_uploads, 0.0, limit=1)))
    health.add("access", service.access.check_ready)
    health.add("disk", partial(check_disk, settings.home))
    health.add("signing key", key.check)
    if settings.run_worker:
        health.add("leader", partial(check_leader, settings.home / LOCK, since=time.time()))
        health.add("worker", partial(check_worker, service.ledger.jobs))
    for name, check in service.collections.checks().items():
        health.add(name, partial(_answers, check))
    if settings.broker:
        health.add("broker", service.dispatch.check, is_only_told=True)  # workers look by themselves, too
    for name in settings.collections:
        glance = partial(service.collections.glance, name)  # there may be more of them than are kept open
        health.add(f"collection {name}", partial(_answers, glance), part="collections")
    health.watch_saturation("embedding", lambda: service.embedding.saturated)
    health.watch_saturation("searches", lambda: service.searches.saturated)
    for name, threads in kinds(service).items():
        # strangers can fill these, and would keep everybody away from every machine
        is_only_told = threads in (service.fetches, service.credentials)
        health.watch_saturation(name, partial(_is_saturated, threads), is_only_told=is_only_told)


def kinds(service: Service) -> dict[str, Threads]:
    """The threads for each kind of work, by name."""
    return {
        "threads": service.threads,
        "writes": service.writes,
        "books": service.books,
        "fetches": service.fetches,
        "files": service.files,
        "parsing": service.parsing,
        "credentials": service.credentials,
    }


def check_disk(folder: Path) -> None:
    """Whether something can be written there.

    Raises:
        StorageFailed: when the disk is full or fails.
        ReadOnly: when nothing may be written.
    """
    probe = folder / f".ready.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        try:
            probe.write_bytes(b"\0" * _PROBE_BYTES)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        kind = ReadOnly if error.errno in _IS_READ_ONLY else StorageFailed
        raise kind(
            f"{folder}: nothing can be written ({error.strerror}); make room there, or repair its permissions"
        ) from error


def check_leader(path: Path, *, since: float) -> None:
    """Whether the process that leads gives signs of life.

    Args:
        path: of its lock file, which it touches.
        since: Unix time of the start of this process, before which there may have been none.
    Raises:
        ServiceDown: when it has been silent for too long.
    """
    try:
        last = max(since, path.stat().st_mtime)
    except OSError:
        last = since
    if time.time() - last > SILENT_S:
        raise ServiceDown(
            f"expected a process to lead, but none has given a sign for {time.time() - last:.0f} s and it "
            "may hang; restart the service"
        )


def check_worker(jobs: Jobs) -> None:
    """Whether jobs that are due are done by somebody.

    Raises:
        ServiceDown: when they are not.
    """
    facts = jobs.facts()
    if facts.running == 0 and facts.oldest_s > STALLED_S:
        raise ServiceDown(
            f"expected jobs to be done, but they have been due for {facts.oldest_s:.0f} s; start a worker "
            "with `lookalike worker`"
        )


def _is_saturated(threads: Threads) -> bool:
    return threads.saturated


def _answers(question: Callable[[], object]) -> None:
    """Raises what asking raises; the answer does not matter."""
    question()
