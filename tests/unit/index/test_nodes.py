"""Nodes: the inner index holds each direction once, and the answers are those of an index that holds all pictures."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadInput, SnapshotDamaged
from lookalike.core.records import Neighbours
from lookalike.index import node_table
from lookalike.index.exact import ExactIndex
from lookalike.index.manifest import NODES_FILE
from lookalike.index.node_building import Batches, build_nodes
from lookalike.index.node_table import NodeTable, hashes_of
from lookalike.index.nodes import NodeIndex


def directions(N: int, D: int, *, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((N, D)).astype(np.float32)


def filled(keys: Any, vectors: Any) -> NodeIndex:
    index = NodeIndex(ExactIndex(vectors.shape[1]))
    index.upsert(np.asarray(keys), vectors)
    return index


def assert_same(found: Neighbours, wanted: Neighbours) -> None:
    """Also where unequal vectors tie."""
    assert found.keys.tolist() == wanted.keys.tolist()
    assert found.similarities.tolist() == wanted.similarities.tolist()


@pytest.fixture(params=[0, 5, 32_768])
def late(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many hashes wait in dictionaries before they come into the arrays."""
    monkeypatch.setattr(node_table, "_LATE", request.param)
    return int(request.param)


@pytest.mark.parametrize("seed", range(6))
def test_after_any_changes_the_answers_are_those_of_the_index_without_nodes(late: int, seed: int) -> None:
    N, D, k, rounds = 40, 3, 7, 60
    rng = np.random.default_rng(seed)
    kinds = np.vstack([np.zeros((1, D)), np.eye(D), -np.eye(D), directions(6, D)]).astype(np.float32)
    plain, index = ExactIndex(D), NodeIndex(ExactIndex(D))
    held: dict[int, bytes] = {}
    for _ in range(rounds):
        keys = rng.integers(0, N, rng.integers(0, 9))
        if rng.random() < 0.35:
            plain.remove(keys)
            index.remove(keys)
            held = {key: row for key, row in held.items() if key not in keys}
        else:
            rows = kinds[rng.integers(0, len(kinds), len(keys))] * np.exp2(rng.integers(-3, 3, (len(keys), 1)))
            plain.upsert(keys, rows.astype(np.float32))
            index.upsert(keys, rows.astype(np.float32))
            held |= dict(zip(keys.tolist(), hashes_of(rows.astype(np.float32)).tolist(), strict=True))
        queries = np.vstack([kinds[:4], directions(2, D, seed=seed)])
        allowed = rng.integers(-2, N + 3, 12)
        assert len(index) == len(plain) == len(held)
        assert len(index.inner) == len(set(held.values()))
        assert_same(index.search(queries, k), plain.search(queries, k))
        assert_same(index.search(queries, k, among=allowed), plain.search(queries, k, among=allowed))


def test_copies_are_one_vector_in_the_inner_index_and_k_pictures_in_the_answer() -> None:
    N, D, k, copies = 50, 8, 20, 500
    vectors = directions(N, D)
    index = filled(np.arange(N), vectors)
    index.upsert(np.arange(1000, 1000 + copies), np.tile(vectors[3] * 4, (copies, 1)))

    found = index.search(vectors[3:4], k)

    assert (len(index), len(index.inner)) == (N + copies, N)
    assert found.keys[0].tolist() == [3, *range(1000, 1019)]
    assert (found.similarities == 1).all()
    assert found.scanned == N


def test_a_node_lives_on_when_the_picture_whose_number_it_bears_leaves() -> None:
    a, b, c = np.eye(3, dtype=np.float32)
    index = filled([1, 2, 3], np.array([a, a, b]))
    index.remove(np.array([1]))
    assert index.search(a[None], 3).keys.tolist() == [[2, 3, -1]]
    assert index.search(a[None], 3, among=np.array([1])).keys.tolist() == [[-1, -1, -1]]

    index.upsert(np.array([1]), c[None])  # comes back as another picture

    assert index.search(a[None], 3).keys.tolist() == [[2, 1, 3]]
    assert index.search(c[None], 1, among=np.array([1, 3])).keys.tolist() == [[1]]
    index.remove(np.array([1, 2]))
    assert index.search(a[None], 2).keys.tolist() == [[3, -1]]
    assert (len(index), len(index.inner)) == (1, 1)


