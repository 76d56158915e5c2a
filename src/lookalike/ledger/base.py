"""The promise of a ledger: what the service has to remember, shared by all of its processes.

Jobs are kept with it, so that an upload and the job about it change in one transaction: neither is there without the
other, whatever is killed. Pictures are not: a catalog is a database of its own, often another file, and nothing commits
with both. What is done to a picture is therefore a job that may be done again, and the ledger says first what is to be
done (`lookalike.worker.completing`), so that what a crash cuts off between the two is done by whoever looks next.
"""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from lookalike.core.records import Metadata
from lookalike.jobs.base import JobChanges, Jobs


class UploadState(StrEnum):
    """How an upload stands."""

    WAITING = "waiting"
    """For its bytes, or for its completion."""
    PROVISIONAL = "provisional"
    """Found by the vector that the client said; not compared yet."""
    QUEUED = "queued"
    """To be embedded; the client said no vector."""
    KEPT = "kept"
    """The client's vector was near enough to ours."""
    REPLACED = "replaced"
    """Ours took the place of the client's vector."""
    QUARANTINED = "quarantined"
    """The client's vector was so far off that the picture was taken out; its bytes are kept for a look."""
    STORED = "stored"
    """Embedded by us; there was no client's vector."""
    FAILED = "failed"
    """The bytes turned out not to be a picture that can be used, or their storage failed."""
    EXPIRED = "expired"
    """Never completed in time."""

    @property
    def holds_bytes(self) -> bool:
        """Whether bytes of it are kept, or room for them: those count against their owner's quota."""
        return not self.ended or self is UploadState.QUARANTINED

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self not in (UploadState.WAITING, UploadState.PROVISIONAL, UploadState.QUEUED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload under way or done.

    Attributes:
        id: random, 32 lower-case hexadecimal digits.
        collection: name.
        owner: name of who asked for it; nobody else may complete it.
        state: how it stands.
        size_bytes, content_type, sha256: as announced.
        name: of the file, as announced; for people, never a path here.
        created_at, expires_at: Unix time in seconds.
        browser: family of the client's browser, such as `chrome`; `other` where that is not known. For metrics.
        completion: SHA-256 of the completion's body, so that a replay is told from another one; None before.
        metadata: that the picture is to have.
        image_id: the picture; None before completion.
        job_id: of the job that compares or embeds; None before.
        distance: cosine distance between the client's vector and ours, 0 to 2; None where not known.
        code, detail: why it failed or was quarantined; '' where it was not.
    """

    id: str
    collection: str
    owner: str
    state: UploadState
    size_bytes: int
    content_type: str
    sha256: str
    name: str
    created_at: float
    expires_at: float
    browser: str = "other"
    completion: str | None = None
    metadata: Metadata = field(default_factory=dict)
    image_id: str | None = None
    job_id: str | None = None
    distance: float | None = None
    code: str = ""
    detail: str = ""


class Quota(NamedTuple):
    """How much the uploads of one owner may hold together, see `UploadState.holds_bytes`.

    Attributes:
        uploads: so many.
        size_bytes: so many bytes, as announced.
    """

    uploads: int
    size_bytes: int


class ReplyQuota(NamedTuple):
    """How much is kept of the replies to one caller's idempotency keys.

    Attributes:
        replies: so many.
        size_bytes: so many bytes of bodies and headers.
    """

    replies: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A reply that is given again for the same idempotency key.

    Attributes:
        status: of HTTP.
        headers: those worth repeating.
        body: as it was sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class UploadChanges(Protocol):
    """What is done to uploads. A call is durable when it returns, or, within a transaction, when that is committed."""

    def add_upload(self, upload: Upload, *, quota: Quota | None = None) -> None:
        """Remember a new upload.

        Args:
            upload: the whole of it.
            quota: of its owner, all uploads together, this one, too; None for none.
        Raises:
            Conflict: when there is one of that id.
            QuotaExceeded: when it would be more; nothing is remembered then.
            BadInput: when its metadata are no JSON.
        """
        ...

    def upload(self, upload_id: str) -> Upload:
        """Look one up.

        Raises:
            NotFound: when there is none.
        """
        ...

    def advance_upload(self, upload: Upload, *, only_from: Several[UploadState]) -> Upload:
        """Put a changed record in the place of the old one, in one step, if that stands in one of the states given.

        Returns:
            the record as it is now.
        Raises:
            NotFound: when there is none.
            Conflict: `upload_state` when it stands in another state; nothing is changed then.
            BadInput: when its metadata are no JSON.
        """
        ...


class LedgerTransaction(UploadChanges, Protocol):
    """What is done within it is committed together, durably, or not at all; what it reads includes what it has done."""

    @property
    def jobs(self) -> JobChanges:
        """The jobs, within the same transaction."""
        ...

    def keep_reply(
        self,
        key: str,
        reply: KeptReply,
        *,
        caller: str,
        body_hash: str,
        expires_at: float,
        quota: ReplyQuota | None = None,
    ) -> KeptReply | None:
        """Keep the reply to all that this transaction does: as `Ledger.begin` and `finish`, and nobody sees it run.

        Args:
            key: as of `Ledger.begin`.
            reply: to be given again.
            caller: as of `Ledger.begin`.
            body_hash: likewise.
            expires_at: likewise.
            quota: as of `Ledger.finish`.
        Returns:
            None: it is kept once this is committed; else the reply that was given before, and what it is the reply to
            is not to be done again.
        Raises:
            Conflict: as of `Ledger.begin`; nothing of this is kept then.
        """
        ...


class Ledger(UploadChanges, Protocol):
    """Safe to use from many threads and processes.

    What is kept on a disk that fails, or elsewhere, can fail at any call, also one of its jobs: with `Locked`, when
    others keep it for too long, `StorageFailed`, `ReadOnly` or `DeadlineExceeded`, of which nothing remains; and with
    `ServiceDown`, when there is no answer, of which something may remain: the same again is to be done only where that
    is doing it once, as all that the service and its workers do is.
    """

    @property
    def jobs(self) -> Jobs:
        """The jobs that are kept with it."""
        ...

    def transaction(self) -> AbstractContextManager[LedgerTransaction]:
        """Uploads and jobs change together: committed when the block ends, undone where it raises.

        What is read in it is what it changes: where another changes that meanwhile, one of both waits, or raises Locked
        and is begun anew. It does not call the ledger itself, and nothing that waits for anything else.
        """
        ...

    def uploads(self, collection: str, *, state: UploadState | None = None, limit: int = 200) -> list[Upload]:
        """The newest uploads of a collection first."""
        ...

    def expired_uploads(self, now: float, *, limit: int = 200) -> list[Upload]:
        """Uploads that still wait though their time is over, oldest first."""
        ...

    def holding(self) -> list[str]:
        """Names of collections of which uploads hold something, sorted; see `UploadState.holds_bytes`."""
        ...

    def end_uploads(self, collection: str, *, created_before: float, code: str, detail: str) -> int:
        """Say of the uploads of a collection that is gone that nothing comes of them, and nothing of them is held.

        Args:
            collection: name of it; there may be another of that name by now.
            created_before: Unix time in seconds; what was asked for later is another's.
            code: why they failed.
            detail: the same for people.
        Returns:
            how many held something.
        """
        ...

    def begin(
        self, key: str, *, caller: str, body_hash: str, holder: str, expires_at: float, now: float | None = None
    ) -> KeptReply | None:
        """Begin what an idempotency key stands for.

        Args:
            key: of the caller and the route, too, so that two callers never meet.
            caller: by whom its reply counts, see `ReplyQuota`.
            body_hash: SHA-256 of the request.
            holder: of the key from now on; different for any two that begin.
            expires_at: until when the reply is kept, Unix time in seconds; from then on the key counts as new.
            now: Unix time in seconds; by the ledger's own clock if None, which is the same for all who share it.
        Returns:
            None: it is yours to do: `renew` must follow at least every 30 s, and `finish` or `abandon` in the end; else
            the reply that was given.
        Raises:
            Conflict: `idempotency_mismatch` for another request under the same key, `idempotency_running` while the
                first is not finished, with the time when it counts as abandoned: 30 s after it was begun or renewed.
        """
        ...

    def renew(self, key: str, *, holder: str, now: float | None = None) -> None:
        """Say that what was begun goes on; does nothing where the key is another's by now. `now` as of `begin`."""
        ...

    def finish(self, key: str, reply: KeptReply, *, holder: str, quota: ReplyQuota | None = None) -> None:
        """Keep the reply of what this holder began; the first one stays, and nothing is kept of others.

        Args:
            key: as for `begin`.
            reply: to be given again.
            holder: who began.
            quota: of the caller; None for none. Where the replies of one are more, those of what was begun longest ago
                are forgotten first, with their keys: the same request counts as new then. What runs is not. It is not
                looked at each time (`lookalike.ledger.idempotency.ReplyRounds`), so that a little more may be kept.
        """
        ...

    def abandon(self, key: str, *, holder: str) -> None:
        """Forget what this holder began, so that it may be tried again; a reply that is kept stays. Idempotent."""
        ...

    def put_ticket(self, digest: str, *, principal: str, expires_at: float) -> None:
        """Keep a ticket: only its SHA-256, and for whom it stands (JSON)."""
        ...

    def take_ticket(self, digest: str, *, now: float) -> str | None:
        """Use a ticket up.

        Returns:
            for whom it stands, once, before it expires; None ever after, also when two ask at the same time.
        """
        ...

    def sweep(self, now: float) -> None:
        """Delete what has expired: keys, tickets, and uploads that ended more than 7 days ago; if quarantined, 30."""
        ...

    def close(self) -> None:
        """Let go of files. Idempotent."""
        ...
