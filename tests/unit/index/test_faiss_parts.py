"""What the approximate engine is made of: rows, keys, bits, files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.core.errors import SnapshotDamaged
from lookalike.core.vectors import normalise
from lookalike.index.faiss import FaissIndex, OperatingPoint
from lookalike.index.faiss.columns import Column, quantise
from lookalike.index.faiss.comparing import Table, as_queries
from lookalike.index.faiss.eligible import Present
from lookalike.index.faiss.key_table import KeyTable

faiss = pytest.importorskip("faiss", reason="needs faiss-cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine the threads of these tiny tasks wait for each other a hundred times as long as they work."""
    usual = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(usual)


def test_rows_of_16_bits_lie_no_farther_from_their_vectors_than_is_told() -> None:
    N, D = 300, 33
    units = normalise(np.random.default_rng(0).standard_normal((N, D)).astype(np.float32))
    units[7] = 0
    rows, scales, error = quantise(units)
    apart = np.linalg.norm(rows * scales[:, None] - units, axis=1)
    assert apart.max() == pytest.approx(error)
    assert error < 1e-4
    assert scales[7] == 0
    assert (np.abs(rows).max(axis=1)[np.arange(N) != 7] == 32767).all()


def test_no_row_is_an_error_of_0() -> None:
    assert quantise(np.empty((0, 3), np.float32)).error == 0.0


@given(st.lists(st.integers(0, 3000), max_size=6), st.integers(0, 5))
def test_a_column_holds_what_was_appended(sizes: list[int], base: int) -> None:
    column, expected = Column(np.arange(base)), list(range(base))
    for n, size in enumerate(sizes):
        column.append(np.arange(size) * n)
        expected += (np.arange(size) * n).tolist()
    assert len(column) == len(expected)
    slots = np.random.default_rng(0).permutation(len(expected))
    assert column.take(slots).tolist() == [expected[slot] for slot in slots]
    assert [value for _, part in column.blocks(len(column), 700) for value in part.tolist()] == expected


def test_equal_rows_are_equally_similar_wherever_they_lie() -> None:
    N, D, k = 5000, 129, 5000
    rng = np.random.default_rng(1)
    kinds = normalise(rng.standard_normal((3, D)).astype(np.float32))
    rows, scales, _ = quantise(kinds[rng.integers(0, 3, N)])
    table = Table(Column(np.arange(N)), Column(rows), Column(scales))
    queries = as_queries(kinds)
    every = np.ones(N, bool)
    for query, best in zip(queries, table.scan(None, every, queries, k), strict=True):
        some = table.best_of(rng.permutation(N)[:700], query, 700)
        alone = next(iter(table.scan(None, every, [query], k)))
        assert len(set(best.similarities.tolist())) == 3
        assert best.similarities[0] == 1
        assert set(some.similarities.tolist()) <= set(best.similarities.tolist())
        assert (alone.keys == best.keys).all()


@given(st.lists(st.lists(st.integers(0, 60), unique=True, max_size=12), max_size=8), st.booleans())
def test_the_last_slot_of_each_key_is_found(calls: list[list[int]], reread: bool) -> None:
    table, last = KeyTable(Column(np.empty(0, np.int64))), {}
    everything: list[int] = []
    for keys in calls:
        table.add(np.array(keys, np.int64))
        last |= {key: len(everything) + n for n, key in enumerate(keys)}
        everything += keys
    if reread:
        table = KeyTable(Column(np.array(everything, np.int64)))
    for key in range(-1, 62):
        slots = table.slots(np.array([key])).tolist()
        assert len(set(slots)) == len(slots)
        assert all(everything[slot] == key for slot in slots)
        assert (last[key] in slots) if key in last else not slots


@pytest.mark.parametrize("step", [1, 3, 50])
@pytest.mark.parametrize("first", [0, 17])
def test_flags_of_many_keys_are_those_of_their_slots(step: int, first: int) -> None:
    N = 5000
    table = KeyTable(Column(first + step * np.arange(N)))
    table.add(np.array([first + step * N + 1, 4, 3]))
    rng = np.random.default_rng(2)
    for keys in (rng.integers(-5, step * N + 40, 3000), first + step * np.arange(0, N, 2), rng.integers(0, 50, 20)):
        flags = table.flags(keys, N + 3)
        assert flags.shape == (N + 3,)
        assert np.flatnonzero(flags).tolist() == sorted(table.slots(keys).tolist())