def test_pictures_that_swap_their_vectors_in_one_call_have_swapped_them() -> None:
    a, b, c = np.eye(3, dtype=np.float32)
    index = filled([1, 2, 3, 4], np.array([a, a, b, b]))
    index.upsert(np.array([1, 2, 3]), np.array([b, b, a]))
    assert index.search(a[None], 1).keys.tolist() == [[3]]
    assert index.search(b[None], 3).keys.tolist() == [[1, 2, 4]]
    index.upsert(np.array([3, 1, 2, 4]), np.array([b, a, a, a]))
    assert index.search(b[None], 1).keys.tolist() == [[3]]
    index.upsert(np.array([3, 1, 2, 4]), np.array([a, c, c, c]))
    assert index.search(c[None], 4).keys.tolist() == [[1, 2, 4, 3]]
    assert len(index.inner) == 2


def test_equal_directions_are_one_node_whatever_their_length_and_the_sign_of_their_zeros() -> None:
    rows = np.array([[1, 0, 2], [4, -0.0, 8], [1e-30, 0, 2e-30], [-1, 0, -2], [0, -0.0, 0], [0, 0, 0]], np.float32)
    assert len(set(hashes_of(rows).tolist())) == 3
    assert len(filled(np.arange(len(rows)), rows).inner) == 3


def test_what_is_alone_lies_in_arrays_only(late: int) -> None:
    N, D = 300, 4
    index = filled(np.arange(N), directions(N, D))
    assert len(index._members) == 0
    assert len(index._table._late_hashes) <= late


