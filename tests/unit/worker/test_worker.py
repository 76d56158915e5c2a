"""The worker's loop, on jobs in memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from lookalike.core.errors import ImageRefused, Locked, ReadOnly, StorageFailed
from lookalike.core.records import Json
from lookalike.dispatch.base import Delivery, Notice
from lookalike.dispatch.memory import MemoryConsumer, MemoryDispatch
from lookalike.dispatch.polling import PollingDispatch
from lookalike.jobs.base import Job, JobState
from lookalike.jobs.memory import MemoryJobs
from lookalike.worker import Handler, Worker
from tests.remote.dispatch import RemoteBroker, RemoteDispatch
from tests.threads import running as tasks
from tests.waiting import eventually

SOON_S = 20.0


class WatchedJobs(MemoryJobs):
    """Tells when a job ended, was put back, or was extended; fails on demand."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ended, self.extended = threading.Semaphore(0), threading.Semaphore(0)
        self.failures: list[Exception] = []
        self.deaf: list[Exception] = []

    def claim(self, kinds: Any, **how: Any) -> Job | None:
        if self.failures:
            raise self.failures.pop()
        return super().claim(kinds, **how)

    def extend(self, job_id: str, *, lease: int, lease_s: float) -> bool:
        is_extended = super().extend(job_id, lease=lease, lease_s=lease_s)
        self.extended.release()
        return is_extended

    def finish(self, job_id: str, *, lease: int, result: Json) -> bool:
        kept = super().finish(job_id, lease=lease, result=result)
        self.ended.release()
        return kept

    def postpone(self, job_id: str, **how: Any) -> bool:
        if self.deaf:
            raise self.deaf.pop()
        kept = super().postpone(job_id, **how)
        self.ended.release()
        return kept

    def fail(self, job_id: str, **how: Any) -> bool:
        kept = super().fail(job_id, **how)
        self.ended.release()
        return kept


@contextmanager
def running(jobs: MemoryJobs, handlers: Mapping[str, Handler], **options: Any) -> Iterator[Event]:
    stop = Event()
    worker = Worker(jobs, PollingDispatch(every_s=0.01), handlers, name="test", **options)
    thread = Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(SOON_S)
        assert not thread.is_alive()


def put(jobs: MemoryJobs, kind: str = "embed", **payload: Json) -> Job:
    return jobs.enqueue(kind, collection="photos", payload=payload)


def raising(error: BaseException) -> Handler:
    def handler(job: Job) -> Json:
        raise error

    return handler


def test_jobs_are_done_and_their_results_kept() -> None:
    queue = WatchedJobs()
    jobs = [put(queue, n=n) for n in range(5)]
    other = put(queue, "nobody does this")
    with running(queue, {"embed": lambda job: {"n": job.payload["n"]}}):
        for _ in jobs:
            assert queue.ended.acquire(timeout=SOON_S)
    assert [queue.get(job.id).result for job in jobs] == [{"n": n} for n in range(5)]
    assert queue.get(other.id).state is JobState.QUEUED


def test_what_is_put_in_later_is_done_too() -> None:
    queue = WatchedJobs()
    with running(queue, {"embed": lambda job: None}):
        job = put(queue)
        assert queue.ended.acquire(timeout=SOON_S)
    assert queue.get(job.id).state is JobState.DONE


def test_as_many_jobs_are_done_at_a_time_as_was_asked_for() -> None:
    N = 3
    queue, met = WatchedJobs(), threading.Barrier(N)
    for _ in range(N):
        put(queue)
    with running(queue, {"embed": lambda job: met.wait(SOON_S) * 0}, concurrency=N):
        for _ in range(N):
            assert queue.ended.acquire(timeout=SOON_S)
    assert {job.state for job in queue.jobs()} == {JobState.DONE}


