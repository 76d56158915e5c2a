"""Whatever is cut off in the middle: a batch and its cursor are there together, a swap is made or not, nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from chain.postgres import PostgresServer
from lookalike.core.errors import LeaseLost, Locked, ServiceDown
from lookalike.core.filters import Filter
from lookalike.core.records import Cursor
from lookalike.index.pgvector import PgvectorIndex
from lookalike.index.remote import Batch
from tests.waiting import eventually

D = 3
HERE, THERE = Cursor("1 here"), Cursor("2 here")
NONE = np.empty(0, np.int64)


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.make_database()


@pytest.fixture
def index(url: str) -> Iterator[PgvectorIndex]:
    made = PgvectorIndex(url, collection=lambda: "c")
    for name in "ab":
        made.create(name, projection_version=0, dimension=D, fence=1)
    made.apply("a", batch(1, 2), cursor=HERE, fence=1)
    made.swap("a", fence=1)
    yield made
    made.let_go()


def batch(*keys: int) -> Batch:
    return Batch(np.array(keys, np.int64), np.ones((len(keys), D), np.float32), NONE)


def kill_writers(url: str) -> int:
    """End the connections that wait for a lock; how many there were."""
    with psycopg.connect(url) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(ended.fetchall())


def in_thread(call: Callable[[], None]) -> tuple[threading.Thread, list[BaseException | None]]:
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            call()
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


@pytest.mark.parametrize("lock", ["lookalike_vectors.v1", "lookalike_vectors.versions"])
def test_a_connection_that_is_killed_in_the_middle_of_a_batch_costs_nothing(
    index: PgvectorIndex, url: str, lock: str
) -> None:
    """It waits for a table: for that of the vectors before it has written any, for the other one after it."""
    with psycopg.connect(url) as other:
        other.execute(f"LOCK TABLE {lock} IN SHARE MODE")
        thread, outcome = in_thread(lambda: index.apply("a", batch(3, 4), cursor=THERE, fence=1))
        eventually(lambda: kill_writers(url))
        assert "2 here" not in [one.applied for one in index.versions().values()]
        other.rollback()
    thread.join()
    assert outcome == [None]
    serving = index.serving()
    assert serving is not None
    assert (serving.count, serving.applied) == (4, THERE)
    assert sorted(index.at("a").search(np.ones((1, D), np.float32), 9).keys[0].tolist())[-4:] == [1, 2, 3, 4]


def test_a_connection_that_is_killed_again_and_again_leaves_all_as_it_was(index: PgvectorIndex, url: str) -> None:
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE lookalike_vectors.versions IN SHARE MODE")
        thread, outcome = in_thread(lambda: index.apply("a", batch(3, 4), cursor=THERE, fence=1))
        while thread.is_alive():
            kill_writers(url)
            thread.join(0.02)
    (error,) = outcome
    assert isinstance(error, Locked | ServiceDown)
    serving = index.serving()
    assert serving is not None
    assert (serving.count, serving.applied) == (2, HERE)
    assert sorted(index.at("a").search(np.ones((1, D), np.float32), 9).keys[0].tolist())[-2:] == [1, 2]


def test_a_connection_that_is_killed_in_the_middle_of_a_swap_costs_nothing(index: PgvectorIndex, url: str) -> None:
    with psycopg.connect(url) as other:
        other.execute("SELECT 1 FROM lookalike_vectors.indexes FOR SHARE")
        thread, outcome = in_thread(lambda: index.swap("b", fence=1))
        eventually(lambda: kill_writers(url))
        other.rollback()
    thread.join()
    assert outcome == [None]
    serving = index.serving()
    assert serving is not None
    assert serving.name == "b"


def test_who_is_followed_while_its_batch_waits_is_refused(index: PgvectorIndex, url: str) -> None:
    with psycopg.connect(url) as other:
        other.execute("UPDATE lookalike_vectors.indexes SET fence = 2")
        thread, outcome = in_thread(lambda: index.apply("a", batch(3), cursor=THERE, fence=1))
        eventually(lambda: _is_waited_for(url))
        other.commit()
    thread.join()
    assert isinstance(outcome[0], LeaseLost)
    serving = index.serving()
    assert serving is not None
    assert serving.applied == HERE


def _is_waited_for(url: str) -> bool:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone() or (0,)
        return bool(count)


def test_a_killed_server_that_comes_back_has_what_was_told_and_nothing_half(url: str, own_server: Any) -> None:
    server, url = own_server, own_server.make_database()
    index = PgvectorIndex(url, collection=lambda: "c")
    index.create("a", projection_version=0, dimension=D, fence=1)
    index.apply("a", batch(1, 2), cursor=HERE, fence=1)
    index.swap("a", fence=1)
    server.kill()
    with pytest.raises(ServiceDown):
        index.serving()
    server.start()
    serving = index.serving()
    assert serving is not None
    assert (serving.count, serving.applied) == (2, HERE)
    index.let_go()


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    from chain.unprivileged import open_folder

    with open_folder() as folder:
        server = PostgresServer(folder / "postgres")
        try:
            server.start()
            yield server
        finally:
            server.stop()


# What the database must have


def test_an_empty_database_has_no_versions_and_reading_makes_nothing(url: str) -> None:
    index = PgvectorIndex(url, collection=lambda: "c")
    assert (index.versions(), index.serving()) == ({}, None)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'lookalike_vectors'").fetchall() == []
    index.let_go()


def test_a_role_that_may_not_make_tables_is_told_so(url: str, postgres_server: PostgresServer) -> None:
    name = url.rsplit("/", 1)[1]
    role = f"reader_{name}"
    postgres_server.run_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    index = PgvectorIndex(postgres_server.url_of(name, user=role, password="secret"), collection=lambda: "c")
    with pytest.raises(ServiceDown, match="must have the right"):
        index.claim(1)
    index.let_go()


def test_a_role_that_may_make_a_schema_needs_no_more(url: str, postgres_server: PostgresServer) -> None:
    name = url.rsplit("/", 1)[1]
    role = f"maker_{name}"
    postgres_server.run_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    postgres_server.run_sql(f"GRANT CREATE ON DATABASE {name} TO {role}")
    postgres_server.run_sql("CREATE EXTENSION vector", database=name)
    index = PgvectorIndex(postgres_server.url_of(name, user=role, password="secret"), collection=lambda: "c")
    index.create("a", projection_version=0, dimension=D, fence=1)
    index.apply("a", batch(1), cursor=HERE, fence=1)
    assert index.versions()["a"].count == 1
    index.let_go()


def test_an_extension_that_is_missing_or_too_old_is_told_with_what_to_do(
    index: PgvectorIndex, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.index.pgvector.extension.OLDEST", (99, 0, 1))
    fresh = PgvectorIndex(url, collection=lambda: "c")
    with pytest.raises(ServiceDown, match=r"expected pgvector 99\.0\.1 or later, got 0\.8\.\d+.*ALTER EXTENSION"):
        fresh.serving()
    with psycopg.connect(url) as connection:
        connection.execute("DROP EXTENSION vector CASCADE")
    with pytest.raises(ServiceDown, match="got none: install it on the server, then run `CREATE EXTENSION vector`"):
        fresh.serving()
    fresh.let_go()


def test_a_newer_version_s_tables_are_not_touched(index: PgvectorIndex, url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO lookalike_vectors.migrations (number, name) VALUES (99, 'later')")
    fresh = PgvectorIndex(url, collection=lambda: "c")
    for call in (fresh.serving, lambda: fresh.claim(1)):
        with pytest.raises(Exception, match="newer Lookalike"):
            call()
    fresh.let_go()


def test_a_filter_reaches_the_database_as_values_never_as_words_of_a_statement(index: PgvectorIndex) -> None:
    for hostile in ("'; DROP TABLE lookalike_vectors.v1; --", "%s", "ours.v1", "\\", '"'):
        where = Filter.from_json({hostile: {"eq": hostile}, "camera": {"ne": hostile}})
        assert (index.at("a").search(np.ones((1, D), np.float32), 2, among=where).keys == -1).all()
    assert index.at("a").search(np.ones((1, D), np.float32), 2).keys.tolist() == [[1, 2]]


def test_collections_of_one_database_do_not_meet(index: PgvectorIndex, url: str) -> None:
    other = PgvectorIndex(url, collection=lambda: "another")
    other.create("a", projection_version=0, dimension=D, fence=1)
    other.claim(9)
    index.apply("a", batch(3), cursor=THERE, fence=1)
    assert (other.versions()["a"].count, index.versions()["a"].count) == (0, 3)
    other.let_go()


def test_several_that_prepare_a_database_at_once_prepare_it_once(url: str) -> None:
    indexes = [PgvectorIndex(url, collection=lambda n=n: f"c{n}") for n in range(4)]  # type: ignore[misc]
    begun = [in_thread(lambda one=one: one.claim(1)) for one in indexes]  # type: ignore[misc]
    for thread, outcome in begun:
        thread.join()
        assert outcome == [None]
    for index in indexes:
        index.let_go()
