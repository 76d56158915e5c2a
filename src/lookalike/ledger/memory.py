"""The ledger that lives in memory: for tests, and for one process that may forget."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from collections.abc import Collection as Several
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import RLock
from typing import NamedTuple

from lookalike.jobs.base import JobChanges
from lookalike.jobs.memory import MemoryJobs
from lookalike.ledger.base import KeptReply, LedgerTransaction, Quota, ReplyQuota, Upload, UploadState
from lookalike.ledger.idempotency import Begun, ReplyRounds, reply_again, too_many
from lookalike.ledger.quota import check_quota
from lookalike.ledger.refusing import check_state, no_upload, upload_there
from lookalike.ledger.storable import KEPT_ENDED_S, KEPT_QUARANTINED_S, reply_bytes, upload_json, upload_of


class _Ticket(NamedTuple):
    principal: str
    expires_at: float


class _KeptUpload(NamedTuple):
    upload: Upload
    changed_at: float


@dataclass(frozen=True, slots=True)
class _Transaction:
    """See `lookalike.ledger.base.LedgerTransaction`; the ledger keeps everybody else out meanwhile."""

    jobs: JobChanges
    add_upload: Callable[..., None]
    upload: Callable[[str], Upload]
    advance_upload: Callable[..., Upload]
    keep_reply: Callable[..., KeptReply | None]


class MemoryLedger:
    """See `lookalike.ledger.base.Ledger`; of one process, and forgotten with it.

    Args:
        clock: Unix time in seconds; says when an upload ended.
        max_attempts, max_queued: as of `lookalike.jobs.memory.MemoryJobs`.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, max_attempts: int = 5, max_queued: int = 100_000
    ) -> None:
        self._clock = clock
        self._mutex = RLock()
        self._jobs = MemoryJobs(clock=clock, max_attempts=max_attempts, max_queued=max_queued, lock=self._mutex)
        self._uploads: dict[str, _KeptUpload] = {}  # oldest first
        self._begun: dict[str, Begun] = {}
        self._tickets: dict[str, _Ticket] = {}
        self._rounds = ReplyRounds()

    @property
    def jobs(self) -> MemoryJobs:
        """The jobs that are kept with it."""
        return self._jobs

    @contextmanager
    def transaction(self) -> Iterator[LedgerTransaction]:
        """Uploads and jobs change together; see `Ledger`. Whoever else asks waits until it has ended."""
        with self._mutex:
            before = dict(self._uploads), dict(self._begun)
            try:
                with self._jobs.transaction():
                    yield _Transaction(self._jobs, self._add, self._known_copy, self._advance, self._keep_reply)
            except BaseException:
                self._uploads, self._begun = before
                raise

    def add_upload(self, upload: Upload, *, quota: Quota | None = None) -> None:
        """Remember a new upload; see `UploadChanges`."""
        self._add(upload, quota=quota)

    def upload(self, upload_id: str) -> Upload:
        """Look one up."""
        return self._known_copy(upload_id)

    def advance_upload(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        """Put a changed record in the place of the old one, in one step; see `UploadChanges`."""
        return self._advance(upload, only_from=only_from)

    def uploads(self, collection: str, *, state: UploadState | None = None, limit: int = 200) -> list[Upload]:
        """The newest uploads of a collection first."""
        with self._mutex:
            found = (
                _copy(kept.upload)
                for kept in reversed(self._uploads.values())
                if kept.upload.collection == collection and state in (None, kept.upload.state)
            )
            return list(itertools.islice(found, max(0, limit)))

    def expired_uploads(self, now: float, *, limit: int = 200) -> list[Upload]:
        """Uploads that still wait though their time is over, oldest first."""
        with self._mutex:
            found = (
                _copy(kept.upload)
                for kept in self._uploads.values()
                if kept.upload.state is UploadState.WAITING and kept.upload.expires_at <= now
            )
            return list(itertools.islice(found, max(0, limit)))

    def holding(self) -> list[str]:
        """Names of collections of which uploads hold something, sorted."""
        with self._mutex:
            uploads = [kept.upload for kept in self._uploads.values()]
            return sorted({upload.collection for upload in uploads if upload.state.holds_bytes})

    def end_uploads(self, collection: str, *, created_before: float, code: str, detail: str) -> int:
        """Say of the uploads of a collection that is gone that nothing comes of them; see `Ledger`."""
        with self._mutex:
            unfinished = [
                kept.upload
                for kept in self._uploads.values()
                if kept.upload.collection == collection
                and kept.upload.state.holds_bytes
                and kept.upload.created_at < created_before
            ]
            for one in unfinished:
                failed = replace(one, state=UploadState.FAILED, code=code, detail=detail)
                self._uploads[one.id] = _KeptUpload(failed, self._clock())
            return len(unfinished)

    def begin(
        self, key: str, *, caller: str, body_hash: str, holder: str, expires_at: float, now: float | None = None
    ) -> KeptReply | None:
        """Begin what an idempotency key stands for, or give the reply that was given; see `Ledger`."""
        with self._mutex:
            now = self._clock() if now is None else now
            reply = reply_again(self._begun.get(key), body_hash=body_hash, now=now)
            if reply is None:
                self._begun[key] = Begun(body_hash, holder, now, expires_at, caller=caller)
            return reply

    def renew(self, key: str, *, holder: str, now: float | None = None) -> None:
        """Say that what was begun goes on; see `Ledger`."""
        with self._mutex:
            if self._is_begun_by(key, holder):
                self._begun[key] = replace(self._begun[key], begun_at=self._clock() if now is None else now)

    def finish(self, key: str, reply: KeptReply, *, holder: str, quota: ReplyQuota | None = None) -> None:
        """Keep the reply of what was begun; see `Ledger`."""
        with self._mutex:
            if self._is_begun_by(key, holder):
                self._finish(key, reply, quota)

    def abandon(self, key: str, *, holder: str) -> None:
        """Forget what was begun, so that it may be tried again. Idempotent."""
        with self._mutex:
            if self._is_begun_by(key, holder):
                del self._begun[key]

    def put_ticket(self, digest: str, *, principal: str, expires_at: float) -> None:
        """Keep a ticket: only its SHA-256, and for whom it stands (JSON)."""
        with self._mutex:
            self._tickets[digest] = _Ticket(principal, expires_at)

    def take_ticket(self, digest: str, *, now: float) -> str | None:
        """Use a ticket up; None where there is none, or its time is over."""
        with self._mutex:
            ticket = self._tickets.pop(digest, None)
        return ticket.principal if ticket is not None and now < ticket.expires_at else None

    def sweep(self, now: float) -> None:
        """Delete what has expired; see `Ledger`."""
        with self._mutex:
            self._begun = {key: begun for key, begun in self._begun.items() if begun.expires_at > now}
            self._tickets = {digest: ticket for digest, ticket in self._tickets.items() if ticket.expires_at > now}
            self._uploads = {
                upload_id: kept
                for upload_id, kept in self._uploads.items()
                if not (kept.upload.state.ended and kept.changed_at < now - _kept_s(kept.upload.state))
            }

    def close(self) -> None:
        """There is nothing to let go of."""

    def _keep_reply(
        self,
        key: str,
        reply: KeptReply,
        *,
        caller: str,
        body_hash: str,
        expires_at: float,
        quota: ReplyQuota | None = None,
    ) -> KeptReply | None:
        before = self.begin(key, caller=caller, body_hash=body_hash, holder="", expires_at=expires_at)
        if before is None:
            self._finish(key, reply, quota)
        return before

    def _finish(self, key: str, reply: KeptReply, quota: ReplyQuota | None) -> None:
        begun = self._begun[key]
        self._begun[key] = replace(begun, reply=replace(reply, headers=dict(reply.headers)))
        if quota is not None and self._rounds.is_due(begun.caller, reply_bytes(reply), quota):
            for gone in too_many(self._replies_of(begun.caller), quota):
                del self._begun[gone]

    def _replies_of(self, caller: str) -> list[tuple[str, int]]:
        theirs = [
            (begun.begun_at, key, reply_bytes(begun.reply))
            for key, begun in self._begun.items()
            if begun.caller == caller and begun.reply is not None
        ]
        return [(key, size_bytes) for _, key, size_bytes in sorted(theirs, reverse=True)]

    def _add(self, upload: Upload, *, quota: Quota | None = None) -> None:
        upload = _copy(upload)
        with self._mutex:
            if quota is not None:
                theirs = [kept.upload for kept in self._uploads.values() if kept.upload.owner == upload.owner]
                counted = [one.size_bytes for one in theirs if one.state.holds_bytes]
                check_quota(upload, quota, uploads=len(counted), size_bytes=sum(counted))
            if upload.id in self._uploads:
                raise upload_there(upload.id)
            self._uploads[upload.id] = _KeptUpload(upload, self._clock())

    def _known_copy(self, upload_id: str) -> Upload:
        with self._mutex:
            return _copy(self._find(upload_id))

    def _advance(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        upload = _copy(upload)
        with self._mutex:
            check_state(upload.id, self._find(upload.id).state, only_from=only_from)
            self._uploads[upload.id] = _KeptUpload(upload, self._clock())
        return _copy(upload)

    def _is_begun_by(self, key: str, holder: str) -> bool:
        begun = self._begun.get(key)
        return begun is not None and begun.reply is None and begun.holder == holder

    def _find(self, upload_id: str) -> Upload:
        kept = self._uploads.get(upload_id)
        if kept is None:
            raise no_upload(upload_id)
        return kept.upload


def _kept_s(state: UploadState) -> float:
    return KEPT_QUARANTINED_S if state is UploadState.QUARANTINED else KEPT_ENDED_S


def _copy(upload: Upload) -> Upload:
    return upload_of(upload_json(upload))
