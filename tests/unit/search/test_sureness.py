"""A reply is sure where the tenth hit stands clear of the fiftieth, and says nothing where that cannot be told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import MAIN
from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors, normalise
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply
from lookalike.search.search import Query, Wanted, search
from lookalike.search.search_many import search_many
from lookalike.search.sureness import DEPTH, MARGIN, is_sure
from lookalike.search.timings import Timings
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.collections import D, new_parts

N = 400


def falling(first: float, rest: float) -> list[float]:
    return [first] * 10 + [rest] * (DEPTH - 10)


@pytest.mark.parametrize(
    ("similarities", "sure"),
    [
        (falling(0.9, 0.9 - MARGIN - 0.001), True),
        (falling(0.9, 0.9 - MARGIN + 0.001), False),
        (falling(-0.5, -0.9), True),
        ([1.0] + [0.5] * (DEPTH - 1), False),
        (falling(0.9, 0.1)[:-1], None),
        ([], None),
    ],
)
def test_sure_is_what_falls_by_the_margin(similarities: list[float], sure: bool | None) -> None:
    assert is_sure(similarities, projected=True) is sure


def test_of_raw_cosines_nothing_is_said() -> None:
    assert is_sure(falling(0.9, 0.1), projected=False) is None


def test_the_margin_can_be_another() -> None:
    assert is_sure(falling(0.9, 0.6), projected=True, margin=0.31) is False


def clustered(count: int) -> Vectors:
    """Twelve pictures that are much alike, far from all the others."""
    rng = np.random.default_rng(0)
    others = rng.normal(size=(count - 12, D)).astype(np.float32)
    alike = others[:1] * 2 + 0.05 * rng.normal(size=(12, D)).astype(np.float32)
    return normalise(np.concatenate([alike, others]))


def parts_of(vectors: Vectors) -> Parts:
    made = new_parts()
    parts = type(made)(
        **{name: getattr(made, name) for name in made.__dataclass_fields__ if name != "view"},
        view=LocalView(made.catalog, None, engines=LocalEngines(), wish=Wish()),
    )
    images = [ImageRecord(f"{n:064x}", 10, 10, "png", 1) for n in range(len(vectors))]
    with parts.catalog.transaction() as transaction:
        transaction.put_images(images, vectors.astype(np.float16))
    return parts


def ask(parts: Parts, query: Vectors, **wanted: Any) -> Reply:
    return search(Query({MAIN: query}), parts, wanted=Wanted(**wanted), timings=Timings())


def test_a_plain_reply_says_whether_it_is_sure_whatever_k_is() -> None:
    vectors = clustered(N)
    parts = parts_of(vectors)
    deep = ask(parts, vectors[:1], k=DEPTH)

    sure = is_sure([hit.similarity for hit in deep.hits], projected=True)

    assert sure is True
    assert [ask(parts, vectors[:1], k=k).sure for k in (1, 10, 100)] == [sure] * 3
    assert [len(ask(parts, vectors[:1], k=k).hits) for k in (1, 10, 100)] == [1, 10, 100]


def test_a_reply_from_the_cache_says_the_same() -> None:
    vectors = clustered(N)
    parts = parts_of(vectors)

    first, again = ask(parts, vectors[:1]), ask(parts, vectors[:1])

    assert (first.cached, again.cached) == (False, True)
    assert first.sure is again.sure is True


def test_searches_together_say_what_each_says_alone() -> None:
    vectors = clustered(N)
    queries = [vectors[n : n + 1] for n in (0, 5, 100, 300)]

    together = search_many([Query({MAIN: query}) for query in queries], parts_of(vectors), Wanted())

    alone = parts_of(vectors)
    assert [reply.sure for reply in together] == [ask(alone, query).sure for query in queries]
    assert [len(reply.hits) for reply in together] == [10] * 4


def test_what_is_left_out_for_want_of_confidence_changes_nothing() -> None:
    vectors = clustered(N)
    parts = parts_of(vectors)

    assert ask(parts, vectors[:1], min_confidence=1.0).sure is True


def test_of_few_pictures_or_raw_vectors_nothing_is_said() -> None:
    vectors = clustered(N)
    raw = new_parts()  # which has no projection
    images = [ImageRecord(f"{n:064x}", 10, 10, "png", 1) for n in range(N)]
    with raw.catalog.transaction() as transaction:
        transaction.put_images(images, vectors.astype(np.float16))

    assert ask(raw, vectors[:1]).sure is None
    assert ask(parts_of(vectors[: DEPTH - 1]), vectors[:1]).sure is None
