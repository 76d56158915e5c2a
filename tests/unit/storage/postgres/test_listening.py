"""NOTIFY wakes who waits; where nobody tells, they look now and then all the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from chain.server import free_port
from lookalike.core.ending import Ending, ending
from lookalike.core.errors import DeadlineExceeded
from lookalike.core.retrying import Retrying
from lookalike.storage.postgres import pool as pool_module
from lookalike.storage.postgres.listening import Listener
from lookalike.storage.postgres.pool import Pool


@pytest.fixture
def pool(postgres_url: str) -> Iterator[Pool]:
    pool = Pool(postgres_url)
    yield pool
    pool.close()


@pytest.fixture
def listener(pool: Pool) -> Iterator[Listener]:
    listener = Listener(pool, "news")
    assert listener.wait(60) is True  # who connects looks at once: they may have missed something
    yield listener
    listener.close()


def notify(pool: Pool) -> None:
    with pool.transaction("") as session:
        session.rows("SELECT pg_notify('news', '')")


def test_who_waits_is_woken_by_a_commit_and_not_before_it(pool: Pool, listener: Listener) -> None:
    with pool.transaction("") as session:
        session.rows("SELECT pg_notify('news', '')")
        assert listener.wait(0.3) is False
    assert listener.wait(60) is True


def test_a_notice_of_the_time_between_two_waits_is_not_lost(pool: Pool, listener: Listener) -> None:
    notify(pool)
    assert listener.wait(60) is True
    assert listener.wait(0.01) is False


def test_who_lost_the_connection_looks_again_once_there_is_one(pool: Pool, listener: Listener) -> None:
    with psycopg.connect(pool.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN %' AND datname = current_database() AND pid <> pg_backend_pid()"
        )
    notify(pool)  # which nobody hears
    assert listener.wait(60) is False
    assert listener.wait(60) is True


def test_where_nobody_can_be_reached_the_time_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_RETRYING", Retrying(attempts=1))
    pool = Pool(f"postgresql://127.0.0.1:{free_port()}/nothing")
    listener = Listener(pool, "news")
    began = time.monotonic()
    assert listener.wait(0.2) is False
    assert time.monotonic() - began >= 0.2
    listener.close()
    pool.close()


def test_a_wait_ends_when_the_work_is_to_end_and_when_it_is_closed(listener: Listener) -> None:
    with ending(Ending(time.monotonic() + 0.1, lambda: True)), pytest.raises(DeadlineExceeded):
        listener.wait(60)
    waiting = threading.Thread(target=listener.wait, args=(60,))
    waiting.start()
    listener.close()
    waiting.join(30)
    assert not waiting.is_alive()


def test_what_the_notices_say_comes_in_order_and_a_new_connection_says_nothing(pool: Pool) -> None:
    listener = Listener(pool, "news")
    assert listener.receive(60) == [""]
    with pool.transaction("") as session:
        session.rows("SELECT pg_notify('news', 'one'), pg_notify('news', 'two')")
    told: list[str] = []
    while len(told) < 2:
        some = listener.receive(60)
        assert some
        told += some
    assert told == ["one", "two"]
    assert listener.receive(0.01) == []
    listener.close()
    assert listener.receive(0.01) == []
