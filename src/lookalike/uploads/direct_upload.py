"""Taking in a picture that a client brought straight to storage, found by the vector that the client computed.

Nothing is decoded here: that is `lookalike.uploads.verify_upload`, later. Until then the picture is provisional.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.catalog.base import Transaction
from lookalike.core.errors import DimensionMismatch, UploadRefused, WrongModel
from lookalike.core.records import ImageRecord, Metadata
from lookalike.core.vectors import as_vectors, narrow, to_unit
from lookalike.images.files import content_id
from lookalike.images.glance import Glance, glance, glance_early
from lookalike.objects.uploads import ProvenBytes
from lookalike.parts.kept_bytes import delete_unreferenced, keep_and_commit
from lookalike.parts.parts import Parts

LENGTH_TOLERANCE = 1e-2
"""By how much the length of a client's vector may differ from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckedUpload:
    """Bytes that are what was announced and look like a picture, and a vector that could be its own.

    Attributes:
        data: the whole file, or, where its store answers for it, what gives it.
        record: what its header says; provisional, without metadata.
        vector: shape (D,), float16, of length 1; None where the client said none.
    """

    data: bytes | ProvenBytes
    record: ImageRecord
    vector: NDArray[np.float16] | None


def check_upload(
    data: bytes | ProvenBytes,
    parts: Parts,
    *,
    size_bytes: int,
    sha256: str,
    vector: ArrayLike | None,
    model: str | None,
) -> CheckedUpload:
    """Check all that can be checked without decoding.

    Args:
        data: that came; of what its store answers for, no more than the beginning is read where that tells all.
        parts: the collection.
        size_bytes: that was announced.
        sha256: likewise.
        vector: shape (D,) or (1, D), that the client computed; None for none.
        model: id of the model by which it did.
    Raises:
        UploadRefused: `size_mismatch` or `hash_mismatch` for other bytes than announced; `vector_not_unit`.
        ImageRefused: when they are no picture that can be used, as far as its header tells.
        WrongModel, DimensionMismatch, BadVectors: when the vector cannot be of the collection's model.
    """
    came_bytes = len(data) if isinstance(data, bytes) else data.size_bytes
    if came_bytes != size_bytes:
        raise UploadRefused(
            f"expected {size_bytes} bytes, as announced, got {came_bytes}"
            "; send the whole file, or announce its own size",
            code="size_mismatch",
        )
    if isinstance(data, bytes) and content_id(data) != sha256:
        raise UploadRefused(
            f"expected bytes of SHA-256 {sha256}, as announced, got others"
            "; send the file that was announced, or announce its own hash",
            code="hash_mismatch",
        )
    claimed = None if vector is None else _check_vector(vector, parts, model=model)
    facts = _glance(data, parts)
    record = ImageRecord(
        id=sha256,
        width=facts.width,
        height=facts.height,
        format=facts.format,
        size_bytes=size_bytes,
        taken_at=facts.taken_at,
        camera=facts.camera,
        provisional=True,
    )
    return CheckedUpload(data, record, claimed)


def add_provisional(
    upload: CheckedUpload,
    parts: Parts,
    *,
    metadata: Metadata,
    claim: str = "upload",
    if_still: Callable[[], bool] = lambda: True,
) -> bool:
    """Take a picture in by its client's vector.

    One that is there keeps its vector and its standing, whoever said it; only the metadata are laid over. Of one that
    is provisional, what each client claims is noted, so that each is held to its own vector. The bytes are kept first.
    Idempotent.

    Args:
        upload: with a vector.
        parts: the collection.
        metadata: the user's fields.
        claim: names the upload; letters and digits.
        if_still: asked inside the transaction; where it says no, nothing is taken in, and no bytes stay for nothing.
    Returns:
        whether something was to be done; all is durable.
    Raises:
        BadInput: when there is no vector, or metadata is not JSON.
        ReadOnly, Locked, StorageFailed: when it cannot be written; nothing of it is in the catalog then.
    """
    if upload.vector is None:
        raise DimensionMismatch("expected a vector to find the picture by, got none; embed the picture first")
    record, vectors = upload.record, upload.vector[None, :]

    def take_in(transaction: Transaction) -> bool:
        if not if_still():
            return False
        there = transaction.images([record.id]).get(record.id)
        if there is not None:
            transaction.merge_metadata({there.id: metadata} if metadata else {})
        else:
            transaction.put_images([replace(record, metadata=metadata)], vectors)
        if there is None or there.provisional:
            transaction.put_claim(record.id, claim, vectors)
        return True

    # the bytes also of one that lies in a file, which may go away
    is_in = keep_and_commit(parts.catalog, parts.objects, record.id, upload.data, take_in)
    if not is_in:
        delete_unreferenced(parts.catalog, parts.objects, [record.id])
    return is_in


def _glance(data: bytes | ProvenBytes, parts: Parts) -> Glance:
    min_side, limits = parts.embedder.card.input_side, parts.limits
    if isinstance(data, bytes):
        return glance(data, min_side=min_side, limits=limits)
    early = glance_early(data.beginning, size_bytes=data.size_bytes, min_side=min_side, limits=limits)
    return early or glance(b"".join(data), min_side=min_side, limits=limits)


def _check_vector(vector: ArrayLike, parts: Parts, *, model: str | None) -> NDArray[np.float16]:
    card = parts.embedder.card
    if model != card.id:
        raise WrongModel(
            f"expected a vector of the collection's model {card.id}, got one of {str(model)[:80]}"
            "; embed it with the collection's model"
        )
    vectors = as_vectors(vector, dimension=card.dimension)
    if len(vectors) != 1:
        raise DimensionMismatch(f"expected one vector, got {len(vectors)}; upload one picture at a time")
    length = float(np.linalg.norm(vectors[0].astype(np.float64)))
    if abs(length - 1) > LENGTH_TOLERANCE:
        raise UploadRefused(
            f"expected a vector of length 1, got one of length {length:.4g}; divide it by its length",
            code="vector_not_unit",
        )
    halves: NDArray[np.float16] = narrow(to_unit(vectors))[0]
    return halves
