"""An index that takes filters is handed the filter itself, and answers as one that is handed the keys that pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import MAIN, Catalog
from lookalike.core.filters import Filter
from lookalike.core.records import ImageRecord, Neighbours
from lookalike.core.vectors import Vectors
from lookalike.index.base import LocalIndex, Selection
from lookalike.index.exact import ExactIndex
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply
from lookalike.search.fusion import Weight
from lookalike.search.search import Query, Wanted, search
from lookalike.search.search_many import search_many
from lookalike.search.timings import Timings
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.collections import D, new_parts

N, K = 40, 6
QUERIES = np.random.default_rng(6).normal(size=(4, D)).astype(np.float32)


class FilteringIndex(ExactIndex):
    """Knows the pictures' metadata, as an engine beside the catalog's tables does; notes what it was handed."""

    takes_filters = True

    def __init__(self, dimension: int, catalog: Catalog) -> None:
        super().__init__(dimension)
        self.catalog = catalog
        self.handed: list[Selection] = []

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        self.handed.append(among)
        if isinstance(among, Filter):
            keys, _ = self.stored_vectors()
            among = self.catalog.passing(keys, among)
        return super().search(queries, k, among=among, recall=recall)


class FilteringEngines(LocalEngines):
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def empty(self, dimension: int, *, engine: str) -> LocalIndex:
        return FilteringIndex(dimension, self.catalog)


def filled(folder: Path | None, *, takes_filters: bool) -> Parts:
    parts = new_parts(folder)
    vectors = np.random.default_rng(5).normal(size=(N, D)).astype(np.float16)
    vectors[N // 2 :] = vectors[: N // 2] * 2  # each twice, so that there are groups
    images = [ImageRecord(f"{n:064x}", 10 + n, 10, "png", n) for n in range(N)]
    with parts.catalog.transaction() as transaction:
        transaction.put_images(images, vectors)
    if takes_filters:
        engines = FilteringEngines(parts.catalog)
        parts = replace(parts, view=LocalView(parts.catalog, None, engines=engines, wish=Wish(projecting="off")))
    return parts


@pytest.fixture(params=["memory", "sqlite"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "sqlite" else None


def index_of(parts: Parts) -> FilteringIndex:
    state = parts.view._state
    assert state is not None
    assert isinstance(state.index, FilteringIndex)
    return state.index


def without_selecting(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def selects(where: Filter) -> Any:
        raise AssertionError(f"all keys that pass {where} were asked for")

    monkeypatch.setattr(parts.catalog, "select", selects)


def ask(parts: Parts, **wanted: Any) -> Reply:
    return search(Query({MAIN: QUERIES[:1]}), parts, wanted=Wanted(k=K, **wanted), timings=Timings())


def told(reply: Reply) -> Any:
    hits = [(hit.id, hit.similarity, tuple(hit.group)) for hit in reply.hits]
    return hits, reply.total_matching, reply.exact, str(reply.plan)


@pytest.mark.parametrize("where", ["width >= 20", "width in (11, 14, 48)", "width > 1000", "width < 1000"])
@pytest.mark.parametrize("wanted", [{}, {"grouped": True}, {"without": 3}, {"without": 3, "grouped": True}])
def test_answers_are_the_same_and_nobody_selects_keys(
    folder: Path | None, where: str, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed = filled(folder and folder / "a", takes_filters=False)
    filtering = filled(folder and folder / "b", takes_filters=True)
    without_selecting(filtering, monkeypatch)

    asked = {"where": Filter.parse(where), **wanted}

    assert told(ask(filtering, **asked)) == told(ask(keyed, **asked))
    assert Filter.parse(where) in index_of(filtering).handed


def test_several_at_once_are_handed_the_filter_too(folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    keyed = filled(folder and folder / "a", takes_filters=False)
    filtering = filled(folder and folder / "b", takes_filters=True)
    without_selecting(filtering, monkeypatch)
    queries = [Query({MAIN: query[None]}) for query in QUERIES]
    wanted = Wanted(k=K, where=Filter.parse("width < 30"))

    replies = search_many(queries, filtering, wanted)

    assert [told(one) for one in replies] == [told(one) for one in search_many(queries, keyed, wanted)]
    assert Filter.parse("width < 30") in index_of(filtering).handed


def test_without_a_filter_it_is_handed_nothing(folder: Path | None) -> None:
    filtering = filled(folder, takes_filters=True)

    ask(filtering)

    assert set(index_of(filtering).handed) == {None}


def test_a_mixture_is_compared_by_keys(folder: Path | None) -> None:
    filtering = filled(folder, takes_filters=True)

    reply = ask(filtering, where=Filter.parse("width < 20"), mixture=(Weight(MAIN, 1.0),))

    assert (len(reply.hits), reply.total_matching) == (K, 10)
    assert not any(isinstance(one, Filter) for one in index_of(filtering).handed)


def test_the_view_turns_a_filter_into_keys_for_an_index_that_takes_none(folder: Path | None) -> None:
    parts = filled(folder, takes_filters=False)
    where = Filter.parse("width < 20")

    found = parts.view.search(QUERIES, K, among=where)

    assert not parts.view.takes_filters
    expected = parts.view.search(QUERIES, K, among=parts.catalog.select(where))
    assert found.keys.tolist() == expected.keys.tolist()