def test_very_many_late_keys_are_found() -> None:
    N = 50_000
    table = KeyTable(Column(np.empty(0, np.int64)))
    keys = np.random.default_rng(3).permutation(N)
    for part in np.array_split(keys, 17):
        table.add(part)
    assert (keys[table.slots(np.arange(N))] == np.sort(keys)[keys[table.slots(np.arange(N))]]).all()
    assert len(table.slots(np.arange(N))) == N


@given(st.lists(st.tuples(st.integers(0, 30), st.sets(st.integers(0, 80))), max_size=8))
def test_bits_say_what_is_there(changes: list[tuple[int, set[int]]]) -> None:
    present, there = Present(0, np.empty(0, np.uint8), 0), set[int]()
    end = 0
    for added, removed in changes:
        dead = sorted(removed & there)
        before = present
        present = present.with_new(added, np.array(dead, np.int64))
        there = (there - removed) | set(range(end, end + added))
        end += added
        assert (present.end, present.count) == (end, len(there))
        assert before.end == end - added
    assert np.flatnonzero(present.holds(np.arange(200))).tolist() == sorted(there)


def saved(folder: Path) -> Path:
    vectors = normalise(np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32))
    point = OperatingPoint(recall=0.9, gap=0.3, rerank=30, scanned=50)
    index = FaissIndex.build(np.arange(300), vectors, factory="IVF4,PQ4x4fs", points=[point])
    index.upsert(np.array([5]), vectors[:1])
    index.save(folder)
    return folder


def _array(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        np.save(folder / name, change(np.load(folder / name)))

    return damage


def _json(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / "parameters.json").read_text())
        change(content)
        (folder / "parameters.json").write_text(json.dumps(content))

    return damage


def _missing(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _cut(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-200])


def _other_structure(folder: Path) -> None:
    other = faiss.index_factory(8, "Flat", faiss.METRIC_L2)
    other.add(np.zeros((301, 8), np.float32))
    faiss.write_index(other, str(folder / "index.faiss"))


def _twice_the_same_slot(folder: Path) -> None:
    index = faiss.read_index(str(folder / "index.faiss"))
    index.remove_ids(np.array([3]))
    index.add_with_ids(np.ones((1, 8), np.float32), np.array([4]))
    faiss.write_index(index, str(folder / "index.faiss"))


DAMAGES = {
    "keys missing": _missing("keys.npy"),
    "no structure": _missing("index.faiss"),
    "no parameters": _missing("parameters.json"),
    "structure cut": _cut("index.faiss"),
    "rows cut": _cut("rows.npy"),
    "parameters cut": _cut("parameters.json"),
    "keys of another dtype": _array("keys.npy", lambda keys: keys.astype(np.int32)),
    "a key twice": _array("keys.npy", lambda keys: np.where(keys == 9, 10, keys)),
    "a negative key": _array("keys.npy", lambda keys: np.where(keys == 9, -1, keys)),
    "fewer rows": _array("rows.npy", lambda rows: rows[:-1]),
    "narrower rows": _array("rows.npy", lambda rows: rows[:, :-1]),
    "fewer scales": _array("scales.npy", lambda scales: scales[:-1]),
    "a scale of NaN": _array("scales.npy", lambda scales: scales * np.nan),
    "fewer bits": _array("alive.npy", lambda alive: alive[:-1]),
    "bits behind the end": _array("alive.npy", lambda alive: alive | 128),
    "a scalar for keys": _array("keys.npy", lambda keys: np.int64(3)),
    "another version": _json(lambda content: content.update(version=99)),
    "another dimension": _json(lambda content: content.update(dimension=9)),
    "an unknown parameter": _json(lambda content: content.update(more=1)),
    "an order that is none": _json(lambda content: content.update(order=[0] * 8)),
    "points that are none": _json(lambda content: content.update(points=[{"recall": 1}])),
    "another structure": _other_structure,
    "a slot twice": _twice_the_same_slot,
}


@pytest.mark.parametrize("memory_map", [False, True])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_refused(damage: Callable[[Path], None], memory_map: bool, tmp_path: Path) -> None:
    damage(saved(tmp_path))
    with pytest.raises(SnapshotDamaged):
        FaissIndex.load(tmp_path, memory_map=memory_map)


def test_an_undamaged_one_is_read(tmp_path: Path) -> None:
    assert len(FaissIndex.load(saved(tmp_path))) == 300