@pytest.mark.parametrize("late_limit", [0, 3, 1000])
def test_the_table_is_a_dictionary_both_ways(late_limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    N, rounds = 30, 200
    monkeypatch.setattr(node_table, "_LATE", late_limit)
    rng = np.random.default_rng(late_limit)
    hashes = hashes_of(directions(2 * N, 2)).copy()
    hashes[:2] = [b"", b"\0\0\1"]
    table, held = NodeTable(), {}
    for _ in range(rounds):
        nodes = rng.permutation(N)[: rng.integers(0, 6)]
        if rng.random() < 0.4:
            table.drop(nodes)
            held = {node: found for node, found in held.items() if node not in nodes}
        else:
            others = {found for node, found in held.items() if node not in nodes}
            free = [found for found in hashes.tolist() if found not in others]
            new = [free[n] for n in rng.permutation(len(free))[: len(nodes)]]
            table.put(nodes, np.array(new, "S16"))
            held |= dict(zip(nodes.tolist(), new, strict=True))
        where = {found: node for node, found in held.items()}
        assert len(table) == len(held)
        assert table.find(hashes).tolist() == [where.get(found, -1) for found in hashes.tolist()]
        assert table.has(np.arange(-1, N)).tolist() == [node in held for node in range(-1, N)]
        assert dict(zip(*(array.tolist() for array in table.pairs()), strict=True)) == held


def test_what_was_saved_is_the_same_index_and_goes_on(late: int, tmp_path: Path) -> None:
    D, k = 3, 9
    kinds = directions(4, D)
    index = filled(np.arange(12), kinds[np.arange(12) % 4])
    index.remove(np.array([0, 5, 3, 7, 11]))
    index.upsert(np.array([0, 20]), kinds[[1, 1]])
    names = index.save(tmp_path)
    inner = ExactIndex.from_arrays(np.load(tmp_path / "keys.npy"), np.load(tmp_path / "vectors.npy"))

    loaded = NodeIndex.load(inner, io.BytesIO((tmp_path / NODES_FILE).read_bytes()))

    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    assert (len(loaded), loaded.dimension) == (len(index), D)
    assert_same(loaded.search(kinds, k), index.search(kinds, k))
    for one in (index, loaded):
        one.upsert(np.array([4, 30]), kinds[[1, 2]])
        one.remove(np.array([8, 20]))
    assert_same(loaded.search(kinds, k), index.search(kinds, k))
    assert len(loaded.inner) == len(index.inner)


def test_nodes_of_another_index_are_damage(tmp_path: Path) -> None:
    index = filled(np.arange(4), directions(4, 2))
    index.save(tmp_path)
    whole = (tmp_path / NODES_FILE).read_bytes()
    with pytest.raises(SnapshotDamaged, match="do not fit"):
        NodeIndex.load(ExactIndex(2), tmp_path / NODES_FILE)
    for content in (b"", whole[: len(whole) // 2], b"no archive at all"):
        with pytest.raises(SnapshotDamaged):
            NodeIndex.load(index.inner, io.BytesIO(content))
    with pytest.raises(SnapshotDamaged):
        NodeIndex.load(index.inner, tmp_path / "missing.npz")
    strange = io.BytesIO()
    np.savez(strange, nodes=np.arange(4), hashes=hashes_of(directions(4, 2)), keys=[7], nodes_of_keys=[9])
    strange.seek(0)
    with pytest.raises(SnapshotDamaged, match="that there are not"):
        NodeIndex.load(index.inner, strange)


@pytest.mark.parametrize("passes", [1, 3])
def test_an_index_that_is_built_at_once_is_the_one_that_is_filled_bit_by_bit(passes: int) -> None:
    N, D, at_once, k = 70, 3, 8, 12
    vectors = directions(25, D)[np.random.default_rng(4).integers(0, 25, N)]
    keys = np.random.default_rng(5).permutation(4 * N)[:N]

    def batches() -> Iterator[tuple[Any, Any]]:
        for start in range(0, N, at_once):
            yield keys[start : start + at_once], vectors[start : start + at_once]

    def make(distinct: Batches, count: int) -> ExactIndex:
        assert {sum(len(some) for some, _ in distinct()) for _ in range(passes)} == {count}
        index = ExactIndex(D)
        for some, rows in distinct():
            index.upsert(some, rows)
        return index

    built, one_by_one = build_nodes(batches, make), filled(keys, vectors)

    assert (len(built), len(built.inner)) == (N, len(one_by_one.inner))
    for change in (lambda index: None, lambda index: index.remove(keys[::3])):
        for index in (built, one_by_one):
            change(index)
        assert_same(built.search(vectors[:9], k), one_by_one.search(vectors[:9], k))


def test_what_changes_while_it_is_built_is_left_to_the_next_upsert() -> None:
    a, b, c, d = np.eye(4, dtype=np.float32)
    before, after = {1: a, 2: a, 3: b, 4: c, 5: c}, {1: d, 2: a, 3: a, 4: d, 5: d, 6: b}
    versions = iter([before, after, after])

    def batches() -> Iterator[tuple[Any, Any]]:
        for key, row in next(versions).items():
            yield np.array([key]), row[None]

    def make(distinct: Batches, count: int) -> ExactIndex:
        assert (count, sum(len(some) for some, _ in distinct())) == (3, 2)
        index = ExactIndex(4)
        for some, rows in distinct():
            index.upsert(some, rows)
        return index

    index = build_nodes(batches, make)

    assert index.search(a[None], 3).keys.tolist() == [[1, 2, 3]]
    index.upsert(np.array(list(after)), np.array(list(after.values())))
    assert (len(index), len(index.inner)) == (6, 3)
    assert index.search(d[None], 6).keys[0, :3].tolist() == [1, 4, 5]
    assert index.search(a[None], 6).keys[0, :2].tolist() == [2, 3]


def test_an_index_of_nothing_can_be_built() -> None:
    versions = iter([0, 1])

    def batches() -> Iterator[tuple[Any, Any]]:
        yield np.arange(next(versions)), np.ones((1, 2), np.float32)[:0]

    def make(distinct: Batches, count: int) -> ExactIndex:
        assert (count, list(distinct())) == (0, [])
        return ExactIndex(2)

    index = build_nodes(batches, make)
    index.upsert(np.array([3]), np.ones((1, 2), np.float32))
    assert len(index) == 1


def test_an_index_that_holds_something_is_refused() -> None:
    inner = ExactIndex(2)
    inner.upsert(np.array([1]), np.ones((1, 2), np.float32))
    with pytest.raises(BadInput, match="empty"):
        NodeIndex(inner)


def test_searches_beside_a_writer_answer_each_picture_once_and_always_k_of_them() -> None:
    """Pictures wander between few directions: a search that mixed two moments would miss some or show one twice."""
    N, D, k, rounds = 60, 4, 60, 150
    kinds = np.eye(D, dtype=np.float32)
    rng = np.random.default_rng(0)
    index = filled(np.arange(N), kinds[np.arange(N) % D])
    problems: list[BaseException] = []
    done = threading.Event()

    def look(allowed: Any) -> None:
        try:
            while not done.is_set():
                found = index.search(kinds[:1], k, among=allowed)
                assert sorted(found.keys[0].tolist()) == list(range(N))
                assert set(found.similarities[0].tolist()) <= {0.0, 1.0}
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=look, args=(allowed,)) for allowed in (None, np.arange(N))]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        index.upsert(rng.permutation(N)[:7], kinds[rng.integers(0, D, 7)])
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
