"""The worker's part of uploads: verifying those that were completed, and sweeping up those that never were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lookalike.collection import Collection
from lookalike.core.errors import Conflict, NoCollection, NotFound, UploadRefused
from lookalike.core.records import Json
from lookalike.ledger.awaited import is_awaited
from lookalike.ledger.base import Ledger, Upload, UploadState
from lookalike.objects.direct.base import DirectUploads
from lookalike.queue.base import Job, JobState, Queue
from lookalike.queue.transitions import KEPT_FAILED_S
from lookalike.uploads.verify_upload import Tolerance, UploadedPicture, Verification
from lookalike.worker.completing import VERIFY_UPLOAD, completed_by

GRACE_S = 60.0
"""How long an upload whose time is over is left alone, so that a completion that began in time can end."""

Observe = Callable[[str, str, float | None], None]
"""Told the outcome, the family of the client's browser, and the cosine distance, if there is one."""


class UploadVerifier:
    """The handler of jobs of the kind `verify_upload`; may be called again for one that was done.

    Args:
        ledger: of the uploads.
        collection_of: opens a collection by name.
        uploads_of: where the uploads of a collection wait.
        tolerance: how far a client's vector may be off.
        observe: told once of each upload that was verified.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        collection_of: Callable[[str], Collection],
        uploads_of: Callable[[str], DirectUploads],
        tolerance: Tolerance,
        observe: Observe,
    ) -> None:
        self._ledger = ledger
        self._collection_of = collection_of
        self._uploads_of = uploads_of
        self._tolerance = tolerance
        self._observe = observe

    def __call__(self, job: Job) -> Json:
        """Verify the picture of an upload, say so in the ledger, and let go of the upload's own bytes.

        Returns:
            how the upload stands then.
        Raises:
            NotFound, NoCollection: when the upload or its collection is gone.
            ReadOnly, Locked, StorageFailed: as `Collection.verify`.
        """
        upload = self._begun(job)
        uploads = self._uploads_of(upload.collection)
        if upload.state is UploadState.EXPIRED or not upload.state.ended:
            upload = self._verified(upload, uploads, job)
        uploads.discard(upload.id)
        return {
            "upload_id": upload.id,
            "image_id": upload.image_id,
            "outcome": str(upload.state),
            "distance": upload.distance,
            "code": upload.code,
        }

    def _begun(self, job: Job) -> Upload:
        """The upload; one whose completion was cut off is completed here, before the catalog is looked at."""
        upload = self._ledger.upload(str(job.payload["upload_id"]))
        if upload.state is UploadState.FAILED and upload.code == NoCollection.code:
            raise NoCollection(f"the collection {upload.collection!r} was removed")  # another may have the name by now
        if upload.state is not UploadState.WAITING:
            return upload
        try:
            completed = completed_by(job, upload, state=UploadState.QUEUED)
            return self._ledger.advance_upload(completed, only_from=(UploadState.WAITING,))
        except Conflict:  # it has just been completed, or has expired
            return self._ledger.upload(upload.id)

    def _verified(self, upload: Upload, uploads: DirectUploads, job: Job) -> Upload:
        was_quarantined = uploads.quarantined(upload.id) is not None
        picture = UploadedPicture(
            id=upload.sha256,
            claim=upload.id,
            was_quarantined=was_quarantined,
            claimed=bool(job.payload.get("claimed")),
            adding=upload.metadata if upload.state is UploadState.QUEUED and not was_quarantined else None,
            staged=lambda: _staged(upload.id, uploads),
            quarantine=lambda data: uploads.quarantine(upload.id, data),
        )
        found = self._collection_of(upload.collection).verify(picture, tolerance=self._tolerance)
        return self._told(upload, found)

    def _told(self, upload: Upload, found: Verification) -> Upload:
        told = replace(
            upload,
            state=UploadState(found.outcome.value),
            distance=found.distance,
            code=found.code,
            detail=found.detail,
        )
        try:
            told = self._ledger.advance_upload(told, only_from=(UploadState.PROVISIONAL, UploadState.QUEUED))
        except Conflict:  # another worker has said so, or the upload has expired
            return self._ledger.upload(upload.id)
        self._observe(found.outcome.value, upload.browser, found.distance)
        return told


def sweep_uploads(ledger: Ledger, uploads_of: Callable[[str], DirectUploads], now: float) -> int:
    """Let uploads expire that were not completed in time, with their bytes.

    Args:
        ledger: of the uploads.
        uploads_of: where the uploads of a collection wait.
        now: Unix time in seconds.
    Returns:
        how many expired.
    Raises:
        ReadOnly, StorageFailed: when bytes cannot be deleted; the rest is left for the next time.
    """
    swept = 0
    while expired := ledger.expired_uploads(now - GRACE_S):
        for upload in expired:
            try:
                ledger.advance_upload(replace(upload, state=UploadState.EXPIRED), only_from=(UploadState.WAITING,))
                uploads_of(upload.collection).discard(upload.id)
            except (Conflict, NotFound, NoCollection):  # completed at the last moment; gone with its collection
                continue
            swept += 1
    return swept


def end_given_up(ledger: Ledger, queue: Queue, now: float) -> int:
    """Say of uploads whose jobs failed so long ago that they are about to be forgotten that nothing comes of them.

    Args:
        ledger: of the uploads.
        queue: of their jobs, before it is swept.
        now: Unix time in seconds.
    Returns:
        how many there were.
    """
    ended, before = 0, None
    while jobs := queue.jobs(state=JobState.FAILED, before=before):
        before = jobs[-1].id
        for job in jobs:
            if job.kind == VERIFY_UPLOAD and job.updated_at < now - KEPT_FAILED_S:
                ended += _end(job, ledger)
    return ended


def end_gone(ledger: Ledger, collection: str, *, created_before: float) -> int:
    """Say of the uploads of a collection that is gone that nothing comes of them; see `Ledger.end_uploads`.

    Args:
        ledger: of the uploads.
        collection: name of it.
        created_before: Unix time in seconds; what was asked for later is another's of that name.
    Returns:
        how many held something.
    """
    detail = "the collection is not there any more"
    return ledger.end_uploads(collection, created_before=created_before, code=NoCollection.code, detail=detail)


def _end(job: Job, ledger: Ledger) -> bool:
    try:
        upload = ledger.upload(str(job.payload["upload_id"]))
        failed = replace(upload, state=UploadState.FAILED, code=job.code, detail=job.detail)
        ledger.advance_upload(failed, only_from=(UploadState.PROVISIONAL, UploadState.QUEUED))
    except (Conflict, NotFound):  # it has ended otherwise
        return False
    return True


def sweep_staged(ledger: Ledger, uploads: DirectUploads) -> int:
    """Delete bytes for which nobody waits: half-written ones, and those that came after their upload had ended.

    Args:
        ledger: of the uploads.
        uploads: of one collection.
    Returns:
        how many were deleted.
    """
    return len(uploads.sweep(partial(is_awaited, ledger)))


def _staged(upload_id: str, uploads: DirectUploads) -> bytes | None:
    try:
        return uploads.read(upload_id)
    except UploadRefused:
        return None
