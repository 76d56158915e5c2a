"""Completing an upload: its bytes are there, and the picture goes in.

The steps, so that what was acknowledged is never lost and a repeated completion heals what a crash has cut off:

1. Everything that can be refused is refused; nothing has changed then.
2. The job is put in, keyed by the upload. It holds all that the completion said, so from here on the completion will be
   carried through: by the client that repeats it, or by the worker (`lookalike.worker.uploads`). Of two completions at
   the same time, that one counts whose job is there.
3. With a vector, the picture is taken in as provisional, unless the worker has begun with the job: that says so in the
   ledger before it looks at the catalog, and this looks into the ledger within the catalog's transaction.
4. The ledger says that the upload is completed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lookalike.collection import Collection
from lookalike.core.errors import BadInput, Conflict, ImageRefused, NotFound, UploadRefused
from lookalike.core.file_names import kept_name
from lookalike.core.records import Json, Metadata
from lookalike.ledger.base import Ledger, Upload, UploadState
from lookalike.objects.direct.base import DirectUploads
from lookalike.queue.base import Job, JobState, Queue
from lookalike.uploads.direct_upload import CheckedUpload

VERIFY_UPLOAD: Final = "verify_upload"
"""The kind of the job."""

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
    upload_id: str,
    *,
    ledger: Ledger,
    queue: Queue,
    collection: Collection,
    uploads: DirectUploads,
    owner: str,
    sha256: str,
    vector: ArrayLike | None,
    model: str | None,
    metadata: Mapping[str, Json],
    now: float | None = None,
) -> Completed:
    """Complete an upload. Idempotent: the same again gives the same.

    Args:
        upload_id: of the upload.
        ledger: knows it.
        queue: takes the job of verifying.
        collection: the upload's own.
        uploads: of that collection.
        owner: name of who completes it.
        sha256: of the bytes, said once more.
        vector: shape (D,), of length 1, that the client computed; None for none.
        model: id of the model by which it did.
        metadata: that the picture is to have; a new one has the name of the upload, too, where this says none.
        now: Unix time in seconds; None for the clock's.
    Raises:
        NotFound: when there is none, or it is another's.
        Conflict: `upload_completed`, when it was completed with something else.
        UploadRefused: `upload_expired`; `not_uploaded`; `hash_mismatch`, `size_mismatch`; `vector_not_unit`; `gave_up`,
            when the worker has tried in vain.
        ImageRefused: when the bytes are no picture that can be used; the upload has failed then.
        WrongModel, DimensionMismatch, BadVectors, BadInput: when the vector or the metadata cannot be used.
        Overloaded: when the queue is full.
        ReadOnly, Locked, StorageFailed: when something cannot be written; repeating it goes on.
    """
    said = _Completion(sha256, vector, model, dict(metadata))
    digest = _digest(said)
    upload = ledger.upload(upload_id)
    if upload.owner != owner:
        raise NotFound(f"there is no upload {upload_id}")
    if upload.state is not UploadState.WAITING:
        return _again(upload, said, digest)
    if (time.time() if now is None else now) >= upload.expires_at:
        raise _expired()
    checked = _checked(upload, said, digest, ledger=ledger, collection=collection, uploads=uploads)
    job = _put_job(upload, said, digest, queue, metadata=_with_name(said.metadata, upload, collection))
    if said.vector is not None:
        collection.add_provisional(
            checked, metadata=_metadata_of(job), claim=upload_id, if_still=lambda: _waits(upload_id, ledger)
        )
    return _acknowledged(upload, said, digest, job, ledger)


def completed_by(job: Job, upload: Upload, *, state: UploadState) -> Upload:
    """The upload's record once what its job says is so."""
    digest, metadata = job.payload["completion"], _metadata_of(job)
    if not isinstance(digest, str):
        raise _not_ours(job)
    return replace(upload, state=state, completion=digest, metadata=metadata, image_id=upload.sha256, job_id=job.id)


