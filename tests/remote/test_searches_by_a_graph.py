"""A collection that is large enough for a graph in PostgreSQL: projected, filtered, grouped and gauged as any other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.base import MAIN
from lookalike.core.filters import Filter
from lookalike.core.records import ImageRecord
from lookalike.index.remote import RemoteIndex
from lookalike.parts.parts import Parts
from lookalike.search.search import Query, Wanted, search
from lookalike.search.timings import Timings
from lookalike.view.recall_gauge import RecallGauge
from lookalike.view.wish import Wish
from tests.collections import D, Views, new_parts
from tests.remote.remote_views import RemoteViews

N, TWINS, K = 600, 30, 10
QUERIES = np.random.default_rng(6).normal(size=(10, D)).astype(np.float32)


@pytest.fixture
def parts(new_pgvector: Callable[[], RemoteIndex], monkeypatch: pytest.MonkeyPatch) -> Parts:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    monkeypatch.setattr("lookalike.index.pgvector.tuning.GRAPH_FROM", 100)
    monkeypatch.setattr("lookalike.index.pgvector.tuning.EFS", (10, 20, 40))
    monkeypatch.setattr("lookalike.index.pgvector.version.FEW", 20)
    monkeypatch.setattr("lookalike.view.remote_view.RecallGauge", partial(RecallGauge, share=1))
    monkeypatch.setattr(Views, "make", staticmethod(RemoteViews(new_pgvector, fed=True, wish=Wish(recall=0.9))))
    made = new_parts()
    rows = np.random.default_rng(5).normal(size=(N, D)).astype(np.float16)
    rows[N - TWINS :] = rows[:TWINS] * 2
    images = [ImageRecord(f"{n:064x}", 1 + n, 10, "png", n, metadata={"even": n % 2 == 0}) for n in range(N)]
    with made.catalog.transaction() as transaction:
        transaction.put_images(images, rows)
    return made


def ask(parts: Parts, query: Any, **wanted: Any) -> Any:
    return search(Query({MAIN: query}), parts, wanted=Wanted(k=K, **wanted), timings=Timings())


@pytest.mark.parametrize(
    "wanted",
    [{}, {"where": "even = true"}, {"where": "width < 11"}, {"grouped": True}, {"grouped": True, "where": "width > 9"}],
    ids=str,
)
def test_answers_are_nearly_those_of_comparing_all(parts: Parts, wanted: dict[str, Any]) -> None:
    asked = {**wanted, "where": Filter.parse(wanted["where"])} if "where" in wanted else wanted
    parts.view.refresh()
    found, expected = [], []
    for query in QUERIES:
        reply, truth = ask(parts, query[None], **asked), ask(parts, query[None], recall=1.0, **asked)
        assert len(reply.hits) == len(truth.hits) == K
        assert reply.total_matching == truth.total_matching
        assert truth.exact
        similarities = {hit.id: hit.similarity for hit in truth.hits}
        for hit in reply.hits:
            if hit.id in similarities:
                assert hit.similarity == pytest.approx(similarities[hit.id], abs=1e-6)
        found += [hit.id for hit in reply.hits]
        expected += similarities
    assert len(set(found) & set(expected)) > 0.9 * len(set(expected))
    parts.view.close()


def test_what_it_finds_is_gauged_and_told(parts: Parts) -> None:
    for query in QUERIES:
        assert not ask(parts, query[None]).exact
        assert parts.view._gauge.settle(60)  # type: ignore[attr-defined]  # of those that wait, most are let go
    facts = parts.view.facts()
    assert facts.projection_version == 1
    assert facts.engine == "pgvector"
    assert facts.recall >= 0.9
    assert facts.gauge is not None
    assert (facts.gauge.samples, facts.gauge.failed) == (len(QUERIES), 0)
    assert facts.gauge.recall is not None
    assert facts.gauge.recall > 0.8
    parts.view.close()
