"""The whole flow of uploads over a broker that does all that one may do: nothing is lost, nothing is done twice.

Uploads are completed while relays, workers and the broker's connections fail; notices come late, twice and in another
order, also when the lease of their job has ended and another worker has it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lookalike.core.records import Json
from lookalike.jobs.base import Job, JobState
from lookalike.ledger.base import UploadState
from lookalike.worker import Worker
from lookalike.worker.completing import VERIFY_UPLOAD
from lookalike.worker.relay import Relay
from tests.collections import png
from tests.remote.dispatch import Faults, RemoteBroker, RemoteDispatch
from tests.threads import running
from tests.unit.worker.desk import DESKS, MODEL, Desk, elsewhere, new_desk, ours
from tests.waiting import eventually

N, WORKERS, RELAYS, LEASE_S = 24, 3, 2, 0.4
BAD_DAY = Faults(latency_s=0.003, lost=0.15, twice=0.4, late=0.3, late_s=3 * LEASE_S)


@pytest.fixture(params=DESKS)
def desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for module in ("relay", "worker"):
        monkeypatch.setattr(f"lookalike.worker.{module}.backoff_s", lambda failures: 0.01)
    desk = new_desk(request)
    desk.runs_on_its_own()
    yield desk
    desk.close()


def upload_all(desk: Desk) -> list[str]:
    """Uploads without a vector, with a near and with a far one, of different pictures."""
    said: list[dict[str, Any]] = [{"vector": None, "model": None}, {"vector": ours()}, {"vector": elsewhere()}]
    ids = []
    for number in range(N):
        data = png(100 + number)
        upload_id = desk.ask(number, data=data, expires_at=10.0**12)
        desk.complete(upload_id, sha256=desk.ledger.upload(upload_id).sha256, **{"model": MODEL} | said[number % 3])
        ids.append(upload_id)
    return ids


def check_each_was_done_once(desk: Desk, ids: list[str]) -> None:
    uploads = [desk.ledger.upload(upload_id) for upload_id in ids]
    assert all(upload.state.ended and upload.state is not UploadState.FAILED for upload in uploads)
    assert len(desk.observed) == N  # each outcome was told once
    assert Counter(outcome for outcome, _, _ in desk.observed) == Counter(str(upload.state) for upload in uploads)
    found = [upload for upload in uploads if upload.state is not UploadState.QUARANTINED]
    assert len(desk.collection) == len(found)
    assert all(not desk.image(upload.sha256).provisional for upload in found)
    jobs = desk.jobs.jobs(limit=1_000)
    assert [job.state for job in jobs] == [JobState.DONE] * N
    assert {job.id for job in jobs} == {upload.job_id for upload in uploads}
    assert desk.jobs.outbox() == []
    done = Counter(event.job.id for event in desk.jobs.events(0, limit=10_000)[0] if event.event == "job.done")
    assert set(done.values()) == {1}


@pytest.mark.parametrize("seed", [1, 2])
def test_on_a_bad_day_nothing_is_lost_and_nothing_is_done_twice(desk: Desk, seed: int) -> None:
    broker = RemoteBroker(faults=BAD_DAY, seed=seed)
    handlers = {VERIFY_UPLOAD: desk.verifier()}
    tasks: list[Callable[[threading.Event], None]] = [
        Worker(desk.jobs, RemoteDispatch(broker, look_every_s=600.0), handlers, name="w", lease_s=60.0).run
        for _ in range(WORKERS)
    ]
    tasks += [Relay(desk.jobs, RemoteDispatch(broker), every_s=0.01).run for _ in range(RELAYS)]
    with running(*tasks):
        ids = upload_all(desk)
        eventually(lambda: all(desk.state(upload_id).ended for upload_id in ids) and desk.jobs.facts()[:2] == (0, 0))
    check_each_was_done_once(desk, ids)
    assert len(broker.delivered) > 0


def test_notices_that_come_when_the_lease_of_their_job_has_ended_change_nothing(desk: Desk) -> None:
    """Some jobs are done so slowly, by a worker that cannot extend its lease, that another does it, too."""
    broker, verify = RemoteBroker(faults=BAD_DAY, seed=3), desk.verifier()
    slow, refused = set[str](), list[str]()
    extend, fail, finish = desk.jobs.extend, desk.jobs.fail, desk.jobs.finish

    def verify_slowly(job: Job) -> Json:
        if job.lease == 1 and len(slow) < WORKERS:  # fewer than there are places, so that one is free to follow
            slow.add(job.id)
            eventually(lambda: desk.jobs.get(job.id).lease > 1)
        return verify(job)

    def note_refusals(job_id: str, *, lease: int, **why: Any) -> bool:
        is_taken = fail(job_id, lease=lease, **why)
        if not is_taken and why["code"] == "job_state":
            refused.append(job_id)
        return is_taken

    def note_what_came_to_nothing(job_id: str, *, lease: int, result: Json) -> bool:
        is_taken = finish(job_id, lease=lease, result=result)
        if not is_taken:  # the other one was done before this one looked at the upload
            refused.append(job_id)
        return is_taken

    def extend_later_ones(job_id: str, *, lease: int, lease_s: float) -> bool:
        return lease > 1 and extend(job_id, lease=lease, lease_s=60.0)

    desk.jobs.extend = extend_later_ones  # type: ignore[method-assign]
    desk.jobs.fail = note_refusals  # type: ignore[method-assign]
    desk.jobs.finish = note_what_came_to_nothing  # type: ignore[method-assign]
    tasks: list[Callable[[threading.Event], None]] = [
        Worker(
            desk.jobs,
            RemoteDispatch(broker, look_every_s=0.1),
            {VERIFY_UPLOAD: verify_slowly},
            name="w",
            lease_s=LEASE_S,
            concurrency=4,
        ).run
        for _ in range(WORKERS)
    ]
    tasks += [Relay(desk.jobs, RemoteDispatch(broker), every_s=0.01).run]
    with running(*tasks):
        ids = upload_all(desk)
        eventually(lambda: desk.jobs.facts()[:2] == (0, 0) and len(refused) >= len(slow) > 0)
    check_each_was_done_once(desk, ids)
    assert set(refused) >= slow


def test_a_broker_that_is_down_for_long_delays_jobs_by_no_more_than_a_look(desk: Desk) -> None:
    broker = RemoteBroker()
    broker.is_down = True
    worker = Worker(desk.jobs, RemoteDispatch(broker, look_every_s=0.1), {VERIFY_UPLOAD: desk.verifier()}, name="w")
    with running(worker.run, Relay(desk.jobs, RemoteDispatch(broker), every_s=0.01).run):
        ids = upload_all(desk)
        eventually(lambda: all(desk.state(upload_id).ended for upload_id in ids) and desk.jobs.facts()[:2] == (0, 0))
    check_each_was_done_once(desk, ids)
    assert broker.published == []
