"""The one cache: what was used last, never more than fits, and never older than a change."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
import pytest

from lookalike.storage.cache import BoundedCache


def test_a_value_is_given_again_and_is_the_same_object() -> None:
    cache: BoundedCache[str, list[int]] = BoundedCache(most_bytes=100)
    value = [1, 2]
    assert cache.get("a") is None
    cache.put("a", value, size_bytes=10)
    assert cache.get("a") is value
    facts = cache.facts()
    assert (facts.entries, facts.hits, facts.misses, facts.evicted, facts.outdated) == (1, 1, 1, 0, 0)


def test_the_first_key_of_a_newer_version_empties_it() -> None:
    cache: BoundedCache[int, str] = BoundedCache(most_bytes=100)
    cache.put(1, "old", size_bytes=10, version=(0, 5))
    cache.put(2, "old", size_bytes=10, version=(0, 5))
    assert cache.get(1, version=(0, 6)) is None
    assert cache.get(1, version=(0, 5)) is None
    facts = cache.facts()
    assert (facts.entries, facts.size_bytes, facts.outdated, facts.evicted) == (0, 0, 2, 0)


def test_a_value_of_an_older_version_is_neither_taken_in_nor_takes_the_place_of_a_newer_one() -> None:
    cache: BoundedCache[int, str] = BoundedCache(most_bytes=100)
    assert cache.get(1, version="first") is None
    cache.put(1, "new", size_bytes=10, version="second")
    cache.put(1, "took long to make", size_bytes=10, version="first")
    assert cache.get(1, version="first") is None
    assert cache.get(1, version="second") == "new"


def test_a_version_that_was_left_long_ago_is_a_miss_and_never_a_wrong_answer() -> None:
    cache: BoundedCache[int, str] = BoundedCache(most_bytes=100)
    for n in range(1_000):
        cache.put(1, f"of {n}", size_bytes=10, version=n)
    assert cache.get(1, version=0) is None
    assert cache.get(1, version=999) is None, "a place in the memory of versions is all that it cost"
    cache.put(1, "of 999", size_bytes=10, version=999)
    assert cache.get(1, version=999) in (None, "of 999")


def test_a_cleared_one_takes_older_versions_again() -> None:
    cache: BoundedCache[int, str] = BoundedCache(most_bytes=100)
    cache.put(1, "later", size_bytes=10, version=(9,))
    cache.clear()
    cache.put(1, "earlier", size_bytes=10, version=(3,))
    assert cache.get(1, version=(3,)) == "earlier"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most_entries", [1, 4, 100])
def test_it_holds_what_was_used_last_and_never_more_than_fits(seed: int, most_entries: int) -> None:
    most_bytes, kinds, rounds = 6000, 12, 400
    rng = np.random.default_rng(seed)
    cache: BoundedCache[int, int] = BoundedCache(most_bytes=most_bytes, most_entries=most_entries)
    naive: OrderedDict[int, int] = OrderedDict()
    evicted = 0
    for step in range(rounds):
        n = int(rng.integers(kinds))
        if rng.random() < 0.5:
            assert (cache.get(n) is None) == (n not in naive)
            if n in naive:
                naive.move_to_end(n)
        else:
            size = int(rng.integers(0, 7000))
            cache.put(n, step, size_bytes=size)
            naive.pop(n, None)
            if size <= most_bytes:
                naive[n] = size
            while sum(naive.values()) > most_bytes or len(naive) > most_entries:
                naive.popitem(last=False)
                evicted += 1
        facts = cache.facts()
        assert (facts.entries, facts.size_bytes, facts.evicted) == (len(naive), sum(naive.values()), evicted)


def test_values_that_take_nothing_are_bounded_too() -> None:
    cache: BoundedCache[int, tuple[()]] = BoundedCache(most_bytes=10, most_entries=3)
    for n in range(5):
        cache.put(n, (), size_bytes=0)
    assert [cache.get(n) is not None for n in range(5)] == [False, False, True, True, True]


def test_one_of_no_bytes_keeps_nothing() -> None:
    cache: BoundedCache[int, str] = BoundedCache(most_bytes=0)
    cache.put(1, "value", size_bytes=1)
    assert cache.get(1) is None


def test_one_that_keeps_the_last_keeps_it_however_large_and_alone() -> None:
    cache: BoundedCache[int, str] = BoundedCache(most_bytes=10, keeps_last=True)
    cache.put(1, "small", size_bytes=5)
    cache.put(2, "large", size_bytes=50)
    assert (cache.get(1), cache.get(2)) == (None, "large")
    cache.put(3, "small", size_bytes=5)
    assert (cache.get(2), cache.get(3)) == (None, "small")


def test_many_threads_leave_it_as_one_would() -> None:
    threads, rounds, kinds = 4, 500, 9
    cache: BoundedCache[int, int] = BoundedCache(most_bytes=50, most_entries=5)
    wrong: list[tuple[int, int]] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for n in rng.integers(kinds, size=rounds).tolist():
            cache.put(n, n, size_bytes=10 + n % 3)
            found = cache.get(int(rng.integers(kinds)))
            if found is not None and not 0 <= found < kinds:
                wrong.append((n, found))

    working = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    for one in working:
        one.start()
    for one in working:
        one.join()
    facts = cache.facts()
    kept = [n for n in range(kinds) if cache.get(n) is not None]
    assert not wrong
    assert facts.entries == len(kept) <= 5
    assert facts.size_bytes == sum(10 + n % 3 for n in kept) <= 50
