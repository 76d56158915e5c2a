"""A further model's projection: when there is one, what it is learnt from, and that reranked are given after it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors, normalise
from lookalike.further import reranker_projection
from lookalike.further.reranker_projection import RerankerProjection
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

    found = RerankerProjection(parts.catalog, "fine").get()

    assert found is not None
    assert wanted is not None
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-6)
    np.testing.assert_allclose(np.abs(found.components), np.abs(wanted.components), atol=1e-4)


@pytest.mark.parametrize(("pictures", "finer"), [(255, 255), (600, 299), (600, 0)])
def test_of_few_vectors_nothing_is_learnt(parts: Parts, pictures: int, finer: int) -> None:
    fill(parts, range(pictures), finer=finer)

    assert RerankerProjection(parts.catalog, "fine").get() is None


def test_a_model_that_the_collection_does_not_know_has_none(parts: Parts) -> None:
    assert RerankerProjection(parts.catalog, "other").get() is None


def test_it_is_learnt_once_and_again_when_there_are_twice_as_many(parts: Parts) -> None:
    fill(parts, range(N), finer=N)
    projection = RerankerProjection(parts.catalog, "fine")
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

    monkeypatch.setattr(reranker_projection, "learn", learn_and_note)
    return learnt


def next_process(parts: Parts, folder: Path | None = None, *, name: str = "fine") -> Projection | None:
    return RerankerProjection(parts.catalog, name, folder=folder).get()


def assert_equal(one: Projection | None, other: Projection | None) -> None:
    assert one is not None
    assert other is not None
    assert one.learnt_from == other.learnt_from
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.components, other.components)


def test_the_next_process_does_not_learn_and_has_the_same(parts: Parts, learning: list[int]) -> None:
    fill(parts, range(N), finer=N)
    first = next_process(parts)
    fill(parts, range(N, N + 100), finer=100)
    second = next_process(parts)

    assert learning == [N]
    assert_equal(first, second)
    assert parts.catalog.projection_version(model="fine") == 1
    assert parts.catalog.projection_version() == 0


def test_the_next_process_learns_when_there_are_twice_or_half_as_many(parts: Parts, learning: list[int]) -> None:
    fill(parts, range(N), finer=N)
    next_process(parts)
    fill(parts, range(N, 2 * N), finer=N)
    next_process(parts)
    next_process(parts)
    assert learning == [N, 2 * N]
    with parts.catalog.transaction() as transaction:
        transaction.remove_images([image_id(n) for n in range(N, 2 * N)])
    next_process(parts)

    assert learning == [N, 2 * N, N]


def test_that_nothing_could_be_learnt_is_kept_too(parts: Parts, learning: list[int]) -> None:
    fill(parts, range(N), finer=0)
    with parts.catalog.transaction() as transaction:
        keys = sorted(parts.catalog.keys([image_id(n) for n in range(N)]).values())
        transaction.put_model_vectors("fine", keys, np.ones((N, WIDTH), np.float16))

    assert next_process(parts) is None
    assert next_process(parts) is None
    assert learning == [N]


def test_where_the_catalog_cannot_be_written_it_is_learnt_and_not_kept(tmp_path: Path, learning: list[int]) -> None:
    fill(new_parts(tmp_path), range(N), finer=N)
    with SqliteCatalog.open(tmp_path / "catalog.sqlite", read_only=True) as reading:
        assert RerankerProjection(reading, "fine").get() is not None
        assert reading.projection_version(model="fine") == 0
    assert next_process(new_parts(tmp_path)) is not None
    with SqliteCatalog.open(tmp_path / "catalog.sqlite", read_only=True) as reading:
        assert RerankerProjection(reading, "fine").get() is not None
    assert learning == [N, N]


# What 0.1.0 kept in a file


def keep_as_0_1_0(parts: Parts, folder: Path, learnt: Projection | None, *, images: int = N, **facts: Any) -> Path:
    seq, lineage = parts.catalog.cursor().split(" ")
    arrays = {"mean": learnt.mean, "components": learnt.components} if learnt else {}
    said = {"model_id": "f" * 64, "seq": int(seq), "lineage": lineage, "images": images, "version": 1}
    said |= {"learnt_from": learnt.learnt_from if learnt else 0, **facts}
    content = io.BytesIO()
    np.savez(content, facts=np.array(json.dumps(said)), **arrays)
    folder.mkdir(exist_ok=True)
    file = folder / f"{'f' * 64}.projection"
    file.write_bytes(hashlib.sha256(content.getvalue()).hexdigest().encode() + b"\n" + content.getvalue())
    return file


@pytest.fixture
def earlier() -> Projection:
    """Learnt from other vectors, so that one can see whose it is."""
    projection = learn([finer_vectors(N)[::-1] * np.float32(0.5)], count=N)
    assert projection is not None
    return projection


def test_what_0_1_0_had_learnt_is_used_and_becomes_the_first_version(
    parts: Parts, tmp_path: Path, earlier: Projection, learning: list[int]
) -> None:
    fill(parts, range(N), finer=N)
    file = keep_as_0_1_0(parts, tmp_path / "models", earlier)

    assert_equal(next_process(parts, tmp_path / "models"), earlier)
    file.unlink()
    assert_equal(next_process(parts, tmp_path / "models"), earlier)
    assert (learning, parts.catalog.projection_version(model="fine")) == ([], 1)


def test_that_0_1_0_could_learn_nothing_is_taken_over(parts: Parts, tmp_path: Path, learning: list[int]) -> None:
    fill(parts, range(N), finer=N)
    keep_as_0_1_0(parts, tmp_path / "models", None)
    assert next_process(parts, tmp_path / "models") is None
    assert (learning, parts.catalog.projection_version(model="fine")) == ([], 1)


@pytest.mark.parametrize(
    "facts",
    [{"images": 2 * N}, {"images": N // 2}, {"model_id": "e" * 64}, {"lineage": "of another history"}, {"version": 9}],
)
def test_what_does_not_fit_this_collection_is_learnt_anew(
    parts: Parts, tmp_path: Path, earlier: Projection, learning: list[int], facts: dict[str, Any]
) -> None:
    fill(parts, range(N), finer=N)
    keep_as_0_1_0(parts, tmp_path / "models", earlier, **facts)
    assert next_process(parts, tmp_path / "models") is not None
    assert learning == [N]


@pytest.mark.parametrize("part", range(8))
def test_a_damaged_file_is_noticed_and_learnt_again(
    parts: Parts, tmp_path: Path, earlier: Projection, learning: list[int], part: int
) -> None:
    fill(parts, range(N), finer=N)
    file = keep_as_0_1_0(parts, tmp_path / "models", earlier)
    content = bytearray(file.read_bytes())
    content[part * (len(content) - 1) // 7] ^= 0x10
    file.write_bytes(content)

    assert next_process(parts, tmp_path / "models") is not None
    assert learning == [N]


@pytest.mark.parametrize("content", [b"", b"\n", b"no projection"])
def test_a_file_that_is_none_is_noticed(parts: Parts, tmp_path: Path, learning: list[int], content: bytes) -> None:
    fill(parts, range(N), finer=N)
    digest = hashlib.sha256(content).hexdigest().encode()
    (tmp_path / f"{'f' * 64}.projection").write_bytes(digest + b"\n" + content)

    assert next_process(parts, tmp_path) is not None
    assert learning == [N]


def test_the_catalogs_version_goes_before_the_file(parts: Parts, tmp_path: Path, earlier: Projection) -> None:
    fill(parts, range(N), finer=N)
    first = next_process(parts)
    keep_as_0_1_0(parts, tmp_path / "models", earlier)
    assert_equal(next_process(parts, tmp_path / "models"), first)
