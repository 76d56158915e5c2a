"""What is exported comes back, and what is no export is refused."""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import (
    BadInput,
    CollectionError,
    LookalikeError,
    MissingExtra,
    StorageFailed,
    WouldOverwrite,
    WrongModel,
)
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.transfer import ImportReport, export_collection, exporting, import_collection, importing
from lookalike.transfer import parquet as parquet_form
from tests.catalogs import known_ids
from tests.contract.catalog_engines import new_catalog

pa = pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")

D = 6
MODEL = "m" * 64


def image_id(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def empty(*, model: str = MODEL) -> MemoryCatalog:
    catalog = MemoryCatalog()
    catalog.claim_model(model, D)
    return catalog


def filled(catalog: Catalog, *, count: int = 5) -> Catalog:
    """Picture n lies in n % 3 files, one of which has a name that is not UTF-8 and a line break."""
    if not catalog.model_id:
        catalog.claim_model(MODEL, D)
    images = [
        ImageRecord(
            image_id(n), 10 + n, 20, "jpeg", n, "2024-05-01T10:00:00" if n % 2 else None, None, {"n": n, "ü": [1]}
        )
        for n in range(count)
    ]
    vectors = np.random.default_rng(0).normal(size=(count, D)).astype(np.float16)
    names = ["/a/{}.jpg", "/b/\udcff\n{}.jpg"]
    files = [FileRecord(names[m].format(n), image_id(n), n, 10**18 + n) for n in range(count) for m in range(n % 3)]
    with catalog.transaction() as transaction:
        transaction.put_images(images, vectors)
        transaction.put_files(files)
    return catalog


def content(catalog: Catalog) -> dict[str, tuple[ImageRecord, list[FileRecord], list[float]]]:
    images = [pair for batch in catalog.all_images() for pair in batch]
    files = catalog.files_of([image.id for _, image in images])
    return {image.id: (image, files[image.id], catalog.vectors([key]).vectors[0].tolist()) for key, image in images}


@pytest.fixture(params=["x.parquet", "x.jsonl", "x.ndjson"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Of an export that holds all."""
    return tmp_path / str(request.param)


@pytest.fixture(params=["sqlite", "memory", "remote"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Catalog:
    return new_catalog(request.param, tmp_path / "c.db")


def test_everything_comes_back_and_importing_twice_is_importing_once(
    target: Catalog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_ROWS_AT_ONCE", 2)
    monkeypatch.setattr(importing, "_ROWS_AT_ONCE", 2)
    source = filled(empty())
    told: list[tuple[int, int]] = []
    assert export_collection(source, path, progress=lambda *at: told.append(at)) == 5
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert import_collection(target, path, progress=lambda *at: told.append(at)) == ImportReport(added=5, files=4)
    assert told[3:] == told[:3]
    assert content(target) == content(source)
    before = target.cursor()
    assert import_collection(target, path) == ImportReport(unchanged=5)
    assert target.cursor() == before
    assert [one for one in path.parent.iterdir() if not one.name.startswith("c.db")] == [path]
    target.close()


TEXTS = st.text(alphabet=st.characters(exclude_categories=()))  # surrogates, too
METADATA = st.dictionaries(
    TEXTS,
    st.recursive(
        st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)
PATHS = st.lists(st.binary(max_size=20).map(lambda name: os.fsdecode(b"/" + name.replace(b"\0", b""))), max_size=3)


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl"])
@given(rows=st.lists(st.tuples(METADATA, TEXTS, st.none() | TEXTS, PATHS, st.booleans()), min_size=1, max_size=4))
def test_whatever_a_catalog_holds_comes_back(
    name: str, rows: list[tuple[Metadata, str, str | None, list[str], bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("export") / name
    source = empty()
    images = [
        ImageRecord(image_id(n), 1 + n, 2, kind, n, camera, camera, metadata, provisional)
        for n, (metadata, kind, camera, _, provisional) in enumerate(rows)
    ]
    by_path = {file: n for n, (_, _, _, paths, _) in enumerate(rows) for file in paths}
    with source.transaction() as transaction:
        transaction.put_images(images, np.ones((len(rows), D), np.float16))
        transaction.put_files([FileRecord(file, image_id(n), n, -n) for file, n in by_path.items()])

    assert export_collection(source, path) == len(rows)

    target = empty()
    assert import_collection(target, path) == ImportReport(added=len(rows), files=len(by_path))
    assert content(target) == content(source)


def test_a_filter_chooses_what_is_exported(tmp_path: Path) -> None:
    assert export_collection(filled(empty()), tmp_path / "x.parquet", where=Filter.parse("n >= 3")) == 2
    target = empty()
    import_collection(target, tmp_path / "x.parquet")
    assert known_ids(target) == {image_id(3), image_id(4)}
    assert export_collection(empty(), tmp_path / "none.parquet") == 0
    assert import_collection(target, tmp_path / "none.parquet") == ImportReport()


def test_what_the_collection_knows_of_its_files_stays(tmp_path: Path) -> None:
    export_collection(filled(empty()), tmp_path / "x.parquet")
    target = empty()
    with target.transaction() as transaction:
        transaction.put_images(
            [ImageRecord(image_id(1), 11, 20, "jpeg", 1, metadata={"mine": 1})], np.ones((1, D), "f2")
        )
        transaction.put_files([FileRecord("/a/4.jpg", image_id(1), 7, 7)])
        transaction.put_refused([RefusedFile("/a/2.jpg", 1, 1, "damaged", "broken")])
    assert import_collection(target, tmp_path / "x.parquet") == ImportReport(added=4, updated=1, files=2)
    assert target.images([image_id(1)])[image_id(1)].metadata == {"mine": 1, "n": 1, "ü": [1]}
    known = target.file("/a/4.jpg")
    assert known is not None
    assert known.image_id == image_id(1)
    assert [one.path for one in target.refused()] == ["/a/2.jpg"]


def test_the_file_can_be_read_by_others_and_come_back_from_them(tmp_path: Path) -> None:
    export_collection(filled(empty()), tmp_path / "x.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.schema.field("vector").type == pa.list_(pa.float16(), D)
    assert table.schema.metadata[b"lookalike.model_id"] == MODEL.encode()
    assert "/b/\ufffd\n2.jpg" in table.column("paths")[2].as_py()
    turned = table.select(list(reversed(table.column_names))).append_column("mine", pa.array(range(5)))
    parquet.write_table(turned.drop_columns(["paths"]), tmp_path / "y.parquet")
    target = empty()
    assert import_collection(target, tmp_path / "y.parquet").added == 5
    assert content(target) == content(filled(empty()))


def test_what_is_provisional_stays_so_and_nothing_is_in_files_of_older_versions(tmp_path: Path) -> None:
    source = filled(empty())
    with source.transaction() as transaction:
        transaction.put_images(
            [ImageRecord(image_id(1), 11, 20, "jpeg", 1, provisional=True)], np.ones((1, D), np.float16)
        )
    export_collection(source, tmp_path / "x.parquet")
    older = parquet.read_table(tmp_path / "x.parquet").drop_columns(["provisional"])
    parquet.write_table(older, tmp_path / "older.parquet")
    for name, provisional in [("x", {image_id(1)}), ("older", set())]:
        target = empty()
        assert import_collection(target, tmp_path / f"{name}.parquet").added == 5
        images = target.images(list(known_ids(target))).values()
        assert {image.id for image in images if image.provisional} == provisional


def test_vectors_of_another_model_are_refused(tmp_path: Path) -> None:
    export_collection(filled(empty()), tmp_path / "x.parquet")
    target = empty(model="n" * 64)
    with pytest.raises(WrongModel):
        import_collection(target, tmp_path / "x.parquet")
    assert target.facts().images == 0
    with pytest.raises(CollectionError, match="nothing to export"):
        export_collection(MemoryCatalog(), tmp_path / "y.parquet")


def replaced(name: str, values: Any, kind: Any) -> Callable[[Any], Any]:
    return lambda table: table.set_column(table.column_names.index(name), name, pa.array(values, kind))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda table: table.replace_schema_metadata({}), "another origin"),
        (lambda table: table.replace_schema_metadata({**table.schema.metadata, b"lookalike.format": b"2"}), "upgrade"),
        (
            lambda table: table.replace_schema_metadata({**table.schema.metadata, b"lookalike.dimension": b"x"}),
            "dimension",
        ),
        (
            lambda table: table.replace_schema_metadata({**table.schema.metadata, b"lookalike.dimension": b"7"}),
            "vector",
        ),
        (lambda table: table.drop_columns(["metadata"]), "metadata"),
        (replaced("id", ["x"] * 5, pa.string()), "hexadecimal"),
        (replaced("id", [None] * 5, pa.string()), "null"),
        (replaced("width", [0] * 5, pa.int32()), "1 x 1"),
        (replaced("provisional", [None] * 5, pa.bool_()), "null"),
        (replaced("provisional", ["no"] * 5, pa.string()), "bool"),
        (replaced("width", ["wide"] * 5, pa.string()), "int32"),
        (replaced("metadata", ["{"] * 5, pa.string()), "not JSON"),
        (replaced("metadata", ["[1]"] * 5, pa.string()), "JSON object"),
        (replaced("metadata", ['{"a": NaN}'] * 5, pa.string()), "not JSON: expected finite numbers, got NaN"),
        (replaced("metadata", ['{"a": -1e999}'] * 5, pa.string()), "not JSON: expected finite numbers, got -1e999"),
        (replaced("paths_raw", [[b"relative"]] * 5, pa.list_(pa.binary())), "absolute|as many"),
        (replaced("sizes", [[None]] * 5, pa.list_(pa.int64())), "null"),
        (replaced("vector", [[float("nan")] * D] * 5, pa.list_(pa.float16(), D)), "finite"),
        (replaced("vector", [[None] * D] * 5, pa.list_(pa.float16(), D)), "null"),
        (replaced("vector", [None] * 5, pa.list_(pa.float16(), D)), "null"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_with_its_reason(
    tmp_path: Path, change: Callable[[Any], Any], reason: str
) -> None:
    export_collection(filled(empty()), tmp_path / "x.parquet")
    parquet.write_table(change(parquet.read_table(tmp_path / "x.parquet")), tmp_path / "x.parquet")
    target = empty()
    with pytest.raises(BadInput, match=reason) as caught:
        import_collection(target, tmp_path / "x.parquet")
    assert "x.parquet" in str(caught.value)
    assert target.facts().images == 0


def test_a_damaged_file_gives_no_error_but_ours_and_no_other_vectors(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    source = filled(empty(), count=40)
    export_collection(source, path)
    original, right = path.read_bytes(), content(source)
    choice = random.Random(1)
    noticed = 0
    for _ in range(60):
        damaged = bytearray(original)
        damaged[choice.randrange(len(damaged))] ^= 1 << choice.randrange(8)
        path.write_bytes(damaged[: choice.randrange(len(damaged))] if choice.random() < 0.2 else damaged)
        target = empty()
        try:
            import_collection(target, path)
        except LookalikeError:
            noticed += 1
        else:
            assert all(one == right[image_id] for image_id, one in content(target).items())
    assert noticed > 30


@pytest.mark.parametrize("data", [b"", b"rubbish", b"PAR1" + bytes(100) + b"PAR1"])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(data)
    with pytest.raises(BadInput, match="Parquet"):
        import_collection(empty(), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="no such file"):
        import_collection(empty(), tmp_path / "not there.parquet")
    with pytest.raises(BadInput):
        import_collection(empty(), tmp_path)


@pytest.mark.parametrize("name", ["a\0.jsonl", "/\ud800.parquet"])
def test_a_name_that_no_file_can_have_is_told_as_that(name: str) -> None:
    with pytest.raises(BadInput, match="no file can have that name"):
        import_collection(empty(), name)


@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
def test_what_is_no_file_is_refused_and_nobody_waits_for_it(ending: str, tmp_path: Path) -> None:
    for name, make in (("pipe", os.mkfifo), ("folder", os.mkdir)):
        make(tmp_path / f"{name}{ending}")
        with pytest.raises(BadInput, match=rf"{name}{ending}: expected a file, got (a folder|what is none)"):
            import_collection(empty(), tmp_path / f"{name}{ending}")


def test_metadata_that_only_python_takes_for_the_same_is_laid_over(path: Path) -> None:
    source, target = filled(empty(), count=1), filled(empty(), count=1)
    with source.transaction() as transaction:
        transaction.merge_metadata({image_id(0): {"n": False}})
    export_collection(source, path)
    assert import_collection(target, path).updated == 1
    assert content(target)[image_id(0)][0].metadata["n"] is False


@pytest.mark.parametrize("error", [OSError("no"), ValueError("no"), BrokenPipeError(32, "Broken pipe")])
def test_what_fails_beside_the_reading_is_no_fault_of_the_file(error: Exception, path: Path) -> None:
    def broken(*_: object) -> None:
        raise error

    export_collection(filled(empty()), path)
    with pytest.raises(type(error)) as caught:
        import_collection(empty(), path, progress=broken)
    assert caught.value is error


def test_a_failed_export_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.parquet"
    export_collection(filled(empty()), path)
    before = path.read_bytes()

    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet_form, "to_arrow", broken)
    with pytest.raises(StorageFailed, match="No space"):
        export_collection(filled(empty()), path)
    assert [one.name for one in tmp_path.iterdir()] == ["x.parquet"]
    assert path.read_bytes() == before
    with pytest.raises(StorageFailed):
        export_collection(filled(empty()), tmp_path / "no folder" / "x.parquet")


def test_an_export_takes_the_place_of_an_export_only(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    for _ in range(2):
        assert export_collection(filled(empty()), path) > 0
    parquet.write_table(parquet.read_table(path).replace_schema_metadata(None), path)  # anybody's
    before = path.read_bytes()
    with pytest.raises(WouldOverwrite, match="is not an export made by Lookalike"):
        export_collection(filled(empty()), path)
    assert path.read_bytes() == before
    assert export_collection(filled(empty()), path, force=True) > 0
    assert path.read_bytes() != before


def test_a_missing_library_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="\\[parquet\\]"):
        export_collection(filled(empty()), tmp_path / "x.parquet")
    with pytest.raises(MissingExtra):
        import_collection(empty(), tmp_path / "x.parquet")


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl"])
def test_a_full_disk_is_told_as_such_and_the_last_export_stays(small_disk: Path, name: str) -> None:
    target = small_disk / name
    export_collection(filled(empty()), target)
    before = target.read_bytes()
    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        for _ in range(1_000):
            file.write(bytes(4_096))
    with pytest.raises(StorageFailed, match=r"cannot be written: the disk is full[^\[]*; nothing was overwritten$"):
        export_collection(filled(empty(), count=2_000), target)
    assert target.read_bytes() == before
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", name]
