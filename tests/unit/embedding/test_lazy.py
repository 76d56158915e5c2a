"""An embedder that is made when it is first needed, once."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from lookalike.core.errors import ModelUnavailable
from lookalike.embedding.base import Embedder
from lookalike.embedding.fake import FakeEmbedder
from lookalike.embedding.lazy import LazyEmbedder


def test_it_is_made_once_however_many_threads_need_it() -> None:
    made: list[int] = []

    def make() -> Embedder:
        made.append(1)
        time.sleep(0.02)
        return FakeEmbedder()

    embedder = LazyEmbedder(make)
    assert made == []
    image = np.zeros((4, 4, 3), np.uint8)
    threads = [threading.Thread(target=embedder.embed, args=([image],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [1]
    assert embedder.card == FakeEmbedder().card
    np.testing.assert_array_equal(embedder.embed([image]), FakeEmbedder().embed([image]))


def test_what_making_raises_is_raised_at_each_need_and_not_before() -> None:
    def make() -> Embedder:
        raise ModelUnavailable("no model")

    embedder = LazyEmbedder(make)
    embedder.prepare()

    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="no model"):
            _ = embedder.card


def test_prepared_it_is_made_on_another_thread_and_a_call_waits_for_it() -> None:
    go, makers = threading.Event(), []

    def make() -> Embedder:
        makers.append(threading.current_thread())
        go.wait(60)
        return FakeEmbedder()

    embedder = LazyEmbedder(make)
    embedder.prepare()
    threading.Timer(0.05, go.set).start()

    assert embedder.card == FakeEmbedder().card
    assert [thread is threading.current_thread() for thread in makers] == [False]
