"""The approximate engine: recall, filters, changes, what FAISS takes and refuses."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Keys, Vectors, normalise
from lookalike.index.exact import ExactIndex
from lookalike.index.faiss import FaissIndex, OperatingPoint

faiss = pytest.importorskip("faiss", reason="needs faiss-cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine the threads of these tiny tasks wait for each other a hundred times as long as they work."""
    usual = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(usual)


FACTORIES = [
    "IVF8,PQ8x4fs",
    "IVF8,Flat",
    "IVF8,SQ8",
    "IVF8,PQ4x4",
    "IVF8,PQ8x4fs,Refine(SQfp16)",
    "IVF8,RaBitQfs4",
    "IVF8_HNSW4,PQ8x4fs",
    "PCA8,IVF8,Flat",
    "HNSW8",
    "HNSW8,SQ8",
    "IDMap,Flat",
    "SQ8",
    "PQ8x4",
    "PQ8x4fs",
    "PCA8,SQ8",
    "Shards3,IVF8,PQ8x4fs",
    "Shards2,HNSW8",
]
THOROUGH = OperatingPoint(recall=0.99, gap=0.6, rerank=60, scanned=1.0)
QUICK = OperatingPoint(recall=0.7, gap=0.0, rerank=20, scanned=0.5)


def clustered(N: int, D: int, *, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((12, D))
    return normalise((centres[rng.integers(0, 12, N)] + 0.5 * rng.standard_normal((N, D))).astype(np.float32))


def built(keys: Any, vectors: Vectors, *, factory: str = "IVF8,PQ8x4fs", points: Any = (THOROUGH,)) -> FaissIndex:
    return FaissIndex.build(np.asarray(keys), vectors, factory=factory, points=points)


def oracle(keys: Any, vectors: Vectors) -> ExactIndex:
    index = ExactIndex(vectors.shape[1])
    index.upsert(np.asarray(keys), vectors)
    return index


def shared(found: Keys, truth: Keys) -> float:
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, truth, strict=True)]))


def test_importing_the_engine_does_not_import_faiss() -> None:
    code = "import sys, lookalike.index.faiss; sys.exit('faiss' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("factory", FACTORIES)
def test_any_structure_finds_changes_filters_and_is_saved(factory: str, tmp_path: Path, capfd: Any) -> None:
    N, D, k = 900, 16, 10
    keys, vectors, queries = np.arange(N) * 2 + 5, clustered(N, D), clustered(30, D, seed=1)
    index = built(keys, vectors, factory=factory)
    assert shared(index.search(queries, k).keys, oracle(keys, vectors).search(queries, k).keys) >= 0.9
    assert "compared again" in index.search(queries, k).plan

    gone, moved = keys[:200], keys[200:300]
    index.remove(gone)
    index.upsert(moved, clustered(100, D, seed=3))
    held = np.concatenate([vectors[300:], clustered(100, D, seed=3)])
    truth = oracle(np.concatenate([keys[300:], moved]), held)
    found = index.search(queries, k).keys
    assert not np.isin(found, gone).any()
    assert shared(found, truth.search(queries, k).keys) >= 0.9
    allowed = keys[::3]
    few = index.search(queries, k, among=allowed).keys
    assert np.isin(few, allowed).all()
    assert not np.isin(few, gone).any()
    assert shared(few, truth.search(queries, k, among=allowed).keys) >= 0.9

    names = index.save(tmp_path)
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    for memory_map in (False, True):
        loaded = FaissIndex.load(tmp_path, memory_map=memory_map)
        assert (len(loaded), loaded.dimension, loaded.points) == (700, D, index.points)
        assert (loaded.search(queries, k).keys == index.search(queries, k).keys).all()
        loaded.upsert(np.array([0]), queries[:1])
        assert loaded.search(queries[:1], 1).keys.tolist() == [[0]]
    assert "WARNING" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "factory",
    [
        "nonsense",
        "",
        "IVF8,",
        "IVF0,Flat",
        "IVF-4,Flat",
        "PQ3",
        "IVF100000,Flat",
        "Shards0,Flat",
        "LSH",
        "PQ8x4fs,,",
        "é",
    ],
)
def test_a_factory_string_that_faiss_refuses_is_bad_input_with_the_reason(factory: str) -> None:
    with pytest.raises(BadInput, match="expected") as refusal:
        built(np.arange(100), clustered(100, 16), factory=factory)
    assert "\n" not in str(refusal.value)
    assert repr(factory) in str(refusal.value)


