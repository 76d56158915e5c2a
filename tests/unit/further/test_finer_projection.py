"""A further model's projection: when there is one, what it is learnt from, and that opinions are given after it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors, normalise
from lookalike.further import finer_projection
from lookalike.further.finer_projection import FinerProjection
from lookalike.index.projection import Projection, learn
from lookalike.parts.parts import Parts
from tests.collections import D, new_parts

N, WIDTH = 300, 24


def image_id(n: int) -> str:
    return f"{n:064x}"


def finer_vectors(count: int) -> Vectors:
    return normalise(np.random.default_rng(3).normal(1, 1, size=(count, WIDTH)).astype(np.float32))


def fill(parts: Parts, numbers: Any, *, finer: int) -> None:
    """Pictures of which the first `finer` have a vector of the further model."""
    numbers = list(numbers)
    with parts.catalog.transaction() as transaction:
        records = [ImageRecord(image_id(n), 10, 10, "png", 1) for n in numbers]
        keys = transaction.put_images(records, np.ones((len(numbers), D), np.float16))
    parts.catalog.add_further_model("fine", "f" * 64, WIDTH)
    with parts.catalog.transaction() as transaction:
        vectors = finer_vectors(max(numbers) + 1)[numbers].astype(np.float16)
        transaction.put_model_vectors("fine", keys[:finer], vectors[:finer])


@pytest.fixture(params=["sqlite", "memory"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    return new_parts(tmp_path if request.param == "sqlite" else None)


def test_it_is_what_a_collection_of_these_vectors_would_learn(parts: Parts) -> None:
    fill(parts, range(N), finer=N)
    stored = normalise(finer_vectors(N).astype(np.float16).astype(np.float32))
    wanted = learn([stored], count=N)

    found = FinerProjection(parts.catalog, "fine").get()

    assert found is not None
    assert wanted is not None
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-6)
    np.testing.assert_allclose(np.abs(found.components), np.abs(wanted.components), atol=1e-4)


@pytest.mark.parametrize(("pictures", "finer"), [(255, 255), (600, 299), (600, 0)])
def test_of_few_vectors_nothing_is_learnt(parts: Parts, pictures: int, finer: int) -> None:
    fill(parts, range(pictures), finer=finer)

    assert FinerProjection(parts.catalog, "fine").get() is None


def test_a_model_that_the_collection_does_not_know_has_none(parts: Parts) -> None:
    assert FinerProjection(parts.catalog, "other").get() is None


def test_it_is_learnt_once_and_again_when_there_are_twice_as_many(parts: Parts) -> None:
    fill(parts, range(N), finer=N)
    projection = FinerProjection(parts.catalog, "fine")
    first = projection.get()
    fill(parts, range(N, N + 100), finer=100)
    assert projection.get() is first
    fill(parts, range(N + 100, 2 * N), finer=N)

    assert projection.get() is not first


# Kept for the next process


@pytest.fixture
def learning(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From how many vectors something was learnt, each time."""
    learnt: list[int] = []

    def learn_and_note(batches: Any, *, count: int) -> Projection | None:
        learnt.append(count)
        return learn(batches, count=count)

    monkeypatch.setattr(finer_projection, "learn", learn_and_note)
    return learnt


def next_process(parts: Parts, folder: Path, *, name: str = "fine", may_write: bool = True) -> Projection | None:
    return FinerProjection(parts.catalog, name, folder=folder, may_write=may_write).get()


def assert_equal(one: Projection | None, other: Projection | None) -> None:
    assert one is not None
    assert other is not None
    assert one.learnt_from == other.learnt_from
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.components, other.components)


def test_the_next_process_does_not_learn_and_has_the_same(parts: Parts, tmp_path: Path, learning: list[int]) -> None:
    fill(parts, range(N), finer=N)
    first = next_process(parts, tmp_path / "kept")
    fill(parts, range(N, N + 100), finer=100)
    second = next_process(parts, tmp_path / "kept")

    assert learning == [N]
    assert_equal(first, second)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{'f' * 64}.projection"]


