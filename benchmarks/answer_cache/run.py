"""How long it takes to answer a question that was asked before. A few seconds."""

from __future__ import annotations

import numpy as np

import lookalike
from benchmarks.collections import fill
from benchmarks.harness import Bench, timed
from benchmarks.rows import Row, measured, median, quartiles
from benchmarks.vectors import grown_raw
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors
from lookalike.parts.answer_cache import AnswerCache, Question, bytes_in_memory

QUESTION = "How long does a query take whose answer is in the cache?"
D, HITS = 1280, 10
QUESTIONS = 1000
ROUNDS = 50
COLLECTION, QUERIES = 20_000, 200


def measure(bench: Bench) -> None:
    bench.add(_cache_alone(bench), _whole_query(bench, numbered=False), _whole_query(bench, numbered=True))


def _cache_alone(bench: Bench) -> Row:
    """Make the question of a vector and get its answer: all but what a collection does around it."""
    vectors = np.random.default_rng(0).standard_normal((bench.size(QUESTIONS), D), dtype=np.float32)
    cache: AnswerCache[tuple[ImageRecord, ...]] = AnswerCache(2**30)
    for n, vector in enumerate(vectors):
        answer = tuple(ImageRecord(f"{n:032d}{rank:032d}", 640, 480, "jpeg", 100_000) for rank in range(HITS))
        cache.put(_question(vector), answer, bytes_in_memory(answer))
    microseconds = []
    for _ in range(ROUNDS):
        bench.tick()
        seconds, answers = timed(lambda: [cache.get(_question(vector)) for vector in vectors])
        if None in answers:
            raise RuntimeError(f"expected only hits, got {cache.facts()}")
        microseconds.append(seconds / len(vectors) * 1e6)
    return measured(
        "the cache alone, of a vector of 1280 numbers",
        median(microseconds),
        "µs",
        spread=quartiles(microseconds),
        target="<= 50 µs",
        note=f"median of {ROUNDS} rounds over {len(vectors):,} questions. The target is that of a whole query",
    )


def _whole_query(bench: Bench, *, numbered: bool) -> Row:
    """Ask a collection by vector what it was asked before: from the call to the result."""
    vectors = grown_raw(bench.size(COLLECTION))
    with lookalike.open(bench.folder(f"collection-{numbered}")) as collection:
        fill(collection, vectors, numbered=numbered)
        queries = vectors[: bench.size(QUERIES)] + np.float32(0.01)
        for query in queries:
            collection.search(query, k=HITS)
        microseconds = []
        for _ in range(ROUNDS):
            bench.tick()
            seconds, results = timed(lambda: [collection.search(query, k=HITS) for query in queries])
            if not all(result.reply.cached for result in results):
                raise RuntimeError("expected only answers from the cache")
            microseconds.append(seconds / len(queries) * 1e6)
    return measured(
        "a whole query by vector" + (", metadata on every hit" if numbered else ""),
        median(microseconds),
        "µs",
        spread=quartiles(microseconds),
        target=None if numbered else "<= 50 µs",
        note=f"`Collection.search`, {HITS} hits, {len(vectors):,} pictures; {ROUNDS} rounds of {len(queries)}",
    )


def _question(vector: Vectors) -> Question:
    return Question(version=(1, 1), vector=vector.tobytes(), model="m" * 64, where="year > 2000", k=HITS)