def test_a_structure_that_cannot_be_added_to_goes_on_answering() -> None:
    N, D = 400, 16
    vectors = clustered(N, D)
    index = built(np.arange(N), vectors, factory="NSG8")
    with pytest.raises(BadInput, match="added to"):
        index.upsert(np.array([N]), vectors[:1])
    assert len(index) == N
    assert index.search(vectors[:1], 1).keys.tolist() == [[0]]


def test_one_query_is_answered_as_it_is_among_many() -> None:
    N, D, k = 2000, 16, 10
    index = built(np.arange(N), clustered(N, D))
    queries = clustered(300, D, seed=1)
    together = index.search(queries, k)
    for n in range(0, 300, 23):
        alone = index.search(queries[n : n + 1], k)
        assert (alone.keys[0] == together.keys[n]).all()
        assert (alone.similarities[0] == together.similarities[n]).all()


def test_the_cheapest_point_that_has_the_recall_is_taken_and_all_are_compared_where_none_has_it() -> None:
    N, D, k = 3000, 16, 5
    index = built(np.arange(N), clustered(N, D), points=[THOROUGH, QUICK])
    queries, truth = clustered(20, D, seed=1), oracle(np.arange(N), clustered(N, D))
    quick, thorough = index.search(queries, k, recall=0.5), index.search(queries, k, recall=0.9)
    assert "20 compared again" in quick.plan
    assert "60 compared again" in thorough.plan
    assert quick.scanned < thorough.scanned
    assert index.search(queries, k).plan == thorough.plan
    assert index.recall == 0.99
    for recall in (0.995, 1.0):
        found = index.search(queries, k, recall=recall)
        assert (found.exact, found.plan, found.scanned) == (True, "exact", N)
        assert shared(found.keys, truth.search(queries, k).keys) >= 0.99


@pytest.mark.parametrize("passing", [1500, 150, 15, 3, 1, 0])
@pytest.mark.parametrize("point", [QUICK, THOROUGH])
def test_a_filter_leaves_k_answers_wherever_the_allowed_lie(passing: int, point: OperatingPoint) -> None:
    N, D, k = 3000, 16, 10
    vectors = clustered(N, D)
    index = built(np.arange(N), vectors, points=[point])
    direction = vectors[0]
    farthest = np.argsort(vectors @ direction)[:passing]  # none of them in the lists that the query looks into
    found = index.search(direction[None], k, among=farthest)
    assert (found.keys >= 0).sum() == min(k, passing)
    assert np.isin(found.keys[found.keys >= 0], farthest).all()


def test_more_answers_than_the_lists_hold_are_found_by_widening() -> None:
    N, D, k = 2000, 16, 700
    vectors = clustered(N, D)
    index = built(np.arange(N), vectors, points=[OperatingPoint(recall=0.5, gap=0.0, rerank=10, scanned=1.0)])
    found = index.search(vectors[:1], k)
    assert len(set(found.keys[0].tolist())) == k
    assert found.plan.endswith("widened")


def test_similarities_are_within_the_error_that_is_told() -> None:
    N, D, k = 2000, 16, 50
    vectors, queries = clustered(N, D), clustered(40, D, seed=1)
    found = built(np.arange(N), vectors).search(queries, k)
    exact = np.einsum("qkd,qd->qk", vectors[found.keys].astype(float), queries.astype(float))
    assert np.abs(found.similarities - exact).max() <= found.error < 1e-4


