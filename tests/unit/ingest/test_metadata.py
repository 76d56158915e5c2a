"""Which rows are read from tables, which pictures they mean, and what is laid over."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import BadInput
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.ingest.metadata import MetadataReport, UnusedRow, apply_metadata, read_metadata
from tests.collections import open_catalog
from tests.photos import PHOTOS


def image_id(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def collection(catalog: Catalog, *paths: str | Path) -> Catalog:
    """A picture for each path."""
    catalog.claim_model("m" * 64, 2)
    with catalog.transaction() as transaction:
        images = [ImageRecord(image_id(str(path)), 1, 1, "png", 1, metadata={"old": 1}) for path in paths]
        transaction.put_images(images, np.ones((len(paths), 2), np.float16))
        transaction.put_files([FileRecord(str(path), image_id(str(path)), 1, 1) for path in paths])
    return catalog


def metadata(catalog: Catalog, path: str | Path) -> dict[str, Any]:
    return catalog.images([image_id(str(path))])[image_id(str(path))].metadata


def table(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "path,label,n\na.jpg,Ünter,007\n\nb.jpg,,3\n"),
        ("t.csv", "path;label;n\r\na.jpg;Ünter;007\r\nb.jpg;;3"),
        ("t.CSV", "\ufeffn,path,label\n007,a.jpg,Ünter\n3,b.jpg,\n"),
        ("t.csv", "path,label,n\na.jpg,Ünter,007\nb.jpg,,3\n".encode("utf-16")),
        ("t.csv", 'path,"label",n\n"a.jpg","Ünter",007\nb.jpg,"",3\n'),
        ("t.tsv", "path\tlabel\tn\na.jpg\tÜnter\t007\nb.jpg\t\t3\n"),
        ("t.json", '[{"path": "a.jpg", "label": "Ünter", "n": "007"}, {"path": "b.jpg", "metadata.n": "3"}]'),
        ("t.jsonl", '{"path": "a.jpg", "label": "Ünter", "n": "007"}\n\n{"path": "b.jpg", "n": "3"}\n'),
    ],
)
def test_the_same_table_can_be_written_in_many_ways(tmp_path: Path, name: str, content: str | bytes) -> None:
    read = read_metadata(table(tmp_path, name, content))
    assert read.by_path() == {
        str(tmp_path / "a.jpg"): {"label": "Ünter", "n": "007"},
        str(tmp_path / "b.jpg"): {"n": "3"},
    }


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.xlsx", "", "ends in .csv"),
        ("t", "path\n", "ends in .csv"),
        ("t.csv", "", "'path' or 'id'"),
        ("t.csv", "file,label\na,b\n", "'path' or 'id'"),
        ("t.csv", "path,label,label\na,b,c\n", "a name of its own"),
        ("t.csv", "path,\na,b\n", "a name of its own"),
        ("t.csv", "path,label\na,b\na,b,c\n", "line 3: expected 2 cells, got 3"),
        ("t.csv", 'path,label\na,"b\n', "line 2"),
        ("t.csv", 'path,label\na,"b"c\n', "line 2"),
        ("t.csv", "path,label\n,b\n", "row 2 names neither"),
        ("t.csv", b"path,label\na,b\n\xe4,b\n", "line 3 is not UTF-8"),
        ("t.csv", "path,label\na\0,b\n", "zero byte|NUL"),
        ("t.csv", f"path,{'x' * 201}\na,b\n", "200 characters"),
        ("t.csv", f"path,label\na,{'x' * 200_000}\n", "line 2"),
        ("t.json", "{}", "list of objects"),
        ("t.json", "[1]", "row 1"),
        ("t.json", '[{"label": "x"}]', "row 1"),
        ("t.json", '[{"path": 3}]', "texts"),
        ("t.json", '[{"path": "a", "n": NaN}]', "finite numbers, got NaN"),
        ("t.json", '[{"path": "a", "n": [{"m": -1e999}]}]', "finite numbers, got -1e999"),
        ("t.jsonl", '{"path": "a"}\n{"path": "b", "n": 1e999}\n', "line 2: expected finite numbers, got 1e999"),
        ("t.json", r'[{"path": "a"}, {"path": "\ud800"}]', r"row 2: expected a path as os\.fsdecode gives it"),
        ("t.json", '[{"path": "a"', "Expecting"),
        ("t.json", "[" * 100_000, "recursion"),
        ("t.jsonl", '{"path": "a"}\n{"path": \n', "line 2"),
    ],
)
def test_what_is_no_table_is_refused_with_the_place(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        read_metadata(table(tmp_path, name, content))
    assert str(caught.value).startswith(str(tmp_path / name))


def test_a_table_that_is_not_there_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_metadata(tmp_path / "none.csv")
    monkeypatch.setattr("lookalike.ingest.metadata_formats.MOST_BYTES", 10)
    with pytest.raises(BadInput, match="at most 10 bytes"):
        read_metadata(table(tmp_path, "t.csv", "path,label\na,b\n"))


@pytest.mark.parametrize("engine", ["sqlite", "memory"])
def test_fields_are_laid_over_and_nothing_is_written_twice(tmp_path: Path, engine: str) -> None:
    catalog: Catalog = open_catalog(tmp_path / "c.db") if engine == "sqlite" else MemoryCatalog()
    collection(catalog, tmp_path / "a.jpg", tmp_path / "b.jpg", "/elsewhere/c.jpg")
    rows = [
        {"path": "a.jpg", "label": ["x", 1], "old": None},
        {"path": "/elsewhere/c.jpg", "n": 1},
        {"id": image_id(str(tmp_path / "b.jpg")).upper(), "n": 2.5},
        {"path": "none.jpg", "n": 1},
        {"id": "0" * 64, "path": "a.jpg", "n": 1},
    ]
    read = read_metadata(table(tmp_path, "t.json", json.dumps(rows)))
    report = apply_metadata(catalog, read)
    unused = [UnusedRow(4, "none.jpg", "no such picture"), UnusedRow(5, "0" * 64, "no such picture")]
    assert report == MetadataReport(matched=3, changed=3, unused=unused)
    assert metadata(catalog, tmp_path / "a.jpg") == {"label": ["x", 1]}
    assert metadata(catalog, tmp_path / "b.jpg") == {"old": 1, "n": 2.5}
    assert metadata(catalog, "/elsewhere/c.jpg") == {"old": 1, "n": 1}
    before = catalog.cursor()
    assert apply_metadata(catalog, read) == MetadataReport(matched=3, changed=0, unused=unused)
    assert catalog.cursor() == before
    catalog.close()


@pytest.mark.parametrize("engine", ["sqlite", "memory"])
@pytest.mark.parametrize(("known", "said"), [(1, True), (True, 1), (1, 1.0), ({"a": [0]}, {"a": [False]})])
def test_values_that_only_python_takes_for_the_same_are_laid_over(
    tmp_path: Path, engine: str, known: Any, said: Any
) -> None:
    catalog: Catalog = open_catalog(tmp_path / "c.db") if engine == "sqlite" else MemoryCatalog()
    collection(catalog, tmp_path / "a.jpg")
    for value in (known, said):
        read = read_metadata(table(tmp_path, "t.json", json.dumps([{"path": "a.jpg", "n": value}])))
        assert apply_metadata(catalog, read).changed == 1
        assert apply_metadata(catalog, read).changed == 0
        assert json.dumps(metadata(catalog, tmp_path / "a.jpg")["n"]) == json.dumps(value)
    catalog.close()


def test_the_order_of_keys_within_a_value_changes_nothing(tmp_path: Path) -> None:
    catalog = collection(MemoryCatalog(), tmp_path / "a.jpg")
    for value, changed in (({"a": 1, "b": 2}, 1), ({"b": 2, "a": 1}, 0)):
        read = read_metadata(table(tmp_path, "t.json", json.dumps([{"path": "a.jpg", "n": value}])))
        assert apply_metadata(catalog, read).changed == changed


def test_a_path_may_be_the_end_of_exactly_one_indexed_path(tmp_path: Path) -> None:
    catalog = collection(MemoryCatalog(), "/x/train/a.jpg", "/x/val/a.jpg", "/x/b.jpg", "/x/bb.jpg", tmp_path / "a.jpg")
    content = "path,n\nval/a.jpg,1\nb.jpg,2\na.jpg,3\n./train/../train/a.jpg,4\n/a.jpg,5\n"
    report = apply_metadata(catalog, read_metadata(table(tmp_path, "t.csv", content)))
    assert [row.name for row in report.unused] == ["/a.jpg"]
    found = [metadata(catalog, path).get("n") for path in ("/x/val/a.jpg", "/x/b.jpg", tmp_path / "a.jpg")]
    assert found == ["1", "2", "3"]
    assert metadata(catalog, "/x/train/a.jpg")["n"] == "4"
    (tmp_path / "sub").mkdir()
    report = apply_metadata(catalog, read_metadata(table(tmp_path / "sub", "t.csv", "path,n\na.jpg,9\n")))
    assert [(row.line, row.name) for row in report.unused] == [(2, "a.jpg")]
    assert "one of 3 pictures" in report.unused[0].reason
    given = read_metadata(tmp_path / "sub" / "t.csv", root="/x/val")
    assert apply_metadata(catalog, given).matched == 1
    assert apply_metadata(catalog, read_metadata(tmp_path / "sub" / "t.csv", root="/x")).matched == 0


def test_rows_that_contradict_an_earlier_one_about_the_same_picture_are_not_applied(tmp_path: Path) -> None:
    catalog = collection(MemoryCatalog(), "/x/a.jpg")
    content = "path,label,n\n/x/a.jpg,cat,\n/x/a.jpg,dog,\n/x/a.jpg,cat,1\n"
    report = apply_metadata(catalog, read_metadata(table(tmp_path, "t.csv", content)))
    assert (report.matched, [row.line for row in report.unused]) == (2, [3])
    assert metadata(catalog, "/x/a.jpg") == {"old": 1, "label": "cat", "n": "1"}


@pytest.mark.parametrize(("name", "folder"), [("grocery", "grocery"), ("caltech", "caltech")])
def test_tables_beside_real_photos_name_them_all(name: str, folder: str) -> None:
    if not (PHOTOS / f"{name}.csv").exists():
        pytest.skip("needs the photos in ../shared/photos")
    read = read_metadata(PHOTOS / f"{name}.csv", root=PHOTOS / folder)
    assert len(read.by_path()) == len(read.rows) > 2_000
    assert all(Path(path).exists() for path in list(read.by_path())[::50])
    catalog = collection(MemoryCatalog(), *read.by_path())
    by_tail = apply_metadata(catalog, read_metadata(PHOTOS / f"{name}.csv"))
    assert (by_tail.matched, by_tail.unused) == (len(read.rows), [])
    assert apply_metadata(catalog, read).changed == 0


COMPOSED, DECOMPOSED = "M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller.jpg", "Mu\N{COMBINING DIAERESIS}ller.jpg"


@pytest.mark.parametrize("rooted", [True, False])
@pytest.mark.parametrize(("named", "written"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_names_that_are_equal_in_normal_form_match(tmp_path: Path, named: str, written: str, rooted: bool) -> None:
    photos = tmp_path / "photos"
    catalog = collection(MemoryCatalog(), photos / named, photos / "plain.jpg")
    rows = table(tmp_path, "t.csv", f"path,label\n{written},x\nplain.jpg,x\n")

    report = apply_metadata(catalog, read_metadata(rows, root=photos if rooted else None))

    assert (report.matched, report.changed, report.unused) == (2, 2, [])
    assert metadata(catalog, photos / named)["label"] == "x"


def test_of_two_names_that_are_equal_in_normal_form_the_exact_one_counts_and_else_neither(tmp_path: Path) -> None:
    other = "Mu\N{COMBINING DIAERESIS}\N{COMBINING DOT BELOW}.jpg"
    swapped = "Mu\N{COMBINING DOT BELOW}\N{COMBINING DIAERESIS}.jpg"
    third = "M\N{LATIN SMALL LETTER U WITH DOT BELOW}\N{COMBINING DIAERESIS}.jpg"
    catalog = collection(
        MemoryCatalog(), tmp_path / COMPOSED, tmp_path / DECOMPOSED, tmp_path / other, tmp_path / swapped
    )
    rows = table(tmp_path, "t.csv", f"path,label\n{COMPOSED},one\n{DECOMPOSED},two\n{third},three\n")

    report = apply_metadata(catalog, read_metadata(rows))

    assert metadata(catalog, tmp_path / COMPOSED)["label"] == "one"
    assert metadata(catalog, tmp_path / DECOMPOSED)["label"] == "two"
    assert [(row.name, row.reason) for row in report.unused] == [
        (third, "it may be one of 2 pictures; write more of the path")
    ]


@pytest.mark.parametrize(
    "written",
    ["2024\\\\a b.jpg", "file://{root}/2024/a%20b.jpg", " 2024/a b.jpg ", "./2024/a b.jpg", "{root}/2024/a b.jpg"],
)
def test_paths_as_other_programs_write_them_are_understood(tmp_path: Path, written: str) -> None:
    catalog = collection(MemoryCatalog(), tmp_path / "2024/a b.jpg")
    written = written.replace("{root}", str(tmp_path)).replace("\\\\", "\\")

    report = apply_metadata(
        catalog, read_metadata(table(tmp_path, "t.json", json.dumps([{"path": written, "n": 1}])), root=tmp_path)
    )

    assert (report.matched, report.unused) == (1, [])


def test_the_url_of_a_file_whose_name_is_not_utf_8_is_understood(tmp_path: Path) -> None:
    catalog = collection(MemoryCatalog(), tmp_path / os.fsdecode(b"\xff.jpg"))
    rows = [{"path": f"file://{tmp_path}/%FF.jpg", "n": 1}, {"path": f"file://localhost{tmp_path}/%ff.jpg", "n": 1}]
    report = apply_metadata(catalog, read_metadata(table(tmp_path, "t.json", json.dumps(rows))))
    assert (report.matched, report.unused) == (2, [])


@pytest.mark.parametrize("url", ["file://[", "file://server/a.jpg", "file:///a%00.jpg", "file://", "file:///"])
def test_a_url_that_names_no_file_here_is_no_picture(tmp_path: Path, url: str) -> None:
    catalog = collection(MemoryCatalog(), "/a.jpg")
    report = apply_metadata(catalog, read_metadata(table(tmp_path, "t.json", json.dumps([{"path": url, "n": 1}]))))
    assert [(row.name, row.reason.partition(";")[0]) for row in report.unused] == [(url, "no such picture")]


def test_rows_and_pictures_that_are_left_over_are_told(tmp_path: Path) -> None:
    catalog = collection(
        MemoryCatalog(), tmp_path / "A.JPG", tmp_path / "b.jpg", tmp_path / "c.jpg", "/elsewhere/d.jpg"
    )
    rows = table(tmp_path, "t.csv", "path,n\na.jpg,1\nb.jpeg,2\nc.jpg,3\nz.jpg,4\n")

    report = apply_metadata(catalog, read_metadata(rows, root=tmp_path))

    assert [row.reason for row in report.unused] == [
        f"no such picture; did you mean {tmp_path / 'A.JPG'}?",
        f"no such picture; did you mean {tmp_path / 'b.jpg'}?",
        "no such picture",
    ]
    assert report.without_row == 2
    assert report.without_row_examples == [str(tmp_path / "A.JPG"), str(tmp_path / "b.jpg")]