def test_the_next_process_learns_when_there_are_twice_or_half_as_many(
    parts: Parts, tmp_path: Path, learning: list[int]
) -> None:
    fill(parts, range(N), finer=N)
    next_process(parts, tmp_path)
    fill(parts, range(N, 2 * N), finer=N)
    next_process(parts, tmp_path)
    next_process(parts, tmp_path)
    assert learning == [N, 2 * N]
    with parts.catalog.transaction() as transaction:
        transaction.remove_images([image_id(n) for n in range(N, 2 * N)])
    next_process(parts, tmp_path)

    assert learning == [N, 2 * N, N]


@pytest.mark.parametrize("part", range(8))
def test_a_damaged_file_is_noticed_and_learnt_again(
    parts: Parts, tmp_path: Path, learning: list[int], part: int
) -> None:
    fill(parts, range(N), finer=N)
    first = next_process(parts, tmp_path)
    (file,) = tmp_path.glob("*.projection")
    content = bytearray(file.read_bytes())
    content[part * (len(content) - 1) // 7] ^= 0x10
    file.write_bytes(content)

    assert_equal(first, next_process(parts, tmp_path))
    next_process(parts, tmp_path)
    assert learning == [N, N]


@pytest.mark.parametrize("content", [b"", b"\n", b"no projection"])
def test_a_file_that_is_none_is_noticed(parts: Parts, tmp_path: Path, learning: list[int], content: bytes) -> None:
    fill(parts, range(N), finer=N)
    digest = hashlib.sha256(content).hexdigest().encode()
    (tmp_path / f"{'f' * 64}.projection").write_bytes(digest + b"\n" + content)

    assert next_process(parts, tmp_path) is not None
    assert learning == [N]


def test_that_of_another_model_or_another_collection_is_not_used(
    parts: Parts, tmp_path: Path, learning: list[int]
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "other").mkdir()
    other = new_parts(tmp_path / "other")
    for some in (other, parts):
        fill(some, range(N), finer=N)
    next_process(other, tmp_path / "kept")
    next_process(parts, tmp_path / "kept")
    assert learning == [N, N]
    (file,) = (tmp_path / "kept").glob("*.projection")
    file.rename(file.with_name(f"{'e' * 64}.projection"))
    parts.catalog.drop_further_model("fine")
    parts.catalog.add_further_model("finer", "e" * 64, WIDTH)
    with parts.catalog.transaction() as transaction:
        keys = sorted(parts.catalog.keys([image_id(n) for n in range(N)]).values())
        transaction.put_model_vectors("finer", keys, finer_vectors(N).astype(np.float16))
    next_process(parts, tmp_path / "kept", name="finer")

    assert learning == [N, N, N]


def test_where_nothing_may_be_written_it_is_read_and_not_kept(
    parts: Parts, tmp_path: Path, learning: list[int]
) -> None:
    fill(parts, range(N), finer=N)
    next_process(parts, tmp_path / "kept", may_write=False)
    assert not (tmp_path / "kept").exists()
    next_process(parts, tmp_path / "kept")
    next_process(parts, tmp_path / "kept", may_write=False)

    assert learning == [N, N]


def test_a_folder_that_cannot_be_written_costs_only_time(parts: Parts, tmp_path: Path) -> None:
    fill(parts, range(N), finer=N)
    (tmp_path / "file").write_bytes(b"")

    assert next_process(parts, tmp_path / "file") is not None


def test_that_nothing_could_be_learnt_is_kept_too(parts: Parts, tmp_path: Path, learning: list[int]) -> None:
    fill(parts, range(N), finer=0)
    with parts.catalog.transaction() as transaction:
        keys = sorted(parts.catalog.keys([image_id(n) for n in range(N)]).values())
        transaction.put_model_vectors("fine", keys, np.ones((N, WIDTH), np.float16))

    assert next_process(parts, tmp_path) is None
    assert next_process(parts, tmp_path) is None
    assert learning == [N]
