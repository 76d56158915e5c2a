"""The way of a search from the facade to the engine is short enough to be read in one sitting."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import lookalike
from lookalike.collection import Collection
from lookalike.collection.hosting import hosting
from lookalike.index.exact import ExactIndex
from tests.collections import new_collection, png

MOST = 6
HERE = str(Path(lookalike.__file__).parent)


@pytest.fixture
def collection() -> Iterator[Collection]:
    with new_collection() as made:
        for n in range(3):
            made.add(png(n), metadata={"n": n})
        yield made


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Of each search by the engine the functions of ours from the facade to it, both included."""
    found: list[list[str]] = []
    real = ExactIndex.search

    def search(self: ExactIndex, *given: Any, **named: Any) -> Any:
        found.append([f"{ExactIndex.__name__}.search", *_callers(sys._getframe(1))][::-1])
        return real(self, *given, **named)

    monkeypatch.setattr(ExactIndex, "search", search)
    return found


def _callers(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(HERE):
            yield frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else frame.f_code.co_name
            if frame.f_code is Collection.search.__wrapped__.__code__:  # type: ignore[attr-defined]
                return
        frame = frame.f_back


@pytest.mark.parametrize(
    "options", [{}, {"where": {"n": {"gt": 0}}}, {"recall": 1.0}, {"min_confidence": 0.5}], ids=lambda one: str(*one)
)
def test_a_search_takes_six_steps_from_the_facade_to_the_engine(
    collection: Collection, ways: list[list[str]], options: dict[str, Any]
) -> None:
    collection.search(png(1), k=2, **options)
    for way in ways:
        assert way[0] == "Collection.search"
        assert len(way) <= MOST, "\n".join(way)
    assert ways


def test_one_that_leaves_the_query_out_does_so_too(collection: Collection, ways: list[list[str]]) -> None:
    first = collection.add(png(1))
    assert first not in [hit.id for hit in collection.search(png(1), k=2, without=first)]
    assert max(map(len, ways)) <= MOST


def test_the_engine_is_asked_once_for_a_query_and_once_for_many(collection: Collection, ways: list[list[str]]) -> None:
    collection.search(png(1), k=2)
    ways.clear()
    collection.search(png(2), k=2)
    assert len(ways) == 1
    ways.clear()
    hosting(collection).search_vectors(collection.embed(png(0), png(1), png(2)) + 0.001, k=2)
    assert len(ways) == 1
