"""Many at once, as on many machines: each job once, each key once, and no event is missed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest

from lookalike.core.errors import Conflict, Overtaken, QuotaExceeded
from lookalike.jobs.base import JobState
from lookalike.ledger.base import KeptReply, Quota, UploadState
from lookalike.ledger.postgres import PostgresLedger
from tests.clock import Clock
from tests.contract.test_ledger import together, upload
from tests.waiting import eventually

Opened = Callable[..., PostgresLedger]
MACHINES = 8
FAR = 4e9


def put(ledger: PostgresLedger, *, key: str | None = None) -> str:
    return ledger.jobs.enqueue("embed", collection="c", payload={}, key=key).id


def test_eight_workers_claim_five_hundred_jobs_each_exactly_once_and_all_events_are_told(
    opened: Opened, ledger: PostgresLedger
) -> None:
    N, seen = 500, list[int]()
    ids = {put(ledger) for _ in range(N)}
    machines = [opened() for _ in range(MACHINES)]
    claimed: list[str] = []

    def work(name: str) -> None:
        jobs = machines[int(name)].jobs
        while job := jobs.claim(["embed"], worker=name, lease_s=1_000):
            claimed.append(job.id)
            assert jobs.finish(job.id, lease=job.lease, result=name)

    workers = [threading.Thread(target=work, args=(str(number),)) for number in range(MACHINES)]
    for worker in workers:
        worker.start()
    end = time.monotonic() + 120
    while len(seen) < 3 * N and time.monotonic() < end:  # followed while they write: one that came late would be missed
        seen += [event.seq for event in ledger.jobs.events(seen[-1] if seen else 0)[0]]
    for worker in workers:
        worker.join()
    assert (len(claimed), set(claimed)) == (N, ids)
    assert seen == list(range(1, 3 * N + 1))
    assert {(job.state, job.attempts, job.lease) for job in ledger.jobs.jobs(limit=N)} == {(JobState.DONE, 1, 1)}
    words: dict[str, list[str]] = {}
    for after in range(0, 3 * N, 200):
        for event in ledger.jobs.events(after)[0]:
            words.setdefault(event.job.id, []).append(event.event)
    assert set(map(tuple, words.values())) == {("job.queued", "job.running", "job.done")}


def test_of_fifty_twins_with_one_idempotency_key_one_is_done_and_all_get_its_reply(
    opened: Opened, ledger: PostgresLedger
) -> None:
    machines = [opened() for _ in range(MACHINES)]
    codes: Counter[str] = Counter()
    replies: list[KeptReply | None] = []

    def begin(name: str) -> None:
        machine = machines[int(name) % MACHINES]
        try:
            found = machine.begin("k", caller="ann", body_hash="h", holder=name, now=1e9, expires_at=FAR)
        except Conflict as error:
            codes[error.code] += 1
            return
        replies.append(found)
        machine.finish("k", KeptReply(201, {}, name.encode()), holder=name)

    twins = [str(number) for number in range(50)]
    together(begin, twins)
    assert replies.count(None) == 1
    assert set(codes) <= {"idempotency_running"}
    replies.clear()
    together(begin, twins)
    assert len(replies) == 50
    assert len({reply.body if reply else b"" for reply in replies}) == 1


def test_of_fifty_twins_that_put_the_same_in_one_does(opened: Opened, ledger: PostgresLedger) -> None:
    machines = [opened() for _ in range(MACHINES)]
    ids: list[str] = []
    together(lambda name: ids.append(put(machines[int(name) % MACHINES], key="upload 1")), [str(n) for n in range(50)])
    assert len(ids) == 50
    assert set(ids) == {job.id for job in ledger.jobs.jobs()}
    assert len(ledger.jobs.events(0)[0]) == len(ledger.jobs.outbox()) == 1


def test_many_who_add_uploads_of_one_owner_at_once_do_not_get_beyond_the_quota(opened: Opened) -> None:
    machines = [opened() for _ in range(MACHINES)]
    quota, refused = Quota(uploads=5, size_bytes=10_000), list[str]()

    def add(name: str) -> None:
        try:
            machines[int(name) % MACHINES].add_upload(upload(name), quota=quota)
        except QuotaExceeded:
            refused.append(name)

    together(add, [str(number) for number in range(20)])
    assert len(refused) == 15
    assert len(machines[0].uploads("photos")) == 5


def test_transactions_of_different_uploads_do_not_wait_for_each_other(opened: Opened, ledger: PostgresLedger) -> None:
    ledger.add_upload(upload(1))
    ledger.add_upload(upload(2))
    other = opened()
    with ledger.transaction() as within:
        within.advance_upload(upload(1, state=UploadState.KEPT), only_from=[UploadState.WAITING])
        within.jobs.enqueue("embed", collection="c", payload={})
        together(lambda _: other.advance_upload(upload(2, state=UploadState.KEPT), only_from=list(UploadState)), ["x"])
        assert other.upload(upload(2).id).state is UploadState.KEPT  # and looking waits for nobody
        assert other.upload(upload(1).id).state is UploadState.WAITING
        assert len(other.jobs.jobs()) == 0


def test_a_job_that_a_transaction_depends_on_is_claimed_by_nobody_until_that_has_ended(opened: Opened) -> None:
    clock = Clock(1e9)
    first, second = opened(clock=clock), opened(clock=clock)
    put(first)
    job = first.jobs.claim(["embed"], worker="first", lease_s=10)
    assert job is not None
    clock.now += 11  # the lease is over, and its holder comes too late, but before anybody else
    claims: list[object] = []
    with first.transaction() as within:
        assert within.jobs.get(job.id).lease == job.lease
        together(lambda _: claims.append(second.jobs.claim(["embed"], worker="second", lease_s=10)), ["x"])
        within.add_upload(upload(1))
    assert claims == [None]
    again = second.jobs.claim(["embed"], worker="second", lease_s=10)
    assert again is not None
    assert again.lease == job.lease + 1


def test_an_event_of_a_transaction_that_lasts_holds_no_other_up_and_is_told_when_it_is_committed(
    opened: Opened, ledger: PostgresLedger
) -> None:
    other = opened()
    with ledger.transaction() as within:
        late = within.jobs.enqueue("embed", collection="c", payload={}).id
        within.jobs.enqueue("embed", collection="c", payload={})
        early: list[str] = []
        together(lambda _: early.append(put(other)), ["x"])
        events, _ = other.jobs.events(0)
        assert [(event.seq, event.job.id) for event in events] == [(1, early[0])]
    events, _ = other.jobs.events(1, limit=1)  # two of one transaction, on two pages
    assert [(event.seq, event.job.id) for event in events] == [(2, late)]
    assert [event.seq for event in other.jobs.events(2)[0]] == [3]


def test_many_who_read_events_at_once_see_the_same(opened: Opened, ledger: PostgresLedger) -> None:
    N, machines = 100, [opened() for _ in range(MACHINES)]
    for _ in range(N):
        put(ledger)
    seen: list[list[tuple[int, str]]] = []

    def read(name: str) -> None:
        seen.append([(event.seq, event.job.id) for event in machines[int(name)].jobs.events(0)[0]])

    together(read, [str(number) for number in range(MACHINES)])
    assert len(seen) == MACHINES
    assert seen == [seen[0]] * MACHINES
    assert [seq for seq, _ in seen[0]] == list(range(1, N + 1))


def test_events_that_nobody_reads_do_not_pile_up_and_a_slow_reader_is_told_what_is_gone(
    ledger: PostgresLedger, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.jobs.transitions.KEPT_EVENTS", 10)
    for _ in range(4):
        put(ledger)
    assert ledger.jobs.events(0, limit=2)[1] == 0
    for _ in range(20):
        put(ledger)
    ledger.jobs.sweep(0.0)
    with psycopg.connect(postgres_url) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM lookalike_ledger.events").fetchone() or (None,)
    assert kept == 10
    events, gone = ledger.jobs.events(2)
    assert ([event.seq for event in events], gone) == (list(range(15, 25)), 14)


def test_leases_are_compared_by_the_clock_of_the_database(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = opened(), opened()
    job_id = put(first)
    monkeypatch.setattr(time, "time", lambda: 4e9)  # a machine whose clock is decades ahead
    job = second.jobs.claim(["embed"], worker="w", lease_s=1_000)
    assert job is not None
    assert job.id == job_id
    assert 0 <= job.updated_at - job.created_at < 600
    assert second.jobs.claim(["embed"], worker="w", lease_s=1_000) is None
    assert first.begin("k", caller="ann", body_hash="h", holder="me", expires_at=5e9) is None
    with pytest.raises(Conflict) as clash:
        second.begin("k", caller="ann", body_hash="h", holder="you", expires_at=5e9)
    assert 0 < (clash.value.retry_after_s or 0) <= 30
    assert second.jobs.extend(job.id, lease=1, lease_s=-1)  # over at once
    eventually(lambda: first.jobs.claim(["embed"], worker="w", lease_s=1_000))


def test_two_transactions_that_wait_for_each_other_end_and_one_is_begun_again(
    opened: Opened, ledger: PostgresLedger
) -> None:
    for number in (1, 2):
        ledger.add_upload(upload(number))
    met, done = threading.Barrier(2), list[str]()

    def cross(name: str) -> None:
        machine, first, second = opened(), *(("1", "2") if name == "a" else ("2", "1"))
        for attempt in range(20):
            try:
                with machine.transaction() as within:
                    within.upload(upload(first).id)
                    if attempt == 0:
                        met.wait(60)
                    within.upload(upload(second).id)
                done.append(name)
            except Overtaken:
                continue
            return

    together(cross, ["a", "b"])
    assert sorted(done) == ["a", "b"]
