"""Completing an upload: its bytes are there, and the picture goes in.

The steps, so that what was acknowledged is never lost:

1. Everything that can be refused is refused; nothing has changed then.
2. In one transaction of the ledger the upload advances to `queued`, its job is put in, and the outbox tells of that. Of
   two completions at the same time one does this. From here on the picture will be taken in, whatever is killed.
3. With a vector, the picture is taken into the catalog as provisional, unless a worker has begun with the job: that
   claims the job before it looks at the catalog, and this looks at the job within the catalog's transaction.
4. The ledger says that the upload is provisional: that its picture was in the catalog, so that one that is missing
   there later was removed. What else is to be kept of the completion, such as its reply, is kept with that.

The catalog is another database, so 2, 3 and 4 can be cut off from each other. Who repeats the completion goes on with
3; where nobody does, the worker takes in what is not there (`lookalike.worker.uploads`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lookalike.collection import Collection
from lookalike.collection.hosting import hosting
from lookalike.core.errors import BadInput, Conflict, ImageRefused, NotFound, UploadRefused
from lookalike.core.file_names import clean_name
from lookalike.core.records import Json, Metadata
from lookalike.jobs.base import Job, Jobs, JobState
from lookalike.ledger.base import Ledger, LedgerTransaction, Upload, UploadState
from lookalike.objects.uploads import DirectUploads, Proving
from lookalike.uploads.direct_upload import CheckedUpload

VERIFY_UPLOAD: Final = "verify_upload"
"""The kind of the job."""

UPLOAD_STATE: Final = "upload_state"
"""The code of `Ledger.advance_upload`, where an upload stands in none of the states given."""

GAVE_UP: Final = "gave_up"
"""The code of what the worker has tried in vain."""

HEAD_START_S = 0.5
"""How long the worker waits with the job, so that it mostly finds the completion done."""


class Completed(NamedTuple):
    """The reply to a completion, the same however often it is repeated.

    Attributes:
        state: `provisional` where there is a vector to compare, else `queued`.
        image_id: the picture.
        job_id: of the job that embeds it.
    """

    state: UploadState
    image_id: str
    job_id: str


Also = Callable[[LedgerTransaction, Completed], None]
"""Keeps more, in a transaction of the ledger, of what was completed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Completion:
    """What the client said."""

    sha256: str
    vector: ArrayLike | None
    model: str | None
    metadata: Metadata

    @property
    def state(self) -> UploadState:
        return UploadState.QUEUED if self.vector is None else UploadState.PROVISIONAL

    def digest(self) -> str:
        """SHA-256 of all of it."""
        vector = None if self.vector is None else np.asarray(self.vector, "<f4").tobytes().hex()
        said = [self.sha256, vector, self.model, self.metadata]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def complete(
    upload: Upload,
    *,
    ledger: Ledger,
    collection: Collection,
    uploads: DirectUploads,
    sha256: str,
    vector: ArrayLike | None,
    model: str | None,
    metadata: Mapping[str, Json],
    now: float | None = None,
    also: Also | None = None,
) -> Completed:
    """Complete an upload. Idempotent: the same again gives the same.

    Args:
        upload: as the ledger has just said that it stands; that it is the caller's is known.
        ledger: knows it, and takes the job of verifying.
        collection: the upload's own.
        uploads: of that collection.
        sha256: of the bytes, said once more.
        vector: shape (D,), of length 1, that the client computed; None for none.
        model: id of the model by which it did.
        metadata: that the picture is to have; a new one has the name of the upload, too, where this says none.
        now: Unix time in seconds; None for the clock's.
        also: what else the ledger keeps, in its last transaction about this; not where nothing was left to be done.
    Raises:
        Conflict: `upload_completed`, when it was completed with something else.
        UploadRefused: `upload_expired`; `not_uploaded`; `hash_mismatch`, `size_mismatch`; `vector_not_unit`.
        ImageRefused: when the bytes are no picture that can be used; the upload has failed then.
        WrongModel, DimensionMismatch, BadVectors, BadInput: when the vector or the metadata cannot be used.
        Overloaded: when too many jobs wait.
        ReadOnly, Locked, StorageFailed: when something cannot be written; repeating it goes on.
    """
    said = _Completion(sha256, vector, model, dict(metadata))
    digest = _digest(said)
    if upload.state is not UploadState.WAITING:
        return _complete_again(upload, said, digest, ledger=ledger, collection=collection, uploads=uploads)
    if (time.time() if now is None else now) >= upload.expires_at:
        raise _expired_error()
    try:
        checked = _check(upload, said, collection=collection, uploads=uploads)
    except ImageRefused as error:  # the bytes will never be others
        failed = replace(upload, state=UploadState.FAILED, completion=digest, code=error.code, detail=error.public)
        ledger.advance_upload(failed, only_from=(UploadState.WAITING, UploadState.FAILED))
        uploads.discard(upload.id)
        raise
    metadata = _with_name(said.metadata, upload, collection)
    try:
        upload = _put_job_in(upload, said, digest, ledger, metadata=metadata, also=also if vector is None else None)
    except Conflict as error:
        if error.code != UPLOAD_STATE:
            raise
        now_it_is = ledger.upload(upload.id)  # somebody was quicker
        return _complete_again(now_it_is, said, digest, ledger=ledger, collection=collection, uploads=uploads)
    if vector is not None:
        _take_in(upload, checked, ledger=ledger, collection=collection, also=also)
    return _again(upload, said, digest)


