"""Embedding an uploaded picture from storage, and holding what its client said against it.

It may run again, or twice at the same time: what is decided is decided in one transaction, by how the picture stands
then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from functools import partial
from typing import NamedTuple

import numpy as np

from lookalike.catalog.base import Transaction
from lookalike.catalog.patience import in_transaction
from lookalike.core.errors import ImageRefused, NotIndexed, StorageFailed, UploadRefused
from lookalike.core.records import Metadata
from lookalike.core.vectors import HalfVectors, unit_of_kept
from lookalike.embedding.files import EmbedBytes, Embedded, embed_bytes
from lookalike.images.files import content_id
from lookalike.objects.streams import DAMAGED
from lookalike.parts.kept_bytes import delete_unreferenced, keep_and_commit
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
        quarantine: keeps bytes apart, durably; of who verifies at the same time each may do so.
        check_leased: asked within each transaction: raises where somebody else verifies it by now, so that who was too
            slow changes nothing.
    """

    id: str
    claim: str = "upload"
    was_quarantined: bool = False
    claimed: bool
    adding: Metadata | None
    staged: Callable[[], bytes | None]
    quarantine: Callable[[bytes], None]
    check_leased: Callable[[], None] = lambda: None


class _Looked(NamedTuple):
    data: bytes
    embedded: Embedded


class _Need(Enum):
    """What a decision waits for."""

    VECTOR = auto()
    """Ours."""
    BYTES = auto()
    """That they are kept."""
    STAGED = auto()
    """The upload's own copy, to be kept beside a picture that was verified before, where there still is one."""
    QUARANTINE = auto()
    """That they are kept apart."""


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """What was got for a decision.

    Attributes:
        looked: the bytes and our vector.
        to_keep: bytes that are kept before anything refers to them.
        has_staged: whether the upload's own copy was looked for.
        is_apart: whether the bytes are kept apart.
    """

    looked: _Looked | None = None
    to_keep: bytes | None = None
    has_staged: bool = False
    is_apart: bool = False


_TOO_FAR = Verification(Outcome.QUARANTINED, code="vector_too_far", detail="the vector was too far from ours")
_REMOVED = Verification(Outcome.FAILED, code="removed", detail="the picture was removed before it could be compared")


def verify_upload(
    picture: UploadedPicture, parts: Parts, *, tolerance: Tolerance, embed: EmbedBytes = embed_bytes
) -> Verification:
    """Embed a picture and compare. Idempotent; safe when it is removed or verified meanwhile.

    A picture that lies in an indexed file, too, is its owner's own: it is never taken out for a client's bad vector.
    Nor is one that another upload has brought, too: each is held to the vector that its own client said, and the
    picture goes with the last.

    Args:
        picture: what is to be verified.
        parts: the collection.
        tolerance: how far the client's vector may be off.
        embed: decodes it and computes its vector.
    Raises:
        ReadOnly, Locked, StorageFailed: when bytes cannot be read or something cannot be written; all is as before.
        DecoderDied: when it is decoded in another process, which did not survive that; all is as before.
    """
    prepared = _Prepared()
    while not isinstance(decided := _decide_now(picture, parts, prepared, tolerance=tolerance), Verification):
        try:
            prepared = _prepare(decided, picture, parts, prepared, embed)
        except (ImageRefused, UploadRefused) as error:
            in_transaction(parts.catalog, partial(_give_up, picture))
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
    cosine = (unit_of_kept(theirs) @ unit_of_kept(ours).T).item()
    return float(np.clip(1 - cosine, 0, 2))


def _decide_now(
    picture: UploadedPicture, parts: Parts, prepared: _Prepared, *, tolerance: Tolerance
) -> Verification | _Need:
    """Do what is right for the picture as it stands now; or say what is needed for that, and do nothing."""
    block = partial(_decide, picture, prepared, tolerance)
    if prepared.to_keep is None:
        return in_transaction(parts.catalog, block)
    return keep_and_commit(parts.catalog, parts.objects, picture.id, prepared.to_keep, block)


