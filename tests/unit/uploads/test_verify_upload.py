"""What a client said is held against what we compute, however the picture stands by then."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.core.errors import StorageFailed
from lookalike.core.records import Metadata
from lookalike.core.vectors import Vectors, normalise
from lookalike.images.decode import decode
from lookalike.ingest.add import add_bytes, add_file
from lookalike.parts.parts import Parts
from lookalike.uploads.direct_upload import add_provisional, check_upload
from lookalike.uploads.verify_upload import (
    Outcome,
    Tolerance,
    UploadedPicture,
    Verification,
    cosine_distance,
    verify_upload,
)
from tests.collections import CountingEmbedder, D, new_parts, png, write
from tests.remote.catalog import RemoteCatalog
from tests.remote.line import Line

DATA = png(1)
ID = hashlib.sha256(DATA).hexdigest()
TOLERANCE = Tolerance(keep_below=0.005, quarantine_above=0.15)


@dataclass
class Staging:
    """An upload's own copy of the bytes."""

    data: bytes | None = DATA
    quarantined: list[bytes] = field(default_factory=list)

    def picture(self, image_id: str = ID, *, claimed: bool = True, adding: Metadata | None = None) -> UploadedPicture:
        return UploadedPicture(
            id=image_id, claimed=claimed, adding=adding, staged=lambda: self.data, quarantine=self.quarantined.append
        )


