"""A picture that is to be embedded later: an upload that the service makes and completes itself."""

from __future__ import annotations

import secrets
import time
from typing import Any

from lookalike.collection import Collection
from lookalike.core.errors import BadInput, LookalikeError, QuotaExceeded
from lookalike.core.records import Metadata
from lookalike.ledger.base import Upload, UploadState
from lookalike.objects.uploads import DirectUploads
from lookalike.service.api.forms import Picture
from lookalike.service.api.quota import quota_of
from lookalike.service.context import Service
from lookalike.worker.completing import complete


def queue_picture(
    picture: Picture, opened: Collection, *, metadata: Metadata, collection: str, owner: str, service: Service
) -> dict[str, Any]:
    """Keep a picture's bytes, and have a worker do the rest.

    Returns:
        an item of the reply: `queued` with the job, or `refused` with the reason.
    """
    upload = _upload(picture, collection=collection, owner=owner)
    uploads = service.collections.uploads(collection)
    try:
        uploads.stage(upload.id, picture.read())
        _note(upload, uploads, service)
        done = complete(
            upload,
            ledger=service.ledger,
            collection=opened,
            uploads=uploads,
            sha256=upload.sha256,
            vector=None,
            model=None,
            metadata=metadata,
        )
    except (BadInput, QuotaExceeded) as error:
        uploads.discard(upload.id)
        return {
            "name": picture.name,
            "status": "refused",
            "code": error.code,
            "values": dict(error.values),
            "detail": error.public,
        }
    return {"name": picture.name, "status": "queued", "id": done.image_id, "job_id": done.job_id}


def _note(upload: Upload, uploads: DirectUploads, service: Service) -> None:
    """Without a note of them nobody would ever look for the bytes."""
    try:
        service.ledger.add_upload(upload, quota=quota_of(service))
    except LookalikeError:
        uploads.discard(upload.id)
        raise


def _upload(picture: Picture, *, collection: str, owner: str) -> Upload:
    now = time.time()
    return Upload(
        id=secrets.token_hex(16),
        collection=collection,
        owner=owner,
        state=UploadState.WAITING,
        size_bytes=picture.size_bytes,
        content_type="image/*",
        sha256=picture.sha256,
        name=picture.name,
        created_at=now,
        expires_at=now + 3600,
    )
