"""Completing an upload: once, by its owner, in time, and healed after each crash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import (
    BadInput,
    BadVectors,
    Conflict,
    DimensionMismatch,
    ImageRefused,
    LookalikeError,
    NotFound,
    NotIndexed,
    Overloaded,
    UploadRefused,
    WrongModel,
)
from lookalike.ledger.base import UploadState
from lookalike.queue.base import JobState
from lookalike.queue.memory import MemoryQueue
from lookalike.worker.completing import VERIFY_UPLOAD, Completed
from tests.unit.worker.desk import DATA, EXPIRES_AT, MODEL, SHA256, Desk, elsewhere, ours


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture(params=["disk", "memory"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "photos" if request.param == "disk" else None)
    yield desk
    desk.close()


def test_with_a_vector_the_picture_is_found_at_once_and_a_job_waits(desk: Desk) -> None:
    upload_id = desk.ask()
    done = desk.complete(upload_id)

    job = desk.queue.get(done.job_id)
    assert done == Completed(UploadState.PROVISIONAL, SHA256, job.id)
    assert (job.kind, job.collection, job.owner, job.state) == (VERIFY_UPLOAD, "photos", "ann", JobState.QUEUED)
    assert job.payload["upload_id"] == upload_id
    assert (desk.image().provisional, desk.image().metadata) == (True, {"name": "a.png", "label": "a"})
    (hit,) = desk.collection.search(ours(), k=1)
    assert (hit.id, hit.provisional) == (SHA256, True)
    upload = desk.ledger.upload(upload_id)
    assert (upload.state, upload.image_id, upload.job_id) == (UploadState.PROVISIONAL, SHA256, job.id)


def test_without_a_vector_it_waits_to_be_embedded(desk: Desk) -> None:
    upload_id = desk.ask()
    done = desk.complete(upload_id, vector=None, model=None)
    assert (done.state, desk.state(upload_id)) == (UploadState.QUEUED, UploadState.QUEUED)
    assert len(desk.collection) == 0
    assert desk.uploads.read(upload_id) == DATA


@pytest.mark.parametrize("vector", [True, False])
def test_the_same_again_gives_the_same_before_and_after_the_work(desk: Desk, vector: bool) -> None:
    upload_id, said = desk.ask(), {} if vector else {"vector": None, "model": None}
    first = desk.complete(upload_id, **said)
    assert desk.complete(upload_id, **said) == first
    desk.work()
    assert desk.complete(upload_id, **said) == first
    assert len(desk.queue.jobs()) == 1
    assert not desk.image().provisional


@pytest.mark.parametrize(
    "changed",
    [{"vector": None, "model": None}, {"vector": elsewhere()}, {"metadata": {}}, {"metadata": {"label": 1}}],
)
def test_something_else_afterwards_clashes(desk: Desk, changed: dict[str, Any]) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id)
    for _ in range(2):
        with pytest.raises(Conflict) as clash:
            desk.complete(upload_id, **changed)
        assert clash.value.code == "upload_completed"
        desk.work()
    assert desk.image().metadata == {"name": "a.png", "label": "a"}


def test_the_same_said_in_another_form_is_the_same(desk: Desk) -> None:
    upload_id = desk.ask()
    first = desk.complete(upload_id, metadata={"a": 1, "b": 2})
    assert desk.complete(upload_id, vector=ours().tolist(), metadata={"b": 2, "a": 1}) == first


def test_another_owner_sees_nothing(desk: Desk) -> None:
    upload_id = desk.ask()
    for another in (upload_id, "f" * 32):
        with pytest.raises(NotFound, match=another):
            desk.complete(another, owner="bob")
    assert desk.state(upload_id) is UploadState.WAITING


@pytest.mark.parametrize(
    ("changed", "error", "code"),
    [
        ({"sha256": "0" * 64}, UploadRefused, "hash_mismatch"),
        ({"now": EXPIRES_AT}, UploadRefused, "upload_expired"),
        ({"vector": ours() * 2}, UploadRefused, "vector_not_unit"),
        ({"vector": ours()[:-1]}, DimensionMismatch, "dimension_mismatch"),
        ({"vector": np.full(16, np.nan)}, BadVectors, "bad_vectors"),
        ({"vector": [[1], [2, 3]]}, BadInput, "bad_input"),
        ({"model": "0" * 64}, WrongModel, "wrong_model"),
        ({"metadata": {"a": object()}}, BadInput, "bad_input"),
        ({"metadata": {"a": float("nan")}}, BadInput, "bad_input"),
    ],
)
def test_what_is_refused_changes_nothing_and_can_be_said_better(
    desk: Desk, changed: dict[str, Any], error: type[LookalikeError], code: str
) -> None:
    upload_id = desk.ask()
    with pytest.raises(error) as refused:
        desk.complete(upload_id, **changed)
    assert refused.value.code == code
    assert (desk.state(upload_id), len(desk.collection), desk.queue.jobs()) == (UploadState.WAITING, 0, [])
    assert desk.complete(upload_id).state is UploadState.PROVISIONAL


def test_bytes_that_did_not_come_are_asked_for(desk: Desk) -> None:
    upload_id = desk.ask(bring=False)
    with pytest.raises(UploadRefused) as refused:
        desk.complete(upload_id)
    assert refused.value.code == "not_uploaded"
    desk.uploads.stage(upload_id, DATA)
    assert desk.complete(upload_id).state is UploadState.PROVISIONAL


@pytest.mark.parametrize("other", [DATA[:-1], DATA[:-1] + b"x"])
def test_bytes_that_are_others_in_storage_are_refused(desk: Desk, other: bytes) -> None:
    upload_id = desk.ask(bring=False)
    desk.uploads.stage(upload_id, other)
    with pytest.raises(UploadRefused, match="as announced"):
        desk.complete(upload_id)
    assert len(desk.collection) == 0


def test_what_is_no_picture_fails_for_good_and_says_so_again(desk: Desk) -> None:
    page = b"<!doctype html><script>alert(1)</script>"
    upload_id, sha256 = desk.ask(data=page), hashlib.sha256(page).hexdigest()
    for _ in range(2):
        with pytest.raises(ImageRefused, match="not a picture") as refused:
            desk.complete(upload_id, sha256=sha256)
        assert refused.value.code == "not_an_image"
    assert desk.ledger.upload(upload_id).code == "not_an_image"
    assert (desk.state(upload_id), desk.queue.jobs()) == (UploadState.FAILED, [])
    assert desk.uploads.staged(upload_id) is None
    with pytest.raises(Conflict):
        desk.complete(upload_id, sha256=sha256, vector=None, model=None)


def test_an_upload_that_expired_stays_so(desk: Desk) -> None:
    upload_id = desk.ask(state=UploadState.EXPIRED)
    with pytest.raises(UploadRefused) as refused:
        desk.complete(upload_id)
    assert refused.value.code == "upload_expired"


def test_a_full_queue_takes_nothing_in(desk: Desk) -> None:
    upload_id = desk.ask()
    queue, desk.queue = desk.queue, MemoryQueue(max_queued=0)
    with pytest.raises(Overloaded):
        desk.complete(upload_id)
    desk.queue = queue
    assert (desk.state(upload_id), len(desk.collection)) == (UploadState.WAITING, 0)
    assert desk.complete(upload_id).state is UploadState.PROVISIONAL


def test_a_picture_that_is_there_is_not_changed_but_by_metadata(desk: Desk) -> None:
    desk.collection.add(DATA, metadata={"mine": 1})
    desk.complete(desk.ask(), vector=elsewhere())
    assert (desk.image().provisional, desk.image().metadata) == (False, {"mine": 1, "label": "a"})
    desk.work()
    assert desk.collection.search(ours(), k=1)[0].similarity == pytest.approx(1, abs=1e-3)


def dying(call: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """The same call, in which the process dies: before anything is done, or after all of it."""

    def die(*args: Any, **named: Any) -> Any:
        if after:
            call(*args, **named)
        raise Crash

    return die


POINTS = [("queue", "enqueue"), ("collection", "add_provisional"), ("ledger", "advance_upload")]


def crash(desk: Desk, point: tuple[str, str], *, after: bool, monkeypatch: pytest.MonkeyPatch, **said: Any) -> str:
    """Complete an upload, and die on the way."""
    upload_id, part = desk.ask(), getattr(desk, point[0])
    with monkeypatch.context() as patched:
        patched.setattr(part, point[1], dying(getattr(part, point[1]), after=after))
        with pytest.raises(Crash):
            desk.complete(upload_id, **said)
    return upload_id


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", POINTS, ids=[name for _, name in POINTS])
def test_a_completion_that_is_repeated_after_a_crash_heals(
    desk: Desk, point: tuple[str, str], after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = crash(desk, point, after=after, monkeypatch=monkeypatch)
    done = desk.complete(upload_id)
    assert done == Completed(UploadState.PROVISIONAL, SHA256, desk.queue.jobs()[0].id)
    assert desk.image().provisional
    assert [result["outcome"] for result in desk.work()] == ["kept"]
    assert desk.complete(upload_id) == done
    assert (desk.image().provisional, desk.image().metadata) == (False, {"name": "a.png", "label": "a"})
    assert desk.uploads.staged(upload_id) is None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", POINTS, ids=[name for _, name in POINTS])
@pytest.mark.parametrize("vector", [ours(), elsewhere(), None], ids=["near", "far", "none"])
def test_where_the_client_never_comes_back_the_worker_carries_it_through_or_it_expires(
    desk: Desk, point: tuple[str, str], after: bool, vector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if vector is None and point[1] == "add_provisional":
        return  # that is not called
    said = {"vector": vector, "model": None if vector is None else MODEL}
    upload_id = crash(desk, point, after=after, monkeypatch=monkeypatch, **said)
    desk.work()
    if point[1] == "enqueue" and not after:
        assert (desk.state(upload_id), len(desk.collection)) == (UploadState.WAITING, 0)
        return
    assert desk.state(upload_id).ended
    assert desk.complete(upload_id, **said).image_id == SHA256
    was_provisional = point[1] == "advance_upload" or (point[1] == "add_provisional" and after)
    if vector is not None and was_provisional and np.allclose(vector, elsewhere()):
        assert (desk.state(upload_id), len(desk.collection)) == (UploadState.QUARANTINED, 0)
        assert desk.uploads.quarantined(upload_id) == DATA
    else:
        assert (desk.image().provisional, desk.image().metadata) == (False, {"name": "a.png", "label": "a"})
        assert desk.collection.search(ours(), k=1)[0].similarity == pytest.approx(1, abs=1e-3)
    assert desk.uploads.staged(upload_id) is None
    assert len(desk.queue.jobs()) == 1


@pytest.mark.parametrize("point", POINTS, ids=[name for _, name in POINTS])
@pytest.mark.parametrize("data", [DATA, "broken"], ids=["whole", "broken"])
def test_a_worker_that_is_quicker_than_the_completion_leaves_nothing_unverified(
    desk: Desk, point: tuple[str, str], data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if data == "broken":
        at = DATA.index(b"IDAT") + 4
        data = DATA[:at] + bytes(8) + DATA[at + 8 :]
    upload_id, sha256 = desk.ask(data=data), hashlib.sha256(data).hexdigest()
    part, call = getattr(desk, point[0]), getattr(getattr(desk, point[0]), point[1])

    def overtaken(*args: Any, **named: Any) -> Any:
        monkeypatch.undo()
        if point[1] == "enqueue":
            result = call(*args, **named)
            desk.work()
            return result
        desk.work()
        return call(*args, **named)

    monkeypatch.setattr(part, point[1], overtaken)
    done = desk.complete(upload_id, sha256=sha256)
    assert (done.state, done.image_id) == (UploadState.PROVISIONAL, sha256)
    if data == DATA:
        assert not desk.image().provisional
    else:
        assert (desk.state(upload_id), desk.ledger.upload(upload_id).code) == (UploadState.FAILED, "damaged")
        with pytest.raises(NotIndexed):
            desk.image(sha256)
        assert list(desk.collection._parts.objects.ids()) == []
    assert desk.complete(upload_id, sha256=sha256) == done


def test_of_two_completions_at_the_same_time_one_counts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    upload_id, call = desk.ask(), desk.queue.enqueue
    first: list[Completed] = []

    def overtaken(*args: Any, **named: Any) -> Any:
        monkeypatch.undo()
        first.append(desk.complete(upload_id))
        return call(*args, **named)

    monkeypatch.setattr(desk.queue, "enqueue", overtaken)
    with pytest.raises(Conflict) as clash:
        desk.complete(upload_id, vector=elsewhere(), metadata={"label": "b"})
    assert clash.value.code == "upload_completed"
    assert desk.complete(upload_id) == first[0]
    assert desk.image().metadata == {"name": "a.png", "label": "a"}


def test_an_upload_whose_job_was_given_up_before_it_began_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = crash(desk, ("queue", "enqueue"), after=True, monkeypatch=monkeypatch)
    job = desk.claim()
    assert job is not None
    desk.queue.fail(job.id, worker="w", code="gone", detail="no model", retry_in_s=None)
    with pytest.raises(UploadRefused, match="no model") as refused:
        desk.complete(upload_id, now=0.0)
    assert refused.value.code == "gave_up"
    assert len(desk.collection) == 0
