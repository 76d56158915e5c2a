"""Pictures of several threads are embedded together, and each has the vector that it has alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.fake import FakeEmbedder
from lookalike.embedding.together import EmbeddingTogether
from lookalike.models.card import ModelCard
from tests.waiting import eventually

D = 8


class Watched:
    """Remembers its batches; the first waits until it may go on."""

    def __init__(self, *, fails_on: int | None = None) -> None:
        self._fake = FakeEmbedder(dimension=D)
        self._fails_on = fails_on
        self.batches: list[int] = []
        self.may_go_on = threading.Event()

    @property
    def card(self) -> ModelCard:
        return self._fake.card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        self.batches.append(len(images))
        if len(self.batches) == 1:
            assert self.may_go_on.wait(60)
        if any(image[0, 0, 0] == self._fails_on for image in images):
            raise BadInput("expected another picture, got this one: leave it out")
        return self._fake.embed(images)

    def close(self) -> None:
        self._fake.close()


def picture(number: int) -> Pixels:
    return np.full((4, 4, 3), number, np.uint8)


def embed_all(together: EmbeddingTogether, embedder: Watched, N: int) -> list[Vectors | BaseException | None]:
    """Of N threads the first begins, and the others come while it computes."""
    results: list[Vectors | BaseException | None] = [None] * N

    def work(number: int) -> None:
        try:
            results[number] = together.embed(embedder, picture(number))
        except BadInput as error:
            results[number] = error

    threads = [threading.Thread(target=work, args=(number,)) for number in range(N)]
    threads[0].start()
    eventually(lambda: embedder.batches == [1])
    for thread in threads[1:]:
        thread.start()
    eventually(lambda: len(together._waiting) == N - 1)
    embedder.may_go_on.set()
    for thread in threads:
        thread.join(60)
    return results


def test_who_comes_while_a_batch_is_computed_goes_with_all_others_that_wait() -> None:
    N, embedder = 6, Watched()
    results = embed_all(EmbeddingTogether(batches=1, batch_size=3), embedder, N)
    assert embedder.batches == [1, 3, 2]
    alone = FakeEmbedder(dimension=D)
    for number, vector in enumerate(results):
        assert np.array_equal(np.asarray(vector), alone.embed([picture(number)])[0])


def test_a_picture_that_cannot_be_embedded_spoils_it_for_no_other() -> None:
    N, embedder = 4, Watched(fails_on=2)
    results = embed_all(EmbeddingTogether(batches=1, batch_size=8), embedder, N)
    assert [isinstance(result, BadInput) for result in results] == [False, False, True, False]


def test_nobody_waits_for_company() -> None:
    embedder = Watched()
    embedder.may_go_on.set()
    together = EmbeddingTogether(batches=2, batch_size=8)
    for number in range(3):
        assert together.embed(embedder, picture(number)).shape == (D,)
    assert embedder.batches == [1, 1, 1]


def test_pictures_of_different_embedders_are_not_mixed() -> None:
    one, other, together = Watched(), Watched(), EmbeddingTogether(batches=1, batch_size=8)
    other.may_go_on.set()
    results: dict[str, Vectors] = {}
    threads = [
        threading.Thread(target=lambda: results.update(a=together.embed(one, picture(1)))),
        threading.Thread(target=lambda: results.update(b=together.embed(one, picture(2)))),
        threading.Thread(target=lambda: results.update(c=together.embed(other, picture(3)))),
    ]
    threads[0].start()
    eventually(lambda: one.batches == [1])
    for thread in threads[1:]:
        thread.start()
    eventually(lambda: len(together._waiting) == 2)
    one.may_go_on.set()
    for thread in threads:
        thread.join(60)
    assert (one.batches, other.batches) == ([1, 1], [1])
    assert sorted(results) == ["a", "b", "c"]


def test_an_error_reaches_who_asked_alone() -> None:
    embedder = Watched(fails_on=9)
    embedder.may_go_on.set()
    with pytest.raises(BadInput):
        EmbeddingTogether(batches=1, batch_size=8).embed(embedder, picture(9))
