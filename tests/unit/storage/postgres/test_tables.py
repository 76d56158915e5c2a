"""Tables are made when they are first used, and a block of which nothing remains runs again, and is committed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lookalike.core.errors import Overtaken
from lookalike.storage.postgres.migrations import Migration
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session
from lookalike.storage.postgres.tables import MOST_ATTEMPTS, Tables
from tests.servers.cut import end_others

MAKE = [Migration(1, "rows", "CREATE TABLE ours.rows (n int)")]


@pytest.fixture
def tables(postgres_url: str) -> Iterator[Tables]:
    tables = Tables(Pool(postgres_url), "ours_alone", MAKE, what="rows")
    yield tables
    tables.close()


def count(session: Session) -> int:
    return int(session.one("SELECT count(*) FROM ours.rows")[0])


def test_tables_are_there_when_they_are_first_used(tables: Tables) -> None:
    assert tables.ask(count) == 0
    with tables.block() as session:
        session.change("INSERT INTO ours.rows VALUES (1)")
    assert tables.commit(count) == 1


@pytest.mark.parametrize("times", [1, MOST_ATTEMPTS - 1, MOST_ATTEMPTS])
def test_a_block_runs_again_where_nothing_of_it_remains_but_not_for_ever(
    tables: Tables, postgres_url: str, times: int
) -> None:
    runs = [0]

    def put(session: Session) -> int:
        runs[0] += 1
        session.change("INSERT INTO ours.rows VALUES (1)")
        if runs[0] <= times:
            end_others(postgres_url)
        return runs[0]

    if times < MOST_ATTEMPTS:
        assert tables.commit(put) == times + 1
    else:
        with pytest.raises(Overtaken, match="begin it again"):
            tables.commit(put)
    assert tables.ask(count) == (times < MOST_ATTEMPTS)


def test_what_a_block_looks_up_is_what_whoever_it_waited_for_has_left(tables: Tables) -> None:
    tables.ask(lambda session: session.change("INSERT INTO ours.rows VALUES (1)"))
    seen: list[int] = []
    with tables.block() as session:
        assert count(session) == 1
        tables.ask(lambda other: other.change("UPDATE ours.rows SET n = 2"))
        seen += [n for (n,) in session.rows("SELECT n FROM ours.rows FOR NO KEY UPDATE")]
        session.change("UPDATE ours.rows SET n = n + 1")
    assert seen == [2]
    assert tables.ask(lambda session: session.rows("SELECT n FROM ours.rows")) == [(3,)]