def test_a_refusal_is_final_and_what_passes_is_tried_again() -> None:
    queue = WatchedJobs()
    refused, full, broken, not_json = put(queue, "refuse"), put(queue, "full"), put(queue, "broken"), put(queue, "odd")
    handlers: dict[str, Handler] = {
        "refuse": raising(ImageRefused("it is cut off", code="truncated")),
        "full": raising(StorageFailed("disk full")),
        "broken": raising(ZeroDivisionError("a secret")),
        "odd": lambda job: {1, 2},  # type: ignore[dict-item, return-value]
    }
    with running(queue, handlers):
        for _ in range(4):
            assert queue.ended.acquire(timeout=SOON_S)
    states = {job.id: (job.state, job.code) for job in queue.jobs()}
    assert states[refused.id] == (JobState.FAILED, "truncated")
    assert states[full.id] == (JobState.QUEUED, "storage_failed")
    assert states[broken.id] == (JobState.QUEUED, "unexpected")
    assert states[not_json.id] == (JobState.FAILED, "bad_input")
    assert queue.get(full.id).available_at > queue.get(full.id).updated_at
    assert (queue.get(full.id).attempts, queue.get(broken.id).attempts) == (0, 1)


@pytest.mark.parametrize("error", [Locked("another writes"), StorageFailed("disk full"), ReadOnly("read only")])
def test_what_could_not_be_tried_comes_back_however_often_and_is_done_in_the_end(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.worker.policy.backoff_s", lambda attempts, random: 0.01)
    N = 12
    queue, tries = WatchedJobs(max_attempts=2), []
    job = put(queue)

    def handler(_: Job) -> Json:
        tries.append(1)
        if len(tries) <= N:
            raise error
        return "done"

    with running(queue, {"embed": handler}):
        for _ in range(N + 1):
            assert queue.ended.acquire(timeout=SOON_S)
    done = queue.get(job.id)
    assert (done.state, done.result, done.attempts, done.postponed) == (JobState.DONE, "done", 1, N)


def test_a_disk_that_is_too_full_to_say_so_costs_no_try_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.worker.worker.backoff_s", lambda failures: 0.01)
    queue = WatchedJobs()
    queue.deaf = [StorageFailed("disk full")] * 3
    job = put(queue)
    with running(queue, {"embed": raising(StorageFailed("disk full"))}):
        assert queue.ended.acquire(timeout=SOON_S)
    left = queue.get(job.id)
    assert (left.state, left.attempts, left.postponed) == (JobState.QUEUED, 0, 1)


def test_a_locked_collection_does_not_keep_the_jobs_of_others_waiting() -> None:
    queue, tried = WatchedJobs(), []
    locked = [queue.enqueue("embed", collection="locked", payload={}) for _ in range(5)]
    other = [queue.enqueue("embed", collection="other", payload={}) for _ in range(5)]

    def handler(job: Job) -> Json:
        tried.append(job.id)
        if job.collection == "locked":
            raise Locked("another writes")
        return "done"

    with running(queue, {"embed": handler}):
        for _ in range(1 + len(other)):
            assert queue.ended.acquire(timeout=SOON_S)
    assert {queue.get(job.id).state for job in other} == {JobState.DONE}
    assert tried == [locked[0].id, *(job.id for job in other)]


def test_an_unexpected_error_is_logged_whole_with_its_job(caplog: pytest.LogCaptureFixture) -> None:
    queue = WatchedJobs()
    job = put(queue)
    with running(queue, {"embed": raising(ZeroDivisionError("look here"))}):
        assert queue.ended.acquire(timeout=SOON_S)
    (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert job.id in told.getMessage()
    assert told.exc_info is not None
    assert isinstance(told.exc_info[1], ZeroDivisionError)


def test_a_lease_is_extended_while_the_handler_runs() -> None:
    queue, done = WatchedJobs(), Event()
    job = put(queue)
    with running(queue, {"embed": lambda job: done.wait(SOON_S)}, lease_s=0.3):
        for _ in range(5):  # together longer than the lease
            assert queue.extended.acquire(timeout=SOON_S)
        done.set()
        assert queue.ended.acquire(timeout=SOON_S)
    assert (queue.get(job.id).state, queue.get(job.id).attempts) == (JobState.DONE, 1)


def test_what_a_worker_gives_no_sign_of_is_free_for_another_after_half_a_minute() -> None:
    now = [0.0]
    queue, begun, done = WatchedJobs(clock=lambda: now[0]), Event(), Event()
    job = put(queue)

    def handler(job: Job) -> Json:
        begun.set()
        done.wait(SOON_S)
        return None

    with running(queue, {"embed": handler}):
        assert begun.wait(SOON_S)
        now[0] = 29.0
        assert queue.claim(["embed"], worker="another", lease_s=1.0) is None
        now[0] = 31.0
        claimed = queue.claim(["embed"], worker="another", lease_s=1.0)
        done.set()
    assert claimed is not None
    assert claimed.id == job.id


def test_stopping_finishes_the_job_in_hand_and_begins_no_other() -> None:
    queue, begun, go_on = WatchedJobs(), Event(), Event()
    first, second = put(queue), put(queue)

    def handler(job: Job) -> Json:
        begun.set()
        go_on.wait(SOON_S)
        return "done"

    with running(queue, {"embed": handler}) as stop:
        assert begun.wait(SOON_S)
        stop.set()
        go_on.set()
    assert queue.get(first.id).state is JobState.DONE
    assert queue.get(second.id).state is JobState.QUEUED


def test_a_job_that_takes_too_long_to_finish_is_left_to_another_worker() -> None:
    queue, begun, never = WatchedJobs(), Event(), Event()
    job = put(queue)
    try:
        with running(queue, {"embed": waiting(begun, never)}, drain_s=0.05, lease_s=3600) as stop:
            assert begun.wait(SOON_S)
            stop.set()
        assert queue.ended.acquire(timeout=SOON_S)
        left = queue.get(job.id)
        assert (left.state, left.attempts, left.code) == (JobState.QUEUED, 0, "interrupted")  # a stop is no try
        with running(queue, {"embed": lambda job: "by another"}):
            assert queue.ended.acquire(timeout=SOON_S)
        assert queue.get(job.id).result == "by another"
    finally:
        never.set()
    assert queue.ended.acquire(timeout=SOON_S)  # the first comes back after all
    assert queue.get(job.id).result == "by another"


def test_a_queue_that_does_not_answer_for_a_while_stops_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.worker.worker.backoff_s", lambda failures: 0.01)
    queue = WatchedJobs()
    queue.failures = [StorageFailed("disk full")] * 3
    put(queue)
    with running(queue, {"embed": lambda job: None}):
        assert queue.ended.acquire(timeout=SOON_S)
    assert caplog.text.count("disk full") == 3


def test_a_mistake_in_the_queue_itself_stops_the_worker_and_is_raised() -> None:
    queue, stop = WatchedJobs(), Event()
    queue.failures = [ZeroDivisionError("a bug")]
    with pytest.raises(ZeroDivisionError):
        Worker(queue, PollingDispatch(every_s=0.01), {"embed": lambda job: None}, name="test", concurrency=2).run(stop)
    assert stop.is_set()


def waiting(begun: Event, go_on: Event) -> Callable[[Job], Json]:
    def handler(job: Job) -> Json:
        begun.set()
        go_on.wait(SOON_S)
        return "by the first"

    return handler


def test_a_collection_with_many_jobs_keeps_no_other_waiting() -> None:
    queue, order = WatchedJobs(), []
    for collection in ("many", "many", "many", "many", "few", "other", "few"):
        queue.enqueue("embed", collection=collection, payload={})

    def note(job: Job) -> Json:
        order.append(job.collection)
        return None

    with running(queue, {"embed": note}):
        for _ in range(7):
            assert queue.ended.acquire(timeout=SOON_S)
    assert order == ["many", "few", "other", "many", "few", "many", "many"]


class RecordingDispatch(MemoryDispatch):
    """Notes what was acknowledged, among what else happens."""

    def __init__(self) -> None:
        super().__init__(look_every_s=600.0)
        self.order: list[str] = []
        self.waits = 0

    def consumer(self, kinds: Collection[str], *, prefetch: int = 1) -> MemoryConsumer:
        consumer, ack = super().consumer(kinds, prefetch=prefetch), self.order.append

        def note(delivery: Delivery) -> None:
            ack(f"acknowledged {delivery.notice.job_id}")
            MemoryConsumer.ack(consumer, delivery)

        self.waits += 1
        consumer.ack = note  # type: ignore[method-assign]
        return consumer


def test_a_notice_is_acknowledged_when_its_job_is_done_or_there_was_none() -> None:
    jobs, dispatch = MemoryJobs(), RecordingDispatch()

    def do(job: Job) -> Json:
        dispatch.order.append(f"done {job.id}")
        return None

    with tasks(Worker(jobs, dispatch, {"embed": do}, name="w").run):
        eventually(lambda: dispatch.waits == 1)
        job = put(jobs)
        dispatch.publish([Notice(job.id, "embed"), Notice("long done", "embed")])
        eventually(lambda: len(dispatch.order) == 3)
    assert dispatch.order == [f"done {job.id}", f"acknowledged {job.id}", "acknowledged long done"]


def test_a_job_of_which_nobody_was_told_is_done_behind_one_of_which_somebody_was() -> None:
    """As where a worker that was told of another has claimed the oldest before the relay told of it."""
    jobs, dispatch = MemoryJobs(), RecordingDispatch()
    with tasks(Worker(jobs, dispatch, {"embed": lambda job: None}, name="w").run):
        dispatch.publish([Notice("of nothing", "embed")])
        eventually(lambda: dispatch.order == ["acknowledged of nothing"])
        untold, told = put(jobs), put(jobs)
        dispatch.publish([Notice(told.id, "embed")])
        eventually(lambda: {jobs.get(one.id).state for one in (untold, told)} == {JobState.DONE})


def test_a_job_that_was_given_up_is_told_to_the_dispatch_with_where_it_went_wrong_and_one_that_passes_is_not() -> None:
    jobs, dispatch = WatchedJobs(max_attempts=3), MemoryDispatch(look_every_s=0.01)
    refused, broken = put(jobs, "refuse"), put(jobs, "broken")
    handlers = {
        "refuse": raising(ImageRefused("it is cut off", code="truncated")),
        "broken": raising(ZeroDivisionError("a secret")),
    }
    with tasks(Worker(jobs, dispatch, handlers, name="w").run):
        for _ in range(2):
            assert jobs.ended.acquire(timeout=SOON_S)
        eventually(lambda: dispatch.dead)
    (letter,) = dispatch.dead
    assert (letter.notice, letter.code, letter.detail) == (Notice(refused.id, "refuse"), "truncated", "it is cut off")
    assert letter.attempts == 1
    assert "ImageRefused" in letter.trace
    assert jobs.get(broken.id).state is JobState.QUEUED


def test_what_the_dispatch_does_not_take_of_jobs_that_were_given_up_is_told_when_it_is_reached_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lookalike.worker.worker.backoff_s", lambda failures: 0.01)
    jobs, broker = WatchedJobs(), RemoteBroker()
    handlers = {"refuse": raising(ImageRefused("it is cut off", code="truncated"))}
    broker.is_down = True
    with tasks(Worker(jobs, RemoteDispatch(broker, look_every_s=0.01), handlers, name="w").run):
        ids = [put(jobs, "refuse").id for _ in range(3)]
        for _ in ids:
            assert jobs.ended.acquire(timeout=SOON_S)
        assert broker.dead == []
        broker.is_down = False
        eventually(lambda: len(broker.dead) == 3)
    assert sorted(letter.notice.job_id for letter in broker.dead) == sorted(ids)