def as_told(upload: Upload, queue: Queue) -> Upload:
    """An upload as its owner is told of it: failed, with why and what to do, while its job is one that gave up.

    That is the job's to say, for it may be put in again; once that is no longer kept, nothing comes of it.
    """
    if upload.state.ended or upload.job_id is None:
        return upload
    try:
        job = queue.get(upload.job_id)
    except NotFound:
        detail = "it was given up, and nobody has put it in again: upload the picture again"
        return replace(upload, state=UploadState.FAILED, code=GAVE_UP, detail=detail)
    if job.state is not JobState.FAILED:
        return upload
    return replace(upload, state=UploadState.FAILED, code=job.code, detail=f"{job.detail}: {retry_advice(job)}")


def retry_advice(job: Job) -> str:
    """What to do about a job that failed."""
    return f"put it in again with POST /v1/jobs/{job.id}/retry or `lookalike jobs --retry {job.id}`"


def _metadata_of(job: Job) -> Metadata:
    """As the first of several completions had it."""
    metadata = job.payload["metadata"]
    if not isinstance(metadata, dict):
        raise _not_ours(job)
    return metadata


def _with_name(metadata: Metadata, upload: Upload, collection: Collection) -> Metadata:
    """The name that a new picture was announced with stays with it, where nobody says or has said another."""
    name = kept_name(upload.name)
    is_known = upload.sha256 in collection or collection.keeps_metadata_of(upload.sha256)
    return metadata if is_known or not name else {"name": name, **metadata}


def _digest(said: _Completion) -> str:
    try:
        return said.digest()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"expected a vector of numbers and metadata that are JSON: {error}") from error


def _again(upload: Upload, said: _Completion, digest: str) -> Completed:
    if upload.state is UploadState.EXPIRED:
        raise _expired()
    if upload.completion != digest:
        raise _completed_otherwise(upload)
    if upload.job_id is None:  # refused at the door
        raise ImageRefused(upload.detail, code=upload.code)
    return Completed(said.state, upload.sha256, upload.job_id)


def _checked(
    upload: Upload, said: _Completion, digest: str, *, ledger: Ledger, collection: Collection, uploads: DirectUploads
) -> CheckedUpload:
    if said.sha256 != upload.sha256:
        announced = f"expected the SHA-256 {upload.sha256}, as announced, got {said.sha256[:80]!r}"
        raise UploadRefused(announced, code="hash_mismatch")
    data = uploads.read(upload.id)
    try:
        return collection.check_upload(
            data, size_bytes=upload.size_bytes, sha256=upload.sha256, vector=said.vector, model=said.model
        )
    except ImageRefused as error:  # the bytes will never be others
        failed = replace(upload, state=UploadState.FAILED, completion=digest, code=error.code, detail=error.public)
        ledger.advance_upload(failed, only_from=(UploadState.WAITING, UploadState.FAILED))
        uploads.discard(upload.id)
        raise


def _put_job(upload: Upload, said: _Completion, digest: str, queue: Queue, *, metadata: Metadata) -> Job:
    job = queue.enqueue(
        VERIFY_UPLOAD,
        collection=upload.collection,
        payload={
            "upload_id": upload.id,
            "completion": digest,
            "claimed": said.vector is not None,
            "metadata": metadata,
        },
        owner=upload.owner,
        key=upload.id,
        delay_s=HEAD_START_S,
    )
    if job.payload.get("completion") != digest:
        raise _completed_otherwise(upload)
    if job.state is JobState.FAILED:
        raise UploadRefused(f"the upload was not taken in ({job.detail}): {retry_advice(job)}", code=GAVE_UP)
    return job


def _acknowledged(upload: Upload, said: _Completion, digest: str, job: Job, ledger: Ledger) -> Completed:
    try:
        ledger.advance_upload(completed_by(job, upload, state=said.state), only_from=(UploadState.WAITING,))
    except Conflict:  # the worker was quicker, or the same was said twice at the same time
        return _again(ledger.upload(upload.id), said, digest)
    return Completed(said.state, upload.sha256, job.id)


def _waits(upload_id: str, ledger: Ledger) -> bool:
    return ledger.upload(upload_id).state is UploadState.WAITING


def _expired() -> UploadRefused:
    return UploadRefused("the upload was not completed in time: ask for a new one", code="upload_expired")


def _not_ours(job: Job) -> BadInput:
    return BadInput(f"expected a job that `complete` has put in, got one with the payload {job.payload!r:.200}")


def _completed_otherwise(upload: Upload) -> Conflict:
    return Conflict(f"the upload {upload.id} was completed with something else", code="upload_completed")
