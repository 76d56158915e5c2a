"""The worker's part of uploads: verifying those that were completed, and sweeping up those that never were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lookalike.collection import Collection
from lookalike.collection.hosting import hosting
from lookalike.core.errors import Conflict, NoCollection, NotFound, UploadRefused
from lookalike.core.records import Json
from lookalike.embedding.files import EmbedBytes, embed_bytes
from lookalike.jobs.base import Job, JobChanges, JobState
from lookalike.jobs.transitions import KEPT_FAILED_S
from lookalike.ledger.awaited import is_awaited
from lookalike.ledger.base import Ledger, Upload, UploadState
from lookalike.objects.uploads import DirectUploads
from lookalike.uploads.verify_upload import Tolerance, UploadedPicture, Verification
from lookalike.worker.completing import UPLOAD_STATE, VERIFY_UPLOAD

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
        embed: decodes pictures and computes their vectors.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        collection_of: Callable[[str], Collection],
        uploads_of: Callable[[str], DirectUploads],
        tolerance: Tolerance,
        observe: Observe,
        embed: EmbedBytes = embed_bytes,
    ) -> None:
        self._ledger = ledger
        self._collection_of = collection_of
        self._uploads_of = uploads_of
        self._tolerance = tolerance
        self._observe = observe
        self._embed = embed

    def __call__(self, job: Job) -> Json:
        """Verify the picture of an upload, say so in the ledger, and let go of the upload's own bytes.

        Returns:
            how the upload stands then.
        Raises:
            NotFound, NoCollection: when the upload or its collection is gone.
            Conflict: `job_state`, when another worker has claimed the job since; nothing is changed then.
            ReadOnly, Locked, StorageFailed, DecoderDied: as `Hosting.verify`.
        """
        upload = self._begin(job)
        uploads = self._uploads_of(upload.collection)
        # versions before the one transaction could let an upload expire whose picture was in the catalog already
        if upload.state is UploadState.EXPIRED or not upload.state.ended:
            upload = self._verify(upload, uploads, job)
        uploads.discard(upload.id)
        return {
            "upload_id": upload.id,
            "image_id": upload.image_id,
            "outcome": str(upload.state),
            "distance": upload.distance,
            "code": upload.code,
        }

    def _begin(self, job: Job) -> Upload:
        upload = self._ledger.upload(str(job.payload["upload_id"]))
        if upload.state is UploadState.FAILED and upload.code == NoCollection.code:
            raise NoCollection(  # another may have the name by now
                f"the collection {upload.collection!r} is not there any more, it was removed; upload the picture to "
                "another one"
            )
        return upload

    def _verify(self, upload: Upload, uploads: DirectUploads, job: Job) -> Upload:
        was_quarantined = uploads.quarantined(upload.id) is not None
        picture = UploadedPicture(
            id=upload.sha256,
            claim=upload.id,
            was_quarantined=was_quarantined,
            claimed=bool(job.payload.get("claimed")),
            adding=upload.metadata if upload.state is UploadState.QUEUED and not was_quarantined else None,
            staged=lambda: _read_staged(upload.id, uploads),
            quarantine=lambda data: uploads.quarantine(upload.id, data),
            check_leased=lambda: _check_leased(job, self._ledger.jobs),
        )
        found = hosting(self._collection_of(upload.collection)).verify(
            picture, tolerance=self._tolerance, embed=self._embed
        )
        return self._tell(upload, found, job)

    def _tell(self, upload: Upload, found: Verification, job: Job) -> Upload:
        told = replace(
            upload,
            state=UploadState(found.outcome.value),
            distance=found.distance,
            code=found.code,
            detail=found.detail,
        )
        try:
            with self._ledger.transaction() as transaction:
                _check_leased(job, transaction.jobs)
                told = transaction.advance_upload(told, only_from=(UploadState.PROVISIONAL, UploadState.QUEUED))
        except Conflict as error:
            if error.code != UPLOAD_STATE:
                raise
            return self._ledger.upload(upload.id)  # it was said before, or the upload has expired
        self._observe(found.outcome.value, upload.browser, found.distance)
        return told


def _check_leased(job: Job, jobs: JobChanges) -> None:
    """Whether nobody has claimed a job since it was claimed as this one."""
    if jobs.get(job.id).lease != job.lease:
        raise Conflict(
            f"expected nobody else to have the job {job.id}, but its lease has ended and another worker has claimed "
            "it: leave it to that one",
            code="job_state",
        )


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


def end_given_up(ledger: Ledger, now: float) -> int:
    """Say of uploads whose jobs failed so long ago that they are about to be forgotten that nothing comes of them.

    Args:
        ledger: of the uploads, before their jobs are swept.
        now: Unix time in seconds.
    Returns:
        how many there were.
    """
    ended, before = 0, None
    while jobs := ledger.jobs.jobs(state=JobState.FAILED, before=before):
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
    detail = "the collection is not there any more; upload the picture to another one"
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


def _read_staged(upload_id: str, uploads: DirectUploads) -> bytes | None:
    try:
        return uploads.read(upload_id)
    except UploadRefused:
        return None
