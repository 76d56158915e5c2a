"""Migrations: each in one transaction, once, whoever else does it at the same time; never changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from chain.postgres import PostgresServer
from lookalike.core.errors import FormatTooNew, LookalikeError, ServiceDown
from lookalike.storage.postgres.errors import Lacking
from lookalike.storage.postgres.migrations import Migration, check_format, format_of, migrate
from lookalike.storage.postgres.pool import Pool

FIRST = Migration(1, "things", "CREATE TABLE ours.things (n int); INSERT INTO ours.things VALUES (1)")
SECOND = Migration(2, "names", "ALTER TABLE ours.things ADD COLUMN name text; UPDATE ours.things SET name = 'one'")
BROKEN = Migration(3, "broken", "INSERT INTO ours.things VALUES (2); SELECT 1 / 0")


@pytest.fixture
def pool(postgres_url: str) -> Iterator[Pool]:
    pool = Pool(postgres_url)
    yield pool
    pool.close()


def things(pool: Pool) -> list[tuple[object, ...]]:
    return pool.ask("shop", lambda session: session.rows("SELECT * FROM ours.things ORDER BY n"))


def test_a_schema_is_made_and_brought_from_format_to_format(pool: Pool) -> None:
    assert pool.ask("shop", format_of) == 0
    migrate(pool, "shop", [FIRST], what="shop")
    assert (pool.ask("shop", format_of), things(pool)) == (1, [(1,)])
    migrate(pool, "shop", [FIRST, SECOND], what="shop")
    migrate(pool, "shop", [FIRST, SECOND], what="shop")
    assert (pool.ask("shop", format_of), things(pool)) == (2, [(1, "one")])
    names = pool.ask("shop", lambda session: session.rows("SELECT name FROM ours.migrations ORDER BY number"))
    assert names == [("things",), ("names",)]


def test_of_a_step_that_fails_nothing_remains_and_those_before_it_do(pool: Pool) -> None:
    with pytest.raises(LookalikeError):
        migrate(pool, "shop", [FIRST, SECOND, BROKEN], what="shop")
    assert (pool.ask("shop", format_of), things(pool)) == (2, [(1, "one")])


def test_many_who_make_schemas_at_once_make_each_of_them_once(pool: Pool) -> None:
    failures: list[BaseException] = []

    def make(schema: str) -> None:
        try:
            migrate(pool, schema, [FIRST, SECOND], what="shop")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(f"shop{n % 2}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for schema in ("shop0", "shop1"):
        assert pool.ask(schema, lambda session: session.rows("SELECT * FROM ours.things")) == [(1, "one")]


def test_an_older_format_says_what_to_do_and_a_newer_one_too(pool: Pool) -> None:
    with pytest.raises(Lacking, match="got none: open it once to write"):
        check_format(0, [FIRST], place="here", what="shop")
    with pytest.raises(FormatTooNew, match=r"format 2; this one knows up to 1\): "):
        check_format(2, [FIRST], place="here", what="shop")
    migrate(pool, "shop", [FIRST, SECOND], what="shop")
    with pytest.raises(FormatTooNew):
        migrate(pool, "shop", [FIRST], what="shop")


def test_a_role_that_may_not_make_tables_is_told(postgres_server: PostgresServer, pool: Pool) -> None:
    postgres_server.run_sql("DROP ROLE IF EXISTS guest")
    postgres_server.run_sql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    guest = Pool(postgres_server.url_of(pool.url.rpartition("/")[2], user="guest", password="guest"))
    try:
        with pytest.raises(ServiceDown, match=r"must have the right.*grant it"):
            migrate(guest, "shop", [FIRST], what="shop")
    finally:
        guest.close()
