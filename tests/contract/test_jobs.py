"""What jobs promise, over every engine, against plain lists."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from lookalike.core.errors import BadInput, Conflict, NotFound, Overloaded
from lookalike.jobs.base import Job, JobFacts, Jobs, JobState
from tests.clock import Clock
from tests.contract.ledger_engines import LEDGERS, opening_ledgers

DAY_S = 24 * 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=LEDGERS)
def engine(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Callable[..., Jobs]]:
    with opening_ledgers(request, clock) as open_ledger:
        yield lambda **options: open_ledger(**options).jobs


@pytest.fixture
def queue(engine: Callable[..., Jobs]) -> Jobs:
    return engine()


def put(queue: Jobs, kind: str = "embed", *, collection: str = "photos", **options: Any) -> Job:
    return queue.enqueue(kind, collection=collection, payload={}, **options)


def claimed(queue: Jobs, *, worker: str = "w", lease_s: float = 10.0) -> Job:
    job = queue.claim(["embed"], worker=worker, lease_s=lease_s)
    assert job is not None
    return job


def test_a_new_queue_is_empty(queue: Jobs) -> None:
    assert queue.claim(["embed"], worker="w", lease_s=1) is None
    assert queue.jobs() == []
    assert queue.events(0) == ([], 0)
    assert (queue.last_event(), queue.facts()) == (0, JobFacts(0, 0, 0, 0.0))


def test_what_was_put_in_comes_out_as_it_was(queue: Jobs, clock: Clock) -> None:
    payload = {"upload": "naïve \ud800 \0 ✂", "vector": [0.1, -1e-300, 2**70], "nested": {"": None, "yes": True}}
    put_in = queue.enqueue("embed", collection="photos", payload=payload, owner="Zoë")
    assert put_in.payload == payload
    assert (put_in.state, put_in.attempts, put_in.owner, put_in.result) == (JobState.QUEUED, 0, "Zoë", None)
    assert put_in.created_at == put_in.updated_at == put_in.available_at == clock.now
    assert len(put_in.id) == 32
    assert queue.get(put_in.id) == put_in == queue.jobs()[0]
    assert claimed(queue) == replace(put_in, state=JobState.RUNNING, attempts=1, lease=1) == queue.get(put_in.id)


def test_the_oldest_of_the_kinds_asked_for_is_claimed_first(queue: Jobs) -> None:
    others, first, second = put(queue, "verify"), put(queue), put(queue)
    assert [claimed(queue).id, claimed(queue).id] == [first.id, second.id]
    assert queue.claim(["embed"], worker="w", lease_s=1) is None
    assert queue.claim([], worker="\ud800", lease_s=1) is None
    last = queue.claim({"embed", "verify"}, worker="w", lease_s=1)
    assert last is not None
    assert last.id == others.id


def test_a_delayed_job_is_begun_when_its_time_has_come(queue: Jobs, clock: Clock) -> None:
    delayed = put(queue, delay_s=30)
    assert (delayed.available_at, queue.claim(["embed"], worker="w", lease_s=1)) == (clock.now + 30, None)
    assert queue.facts() == JobFacts(1, 0, 0, 0.0)
    clock.now += 35
    assert queue.facts().oldest_s == 5
    assert claimed(queue).id == delayed.id


def test_what_is_done_has_its_result_and_is_never_claimed_again(queue: Jobs, clock: Clock) -> None:
    put(queue)
    job = claimed(queue)
    clock.now += 2
    assert queue.finish(job.id, lease=1, result={"distance": 0.01})
    done = queue.get(job.id)
    assert (done.state, done.result, done.updated_at) == (JobState.DONE, {"distance": 0.01}, clock.now)
    clock.now += 100
    assert queue.claim(["embed"], worker="w", lease_s=1) is None
    assert not queue.finish(job.id, lease=1, result=None)
    assert not queue.fail(job.id, lease=1, code="x", detail="", retry_in_s=1)
    assert not queue.extend(job.id, lease=1, lease_s=1)


def test_a_lease_that_ended_lets_another_worker_in_and_the_first_out(queue: Jobs, clock: Clock) -> None:
    put(queue)
    job = claimed(queue, worker="first")
    clock.now += 9.9
    assert queue.claim(["embed"], worker="second", lease_s=10) is None
    clock.now += 0.1
    assert claimed(queue, worker="second") == replace(job, attempts=2, lease=2, updated_at=clock.now)
    assert not queue.extend(job.id, lease=1, lease_s=10)
    assert not queue.finish(job.id, lease=1, result=1)
    assert not queue.fail(job.id, lease=1, code="x", detail="", retry_in_s=None)
    assert queue.get(job.id).state is JobState.RUNNING
    assert queue.finish(job.id, lease=2, result=2)
    assert queue.get(job.id).result == 2


def test_a_lease_that_is_extended_goes_on(queue: Jobs, clock: Clock) -> None:
    put(queue)
    job = claimed(queue)
    events = queue.last_event()
    clock.now += 8
    assert queue.extend(job.id, lease=1, lease_s=10)
    assert not queue.extend(job.id, lease=2, lease_s=10)
    clock.now += 8
    assert queue.claim(["embed"], worker="second", lease_s=10) is None
    assert queue.last_event() == events  # nothing happened to it


def test_a_lease_that_ended_is_still_good_while_nobody_else_claims_it(queue: Jobs, clock: Clock) -> None:
    put(queue)
    job = claimed(queue)
    clock.now += 100
    assert queue.finish(job.id, lease=1, result=None)


def test_what_failed_is_tried_again_later_and_says_why(queue: Jobs, clock: Clock) -> None:
    put(queue)
    job = claimed(queue)
    assert queue.fail(job.id, lease=1, code="locked", detail="wait", retry_in_s=20)
    again = queue.get(job.id)
    assert (again.state, again.code, again.detail) == (JobState.QUEUED, "locked", "wait")
    assert again.available_at == clock.now + 20
    assert not queue.finish(job.id, lease=1, result=None)
    assert queue.claim(["embed"], worker="w", lease_s=1) is None
    clock.now += 20
    assert claimed(queue).attempts == 2


def test_what_failed_for_good_is_not_tried_again(queue: Jobs, clock: Clock) -> None:
    put(queue)
    job = claimed(queue)
    assert queue.fail(job.id, lease=1, code="truncated", detail="caf\udce9.jpg\0 is cut off", retry_in_s=None)
    clock.now += 1_000
    assert queue.claim(["embed"], worker="w", lease_s=1) is None
    failed = queue.get(job.id)
    assert (failed.state, failed.code, failed.detail) == (JobState.FAILED, "truncated", "caf\\udce9.jpg\\0 is cut off")
    assert queue.facts() == JobFacts(0, 0, 1, 0.0)


def test_a_job_that_never_works_is_given_up(engine: Callable[..., Jobs]) -> None:
    queue = engine(max_attempts=2)
    job = put(queue)
    for lease in (1, 2):
        claimed(queue)
        assert queue.fail(job.id, lease=lease, code="locked", detail="wait", retry_in_s=0)
    assert queue.claim(["embed"], worker="w", lease_s=1) is None
    failed = queue.get(job.id)
    assert (failed.state, failed.code, failed.attempts) == (JobState.FAILED, "gave_up", 2)
    assert "locked: wait" in failed.detail


def test_a_job_that_could_not_be_tried_is_never_given_up(engine: Callable[..., Jobs], clock: Clock) -> None:
    queue = engine(max_attempts=2)
    job = put(queue)
    for n in range(1, 10):
        claimed(queue)
        assert queue.postpone(job.id, lease=n, code="locked", detail="caf\udce9 waits", retry_in_s=20)
        waiting = queue.get(job.id)
        assert (waiting.state, waiting.attempts, waiting.postponed) == (JobState.QUEUED, 0, n)
        assert (waiting.code, waiting.detail) == ("locked", "caf\\udce9 waits")
        assert queue.claim(["embed"], worker="w", lease_s=1) is None
        clock.now += 20
    assert claimed(queue).attempts == 1
    assert not queue.postpone(job.id, lease=9, code="x", detail="", retry_in_s=0)
    assert not queue.postpone("0" * 32, lease=10, code="x", detail="", retry_in_s=0)
    assert queue.finish(job.id, lease=10, result=None)
    assert not queue.postpone(job.id, lease=10, code="x", detail="", retry_in_s=0)


def test_tries_before_and_after_a_job_was_postponed_count(engine: Callable[..., Jobs]) -> None:
    queue = engine(max_attempts=2)
    job = put(queue)
    claimed(queue)
    queue.fail(job.id, lease=1, code="unexpected", detail="", retry_in_s=0)
    claimed(queue)
    queue.postpone(job.id, lease=2, code="locked", detail="", retry_in_s=0)
    claimed(queue)
    queue.fail(job.id, lease=3, code="unexpected", detail="", retry_in_s=0)
    assert (queue.get(job.id).state, queue.get(job.id).attempts) == (JobState.FAILED, 2)


def test_a_job_that_failed_can_be_put_in_again_as_if_it_had_never_been_tried(engine: Callable[..., Jobs]) -> None:
    queue = engine(max_attempts=1)
    first, second = put(queue, key="upload 1"), put(queue)
    claimed(queue)
    queue.fail(first.id, lease=1, code="unexpected", detail="a bug", retry_in_s=0)
    again = queue.retry(first.id)
    assert again == queue.get(first.id)
    assert (again.state, again.attempts, again.code) == (JobState.QUEUED, 0, "gave_up")
    assert "a bug" in again.detail  # what went wrong last is told until it goes better
    assert queue.events(0)[0][-1].event == "job.queued"
    events = queue.last_event()
    assert queue.retry(first.id) == again  # once is enough
    assert queue.last_event() == events
    assert put(queue, key="upload 1").id == first.id
    assert claimed(queue).id == first.id  # it keeps its place before younger ones
    assert queue.retry(first.id).state is JobState.RUNNING
    assert queue.finish(first.id, lease=2, result=3)
    assert claimed(queue).id == second.id


def test_what_is_done_or_not_there_cannot_be_put_in_again(queue: Jobs) -> None:
    job = put(queue)
    claimed(queue)
    queue.finish(job.id, lease=1, result=None)
    with pytest.raises(Conflict) as refused:
        queue.retry(job.id)
    assert refused.value.code == "job_state"
    for job_id in ("0" * 32, "", "\ud800"):
        with pytest.raises(NotFound):
            queue.retry(job_id)


def test_jobs_of_collections_that_are_passed_over_stay_where_they_are(queue: Jobs) -> None:
    locked, other = put(queue, collection="locked"), put(queue, collection="other")
    claim = partial(queue.claim, ["embed"], worker="w", lease_s=10)
    assert claim(passing_over=["locked", "other"]) is None
    found = claim(passing_over=["locked"])
    assert found is not None
    assert found.id == other.id
    assert claim(passing_over=["locked"]) is None
    again = claim(passing_over=["none of that name"])
    assert again is not None
    assert again.id == locked.id


def test_what_failed_is_kept_for_a_month_so_that_it_can_be_put_in_again(queue: Jobs, clock: Clock) -> None:
    failed = put(queue)
    claimed(queue)
    queue.fail(failed.id, lease=1, code="truncated", detail="", retry_in_s=None)
    queue.sweep(clock.now + 29 * DAY_S)
    assert queue.get(failed.id).state is JobState.FAILED
    queue.sweep(clock.now + 31 * DAY_S)
    with pytest.raises(NotFound):
        queue.get(failed.id)


def test_jobs_that_kill_their_workers_are_given_up_and_the_next_is_claimed(
    engine: Callable[..., Jobs], clock: Clock
) -> None:
    queue = engine(max_attempts=1)
    deadly, deadly_too, good = put(queue), put(queue), put(queue)
    claimed(queue)
    claimed(queue)
    clock.now += 10
    assert claimed(queue).id == good.id
    assert [queue.get(job.id).code for job in (deadly, deadly_too)] == ["gave_up", "gave_up"]
    assert [event.event for event in queue.events(5)[0]] == ["job.failed", "job.failed", "job.running"]


def test_the_same_key_gives_the_same_job_also_once_it_ended(engine: Callable[..., Jobs], clock: Clock) -> None:
    queue = engine(max_queued=1)
    job = put(queue, key="upload 1")
    assert put(queue, "verify", key="upload 1") == job  # also where the queue is full
    claimed(queue)
    assert put(queue, key="upload 1").state is JobState.RUNNING
    queue.finish(job.id, lease=1, result=None)
    assert put(queue, key="upload 1") == queue.get(job.id)
    assert put(queue, key="upload 2").id != job.id
    queue.sweep(clock.now + 8 * DAY_S)
    claimed(queue)
    assert put(queue, key="upload 1").id != job.id


def test_a_full_queue_takes_no_more_until_one_is_begun(engine: Callable[..., Jobs]) -> None:
    queue = engine(max_queued=2)
    put(queue)
    put(queue, delay_s=100)
    with pytest.raises(Overloaded) as refused:
        put(queue)
    assert refused.value.retry_after_s > 0
    claimed(queue)
    put(queue)
    assert queue.facts() == JobFacts(2, 1, 0, 0.0)


@pytest.mark.parametrize("payload", [{"a": float("nan")}, {"a": object()}, {"a": b"bytes"}, {"a": {1, 2}}])
def test_what_is_no_json_is_refused(queue: Jobs, payload: Any) -> None:
    with pytest.raises(BadInput, match="JSON"):
        queue.enqueue("embed", collection="photos", payload=payload)
    put(queue)
    job = claimed(queue)
    with pytest.raises(BadInput, match="JSON"):
        queue.finish(job.id, lease=1, result=payload)
    assert queue.get(job.id).state is JobState.RUNNING


def test_words_that_are_no_text_are_refused_and_ids_that_are_none_are_not_found(queue: Jobs) -> None:
    for options in ({"owner": "\ud800"}, {"key": "\udce9"}, {"collection": "\udfff"}, {"owner": "a\0"}, {"key": "\0"}):
        with pytest.raises(BadInput, match="Unicode"):
            put(queue, **options)
    for job_id in ("", "\ud800", "\0", "0" * 32, "' OR 1=1 --"):
        with pytest.raises(NotFound):
            queue.get(job_id)
        with pytest.raises(NotFound):
            queue.jobs(before=job_id)
        assert not queue.finish(job_id, lease=1, result=None)


def test_the_outbox_tells_of_a_job_from_when_it_may_be_begun_until_it_is_claimed(queue: Jobs, clock: Clock) -> None:
    later, now = put(queue, delay_s=30), put(queue, "verify")
    assert [(row.job_id, row.kind) for row in queue.outbox()] == [(now.id, "verify")]
    clock.now += 30
    assert [row.job_id for row in queue.outbox()] == [now.id, later.id]
    assert [row.job_id for row in queue.outbox(limit=1)] == [now.id]
    claimed(queue)
    assert [row.job_id for row in queue.outbox()] == [now.id]
    queue.fail(later.id, lease=1, code="locked", detail="", retry_in_s=20)
    assert [row.job_id for row in queue.outbox()] == [now.id]
    clock.now += 20
    assert [row.job_id for row in queue.outbox()] == [now.id, later.id]
    claimed(queue)
    queue.postpone(later.id, lease=2, code="locked", detail="", retry_in_s=0)
    claimed(queue)
    queue.fail(later.id, lease=3, code="truncated", detail="", retry_in_s=None)
    assert [row.job_id for row in queue.outbox()] == [now.id]
    queue.retry(later.id)
    assert [row.job_id for row in queue.outbox()] == [now.id, later.id]


def test_a_row_that_was_published_goes_and_a_later_one_of_the_same_job_stays(queue: Jobs) -> None:
    job = put(queue)
    (row,) = queue.outbox()
    assert queue.outbox() == [row]  # to read it changes nothing
    queue.note_published([row])
    assert queue.outbox() == []
    queue.note_published([row])
    claimed(queue)
    queue.postpone(job.id, lease=1, code="locked", detail="", retry_in_s=0)
    (again,) = queue.outbox()
    assert again.job_id == job.id
    assert again.number > row.number
    queue.note_published([row])  # by a relay that was slow
    assert queue.outbox() == [again]
    queue.note_published([again, row, again])
    queue.note_published([])
    assert queue.outbox() == []


def test_jobs_are_listed_newest_first_by_collection_and_state(queue: Jobs) -> None:
    ids = [put(queue, collection=name).id for name in ("a", "b", "a", "c")]
    claimed(queue)
    assert [job.id for job in queue.jobs()] == ids[::-1]
    assert [job.id for job in queue.jobs(limit=2)] == [ids[3], ids[2]]
    assert [job.id for job in queue.jobs(before=ids[2])] == [ids[1], ids[0]]
    assert [job.id for job in queue.jobs(collections={"a"})] == [ids[2], ids[0]]
    assert [job.id for job in queue.jobs(collections=["a", "c"], state=JobState.QUEUED)] == [ids[3], ids[2]]
    assert [job.id for job in queue.jobs(state=JobState.RUNNING)] == [ids[0]]
    assert queue.jobs(collections=[]) == queue.jobs(limit=0) == queue.jobs(limit=-1) == []


def test_events_tell_all_that_happened_in_order(queue: Jobs, clock: Clock) -> None:
    first = put(queue, collection="a")
    put(queue, collection="b")
    running = claimed(queue)
    queue.fail(first.id, lease=1, code="locked", detail="", retry_in_s=5)
    clock.now += 5
    claimed(queue)
    queue.finish(first.id, lease=2, result=[1])

    events, gone = queue.events(0)
    assert ([event.seq for event in events], gone) == ([1, 2, 3, 4, 5, 6], 0)
    words = ["queued", "queued", "running", "queued", "running", "done"]
    assert [event.event for event in events] == [f"job.{word}" for word in words]
    assert (events[0].job, events[2].job, events[5].job) == (first, running, queue.get(first.id))
    assert [event.seq for event in queue.events(3, collections=["a"])[0]] == [4, 5, 6]
    assert [event.seq for event in queue.events(0, collections={"b"})[0]] == [2]
    assert [event.seq for event in queue.events(1, limit=2)[0]] == [2, 3]
    assert queue.events(6) == queue.events(10**30) == ([], 0)
    assert len(queue.events(-(10**30))[0]) == queue.last_event() == 6


def test_the_last_events_are_kept_and_the_rest_is_told_as_gone(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch, engine: Callable[..., Jobs]
) -> None:
    kept = 10
    monkeypatch.setattr("lookalike.jobs.transitions.KEPT_EVENTS", kept)
    monkeypatch.setattr("lookalike.jobs.sqlite.tables.KEPT_EVENTS", kept)
    queue = engine()
    for _ in range(25):
        put(queue)
    events, gone = queue.events(0)
    assert ([event.seq for event in events], gone) == (list(range(16, 26)), 15)
    assert [event.seq for event in queue.events(20)[0]] == [21, 22, 23, 24, 25]


def test_sweeping_forgets_what_was_done_a_week_ago_and_nothing_else(queue: Jobs, clock: Clock) -> None:
    ended, failed, running, waiting = (put(queue) for _ in range(4))
    for _ in (ended, failed, running):
        claimed(queue, lease_s=100 * DAY_S)
    queue.finish(ended.id, lease=1, result=None)
    queue.fail(failed.id, lease=1, code="x", detail="", retry_in_s=None)
    queue.sweep(clock.now + 6.9 * DAY_S)
    assert len(queue.jobs()) == 4
    queue.sweep(clock.now + 7.1 * DAY_S)
    assert [job.id for job in queue.jobs()] == [waiting.id, running.id, failed.id]
    with pytest.raises(NotFound):
        queue.get(ended.id)
    assert len(queue.events(0)[0]) == 9  # they are still told of


def test_events_of_a_job_that_is_no_longer_kept_have_no_payload(queue: Jobs, clock: Clock) -> None:
    queue.enqueue("embed", collection="photos", payload={"large": 1})
    job = claimed(queue)
    queue.finish(job.id, lease=1, result=None)
    assert [event.job.payload for event in queue.events(0)[0]] == [{"large": 1}] * 3
    queue.sweep(clock.now + 8 * DAY_S)
    assert [event.job.payload for event in queue.events(0)[0]] == [{}] * 3


def test_many_threads_claim_each_job_once(queue: Jobs) -> None:
    N, threads = 40, 4
    ids = {put(queue).id for _ in range(N)}
    taken: list[str] = []

    def work(worker: str) -> None:
        while job := queue.claim(["embed"], worker=worker, lease_s=1000):
            taken.append(job.id)
            assert queue.finish(job.id, lease=job.lease, result=None)

    running = [threading.Thread(target=work, args=(str(number),)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert (len(taken), set(taken)) == (N, ids)
    assert [event.seq for event in queue.events(0)[0]] == list(range(1, 3 * N + 1))


class JobsAgainstLists(RuleBasedStateMachine):
    """Any order of calls gives what a list of dictionaries gives."""

    make: Callable[..., Jobs]
    clock: Clock
    most_attempts, most_queued = 2, 4

    def __init__(self) -> None:
        super().__init__()
        self.queue = type(self).make(max_attempts=self.most_attempts, max_queued=self.most_queued)
        self.model: list[dict[str, Any]] = []
        self.told: list[tuple[str, str]] = []

    def tell(self, job: dict[str, Any], state: str) -> None:
        job["state"] = state
        self.told.append((f"job.{state}", job["id"]))

    @rule(kind=st.sampled_from("ab"), key=st.sampled_from([None, None, "x", "y"]), delay=st.sampled_from([0, 3]))
    def enqueue(self, kind: str, key: str | None, delay: float) -> None:
        there = [job["id"] for job in self.model if key and job["key"] == key]
        if not there and sum(job["state"] == "queued" for job in self.model) >= self.most_queued:
            with pytest.raises(Overloaded):
                put(self.queue, kind, key=key, delay_s=delay)
            return
        made = put(self.queue, kind, key=key, delay_s=delay)
        if there:
            assert made.id == there[0]
            return
        due = self.clock.now + delay
        self.model.append({"id": made.id, "kind": kind, "key": key, "due": due, "attempts": 0, "lease": 0})
        self.tell(self.model[-1], "queued")

    @rule(kinds=st.sampled_from(["a", "b", "ab"]))
    def claim(self, kinds: str) -> None:
        expected = None
        for job in self.model:
            if job["state"] in ("queued", "running") and job["kind"] in kinds and job["due"] <= self.clock.now:
                if job["attempts"] == self.most_attempts:
                    self.tell(job, "failed")
                    continue
                job.update(lease=job["lease"] + 1, due=self.clock.now + 5, attempts=job["attempts"] + 1)
                self.tell(job, "running")
                expected = job["id"]
                break
        got = self.queue.claim(kinds, worker="w", lease_s=5)
        assert (got and got.id) == expected
        assert got is None or got.lease == next(job["lease"] for job in self.model if job["id"] == expected)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), late=st.sampled_from([0, 0, 1]), how=st.sampled_from(["extend", "finish", "retry", "fail"]))
    def work(self, data: st.DataObject, late: int, how: str) -> None:
        job = data.draw(st.sampled_from(self.model))
        lease = job["lease"] - late
        held = job["state"] == "running" and not late
        if how == "extend":
            assert self.queue.extend(job["id"], lease=lease, lease_s=7) == held
            job.update(due=self.clock.now + 7 if held else job["due"])
        elif how == "finish":
            assert self.queue.finish(job["id"], lease=lease, result=1) == held
            if held:
                self.tell(job, "done")
        else:
            retry = 2.0 if how == "retry" else None
            assert self.queue.fail(job["id"], lease=lease, code="c", detail="d", retry_in_s=retry) == held
            if held and retry and job["attempts"] < self.most_attempts:
                job["due"] = self.clock.now + retry
                self.tell(job, "queued")
            elif held:
                self.tell(job, "failed")

    @rule(seconds=st.sampled_from([1, 4, 6]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def all_agree(self) -> None:
        assert [(job.id, job.state, job.attempts) for job in self.queue.jobs(limit=1_000)] == [
            (job["id"], job["state"], job["attempts"]) for job in reversed(self.model)
        ]
        states = [job["state"] for job in self.model]
        assert self.queue.facts()[:3] == tuple(states.count(state) for state in ("queued", "running", "failed"))
        waits = {job["id"] for job in self.model if job["state"] == "queued" and job["due"] <= self.clock.now}
        assert {row.job_id for row in self.queue.outbox(limit=1_000)} == waits
        events, gone = self.queue.events(0, limit=10_000)
        assert ([(event.event, event.job.id) for event in events], gone) == (self.told, 0)
        assert [event.seq for event in events] == list(range(1, len(self.told) + 1))


def test_any_order_of_calls_gives_what_lists_give(engine: Callable[..., Jobs], clock: Clock) -> None:
    class Machine(JobsAgainstLists):
        make = staticmethod(engine)

    Machine.clock = clock
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine, settings=settings(max_examples=15, stateful_step_count=20, deadline=None)
    )
