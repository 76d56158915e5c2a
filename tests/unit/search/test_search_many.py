"""Several searches together give each the reply that it gets alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import MAIN
from lookalike.core.errors import BadQuery
from lookalike.core.filters import Filter
from lookalike.core.vectors import normalise
from lookalike.parts.answer_cache import AnswerCache
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply
from lookalike.search.search import Query, Wanted, search
from lookalike.search.search_many import search_many
from lookalike.search.timings import Timings
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.collections import D, new_parts
from tests.unit.search.test_search import put, remove

N, Q, K = 60, 7, 5


def vectors(count: int, seed: int) -> Any:
    return normalise(np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32))


@pytest.fixture(params=["memory", "sqlite"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    made = new_parts(tmp_path / "c" if request.param == "sqlite" else None)
    put(made, range(N), vectors(N, 1))
    return made


def queries(count: int = Q, seed: int = 2) -> list[Query]:
    return [Query({MAIN: row[None]}) for row in vectors(count, seed)]


def alone(asked: list[Query], parts: Parts, wanted: Wanted) -> list[Reply]:
    """One by one, and with nothing remembered."""
    forgetful = replace(parts, answers=AnswerCache(0))
    return [search(query, forgetful, wanted=wanted, timings=Timings()) for query in asked]


def same(replies: list[Reply]) -> list[Reply]:
    """But for how long they took, whether they were remembered, and how many searches there were before."""
    return [replace(reply, timings_ms={}, cached=False, index=replace(reply.index, gauge=None)) for reply in replies]


@pytest.mark.parametrize("k", [1, K, N, 10 * N])
@pytest.mark.parametrize("where", ["", "n < 20", "n = 3", "n = 999"])
def test_each_gets_exactly_the_reply_that_it_gets_alone(parts: Parts, k: int, where: str) -> None:
    wanted = Wanted(k=k, where=Filter.parse(where) if where else Filter.everything())

    assert same(search_many(queries(), parts, wanted)) == same(alone(queries(), parts, wanted))


@pytest.mark.parametrize("wanted", [Wanted(recall=1.0), Wanted(min_confidence=0.9), Wanted(grouped=True)])
def test_whatever_is_wanted(parts: Parts, wanted: Wanted) -> None:
    assert same(search_many(queries(), parts, wanted)) == same(alone(queries(), parts, wanted))


def test_ties_go_to_who_came_first(parts: Parts) -> None:
    put(parts, range(100, 130), np.repeat(vectors(1, 3), 30, axis=0))
    asked = [Query({MAIN: vectors(1, 3)}), *queries(3)]

    together = search_many(asked, parts, Wanted(k=7))

    assert [hit.id for hit in together[0].hits] == [f"{n:064x}" for n in range(100, 107)]
    assert same(together) == same(alone(asked, parts, Wanted(k=7)))


def test_an_empty_collection_and_no_queries() -> None:
    assert [reply.hits for reply in search_many(queries(3), new_parts(), Wanted())] == [(), (), ()]
    assert search_many([], new_parts(), Wanted()) == []


def test_more_than_are_answered_at_once(parts: Parts) -> None:
    asked = queries(70)

    assert same(search_many(asked, parts, Wanted(k=3))) == same(alone(asked, parts, Wanted(k=3)))


def test_what_was_answered_before_is_remembered_and_what_is_answered_will_be(parts: Parts) -> None:
    asked = queries()
    first = search(asked[2], parts, wanted=Wanted(), timings=Timings())

    together = search_many(asked, parts, Wanted())

    assert [reply.cached for reply in together] == [n == 2 for n in range(Q)]
    assert together[2].hits == first.hits
    assert all(reply.cached for reply in search_many(asked, parts, Wanted()))
    assert search(asked[0], parts, wanted=Wanted(), timings=Timings()).cached


def test_the_same_question_twice_is_looked_up_once(parts: Parts) -> None:
    replies = search_many([queries()[0]] * 2, parts, Wanted())

    assert [reply.cached for reply in replies] == [False, True]
    assert replies[0].hits == replies[1].hits


def test_a_change_between_two_of_them_is_seen_by_the_second(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, wanted = queries(2), Wanted(k=1)
    victims = [reply.hits[0].id for reply in alone(asked, parts, wanted)]
    put_answer = parts.answers.put

    def meanwhile(*arguments: Any) -> None:
        put_answer(*arguments)
        remove(parts, int(victims[1], 16))

    monkeypatch.setattr(parts.answers, "put", meanwhile)

    replies = search_many(asked, parts, wanted)

    assert replies[0].hits[0].id == victims[0]
    assert replies[1].hits[0].id != victims[1]
    assert same(replies[1:]) == same(alone(asked[1:], parts, wanted))


def test_a_picture_that_goes_during_the_look_is_made_up_for(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, wanted = queries(3), Wanted(k=4)
    gone = int(alone(asked, parts, wanted)[1].hits[0].id, 16)
    look, looks = parts.view.search, []

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        found = look(*arguments, **options)
        if not looks:
            remove(parts, gone)
        looks.append(1)
        return found

    monkeypatch.setattr(parts.view, "search", meanwhile)

    replies = search_many(asked, parts, wanted)

    assert [reply.hits for reply in replies] == [reply.hits for reply in alone(asked, parts, wanted)]


def test_all_are_compared_in_one_look(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    look, shapes = parts.view.search, []

    def seen(asked: Any, *arguments: Any, **options: Any) -> Any:
        shapes.append(asked.shape)
        return look(asked, *arguments, **options)

    monkeypatch.setattr(parts.view, "search", seen)

    search_many(queries(), parts, Wanted())

    assert shapes == [(Q, D)]


def test_what_cannot_be_wanted_is_refused(parts: Parts) -> None:
    with pytest.raises(BadQuery):
        search_many(queries(), parts, Wanted(k=0))


@pytest.mark.parametrize("engine", ["IVF4,Flat", "IVF4,PQ4x4fs,Refine(SQfp16)"])
def test_an_index_with_shorter_ways_searches_one_by_one(engine: str) -> None:
    made = new_parts()
    parts = replace(
        made, view=LocalView(made.catalog, None, engines=LocalEngines(), wish=Wish(projecting="off", engine=engine))
    )
    put(parts, range(600), vectors(600, 4))

    assert same(search_many(queries(), parts, Wanted())) == same(alone(queries(), parts, Wanted()))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 40))
def test_with_a_projection_and_codes_it_is_bit_for_bit_the_same(seed: int, count: int, k: int) -> None:
    asked = queries(count, seed)

    assert same(search_many(asked, PROJECTED, Wanted(k=k))) == same(alone(asked, PROJECTED, Wanted(k=k)))


def _projected() -> Parts:
    made = new_parts()
    parts = replace(made, view=LocalView(made.catalog, None, engines=LocalEngines(), wish=Wish(projecting="auto")))
    put(parts, range(3_000), vectors(3_000, 5))
    parts.view.refresh()
    assert parts.view.projection is not None
    return parts


PROJECTED = _projected()
