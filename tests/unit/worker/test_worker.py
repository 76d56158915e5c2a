"""The worker's loop, on a queue in memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from lookalike.core.errors import ImageRefused, Locked, ReadOnly, StorageFailed
from lookalike.core.records import Json
from lookalike.queue.base import Job, JobState
from lookalike.queue.memory import MemoryQueue
from lookalike.worker import Handler, Worker

SOON_S = 20.0


class WatchedQueue(MemoryQueue):
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

    def extend(self, job_id: str, *, worker: str, lease_s: float) -> bool:
        held = super().extend(job_id, worker=worker, lease_s=lease_s)
        self.extended.release()
        return held

    def finish(self, job_id: str, *, worker: str, result: Json) -> bool:
        kept = super().finish(job_id, worker=worker, result=result)
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
def running(queue: MemoryQueue, handlers: Mapping[str, Handler], **options: Any) -> Iterator[Event]:
    stop = Event()
    worker = Worker(queue, handlers, name="test", **{"poll_s": 0.01, **options})
    thread = Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(SOON_S)
        assert not thread.is_alive()


def put(queue: MemoryQueue, kind: str = "embed", **payload: Json) -> Job:
    return queue.enqueue(kind, collection="photos", payload=payload)


def raising(error: BaseException) -> Handler:
    def handler(job: Job) -> Json:
        raise error

    return handler


def test_jobs_are_done_and_their_results_kept() -> None:
    queue = WatchedQueue()
    jobs = [put(queue, n=n) for n in range(5)]
    other = put(queue, "nobody does this")
    with running(queue, {"embed": lambda job: {"n": job.payload["n"]}}):
        for _ in jobs:
            assert queue.ended.acquire(timeout=SOON_S)
    assert [queue.get(job.id).result for job in jobs] == [{"n": n} for n in range(5)]
    assert queue.get(other.id).state is JobState.QUEUED


def test_what_is_put_in_later_is_done_too() -> None:
    queue = WatchedQueue()
    with running(queue, {"embed": lambda job: None}):
        job = put(queue)
        assert queue.ended.acquire(timeout=SOON_S)
    assert queue.get(job.id).state is JobState.DONE


def test_as_many_jobs_are_done_at_a_time_as_was_asked_for() -> None:
    N = 3
    queue, met = WatchedQueue(), threading.Barrier(N)
    for _ in range(N):
        put(queue)
    with running(queue, {"embed": lambda job: met.wait(SOON_S) * 0}, concurrency=N):
        for _ in range(N):
            assert queue.ended.acquire(timeout=SOON_S)
    assert {job.state for job in queue.jobs()} == {JobState.DONE}


def test_a_refusal_is_final_and_what_passes_is_tried_again() -> None:
    queue = WatchedQueue()
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
    queue, tries = WatchedQueue(max_attempts=2), []
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
    queue = WatchedQueue()
    queue.deaf = [StorageFailed("disk full")] * 3
    job = put(queue)
    with running(queue, {"embed": raising(StorageFailed("disk full"))}):
        assert queue.ended.acquire(timeout=SOON_S)
    left = queue.get(job.id)
    assert (left.state, left.attempts, left.postponed) == (JobState.QUEUED, 0, 1)


def test_a_locked_collection_does_not_keep_the_jobs_of_others_waiting() -> None:
    queue, tried = WatchedQueue(), []
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
    queue = WatchedQueue()
    job = put(queue)
    with running(queue, {"embed": raising(ZeroDivisionError("look here"))}):
        assert queue.ended.acquire(timeout=SOON_S)
    (told,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert job.id in told.getMessage()
    assert told.exc_info is not None
    assert isinstance(told.exc_info[1], ZeroDivisionError)


def test_a_lease_is_extended_while_the_handler_runs() -> None:
    queue, done = WatchedQueue(), Event()
    job = put(queue)
    with running(queue, {"embed": lambda job: done.wait(SOON_S)}, lease_s=0.3):
        for _ in range(5):  # together longer than the lease
            assert queue.extended.acquire(timeout=SOON_S)
        done.set()
        assert queue.ended.acquire(timeout=SOON_S)
    assert (queue.get(job.id).state, queue.get(job.id).attempts) == (JobState.DONE, 1)


def test_stopping_finishes_the_job_in_hand_and_begins_no_other() -> None:
    queue, begun, go_on = WatchedQueue(), Event(), Event()
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
    queue, begun, never = WatchedQueue(), Event(), Event()
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
    queue = WatchedQueue()
    queue.failures = [StorageFailed("disk full")] * 3
    put(queue)
    with running(queue, {"embed": lambda job: None}):
        assert queue.ended.acquire(timeout=SOON_S)
    assert caplog.text.count("disk full") == 3


def test_a_mistake_in_the_queue_itself_stops_the_worker_and_is_raised() -> None:
    queue, stop = WatchedQueue(), Event()
    queue.failures = [ZeroDivisionError("a bug")]
    with pytest.raises(ZeroDivisionError):
        Worker(queue, {"embed": lambda job: None}, name="test", poll_s=0.01, concurrency=2).run(stop)
    assert stop.is_set()


def waiting(begun: Event, go_on: Event) -> Callable[[Job], Json]:
    def handler(job: Job) -> Json:
        begun.set()
        go_on.wait(SOON_S)
        return "by the first"

    return handler


def test_a_collection_with_many_jobs_keeps_no_other_waiting() -> None:
    queue, order = WatchedQueue(), []
    for collection in ("many", "many", "many", "many", "few", "other", "few"):
        queue.enqueue("embed", collection=collection, payload={})

    def note(job: Job) -> Json:
        order.append(job.collection)
        return None

    with running(queue, {"embed": note}):
        for _ in range(7):
            assert queue.ended.acquire(timeout=SOON_S)
    assert order == ["many", "few", "other", "many", "few", "many", "many"]
