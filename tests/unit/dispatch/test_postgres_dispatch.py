"""Workers are woken by what jobs in PostgreSQL tell; each notice goes to one of a process, and not before its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chain.postgres import PostgresServer
from lookalike.core.errors import ServiceDown
from lookalike.dispatch.base import Notice
from lookalike.dispatch.postgres import MOST_OF_A_KIND, PostgresDispatch
from lookalike.jobs.base import Job, JobState
from lookalike.jobs.postgres.notices import Waiting, channel_of, notice_text, waiting_of
from lookalike.ledger.postgres import PostgresLedger
from lookalike.storage.postgres.pool import Pool
from lookalike.worker import Worker
from tests.servers.cut import end_others
from tests.waiting import eventually


@pytest.fixture
def ledger(postgres_url: str) -> Iterator[PostgresLedger]:
    ledger = PostgresLedger(postgres_url)
    ledger.prepare()
    yield ledger
    ledger.close()


@pytest.fixture
def dispatch(postgres_url: str) -> Iterator[PostgresDispatch]:
    dispatch = PostgresDispatch(postgres_url, look_every_s=3_600.0)
    yield dispatch
    dispatch.close()


def put(ledger: PostgresLedger, kind: str = "embed", **options: Any) -> Job:
    return ledger.jobs.enqueue(kind, collection="c", payload={}, **options)


def test_who_waits_is_woken_when_a_job_is_committed_and_not_before(
    ledger: PostgresLedger, dispatch: PostgresDispatch
) -> None:
    consumer = dispatch.consumer(["embed"])
    with ledger.transaction() as within:
        job = within.jobs.enqueue("embed", collection="c", payload={})
        assert consumer.receive(wait_s=0.2) is None
    told = consumer.receive(wait_s=60.0)
    assert told is not None
    assert told.notice == Notice(job.id, "embed")
    assert consumer.receive(wait_s=0.1) is None


def put_in_and_raise(ledger: PostgresLedger) -> None:
    with ledger.transaction() as within:
        within.jobs.enqueue("embed", collection="c", payload={})
        raise KeyboardInterrupt


def test_nothing_is_told_of_a_transaction_that_was_undone(ledger: PostgresLedger, dispatch: PostgresDispatch) -> None:
    consumer = dispatch.consumer(["embed"])
    with pytest.raises(KeyboardInterrupt):
        put_in_and_raise(ledger)
    assert consumer.receive(wait_s=0.3) is None


def test_a_job_that_is_put_off_is_told_of_when_it_may_be_begun(
    ledger: PostgresLedger, dispatch: PostgresDispatch
) -> None:
    consumer = dispatch.consumer(["embed"])
    later, begun = put(ledger, delay_s=0.5), time.monotonic()
    told = consumer.receive(wait_s=60.0)
    assert told is not None
    assert told.notice.job_id == later.id
    assert time.monotonic() - begun > 0.4
    consumer.ack(told)
    job = ledger.jobs.claim(["embed"], worker="w", lease_s=60)
    assert job is not None
    assert consumer.receive(wait_s=0.1) is None  # to claim tells nobody
    ledger.jobs.postpone(job.id, lease=job.lease, code="locked", detail="", retry_in_s=0.3)
    again = consumer.receive(wait_s=60.0)
    assert again is not None
    assert again.notice.job_id == later.id


def test_a_notice_goes_to_one_consumer_of_its_kind_in_each_process(
    ledger: PostgresLedger, dispatch: PostgresDispatch, postgres_url: str
) -> None:
    other = PostgresDispatch(postgres_url, look_every_s=3_600.0)
    try:
        here, there = dispatch.consumer(["embed"]), other.consumer(["embed"])
        second = dispatch.consumer(["embed"])
        verify = dispatch.consumer(["verify"])
        put(ledger)
        told = [one for one in (here.receive(wait_s=60.0), there.receive(wait_s=60.0)) if one]
        assert len(told) == 2
        assert second.receive(wait_s=0.1) is verify.receive(wait_s=0.1) is None
    finally:
        other.close()


def test_what_is_given_back_or_was_in_hand_goes_to_another_of_the_process(
    ledger: PostgresLedger, dispatch: PostgresDispatch
) -> None:
    first = dispatch.consumer(["embed"], prefetch=2)
    second = dispatch.consumer(["embed"])
    ids = {put(ledger).id for _ in range(3)}
    one, two = first.receive(wait_s=60.0), first.receive(wait_s=60.0)
    assert one is not None
    assert two is not None
    assert first.receive(wait_s=0.1) is None  # it has as many in hand as it asked for
    three = second.receive(wait_s=60.0)
    assert three is not None
    assert {one.notice.job_id, two.notice.job_id, three.notice.job_id} == ids
    second.ack(three)
    first.nack(one)
    first.nack(one)
    again = second.receive(wait_s=60.0)
    assert again is not None
    assert again.notice == one.notice
    second.ack(again)
    first.close()
    first.close()
    last = second.receive(wait_s=60.0)
    assert last is not None
    assert last.notice == two.notice


def test_workers_look_again_after_each_new_connection(
    ledger: PostgresLedger, dispatch: PostgresDispatch, postgres_url: str
) -> None:
    done, stop = list[str](), threading.Event()
    worker = Worker(ledger.jobs, dispatch, {"embed": lambda job: done.append(job.id)}, name="w")
    running = threading.Thread(target=worker.run, args=(stop,))
    running.start()
    try:
        ids = [put(ledger).id]
        eventually(lambda: done == ids)
        for _ in range(3):
            end_others(postgres_url)
            ids.append(put(ledger).id)  # of which perhaps nobody hears
            eventually(lambda: done == ids)
    finally:
        stop.set()
        running.join(60)
    assert ledger.jobs.get(ids[0]).state is JobState.DONE


def test_notices_that_nobody_takes_are_bounded_and_none_of_other_kinds_are_kept(
    ledger: PostgresLedger, dispatch: PostgresDispatch, postgres_url: str
) -> None:
    consumer = dispatch.consumer(["embed", "never"], prefetch=100_000)
    told = [notice_text(Waiting(f"{n}", kind, 0.0)) for n in range(MOST_OF_A_KIND + 50) for kind in ("embed", "x")]
    pool = Pool(postgres_url)
    channel = channel_of("lookalike_ledger")
    pool.ask("", lambda session: session.rows("SELECT pg_notify(%s, t) FROM unnest(%s::text[]) AS t", (channel, told)))
    pool.close()
    put(ledger, "never")
    there = 0
    while (delivery := consumer.receive(wait_s=1.0)) is not None:
        there += delivery.notice.kind == "embed"
    assert 0 < there <= MOST_OF_A_KIND + 50
    assert len(dispatch._waiting["embed"]) == 0
    assert "x" not in dispatch._waiting


def test_where_the_database_is_not_there_at_first_it_is_looked_for_and_then_there_may_be_something(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    postgres_server.stop()
    try:
        dispatch = PostgresDispatch(postgres_url)
        consumer = dispatch.consumer(["embed"])
        assert consumer.receive(wait_s=0.2) is None
    finally:
        postgres_server.start()
    told = consumer.receive(wait_s=60.0)
    dispatch.close()
    assert told is not None
    assert told.notice == Notice("", "embed")


def test_a_dispatch_that_is_closed_says_so_also_where_it_was_never_connected() -> None:
    dispatch = PostgresDispatch("postgresql://127.0.0.1:1/nothing")
    consumer = dispatch.consumer(["embed"])
    consumer = dispatch.consumer(["embed"])
    assert consumer.receive(wait_s=0.2) is None
    dispatch.close()
    dispatch.close()
    with pytest.raises(ServiceDown, match="was closed"):
        consumer.receive(wait_s=0.0)
    consumer.close()


@pytest.mark.parametrize("text", ["", "embed", "soon a b", "1.5"])
def test_what_another_version_tells_is_no_more_than_that_something_is_new(text: str) -> None:
    assert waiting_of(text) is None or waiting_of(text) == Waiting("", "", 1.5)


def test_what_is_told_is_understood() -> None:
    waiting = Waiting("a" * 32, "verify upload", 0.25)
    assert waiting_of(notice_text(waiting)) == waiting
