"""What a catalog selects is what `Filter.matches` says, over every engine, for random pictures and filters."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.conditions import Condition
from lookalike.core.errors import BadFilter
from lookalike.core.filters import Filter
from lookalike.core.operators import Op
from lookalike.core.records import FileRecord, ImageRecord
from tests.catalogs import known_ids
from tests.collections import open_catalog
from tests.contract.catalog_engines import ENGINES, new_catalog

N, D = 4, 2


@pytest.fixture(scope="module", params=ENGINES)
def catalog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    path: Path = tmp_path_factory.mktemp("catalog") / "catalog.db"
    made: Catalog = SqliteCatalog.open(path) if request.param == "sqlite" else new_catalog(request.param, path)
    made.claim_model("m" * 64, D)
    yield made
    made.close()


NUMBERS = st.sampled_from([0, 1, -1, 3, 800, 2.5, 3.0, 2**53, 2**53 + 1, 2**63 - 1, 1e300])
WRITTEN_NUMBERS = st.sampled_from(
    ["3", "3.0", "-0", "03", "1e2", "1E400", "9" * 19, "9" * 25, " 3", "2.50", "nan", "0x3"]
)
HOSTILE = st.sampled_from(
    [
        "",
        "a",
        "A",
        "ab",
        "é",
        "日本",
        "\x00",
        "a\x00b",
        "\ud800",
        "\uffff",
        "\n",
        "%",
        "_",
        "\\\\",
        "'",
        '"',
        "];--",
        "true",
    ]
)
TEXTS = HOSTILE | WRITTEN_NUMBERS | st.text(max_size=3)
SCALARS = NUMBERS | TEXTS | st.booleans()
VALUES = st.recursive(
    st.none() | SCALARS | st.just(10**30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=1), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(["label", "x.y", "width", "'; --", "$[0]", "é", "\ud800", "\x00", '"', "or"])
FOLDERS = st.sampled_from(["/", "/a/", "/a/b/", "/A/", "/a b/", "/a0/", "/a%/", "/é/", os.fsdecode(b"/\xff/"), "/a\n/"])
FILE_NAMES = st.sampled_from(["a.jpg", "A.jpg", "cat_1.png", "catx1.png", "3", "\n", os.fsdecode(b"\xfe"), "%"])
DATES = st.sampled_from(
    [None, "2023-12-31T23:59:59", "2024-01-01T00:00:00", "2024-05-17T12:30:01", "2024-12-31T00:00:00"]
)

PICTURES = st.fixed_dictionaries(
    {
        "width": st.sampled_from([1, 800, 801]),
        "height": st.sampled_from([1, 2]),
        "format": st.sampled_from(["jpeg", "png"]),
        "size_bytes": st.sampled_from([0, 999, 2_000_000, 2**40]),
        "taken_at": DATES,
        "camera": st.none() | st.sampled_from(["", "Canon", "canon eos", "Nikon\n"]),
        "metadata": st.dictionaries(NAMES, VALUES, max_size=3),
    }
)
PATHS = st.builds("".join, st.tuples(FOLDERS, FILE_NAMES))
COLLECTIONS = st.lists(st.tuples(PICTURES, st.lists(PATHS, max_size=2, unique=True)), min_size=1, max_size=N)

DATE_VALUES = st.sampled_from(
    ["2023", "2024", "2024-05", "2024-05-17", "2024-05-17T12", "2024-05-17T12:30:01", "2024-12-31"]
)
FOLDER_VALUES = FOLDERS | st.sampled_from(["/a", "/a/b", "/a/b/../", "/%"])
PATTERNS = st.sampled_from(["%", "_", "%a%", "A%", "cat\\_%", "_at_1%", "/a%", "%\ufffd%", "", "3%", "%\n%"]) | HOSTILE
FIELD_VALUES = {
    "id": TEXTS,
    "path": PATHS | TEXTS,
    "folder": FOLDER_VALUES,
    "name": FILE_NAMES,
    "taken_at": DATE_VALUES,
    "size_bytes": st.sampled_from([0, 999, "2MB", "1.9MiB", 2.5, 2**40]),
    "width": NUMBERS,
    "height": NUMBERS,
    "format": st.sampled_from(["jpg", "JPEG", "png"]),
    "camera": st.sampled_from(["", "Canon", "canon eos", "Nikon\n", "D"]),
}


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from(list(FIELD_VALUES)) | NAMES.map("metadata.".__add__))
    op = draw(st.sampled_from(list(Op)))
    values = FIELD_VALUES.get(field, SCALARS)
    value: Any = draw(
        {
            Op.EXISTS: st.booleans(),
            Op.LIKE: PATTERNS,
            Op.IN: st.lists(values, max_size=3),
            Op.NOT_IN: st.lists(values, max_size=3),
        }.get(op, values)
    )
    try:
        return Condition(field, op, value)
    except BadFilter:
        return Condition(field, Op.EXISTS, draw(st.booleans()))


FILTERS = st.lists(st.lists(conditions(), max_size=3).map(tuple), max_size=3).map(tuple).map(Filter)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(collection=COLLECTIONS, wheres=st.lists(FILTERS, min_size=1, max_size=4))
def test_a_catalog_selects_what_the_filter_matches(
    catalog: Catalog, collection: list[tuple[dict[str, Any], list[str]]], wheres: list[Filter]
) -> None:
    images = [
        ImageRecord(id=hashlib.sha256(bytes([n])).hexdigest(), **fields) for n, (fields, _) in enumerate(collection)
    ]
    holder = {path: image.id for image, (_, paths) in zip(images, collection, strict=True) for path in paths}
    with catalog.transaction() as transaction:
        transaction.remove_images(list(known_ids(catalog)), keep=False)
        keys = transaction.put_images(images, np.zeros((len(images), D), np.float16)).tolist()
        transaction.put_files([FileRecord(path, image_id, 1, 1) for path, image_id in holder.items()])
    for where in wheres:
        expected = {}
        for key, image in zip(keys, images, strict=True):
            views: list[str | None] = [path for path, one in sorted(holder.items()) if one == image.id] or [None]
            if passing := [view for view in views if where.matches(image, view)]:
                expected[key] = (image.id, passing[0])
        assert catalog.select(where).tolist() == sorted(expected)
        assert catalog.count(where) == len(expected)
        some = np.array([*keys[::2], keys[0], 10**12, 0], np.int64)
        assert catalog.passing(some, where).tolist() == sorted(set(keys[::2]) & set(expected))
        paths = {image_id: path for image_id, path in expected.values() if path is not None}
        assert catalog.matching_paths(where, [image.id for image in images]) == paths


def test_the_largest_filter_that_is_taken_is_answered(catalog: Catalog) -> None:
    alternatives = tuple((Condition(f"f{n}", Op.IN, list(range(39))),) for n in range(256))
    assert catalog.select(Filter(alternatives)).tolist() == []
    wide = tuple((Condition("path", Op.LIKE, "%a" * 16), Condition("folder", Op.NE, f"/{n}")) for n in range(128))
    assert catalog.select(Filter(wide)).tolist() == []
    long = (tuple(Condition("camera", Op.NE, str(n)) for n in range(256)),)
    assert len(catalog.select(Filter(long))) == catalog.facts().images


@pytest.mark.parametrize("op", [Op.IN, Op.NOT_IN])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("folder", "/a/{:04}"),
        ("folder", "/é{:03}"),
        ("path", "/é/{:03}"),
        ("name", "{:04}.jpg"),
        ("taken_at", "{:04}"),
        ("camera", "{}"),
        ("width", "9{:04}"),
        ("label", "{}"),
    ],
)
def test_the_longest_lists_of_each_kind_are_answered(catalog: Catalog, field: str, value: str, op: Op) -> None:
    count = 333 if "é" in value else 1_000  # in each form of Unicode it counts
    lists = Filter(tuple((Condition(field, op, [value.format(n + 1) for n in range(count)]),) for _ in range(10)))
    with catalog.transaction() as transaction:  # whatever other tests have left
        transaction.remove_images(list(known_ids(catalog)), keep=False)
        other = ImageRecord("a" * 64, 1, 1, "png", 1, metadata={"label": "another"})
        transaction.put_images([other], np.zeros((1, D), np.float16))
    assert len(catalog.select(lists)) == (1 if op is Op.NOT_IN else 0)


COMPOSED, DECOMPOSED = "M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller", "Mu\N{COMBINING DIAERESIS}ller"


@pytest.mark.parametrize("engine", ["sqlite", "memory"])
@pytest.mark.parametrize(("kept", "asked"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_names_match_in_any_unicode_form(tmp_path: Path, engine: str, kept: str, asked: str) -> None:
    catalog: Catalog = open_catalog(tmp_path / "c.db") if engine == "sqlite" else MemoryCatalog()
    catalog.claim_model("m" * 64, D)
    paths = [f"/{kept}/{kept}.jpg", "/plain/a.jpg"]
    images = [ImageRecord(hashlib.sha256(path.encode()).hexdigest(), 1, 1, "png", 1) for path in paths]
    with catalog.transaction() as transaction:
        transaction.put_images(images, np.ones((2, D), np.float16))
        transaction.put_files([FileRecord(path, image.id, 1, 1) for path, image in zip(paths, images, strict=True)])

    for filter_ in (
        f"path like '*{asked}*'",
        f"name = {asked}.jpg",
        f"name ~ {asked[:4]}",
        f"folder = /{asked}",
        f"path in (/{asked}/{asked}.jpg, x)",
    ):
        assert catalog.select(Filter.parse(filter_)).tolist() == [1], filter_
    for filter_ in (f"name != {asked}.jpg", f"folder not in (/{asked}, /x)"):
        assert catalog.select(Filter.parse(filter_)).tolist() == [2], filter_
    catalog.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_fields_of_metadata_are_listed(tmp_path: Path, engine: str) -> None:
    catalog = new_catalog(engine, tmp_path / "c.db")
    catalog.claim_model("m" * 64, D)
    assert catalog.metadata_fields() == []
    with catalog.transaction() as transaction:
        fields = [{"label": "a", "none": None}, {"label": "b", "2 \ud800": [1, 2]}, {}]
        images = [ImageRecord(f"{n:064}", 1, 1, "png", 1, metadata=one) for n, one in enumerate(fields)]
        transaction.put_images(images, np.ones((3, D), np.float16))
    assert catalog.metadata_fields() == ["2 \ufffd", "label"]
    with catalog.transaction() as transaction:
        transaction.remove_images([images[1].id])
    assert catalog.metadata_fields() == ["label"]
    catalog.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_every_operator_is_translated_by_each_engine(engine: str) -> None:
    """The engine in memory asks `Filter.matches` itself, and has nothing to translate."""
    if engine == "postgres":
        pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    translated: Mapping[Op, object] = import_module(f"lookalike.catalog.{engine}.filters").TRANSLATIONS
    lacking = [op.value for op in Op if op not in translated]
    assert not lacking, f"{engine} lacks {', '.join(lacking)}: add it to its translations"
