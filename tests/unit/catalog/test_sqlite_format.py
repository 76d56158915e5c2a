"""New, older, newer and foreign files."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from lookalike.catalog.schema import metadata
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.catalog.sqlite import format as catalog_format
from lookalike.catalog.sqlite.format import FORMAT
from lookalike.core.errors import CatalogDamaged, CollectionError, FormatTooNew
from lookalike.core.filters import Filter
from tests.catalogs import known_ids
from tests.processes import ended
from tests.unit.catalog.pictures import MODEL, D, add_further, image, image_id, made, put, started


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def next_step(*statements: str) -> str:
    """A migration beyond the newest one."""
    lines = "".join(f"    {statement}\n" for statement in statements)
    return (
        f"from alembic import op\nrevision = '{FORMAT + 1:04}'\ndown_revision = '{FORMAT:04}'\ndef upgrade():\n{lines}"
    )


def test_the_format_is_the_number_of_the_newest_migration_and_they_form_one_line() -> None:
    scripts = ScriptDirectory(str(catalog_format._MIGRATIONS))
    revisions = [script.revision for script in scripts.walk_revisions()][::-1]
    assert revisions == [f"{number:04}" for number in range(1, catalog_format.FORMAT + 1)]


def test_migrations_make_the_tables_that_the_schema_describes(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path).close()
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_a_current_catalog_does_not_import_what_is_slow(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=1).close()
    program = """
catalog = SqliteCatalog.open(Path(sys.argv[1]))
put(catalog, [1])
catalog.facts()
catalog.further_models()
sys.exit("alembic" in sys.modules or "sqlalchemy" in sys.modules)
"""
    assert ended(started(program, path)) == 0


def test_two_processes_that_make_the_same_catalog_both_succeed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    program = """
catalog = SqliteCatalog.open(Path(sys.argv[1]), lock_wait_s=60)
catalog.claim_model(MODEL, D)
put(catalog, [int(sys.argv[2])])
"""
    processes = [started(program, path, n) for n in range(3)]
    assert [ended(process) for process in processes] == [0, 0, 0]
    with SqliteCatalog.open(path, read_only=True) as catalog:
        assert known_ids(catalog) == {image_id(n) for n in range(3)}


def test_nobody_waits_for_the_lock_while_what_makes_a_catalog_is_imported(tmp_path: Path) -> None:
    program = """
from lookalike.catalog.sqlite.lock import WriterLock
held, was_imported = WriterLock.holding, []
def seen(self, **given):
    was_imported.append("alembic.command" in sys.modules)
    return held(self, **given)
WriterLock.holding = seen
made(Path(sys.argv[1])).close()
sys.exit(not all(was_imported))
"""
    assert ended(started(program, tmp_path / "catalog.db")) == 0


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_format_is_refused_with_both_numbers_and_left_alone(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=1).close()
    change(path, "UPDATE alembic_version SET version_num = '0099'")
    before = path.read_bytes()
    with pytest.raises(FormatTooNew, match=rf"format 99.* up to {FORMAT}\b.*pip install -U "):
        SqliteCatalog.open(path, read_only=read_only)
    assert path.read_bytes() == before


def test_an_older_format_is_refused_to_readers_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.db"
    made(path).close()
    monkeypatch.setattr("lookalike.catalog.sqlite.format.FORMAT", FORMAT + 1)
    with pytest.raises(CollectionError, match=r"older Lookalike.*open it once for writing"):
        SqliteCatalog.open(path, read_only=True)


def test_an_older_format_is_brought_up_to_date_by_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=2).close()
    migrations = tmp_path / "migrations"
    subprocess.run(["cp", "-r", str(catalog_format._MIGRATIONS), str(migrations)], check=True)
    (migrations / "versions" / "v9999_extra.py").write_text(next_step('op.execute("CREATE TABLE extra (a)")'))
    monkeypatch.setattr(catalog_format, "_MIGRATIONS", migrations)
    for module in ("format", "catalog"):
        monkeypatch.setattr(f"lookalike.catalog.sqlite.{module}.FORMAT", FORMAT + 1)
    with SqliteCatalog.open(path) as catalog:
        assert catalog.facts().images == 2
    with closing(sqlite3.connect(path)) as connection:
        assert catalog_format.format_of(connection, path) == FORMAT + 1


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=2).close()
    migrations = tmp_path / "migrations"
    subprocess.run(["cp", "-r", str(catalog_format._MIGRATIONS), str(migrations)], check=True)
    (migrations / "versions" / "v9999_fails.py").write_text(next_step('op.execute("DROP TABLE vectors")', "1 / 0"))
    with monkeypatch.context() as patch:
        patch.setattr(catalog_format, "_MIGRATIONS", migrations)
        for module in ("format", "catalog"):
            patch.setattr(f"lookalike.catalog.sqlite.{module}.FORMAT", FORMAT + 1)
        with pytest.raises(ZeroDivisionError):
            SqliteCatalog.open(path)
    with SqliteCatalog.open(path) as catalog:
        put(catalog, [2])
        assert sum(len(part.keys) for part in catalog.all_vectors()) == 3


def of_format(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new catalog as an older version made it."""
    path, migrations = folder / "catalog.db", folder / "migrations"
    subprocess.run(["cp", "-r", str(catalog_format._MIGRATIONS), str(migrations)], check=True)
    for step in migrations.glob("versions/v[0-9]*.py"):
        if int(step.name[1:5]) > number:
            step.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(catalog_format, "_MIGRATIONS", migrations)
        catalog_format.migrate(path)
    return path


