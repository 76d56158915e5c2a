"""Groups of near-identical vectors: each member near its first, and hardly any pair missed that a plain loop finds."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch, SnapshotDamaged
from lookalike.core.vectors import normalise
from lookalike.index import groups as groups_module
from lookalike.index.groups import Groups
from lookalike.index.hyperplanes import SideTables, sides

ROUNDING = 1e-5


class Source:
    """Vectors by key, as a catalog would give them."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.held: dict[int, Any] = {}

    def vectors_of(self, keys: Any) -> tuple[Any, Any]:
        there = [key for key in reversed(keys.tolist()) if key in self.held]
        rows = np.array([self.held[key] for key in there], np.float32)
        return np.array(there, np.int64), rows.reshape(len(there), self.dimension)


def made(D: int, *, threshold: float = 0.995) -> tuple[Source, Groups]:
    source = Source(D)
    return source, Groups(D, vectors_of=source.vectors_of, threshold=threshold)


def put(source: Source, groups: Groups, keys: Any, vectors: Any) -> None:
    source.held |= dict(zip(np.asarray(keys).tolist(), vectors, strict=True))
    groups.upsert(np.asarray(keys), vectors)


def take(source: Source, groups: Groups, keys: Any) -> None:
    for key in keys:
        source.held.pop(key, None)
    groups.remove(np.asarray(keys, np.int64))


def at_cosine(units: Any, cosine: Any, rng: np.random.Generator) -> Any:
    """A vector for each unit vector, at this cosine to it, in a random direction."""
    aside = rng.standard_normal(units.shape)
    aside -= np.einsum("nd,nd->n", aside, units)[:, None] * units
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    cosine = np.asarray(cosine)[:, None]
    return (cosine * units + np.sqrt(1 - cosine**2) * aside).astype(np.float32)


def units(N: int, D: int, *, seed: int = 0) -> Any:
    return normalise(np.random.default_rng(seed).standard_normal((N, D)).astype(np.float32))


def assert_stars(source: Source, groups: Groups, *, threshold: float = 0.995) -> None:
    """All that groups promise, of whatever is held."""
    keys = np.array(sorted(source.held), np.int64)
    labels = groups.labels(keys)
    for label in np.unique(labels).tolist():
        members = groups.members(label).tolist()
        assert members[0] == label
        assert members[1:] == sorted(set(members[1:]) - {label})
        assert sorted(members) == keys[labels == label].tolist()
        rows = normalise(np.array([source.held[key] for key in members], np.float32)).astype(np.float64)
        assert (rows[1:] @ rows[0] >= threshold - ROUNDING).all()


@pytest.mark.parametrize(("lowest", "highest", "least"), [(0.9951, 0.9975, 0.96), (0.9975, 0.9999, 0.99), (1, 1, 1.0)])
@pytest.mark.parametrize("at_once", [3000, 250])
def test_hardly_any_near_pair_is_missed(lowest: float, highest: float, least: float, at_once: int) -> None:
    N, pairs, D = 3000, 1000, 24
    rng = np.random.default_rng(1)
    vectors = units(N, D)
    vectors[N - pairs :] = at_cosine(vectors[:pairs], rng.uniform(lowest, highest, pairs), rng)
    source, groups = made(D)
    for start in range(0, N, at_once):
        put(source, groups, np.arange(start, start + at_once), vectors[start : start + at_once])
    found = groups.labels(np.arange(N - pairs, N)) == np.arange(pairs)
    assert found.mean() >= least
    assert (groups.labels(np.arange(pairs, N - pairs)) == np.arange(pairs, N - pairs)).mean() > 0.999
    assert_stars(source, groups)


@pytest.mark.parametrize("threshold", [0.98, 0.99, 1.0])
def test_other_thresholds_are_kept_and_found_as_well(threshold: float) -> None:
    N, D = 600, 32
    rng = np.random.default_rng(2)
    vectors = units(N, D)
    nearer, farther = min(1, threshold + 0.001), threshold - 0.001
    copies = at_cosine(vectors, np.where(np.arange(N) % 2, nearer, farther), rng)
    source, groups = made(D, threshold=threshold)
    put(source, groups, np.arange(2 * N), np.concatenate([vectors, copies]))
    found = groups.labels(np.arange(N, 2 * N)) == np.arange(N)
    assert not found[::2].any()
    assert found[1::2].mean() > (0.95 if threshold < 1 else 0.3)  # where rounding decides
    assert_stars(source, groups, threshold=threshold)


