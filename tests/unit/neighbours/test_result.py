"""Neighbours as a table."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.core.errors import BadInput, MissingExtra, StorageFailed, WouldOverwrite
from lookalike.core.metrics import Metric
from lookalike.neighbours import result as knn_result
from lookalike.neighbours.result import KnnResult


def result(metric: Metric = Metric.COSINE) -> KnnResult:
    """Two queries, of which the second has one neighbour only."""
    rows, values = np.array([[4, 2], [7, -1]]), np.array([[0.9, 0.25], [0.1, -np.inf]], np.float32)
    return KnnResult(rows=rows, values=values, metric=metric, device="cpu", seconds=0.1, proven=1.0)


def test_the_table_has_a_line_for_each_neighbour_and_none_for_padding() -> None:
    columns = {name: column.tolist() for name, column in result().columns().items()}
    assert columns.pop("similarity") == pytest.approx([0.9, 0.25, 0.1])
    assert columns == {"query": [0, 0, 1], "rank": [1, 2, 1], "row": [4, 2, 7]}
    assert list(result(Metric.L2).columns(1, 2)["query"]) == [1]
    assert list(result(Metric.L2).columns()) == ["query", "rank", "row", "distance"]


def test_csv_holds_the_values_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knn_result, "_QUERIES_AT_ONCE", 1)
    path = result().save(tmp_path / "found.CSV")
    lines = path.read_text().splitlines()
    assert lines[0] == "query,rank,row,similarity"
    assert [line.split(",")[:3] for line in lines[1:]] == [["0", "1", "4"], ["0", "2", "2"], ["1", "1", "7"]]
    assert np.float32(lines[1].split(",")[3]) == np.float32(0.9)


def test_pandas_gets_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="needs pandas, the extra pandas")
    assert result().to_pandas()["row"].tolist() == [4, 2, 7]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"\[pandas\]"):
        result().to_pandas()


@pytest.mark.parametrize("name", ["found.xlsx", "found", "found.npy"])
def test_an_ending_that_is_not_known_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"to end in \.parquet or \.csv"):
        result().save(tmp_path / name)


def test_a_folder_that_is_not_there_or_a_file_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for name, said in (("none/found.csv", "there is no folder"), ("folder.csv", "it is a folder")):
        with pytest.raises(StorageFailed, match=said):
            result().save(tmp_path / name)


def test_a_folder_that_cannot_be_written_keeps_what_is_there(
    tmp_path: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    result().save(tmp_path / "found.csv")
    old = (tmp_path / "found.csv").read_text()
    folder = read_only_folder(tmp_path)
    with pytest.raises(StorageFailed, match=r"found\.csv: cannot be written"):
        result().save(folder / "found.csv")
    assert (folder / "found.csv").read_text() == old
    assert [path.name for path in folder.iterdir()] == ["found.csv"]


def test_a_full_disk_leaves_nothing_behind(small_disk: Path) -> None:
    N = 200_000
    rows, values = np.arange(2 * N).reshape(N, 2), np.random.default_rng(0).random((N, 2)).astype(np.float32)
    large = KnnResult(rows=rows, values=values, metric=Metric.L2, device="cpu", seconds=0.1, proven=1.0)
    with pytest.raises(StorageFailed, match="No space left"):
        large.save(small_disk / "found.csv")
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("name", ["found.csv", "found.parquet"])
def test_a_table_takes_the_place_of_a_table_only(tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow, the extra parquet")
    result().save(tmp_path / name)
    result(Metric.L2).save(tmp_path / name)
    for mine in (replace(result(), searched=(str(tmp_path / name),)), result()):
        with pytest.raises(WouldOverwrite, match=r"is a file that is searched|is not a table of neighbours"):
            mine.save(tmp_path / name)
        (tmp_path / name).write_bytes(b"mine")
    assert (tmp_path / name).read_bytes() == b"mine"
    assert result().save(tmp_path / name, force=True).stat().st_size > 10
