"""`lookalike knn`: vectors in, neighbours out; every failure is one line with the exit code of its kind."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lookalike.core.metrics import Metric
from tests.e2e.conftest import Command
from tests.unit.neighbours.vector_files import neighbours, saved, vectors

N, D, Q = 40, 5, 14


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with `base.npy` and `queries.npy`."""
    saved(tmp_path / "base.npy", vectors(N, D))
    saved(tmp_path / "queries.npy", vectors(Q, D, seed=1))
    return tmp_path


def test_a_table_goes_to_standard_output_and_what_was_done_to_standard_error(command: Command, files: Path) -> None:
    outcome = command("knn", files / "base.npy", files / "queries.npy", "-k", "2")
    rows, values = neighbours(vectors(N, D), vectors(Q, D, seed=1), 2, Metric.COSINE)
    lines = [line.split() for line in outcome.text.splitlines()]
    assert outcome.code == 0
    assert lines[0] == ["query", "rank", "row", "similarity"]
    assert len(lines) == 1 + 2 * Q
    assert lines[1][:3] == ["0", "1", str(rows[0, 0])]
    assert float(lines[1][3]) == pytest.approx(values[0, 0], rel=1e-5)
    assert "Found the neighbours of 14 vectors on cpu in" in outcome.stderr


def test_json_holds_the_neighbours_and_how_they_were_found(command: Command, files: Path) -> None:
    outcome = command("knn", files / "base.npy", files / "queries.npy", "--metric", "l2", "--json", "--quiet")
    told = json.loads(outcome.stdout)
    rows, _ = neighbours(vectors(N, D), vectors(Q, D, seed=1), 3, Metric.L2)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert [[one["row"] for one in query] for query in told["neighbours"]] == rows.tolist()
    assert set(told["neighbours"][0][0]) == {"row", "distance"}
    assert (told["metric"], told["device"], told["queries"], told["notes"]) == ("l2", "cpu", Q, [])
    assert (told["comparison"], told["output"]) == (None, None)


def test_all_neighbours_go_into_a_file(command: Command, files: Path) -> None:
    out = files / "found.csv"
    outcome = command("knn", files / "base.npy", files / "base.npy", "--exclude-self", "-o", out)
    with out.open() as file:
        lines = list(csv.DictReader(file))
    rows, _ = neighbours(vectors(N, D), vectors(N, D), 3, Metric.COSINE, exclude_self=True)
    assert (outcome.code, outcome.stdout) == (0, b"")
    assert [int(line["row"]) for line in lines] == rows.flatten().tolist()
    assert str(out) in outcome.stderr
    told = json.loads(command("knn", files / "base.npy", files / "base.npy", "-o", out, "--json").stdout)
    assert told["output"] == str(out)
    assert "neighbours" not in told


def test_a_comparison_tells_the_time_and_whether_all_agree(command: Command, files: Path) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn, the extra compare")
    arguments = ("knn", files / "base.npy", files / "queries.npy", "--compare", "sklearn")
    assert "all values agree within 1e-05" in command(*arguments).stderr
    told = json.loads(command(*arguments, "--json").stdout)["comparison"]
    assert told["agrees"] is True
    assert told["peer"].startswith("scikit-learn")


def test_parquet_is_read_by_column(command: Command, files: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow, the extra parquet")
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow, the extra parquet")
    pq.write_table(pa.table({"a": [[1.0, 0.0], [0.0, 1.0]], "b": [[3.0], [4.0]]}), files / "base.parquet")
    base = files / "base.parquet"
    told = json.loads(command("knn", base, base, "-k", "1", "--column", "a", "--json").stdout)
    assert told["neighbours"] == [[{"row": 0, "similarity": 1.0}], [{"row": 1, "similarity": 1.0}]]
    outcome = command("knn", base, base, "--column", "c")
    assert outcome.code == 65
    assert "got the columns a (list" in outcome.stderr


def test_more_neighbours_than_rows_are_said(command: Command, files: Path) -> None:
    outcome = command("knn", files / "base.npy", files / "queries.npy", "-k", "50")
    assert outcome.code == 0
    assert "k is 50, but there are 40 rows to choose from" in outcome.stderr
    assert len(outcome.text.splitlines()) == 1 + Q * N


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["knn", "base.npy"], 2, "Missing argument 'QUERIES'"),
        (["knn", "base.npy", "queries.npy", "-k", "0"], 2, "0 is not in the range"),
        (["knn", "base.npy", "queries.npy", "--metric", "l1"], 2, "'l1' is not one of"),
        (["knn", "base.npy", "none.npy"], 65, "there is no such file"),
        (["knn", "base.npy", "wide.npy"], 65, "as wide as the base, 5 numbers, got 6"),
        (["knn", "base.npy", "nan.npy"], 65, "row 3 holds NaN"),
        (["knn", "nan.npy", "base.npy"], 65, "row 3 holds NaN"),
        (["knn", "base.npy", "objects.npy"], 65, "not unpickled"),
        (["knn", "base.npy", "flat.npy"], 65, "reshape"),
        (["knn", "base.npy", "queries.npy", "--exclude-self"], 65, "the same base and queries"),
        (["knn", "base.npy", "queries.npy", "--memory", "10"], 65, "at least"),
        (["knn", "base.npy", "queries.npy", "-o", "found.txt"], 65, "end in .parquet or .csv"),
        (["knn", "base.npy", "queries.npy", "-o", "none/found.csv"], 74, "there is no folder"),
    ],
)
def test_what_goes_wrong_is_one_line(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    nan = vectors(6, D)
    nan[3, 2] = np.nan
    saved(files / "nan.npy", nan)
    saved(files / "wide.npy", vectors(4, D + 1))
    saved(files / "flat.npy", vectors(4, D)[0])
    np.save(files / "objects.npy", np.array([[None, "x"]], object), allow_pickle=True)
    monkeypatch.chdir(files)
    outcome = command(*arguments)
    assert (outcome.code, outcome.stdout) == (code, b"")
    assert said in outcome.stderr
    assert outcome.stderr.startswith("lookalike: ")
    assert outcome.stderr.count("\n") == 1
