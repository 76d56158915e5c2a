"""Vectors are written out once, and taken again only where they are whole and the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import StorageFailed
from lookalike.view.laid_out_vectors import lay_out_vectors

N, D = 25, 3
KEYS = np.arange(N) * 2 + 1
VECTORS = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)


class Source:
    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> Iterator[Any]:
        self.asked += 1
        for start in range(0, N, 10):
            yield KEYS[start : start + 10], VECTORS[start : start + 10]


def test_what_was_written_is_read_and_not_written_again(tmp_path: Path) -> None:
    source = Source()
    for _ in range(2):
        found = lay_out_vectors(source, tmp_path / "a", subject="s", dimension=D)
        np.testing.assert_array_equal(found.keys, KEYS)
        np.testing.assert_array_equal(found.vectors, VECTORS)
    assert source.asked == 1
    for _ in range(2):
        parts = list(found.batches())
        np.testing.assert_array_equal(np.concatenate([rows for _, rows in parts]), VECTORS)


@pytest.mark.parametrize(
    "harm", ["another subject", "cut short", "longer", "no vectors", "killed before the end", "no JSON"]
)
def test_what_is_not_whole_or_of_another_subject_is_written_anew(tmp_path: Path, harm: str) -> None:
    source = Source()
    lay_out_vectors(source, tmp_path, subject="s", dimension=D)
    vectors = tmp_path / "vectors.bin"
    if harm == "cut short":
        vectors.write_bytes(vectors.read_bytes()[:-4])
    if harm == "longer":
        vectors.write_bytes(vectors.read_bytes() + b"1234")
    if harm == "no vectors":
        vectors.unlink()
    if harm == "killed before the end":
        (tmp_path / "laid_out.json").unlink()
    if harm == "no JSON":
        (tmp_path / "laid_out.json").write_text("{")
    found = lay_out_vectors(source, tmp_path, subject="another" if harm == "another subject" else "s", dimension=D)
    assert source.asked == 2
    np.testing.assert_array_equal(found.vectors, VECTORS)


def test_no_vectors_are_laid_out_as_none(tmp_path: Path) -> None:
    found = lay_out_vectors(lambda: iter(()), tmp_path, subject="s", dimension=D)
    assert (found.keys.shape, found.vectors.shape) == ((0,), (0, D))
    assert list(found.batches()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot be laid out in"):
        lay_out_vectors(Source(), tmp_path / "file" / "x", subject="s", dimension=D)
