"""Counts are sums of what each commit has added: right at any moment, cheap, and nobody's turn."""

from __future__ import annotations

import pytest

from lookalike.catalog.patience import in_transaction
from lookalike.catalog.postgres import committing, tallies
from lookalike.catalog.postgres.catalog import PostgresCatalog
from lookalike.core.errors import ServiceDown
from tests.contract.test_catalog import file, image, image_id, rows
from tests.unit.catalog.postgres.machines import Held, Machines, put, together


def fold(catalog: PostgresCatalog) -> None:
    catalog._pool.ask(catalog.schema, tallies.fold)


def count_rows(catalog: PostgresCatalog, table: str) -> int:
    return int(catalog._pool.ask(catalog.schema, lambda session: session.one(f"SELECT count(*) FROM ours.{table}")[0]))


def test_putting_tallies_together_changes_nothing_that_anybody_sees(
    machines: Machines, catalog: PostgresCatalog
) -> None:
    for n in range(5):
        in_transaction(
            catalog,
            lambda transaction, n=n: transaction.put_images([image(n, metadata={f"f{n}": 1})], rows(1)),  # type: ignore[misc]
        )
    in_transaction(catalog, lambda transaction: transaction.put_files([file(0, "/a"), file(1, "/b")]))
    in_transaction(catalog, lambda transaction: transaction.remove_images([image_id(0)]))
    held = Held(machines.another())
    seen = (held.transaction.facts(), held.transaction.metadata_fields())
    before = (catalog.version(), catalog.facts(), catalog.metadata_fields(), catalog.cursor())
    assert count_rows(catalog, "tallies") > 1
    fold(catalog)
    assert count_rows(catalog, "tallies") == 1
    assert (catalog.version(), catalog.facts(), catalog.metadata_fields(), catalog.cursor()) == before
    assert (held.transaction.facts(), held.transaction.metadata_fields()) == seen
    held.give_up()
    put(catalog, 9)
    assert catalog.version() != before[0]
    fold(catalog)
    fold(catalog)
    assert catalog.facts().images == 5
    assert catalog.metadata_fields() == ["f1", "f2", "f3", "f4"]
    assert catalog.check() == []


def test_they_are_put_together_beside_writers_and_nothing_is_lost(machines: Machines, catalog: PostgresCatalog) -> None:
    def write(one: PostgresCatalog, writer: int) -> None:
        for n in range(20):
            put(one, (writer, n))

    def fold_often(one: PostgresCatalog) -> None:
        for _ in range(20):
            fold(one)

    others = [machines.another() for _ in range(5)]
    writers = [lambda one=one, n=n: write(one, n) for n, one in enumerate(others[:3])]  # type: ignore[misc]
    folders = [lambda one=one: fold_often(one) for one in others[3:]]  # type: ignore[misc]
    together(*writers, *folders)
    assert catalog.facts().images == 60
    assert catalog.check() == []


def test_now_and_then_a_commit_puts_them_together_and_is_none_the_worse_where_that_fails(
    machines: Machines, catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tallies, "MANY", 1)
    put(catalog, 0)
    put(catalog, 1)
    assert count_rows(catalog, "tallies") == 1

    def fail(session: object) -> None:
        raise ServiceDown("the database went away just then")

    monkeypatch.setattr(committing.tallies, "fold", fail)
    put(catalog, 2)
    assert "went away just then" in caplog.text
    assert catalog.facts().images == 3


def test_no_row_is_written_by_two_commits_of_different_pictures(machines: Machines, catalog: PostgresCatalog) -> None:
    """So nobody waits for anybody: both stay open, and either may commit first."""
    first, second = Held(machines.another()), Held(machines.another())
    for held, name in ((first, 1), (second, 2)):
        held.transaction.put_images([image(name, metadata={"same field": name})], rows(1))
        held.transaction.put_files([file(name, f"/{name}")])
    second.commit()
    first.commit()
    assert catalog.facts().images == 2
    assert catalog.metadata_fields() == ["same field"]


def test_what_is_miscounted_is_found(catalog: PostgresCatalog) -> None:
    put(catalog, 0)
    assert catalog.check() == []
    catalog._pool.ask(
        catalog.schema,
        lambda session: session.change('INSERT INTO ours.tallies VALUES (1, 1, \'{"images": 5, "files": 1}\')'),
    )
    assert catalog.check() == ["6 images are counted, but there are 1", "1 files are counted, but there are 0"]
