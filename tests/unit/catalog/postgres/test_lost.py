"""Connections that are ended, servers that are restarted, catalogs that are dropped, roles without rights."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from chain.postgres import UNSAFE_AND_FAST, PostgresServer
from chain.unprivileged import open_folder
from lookalike.catalog.patience import in_transaction
from lookalike.catalog.postgres.catalog import LOCK_WAIT_S, PostgresCatalog
from lookalike.catalog.postgres.catalogs import PostgresCatalogs, open_postgres_catalogs
from lookalike.core.ending import Ending, ending
from lookalike.core.errors import (
    BadInput,
    CatalogDamaged,
    CollectionReplaced,
    DeadlineExceeded,
    Locked,
    NoCollection,
    Overtaken,
    ReadOnly,
    ServiceDown,
)
from lookalike.core.retrying import Retrying
from lookalike.storage.postgres import pool as pool_module
from tests.contract.test_catalog import MODEL, D, image, image_id, rows
from tests.unit.catalog.postgres.machines import NAME, Held, Machines, put


def end_connections(url: str) -> int:
    """End the server's processes of all connections to a database but this one; how many."""
    with psycopg.connect(url, autocommit=True) as connection:
        return len(
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        )


def test_reads_go_on_when_connections_are_ended(machines: Machines, catalog: PostgresCatalog) -> None:
    put(catalog, 0)
    for _ in range(3):
        assert end_connections(machines.url) > 0
        assert catalog.facts().images == 1
        assert len(catalog.images([image_id(0)])) == 1


