"""The worker's part of uploads: each is verified once, whatever happens, and what nobody completes is swept up."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookalike.core.errors import Conflict, NoCollection, NotFound, StorageFailed
from lookalike.dispatch.polling import PollingDispatch
from lookalike.jobs.base import Job
from lookalike.ledger.base import UploadState
from lookalike.objects.durable import translating
from lookalike.objects.local import LocalObjects
from lookalike.objects.uploads import DirectUploads
from lookalike.worker.completing import VERIFY_UPLOAD, as_told
from lookalike.worker.uploads import GRACE_S, end_given_up, sweep_staged, sweep_uploads
from lookalike.worker.worker import Worker
from tests.unit.worker.desk import DATA, DESKS, EXPIRES_AT, MODEL, SHA256, Desk, elsewhere, new_desk, ours
from tests.unit.worker.test_completing import Crash, dying, dying_in
from tests.waiting import eventually


@pytest.fixture(params=DESKS)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = new_desk(request)
    yield desk
    desk.close()


def between() -> Any:
    """At a cosine distance of 0.1 from ours."""
    return 0.9 * ours() + (1 - 0.9**2) ** 0.5 * elsewhere()


SAID = {
    "kept": {"vector": ours()},
    "replaced": {"vector": between()},
    "quarantined": {"vector": elsewhere()},
    "stored": {"vector": None, "model": None},
}
DISTANCES = {"kept": 0.0, "replaced": 0.1, "quarantined": 1.0, "stored": None}


def nearly(distance: float | None) -> Any:
    return None if distance is None else pytest.approx(distance, abs=1e-3)


@pytest.mark.parametrize("outcome", SAID)
def test_the_ledger_and_the_metrics_are_told_what_became_of_it(desk: Desk, outcome: str) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id, **SAID[outcome])
    (result,) = desk.work()
    distance = nearly(DISTANCES[outcome])
    assert (result["upload_id"], result["image_id"], result["outcome"]) == (upload_id, SHA256, outcome)
    assert result["distance"] == distance
    upload = desk.ledger.upload(upload_id)
    assert (upload.state, upload.distance) == (UploadState(outcome), distance)
    assert bool(upload.code) == bool(upload.detail) == (outcome == "quarantined")
    assert desk.observed == [(outcome, "chrome", distance)]
    assert desk.uploads.staged(upload_id) is None
    assert desk.uploads.quarantined(upload_id) == (DATA if outcome == "quarantined" else None)
    assert len(desk.collection) == (outcome != "quarantined")


@pytest.mark.parametrize("outcome", SAID)
def test_a_job_that_is_done_again_says_the_same(desk: Desk, outcome: str) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id, **SAID[outcome])
    job = desk.claim()
    assert job is not None
    first = desk.verifier()(job)
    assert desk.verifier()(job) == first
    assert len(desk.observed) == 1


@pytest.mark.parametrize("outcome", SAID)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", ["ledger transaction", "uploads discard", "uploads quarantine", "objects delete"])
def test_a_job_that_was_cut_off_is_done_by_the_next_worker(
    desk: Desk, outcome: str, point: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id, **SAID[outcome])
    job = desk.claim()
    assert job is not None
    parts = {"ledger": desk.ledger, "uploads": desk.uploads, "objects": desk.collection._parts.objects}
    part, name = point.split()
    cut_off = outcome == "quarantined" or (part != "objects" and name != "quarantine")
    with monkeypatch.context() as patched:
        step = dying(getattr(parts[part], name), after=after) if part != "ledger" else dying_in(desk, name, after=after)
        patched.setattr(parts[part], name, step)
        if cut_off:
            with pytest.raises(Crash):
                desk.verifier()(job)
        else:
            desk.verifier()(job)

    desk.verifier()(job)
    if outcome == "replaced" and part == "ledger" and not after:
        outcome = "kept"  # what the first worker found is not known any more, but the picture is verified
    assert desk.state(upload_id) is UploadState(outcome)
    assert [one[0] for one in desk.observed][-1:] in ([outcome], [])
    assert desk.uploads.staged(upload_id) is None
    if outcome == "quarantined":
        assert (len(desk.collection), desk.uploads.quarantined(upload_id)) == (0, DATA)
        assert list(desk.collection._parts.objects.ids()) == []
    else:
        assert (desk.image().provisional, desk.image().metadata) == (False, {"name": "a.png", "label": "a"})


def test_a_disk_that_fails_is_told_so_that_the_job_is_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageFailed("the disk is full")

    upload_id = desk.ask()
    desk.complete(upload_id, **SAID["quarantined"])
    job = desk.claim()
    assert job is not None
    with monkeypatch.context() as patched:
        patched.setattr(desk.uploads, "quarantine", full)
        with pytest.raises(StorageFailed):
            desk.verifier()(job)
    assert (desk.state(upload_id), desk.image().provisional) == (UploadState.PROVISIONAL, True)
    desk.verifier()(job)
    assert desk.state(upload_id) is UploadState.QUARANTINED


def test_a_picture_that_was_removed_meanwhile_stays_removed(desk: Desk) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id)
    desk.collection.remove(SHA256)
    desk.work()
    upload = desk.ledger.upload(upload_id)
    assert (upload.state, upload.code, len(desk.collection)) == (UploadState.FAILED, "removed", 0)
    assert desk.uploads.staged(upload_id) is None


def test_uploads_of_the_same_picture_do_not_spoil_each_other(desk: Desk) -> None:
    vectors = [ours(), elsewhere(), None, elsewhere(), ours()]
    ids = [desk.ask(n) for n in range(len(vectors))]
    for upload_id, vector in zip(ids, vectors, strict=True):
        desk.complete(upload_id, vector=vector, model=None if vector is None else MODEL)
    desk.work()
    assert [str(desk.state(upload_id)) for upload_id in ids] == ["kept", "kept", "stored", "kept", "kept"]
    assert not desk.image().provisional
    assert desk.collection.search(ours(), k=1)[0].similarity == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("claimed", "states"),
    [
        ((elsewhere, ours), ["quarantined", "kept"]),
        ((ours, elsewhere), ["kept", "kept"]),
        ((elsewhere, elsewhere, ours), ["quarantined", "quarantined", "kept"]),
        ((elsewhere, elsewhere), ["quarantined", "quarantined"]),
    ],
)
def test_an_upload_is_held_to_its_own_vector_and_outlives_a_wrong_one_of_the_same_picture(
    desk: Desk, claimed: tuple[Callable[[], Any], ...], states: list[str]
) -> None:
    ids = [desk.ask(n) for n in range(len(claimed))]
    for upload_id, vector in zip(ids, claimed, strict=True):
        desk.complete(upload_id, vector=vector())
    desk.work()

    assert [str(desk.state(upload_id)) for upload_id in ids] == states
    assert len(desk.collection) == int("kept" in states)
    kept_apart = [desk.uploads.quarantined(upload_id) is not None for upload_id in ids]
    assert kept_apart == [state == "quarantined" for state in states]


def test_an_upload_that_is_not_known_is_told(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.verifier()(Job(id="a" * 32, kind="verify_upload", collection="photos", payload={"upload_id": "b" * 32}))


def uploads_of(desk: Desk) -> Callable[[str], DirectUploads]:
    def of(name: str) -> DirectUploads:
        if name != "photos":
            raise NoCollection(f"there is no collection {name!r}")
        return desk.uploads

    return of


def test_what_was_never_completed_expires_with_its_bytes(desk: Desk) -> None:
    late, in_time, done = desk.ask(1), desk.ask(2, expires_at=EXPIRES_AT + 1), desk.ask(3)
    gone = desk.ask(4, collection="gone", bring=False)
    desk.complete(done, vector=None, model=None)
    assert sweep_uploads(desk.ledger, uploads_of(desk), EXPIRES_AT + GRACE_S - 1) == 0
    assert sweep_uploads(desk.ledger, uploads_of(desk), EXPIRES_AT + GRACE_S) == 1
    assert [desk.state(one) for one in (late, gone)] == [UploadState.EXPIRED] * 2
    assert [desk.state(one) for one in (in_time, done)] == [UploadState.WAITING, UploadState.QUEUED]
    assert desk.uploads.staged(late) is None
    assert desk.uploads.read(in_time) == desk.uploads.read(done) == DATA
    assert sweep_uploads(desk.ledger, uploads_of(desk), EXPIRES_AT + GRACE_S) == 0


def test_an_upload_that_is_completed_at_the_last_moment_does_not_expire(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id, call = desk.ask(), desk.ledger.advance_upload

    def overtaken(*args: Any, **named: Any) -> Any:
        monkeypatch.undo()
        desk.complete(upload_id)
        return call(*args, **named)

    monkeypatch.setattr(desk.ledger, "advance_upload", overtaken)
    assert sweep_uploads(desk.ledger, uploads_of(desk), EXPIRES_AT + GRACE_S) == 0
    assert desk.state(upload_id) is UploadState.PROVISIONAL


def test_an_upload_whose_completion_was_cut_off_does_not_expire_any_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = desk.ask()
    with monkeypatch.context() as patched:
        patched.setattr(desk.ledger, "transaction", dying_in(desk, "last transaction", after=False))
        with pytest.raises(Crash):
            desk.complete(upload_id, vector=elsewhere())
    assert desk.image().provisional
    assert sweep_uploads(desk.ledger, uploads_of(desk), EXPIRES_AT + GRACE_S) == 0
    (result,) = desk.work()
    assert (result["outcome"], desk.state(upload_id)) == ("quarantined", UploadState.QUARANTINED)
    assert (len(desk.collection), desk.uploads.quarantined(upload_id)) == (0, DATA)


def test_a_picture_whose_upload_an_earlier_version_let_expire_is_verified_all_the_same(desk: Desk) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id, vector=elsewhere())
    expired = replace(desk.ledger.upload(upload_id), state=UploadState.EXPIRED)
    desk.ledger.advance_upload(expired, only_from=[UploadState.PROVISIONAL])
    (result,) = desk.work()
    assert (result["outcome"], desk.state(upload_id)) == ("expired", UploadState.EXPIRED)
    assert (len(desk.collection), desk.uploads.quarantined(upload_id), desk.observed) == (0, DATA, [])


def test_bytes_that_come_after_their_upload_ended_are_swept_away(desk: Desk) -> None:
    ended, waits, queued, unknown = desk.ask(1), desk.ask(2), desk.ask(3), "f" * 32
    desk.complete(ended)
    desk.work()
    desk.complete(queued, vector=None, model=None, now=0.0)
    for upload_id in (ended, unknown):
        desk.uploads.stage(upload_id, DATA)
    assert sweep_staged(desk.ledger, desk.uploads) == 0
    desk.now = 10.0**12
    assert sweep_staged(desk.ledger, desk.uploads) == 2
    assert [desk.uploads.staged(one) for one in (ended, unknown)] == [None, None]
    assert desk.uploads.read(waits) == desk.uploads.read(queued) == DATA


def test_an_upload_whose_job_gave_up_says_why_and_what_to_do_until_it_is_put_in_again(desk: Desk) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id)
    job = desk.claim()
    assert job is not None
    desk.jobs.fail(job.id, lease=1, code="wrong_model", detail="it is of another model", retry_in_s=None)

    told = as_told(desk.ledger.upload(upload_id), desk.jobs)
    assert (told.state, told.code) == (UploadState.FAILED, "wrong_model")
    assert "it is of another model" in told.detail
    assert f"/v1/jobs/{job.id}/retry" in told.detail
    assert desk.uploads.staged(upload_id) is not None  # nothing is lost meanwhile

    desk.jobs.retry(job.id)
    assert as_told(desk.ledger.upload(upload_id), desk.jobs).state is UploadState.PROVISIONAL
    desk.work()
    assert as_told(desk.ledger.upload(upload_id), desk.jobs).state is UploadState.KEPT


def test_an_upload_that_nobody_puts_in_again_for_a_month_ends(desk: Desk) -> None:
    upload_id, other = desk.ask(), desk.ask(1)
    desk.complete(upload_id)
    desk.complete(other)
    job = desk.claim()
    assert job is not None
    desk.jobs.fail(job.id, lease=1, code="unexpected", detail="why", retry_in_s=None)
    assert end_given_up(desk.ledger, desk.now + 29 * 86_400.0) == 0
    later = desk.now + 31 * 86_400.0
    assert end_given_up(desk.ledger, later) == 1
    assert end_given_up(desk.ledger, later) == 0
    desk.jobs.sweep(later)
    upload = desk.ledger.upload(upload_id)
    assert (upload.state, upload.code, upload.detail) == (UploadState.FAILED, "unexpected", "why")
    assert desk.state(other) is UploadState.PROVISIONAL


def test_an_upload_whose_job_is_not_kept_any_more_is_told_as_given_up(desk: Desk) -> None:
    upload_id = desk.ask()
    job = desk.jobs.get(desk.complete(upload_id).job_id)
    assert desk.claim() is not None
    desk.jobs.fail(job.id, lease=1, code="unexpected", detail="why", retry_in_s=None)
    desk.jobs.sweep(desk.now + 31 * 86_400.0)
    told = as_told(desk.ledger.upload(upload_id), desk.jobs)
    assert (told.state, told.code) == (UploadState.FAILED, "gave_up")
    assert "upload the picture again" in told.detail


@pytest.mark.parametrize("bytes_are", ["gone", "damaged"])
def test_an_upload_whose_bytes_are_lost_is_told_and_not_tried_for_ever(tmp_path: Path, bytes_are: str) -> None:
    desk = Desk(tmp_path / "photos")
    upload_id = desk.ask()
    desk.complete(upload_id)
    path = tmp_path / "photos" / "objects" / SHA256[:2] / SHA256[2:]
    if bytes_are == "gone":
        path.unlink()
    else:
        path.write_bytes(DATA[:-1] + b"x")
    desk.uploads.discard(upload_id)
    (result,) = desk.work()
    upload = desk.ledger.upload(upload_id)
    assert (result["outcome"], upload.state, upload.code) == ("failed", UploadState.FAILED, "bytes_lost")
    desk.close()


def test_an_upload_without_a_vector_whose_bytes_are_gone_is_told_too(desk: Desk) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id, vector=None, model=None)
    desk.uploads.discard(upload_id)
    (result,) = desk.work()
    assert (result["outcome"], desk.ledger.upload(upload_id).code) == ("failed", "bytes_lost")
    assert SHA256 not in desk.collection


def test_a_damaged_object_is_made_whole_from_the_copy_of_the_upload(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "photos")
    upload_id = desk.ask()
    desk.complete(upload_id)
    path = tmp_path / "photos" / "objects" / SHA256[:2] / SHA256[2:]
    path.write_bytes(DATA[:-1] + b"x")
    desk.work()
    assert desk.state(upload_id) is UploadState.KEPT
    desk.close()


def test_a_disk_that_is_full_for_long_costs_an_upload_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.worker.policy.backoff_s", lambda attempts, random: 0.0)
    N, tries = 25, []
    keep = LocalObjects.put

    def full(objects: LocalObjects, data: bytes) -> str:
        tries.append(1)
        if len(tries) <= N:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return keep(objects, data)

    def put(objects: LocalObjects, data: bytes) -> str:
        with translating(objects.folder):
            return full(objects, data)

    monkeypatch.setattr(LocalObjects, "put", put)
    desk, stop = Desk(tmp_path / "photos"), threading.Event()
    upload_id = desk.ask()
    job_id = desk.complete(upload_id, vector=None, model=None).job_id
    desk.now += 60
    worker = Worker(desk.jobs, PollingDispatch(every_s=0.01), {VERIFY_UPLOAD: desk.verifier()}, name="test")
    working = threading.Thread(target=worker.run, args=(stop,))
    working.start()
    eventually(lambda: desk.jobs.get(job_id).state == "done")
    stop.set()
    working.join()
    job = desk.jobs.get(job_id)
    assert (job.state, job.attempts, job.postponed) == ("done", 1, N)
    assert desk.state(upload_id) is UploadState.STORED
    assert desk.image().id == SHA256
    desk.close()


@pytest.mark.parametrize("outcome", SAID)
@pytest.mark.parametrize("point", ["before it looks", "when it has looked"])
def test_a_worker_whose_job_another_has_claimed_meanwhile_changes_nothing(
    desk: Desk, outcome: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = desk.ask()
    desk.complete(upload_id, **SAID[outcome])
    slow = desk.claim()
    assert slow is not None
    if point == "when it has looked":
        advance = desk.ledger.transaction

        def overtaken() -> Any:
            monkeypatch.undo()
            assert desk.claim() is not None
            return advance()

        monkeypatch.setattr(desk.ledger, "transaction", overtaken)
    else:
        assert desk.claim() is not None
    with pytest.raises(Conflict, match="another worker") as refused:
        desk.verifier()(slow)
    assert refused.value.code == "job_state"
    assert not desk.state(upload_id).ended
    assert desk.observed == []
    assert DATA in (desk.uploads.staged(upload_id) and DATA, desk.uploads.quarantined(upload_id))  # for the other
    job = desk.jobs.get(slow.id)
    assert desk.verifier()(job)["outcome"] == (
        "kept" if outcome == "replaced" and point != "before it looks" else outcome
    )
