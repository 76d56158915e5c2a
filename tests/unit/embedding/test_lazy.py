"""A lazy embedder is made once, when it is needed or soon."""

from __future__ import annotations

import threading

import pytest

from lookalike.core.errors import ModelUnavailable
from lookalike.embedding.base import Embedder
from lookalike.embedding.fake import FakeEmbedder
from lookalike.embedding.lazy import LazyEmbedder

D = 8


def test_it_is_made_on_first_use_and_once() -> None:
    made: list[Embedder] = []

    def make() -> Embedder:
        made.append(FakeEmbedder(dimension=D))
        return made[-1]

    embedder = LazyEmbedder(make)
    assert made == []
    assert embedder.card.dimension == D
    assert embedder.embed([]).shape == (0, D)
    assert len(made) == 1


def test_prepared_it_is_made_on_another_thread_and_a_call_waits_for_it() -> None:
    go, makers = threading.Event(), []

    def make() -> Embedder:
        makers.append(threading.current_thread())
        go.wait(10)
        return FakeEmbedder(dimension=D)

    embedder = LazyEmbedder(make)
    embedder.prepare()
    threading.Timer(0.05, go.set).start()
    assert embedder.card.dimension == D
    assert [thread is threading.current_thread() for thread in makers] == [False]


def test_what_goes_wrong_while_preparing_is_raised_by_the_call_that_needs_it() -> None:
    def make() -> Embedder:
        raise ModelUnavailable("no model")

    embedder = LazyEmbedder(make)
    embedder.prepare()
    with pytest.raises(ModelUnavailable, match="no model"):
        embedder.embed([])
