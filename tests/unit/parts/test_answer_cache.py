"""Cached answers: exactly of that question, never older than a change, never more than fit."""

from __future__ import annotations

import threading
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lookalike.core.records import FileRecord, ImageRecord
from lookalike.parts.answer_cache import AnswerCache, Question, bytes_in_memory

ONE = Question(version=(1, 7), vector=np.ones(4, np.float32).tobytes(), model="m", where="year > 3", k=5, recall=0.9)


def asked(n: int, *, version: tuple[int, ...] = (0,)) -> Question:
    return Question(version=version, vector=n.to_bytes(8, "big"), model="m")


def test_an_answer_is_given_again_and_is_the_same_object() -> None:
    cache: AnswerCache[list[int]] = AnswerCache(10_000)
    answer = [1, 2]
    assert cache.get(ONE) is None
    cache.put(ONE, answer, 100)
    assert cache.get(replace(ONE)) is answer
    facts = cache.facts()
    assert (facts.entries, facts.hits, facts.misses, facts.evicted, facts.outdated) == (1, 1, 1, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"vector": np.nextafter(np.ones(4, np.float32), np.float32(2)).tobytes()},
        {"model": "m+0.5*n"},
        {"where": ""},
        {"k": 6},
        {"recall": None},
        {"recall": 0.95},
        {"collapse": "group"},
        {"others": ("features",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_differs_is_another_question(change: dict[str, Any]) -> None:
    cache: AnswerCache[str] = AnswerCache(10_000)
    cache.put(ONE, "answer", 100)
    assert cache.get(replace(ONE, **change)) is None
    assert cache.get(ONE) == "answer"


def test_of_another_version_it_is_another_question_and_what_was_kept_is_gone() -> None:
    cache: AnswerCache[str] = AnswerCache(10_000)
    cache.put(ONE, "answer", 100)
    assert cache.get(replace(ONE, version=("another", 0))) is None
    assert cache.get(ONE) is None


def test_what_it_says_it_holds_is_what_it_takes_in_memory() -> None:
    D, entries = 1280, 300
    cache: AnswerCache[Any] = AnswerCache(10**9)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for n in range(entries):
            answer = tuple(
                (
                    ImageRecord(
                        f"{n:032d}{rank:032d}", 640 + n, 480 + n, "jpeg", 10**6 + n, metadata={"shop": f"s{n}"}
                    ),
                    (FileRecord(f"/home/somebody/Pictures/{n}/{rank}.jpg", "", 10**6 + n, 10**18 + n),),
                    0.5 + rank / 100,
                )
                for rank in range(10)
            )
            vector = np.full(D, n, np.float32)
            cache.put(Question(version=(0,), vector=vector.tobytes(), model="m"), answer, bytes_in_memory(answer))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.8 < cache.facts().size_bytes / taken < 1.3


def test_an_array_counts_with_its_numbers_and_an_object_once() -> None:
    array = np.zeros(1000, np.float64)
    assert 8000 <= bytes_in_memory(array) < 8500
    assert 4000 <= bytes_in_memory(array[:500]) < 4500
    assert bytes_in_memory([array, array, array]) < 8600
    circle: list[Any] = []
    circle.append(circle)
    assert bytes_in_memory(circle) < 200
    assert bytes_in_memory({"a" * 500: ["b" * 700]}) > 1200


def test_many_threads_get_only_answers_of_their_own_question() -> None:
    kinds, rounds = 20, 3000
    cache: AnswerCache[tuple[int, int]] = AnswerCache(asked(0).size_bytes * 8)
    problems: list[object] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for step in range(rounds):
            n, version = int(rng.integers(kinds)), step // 100
            found = cache.get(asked(n, version=(version,)))
            if found is None:
                cache.put(asked(n, version=(version,)), (n, version), 0)
            elif found != (n, version):
                problems.append(found)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    facts = cache.facts()
    assert problems == []
    assert facts.hits + facts.misses == 4 * rounds
    assert facts.size_bytes <= facts.max_bytes
