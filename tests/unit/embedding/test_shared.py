"""Who uses the same model shares one embedder, and the last who goes closes it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lookalike.core.errors import ModelUnavailable, WrongModel
from lookalike.embedding.base import Embedder
from lookalike.embedding.fake import FakeEmbedder
from lookalike.embedding.shared import SharedEmbedders

ID = FakeEmbedder().card.id
OTHER = FakeEmbedder(seed=1).card.id
PICTURE = np.zeros((4, 4, 3), np.uint8)


class Sessions:
    """Makes embedders, and counts those that are open."""

    def __init__(self) -> None:
        self.made = 0
        self.open = 0

    def make(self, seed: int = 0) -> Embedder:
        self.made += 1
        self.open += 1
        return _Session(self, seed)


class _Session(FakeEmbedder):
    def __init__(self, sessions: Sessions, seed: int) -> None:
        super().__init__(seed=seed)
        self._sessions = sessions

    def close(self) -> None:
        self._sessions.open -= 1


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def test_all_who_borrow_a_model_have_one_and_the_last_closes_it(sessions: Sessions) -> None:
    shared = SharedEmbedders()
    lent = [shared.borrow(ID, sessions.make) for _ in range(50)]
    assert (sessions.made, sessions.open, len(shared)) == (1, 1, 1)
    for one in lent[1:]:
        one.close()
        one.close()
    assert sessions.open == 1
    assert lent[0].card.id == ID
    np.testing.assert_array_equal(lent[0].embed([PICTURE]), FakeEmbedder().embed([PICTURE]))
    lent[0].close()
    assert (sessions.open, len(shared)) == (0, 0)


def test_what_was_given_back_is_used_no_more_and_can_be_borrowed_anew(sessions: Sessions) -> None:
    shared = SharedEmbedders()
    first = shared.borrow(ID, sessions.make)
    second = shared.borrow(ID, sessions.make)
    first.close()
    for use in (lambda: first.card, lambda: first.embed([PICTURE])):
        with pytest.raises(ModelUnavailable, match="was closed"):
            use()
    assert second.card.id == ID
    second.close()
    third = shared.borrow(ID, sessions.make)
    assert (sessions.made, sessions.open, third.card.id) == (2, 1, ID)


def test_letting_go_of_it_is_giving_it_back(sessions: Sessions) -> None:
    shared = SharedEmbedders()
    lent = [shared.borrow(ID, sessions.make)]
    lent.clear()
    gc.collect()
    assert (sessions.open, len(shared)) == (0, 0)


def test_the_garbage_collector_may_give_back_while_somebody_borrows(sessions: Sessions) -> None:
    """It runs at any moment, also on the thread that has the lock."""
    shared = SharedEmbedders()
    lent = [shared.borrow(ID, sessions.make)]
    with shared._mutex:
        lent.clear()
        gc.collect()
    assert sessions.open == 1
    shared.borrow(OTHER, lambda: sessions.make(1)).close()
    assert (sessions.open, len(shared)) == (0, 0)


def test_models_are_not_mixed_up(sessions: Sessions) -> None:
    shared = SharedEmbedders()
    one, other = shared.borrow(ID, sessions.make), shared.borrow(OTHER, lambda: sessions.make(1))
    assert (one.card.id, other.card.id, sessions.open) == (ID, OTHER, 2)
    with pytest.raises(WrongModel, match="expected the model"):
        shared.borrow("0" * 64, sessions.make)
    assert (sessions.open, len(shared)) == (2, 2)


def test_a_making_that_fails_fails_for_its_caller_alone(sessions: Sessions) -> None:
    def failing() -> Embedder:
        raise ModelUnavailable("no such file")

    shared = SharedEmbedders()
    with pytest.raises(ModelUnavailable, match="no such file"):
        shared.borrow(ID, failing)
    assert len(shared) == 0
    assert shared.borrow(ID, sessions.make).card.id == ID


def test_many_threads_borrow_and_give_back(sessions: Sessions) -> None:
    shared = SharedEmbedders()
    barrier = threading.Barrier(8)

    def use(n: int) -> str:
        barrier.wait()
        ids = ""
        for _ in range(20):
            lent = shared.borrow(ID, sessions.make)
            assert len(lent.embed([PICTURE])) == 1
            ids = lent.card.id
            if n % 2:
                lent.close()  # else the collector gives it back
        return ids

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(8))) == {ID}
    gc.collect()
    assert (sessions.open, len(shared)) == (0, 0)


def test_who_comes_while_it_is_made_waits_for_it(sessions: Sessions) -> None:
    shared, begun, go_on = SharedEmbedders(), threading.Event(), threading.Event()

    def slow() -> Embedder:
        begun.set()
        assert go_on.wait(60)
        return sessions.make()

    def borrowed(make: Callable[[], Embedder]) -> Embedder:
        return shared.borrow(ID, make)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(borrowed, slow)
        assert begun.wait(60)
        second = pool.submit(borrowed, sessions.make)
        go_on.set()
        assert first.result().card.id == second.result().card.id == ID
    assert sessions.made == 1
