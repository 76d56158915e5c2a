"""What every index promises, over every engine, against a naive oracle in float64.

What a remote one promises beside is in `test_remote_index.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.core.errors import BadInput, BadQuery, BadVectors, DimensionMismatch
from lookalike.core.filters import Filter
from lookalike.core.records import Neighbours
from lookalike.index.base import LocalIndex
from lookalike.index.exact import ExactIndex
from lookalike.index.faiss import FaissIndex, OperatingPoint
from lookalike.index.manifest import NODES_FILE
from lookalike.index.nodes import NodeIndex
from tests.remote.fed_version import FedVersion
from tests.remote.remote_index import IndexServer

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Engine:
    """An engine, and what it promises beyond `LocalIndex`.

    Attributes:
        load: reads what it saved; None where it is not saved.
        tolerance: how large `Neighbours.error` may be.
    """

    name: str
    make: Callable[[int], LocalIndex]
    load: Callable[[Path], LocalIndex] | None
    exact: bool
    tolerance: float = 0.0


def _loaded_exact(folder: Path) -> LocalIndex:
    return ExactIndex.from_arrays(np.load(folder / "keys.npy"), np.load(folder / "vectors.npy"))


def _loaded_nodes(folder: Path) -> LocalIndex:
    return NodeIndex.load(_loaded_exact(folder), folder / NODES_FILE)


def _coded(dimension: int) -> LocalIndex:
    """With codes from the first row and query on."""
    return ExactIndex(dimension, threads=2, codes_from_rows=1, codes_from_queries=1)


def _torch_index(dimension: int) -> LocalIndex:
    from lookalike.index.gpu.index import TorchIndex

    return TorchIndex(dimension)


def _loaded_torch(folder: Path) -> LocalIndex:
    from lookalike.index.gpu.index import TorchIndex

    return TorchIndex.over(ExactIndex.from_arrays(np.load(folder / "keys.npy"), np.load(folder / "vectors.npy")))


def _trained_faiss(dimension: int) -> LocalIndex:
    """With few candidates, so that FAISS is asked for them even of few vectors."""
    codes = f"PQ{dimension // 2}x4fs" if dimension % 2 == 0 and dimension < 256 else "SQ8"
    index = FaissIndex.train(random_vectors(64, dimension, seed=9), factory=f"IVF4,{codes}")
    index.set_points([OperatingPoint(recall=0.9, gap=0.5, rerank=12, scanned=20)], recall=0.9)
    return index


def _nowhere(_: int) -> LocalIndex:
    raise AssertionError("the fixture says in which database")


PGVECTOR = "a version with pgvector"

ENGINES = [
    Engine("exact", ExactIndex, _loaded_exact, exact=True),
    Engine("exact by codes", _coded, _loaded_exact, exact=True),
    Engine("nodes over exact", lambda dimension: NodeIndex(ExactIndex(dimension)), _loaded_nodes, exact=True),
]

if find_spec("faiss"):
    ENGINES += [
        Engine("faiss, untrained", FaissIndex, FaissIndex.load, exact=True, tolerance=2e-4),
        Engine("faiss, 4-bit codes in lists", _trained_faiss, FaissIndex.load, exact=False, tolerance=2e-4),
    ]
ENGINES.append(
    Engine("a version of a remote one", lambda dimension: FedVersion(IndexServer(), dimension), None, exact=True)
)
ENGINES.append(Engine(PGVECTOR, _nowhere, None, exact=True, tolerance=2e-3))
if find_spec("torch"):
    ENGINES.append(Engine("gpu", _torch_index, _loaded_torch, exact=True))


@pytest.fixture(params=[engine for engine in ENGINES if engine.load], ids=lambda engine: engine.name)
def local_engine(request: pytest.FixtureRequest) -> Engine:
    """An engine that is saved to a folder."""
    return request.param


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    if found.name != PGVECTOR:
        return found
    new_index = request.getfixturevalue("new_pgvector")
    return replace(found, make=lambda dimension: FedVersion(new_index(), dimension))


Held = dict[int, Any]


def cosine(a: Any, b: Any) -> float:
    """One by one, in float64, free of overflow."""
    a, b = (np.asarray(v, np.float64) for v in (a, b))
    a, b = (v / (np.abs(v).max(initial=0) or 1) for v in (a, b))
    lengths = np.sqrt(a @ a) * np.sqrt(b @ b)
    return float(a @ b / lengths) if lengths else 0.0


def assert_answers(found: Neighbours, held: Held, queries: Any, k: int, *, allowed: Any = None) -> None:
    """Each answer is what comparing everything one by one gives; equal rows stand in the order of their keys."""
    eligible = set(held) if allowed is None else set(held) & {int(key) for key in allowed}
    assert (found.keys.shape, found.similarities.shape) == ((len(queries), k),) * 2
    assert (found.keys.dtype, found.similarities.dtype) == (np.int64, np.float32)
    tolerance = TOLERANCE + found.error
    for query, keys, similarities in zip(queries, found.keys, found.similarities, strict=True):
        truth = {key: cosine(query, held[key]) for key in eligible}
        count = min(k, len(eligible))
        assert (keys[count:] == -1).all()
        assert (similarities[count:] == -np.inf).all()
        keys, similarities = keys[:count].tolist(), similarities[:count]
        assert len(set(keys)) == count
        assert set(keys) <= eligible
        assert np.abs(similarities).max(initial=0) <= 1
        assert (np.diff(similarities) <= 0).all()
        np.testing.assert_allclose(similarities, [truth[key] for key in keys], atol=tolerance)
        if found.exact:
            best = sorted(truth.values(), reverse=True)[:count]
            np.testing.assert_allclose([truth[key] for key in keys], best, atol=2 * tolerance)
            assert_ties_in_order(keys, held, eligible)


def assert_ties_in_order(keys: list[int], held: Held, eligible: set[int]) -> None:
    groups: dict[bytes, list[int]] = {}
    for key in sorted(eligible):
        groups.setdefault((held[key] + 0.0).tobytes(), []).append(key)
    for group in groups.values():
        answered = [key for key in keys if key in set(group)]
        assert answered == group[: len(answered)]


def filled(engine: Engine, held: dict[int, Any], *, dimension: int) -> LocalIndex:
    index = engine.make(dimension)
    index.upsert(np.array(list(held), np.int64), np.array(list(held.values()), np.float32).reshape(-1, dimension))
    return index


def as_held(keys: Any, vectors: Any) -> Held:
    return {int(key): np.asarray(vector, np.float64) for key, vector in zip(keys, vectors, strict=True)}


def random_vectors(N: int, D: int, *, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((N, D)) * rng.lognormal(0, 2, (N, 1))).astype(np.float32)


@pytest.mark.parametrize("D", [1, 2, 16, 129])
def test_answers_are_the_nearest_by_cosine_whatever_the_lengths(engine: Engine, D: int) -> None:
    N, Q, k = 40, 7, 5
    keys, vectors, queries = np.arange(N) * 3 + 1, random_vectors(N, D), random_vectors(Q, D, seed=1)
    index = engine.make(D)
    index.upsert(keys, vectors)
    found = index.search(queries, k)
    assert (index.dimension, len(index)) == (D, N)
    assert found.exact or not engine.exact
    assert found.error <= engine.tolerance
    assert_answers(found, as_held(keys, vectors), queries, k)
    if engine.exact and D > 1:  # of width 1 there are but two directions
        assert found.scanned == N


def test_a_vector_is_1_to_itself_and_minus_1_to_its_opposite(engine: Engine) -> None:
    N, D = 200, 37
    vectors = random_vectors(N, D)
    index = engine.make(D)
    index.upsert(np.arange(N), vectors)
    found = index.search(vectors, 1)
    assert found.keys[:, 0].tolist() == list(range(N))
    assert (found.similarities >= 1 - engine.tolerance).all()
    assert (index.search(-vectors, N).similarities[:, -1] <= -1 + engine.tolerance).all()


def test_more_answers_than_there_are_items_are_padded(engine: Engine) -> None:
    N, D, k = 3, 4, 9
    vectors = random_vectors(N, D)
    index = engine.make(D)
    index.upsert(np.arange(N), vectors)
    assert_answers(index.search(vectors[:2], k), as_held(range(N), vectors), vectors[:2], k)


def test_an_empty_index_answers_nothing(engine: Engine) -> None:
    index = engine.make(4)
    assert_answers(index.search(np.ones((2, 4), np.float32), 3), {}, np.ones((2, 4)), 3)
    index.upsert(np.empty(0, np.int64), np.empty((0, 4), np.float32))
    index.remove(np.empty(0, np.int64))
    assert len(index) == 0
    found = index.search(np.empty((0, 4), np.float32), 3)
    assert (found.keys.shape, found.similarities.shape) == ((0, 3), (0, 3))


def test_one_item_is_the_answer_to_everything(engine: Engine) -> None:
    index = filled(engine, {7: [1.0, 2.0]}, dimension=2)
    found = index.search(np.array([[-1, -2], [2, -1]], np.float32), 1)
    assert found.keys.tolist() == [[7], [7]]
    np.testing.assert_allclose(found.similarities, [[-1], [0]], atol=TOLERANCE + found.error)


def test_a_zero_vector_has_similarity_0_to_everything(engine: Engine) -> None:
    held = {1: [0, 0], 2: [1, 0], 3: [-1, 0], 4: [0, 0]}
    index = filled(engine, held, dimension=2)
    assert index.search(np.array([[1, 0]], np.float32), 4).keys.tolist() == [[2, 1, 4, 3]]
    found = index.search(np.zeros((1, 2), np.float32), 3)
    assert (found.keys.tolist(), found.similarities.tolist()) == ([[1, 2, 3]], [[0, 0, 0]])


@pytest.mark.parametrize("D", [1, 3, 64, 1280])
def test_equal_vectors_stand_in_the_order_of_their_keys_wherever_they_lie(engine: Engine, D: int) -> None:
    N, k = 300, 20
    rng = np.random.default_rng(D)
    kinds = random_vectors(4, D, seed=D)
    keys = rng.permutation(10 * N)[:N]
    vectors = kinds[rng.integers(0, 4, N)]
    index = engine.make(D)
    for part in np.array_split(np.arange(N), 7):
        index.upsert(keys[part], vectors[part])
    for query in kinds:
        found = index.search(query[None], k)
        assert_answers(found, as_held(keys, vectors), query[None], k)
    alone, together = index.search(kinds[:1], k), index.search(kinds, k)
    assert (alone.keys[0] == together.keys[0]).all()
    assert (alone.similarities[0] == together.similarities[0]).all()


def test_only_allowed_keys_are_answered(engine: Engine) -> None:
    N, D, k = 30, 6, 5
    vectors = random_vectors(N, D)
    index = engine.make(D)
    index.upsert(np.arange(N), vectors)
    held = as_held(range(N), vectors)
    for allowed in ([], [3], [5, 5, 5, 2], [10**12, -1, 4], list(range(0, N, 2)), list(range(N))):
        found = index.search(vectors[:3], k, among=np.array(allowed, np.int64))
        assert_answers(found, held, vectors[:3], k, allowed=allowed)
        if engine.exact:
            count = len(set(allowed) & set(range(N)))
            assert (found.exact, found.scanned) == (True, count)


def test_an_engine_that_takes_no_filter_refuses_one_and_says_what_it_takes(engine: Engine) -> None:
    index = filled(engine, {1: [1, 0]}, dimension=2)
    assert not index.takes_filters
    with pytest.raises(BadInput, match=r"expected the keys .* got the filter"):
        index.search(np.ones((1, 2), np.float32), 1, among=Filter.parse("width > 3"))


def test_upsert_replaces_and_is_idempotent(engine: Engine) -> None:
    D = 5
    first, second = random_vectors(4, D), random_vectors(3, D, seed=1)
    index = engine.make(D)
    index.upsert(np.array([1, 2, 3, 4]), first)
    held = as_held([1, 2, 3, 4], first)
    for _ in range(2):
        index.upsert(np.array([5, 3, 1]), second)
        held |= as_held([5, 3, 1], second)
        assert len(index) == 5
        assert_answers(index.search(second, 5), held, second, 5)


def test_of_a_key_that_occurs_twice_in_a_call_the_last_counts(engine: Engine) -> None:
    index = filled(engine, {1: [0, 1]}, dimension=2)
    index.upsert(np.array([2, 1, 2, 1]), np.array([[1, 1], [1, 2], [5, 0], [0, -3]], np.float32))
    assert len(index) == 2
    found = index.search(np.array([[1, 0]], np.float32), 2)
    assert found.keys.tolist() == [[2, 1]]
    np.testing.assert_allclose(found.similarities, [[1, 0]], atol=engine.tolerance)


def test_remove_is_idempotent_and_passes_unknown_keys_over(engine: Engine) -> None:
    N, D = 6, 3
    vectors = random_vectors(N, D)
    index = engine.make(D)
    index.upsert(np.arange(N), vectors)
    for _ in range(2):
        index.remove(np.array([2, 99, -1, 2, 4]))
        assert len(index) == 4
        held = {key: row for key, row in as_held(range(N), vectors).items() if key not in (2, 4)}
        assert_answers(index.search(vectors, N), held, vectors, N)
    index.upsert(np.array([4]), vectors[:1])
    assert len(index) == 5
    assert index.search(vectors[:1], 2).keys.tolist() == [[0, 4]]
    index.remove(np.arange(N))
    assert len(index) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_values_that_are_not_finite_are_refused_and_change_nothing(engine: Engine, value: float) -> None:
    index = filled(engine, {1: [1, 0]}, dimension=2)
    bad = np.array([[1, 1], [value, 1]])
    with pytest.raises(BadVectors, match="row 1"):
        index.upsert(np.array([1, 2]), bad)
    with pytest.raises(BadVectors):
        index.search(bad, 1)
    assert len(index) == 1
    assert index.search(np.array([[1, 0]], np.float32), 1).similarities[0, 0] >= 1 - engine.tolerance


@pytest.mark.parametrize("dtype", ["U3", object, complex])
def test_what_is_no_number_is_refused(engine: Engine, dtype: Any) -> None:
    index = engine.make(2)
    with pytest.raises(BadVectors, match="real numbers"):
        index.upsert(np.array([1]), np.ones((1, 2)).astype(dtype))
    with pytest.raises(BadVectors, match="real numbers"):
        index.search(np.ones((1, 2)).astype(dtype), 1)


@pytest.mark.parametrize("shape", [(2, 1), (2, 4), (2, 0), (1, 2, 3), ()])
def test_another_width_is_refused_with_the_one_that_was_expected(engine: Engine, shape: tuple[int, ...]) -> None:
    index = filled(engine, {1: [1, 0, 0]}, dimension=3)
    for call in (lambda rows: index.upsert(np.arange(2), rows), lambda rows: index.search(rows, 1)):
        with pytest.raises(DimensionMismatch, match=r"\(N, 3\)"):
            call(np.ones(shape, np.float32))
    assert len(index) == 1


@pytest.mark.parametrize("keys", [[1], [1, 2, 3], []])
def test_another_number_of_keys_than_of_vectors_is_refused(engine: Engine, keys: list[int]) -> None:
    index = engine.make(3)
    with pytest.raises(DimensionMismatch):
        index.upsert(np.array(keys, np.int64), np.ones((2, 3), np.float32))
    assert len(index) == 0


@pytest.mark.parametrize("keys", [[-1], [1.5], ["a"], [[1]], [2**63]])
def test_keys_that_are_no_keys_are_refused(engine: Engine, keys: list[Any]) -> None:
    index = engine.make(1)
    with pytest.raises(BadInput):
        index.upsert(np.array(keys), np.ones((1, 1), np.float32))
    assert len(index) == 0


@pytest.mark.parametrize("k", [0, -1, -(2**40)])
def test_fewer_than_one_answer_cannot_be_asked_for(engine: Engine, k: int) -> None:
    for index in (engine.make(2), filled(engine, {1: [1, 0]}, dimension=2)):
        with pytest.raises(BadQuery, match="at least 1"):
            index.search(np.ones((1, 2), np.float32), k)


@pytest.mark.parametrize("scale", [1e-30, 1e-38, 1e-44, 1e30, 3e37])
def test_huge_and_tiny_vectors_have_the_same_directions(engine: Engine, scale: float) -> None:
    N, D, k = 12, 8, 4
    vectors = (random_vectors(N, D).clip(-9, 9) * scale).astype(np.float32)
    index = engine.make(D)
    index.upsert(np.arange(N), vectors)
    assert_answers(index.search(vectors, k), as_held(range(N), vectors), vectors, k)


@pytest.mark.parametrize("form", ["float64", "float16", "int8", "columns first", "every other", "read-only", "one row"])
def test_vectors_of_other_forms_are_taken_and_left_as_they_are(engine: Engine, form: str) -> None:
    N, D, k = 10, 6, 3
    rng = np.random.default_rng(3)
    given = rng.integers(-50, 50, (N, D)).astype(form if form in ("float64", "float16", "int8") else np.float32)
    if form == "columns first":
        given = np.asfortranarray(given)
    if form == "every other":
        given = np.repeat(np.repeat(given, 2, axis=0), 2, axis=1)[::2, ::2]
    queries = given[0] if form == "one row" else given
    keys = np.arange(N)
    for array in (given, keys):
        array.flags.writeable = False
    before = given.copy()
    index = engine.make(D)
    index.upsert(keys, given)
    found = index.search(queries, k, among=keys)
    assert_answers(found, as_held(keys, given), np.atleast_2d(queries), k)
    assert (given == before).all()


def test_arrays_that_were_given_or_answered_may_be_changed_afterwards(engine: Engine) -> None:
    N, D = 5, 4
    keys, vectors = np.arange(N), random_vectors(N, D)
    held, queries = as_held(keys, vectors), vectors.copy()
    index = engine.make(D)
    index.upsert(keys, vectors)
    keys[:], vectors[:] = 77, 0
    found = index.search(queries, N)
    found.keys[:], found.similarities[:] = 0, 0
    assert_answers(index.search(queries, N), held, queries, N)


def test_an_index_that_was_saved_answers_as_before_and_goes_on(local_engine: Engine, tmp_path: Path) -> None:
    D = 7
    vectors = random_vectors(50, D)
    index = local_engine.make(D)
    index.upsert(np.arange(40) * 5, vectors[:40])
    index.remove(np.array([0, 5, 195]))
    names = index.save(tmp_path)
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    loaded = local_engine.load(tmp_path)
    assert (len(loaded), loaded.dimension) == (37, D)
    for one, other in zip(index.search(vectors, 50), loaded.search(vectors, 50), strict=True):
        assert np.array_equal(one, other)
    loaded.upsert(np.array([10, 1]), vectors[40:42])
    loaded.remove(np.array([15]))
    held = as_held(np.arange(40) * 5, vectors[:40]) | as_held([10, 1], vectors[40:42])
    held = {key: row for key, row in held.items() if key not in (0, 5, 195, 15)}
    assert_answers(loaded.search(vectors, 50), held, vectors, 50)
    assert len(index) == 37


def test_a_frozen_index_is_saved_as_it_was_whatever_changes_meanwhile(local_engine: Engine, tmp_path: Path) -> None:
    D = 8
    vectors = random_vectors(90, D)
    index = local_engine.make(D)
    index.upsert(np.arange(40), np.concatenate([vectors[:39], vectors[:1]]))  # two share a vector
    index.remove(np.array([3]))
    before = index.search(vectors, 60, recall=1.0)
    save = index.freeze()
    index.upsert(np.arange(10, 80), vectors[10:80])  # replaces, and appends
    index.remove(np.array([0, 5, 70]))
    index.upsert(np.array([39]), vectors[80:81])
    names = save(tmp_path)
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    loaded = local_engine.load(tmp_path)
    assert len(loaded) == 39
    for one, other in zip(before, loaded.search(vectors, 60, recall=1.0), strict=True):
        assert np.array_equal(one, other)


def test_an_empty_index_can_be_saved(local_engine: Engine, tmp_path: Path) -> None:
    local_engine.make(3).save(tmp_path)
    loaded = local_engine.load(tmp_path)
    assert (len(loaded), loaded.dimension) == (0, 3)
    loaded.upsert(np.array([1]), np.ones((1, 3), np.float32))
    assert len(loaded) == 1


# Few different rows, so that ties are the rule, beside rows of any values.
_ROWS = st.one_of(
    st.sampled_from([(0.0, 0.0, 0.0), (1.0, 2.0, 3.0), (2.0, 4.0, 6.0), (-1.0, 0.5, 0.25), (1e-30, 0.0, 1e-30)]),
    st.tuples(*[st.floats(-(2.0**100), 2.0**100, width=32)] * 3),
)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("upsert"), st.lists(st.tuples(st.integers(0, 12), _ROWS), max_size=8)),
        st.tuples(st.just("remove"), st.lists(st.integers(-1, 14), max_size=6)),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(steps=_STEPS, queries=st.lists(_ROWS, min_size=1, max_size=3), k=st.integers(1, 16), allowed=st.data())
def test_after_any_changes_the_answers_are_those_of_the_oracle(steps: Any, queries: Any, k: int, allowed: Any) -> None:
    wanted = allowed.draw(st.none() | st.lists(st.integers(-1, 14), max_size=10))
    for engine in (one for one in ENGINES if one.make is not _nowhere):
        index, held = engine.make(3), Held()
        for verb, items in steps:
            if verb == "upsert":
                keys, rows = [key for key, _ in items], np.array([row for _, row in items], np.float32).reshape(-1, 3)
                index.upsert(np.array(keys, np.int64), rows)
                held |= as_held(keys, rows)
            else:
                index.remove(np.array(items, np.int64))
                held = {key: row for key, row in held.items() if key not in items}
        rows = np.array(queries, np.float32)
        found = index.search(rows, k, among=None if wanted is None else np.array(wanted, np.int64))
        assert len(index) == len(held)
        assert_answers(found, held, rows, k, allowed=wanted)


def test_searches_see_whole_calls_while_another_thread_changes_the_index(engine: Engine) -> None:
    """Version v gives all keys and one more the v-th direction: an answer that mixes versions would show."""
    N, D, rounds = 3000, 64, 60
    directions = np.eye(D, dtype=np.float32)
    index = engine.make(D)
    index.upsert(np.arange(N), np.tile(directions[0], (N, 1)))
    problems: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                found = index.search(directions[:8], N + 5)
                for keys, similarities in zip(found.keys, found.similarities, strict=True):
                    there = keys[keys >= 0]
                    assert len(set(there.tolist())) == len(there)
                    assert set(similarities[keys >= 0].tolist()) <= {0.0, 1.0}
                    assert (similarities == 1).sum() in (0, N, N + 1)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in range(1, rounds):
        index.upsert(np.append(np.arange(N), N + version), np.tile(directions[version % 8], (N + 1, 1)))
        index.remove(np.array([N + version]))
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(index) == N
