"""An index is built in pieces within a budget, measured, and goes on after a kill at any stage."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadInput, StorageFailed
from lookalike.index.exact import ExactIndex

pytest.importorskip("faiss", reason="needs FAISS")

from lookalike.index.faiss import FaissIndex, build_index, building, workplace
from lookalike.index.faiss.factory import check_factory
from lookalike.index.faiss.workplace import Workplace

N, D, k = 5000, 16, 10


def vectors(N: int = N, *, seed: int = 0) -> Any:
    """Around some centres, so that lists have something to find."""
    centres = np.random.default_rng(77).standard_normal((60, D))
    rng = np.random.default_rng(seed)
    rows = centres[rng.integers(0, 60, N)] + 0.5 * rng.standard_normal((N, D))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


ROWS, KEYS = vectors(), np.arange(N) * 3
QUERIES = vectors(100, seed=1)


class Killed(BaseException):
    """As sudden as a kill: nobody may catch it."""


def batches(size: int = 700, *, kill_after: int | None = None) -> Any:
    def each() -> Iterator[Any]:
        for start in range(0, N, size):
            yield KEYS[start : start + size], ROWS[start : start + size]

    return each


def recall(index: FaissIndex, wanted: float | None = None) -> float:
    exact = ExactIndex(D)
    exact.upsert(KEYS, ROWS)
    truth = exact.search(QUERIES, k).keys
    found = index.search(QUERIES, k, recall=wanted).keys
    return float(np.mean([np.isin(one, other).mean() for one, other in zip(truth, found, strict=True)]))


def test_the_recall_that_is_promised_is_kept_on_queries_that_nobody_has_seen() -> None:
    index = build_index(batches(), count=N, dimension=D, recall=0.95)
    assert index.points
    assert index.recall >= 0.95
    assert recall(index) >= 0.93
    for point in index.points:
        assert recall(index, point.recall) >= point.recall - 0.03
    assert recall(index, 1.0) == 1.0


@pytest.mark.parametrize("factory", ["Flat", "IVF16,Flat", "HNSW16", "IVF16,SQ8", "Shards2,IVF8,Flat", "PQ4x4fs"])
def test_an_expert_gets_the_structure_that_was_named(
    factory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # where a workplace is given, that is enough
    index = build_index(batches(), count=N, dimension=D, factory=factory, workplace=tmp_path)
    assert index.parameters["factory"] == factory
    assert recall(index, 1.0) == 1.0
    assert recall(index) > 0.7
    index.upsert(np.array([1]), QUERIES[:1])
    assert index.search(QUERIES[:1], 1, recall=1.0).keys[0, 0] == 1


@pytest.mark.parametrize("factory", ["nonsense", "IVF100000,Flat", "PQ5", "IVF4,", ""])
def test_what_faiss_refuses_is_told_with_its_reason(factory: str) -> None:
    with pytest.raises(BadInput, match="expected a factory string that FAISS understands"):
        build_index(batches(), count=N, dimension=D, factory=factory)


@pytest.mark.parametrize("factory", ["nonsense", "PQ5", "IVF4,", "", "LSH", "Shards0,Flat"])
def test_what_can_never_be_built_is_told_without_any_vector(factory: str) -> None:
    with pytest.raises(BadInput, match=r"expected (a factory string that FAISS understands|at least one shard)"):
        check_factory(factory, dimensions=(D, 2 * D))


@pytest.mark.parametrize("factory", ["Flat", "IVF100000,Flat", "Shards2,IVF8,PQ5", "IDMap,HNSW16", "SQ8,RFlat"])
def test_what_fits_one_of_the_widths_may_be_built(factory: str) -> None:
    check_factory(factory, dimensions=(D, 5 * D))


def test_a_budget_that_is_too_small_is_told_with_the_least_that_is_enough() -> None:
    with pytest.raises(BadInput, match=r"expected at least \d+M of memory .* got 1M") as refused:
        build_index(batches(), count=N, dimension=D, memory_bytes=2**20)
    enough = int(str(refused.value).split("at least ")[1].split("M")[0])
    assert len(build_index(batches(), count=N, dimension=D, memory_bytes=enough * 2**20)) == N


def test_nothing_cannot_be_built() -> None:
    with pytest.raises(BadInput, match="expected vectors to index, got none"):
        build_index(lambda: iter(()), count=0, dimension=D)


STAGES = ["train", "trained", "fill 0", "fill 3", "fill last", "keep", "measure"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_build_that_was_killed_goes_on_and_gives_the_same_index(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_KEPT_EVERY", 1500)
    whole = build_index(batches(), count=N, dimension=D)
    with monkeypatch.context() as patch:
        _kill_at(stage, patch)
        with pytest.raises(Killed):
            build_index(batches(), count=N, dimension=D, workplace=tmp_path, subject="s")
    trained_again = []
    with monkeypatch.context() as patch:
        train = building._train
        patch.setattr(building, "_train", lambda *a: trained_again.append(1) or train(*a))
        index = build_index(batches(), count=N, dimension=D, workplace=tmp_path, subject="s")
    assert bool(trained_again) == (stage in ("train", "trained"))
    assert len(index) == N
    for one, other in zip(index.search(QUERIES, k), whole.search(QUERIES, k), strict=True):
        np.testing.assert_array_equal(one, other)


def _kill_at(stage: str, patch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    if stage == "train":
        patch.setattr(FaissIndex, "train", killed)
    if stage == "trained":
        patch.setattr(Workplace, "_note", killed)
    if stage.startswith("fill"):
        wanted = {"fill 0": 0, "fill 3": 3, "fill last": 7}[stage]
        append, seen = Workplace.append, []

        def append_some(self: Workplace, *a: Any, **b: Any) -> None:
            if len(seen) == wanted:
                raise Killed
            seen.append(1)
            append(self, *a, **b)

        patch.setattr(Workplace, "append", append_some)
    if stage == "keep":
        notes, note = [], Workplace._note

        def note_some(self: Workplace, state: Any) -> None:
            if len(notes) == 2:
                raise Killed
            notes.append(1)
            note(self, state)

        patch.setattr(Workplace, "_note", note_some)
    if stage == "measure":
        patch.setattr(building, "measure_operating_points", killed)


def test_another_subject_begins_from_the_beginning(tmp_path: Path) -> None:
    build_index(batches(), count=N, dimension=D, workplace=tmp_path, subject="one")
    place = Workplace(tmp_path, subject="other", dimension=D)
    assert (place.state.done, place.state.parameters) == (0, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"subject": "s"}', '{"subject": "s", "parameters": {}, "more": 1}']
)
def test_a_state_that_cannot_be_read_begins_from_the_beginning(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    assert Workplace(tmp_path, subject="s", dimension=D).state.done == 0


def test_a_workplace_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot be built in"):
        workplace.Workplace(tmp_path / "file" / "x", subject="s", dimension=D)


def test_the_files_may_be_deleted_once_it_is_built(tmp_path: Path) -> None:
    index = build_index(batches(), count=N, dimension=D, workplace=tmp_path, subject="s")
    before = index.search(QUERIES, k)
    shutil.rmtree(tmp_path)
    np.testing.assert_array_equal(index.search(QUERIES, k).keys, before.keys)


def test_few_vectors_need_little_memory() -> None:
    with pytest.raises(BadInput, match="got 1M") as refused:
        build_index(batches(), count=12, dimension=1280, factory="IVF4,Flat", memory_bytes=2**20)
    assert int(str(refused.value).split("at least ")[1].split("M")[0]) < 100
