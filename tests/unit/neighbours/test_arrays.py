"""Files of vectors are read as they are, and bad ones refused with what was expected, what came and what to do."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch, LookalikeError, StorageFailed
from lookalike.neighbours.arrays import is_same, open_vectors
from tests.unit.neighbours.vector_files import saved, vectors


def test_a_npy_file_is_mapped_and_not_read(tmp_path: Path) -> None:
    N, D = 9, 4
    opened = open_vectors(saved(tmp_path / "base.npy", vectors(N, D)), name="base")
    assert isinstance(opened, np.memmap)
    np.testing.assert_array_equal(opened, vectors(N, D))


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    file = saved(tmp_path / "base.npy", vectors(3, 2)).rename(tmp_path / "base.parquet")
    assert open_vectors(file, name="base").shape == (3, 2)


def test_no_rows_are_rows_too(tmp_path: Path) -> None:
    assert open_vectors(saved(tmp_path / "none.npy", np.empty((0, 4), np.float32)), name="base").shape == (0, 4)


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_pickles_are_refused_and_not_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    objects = np.empty((1, 2), object)
    objects[:] = Trap(sprung)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(BadInput, match=r"got Python objects.*astype"):
        open_vectors(tmp_path / "objects.npy", name="base")
    with pytest.raises(BadInput, match=r"expected a \.npy or Parquet file, got something else"):
        open_vectors(tmp_path / "plain.npy", name="base")
    assert not sprung.exists()


Make = Callable[[Path], object]


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda path: None, BadInput, "there is no such file"),
        (lambda path: path.mkdir(), BadInput, "got a folder"),
        (lambda path: path.write_bytes(b""), BadInput, "got an empty file"),
        (lambda path: path.write_text("1,2,3\n"), BadInput, "got something else; save vectors with numpy.save"),
        (lambda path: path.write_bytes(b"PAR1"), BadInput, "the Parquet file cannot be read"),
        (lambda path: path.write_bytes(b"\x93NUMPY"), BadInput, "smaller than its header|not a .npy file"),
        (lambda path: saved(path, np.ones(5)), DimensionMismatch, r"\(N, D\), got \(5,\); use reshape"),
        (lambda path: saved(path, np.ones((2, 3, 4))), DimensionMismatch, r"\(N, D\), got \(2, 3, 4\)"),
        (lambda path: saved(path, np.array(7.0)), DimensionMismatch, r"\(N, D\), got \(\)"),
        (lambda path: saved(path, np.ones((4, 0))), DimensionMismatch, "at least one number"),
        (lambda path: saved(path, np.ones((2, 2), complex)), BadVectors, "real numbers, got an array of dtype complex"),
        (lambda path: saved(path, np.array([["a"]])), BadVectors, "real numbers"),
        (lambda path: saved(path, np.zeros((2, 2), "M8[s]")), BadVectors, "real numbers"),
        (lambda path: saved(path, np.zeros(2, [("x", "f4"), ("y", "f4")])), BadVectors, "fields x, y"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, make: Make, error: type, said: str) -> None:
    path = tmp_path / "base.npy"
    if "Parquet file cannot" in said:
        pytest.importorskip("pyarrow", reason="needs pyarrow, the extra parquet")
    make(path)
    with pytest.raises(error, match=said) as caught:
        open_vectors(path, name="base")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_archive_is_refused_with_what_to_do(tmp_path: Path) -> None:
    np.savez(tmp_path / "base.npz", a=vectors(2, 2))
    with pytest.raises(BadInput, match="save the array that is meant"):
        open_vectors(tmp_path / "base.npz", name="base")


def test_a_file_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = saved(tmp_path / "base.npy", vectors(20, 5)).read_bytes()
    for length in (1, 6, 8, 10, 60, 128, 129, len(whole) - 1):
        (tmp_path / "cut.npy").write_bytes(whole[:length])
        with pytest.raises(BadInput, match=r"cut\.npy"):
            open_vectors(tmp_path / "cut.npy", name="base")


def test_a_damaged_file_is_refused_or_read_as_what_it_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    whole = saved(tmp_path / "base.npy", vectors(20, 5)).read_bytes()
    for _ in range(300):
        broken = bytearray(whole)
        for place in rng.integers(0, 140, rng.integers(1, 4)):
            broken[place] = rng.integers(0, 256)
        (tmp_path / "broken.npy").write_bytes(broken)
        with suppress(LookalikeError):
            assert open_vectors(tmp_path / "broken.npy", name="base").ndim == 2


def test_a_file_that_may_not_be_read_is_a_failure_of_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "base.npy", vectors(2, 2))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StorageFailed, match="cannot be read: Permission denied"):
        open_vectors(path, name="base")


@pytest.mark.parametrize("given", [[1.0, 2.0], 3.0, [[1.0], [2.0, 3.0]], [["a", "b"]], None])
def test_what_is_no_array_of_vectors_is_refused(given: Any) -> None:
    with pytest.raises(BadVectors, match="base: expected"):
        open_vectors(given, name="base")


def test_two_names_of_a_file_are_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path / "base.npy", vectors(2, 2))
    (tmp_path / "hard.npy").hardlink_to(path)
    array = vectors(2, 2)
    assert is_same(path, str(tmp_path / "hard.npy"))
    assert is_same(array, array)
    assert not is_same(array, array.copy())
    assert not is_same(path, array)
    assert not is_same(path, tmp_path / "none.npy")


def test_files_may_be_named_from_home_and_arrays_come_from_any_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    base = np.eye(3)
    np.save(tmp_path / "base.npy", base)
    np.testing.assert_array_equal(open_vectors("~/base.npy", name="base"), base)
    with pytest.raises(BadVectors, match="base: expected an array without masked values"):
        open_vectors(np.ma.masked_equal(base, 1), name="base")
