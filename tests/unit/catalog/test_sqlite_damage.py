"""A damaged file gives an error of ours, or an answer; never another error, and never a crash."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from lookalike.catalog.sqlite import SqliteCatalog, errors
from lookalike.core.errors import CatalogDamaged, CollectionError, LookalikeError
from lookalike.core.filters import Filter
from lookalike.core.records import START
from tests.catalogs import known_ids
from tests.unit.catalog.pictures import MODEL, D, add_further, image_id, made, put

ROUNDS = 150


def use_all_of_it(catalog: SqliteCatalog) -> None:
    ids = [image_id(n) for n in range(60)]
    where = Filter.parse("folder = /photos and n > 3 and label != l1 or camera like 'c%' and date = 2024-05")
    reads: list[Callable[[], object]] = [
        catalog.facts,
        lambda: catalog.claim_model(MODEL, D),
        lambda: catalog.images(ids),
        lambda: catalog.ids(range(60)),
        lambda: catalog.keys(ids),
        lambda: catalog.find_ids("a"),
        lambda: catalog.files_of(ids),
        lambda: list(catalog.files()),
        lambda: catalog.file("/photos/3.jpg"),
        lambda: list(catalog.refused()),
        catalog.devices,
        catalog.out_of_sight,
        lambda: known_ids(catalog),
        lambda: catalog.vectors(range(60)),
        lambda: list(catalog.all_vectors()),
        lambda: list(catalog.all_images()),
        lambda: catalog.changes(START),
        lambda: catalog.select(where),
        lambda: catalog.matching_paths(where, ids),
        catalog.cursor,
        catalog.version,
        catalog.further_models,
        lambda: catalog.model_vectors("fine", range(60)),
        lambda: list(catalog.all_model_vectors("fine")),
        lambda: catalog.keys_without_vector("fine", 10),
        lambda: add_further(catalog),
        lambda: catalog.drop_further_model("fine"),
        lambda: put(catalog, range(50, 70)),
    ]
    for read in reads:
        with suppress(LookalikeError):
            read()


@pytest.mark.parametrize("how", ["bit", "byte", "cut", "zeroed page", "swapped pages", "text"])
def test_a_damaged_file_gives_no_error_but_ours(tmp_path: Path, how: str) -> None:
    whole = tmp_path / "whole.db"
    with made(whole, count=60) as catalog:
        add_further(catalog)
    original = whole.read_bytes()
    choice = random.Random(how)
    path = tmp_path / "damaged.db"
    for _ in range(ROUNDS // 6):
        path.write_bytes(_damaged(original, how, choice))
        with suppress(LookalikeError), SqliteCatalog.open(path) as catalog:
            use_all_of_it(catalog)
        Path(f"{path}-journal").unlink(missing_ok=True)


def _damaged(original: bytes, how: str, choice: random.Random) -> bytes:
    data = bytearray(original)
    at = choice.randrange(len(data))
    page, other = (8192 * choice.randrange(len(data) // 8192) for _ in range(2))
    if how == "bit":
        data[at] ^= 1 << choice.randrange(8)
    elif how == "byte":
        for _ in range(20):
            data[choice.randrange(len(data))] = choice.randrange(256)
    elif how == "cut":
        del data[at:]
    elif how == "zeroed page":
        data[page : page + 8192] = bytes(8192)
    elif how == "swapped pages":
        data[page : page + 8192], data[other : other + 8192] = data[other : other + 8192], data[page : page + 8192]
    else:
        data[at : at + 100] = b"not what was there before" * 4
    return bytes(data)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE images SET metadata = '{'",
        "UPDATE images SET metadata = '[1]'",
        "UPDATE images SET metadata = x'ff'",
        "UPDATE vectors SET vector = x'00'",
        "UPDATE vectors SET vector = 7",
        "UPDATE files SET path = 7",
        "UPDATE refused SET path = 'text'",
        "UPDATE images SET id = CAST(x'ff' AS TEXT)",
        "UPDATE settings SET value = 'many'",
        "DELETE FROM settings WHERE name = 'count files'",
        "INSERT INTO settings (name, value) VALUES ('devices', '[1]')",
        "INSERT INTO settings (name, value) VALUES ('devices', x'ff')",
        "INSERT INTO settings (name, value) VALUES ('out of sight', '[1]')",
        "INSERT INTO settings (name, value) VALUES ('out of sight', '{\"/a\": 1}')",
        "UPDATE model_vectors SET vector = x'00'",
        "UPDATE model_vectors SET key = 'text'",
        "UPDATE further_models SET name = x'ff'",
        "UPDATE further_models SET dimension = 'wide'",
        "UPDATE further_models SET count = 'many'",
        "DROP TABLE model_vectors",
        "DROP TABLE files",
        "ALTER TABLE images DROP COLUMN camera",
    ],
)
def test_rows_that_are_not_as_we_leave_them_are_told_as_damage(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "catalog.db"
    with made(path, count=1) as catalog:
        add_further(catalog)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
    with pytest.raises(CatalogDamaged, match="the file is damaged"), SqliteCatalog.open(path) as catalog:
        _read_everything(catalog)


def _read_everything(catalog: SqliteCatalog) -> None:
    for read in (catalog.files, catalog.refused, catalog.all_vectors, catalog.all_images):
        list(read())
    catalog.devices()
    catalog.out_of_sight()
    catalog.further_models()
    list(catalog.all_model_vectors("fine"))
    known_ids(catalog)
    catalog.facts()


def test_a_file_that_vanishes_or_is_replaced_while_open_gives_no_error_but_ours(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with made(path, count=60) as catalog:
        path.write_bytes(b"replaced " * 1000)
        use_all_of_it(catalog)
        path.unlink()
        use_all_of_it(catalog)
    shutil.rmtree(tmp_path)


def test_a_closed_catalog_says_so(tmp_path: Path) -> None:
    catalog = made(tmp_path / "catalog.db")
    catalog.close()
    with pytest.raises(CollectionError, match="closed"):
        catalog.facts()
    with pytest.raises(CollectionError, match="closed"):
        put(catalog, [1])


def test_every_code_of_sqlite_becomes_one_of_our_errors() -> None:
    codes = {
        name: value for name, value in vars(sqlite3).items() if name.startswith("SQLITE_") and isinstance(value, int)
    }
    for name, code in codes.items():
        error = sqlite3.OperationalError("it failed")
        error.sqlite_errorcode = code
        ours = errors.translate(error, Path("/c/catalog.db"))
        assert isinstance(ours, LookalikeError), name
        assert "/c/catalog.db" in str(ours)
        assert "it failed" in str(ours)


def test_a_number_that_was_given_before_is_not_given_to_another_change(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    made(path, count=3).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE settings SET value = '1' WHERE name = 'last_seq'")
    with SqliteCatalog.open(path) as catalog:
        assert any("number beyond the last one" in line for line in catalog.check())
        with pytest.raises(CatalogDamaged, match="doctor"):
            put(catalog, [7])
        assert catalog.facts().images == 3
        assert [change.key for change in catalog.changes(START).changes] == [1, 2, 3]
