"""The ledger that lives in memory: for tests, and for one process that may forget."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from collections.abc import Collection as Several
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

from lookalike.core.errors import Conflict, NotFound
from lookalike.ledger.base import KeptReply, Quota, Upload, UploadState
from lookalike.ledger.idempotency import Begun, reply_again
from lookalike.ledger.quota import check_quota
from lookalike.ledger.storable import KEPT_ENDED_S, KEPT_QUARANTINED_S, upload_json, upload_of


class _Ticket(NamedTuple):
    principal: str
    expires_at: float


class _KeptUpload(NamedTuple):
    upload: Upload
    changed_at: float


class MemoryLedger:
    """See `lookalike.ledger.base.Ledger`; of one process, and forgotten with it.

    Args:
        clock: Unix time in seconds; says when an upload ended.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._mutex = Lock()
        self._uploads: dict[str, _KeptUpload] = {}  # oldest first
        self._begun: dict[str, Begun] = {}
        self._tickets: dict[str, _Ticket] = {}

    def add_upload(self, upload: Upload, *, quota: Quota | None = None) -> None:
        """Remember a new upload; see `Ledger`."""
        upload = _copy(upload)
        with self._mutex:
            if quota is not None:
                theirs = [kept.upload for kept in self._uploads.values() if kept.upload.owner == upload.owner]
                held = [one.size_bytes for one in theirs if one.state.holds_bytes]
                check_quota(upload, quota, uploads=len(held), size_bytes=sum(held))
            if upload.id in self._uploads:
                raise Conflict(f"there is an upload {upload.id!r} already")
            self._uploads[upload.id] = _KeptUpload(upload, self._clock())

    def upload(self, upload_id: str) -> Upload:
        """Look one up."""
        with self._mutex:
            return _copy(self._known(upload_id))

    def advance_upload(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        """Put a changed record in the place of the old one, in one step, if that stands in one of the states given."""
        upload = _copy(upload)
        with self._mutex:
            state = self._known(upload.id).state
            if state not in only_from:
                raise Conflict(f"the upload {upload.id!r} is {state} already", code="upload_state")
            self._uploads[upload.id] = _KeptUpload(upload, self._clock())
        return _copy(upload)

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
            held = [
                kept.upload
                for kept in self._uploads.values()
                if kept.upload.collection == collection
                and kept.upload.state.holds_bytes
                and kept.upload.created_at < created_before
            ]
            for one in held:
                failed = replace(one, state=UploadState.FAILED, code=code, detail=detail)
                self._uploads[one.id] = _KeptUpload(failed, self._clock())
            return len(held)

    def begin(self, key: str, *, body_hash: str, holder: str, now: float, expires_at: float) -> KeptReply | None:
        """Begin what an idempotency key stands for, or give the reply that was given; see `Ledger`."""
        with self._mutex:
            reply = reply_again(self._begun.get(key), body_hash=body_hash, now=now)
            if reply is None:
                self._begun[key] = Begun(body_hash, holder, now, expires_at)
            return reply

    def renew(self, key: str, *, holder: str, now: float) -> None:
        """Say that what was begun goes on; see `Ledger`."""
        with self._mutex:
            if self._is_held(key, holder):
                self._begun[key] = replace(self._begun[key], begun_at=now)

    def finish(self, key: str, reply: KeptReply, *, holder: str) -> None:
        """Keep the reply of what was begun."""
        with self._mutex:
            if self._is_held(key, holder):
                self._begun[key] = replace(self._begun[key], reply=replace(reply, headers=dict(reply.headers)))

    def abandon(self, key: str, *, holder: str) -> None:
        """Forget what was begun, so that it may be tried again. Idempotent."""
        with self._mutex:
            if self._is_held(key, holder):
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

    def _is_held(self, key: str, holder: str) -> bool:
        begun = self._begun.get(key)
        return begun is not None and begun.reply is None and begun.holder == holder

    def _known(self, upload_id: str) -> Upload:
        kept = self._uploads.get(upload_id)
        if kept is None:
            raise NotFound(f"there is no upload {upload_id!r} (any more)")
        return kept.upload


def _kept_s(state: UploadState) -> float:
    return KEPT_QUARANTINED_S if state is UploadState.QUARANTINED else KEPT_ENDED_S


def _copy(upload: Upload) -> Upload:
    return upload_of(upload_json(upload))
