"""Confidence is a share of random pairs, the same in every process, and copies do not distort it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.base import MAIN
from lookalike.core.errors import BadQuery
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors, normalise
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply
from lookalike.search.fusion import Weight
from lookalike.search.search import Query, Wanted, search
from lookalike.search.timings import Timings
from lookalike.view.confidence import LEAST, SAMPLE, Confidences, Pairs, pairs_among
from tests.collections import D, new_collection, new_parts, picture

N, K = 40, 8


def some_vectors(count: int, *, seed: int = 0) -> Vectors:
    return normalise(np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32))


def image_id(n: int) -> str:
    return f"{n:064x}"


def put(parts: Parts, numbers: Any, vectors: Vectors) -> None:
    images = [ImageRecord(image_id(n), 10, 10, "png", 1) for n in numbers]
    with parts.catalog.transaction() as transaction:
        transaction.put_images(images, vectors.astype(np.float16))


def parts_of(vectors: Vectors, folder: Path | None = None) -> Parts:
    parts = new_parts(folder)
    put(parts, range(len(vectors)), vectors)
    return parts


def ask(parts: Parts, query: Vectors, **wanted: Any) -> Reply:
    return search(Query({MAIN: query}), parts, wanted=Wanted(**{"k": K, **wanted}), timings=Timings())


def oracle(vectors: Vectors, similarity: float) -> float:
    """The definition, as a loop over all pairs."""
    rows = normalise(vectors.astype(np.float16).astype(np.float32)).astype(np.float64)
    pairs = list(itertools.combinations(rows, 2))
    return sum(float(a @ b) < similarity for a, b in pairs) / (len(pairs) + 1)


@pytest.mark.parametrize("stored", ["memory", "sqlite"])
def test_the_confidence_of_a_hit_is_what_a_loop_over_all_pairs_gives(tmp_path: Path, stored: str) -> None:
    vectors = some_vectors(N)
    parts = parts_of(vectors, tmp_path / "c" if stored == "sqlite" else None)

    hits = ask(parts, some_vectors(1, seed=1)).hits

    assert len(hits) == K
    for hit in hits:
        assert hit.confidence == pytest.approx(oracle(vectors, hit.similarity), abs=1e-12)


def test_a_picture_of_the_collection_finds_itself_with_nearly_full_confidence() -> None:
    vectors = some_vectors(N)

    first = ask(parts_of(vectors), vectors[3:4]).hits[0]

    pairs = N * (N - 1) // 2
    assert first.confidence == pairs / (pairs + 1)


@pytest.mark.parametrize(("count", "known"), [(0, False), (1, False), (LEAST - 1, False), (LEAST, True)])
def test_of_few_pictures_nothing_is_said(count: int, known: bool) -> None:
    hits = ask(parts_of(some_vectors(count)), some_vectors(1, seed=1)).hits

    assert len(hits) == min(K, count)
    assert all((hit.confidence is not None) is known for hit in hits)


def test_copies_count_once() -> None:
    vectors = some_vectors(N)
    copies = np.repeat(vectors[:1], 100, axis=0)
    alone, among_copies = pairs_among(vectors), pairs_among(np.concatenate([vectors, copies]))

    assert alone is not None
    assert among_copies is not None
    asked = [-0.5, 0.0, 0.3, 0.7, 1.0]
    assert alone.confidences(asked) == among_copies.confidences(asked)


def test_a_collection_of_nothing_but_copies_says_nothing() -> None:
    assert pairs_among(np.repeat(some_vectors(1), 500, axis=0)) is None


def test_equal_similarities_are_not_less_alike() -> None:
    pairs = Pairs(np.array([0.5, 0.25, 0.5], np.float32))

    assert pairs.confidences([0.25, 0.3, 0.5, 0.75]) == [0.0, 0.25, 0.25, 0.75]


def test_large_collections_are_judged_by_a_sample_that_is_the_same_everywhere(tmp_path: Path) -> None:
    vectors = some_vectors(3 * SAMPLE)
    query = some_vectors(1, seed=1)
    there, elsewhere = parts_of(vectors), new_parts(tmp_path / "c")
    for start in (SAMPLE, 0, 2 * SAMPLE):  # taken in in another order
        put(elsewhere, range(start, start + SAMPLE), vectors[start : start + SAMPLE])

    first, second = (ask(parts, query).hits for parts in (there, elsewhere))

    assert [hit.confidence for hit in first] == [hit.confidence for hit in second]
    exact = [oracle(vectors[:SAMPLE], hit.similarity) for hit in first[:1]]
    assert first[0].confidence == pytest.approx(exact[0], abs=1e-4)


def test_pairs_are_rerank_when_the_collection_is_twice_or_half_as_large() -> None:
    parts, confidences = parts_of(some_vectors(2 * N)), Confidences()
    parts.view.refresh()

    def known(count: int) -> Pairs | None:
        return confidences.pairs(parts.catalog, parts.view, count=count)

    first = known(2 * N)
    assert known(3 * N) is first
    twice = known(4 * N)
    assert twice is not first
    assert known(3 * N) is twice
    assert known(2 * N) is not twice


def test_pairs_are_rerank_with_another_index() -> None:
    parts = parts_of(some_vectors(N))
    parts.view.refresh()
    first = parts.confidences.pairs(parts.catalog, parts.view, count=N)
    parts.view.generation += 1

    assert parts.confidences.pairs(parts.catalog, parts.view, count=N) is not first


def test_hits_of_less_confidence_are_left_out_and_the_plan_says_so() -> None:
    parts = parts_of(some_vectors(N))
    query = some_vectors(1, seed=1)
    everything = ask(parts, query, k=N)
    least = everything.hits[4].confidence

    reply = ask(parts, query, k=N, min_confidence=least)

    assert [hit.id for hit in reply.hits] == [
        hit.id for hit in everything.hits if (hit.confidence or 0) >= (least or 0)
    ]
    assert [hit.rank for hit in reply.hits] == list(range(1, len(reply.hits) + 1))
    assert reply.plan == f"exact, of confidence {least:g} or more"
    assert reply.total_matching == N
    assert ask(parts, query, k=2, min_confidence=least).hits == reply.hits[:2]
    assert ask(parts, query, min_confidence=1.0).hits == ()


def test_where_confidence_is_not_known_all_hits_stay() -> None:
    reply = ask(parts_of(some_vectors(LEAST - 1)), some_vectors(1, seed=1), min_confidence=0.99)

    assert len(reply.hits) == K
    assert reply.plan == "exact, of unknown confidence"


def test_another_least_confidence_is_another_question() -> None:
    parts = parts_of(some_vectors(N))
    query = some_vectors(1, seed=1)

    first, strict, again = ask(parts, query), ask(parts, query, min_confidence=1.0), ask(parts, query)

    assert (first.cached, strict.cached, again.cached) == (False, False, True)
    assert again.hits == first.hits
    assert strict.hits == ()
    assert ask(parts, query, min_confidence=1.0).cached


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_least_confidence_is_a_share(least: float) -> None:
    with pytest.raises(BadQuery, match="from 0 to 1"):
        ask(parts_of(some_vectors(N)), some_vectors(1), min_confidence=least)


def test_a_mixture_has_no_confidence() -> None:
    wanted = Wanted(mixture=(Weight(MAIN, 1.0), Weight("fine", 1.0)), min_confidence=0.5)

    with pytest.raises(BadQuery, match="the collection's own model"):
        search(Query({MAIN: some_vectors(1)}), new_parts(), wanted=wanted, timings=Timings())


def test_a_collection_searches_with_a_least_confidence() -> None:
    with new_collection() as photos:
        for n in range(LEAST):
            photos.add(picture(n))

        found = photos.search(picture(3), min_confidence=0.99)

        assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
        assert 1 <= len(found) < 10
        assert all(hit.confidence is not None and hit.confidence >= 0.99 for hit in found)
