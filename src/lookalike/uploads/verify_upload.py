"""Embedding an uploaded picture from storage, and holding what its client said against it.

It may run again, or twice at the same time: what is decided is decided in one transaction, by how the picture stands
then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from lookalike.catalog.base import Transaction
from lookalike.core.errors import ImageRefused, NotIndexed, StorageFailed, UploadRefused
from lookalike.core.records import Metadata
from lookalike.core.vectors import HalfVectors, normalise, widened
from lookalike.embedding.files import Embedded, embed_bytes
from lookalike.images.files import content_id
from lookalike.objects.base import DAMAGED
from lookalike.parts.parts import Parts


class Outcome(StrEnum):
    """What became of an uploaded picture."""

    KEPT = "kept"
    """The client's vector was near enough to ours; or the picture had been verified before."""
    REPLACED = "replaced"
    """Ours took the place of the client's."""
    QUARANTINED = "quarantined"
    """The client's was so far off that the picture was taken out; its bytes are kept apart."""
    STORED = "stored"
    """Embedded and taken in; there was nothing to compare."""
    FAILED = "failed"
    """It cannot be used, or is not there any more."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found.

    Attributes:
        outcome: what became of it.
        distance: cosine distance between the client's vector and ours, 0 to 2; None where they were not compared.
        code: for `failed` and `quarantined`, a word for programs: of a refusal, `removed`, `bytes_lost`,
            `vector_too_far`.
        detail: likewise, a line for people.
    """

    outcome: Outcome
    distance: float | None = None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a client's vector may be from ours, as cosine distances.

    Attributes:
        keep_below: up to this it is kept.
        quarantine_above: beyond this the picture is taken out; in between, ours takes its place.
    """

    keep_below: float = 0.005
    quarantine_above: float = 0.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UploadedPicture:
    """What is to be verified.

    Attributes:
        id: SHA-256 of the bytes.
        claim: names the upload, as in `add_provisional`.
        was_quarantined: whether its bytes are kept apart already, by a run whose end was cut off.
        claimed: whether the client said a vector; without, ours is taken whatever is there.
        adding: metadata with which the picture is to be taken in where it is not there; None: it was taken in before,
            so where it is not there somebody has removed it.
        staged: reads the upload's own copy of the bytes; None where it is not kept any more.
        quarantine: keeps bytes apart, durably.
    """

    id: str
    claim: str = "upload"
    was_quarantined: bool = False
    claimed: bool
    adding: Metadata | None
    staged: Callable[[], bytes | None]
    quarantine: Callable[[bytes], None]


class _Looked(NamedTuple):
    data: bytes
    embedded: Embedded


_TOO_FAR = Verification(Outcome.QUARANTINED, code="vector_too_far", detail="the vector was too far from ours")
_REMOVED = Verification(Outcome.FAILED, code="removed", detail="the picture was removed before it could be compared")


def verify_upload(picture: UploadedPicture, parts: Parts, *, tolerance: Tolerance) -> Verification:
    """Embed a picture and compare. Idempotent; safe when it is removed or verified meanwhile.

    A picture that lies in an indexed file, too, is its owner's own: it is never taken out for a client's bad vector.
    Nor is one that another upload has brought, too: each is held to the vector that its own client said, and the
    picture goes with the last.

    Args:
        picture: what is to be verified.
        parts: the collection.
        tolerance: how far the client's vector may be off.
    Raises:
        ReadOnly, Locked, StorageFailed: when bytes cannot be read or something cannot be written; all is as before.
    """
    looked: _Looked | None = None
    while (decided := _decided(picture, parts, looked, tolerance=tolerance)) is None:
        try:
            looked = _look(picture, parts)
        except (ImageRefused, UploadRefused) as error:
            _give_up(picture, parts)
            decided = Verification(Outcome.FAILED, code=error.code, detail=str(error))
            break
    if decided.outcome in (Outcome.FAILED, Outcome.QUARANTINED):
        _delete_bytes(picture.id, parts)
    return decided


def cosine_distance(theirs: HalfVectors, ours: HalfVectors) -> float:
    """1 minus the cosine of two vectors: 0 to 2, smaller is nearer.

    Args:
        theirs: shape (1, D), float16, not necessarily unit length.
        ours: likewise.
    """
    cosine = (normalise(widened(theirs)) @ normalise(widened(ours)).T).item()
    return float(np.clip(1 - cosine, 0, 2))


def _decided(
    picture: UploadedPicture, parts: Parts, looked: _Looked | None, *, tolerance: Tolerance
) -> Verification | None:
    """Do what is right for the picture as it stands now; None, and nothing done, where our vector is needed for it."""
    with parts.catalog.transaction() as transaction:
        there = parts.catalog.images([picture.id]).get(picture.id)
        if there is None and picture.adding is None:
            return _TOO_FAR if picture.was_quarantined else _REMOVED
        if there is not None and not there.provisional:
            transaction.drop_claim(picture.id, picture.claim)
            _lay_over(picture, parts, transaction)
            return Verification(Outcome.KEPT if picture.claimed else Outcome.STORED)
        own = transaction.claims(picture.id).get(picture.claim)
        if own is None and picture.was_quarantined:
            return _TOO_FAR
        if looked is None:
            return None
        if there is None or not picture.claimed or (own is None and picture.adding is not None):
            parts.objects.put(looked.data)
            _put(picture, looked, looked.embedded.vector[None, :], transaction)
            return Verification(Outcome.STORED)
        return _compared(picture, parts, looked, transaction, tolerance=tolerance)


def _compared(
    picture: UploadedPicture, parts: Parts, looked: _Looked, transaction: Transaction, *, tolerance: Tolerance
) -> Verification:
    claims = transaction.claims(picture.id)
    theirs = claims.pop(picture.claim, None)
    if theirs is None:  # taken in before claims were noted
        theirs = parts.catalog.vectors(list(parts.catalog.keys([picture.id]).values())).vectors
    transaction.drop_claim(picture.id, picture.claim)
    ours = looked.embedded.vector[None, :]
    distance = cosine_distance(theirs, ours)
    if distance <= tolerance.keep_below:
        _put(picture, looked, theirs, transaction)
        return Verification(Outcome.KEPT, distance)
    if distance <= tolerance.quarantine_above or parts.catalog.files_of([picture.id])[picture.id]:
        _put(picture, looked, ours, transaction)
        return Verification(Outcome.REPLACED, distance)
    picture.quarantine(looked.data)  # before it can be lost
    if claims:  # others have brought it, too: until they are looked at, it is found by what it looks like
        transaction.put_images([replace(looked.embedded.record, metadata={}, provisional=True)], ours)
    else:
        transaction.remove_images([picture.id], keep=False)
    detail = f"the vector is {distance:.3f} from ours; at most {tolerance.quarantine_above:g} is let pass"
    return Verification(Outcome.QUARANTINED, distance, "vector_too_far", detail)


def _put(picture: UploadedPicture, looked: _Looked, vectors: HalfVectors, transaction: Transaction) -> None:
    """As a verified one, with the facts of the decoded picture."""
    transaction.put_images([replace(looked.embedded.record, metadata=picture.adding or {})], vectors)


def _lay_over(picture: UploadedPicture, parts: Parts, transaction: Transaction) -> None:
    """Of a picture that was verified before, only what the upload adds to it."""
    data = picture.staged() if picture.adding is not None else None
    if data is not None:
        parts.objects.put(data)
    if picture.adding:
        transaction.merge_metadata({picture.id: picture.adding})


def _look(picture: UploadedPicture, parts: Parts) -> _Looked:
    data = _bytes(picture, parts)
    return _Looked(data, embed_bytes(data, picture.id, parts.embedder, limits=parts.limits))


def _bytes(picture: UploadedPicture, parts: Parts) -> bytes:
    """From the objects, or, where they are missing or damaged there, the upload's own copy."""
    try:
        return parts.objects.get(picture.id)
    except (NotIndexed, StorageFailed) as error:
        data = picture.staged()
        if data is not None and content_id(data) == picture.id:
            return data
        if isinstance(error, StorageFailed) and error.code != DAMAGED:
            raise
        raise UploadRefused("the picture's bytes are not there any more", code="bytes_lost") from error


def _give_up(picture: UploadedPicture, parts: Parts) -> None:
    """Take the picture out, unless it was verified, or another upload has brought it, too."""
    with parts.catalog.transaction() as transaction:
        transaction.drop_claim(picture.id, picture.claim)
        there = parts.catalog.images([picture.id]).get(picture.id)
        goes = there is not None and there.provisional and not transaction.claims(picture.id)
        transaction.remove_images([picture.id] if goes else [], keep=False)


def _delete_bytes(image_id: str, parts: Parts) -> None:
    """Of a picture that is not there; within a transaction, in which nobody adds it and would lose its bytes."""
    with parts.catalog.transaction():
        if not parts.catalog.keys([image_id]):
            parts.objects.delete([image_id])