def test_a_block_whose_connection_is_ended_runs_again_from_its_beginning(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    runs: list[int] = []

    def block(transaction: object) -> None:
        runs.append(transaction.facts().images)  # type: ignore[attr-defined]
        transaction.put_images([image(0)], rows(1))  # type: ignore[attr-defined]
        if len(runs) < 3:
            end_connections(machines.url)

    in_transaction(catalog, block)
    assert runs == [0, 0, 0]
    assert catalog.facts().images == 1
    assert catalog.check() == []


def test_under_many_writers_whose_connections_are_ended_at_any_moment_each_block_is_made_once(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    """Also in the middle of a commit: each adds 1 to a number, of which none may come twice or be lost."""
    put(catalog, 0)
    done = threading.Event()
    rounds, writers = 25, 3

    def write(one: PostgresCatalog) -> None:
        for _ in range(rounds):
            while True:
                try:
                    in_transaction(one, add_one)
                    break
                except (Overtaken, Locked):
                    continue

    def end_now_and_then() -> None:
        chance = random.Random(1)
        while not done.wait(chance.random() * 0.1):
            end_connections(machines.url)

    threads = [threading.Thread(target=write, args=(machines.another(),)) for _ in range(writers)]
    ending = threading.Thread(target=end_now_and_then)
    for thread in (*threads, ending):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    ending.join()
    assert catalog.images([image_id(0)])[image_id(0)].metadata == {"n": rounds * writers}
    assert catalog.check() == []


def add_one(transaction: object) -> None:
    metadata = transaction.images([image_id(0)])[image_id(0)].metadata  # type: ignore[attr-defined]
    transaction.merge_metadata({image_id(0): {"n": metadata.get("n", 0) + 1}})  # type: ignore[attr-defined]


def test_what_was_acknowledged_is_there_after_the_server_was_killed_and_who_goes_on_finds_it() -> None:
    with open_folder() as folder:
        server = PostgresServer(folder / "server", settings={**UNSAFE_AND_FAST, "autovacuum": "off"})
        server.start()
        machines = Machines(server.make_database())
        try:
            catalog = machines.another()
            keys = put(catalog, 0, 1)
            cursor = catalog.cursor()
            held = Held(machines.another())
            held.transaction.put_images([image(2)], rows(1))
            server.kill()
            server.start()
            assert list(catalog.keys([image_id(n) for n in range(3)]).values()) == keys
            with pytest.raises(Overtaken, match="connection was lost"):
                held.commit()
            assert catalog.follows(cursor)
            put(catalog, 3)
            assert [change.key for change in catalog.changes(cursor).changes] == [
                catalog.keys([image_id(3)])[image_id(3)]
            ]
            server.stop()
            with pytest.raises(ServiceDown, match="try again when the server runs") as caught:
                catalog.facts()
            assert caught.value.exit_code == 69
        finally:
            machines.close()
            server.stop()


def test_who_has_one_open_that_is_dropped_is_told_and_that_another_has_taken_its_place(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    put(catalog, 0)
    machines.another_place().drop(NAME)
    for use in (catalog.facts, catalog.version, lambda: put(catalog, 1), catalog.cursor):
        with pytest.raises(NoCollection):
            use()  # type: ignore[operator]
    assert not catalog.is_current()
    machines.places.create(NAME)
    with pytest.raises(CollectionReplaced):
        catalog.facts()
    assert machines.another().facts().images == 0
    with psycopg.connect(machines.url) as connection:
        rows_ = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'lookalike_c%'").fetchone()
    assert rows_ == (1,)


def test_who_writes_is_waited_for_by_a_drop_and_one_who_does_not_end_keeps_it(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    held = Held(catalog)
    held.transaction.put_images([image(0)], rows(1))
    impatient = PostgresCatalogs(machines.url, drop_wait_s=0.1)
    try:
        with pytest.raises(Locked):
            impatient.drop(NAME)
        held.commit()
        assert machines.another().facts().images == 1
        impatient.drop(NAME)
        assert impatient.names() == []
    finally:
        impatient.close()


def test_one_whose_tables_are_gone_is_told_and_not_made_anew(machines: Machines, catalog: PostgresCatalog) -> None:
    with psycopg.connect(machines.url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {catalog.schema} CASCADE".encode())
    assert machines.places.names() == [NAME]
    assert not machines.places.create(NAME)
    with pytest.raises(CatalogDamaged, match="restore them from a backup"):
        machines.places.open(NAME)
    machines.places.drop(NAME)
    assert machines.places.names() == []


def test_a_block_is_not_begun_when_its_work_is_over_and_waits_no_longer_than_that_lasts(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    put(catalog, 0)
    with ending(Ending(time.monotonic() - 1, lambda: True)), pytest.raises(DeadlineExceeded):
        put(catalog, 1)
    held = Held(machines.another())
    held.transaction.merge_metadata({image_id(0): {"a": 1}})
    began = time.monotonic()
    with ending(Ending(began + 0.2, lambda: True)), pytest.raises(Locked):
        in_transaction(catalog, add_one)
    assert time.monotonic() - began < LOCK_WAIT_S
    held.give_up()


def test_a_search_imports_nothing_that_only_makes_tables() -> None:
    code = "import sys, lookalike.catalog.postgres.catalogs; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_RETRYING", Retrying(attempts=1))


def test_a_role_that_may_only_read_reads_and_one_that_may_nothing_is_told(
    machines: Machines, catalog: PostgresCatalog, postgres_server: PostgresServer, impatient: None
) -> None:
    put(catalog, 0)
    database = machines.url.rpartition("/")[2]
    postgres_server.run_sql("DROP ROLE IF EXISTS reader")
    postgres_server.run_sql("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    reader = open_postgres_catalogs(postgres_server.url_of(database, user="reader", password="reader"))
    try:
        with pytest.raises(ServiceDown, match=r"must have the right.*permission denied.*grant it"):
            reader.names()
        for schema in ("lookalike", catalog.schema):
            for right in ("USAGE ON SCHEMA", "SELECT ON ALL TABLES IN SCHEMA"):
                postgres_server.run_sql(f"GRANT {right} {schema} TO reader", database=database)
        with reader.open(NAME, read_only=True) as opened:
            assert opened.facts().images == 1
            with pytest.raises(ReadOnly, match="opened for reading only"):
                put(opened, 1)
        with reader.open(NAME) as opened, pytest.raises(ServiceDown, match="grant it"):
            put(opened, 1)
        with pytest.raises(ServiceDown, match="grant it"):
            reader.create("another")
    finally:
        reader.close()
        postgres_server.run_sql("DROP OWNED BY reader; DROP ROLE reader", database=database)


def test_a_database_that_was_never_written_has_no_catalogs_and_is_not_written_by_looking(postgres_url: str) -> None:
    places = open_postgres_catalogs(postgres_url)
    try:
        assert places.names() == []
        assert not places.exists(NAME)
        with pytest.raises(NoCollection):
            places.open(NAME)
        with psycopg.connect(postgres_url) as connection:
            found = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'lookalike'").fetchone()
        assert found == (0,)
    finally:
        places.close()
    with pytest.raises(BadInput):
        open_postgres_catalogs("mysql://host/name")


def test_names_with_any_signs_that_a_name_may_have_are_names(machines: Machines) -> None:
    names = ["a" * 100, "a-b", "a.b", "a_b", "0"]
    for name in names:
        assert machines.places.create(name)
    assert machines.places.names() == sorted([*names, NAME])
    with machines.places.open("a" * 100) as opened:
        opened.claim_model(MODEL, D)
        assert opened.dimension == D
