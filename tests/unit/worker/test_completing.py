"""Completing an upload: once, by its owner, in time, and healed after each crash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from lookalike.collection.hosting import Hosting
from lookalike.core.errors import (
    BadInput,
    BadVectors,
    Conflict,
    DimensionMismatch,
    ImageRefused,
    LookalikeError,
    NotIndexed,
    Overloaded,
    UploadRefused,
    WrongModel,
)
from lookalike.jobs.base import JobState
from lookalike.ledger.base import UploadState
from lookalike.worker.completing import VERIFY_UPLOAD, Completed
from tests.unit.worker.desk import DATA, DESKS, EXPIRES_AT, MODEL, SHA256, Desk, elsewhere, new_desk, ours


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture(params=DESKS)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = new_desk(request)
    yield desk
    desk.close()


def test_with_a_vector_the_picture_is_found_at_once_and_a_job_waits(desk: Desk) -> None:
    upload_id = desk.ask()
    done = desk.complete(upload_id)

    job = desk.jobs.get(done.job_id)
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
    assert len(desk.jobs.jobs()) == 1
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
    assert (desk.state(upload_id), len(desk.collection), desk.jobs.jobs()) == (UploadState.WAITING, 0, [])
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
    assert (desk.state(upload_id), desk.jobs.jobs()) == (UploadState.FAILED, [])
    assert desk.uploads.staged(upload_id) is None
    with pytest.raises(Conflict):
        desk.complete(upload_id, sha256=sha256, vector=None, model=None)


def test_an_upload_that_expired_stays_so(desk: Desk) -> None:
    upload_id = desk.ask(state=UploadState.EXPIRED)
    with pytest.raises(UploadRefused) as refused:
        desk.complete(upload_id)
    assert refused.value.code == "upload_expired"


@pytest.mark.parametrize("engine", DESKS)
def test_where_too_many_jobs_wait_nothing_is_taken_in(request: pytest.FixtureRequest, engine: str) -> None:
    desk = new_desk(request, kind=engine, max_queued=1)
    upload_id, other = desk.ask(), desk.jobs.enqueue("other", collection="photos", payload={})
    with pytest.raises(Overloaded):
        desk.complete(upload_id)
    assert desk.jobs.claim(["other"], worker="w", lease_s=60.0) == desk.jobs.get(other.id)
    assert (desk.state(upload_id), len(desk.collection)) == (UploadState.WAITING, 0)
    assert desk.complete(upload_id).state is UploadState.PROVISIONAL
    desk.close()


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


STEPS = ["transaction", "add_provisional", "last transaction"]
"""Of a completion; two others than the first are for one with a vector."""


def place_of(desk: Desk, step: str) -> tuple[Any, str]:
    """Where a step is done, and its name there."""
    return (Hosting, step) if step == "add_provisional" else (desk.ledger, step.rpartition(" ")[2])


def dying_in(desk: Desk, step: str, *, after: bool) -> Callable[..., Any]:
    """A step in which the process dies: before anything is done, or after all of it."""
    call = getattr(*place_of(desk, step))
    if not step.endswith("transaction"):
        return dying(call, after=after)
    earlier = [1] if step == "last transaction" else []

    @contextmanager
    def transaction() -> Iterator[Any]:
        with call() as within:
            if earlier:
                earlier.pop()
                yield within
                return
            yield within
            if not after:
                raise Crash  # when everything is said, and nothing is committed
        raise Crash

    return transaction


def crash(desk: Desk, step: str, *, after: bool, monkeypatch: pytest.MonkeyPatch, **said: Any) -> str:
    """Complete an upload, and die on the way."""
    upload_id = desk.ask()
    with monkeypatch.context() as patched:
        patched.setattr(*place_of(desk, step), dying_in(desk, step, after=after))
        with pytest.raises(Crash):
            desk.complete(upload_id, **said)
    return upload_id


def test_an_upload_its_job_and_the_outbox_change_together_or_not_at_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = crash(desk, "transaction", after=False, monkeypatch=monkeypatch)
    desk.now += 60.0
    assert (desk.state(upload_id), desk.jobs.jobs(), desk.jobs.outbox()) == (UploadState.WAITING, [], [])
    assert desk.jobs.last_event() == 0
    upload_id = desk.ask(1)
    done = desk.complete(upload_id, vector=None, model=None)
    desk.now += 60.0
    assert (desk.state(upload_id), desk.ledger.upload(upload_id).job_id) == (UploadState.QUEUED, done.job_id)
    assert [row.job_id for row in desk.jobs.outbox()] == [job.id for job in desk.jobs.jobs()] == [done.job_id]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_completion_that_is_repeated_after_a_crash_heals(
    desk: Desk, step: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = crash(desk, step, after=after, monkeypatch=monkeypatch)
    done = desk.complete(upload_id)
    assert done == Completed(UploadState.PROVISIONAL, SHA256, desk.jobs.jobs()[0].id)
    assert desk.image().provisional
    assert desk.state(upload_id) is UploadState.PROVISIONAL
    assert [result["outcome"] for result in desk.work()] == ["kept"]
    assert desk.complete(upload_id) == done
    assert (desk.image().provisional, desk.image().metadata) == (False, {"name": "a.png", "label": "a"})
    assert desk.uploads.staged(upload_id) is None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("vector", [ours(), elsewhere(), None], ids=["near", "far", "none"])
def test_where_the_client_never_comes_back_the_worker_carries_it_through_or_it_expires(
    desk: Desk, step: str, after: bool, vector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if vector is None and step != "transaction":
        return  # that is not called
    said = {"vector": vector, "model": None if vector is None else MODEL}
    upload_id = crash(desk, step, after=after, monkeypatch=monkeypatch, **said)
    desk.work()
    if step == "transaction" and not after:
        assert (desk.state(upload_id), len(desk.collection)) == (UploadState.WAITING, 0)
        return
    assert desk.state(upload_id).ended
    assert desk.complete(upload_id, **said).image_id == SHA256
    was_provisional = step == "last transaction" or (step == "add_provisional" and after)
    if vector is not None and was_provisional and np.allclose(vector, elsewhere()):
        assert (desk.state(upload_id), len(desk.collection)) == (UploadState.QUARANTINED, 0)
        assert desk.uploads.quarantined(upload_id) == DATA
    else:
        assert (desk.image().provisional, desk.image().metadata) == (False, {"name": "a.png", "label": "a"})
        assert desk.collection.search(ours(), k=1)[0].similarity == pytest.approx(1, abs=1e-3)
    assert desk.uploads.staged(upload_id) is None
    assert len(desk.jobs.jobs()) == 1


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("data", [DATA, "broken"], ids=["whole", "broken"])
def test_a_worker_that_is_quicker_than_the_completion_leaves_nothing_unverified(
    desk: Desk, step: str, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if data == "broken":
        at = DATA.index(b"IDAT") + 4
        data = DATA[:at] + bytes(8) + DATA[at + 8 :]
    upload_id, sha256 = desk.ask(data=data), hashlib.sha256(data).hexdigest()
    part, name = place_of(desk, step)
    call = getattr(part, name)
    earlier = [1] if step == "last transaction" else []

    def overtaken(*args: Any, **named: Any) -> Any:
        if earlier:
            earlier.pop()
            return call(*args, **named)
        monkeypatch.undo()
        desk.work()
        return call(*args, **named)

    @contextmanager
    def overtaken_at_the_end() -> Iterator[Any]:
        with call() as within:
            yield within
        monkeypatch.undo()
        desk.work()

    monkeypatch.setattr(part, name, overtaken_at_the_end if step == "transaction" else overtaken)
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
    upload_id, call = desk.ask(), desk.ledger.transaction
    first: list[Completed] = []

    def overtaken() -> Any:
        monkeypatch.undo()
        first.append(desk.complete(upload_id))
        return call()

    monkeypatch.setattr(desk.ledger, "transaction", overtaken)
    with pytest.raises(Conflict) as clash:
        desk.complete(upload_id, vector=elsewhere(), metadata={"label": "b"})
    assert clash.value.code == "upload_completed"
    assert desk.complete(upload_id) == first[0]
    assert desk.image().metadata == {"name": "a.png", "label": "a"}


def test_a_completion_that_is_repeated_when_the_worker_has_begun_leaves_the_picture_to_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = crash(desk, "transaction", after=True, monkeypatch=monkeypatch)
    job = desk.claim()
    assert job is not None
    assert desk.complete(upload_id) == Completed(UploadState.PROVISIONAL, SHA256, job.id)
    assert (desk.state(upload_id), len(desk.collection)) == (UploadState.QUEUED, 0)
    assert desk.verifier()(job)["outcome"] == "stored"
    assert desk.jobs.finish(job.id, lease=job.lease, result=None)
    assert desk.complete(upload_id) == Completed(UploadState.PROVISIONAL, SHA256, job.id)
    assert not desk.image().provisional
