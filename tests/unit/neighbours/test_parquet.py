"""Vectors from Parquet, and neighbours into it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch, MissingExtra
from lookalike.neighbours.arrays import open_vectors
from lookalike.neighbours.knn import knn
from tests.unit.neighbours.vector_files import vectors

pa: Any = pytest.importorskip("pyarrow", reason="needs pyarrow, the extra parquet")
pq: Any = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow, the extra parquet")


def written(path: Path, columns: dict[str, Any], *, group: int = 7) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=group)
    return path


def lists(rows: Any, kind: Any = None) -> Any:
    return pa.array([None if row is None else list(row) for row in rows], kind or pa.list_(pa.float32()))


@pytest.mark.parametrize(
    "kind", ["list of float", "fixed list of double", "large list of int16", "fixed list of half", "list of uint8"]
)
def test_lists_of_numbers_of_any_kind_are_vectors(tmp_path: Path, kind: str) -> None:
    N, D = 31, 3
    numbers = np.random.default_rng(0).integers(0, 9, (N, D))
    kinds = {
        "list of float": pa.list_(pa.float32()),
        "fixed list of double": pa.list_(pa.float64(), D),
        "large list of int16": pa.large_list(pa.int16()),
        "fixed list of half": pa.list_(pa.float16(), D),
        "list of uint8": pa.list_(pa.uint8()),
    }
    rows = numbers.astype(np.float16) if "half" in kind else numbers.tolist()
    path = written(tmp_path / "base", {"id": list(range(N)), "vector": lists(rows, kinds[kind])})
    opened = open_vectors(path, name="base")
    types = {"float": np.float32, "double": np.float64, "int16": np.int16, "half": np.float16, "uint8": np.uint8}
    assert opened.dtype == types[kind.rsplit(" ", 1)[1]]
    np.testing.assert_array_equal(opened, numbers)


def test_the_column_is_the_named_one_else_vector_else_the_only_one(tmp_path: Path) -> None:
    one, two = vectors(5, 2), vectors(5, 2, seed=1)
    both = written(
        tmp_path / "both",
        {"other": lists(one), "vector": lists(two), "names": lists([["a"]] * 5, pa.list_(pa.string()))},
    )
    np.testing.assert_array_equal(open_vectors(both, name="base"), two)
    np.testing.assert_array_equal(open_vectors(both, name="base", column="other"), one)
    only = written(tmp_path / "only", {"id": list(range(5)), "embedding": lists(one)})
    np.testing.assert_array_equal(open_vectors(only, name="base"), one)


@pytest.mark.parametrize("column", [None, "vektor", "id"])
def test_a_column_that_is_not_there_lists_those_that_are(tmp_path: Path, column: str | None) -> None:
    path = written(tmp_path / "base", {"id": [1, 2], "a": lists(vectors(2, 2)), "b": lists(vectors(2, 2))})
    with pytest.raises(BadInput, match=r"got the columns id \(int64\), a \(list.*\), b .*--column"):
        open_vectors(path, name="base", column=column)


def test_lists_of_other_lengths_and_missing_values_are_refused_with_their_row(tmp_path: Path) -> None:
    N, bad = 20, 13
    rows: list[Any] = vectors(N, 2).tolist()
    for value, error, said in (
        ([1.0], DimensionMismatch, "lists of 2 numbers as in row 0, but row 13 has 1"),
        ([], DimensionMismatch, "row 13 has 0"),
        (None, BadVectors, "a vector in every row, but row 13 has none"),
        ([1.0, None], BadVectors, "numbers, but row 13 holds a missing one"),
    ):
        path = written(tmp_path / "base", {"vector": lists([*rows[:bad], value, *rows[bad + 1 :]])})
        with pytest.raises(error, match=said):
            open_vectors(path, name="base")


def test_a_missing_fixed_list_is_refused_too(tmp_path: Path) -> None:
    path = written(tmp_path / "base", {"vector": lists([[1, 2], None], pa.list_(pa.float32(), 2))})
    with pytest.raises(BadVectors, match="row 1"):
        open_vectors(path, name="base")


def test_empty_tables_have_no_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "base", {"vector": lists([], pa.list_(pa.float32(), 4))})
    assert open_vectors(path, name="base").shape == (0, 4)
    with pytest.raises(BadInput, match="at least one row"):
        knn(path, vectors(1, 4))


def test_lists_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DimensionMismatch, match="at least one number"):
        open_vectors(written(tmp_path / "base", {"vector": lists([[], []])}), name="base")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "base", {"vector": lists(vectors(500, 8))}).read_bytes()
    for length in (4, 50, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(BadInput, match="the Parquet file cannot be read"):
            open_vectors(tmp_path / "cut", name="base")


def test_a_budget_that_is_too_small_for_the_vectors_names_the_least(tmp_path: Path) -> None:
    path = written(tmp_path / "base", {"vector": lists(vectors(50, 8))})
    with pytest.raises(BadInput, match=r"at least 1600 bytes, got 1599.*\.npy"):
        open_vectors(path, name="base", memory_bytes=1599)
    assert open_vectors(path, name="base", memory_bytes=1600).shape == (50, 8)


def test_neighbours_go_into_parquet_and_come_back(tmp_path: Path) -> None:
    N, D, k = 12, 3, 2
    base = vectors(N, D)
    for metric, measure in (("cosine", "similarity"), ("l2", "distance")):
        found = knn(written(tmp_path / "base", {"vector": lists(base)}), base[:5], k, metric=metric)
        table = pq.read_table(found.to_parquet(tmp_path / "found.anything"))
        assert table.column_names == ["query", "rank", "row", measure]
        np.testing.assert_array_equal(table["query"].to_numpy().reshape(5, k)[:, 0], np.arange(5))
        np.testing.assert_array_equal(table["rank"].to_numpy().reshape(5, k), [[1, 2]] * 5)
        np.testing.assert_array_equal(table["row"].to_numpy().reshape(5, k), found.rows)
        np.testing.assert_array_equal(table[measure].to_numpy().reshape(5, k), found.values)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "found.anything"]


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "base", {"vector": lists(vectors(5, 2))})
    found = knn(path, path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (lambda: knn(path, path), lambda: found.save(tmp_path / "found.parquet")):
        with pytest.raises(MissingExtra, match=r"pip install .*\[parquet\]'"):
            call()
