"""The relay: what is in the outbox is published, whatever the broker does and whoever is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lookalike.core.errors import ServiceDown, StorageFailed
from lookalike.dispatch.base import Notice
from lookalike.dispatch.memory import MemoryDispatch
from lookalike.jobs.base import Job, Jobs, JobState
from lookalike.ledger.base import Ledger
from lookalike.ledger.memory import MemoryLedger
from lookalike.ledger.sqlite import SqliteLedger
from lookalike.worker import Worker
from lookalike.worker.relay import Relay
from tests.clock import Clock
from tests.processes import go, next_line, python
from tests.remote.dispatch import Faults, RemoteBroker, RemoteDispatch
from tests.threads import running
from tests.waiting import eventually


@pytest.fixture(params=["sqlite", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    clock = Clock()
    opened: Ledger = MemoryLedger(clock=clock)
    if request.param == "sqlite":
        opened = SqliteLedger(tmp_path / "service.sqlite", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def jobs(ledger: Ledger) -> Jobs:
    return ledger.jobs


@pytest.fixture
def broker() -> RemoteBroker:
    return RemoteBroker()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.worker.relay.backoff_s", lambda failures: 0.01)
    monkeypatch.setattr("lookalike.worker.worker.backoff_s", lambda failures: 0.01)


def put(jobs: Jobs, count: int = 1, **options: Any) -> list[Job]:
    return [jobs.enqueue("embed", collection="photos", payload={}, **options) for _ in range(count)]


def test_what_is_in_the_outbox_is_published_and_deleted_a_hundred_at_a_time(jobs: Jobs, broker: RemoteBroker) -> None:
    put_in, relay = put(jobs, 120), Relay(jobs, RemoteDispatch(broker))
    put(jobs, delay_s=60)
    assert [relay.publish_some() for _ in range(3)] == [100, 20, 0]
    assert broker.confirmed == [Notice(job.id, "embed") for job in put_in]
    assert jobs.outbox() == []


def test_what_the_broker_does_not_confirm_stays_and_is_published_again(jobs: Jobs, broker: RemoteBroker) -> None:
    (job,) = put(jobs)
    relay = Relay(jobs, RemoteDispatch(broker))
    broker.is_down = True
    with pytest.raises(ServiceDown):
        relay.publish_some()
    assert [row.job_id for row in jobs.outbox()] == [job.id]
    broker.is_down = False
    assert relay.publish_some() == 1
    assert jobs.outbox() == []


def test_a_confirmation_that_never_comes_has_the_notice_twice_and_the_job_once(
    jobs: Jobs, broker: RemoteBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = put(jobs)
    dispatch = RemoteDispatch(broker)
    relay = Relay(jobs, dispatch)

    def taken_and_lost(notices: list[Notice]) -> None:
        monkeypatch.undo()
        dispatch.publish(notices)
        raise ServiceDown("no confirmation came")

    monkeypatch.setattr(dispatch, "publish", taken_and_lost)
    with pytest.raises(ServiceDown):
        relay.publish_some()
    assert relay.publish_some() == 1
    assert broker.published == [Notice(job.id, "embed")] * 2
    assert done_by_a_worker(jobs, dispatch, until=lambda: len(broker.delivered) == 2) == [job.id]


@pytest.mark.parametrize("after", [False, True], ids=["before the deletion", "after the deletion"])
def test_a_relay_that_dies_between_publishing_and_deleting_loses_nothing(
    jobs: Jobs, broker: RemoteBroker, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    put_in, dispatch, published = put(jobs, 3), RemoteDispatch(broker), jobs.note_published

    def die(rows: Any) -> None:
        if after:
            published(rows)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "note_published", die)
        with pytest.raises(Died):
            Relay(jobs, dispatch).publish_some()
    assert Relay(jobs, dispatch).publish_some() == (0 if after else 3)
    assert len(broker.published) == (3 if after else 6)
    done = done_by_a_worker(jobs, dispatch, until=lambda: len(broker.delivered) == len(broker.published))
    assert sorted(done) == sorted(job.id for job in put_in)
    assert jobs.outbox() == []


def test_a_job_that_is_put_off_while_its_notice_is_published_is_told_of_again(
    jobs: Jobs, broker: RemoteBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = put(jobs)
    dispatch = RemoteDispatch(broker)
    publish = dispatch.publish

    def publish_slowly(notices: list[Notice]) -> None:
        monkeypatch.undo()
        publish(notices)
        claimed = jobs.claim(["embed"], worker="w", lease_s=60)
        assert claimed is not None
        assert jobs.postpone(job.id, lease=claimed.lease, code="locked", detail="", retry_in_s=0)

    monkeypatch.setattr(dispatch, "publish", publish_slowly)
    assert Relay(jobs, dispatch).publish_some() == 1
    assert [row.job_id for row in jobs.outbox()] == [job.id]
    assert Relay(jobs, dispatch).publish_some() == 1
    assert len(broker.published) == 2


def test_several_relays_on_a_bad_day_tell_of_all(ledger: Ledger) -> None:
    N, broker = 30, RemoteBroker(faults=Faults(latency_s=0.001, lost=0.1, twice=0.2))
    relays = [Relay(ledger.jobs, RemoteDispatch(broker), every_s=0.01) for _ in range(2)]
    with running(*(relay.run for relay in relays)):
        put_in = {job.id for job in put(ledger.jobs, N)}
        eventually(lambda: ledger.jobs.outbox() == [])
    assert {notice.job_id for notice in broker.confirmed} == put_in


def test_a_ledger_that_fails_for_a_while_is_asked_again(
    jobs: Jobs, broker: RemoteBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(jobs)
    failures, outbox = [StorageFailed("the disk is full")] * 3, jobs.outbox

    def failing(**options: Any) -> Any:
        if failures:
            raise failures.pop()
        return outbox(**options)

    monkeypatch.setattr(jobs, "outbox", failing)
    with running(Relay(jobs, RemoteDispatch(broker), every_s=0.01).run):
        eventually(lambda: len(broker.confirmed) == 1)
    assert "the disk is full" in caplog.text


def test_what_waited_before_there_was_a_broker_is_told_of_when_there_is_one(tmp_path: Path) -> None:
    path, dispatch = tmp_path / "service.sqlite", MemoryDispatch()
    with closing(SqliteLedger(path)) as ledger:
        (job,) = put(ledger.jobs)  # while workers looked by the clock
    with closing(SqliteLedger(path)) as ledger:
        assert Relay(ledger.jobs, dispatch).publish_some() == 1
        assert done_by_a_worker(ledger.jobs, dispatch, until=lambda: ledger.jobs.get(job.id).state == "done") == [
            job.id
        ]


def test_a_relay_process_that_is_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """What it published is written into a file, as a broker would keep it; another process goes on."""
    N, path, told = 200, tmp_path / "service.sqlite", tmp_path / "told"
    with closing(SqliteLedger(path)) as ledger:
        put_in = {job.id for job in put(ledger.jobs, N)}
        kills = 0
        while ledger.jobs.outbox():
            victim = python("-m", "tests.unit.worker.relaying", path, told)
            go(victim)
            assert next_line(victim) == "ready"
            for _ in range(3):
                if next_line(victim) == "":
                    break
            victim.kill()
            victim.communicate()
            kills += 1
        published = told.read_text().split()
        assert set(published) == put_in
        assert len(published) >= N
        assert kills >= 2


def done_by_a_worker(jobs: Jobs, dispatch: Any, *, until: Callable[[], bool]) -> list[str]:
    """What one worker does before that is so."""
    done = list[str]()
    with running(Worker(jobs, dispatch, {"embed": lambda job: done.append(job.id)}, name="w").run):
        eventually(lambda: until() and jobs.facts()[:2] == (0, 0))
    assert all(job.state is JobState.DONE for job in jobs.jobs(limit=1_000))
    return done