@pytest.mark.parametrize("seed", range(4))
def test_after_any_changes_groups_are_stars_and_agree_with_a_plain_loop(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Families lie at the corners of a cube, near-identical within and far apart."""
    families, D, keys, rounds = 12, 16, 60, 80
    monkeypatch.setattr(groups_module, "_ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(seed)
    corners = units(families, D, seed=seed)
    source, groups = made(D)
    family: dict[int, int] = {}
    for _ in range(rounds):
        some = rng.permutation(keys)[: rng.integers(0, 10)]
        if rng.random() < 0.4:
            take(source, groups, some.tolist())
            family = {key: one for key, one in family.items() if key not in some}
        else:
            of = rng.integers(0, families, len(some))
            put(source, groups, some, at_cosine(corners[of], np.full(len(some), 0.9995), rng) * 3)
            family |= dict(zip(some.tolist(), of.tolist(), strict=True))
        assert_stars(source, groups)
        labels = dict(zip(sorted(family), groups.labels(np.array(sorted(family), np.int64)).tolist(), strict=True))
        for one in range(families):
            assert len({labels[key] for key in family if family[key] == one}) <= 1
        assert len(set(labels.values())) == len(set(family.values()))


def test_copies_of_one_picture_are_one_group_however_many() -> None:
    N, D, copies = 50, 8, 3000
    vectors = units(N, D)
    source, groups = made(D)
    put(source, groups, np.arange(N), vectors)
    put(source, groups, np.arange(100, 100 + copies), np.tile(vectors[3], (copies, 1)))
    assert groups.members(3).tolist() == [3, *range(100, 100 + copies)]
    assert (groups.labels(np.arange(100, 100 + copies)) == 3).all()
    take(source, groups, [3])
    assert groups.members(100).tolist() == list(range(100, 100 + copies))
    assert groups.members(3).tolist() == [3]


def test_a_picture_joins_the_nearest_first_and_not_the_end_of_a_chain() -> None:
    """On a circle in steps of 5 degrees, of which one is near-identical and two are not."""
    angles = np.radians([0, 10, 5, 6])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    source, groups = made(2)
    put(source, groups, [1, 2], rows[:2])
    assert groups.labels(np.array([1, 2])).tolist() == [1, 2]
    put(source, groups, [3, 4], rows[2:])
    assert groups.labels(np.array([1, 2, 4])).tolist() == [1, 2, 2]
    assert_stars(source, groups)


def test_when_the_first_leaves_those_too_far_from_the_next_are_grouped_anew() -> None:
    angles = np.radians([0, -5, 5, 5.5])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    source, groups = made(2)
    put(source, groups, [1, 2, 3, 4], rows)
    assert groups.members(1).tolist() == [1, 2, 3, 4]
    take(source, groups, [1])
    assert groups.labels(np.array([2, 3, 4])).tolist() == [2, 3, 3]
    put(source, groups, [3], -rows[2:3])
    assert groups.labels(np.array([2, 3, 4])).tolist() == [2, 3, 4]


def test_a_vector_that_is_gone_from_where_vectors_are_is_in_nobody_s_way() -> None:
    D = 6
    rows = np.tile(units(1, D), (4, 1))
    source, groups = made(D)
    put(source, groups, [1, 2, 3], rows[:3])
    del source.held[1]
    put(source, groups, [4], rows[3:])
    assert groups.labels(np.array([4])).tolist() == [4]
    source.held.clear()
    groups.remove(np.array([1]))
    assert groups.labels(np.array([2, 3])).tolist() == [2, 3]


def test_zero_vectors_are_alone_and_of_a_key_given_twice_the_last_counts() -> None:
    D = 4
    one = units(1, D)[0]
    source, groups = made(D)
    put(source, groups, [1, 2, 3], np.array([0 * one, one, 0 * one]))
    groups.upsert(np.array([5, 5, 6]), np.array([-one, one, -one]))
    assert groups.labels(np.array([1, 2, 3, 5, 6, 77])).tolist() == [1, 2, 3, 2, 6, 77]
    put(source, groups, [2, 5], np.array([0 * one, one]))
    assert groups.labels(np.array([2, 5])).tolist() == [2, 5]


def test_bad_input_is_refused_and_changes_nothing() -> None:
    source, groups = made(3)
    put(source, groups, [1, 2], np.ones((2, 3), np.float32))
    for keys, vectors, error in [
        ([1], np.ones((2, 3)), DimensionMismatch),
        ([1, 2], np.ones((2, 4)), DimensionMismatch),
        ([1, 2], np.array([[1, 1, 1], [1, np.nan, 1]]), BadVectors),
        ([1, -2], np.ones((2, 3)), BadInput),
        ([1.5, 2], np.ones((2, 3)), BadInput),
    ]:
        with pytest.raises(error):
            groups.upsert(np.array(keys), vectors.astype(np.float32))
    groups.remove(np.array([9, -1]))
    groups.upsert(np.empty(0, np.int64), np.empty((0, 3), np.float32))
    assert groups.members(1).tolist() == [1, 2]
    for threshold in (0.97, 1.01, float("nan")):
        with pytest.raises(BadInput, match="threshold"):
            made(3, threshold=threshold)


def test_the_same_calls_give_the_same_groups() -> None:
    N, D = 400, 8
    rng = np.random.default_rng(3)
    vectors = at_cosine(units(40, D)[rng.integers(0, 40, N)], rng.uniform(0.99, 1, N), rng)
    labels = []
    for _ in range(2):
        source, groups = made(D)
        put(source, groups, np.arange(N), vectors)
        take(source, groups, range(0, N, 3))
        labels.append(groups.labels(np.arange(N)).tolist())
    assert labels[0] == labels[1]


def test_what_was_saved_goes_on_as_though_nothing_had_been(tmp_path: Path) -> None:
    N, D = 60, 8
    vectors = units(20, D)[np.arange(N) % 20]
    source, groups = made(D, threshold=0.99)
    put(source, groups, np.arange(N), vectors)
    take(source, groups, [0, 21, 22])
    groups.save(tmp_path / "groups.npz")

    loaded = Groups.load(io.BytesIO((tmp_path / "groups.npz").read_bytes()), vectors_of=source.vectors_of)

    for change in (
        lambda: None,
        lambda: take(source, loaded, [1, 20]),
        lambda: put(source, loaded, [99], vectors[1:2]),
    ):
        change()
        assert_stars(source, loaded, threshold=0.99)
        assert loaded.dimension == D
    assert loaded.members(41).tolist() == [41, 99]
    assert groups.members(20).tolist() == [20, 40]
    empty = made(D)[1]
    empty.save(tmp_path / "empty.npz")
    put(source, Groups.load(tmp_path / "empty.npz", vectors_of=source.vectors_of), [5], vectors[:1])


def test_damage_is_noticed(tmp_path: Path) -> None:
    source, groups = made(3)
    put(source, groups, [1, 2], np.ones((2, 3), np.float32))
    groups.save(tmp_path / "groups.npz")
    whole = (tmp_path / "groups.npz").read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"no archive at all"):
        with pytest.raises(SnapshotDamaged):
            Groups.load(io.BytesIO(content), vectors_of=source.vectors_of)
    arrays = dict(np.load(tmp_path / "groups.npz"))
    for change in ({"codes": np.zeros((3, 2), np.uint64)}, {"firsts_of_keys": np.array([7])}, {"threshold": 0.5}):
        np.savez(tmp_path / "changed.npz", **(arrays | change))
        with pytest.raises(SnapshotDamaged):
            Groups.load(tmp_path / "changed.npz", vectors_of=source.vectors_of)


def test_who_reads_beside_a_writer_sees_whole_groups() -> None:
    N, D, rounds = 40, 6, 60
    vectors = units(4, D)[np.arange(N) % 4]
    source, groups = made(D)
    put(source, groups, np.arange(N), vectors)
    problems: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                for label in set(groups.labels(np.arange(N)).tolist()):
                    members = groups.members(label).tolist()
                    assert members[0] == label
                    assert len({key % 4 for key in members}) == 1
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    rng = np.random.default_rng(0)
    for _ in range(rounds):
        some = rng.permutation(N)[:9]
        groups.remove(some)
        groups.upsert(some, vectors[some])
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []


def test_tables_find_what_begins_alike_and_differs_little_until_it_is_dropped() -> None:
    N, D = 500, 16
    how = sides(D, threshold=0.995)
    vectors = units(N, D)
    codes = how.codes(vectors)
    bits = np.unpackbits(codes.astype(">u8").view(np.uint8), axis=1)
    assert (bits == (vectors @ how.planes > 0)).all()
    tables = SideTables(how)
    assert len(tables.near(codes).first) == 0
    for part in np.array_split(codes, 5):
        tables.add(part)
    found = tables.near(codes)
    assert set(range(N)) <= {int(row) for row, slot in zip(found.first, found.second, strict=True) if row == slot}
    differing = (bits[found.first] != bits[found.second]).sum(axis=1)
    assert (differing <= how.most_differing).all()
    tables.drop(np.arange(0, N, 2))
    assert set(tables.near(codes).second.tolist()) == set(range(1, N, 2))
