"""An embedder that is made when it is first needed, once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lookalike.core.errors import ModelUnavailable
from lookalike.embedding.base import Embedder
from lookalike.embedding.fake import FakeEmbedder
from lookalike.embedding.lazy import LazyEmbedder
from lookalike.embedding.remote import RemoteEmbedder
from tests.remote.model_server import ModelServer


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


def test_a_closed_one_is_not_made_any_more_and_closes_what_was_made() -> None:
    server = ModelServer()
    used, unused = LazyEmbedder(lambda: RemoteEmbedder(server)), LazyEmbedder(lambda: pytest.fail("it is not needed"))
    assert used.card.name == "fake"
    for one in (used, unused):
        one.close()
        with pytest.raises(ModelUnavailable, match="was closed"):
            _ = one.card
    assert server.is_closed


def test_one_that_is_closed_while_it_is_made_is_closed_when_it_is_made() -> None:
    server, begun, go_on = ModelServer(), threading.Event(), threading.Event()

    def make() -> Embedder:
        begun.set()
        assert go_on.wait(60)
        return RemoteEmbedder(server)

    lazy = LazyEmbedder(make)
    with ThreadPoolExecutor(1) as pool:
        card = pool.submit(lambda: lazy.card)
        assert begun.wait(60)
        lazy.close()
        go_on.set()
        with pytest.raises(ModelUnavailable, match="was closed"):
            card.result()
    assert server.is_closed
