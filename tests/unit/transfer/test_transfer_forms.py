"""The forms of an export beside Parquet: what each holds, who can read it, and what is refused when it comes back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import BadInput, StorageFailed, WouldOverwrite
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.ingest.metadata import read_metadata
from lookalike.neighbours import knn
from lookalike.transfer import export_collection, import_collection, lines
from lookalike.transfer.forms import FORMS
from tests.collections import open_catalog
from tests.unit.transfer.test_transfer import MODEL, D, content, empty, filled, image_id

ALL = sorted(FORMS)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_every_number_that_a_vector_can_hold_comes_back_from_lines(tmp_path: Path) -> None:
    finite = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    vectors = finite[np.isfinite(finite)].reshape(-1, 2_048)
    source = MemoryCatalog()
    source.claim_model(MODEL, 2_048)
    with source.transaction() as transaction:
        images = [ImageRecord(image_id(n), 1, 1, "png", n) for n in range(len(vectors))]
        transaction.put_images(images, vectors)

    export_collection(source, tmp_path / "x.jsonl")

    target = MemoryCatalog()
    import_collection(target, tmp_path / "x.jsonl")
    assert content(target) == content(source)
    written = np.array([row["vector"] for row in lines_of(tmp_path / "x.jsonl")], np.float16)
    assert (written.view(np.uint16) == vectors.view(np.uint16)).all()


def test_lines_can_be_joined_and_lack_what_older_versions_did_not_write(tmp_path: Path) -> None:
    export_collection(filled(empty()), tmp_path / "x.jsonl")
    rows = [
        {name: row[name] for name in reversed(row) if name != "provisional"} for row in lines_of(tmp_path / "x.jsonl")
    ]
    (tmp_path / "y.jsonl").write_text("\n\n".join(json.dumps({**row, "mine": 1}) for row in rows))
    target = empty()
    assert import_collection(target, tmp_path / "y.jsonl").added == 5
    assert content(target) == content(filled(empty()))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lookalike.format": "2"}, "format 1, got '2'"),
        ({"lookalike.model_id": "n" * 64}, "same model as the first"),
        ({"vector": [0.5] * (D - 1)}, "same model as the first"),
        ({"vector": [1e9] * D}, "vectors cannot be used"),
        ({"vector": [10**400] * D}, "vector to be numbers of at most"),
        ({"vector": ["1"] * D}, "vector to be a list of numbers"),
        ({"vector": [True] * D}, "vector to be a list of numbers"),
        ({"id": "A" * 64}, "64 lower-case"),
        ({"id": None}, "id to be a text"),
        ({"width": 1.5}, "width to be a whole number"),
        ({"width": 0}, "at least 1 x 1"),
        ({"height": 1 << 31}, "sides of at most 2147483647"),
        ({"size_bytes": -1}, "size_bytes of at least 0, got -1"),
        ({"size_bytes": 1 << 63}, "size_bytes to be a whole number"),
        ({"camera": 3}, "camera to be a text or null"),
        ({"metadata": []}, "metadata to be an object"),
        ({"provisional": "no"}, "provisional to be true or false"),
        ({"paths": ["a.jpg"], "sizes": [1], "mtimes_ns": [1]}, "absolute paths"),
        ({"paths": ["/a.jpg"], "sizes": [], "mtimes_ns": []}, "as many sizes"),
        ({"paths": [1], "sizes": [1], "mtimes_ns": [1]}, "paths to be a list of texts"),
        ({"paths": ["/\ud800"], "sizes": [1], "mtimes_ns": [1]}, "as os.fsdecode gives it"),
    ],
)
def test_a_line_that_is_not_as_it_should_be_is_refused_with_its_reason(
    changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    export_collection(filled(empty()), tmp_path / "x.jsonl")
    rows = lines_of(tmp_path / "x.jsonl")
    rows[3].update(changed)
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(BadInput, match=said) as error:
        import_collection(empty(), tmp_path / "x.jsonl")
    assert str(tmp_path / "x.jsonl") in str(error.value)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity"])
def test_a_number_of_metadata_that_is_not_finite_is_refused_with_its_line(number: str, tmp_path: Path) -> None:
    export_collection(filled(empty()), tmp_path / "x.jsonl")
    written = (tmp_path / "x.jsonl").read_text().splitlines()
    written[3] = written[3].replace('"metadata": {', '"metadata": {"weight": ' + number + ", ")
    (tmp_path / "x.jsonl").write_text("\n".join(written))
    target = empty()
    with pytest.raises(BadInput, match=r"line 4.*expected finite numbers"):
        import_collection(target, tmp_path / "x.jsonl")
    assert target.facts().images == 0


@pytest.mark.parametrize(
    ("model_id", "dimension"), [("", D), ("\ud800", D), ("m\0", D), ("m" * 257, D), (MODEL, 100_000)]
)
def test_a_model_that_can_be_none_is_refused_before_the_collection_is_bound_to_it(
    model_id: str, dimension: int, tmp_path: Path
) -> None:
    export_collection(filled(empty(), count=1), tmp_path / "x.jsonl")
    (row,) = lines_of(tmp_path / "x.jsonl")
    row.update({"lookalike.model_id": model_id, "vector": [1.0] * dimension})
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    with open_catalog(tmp_path / "catalog.sqlite") as target:
        with pytest.raises(BadInput, match="the model's id and dimension"):
            import_collection(target, tmp_path / "x.jsonl")
        assert target.model_id == ""


def test_a_picture_that_stands_in_several_lines_is_one_with_the_metadata_of_all(tmp_path: Path) -> None:
    export_collection(filled(empty(), count=2), tmp_path / "x.jsonl")
    one, other = sorted(lines_of(tmp_path / "x.jsonl"), key=lambda row: str(row["id"]))
    file = {"sizes": [1], "mtimes_ns": [1]}
    rows = [
        {**one, **file, "paths": ["/a"], "metadata": {"a": 1, "b": 1}},
        {**one, **file, "paths": ["/b"], "metadata": {"b": 2, "c": None}, "vector": [9.0] * D},
        {**other, **file, "paths": ["/a"], "metadata": {}},
    ]
    (tmp_path / "y.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for target in (empty(), filled(empty(), count=2)):
        is_new = not target.facts().images
        report = import_collection(target, tmp_path / "y.jsonl")
        assert (report.added, report.updated, report.files) == ((2, 0, 2) if is_new else (0, 1, 2))
        image, files, vector = content(target)[one["id"]]
        assert {name: image.metadata[name] for name in image.metadata if name in "abc"} == {"a": 1, "b": 2}
        assert {"/a", "/b"} <= {known.path for known in files}
        assert np.float16(vector).tolist() == np.float16(one["vector"]).tolist()
        again = import_collection(target, tmp_path / "y.jsonl")
        assert (again.added, again.updated, again.unchanged, again.files) == (0, 0, 2, 0)


def test_a_line_that_ends_with_the_file_and_empty_ones_are_counted_rightly(tmp_path: Path) -> None:
    export_collection(filled(empty(), count=3), tmp_path / "x.jsonl")
    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    (tmp_path / "x.jsonl").write_text("\n \r\n".join(["", *lines]))
    told: list[tuple[int, int]] = []
    import_collection(empty(), tmp_path / "x.jsonl", progress=lambda *done: told.append(done))
    assert told == [(3, 3)]


@pytest.mark.parametrize("data", ["", "rubbish\n", "[]\n", "{}\n", '{"id": 1', "[" * 100_000, "\udcff", '{"a": NaN}'])
def test_what_no_export_has_written_is_refused(data: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(data, errors="surrogateescape")
    with pytest.raises(BadInput):
        import_collection(empty(), tmp_path / "x.jsonl")


def test_a_line_without_end_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_collection(filled(empty()), tmp_path / "x.jsonl")
    longest = max(map(len, (tmp_path / "x.jsonl").read_bytes().splitlines(keepends=True)))
    monkeypatch.setattr(lines, "_LONGEST_LINE_BYTES", longest + 1)
    assert import_collection(empty(), tmp_path / "x.jsonl").added == 5
    with (tmp_path / "x.jsonl").open("ab") as file:
        file.write(b" " * (longest + 1))
    with pytest.raises(BadInput, match="line 6: expected a line of less than"):
        import_collection(empty(), tmp_path / "x.jsonl")


def test_a_table_holds_what_is_true(tmp_path: Path) -> None:
    catalog = filled(empty(), count=3)
    formula = {"note": '=HYPERLINK("x")', "-1": "@a,\r\n+b", "n": -1, "deep": {"a": [None, "ü"]}}
    with catalog.transaction() as transaction:
        transaction.merge_metadata({image_id(2): formula})
        transaction.put_files([FileRecord("/=a\n\udcff.jpg", image_id(0), 1, 1)])

    assert export_collection(catalog, tmp_path / "x.csv") == 3

    text = (tmp_path / "x.csv").read_bytes().decode()
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert len(rows) == 3
    last = rows[image_id(2)]
    assert (last["metadata.note"], last["metadata.-1"], last["metadata.n"]) == ('=HYPERLINK("x")', "@a,\r\n+b", "-1")
    assert json.loads(last["metadata.deep"]) == formula["deep"]
    assert (last["files"], last["width"], last["taken_at"], last["provisional"]) == ("2", "12", "", "false")
    assert (rows[image_id(0)]["path"], rows[image_id(0)]["metadata.note"]) == ("/=a\n\ufffd.jpg", "")
    assert rows[image_id(1)]["metadata.ü"] == "[1]"
    assert read_metadata(tmp_path / "x.csv").rows[2].fields["note"] == formula["note"]


def test_arrays_hold_the_vectors_in_one_order(tmp_path: Path) -> None:
    source = filled(empty())
    export_collection(source, tmp_path / "x.npy")
    export_collection(source, tmp_path / "x.npz")
    vectors = np.load(tmp_path / "x.npy", mmap_mode="r")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        named = dict(zip(arrays["id"].tolist(), arrays["vector"].tolist(), strict=True))
        assert str(arrays["lookalike.model_id"]) == MODEL
        assert arrays["vector"].dtype == vectors.dtype == np.float16
        assert arrays["vector"].tolist() == vectors.tolist()
    assert named == {one: vector for one, (_, _, vector) in content(source).items()}
    assert knn.knn(tmp_path / "x.npy", tmp_path / "x.npy", k=1).rows.ravel().tolist() == list(range(5))
    export_collection(empty(), tmp_path / "none.npy")
    assert np.load(tmp_path / "none.npy").shape == (0, D)


@pytest.mark.parametrize("ending", ALL)
def test_an_export_of_any_form_replaces_only_what_is_ours(ending: str, tmp_path: Path) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    path = tmp_path / f"x{ending}"
    export_collection(filled(empty()), path)
    if ending == ".npy":  # an array does not tell who made it
        with pytest.raises(WouldOverwrite, match=r"does not tell who made it.*--force"):
            export_collection(filled(empty()), path)
        export_collection(filled(empty()), path, force=True)
    else:
        export_collection(filled(empty(), count=4), path)
    for theirs in (b"a,b\n1,2\n", b'{"id": 1}\n', b"\x93NUMPY", b"PK\x03\x04"):
        path.write_bytes(theirs)
        with pytest.raises(WouldOverwrite):
            export_collection(filled(empty()), path)
        assert path.read_bytes() == theirs
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageFailed, match="a folder"):
        export_collection(filled(empty()), path, force=True)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_another_ending_lists_those_that_there_are(tmp_path: Path) -> None:
    for name in ("x.xlsx", "x", "x.npy.gz"):
        with pytest.raises(BadInput, match=r"\.parquet, \.jsonl, \.ndjson, \.csv, \.npy or \.npz"):
            export_collection(filled(empty()), tmp_path / name)
        with pytest.raises(BadInput, match=r"\.parquet or \.jsonl or \.ndjson"):
            import_collection(empty(), tmp_path / name)


@pytest.mark.parametrize(("ending", "why"), [(".csv", "no vectors"), (".npy", "nothing but vectors"), (".npz", "ids")])
def test_what_does_not_hold_all_is_not_imported_and_says_why(ending: str, why: str, tmp_path: Path) -> None:
    export_collection(filled(empty()), tmp_path / f"x{ending}")
    with pytest.raises(BadInput, match=f"holds .*{why}"):
        import_collection(empty(), tmp_path / f"x{ending}")


def test_a_name_in_capitals_is_the_same_form(tmp_path: Path) -> None:
    export_collection(filled(empty()), tmp_path / "X.JSONL")
    assert import_collection(empty(), tmp_path / "X.JSONL").added == 5