def test_what_was_replaced_and_removed_wears_an_index_until_it_is_compacted() -> None:
    N, D, k = 1200, 16, 10
    vectors = clustered(N, D)
    index = built(np.arange(N), vectors)
    assert (index.dead_share, index.drift, index.worn) == (0.0, 1.0, "")
    index.upsert(np.arange(100), vectors[:100])
    index.remove(np.arange(100, 500))
    assert index.dead_share == pytest.approx(500 / 1300)
    assert "38%" in index.worn
    fresh = index.compact()
    assert (len(fresh), fresh.dead_share, fresh.worn) == (800, 0.0, "")
    queries = clustered(20, D, seed=1)
    truth = oracle(np.r_[0:100, 500:N], vectors[np.r_[0:100, 500:N]]).search(queries, k).keys
    assert shared(fresh.search(queries, k).keys, truth) >= 0.9
    assert fresh.points == index.points


def test_vectors_unlike_those_of_the_training_make_an_index_drift() -> None:
    N, D = 1000, 16
    index = built(np.arange(N), clustered(N, D))
    index.upsert(np.arange(N, 2 * N), clustered(N, D, seed=5))
    assert 0.8 < index.drift < 1.2
    strange = np.random.default_rng(8).standard_normal((4 * N, D)).astype(np.float32)
    for part in np.array_split(np.arange(4 * N), 40):
        index.upsert(2 * N + part, strange[part])
    assert index.drift > 1.25
    assert "from its centroids" in index.worn


def test_live_gives_what_is_held_in_the_order_of_keys_and_dimensions() -> None:
    N, D = 500, 16
    vectors, order = clustered(N, D), np.random.default_rng(4).permutation(D)
    index = FaissIndex.build(
        np.arange(N)[::-1], vectors[::-1], factory="IVF8,PQ8x4fs", points=[THOROUGH], order=order, residual=True
    )
    index.upsert(np.array([3]), vectors[:1])
    index.remove(np.array([4]))
    keys, held = (np.concatenate(parts) for parts in zip(*index.live(), strict=True))
    assert keys.tolist() == [key for key in range(N) if key != 4]
    expected = np.delete(vectors, 4, axis=0)
    expected[3] = vectors[0]
    np.testing.assert_allclose(held, expected, atol=1e-4)
    assert index.search(vectors[7:8], 1).keys.tolist() == [[7]]


def test_a_filter_that_may_have_been_changed_is_read_again() -> None:
    N, D = 500, 16
    vectors = clustered(N, D)
    index = built(np.arange(N), vectors)
    allowed = np.arange(100)
    assert index.search(vectors[:1], 1, among=allowed).keys.tolist() == [[0]]
    allowed += 100
    assert index.search(vectors[:1], 1, among=allowed).keys[0, 0] >= 100
    fixed = np.arange(100)
    fixed.flags.writeable = False
    for _ in range(2):
        assert index.search(vectors[:1], 1, among=fixed).keys.tolist() == [[0]]
    index.remove(np.array([0]))
    assert index.search(vectors[:1], 1, among=fixed).keys[0, 0] != 0


def test_searches_go_on_while_vectors_are_added_and_never_find_what_was_removed() -> None:
    N, D, k = 2000, 16, 10
    vectors = clustered(N, D)
    index = built(np.arange(N), vectors)
    index.remove(np.arange(0, N, 4))
    removed, problems, done = np.arange(0, N, 4), [], threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                found = index.search(vectors[:8], k)
                assert not np.isin(found.keys, removed).any()
                assert (found.keys >= 0).all()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for start in range(0, 3000, 300):
        index.upsert(N + np.arange(start, start + 300), clustered(300, D, seed=start))
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(index) == 1500 + 3000


def test_candidates_for_measuring_come_with_their_keys() -> None:
    N, D = 800, 16
    vectors = clustered(N, D)
    index = built(np.arange(N) + 1000, vectors)
    proposal = index.propose(vectors[:5], gap=9.0, depth=20)
    assert (proposal.slots == np.arange(1000, 1005)[:, None]).any(axis=1).all()
    assert (proposal.lists, proposal.scanned) == (8, N)
    assert index.centroid_similarities(vectors[:5]).shape == (5, 8)
    with pytest.raises(BadInput, match="trained"):
        FaissIndex(D).propose(vectors[:1], gap=1.0, depth=5)