def _prepare(need: _Need, picture: UploadedPicture, parts: Parts, before: _Prepared, embed: EmbedBytes) -> _Prepared:
    """Get what is needed, outside of any transaction.

    Raises:
        ImageRefused, UploadRefused: when there is no picture of which our vector could be computed.
    """
    if need is _Need.STAGED:
        return replace(before, has_staged=True, to_keep=picture.staged())
    looked = before.looked or _look(picture, parts, embed)
    if need is _Need.BYTES:
        return replace(before, looked=looked, to_keep=looked.data)
    if need is _Need.QUARANTINE:
        picture.quarantine(looked.data)  # before it can be lost
        return replace(before, looked=looked, is_apart=True)
    return replace(before, looked=looked)


def _decide(
    picture: UploadedPicture, prepared: _Prepared, tolerance: Tolerance, transaction: Transaction
) -> Verification | _Need:
    picture.check_leased()
    there = transaction.images([picture.id]).get(picture.id)
    if there is None and picture.adding is None:
        return _TOO_FAR if picture.was_quarantined else _REMOVED
    if there is not None and not there.provisional:  # only what the upload adds to it
        if picture.adding is not None and not prepared.has_staged:
            return _Need.STAGED
        transaction.drop_claim(picture.id, picture.claim)
        transaction.merge_metadata({picture.id: picture.adding} if picture.adding else {})
        return Verification(Outcome.KEPT if picture.claimed else Outcome.STORED)
    own = transaction.claims(picture.id).get(picture.claim)
    if own is None and picture.was_quarantined:
        return _TOO_FAR
    if prepared.looked is None:
        return _Need.VECTOR
    if there is None or not picture.claimed or (own is None and picture.adding is not None):
        if prepared.to_keep is None:
            return _Need.BYTES
        _put(picture, prepared.looked, prepared.looked.embedded.vector[None, :], transaction)
        return Verification(Outcome.STORED)
    return _compare(picture, prepared.looked, transaction, tolerance=tolerance, is_apart=prepared.is_apart)


def _compare(
    picture: UploadedPicture, looked: _Looked, transaction: Transaction, *, tolerance: Tolerance, is_apart: bool
) -> Verification | _Need:
    claims = transaction.claims(picture.id)
    theirs = claims.pop(picture.claim, None)
    if theirs is None:  # taken in before claims were noted
        theirs = transaction.vectors(list(transaction.keys([picture.id]).values())).vectors
    ours = looked.embedded.vector[None, :]
    distance = cosine_distance(theirs, ours)
    may_stay = distance <= tolerance.quarantine_above or bool(transaction.files_of([picture.id])[picture.id])
    if not may_stay and not is_apart:
        return _Need.QUARANTINE
    transaction.drop_claim(picture.id, picture.claim)
    if distance <= tolerance.keep_below:
        _put(picture, looked, theirs, transaction)
        return Verification(Outcome.KEPT, distance)
    if may_stay:
        _put(picture, looked, ours, transaction)
        return Verification(Outcome.REPLACED, distance)
    if claims:  # others have brought it, too: until they are looked at, it is found by what it looks like
        transaction.put_images([replace(looked.embedded.record, metadata={}, provisional=True)], ours)
    else:
        transaction.remove_images([picture.id], keep=False)
    detail = f"the vector is {distance:.3f} from ours; at most {tolerance.quarantine_above:g} is let pass"
    return Verification(Outcome.QUARANTINED, distance, "vector_too_far", detail)


def _put(picture: UploadedPicture, looked: _Looked, vectors: HalfVectors, transaction: Transaction) -> None:
    """As a verified one, with the facts of the decoded picture."""
    transaction.put_images([replace(looked.embedded.record, metadata=picture.adding or {})], vectors)


def _look(picture: UploadedPicture, parts: Parts, embed: EmbedBytes) -> _Looked:
    data = _bytes(picture, parts)
    return _Looked(data, embed(data, picture.id, parts.embedder, limits=parts.limits))


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
        raise UploadRefused("the picture's bytes are not there any more; upload it again", code="bytes_lost") from error


def _give_up(picture: UploadedPicture, transaction: Transaction) -> None:
    """Take the picture out, unless it was verified, or another upload has brought it, too."""
    picture.check_leased()
    transaction.drop_claim(picture.id, picture.claim)
    there = transaction.images([picture.id]).get(picture.id)
    goes = there is not None and there.provisional and not transaction.claims(picture.id)
    transaction.remove_images([picture.id] if goes else [], keep=False)


def _delete_bytes(image_id: str, parts: Parts) -> None:
    """Of a picture that is not there."""
    if parts.objects.has(image_id):
        delete_unreferenced(parts.catalog, parts.objects, [image_id])
