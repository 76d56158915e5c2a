"""Groups count once, k groups come where there are k, and who may not be shown is not named."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from lookalike.core.records import Neighbours
from lookalike.core.vectors import Keys
from lookalike.view.candidates import Candidate, Found, find_grouped, single_candidates

N, k = 60, 4


class Collected:
    """Keys 0 to N - 1, the smaller the nearer; `label[key]` is the first of its group."""

    def __init__(self, label: dict[int, int], *, count: int = N, allowed: Any = None, exact: bool = True) -> None:
        self.label = label
        self.shown = None if allowed is None else lambda keys: np.intersect1d(keys, sorted(allowed)).astype(np.int64)
        self.eligible = [key for key in range(count) if allowed is None or key in allowed]
        self.exact = exact
        self.depths: list[int] = []

    def search(self, depth: int) -> Neighbours:
        self.depths.append(depth)
        keys, similarities = np.full((1, depth), -1, np.int64), np.full((1, depth), -np.inf, np.float32)
        best = self.eligible[:depth]
        keys[0, : len(best)], similarities[0, : len(best)] = best, [1 - key / 100 for key in best]
        return Neighbours(keys, similarities, exact=self.exact, scanned=len(self.eligible), plan="counted")

    def labels(self, keys: Keys) -> Keys:
        return np.array([self.label.get(key, key) for key in keys.tolist()], np.int64)

    def members(self, label: int) -> Keys:
        return np.array(sorted({label, *(key for key, first in self.label.items() if first == label)}), np.int64)

    def grouped(self, wanted: int = k) -> Found:
        return find_grouped(wanted, search=self.search, labels=self.labels, members=self.members, shown=self.shown)

    def naive(self, wanted: int = k) -> list[tuple[int, tuple[int, ...]]]:
        """The nearest of each group, and the others of it that may be shown, by plain loops."""
        groups: dict[int, list[int]] = {}
        for key in self.eligible:
            groups.setdefault(self.label.get(key, key), []).append(key)
        return [(keys[0], tuple(keys[1:])) for keys in list(groups.values())[:wanted]]


def told(found: Found) -> list[tuple[int, tuple[int, ...]]]:
    return [(one.key, one.others) for one in found.candidates]


def test_singles_come_in_order_with_their_similarity_and_the_account() -> None:
    found = single_candidates(Collected({}).search(3))
    assert found == Found([Candidate(n, pytest.approx(1 - n / 100)) for n in range(3)], "counted", True, N)


def test_a_search_that_finds_fewer_gives_fewer() -> None:
    assert [one.key for one in single_candidates(Collected({}, count=2).search(k)).candidates] == [0, 1]
    assert single_candidates(Collected({}, count=0).search(k)).candidates == []


def test_without_groups_grouping_changes_nothing() -> None:
    collected = Collected({})
    assert told(collected.grouped()) == [(n, ()) for n in range(k)]
    assert len(collected.depths) == 1


def test_the_nearest_stands_for_its_group_whoever_was_first_in_it() -> None:
    collected = Collected({1: 9, 5: 9, 2: 40})
    assert told(collected.grouped()) == [(0, ()), (1, (5, 9)), (2, (40,)), (3, ())]


@pytest.mark.parametrize("large", [5, 20, 55, 60])
def test_a_group_of_many_copies_widens_until_there_are_k_groups(large: int) -> None:
    collected = Collected(dict.fromkeys(range(large), 0))
    assert told(collected.grouped()) == collected.naive()
    assert collected.depths == sorted(set(collected.depths))


def test_fewer_groups_than_k_give_all_of_them() -> None:
    collected = Collected({key: key % 3 for key in range(N)})
    found = collected.grouped(wanted=10)
    assert [one.key for one in found.candidates] == [0, 1, 2]
    assert Counter(key for one in found.candidates for key in (one.key, *one.others)) == Counter(range(N))


def test_the_others_of_a_group_must_pass_the_filter_too() -> None:
    collected = Collected({1: 0, 2: 0, 7: 0, 8: 3}, allowed={2, 3, 7, 9, 11})
    assert told(collected.grouped()) == [(2, (7,)), (3, ()), (9, ()), (11, ())]


@pytest.mark.parametrize("seed", range(20))
def test_any_groups_and_any_filter_give_what_loops_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    firsts = rng.integers(0, rng.integers(1, 30), N)
    label = {key: int(np.flatnonzero(firsts == firsts[key])[0]) for key in range(N)}
    allowed = None if seed % 3 == 0 else set(rng.choice(N, rng.integers(0, N), replace=False).tolist())
    for wanted in (1, k, N + 5):
        collected = Collected(label, allowed=allowed)
        assert told(collected.grouped(wanted)) == collected.naive(wanted)


def test_what_is_approximate_is_called_so() -> None:
    found = Collected({1: 0}, exact=False).grouped()
    assert (found.exact, found.plan, found.scanned) == (False, "counted", N)