@pytest.fixture(params=["sqlite", "memory", "remote"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    (tmp_path / "collection").mkdir()
    if request.param == "remote":
        return new_parts(catalog=RemoteCatalog(line=Line(latency_s=0.0002)))
    return new_parts(tmp_path / "collection" if request.param == "sqlite" else None)


def ours(data: bytes = DATA) -> Vectors:
    embedder = CountingEmbedder()
    return embedder.embed([decode(data, min_side=embedder.card.input_side).pixels])[0]


def away(distance: float) -> Vectors:
    """A unit vector at this cosine distance from ours."""
    one = ours().astype(np.float64)
    other = np.random.default_rng(5).normal(size=D)
    other -= other @ one * one
    other /= np.linalg.norm(other)
    cosine = 1 - distance
    return (cosine * one + np.sqrt(1 - cosine**2) * other).astype(np.float32)


def claim(parts: Parts, vector: Vectors, *, data: bytes = DATA, metadata: Metadata | None = None) -> None:
    sha256, model = hashlib.sha256(data).hexdigest(), parts.embedder.card.id
    upload = check_upload(data, parts, size_bytes=len(data), sha256=sha256, vector=vector, model=model)
    add_provisional(upload, parts, metadata=metadata or {})


@pytest.mark.parametrize("is_true", [True, False])
def test_kept_metadata_returns_with_a_picture_that_was_verified_and_outlives_one_that_lied(
    parts: Parts, is_true: bool
) -> None:
    add_bytes(DATA, parts, metadata={"label": "red"})
    with parts.catalog.transaction() as transaction:
        transaction.remove_images([ID])
    claim(parts, away(0.0 if is_true else 1.0))
    assert parts.catalog.images([ID])[ID].metadata == {}

    verify_upload(Staging().picture(), parts, tolerance=TOLERANCE)

    assert (ID in parts.catalog.images([ID])) is is_true
    assert parts.catalog.facts().forgotten == (not is_true)
    add_bytes(DATA, parts, metadata={})
    assert parts.catalog.images([ID])[ID].metadata == {"label": "red"}


def test_nothing_is_kept_of_what_came_with_a_picture_that_lied(parts: Parts) -> None:
    claim(parts, away(1.0), metadata={"label": "a lie"})
    verify_upload(Staging().picture(), parts, tolerance=TOLERANCE)
    assert parts.catalog.facts().forgotten == 0


def vector_of(parts: Parts) -> Vectors:
    keys = list(parts.catalog.keys([ID]).values())
    return normalise(parts.catalog.vectors(keys).vectors.astype(np.float32))[0]


@pytest.mark.parametrize(
    ("distance", "outcome"),
    [
        (0.0, Outcome.KEPT),
        (0.0045, Outcome.KEPT),
        (0.0055, Outcome.REPLACED),
        (0.145, Outcome.REPLACED),
        (0.155, Outcome.QUARANTINED),
        (1.0, Outcome.QUARANTINED),
        (2.0, Outcome.QUARANTINED),
    ],
)
def test_the_distance_decides(parts: Parts, distance: float, outcome: Outcome) -> None:
    staging = Staging()
    claim(parts, away(distance), metadata={"a": 1})
    found = verify_upload(staging.picture(), parts, tolerance=TOLERANCE)

    assert found.outcome is outcome
    assert found.distance == pytest.approx(distance, abs=1e-3)
    if outcome is Outcome.QUARANTINED:
        assert found.code == "vector_too_far"
        assert staging.quarantined == [DATA]
        assert parts.catalog.keys([ID]) == {}
        assert list(parts.objects.ids()) == []
        return
    stored = parts.catalog.images([ID])[ID]
    assert (stored.provisional, stored.metadata, found.code) == (False, {"a": 1}, "")
    expected = away(distance) if outcome is Outcome.KEPT else ours()
    assert vector_of(parts) == pytest.approx(expected, abs=1e-3)
    assert parts.objects.get(ID) == DATA
    assert staging.quarantined == []


def test_without_a_claim_the_picture_is_embedded_and_taken_in(parts: Parts) -> None:
    found = verify_upload(Staging().picture(claimed=False, adding={"a": 1}), parts, tolerance=TOLERANCE)
    assert found == Verification(Outcome.STORED)
    assert parts.catalog.images([ID])[ID].metadata == {"a": 1}
    assert not parts.catalog.images([ID])[ID].provisional
    assert vector_of(parts) == pytest.approx(ours(), abs=1e-3)
    assert parts.objects.get(ID) == DATA


def test_again_changes_nothing_and_embeds_nothing(parts: Parts) -> None:
    claim(parts, away(0.1))
    for adding in (None, {"a": 1}):
        verify_upload(Staging().picture(), parts, tolerance=TOLERANCE)
        assert isinstance(parts.embedder, CountingEmbedder)
        before, pictures = vector_of(parts), parts.embedder.pictures
        again = verify_upload(Staging().picture(adding=adding), parts, tolerance=TOLERANCE)
        assert again == Verification(Outcome.KEPT)
        assert vector_of(parts).tolist() == before.tolist()
        assert parts.embedder.pictures == pictures
    assert parts.catalog.images([ID])[ID].metadata == {"a": 1}


def test_what_was_verified_before_is_never_taken_out(parts: Parts) -> None:
    add_bytes(DATA, parts, metadata={})
    claim(parts, away(1.5))
    assert verify_upload(Staging().picture(), parts, tolerance=TOLERANCE) == Verification(Outcome.KEPT)
    assert vector_of(parts) == pytest.approx(ours(), abs=1e-3)


def test_a_claim_of_another_upload_does_not_count_where_none_was_made(parts: Parts) -> None:
    claim(parts, away(1.5))
    found = verify_upload(Staging().picture(claimed=False, adding={}), parts, tolerance=TOLERANCE)
    assert found == Verification(Outcome.STORED)
    assert verify_upload(Staging().picture(), parts, tolerance=TOLERANCE).outcome is Outcome.KEPT
    assert vector_of(parts) == pytest.approx(ours(), abs=1e-3)


def test_a_picture_that_lies_in_an_indexed_file_is_not_taken_out(parts: Parts, tmp_path: Path) -> None:
    claim(parts, away(1.0))
    path = write(tmp_path / "a.png", 1)
    add_file(path, parts, metadata={})
    staging = Staging()
    found = verify_upload(staging.picture(), parts, tolerance=TOLERANCE)
    assert found.outcome in (Outcome.REPLACED, Outcome.KEPT)
    assert vector_of(parts) == pytest.approx(ours(), abs=1e-3)
    assert [file.path for file in parts.catalog.files_of([ID])[ID]] == [str(path)]
    assert staging.quarantined == []


def test_a_picture_that_was_removed_stays_removed(parts: Parts) -> None:
    claim(parts, ours())
    with parts.catalog.transaction() as transaction:
        transaction.remove_images([ID])
    found = verify_upload(Staging().picture(), parts, tolerance=TOLERANCE)
    assert (found.outcome, found.code) == (Outcome.FAILED, "removed")
    assert parts.catalog.keys([ID]) == {}
    assert list(parts.objects.ids()) == []


def test_a_picture_that_is_removed_while_it_is_embedded_stays_removed() -> None:
    def remove(_: int) -> None:
        with parts.catalog.transaction() as transaction:
            transaction.remove_images([ID])

    parts = new_parts(embedder=CountingEmbedder(remove))
    for distance in (0.0, 0.1, 1.0):
        claim(parts, away(distance))
        staging = Staging()
        assert verify_upload(staging.picture(), parts, tolerance=TOLERANCE).code == "removed"
        assert parts.catalog.keys([ID]) == {}
        assert staging.quarantined == []


def test_a_picture_that_is_verified_while_it_is_embedded_stays_as_it_is() -> None:
    busy = list[bool]()

    def add(_: int) -> None:
        if not busy:
            busy.append(True)
            add_bytes(DATA, parts, metadata={})

    parts = new_parts(embedder=CountingEmbedder(add))
    claim(parts, away(1.0))
    staging = Staging()
    assert verify_upload(staging.picture(), parts, tolerance=TOLERANCE) == Verification(Outcome.KEPT)
    assert parts.catalog.facts().images == 1
    assert staging.quarantined == []


def broken_png() -> bytes:
    """A picture whose header is fine and whose pixels are not."""
    data = bytearray(DATA)
    at = data.index(b"IDAT") + 4
    data[at : at + 8] = bytes(8)
    return bytes(data)


@pytest.mark.parametrize("claimed", [True, False])
def test_what_cannot_be_decoded_is_taken_out(parts: Parts, claimed: bool) -> None:
    data = broken_png()
    image_id, staging = hashlib.sha256(data).hexdigest(), Staging(data)
    if claimed:
        claim(parts, away(0), data=data)
    picture = staging.picture(image_id, claimed=claimed, adding=None if claimed else {})
    found = verify_upload(picture, parts, tolerance=TOLERANCE)
    assert (found.outcome, found.code, found.distance) == (Outcome.FAILED, "damaged", None)
    assert found.detail
    assert parts.catalog.facts().images == 0
    assert list(parts.objects.ids()) == []


def test_bytes_that_are_missing_or_damaged_come_from_the_uploads_own_copy(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> bytes:
        raise StorageFailed("damaged")

    claim(parts, ours())
    parts.objects.delete([ID])
    assert verify_upload(Staging().picture(), parts, tolerance=TOLERANCE).outcome is Outcome.KEPT

    monkeypatch.setattr(type(parts.objects), "get", damaged)
    parts = new_parts()
    claim(parts, ours())
    monkeypatch.setattr(type(parts.objects), "get", damaged)
    for staged in (None, b"others"):
        with pytest.raises(StorageFailed):
            verify_upload(Staging(staged).picture(), parts, tolerance=TOLERANCE)
        assert parts.catalog.images([ID])[ID].provisional
    assert verify_upload(Staging().picture(), parts, tolerance=TOLERANCE).outcome is Outcome.KEPT


def test_a_picture_whose_bytes_are_lost_is_taken_out(parts: Parts) -> None:
    claim(parts, ours())
    parts.objects.delete([ID])
    found = verify_upload(Staging(None).picture(), parts, tolerance=TOLERANCE)
    assert (found.outcome, found.code) == (Outcome.FAILED, "bytes_lost")
    assert parts.catalog.facts().images == 0


def test_where_the_quarantine_cannot_be_written_the_picture_stays(parts: Parts) -> None:
    def full(_: bytes) -> None:
        raise StorageFailed("the disk is full")

    claim(parts, away(1.0))
    picture = UploadedPicture(id=ID, claimed=True, adding=None, staged=lambda: DATA, quarantine=full)
    with pytest.raises(StorageFailed):
        verify_upload(picture, parts, tolerance=TOLERANCE)
    assert parts.catalog.images([ID])[ID].provisional
    assert parts.objects.get(ID) == DATA


@pytest.mark.parametrize("distance", [0.0, 0.1, 1.0])
def test_twice_at_the_same_time_is_once(parts: Parts, distance: float) -> None:
    N = 4
    claim(parts, away(distance))
    staging, found, together = Staging(), list[Verification](), threading.Barrier(N)

    def work() -> None:
        together.wait()
        found.append(verify_upload(staging.picture(), parts, tolerance=TOLERANCE))

    threads = [threading.Thread(target=work) for _ in range(N)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.distance is not None for one in found) == 1
    assert len(found) == N
    assert len(set(staging.quarantined)) == (distance == 1.0)
    assert parts.catalog.facts().images == (distance != 1.0)


def test_the_distance_is_one_minus_the_cosine() -> None:
    vectors = np.random.default_rng(0).normal(size=(2, 1, D)).astype(np.float16)
    a, b = vectors.astype(np.float64)[:, 0]
    expected = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert cosine_distance(vectors[0], vectors[1]) == pytest.approx(expected, abs=1e-5)
    assert cosine_distance(vectors[0], vectors[0]) == pytest.approx(0, abs=1e-6)
    assert cosine_distance(vectors[0], -vectors[0]) == pytest.approx(2, abs=1e-6)


def claim_as(parts: Parts, name: str, vector: Vectors) -> None:
    upload = check_upload(DATA, parts, size_bytes=len(DATA), sha256=ID, vector=vector, model=parts.embedder.card.id)
    add_provisional(upload, parts, metadata={}, claim=name)


def verified_as(parts: Parts, name: str, staging: Staging, *, was_quarantined: bool = False) -> Outcome:
    picture = replace(staging.picture(), claim=name, was_quarantined=was_quarantined)
    return verify_upload(picture, parts, tolerance=TOLERANCE).outcome


@pytest.mark.parametrize("first", ["wrong", "right"])
@pytest.mark.parametrize("looked_at", [("wrong", "right"), ("right", "wrong")])
def test_a_wrong_vector_takes_nothing_from_who_brought_the_same_picture_with_the_right_one(
    parts: Parts, first: str, looked_at: tuple[str, str]
) -> None:
    vectors = {"wrong": away(1.0), "right": away(0.0)}
    for name in (first, "right" if first == "wrong" else "wrong"):
        claim_as(parts, name, vectors[name])
    staging = Staging()
    outcomes = {}
    for name in looked_at:
        outcomes[name] = verified_as(parts, name, staging)
        assert vector_of(parts) == pytest.approx(ours(), abs=1e-3)

    assert outcomes["right"] is Outcome.KEPT
    assert outcomes["wrong"] is (Outcome.QUARANTINED if looked_at[0] == "wrong" else Outcome.KEPT)
    assert not parts.catalog.images([ID])[ID].provisional
    assert parts.objects.get(ID) == DATA


def test_a_picture_that_all_brought_with_wrong_vectors_goes_with_the_last(parts: Parts) -> None:
    for name, distance in (("a", 1.0), ("b", 0.5), ("c", 2.0)):
        claim_as(parts, name, away(distance))
    staging = Staging()

    assert [verified_as(parts, name, staging) for name in "ab"] == [Outcome.QUARANTINED] * 2
    assert parts.catalog.images([ID])[ID].provisional
    assert verified_as(parts, "c", staging) is Outcome.QUARANTINED
    assert parts.catalog.keys([ID]) == {}
    assert list(parts.objects.ids()) == []
    assert len(staging.quarantined) == 3


def test_a_look_that_is_repeated_because_its_end_was_cut_off_says_the_same(parts: Parts) -> None:
    claim_as(parts, "wrong", away(1.0))
    claim_as(parts, "right", away(0.0))
    staging = Staging()
    for was_quarantined in (False, True):
        assert verified_as(parts, "wrong", staging, was_quarantined=was_quarantined) is Outcome.QUARANTINED
    assert verified_as(parts, "right", staging) is Outcome.KEPT
    assert len(staging.quarantined) == 1


@pytest.mark.parametrize("added_before_the_look", [True, False])
def test_a_picture_that_was_added_whole_beside_a_wrong_upload_stays(parts: Parts, added_before_the_look: bool) -> None:
    claim_as(parts, "wrong", away(1.0))
    if added_before_the_look:
        add_bytes(DATA, parts, metadata={})
    verified_as(parts, "wrong", Staging())
    if not added_before_the_look:
        add_bytes(DATA, parts, metadata={})

    assert vector_of(parts) == pytest.approx(ours(), abs=1e-3)
    assert not parts.catalog.images([ID])[ID].provisional
    assert parts.objects.get(ID) == DATA


def test_a_picture_that_is_removed_takes_what_was_claimed_of_it_along(parts: Parts) -> None:
    claim_as(parts, "a", away(1.0))
    claim_as(parts, "b", away(0.0))
    with parts.catalog.transaction() as transaction:
        transaction.remove_images([ID])
        assert transaction.claims(ID) == {}

    for name in "ab":
        assert verified_as(parts, name, Staging()) is Outcome.FAILED
    assert parts.catalog.keys([ID]) == {}