def test_a_catalog_of_the_first_format_is_counted_once_and_takes_further_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of_format(1, tmp_path, monkeypatch)
    for n, removed in enumerate([0, 1, 0]):
        row = f"{n + 1}, '{image_id(n)}', 640, 480, 'jpeg', {n}, '{{}}', {n + 1}, {removed}"
        change(
            path,
            f"INSERT INTO images (key, id, width, height, format, size_bytes, metadata, seq, removed) VALUES ({row})",
        )
    change(path, "INSERT INTO vectors SELECT key, zeroblob(128) FROM images WHERE NOT removed")
    change(path, "INSERT INTO files SELECT key, 'p' || key, '/', 'p', key, 1, 1 FROM images WHERE key = 1")
    change(path, "INSERT INTO refused VALUES ('q', 1, 1, 'empty', 'empty')")
    change(path, f"INSERT INTO settings VALUES ('model_id', '{MODEL}'), ('dimension', '64'), ('last_seq', '3')")
    with SqliteCatalog.open(path) as catalog:
        facts = catalog.facts()
        assert (facts.images, facts.files, facts.refused, catalog.cursor()) == (2, 1, 1, "3 ")
        put(catalog, [1, 5])
        add_further(catalog)
        assert (catalog.facts().images, catalog.further_models()[0].count) == (4, 4)
        assert catalog.check() == []


def test_pictures_of_the_second_format_are_not_provisional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = of_format(2, tmp_path, monkeypatch)
    row = f"1, '{image_id(1)}', 640, 480, 'jpeg', 1, '{{}}', 1, 0"
    change(
        path, f"INSERT INTO images (key, id, width, height, format, size_bytes, metadata, seq, removed) VALUES ({row})"
    )
    change(path, "INSERT INTO vectors VALUES (1, zeroblob(128))")
    change(path, f"INSERT INTO settings VALUES ('model_id', '{MODEL}'), ('dimension', '64'), ('last_seq', '1')")
    with SqliteCatalog.open(path) as catalog:
        assert catalog.images([image_id(1)])[image_id(1)].provisional is False
        with catalog.transaction() as transaction:
            transaction.put_images([replace(image(2), provisional=True)], np.ones((1, D), np.float16))
        assert catalog.images([image_id(2)])[image_id(2)].provisional is True
        assert (catalog.facts().images, catalog.check()) == (2, [])


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("kind", ["text", "another database", "zeros", "a version that is none", "no version"])
def test_what_is_no_catalog_of_ours_is_refused_and_left_alone(tmp_path: Path, kind: str, read_only: bool) -> None:
    path = tmp_path / "catalog.db"
    if kind == "text":
        path.write_text("This is my diary. " * 500)
    elif kind == "zeros":
        path.write_bytes(bytes(10_000))
    elif kind == "another database":
        change(path, "CREATE TABLE notes (a)")
    else:
        made(path).close()
        change(path, "DELETE FROM alembic_version")
        if kind == "a version that is none":
            change(path, "INSERT INTO alembic_version VALUES ('main')")
    before = path.read_bytes()
    with pytest.raises(CatalogDamaged, match="Lookalike"):
        SqliteCatalog.open(path, read_only=read_only)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_catalog(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.touch()
    made(path, count=1).close()


def test_the_migrations_are_part_of_the_package() -> None:
    assert catalog_format._MIGRATIONS.is_dir()
    assert "lookalike" in sys.modules
    assert (catalog_format._MIGRATIONS / "env.py").is_file()


def test_a_catalog_of_the_third_format_answers_as_before_and_keeps_what_is_removed_from_now_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of_format(3, tmp_path, monkeypatch)
    row = f"1, '{image_id(1)}', 640, 480, 'jpeg', 9, '{{\"tag\":\"sea\"}}', 1, 0"
    change(
        path, f"INSERT INTO images (key, id, width, height, format, size_bytes, metadata, seq, removed) VALUES ({row})"
    )
    change(path, "INSERT INTO vectors VALUES (1, zeroblob(128))")
    change(path, "INSERT INTO terms VALUES (1, 'tag', 0, 'sea', NULL)")
    change(path, f"INSERT INTO settings VALUES ('model_id', '{MODEL}'), ('dimension', '64'), ('last_seq', '1')")
    with SqliteCatalog.open(path) as catalog:
        facts = catalog.facts()
        assert (facts.images, facts.forgotten, catalog.cursor()) == (1, 0, "1 ")
        assert catalog.images([image_id(1)])[image_id(1)].metadata == {"tag": "sea"}
        assert catalog.select(Filter.parse("tag = sea")).tolist() == [1]
        with catalog.transaction() as transaction:
            transaction.remove_images([image_id(1)])
        assert catalog.facts().forgotten == 1
        put(catalog, [1])
        assert catalog.images([image_id(1)])[image_id(1)].metadata["tag"] == "sea"
        assert catalog.check() == []
