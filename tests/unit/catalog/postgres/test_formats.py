"""Catalogs that earlier versions have written: dumps of each format, brought up to date and answering as they did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from lookalike.catalog.postgres import catalogs
from lookalike.catalog.postgres.catalogs import PostgresCatalogs, open_postgres_catalogs
from lookalike.core.errors import CollectionError, FormatTooNew
from lookalike.core.records import START
from lookalike.storage.postgres.migrations import Migration, load_migrations
from tests.contract.feeds import keys_since
from tests.golden.postgres_catalog import NAME, answers, fill

GOLDEN = Path(__file__).parents[3] / "golden" / "postgres-catalogs"
PACKAGES = ("lookalike.catalog.postgres.migrations", "lookalike.catalog.postgres.places")
SHAPE = """
    SELECT 'column', table_name || '.' || column_name,
        concat_ws(' ', data_type, udt_name, collation_name, is_nullable, column_default, identity_generation)
    FROM information_schema.columns WHERE table_schema = %(schema)s
    UNION ALL SELECT 'index', indexname, replace(indexdef, %(schema)s, 'ours') FROM pg_indexes
    WHERE schemaname = %(schema)s
    UNION ALL SELECT 'sequence', sequencename, data_type::text FROM pg_sequences WHERE schemaname = %(schema)s
    ORDER BY 1, 2"""


@pytest.fixture(params=sorted(one.name for one in GOLDEN.iterdir()))
def golden(request: pytest.FixtureRequest) -> Path:
    return GOLDEN / request.param


def restore(url: str, dump: Path) -> None:
    """As `psql` would; what only a newer server knows is left out."""
    with psycopg.connect(url, autocommit=True) as connection:
        lines = [line for line in dump.read_text("utf-8").splitlines() if "transaction_timeout" not in line]
        connection.execute("\n".join(lines).encode())


@pytest.fixture
def places(postgres_url: str, golden: Path) -> Iterator[PostgresCatalogs]:
    restore(postgres_url, golden / "dump.sql")
    made = open_postgres_catalogs(postgres_url, clock=lambda: 1_790_000_000.0)
    yield made
    made.close()


def test_what_an_earlier_version_has_written_is_brought_up_to_date_and_answers_as_it_did(
    places: PostgresCatalogs, golden: Path
) -> None:
    assert places.names() == [NAME]
    with places.open(NAME) as catalog:
        assert answers(catalog) == json.loads((golden / "answers.json").read_text("utf-8"))
        assert catalog.check() == []
        there = [key for part in catalog.all_images() for key, _ in part]
        assert set(there) <= set(keys_since(catalog))
        fill_again(catalog)
        assert catalog.check() == []


def fill_again(catalog: object) -> None:
    """It can be written like any other."""
    from lookalike.core.errors import Conflict

    with pytest.raises(Conflict):  # the projection is there already; nothing of the block remains
        fill(catalog)  # type: ignore[arg-type]


def test_its_tables_are_those_of_one_that_is_made_now(places: PostgresCatalogs, postgres_url: str) -> None:
    places.open(NAME).close()
    places.create("another")
    shapes = []
    with psycopg.connect(postgres_url) as connection:
        for name in (NAME, "another"):
            row = connection.execute("SELECT number FROM lookalike.collections WHERE name = %s", (name,)).fetchone()
            assert row is not None
            shapes.append(connection.execute(SHAPE, {"schema": f"lookalike_c{row[0]}"}).fetchall())
    assert [str(one).replace("lookalike_c1", "ours") for one in shapes[0]] == [
        str(one).replace("lookalike_c2", "ours") for one in shapes[1]
    ]
    assert len(shapes[0]) > 50


@pytest.mark.parametrize("package", PACKAGES)
def test_migrations_are_never_changed_only_added(package: str) -> None:
    """A catalog that was made with one has what it made: change it by the next."""
    sums = json.loads((GOLDEN.parent / "postgres-migrations.json").read_text("utf-8"))
    found = {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest()
        for one in files(package).iterdir()
        if one.name.endswith(".sql")
    }
    assert found == sums[package]
    assert [one.number for one in load_migrations(package)] == list(range(1, len(found) + 1))


def test_of_each_format_but_the_newest_there_is_a_dump_and_of_the_newest_too() -> None:
    newest = load_migrations(PACKAGES[0])[-1].number
    assert sorted(int(one.name) for one in GOLDEN.iterdir()) == list(range(1, newest + 1))


def test_one_that_a_newer_version_has_written_is_left_alone(places: PostgresCatalogs, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("INSERT INTO lookalike_c1.migrations (number, name) VALUES (999, 'later')")
    for read_only in (False, True):
        with pytest.raises(FormatTooNew, match="format 999"):
            places.open(NAME, read_only=read_only)


def test_one_that_needs_a_migration_says_so_to_who_only_reads_and_has_it_from_who_writes(
    places: PostgresCatalogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = load_migrations(PACKAGES[0])
    newer = [*known, Migration(known[-1].number + 1, "next", "CREATE TABLE ours.next (n int)")]
    monkeypatch.setattr(catalogs, "load_migrations", lambda package: newer if package == PACKAGES[0] else known)
    with pytest.raises(CollectionError, match="open it once to write"):
        places.open(NAME, read_only=True)
    with places.open(NAME) as catalog:
        assert catalog.check() == []
    places.open(NAME, read_only=True).close()


def test_a_dump_that_is_restored_on_another_server_is_followed_from_its_beginning(places: PostgresCatalogs) -> None:
    with places.open(NAME) as catalog:
        assert len(keys_since(catalog, START)) >= 10
        cursor = catalog.cursor()
        with catalog.transaction() as transaction:
            transaction.merge_metadata({next(iter(catalog_ids(catalog))): {"a": 1}})
        assert len(catalog.changes(cursor).changes) == 1


def catalog_ids(catalog: object) -> list[str]:
    return [one.id for part in catalog.all_images() for _, one in part]  # type: ignore[attr-defined]
