"""Connections are ended, commits are lost, the server is killed: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from chain.postgres import PostgresServer
from lookalike.core.errors import Conflict, LookalikeError, NotFound, Overtaken, ServiceDown
from lookalike.core.retrying import Retrying
from lookalike.dispatch.postgres import PostgresDispatch
from lookalike.jobs.base import Job, JobState
from lookalike.ledger.base import KeptReply, Ledger, UploadState
from lookalike.ledger.postgres import PostgresLedger
from lookalike.storage.postgres import pool as pool_module
from lookalike.worker import Worker
from tests.contract.test_ledger import upload
from tests.processes import next_line, python
from tests.servers.cut import Cut, end_others
from tests.waiting import eventually

Opened = Callable[..., PostgresLedger]
REPLY = KeptReply(201, {}, b"{}")


def put(ledger: Ledger, *, key: str | None = None) -> str:
    return ledger.jobs.enqueue("embed", collection="c", payload={}, key=key).id


def claimed(ledger: Ledger) -> Job:
    job = ledger.jobs.claim(["embed"], worker="w", lease_s=1_000)
    assert job is not None
    return job


def insist(call: Callable[[], object]) -> object:
    """As a worker does, and a client of the service: again, until somebody knows what became of it."""
    end = time.monotonic() + 60
    while True:
        try:
            return call()
        except LookalikeError:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_of_a_transaction_whose_connection_is_ended_nothing_remains(ledger: PostgresLedger, postgres_url: str) -> None:
    ledger.add_upload(upload(1))
    job_id = put(ledger)

    def change_all() -> None:
        with ledger.transaction() as within:
            within.advance_upload(upload(1, state=UploadState.KEPT), only_from=[UploadState.WAITING])
            within.add_upload(upload(2))
            within.jobs.claim(["embed"], worker="w", lease_s=1_000)
            end_others(postgres_url)
            within.jobs.enqueue("embed", collection="c", payload={})

    with pytest.raises(Overtaken):
        change_all()
    assert ledger.upload(upload(1).id).state is UploadState.WAITING
    with pytest.raises(NotFound):
        ledger.upload(upload(2).id)
    assert [(job.id, job.state) for job in ledger.jobs.jobs()] == [(job_id, JobState.QUEUED)]
    assert [event.event for event in ledger.jobs.events(0)[0]] == ["job.queued"]
    assert claimed(ledger).lease == 1  # and it is locked by nobody


CHANGES: dict[str, Callable[[Ledger], object]] = {
    "putting in": lambda ledger: put(ledger, key="k"),
    "claiming": lambda ledger: ledger.jobs.claim(["embed"], worker="w", lease_s=1_000),
    "advancing": lambda ledger: ledger.advance_upload(
        upload(1, state=UploadState.KEPT), only_from=[UploadState.WAITING]
    ),
    "beginning": lambda ledger: ledger.begin("k", caller="ann", body_hash="h", holder="me", now=1e9, expires_at=4e9),
    "taking a ticket": lambda ledger: ledger.take_ticket("d", now=0),
}


@pytest.mark.parametrize("passes_on", [True, False], ids=["after the commit", "before the commit"])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_whose_answer_is_lost_is_made_once_and_its_caller_is_told(
    opened: Opened,
    ledger: PostgresLedger,
    postgres_server: PostgresServer,
    postgres_url: str,
    what: str,
    passes_on: bool,
) -> None:
    put(ledger)
    ledger.add_upload(upload(1))
    ledger.put_ticket("d", principal="p", expires_at=4e9)
    events = ledger.jobs.last_event()
    cut = Cut(postgres_server.port, passes_on=passes_on)
    try:
        lossy = opened(postgres_url.replace(f":{postgres_server.port}/", f":{cut.port}/"))
        found = CHANGES[what](lossy)
        assert cut.has_cut
        lossy.close()
    finally:
        cut.close()
    if what == "putting in":
        assert found == put(ledger, key="k")
        assert len(ledger.jobs.jobs()) == 2
    if what == "claiming":
        assert isinstance(found, Job)
        assert found == ledger.jobs.jobs()[0]
        assert (found.attempts, found.lease) == (1, 1)
    if what == "advancing":
        assert found == ledger.upload(upload(1).id) == upload(1, state=UploadState.KEPT)
    if what == "beginning":
        assert found is None
        ledger.finish("k", REPLY, holder="me")
        assert CHANGES[what](ledger) == REPLY
    if what == "taking a ticket":
        assert found == "p"
        assert CHANGES[what](ledger) is None
    assert ledger.jobs.last_event() == events + (what in ("putting in", "claiming"))


def bring(ledger: Ledger, number: int) -> str:
    """An upload and the job about it, in one transaction; the same again is the same."""
    with ledger.transaction() as within:
        job = within.jobs.enqueue("embed", collection="c", payload={"n": number}, key=f"upload {number}")
        with suppress(Conflict):
            within.add_upload(upload(number, job_id=job.id))
    return job.id


def do(ledger: Ledger, job: Job) -> bool:
    """Say of the upload that it is stored, and end its job, in one transaction; whether that was still to be done."""
    with ledger.transaction() as within:
        if not within.jobs.finish(job.id, lease=job.lease, result=None):
            return False
        stored = upload(job.payload["n"], state=UploadState.STORED, job_id=job.id)
        within.advance_upload(stored, only_from=[UploadState.WAITING])
    return True


def work_all(opened: Opened, N: int, disturb: Callable[[], None]) -> None:
    """Put jobs in and do them on several machines, while something is done to their connections."""
    machines, done = [opened(max_attempts=1_000) for _ in range(4)], Counter[str]()
    put_in: list[object] = []
    over = threading.Event()

    def bring_all(part: int) -> None:
        put_in.extend(insist(partial(bring, machines[part], number)) for number in range(part, N, 2))

    def work(machine: Ledger) -> None:
        while not over.is_set():
            try:
                job = machine.jobs.claim(["embed"], worker="w", lease_s=2)
                if job is not None:
                    done[job.id] += do(machine, job)
                    continue
            except LookalikeError:
                pass
            over.wait(0.01)

    tasks = [threading.Thread(target=bring_all, args=(part,)) for part in range(2)]
    workers = [threading.Thread(target=work, args=(machine,)) for machine in machines]
    for thread in (*tasks, *workers):
        thread.start()
    times = 0
    try:
        while any(thread.is_alive() for thread in tasks):
            disturb()
            times += 1
        eventually(lambda: machines[0].jobs.facts().queued + machines[0].jobs.facts().running == 0)
    finally:
        over.set()
        for thread in (*tasks, *workers):
            thread.join()
    ids = {str(job_id) for job_id in put_in}
    watch = opened()
    assert times > 0
    assert len(ids) == N
    assert {job.id: job.state for job in watch.jobs.jobs(limit=2 * N)} == dict.fromkeys(ids, JobState.DONE)
    assert set(done) <= ids
    assert max(done.values()) == 1
    stored = watch.uploads("photos", limit=2 * N)
    assert {one.job_id: one.state for one in stored} == dict.fromkeys(ids, UploadState.STORED)
    assert len(stored) == N
    events, words = [], dict[str, list[str]]()
    while some := watch.jobs.events(events[-1].seq if events else 0)[0]:
        events += some
    for event in events:
        words.setdefault(event.job.id, []).append(event.event)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for told in words.values():
        assert told[0] == "job.queued"
        assert told[-1] == "job.done"
        assert set(told[1:-1]) == {"job.running"}


def test_where_connections_are_ended_all_the_time_nothing_is_lost_and_nothing_is_double(
    opened: Opened, ledger: PostgresLedger, postgres_url: str
) -> None:
    ledger.prepare()

    def end_all() -> None:
        time.sleep(0.05)
        end_others(postgres_url)

    work_all(opened, 200, end_all)


def test_where_the_server_is_killed_and_started_anew_nothing_is_lost_and_nothing_is_double(
    opened: Opened, ledger: PostgresLedger, postgres_server: PostgresServer
) -> None:
    ledger.prepare()

    def restart() -> None:
        time.sleep(0.2)
        postgres_server.kill()
        postgres_server.start()
        time.sleep(1.0)

    work_all(opened, 600, restart)


def test_workers_go_on_after_a_restart_and_are_told_of_jobs_again(
    opened: Opened, ledger: PostgresLedger, postgres_server: PostgresServer, postgres_url: str
) -> None:
    done, stop = list[str](), threading.Event()
    dispatch = PostgresDispatch(postgres_url, look_every_s=3_600.0)
    worker = Worker(opened().jobs, dispatch, {"embed": lambda job: done.append(job.id)}, name="w")
    running = threading.Thread(target=worker.run, args=(stop,))
    running.start()
    try:
        ids = [put(ledger)]
        eventually(lambda: done == ids)
        postgres_server.kill()
        postgres_server.start()
        ids.append(str(insist(lambda: put(ledger, key="k"))))
        eventually(lambda: done == ids)
    finally:
        stop.set()
        running.join(60)
        dispatch.close()


def test_a_service_that_starts_before_its_database_works_once_that_is_there(
    postgres_server: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookalike.ledger.postgres import open_postgres_ledger

    monkeypatch.setattr(pool_module, "_RETRYING", Retrying(attempts=1))
    postgres_server.stop()
    try:
        with pytest.raises(ServiceDown, match="none comes"):
            open_postgres_ledger(postgres_url)
        ledger = open_postgres_ledger(postgres_url, starts_anyway=True)
        with pytest.raises(ServiceDown, match="none comes"):
            ledger.jobs.facts()
    finally:
        postgres_server.start()
    try:
        assert ledger.jobs.facts().queued == 0
    finally:
        ledger.close()


def test_what_a_process_was_doing_when_it_was_killed_is_undone_and_free_at_once(
    ledger: PostgresLedger, postgres_url: str
) -> None:
    ledger.add_upload(upload(1))
    put(ledger)
    dying = python("-m", "tests.unit.ledger.postgres.programs", postgres_url)
    assert next_line(dying) == "within"
    assert ledger.jobs.claim(["embed"], worker="w", lease_s=1) is None  # it is about to be the other's
    dying.kill()
    dying.communicate()
    ledger.advance_upload(upload(1, state=UploadState.QUEUED), only_from=[UploadState.WAITING])
    assert eventually(lambda: ledger.jobs.claim(["embed"], worker="w", lease_s=1)).lease == 1
    assert [event.event for event in ledger.jobs.events(0)[0]] == ["job.queued", "job.running"]