def _complete_again(
    upload: Upload,
    said: _Completion,
    digest: str,
    *,
    ledger: Ledger,
    collection: Collection,
    uploads: DirectUploads,
) -> Completed:
    """Go on with what a completion has left, or tell what came of it."""
    done = _again(upload, said, digest)
    if said.vector is not None and _is_unbegun(upload, ledger):
        with suppress(UploadRefused):  # a worker has just done it, and let go of the bytes
            checked = _check(upload, said, collection=collection, uploads=uploads)
            _take_in(upload, checked, ledger=ledger, collection=collection)
    return done


def as_told(upload: Upload, jobs: Jobs) -> Upload:
    """An upload as its owner is told of it: failed, with why and what to do, while its job is one that gave up.

    That is the job's to say, for it may be put in again; once that is no longer kept, nothing comes of it.
    """
    if upload.state.ended or upload.job_id is None:
        return upload
    try:
        job = jobs.get(upload.job_id)
    except NotFound:
        detail = "it was given up, and nobody has put it in again: upload the picture again"
        return replace(upload, state=UploadState.FAILED, code=GAVE_UP, detail=detail)
    if job.state is not JobState.FAILED:
        return upload
    return replace(upload, state=UploadState.FAILED, code=job.code, detail=f"{job.detail}: {retry_advice(job)}")


def retry_advice(job: Job) -> str:
    """What to do about a job that failed."""
    return f"put it in again with POST /v1/jobs/{job.id}/retry or `lookalike jobs --retry {job.id}`"


def _with_name(metadata: Metadata, upload: Upload, collection: Collection) -> Metadata:
    """The name that a new picture was announced with stays with it, where nobody says or has said another."""
    name = clean_name(upload.name)
    if not name or "name" in metadata:
        return metadata
    is_known = upload.sha256 in collection or collection.pictures.is_remembered(upload.sha256)
    return metadata if is_known else {"name": name, **metadata}


def _digest(said: _Completion) -> str:
    try:
        return said.digest()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"expected a vector of numbers and metadata that are JSON: {error}; repeat it with such JSON"
        ) from error


def _again(upload: Upload, said: _Completion, digest: str) -> Completed:
    if upload.state is UploadState.EXPIRED:
        raise _expired_error()
    if upload.completion != digest:
        raise _conflict(upload)
    if upload.job_id is None:  # refused at the door
        raise ImageRefused(upload.detail, code=upload.code)
    return Completed(said.state, upload.sha256, upload.job_id)


def _check(upload: Upload, said: _Completion, *, collection: Collection, uploads: DirectUploads) -> CheckedUpload:
    if said.sha256 != upload.sha256:
        raise UploadRefused(
            f"expected the SHA-256 {upload.sha256}, as announced, got {said.sha256[:80]!r}; complete it with that of "
            "the bytes, or begin another upload",
            code="hash_mismatch",
        )
    proven = uploads.proven(upload.id, sha256=upload.sha256) if isinstance(uploads, Proving) else None
    return hosting(collection).check_upload(
        uploads.read(upload.id) if proven is None else proven,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        vector=said.vector,
        model=said.model,
    )


def _put_job_in(
    upload: Upload, said: _Completion, digest: str, ledger: Ledger, *, metadata: Metadata, also: Also | None
) -> Upload:
    """The upload's record once it is queued.

    Raises:
        Conflict: `upload_state`, when somebody was quicker; nothing is changed then.
    """
    with ledger.transaction() as transaction:
        job = transaction.jobs.enqueue(
            VERIFY_UPLOAD,
            collection=upload.collection,
            payload={"upload_id": upload.id, "claimed": said.vector is not None},
            owner=upload.owner,
            delay_s=HEAD_START_S,
        )
        queued = replace(
            upload,
            state=UploadState.QUEUED,
            completion=digest,
            metadata=metadata,
            image_id=upload.sha256,
            job_id=job.id,
        )
        queued = transaction.advance_upload(queued, only_from=(UploadState.WAITING,))
        if also is not None:
            also(transaction, Completed(said.state, upload.sha256, job.id))
        return queued


def _take_in(
    upload: Upload, checked: CheckedUpload, *, ledger: Ledger, collection: Collection, also: Also | None = None
) -> None:
    """As provisional, unless a worker has begun to do what is better; and say so. Idempotent."""
    is_in = hosting(collection).add_provisional(
        checked, metadata=upload.metadata, claim=upload.id, if_still=lambda: _is_unbegun(upload, ledger)
    )
    if not is_in:
        return
    with suppress(Conflict), ledger.transaction() as transaction:  # verified meanwhile
        transaction.advance_upload(replace(upload, state=UploadState.PROVISIONAL), only_from=(UploadState.QUEUED,))
        if also is not None:
            also(transaction, Completed(UploadState.PROVISIONAL, upload.sha256, str(upload.job_id)))


def _is_unbegun(upload: Upload, ledger: Ledger) -> bool:
    """Whether no worker has ever claimed the job of an upload that is queued."""
    if upload.state is not UploadState.QUEUED or upload.job_id is None:
        return False
    job = ledger.jobs.get(upload.job_id)
    return job.state is JobState.QUEUED and job.lease == 0


def _expired_error() -> UploadRefused:
    return UploadRefused("the upload was not completed in time: ask for a new one", code="upload_expired")


def _conflict(upload: Upload) -> Conflict:
    return Conflict(
        f"expected the upload {upload.id} to be completed once, but it was completed with something "
        "else; ask for a new upload",
        code="upload_completed",
    )
