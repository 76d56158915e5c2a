"""Embedders that wait to be let go, and an observer that remembers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.fake import FakeEmbedder
from lookalike.models.card import ModelCard


class GatedEmbedder:
    """The fake one; each call waits for the gate, and says that it stands there.

    Args:
        seed: of the fake one.
        open_: whether the gate is open from the start.
        fails_on: which pictures cannot be embedded.
        dimension: D of the vectors.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        open_: bool = False,
        fails_on: Callable[[Pixels], bool] = lambda _: False,
        dimension: int = 16,
    ) -> None:
        self._fake = FakeEmbedder(seed=seed, dimension=dimension)
        self._fails_on = fails_on
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.batches: list[int] = []
        if open_:
            self.gate.set()

    @property
    def card(self) -> ModelCard:
        return self._fake.card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        self.batches.append(len(images))
        self.entered.release()
        assert self.gate.wait(60)
        if any(map(self._fails_on, images)):
            raise ValueError("one of them cannot be embedded")
        return self._fake.embed(images)

    def close(self) -> None:
        """Nothing."""


class Seen:
    """An observer that remembers all it is told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, float]] = []
        self.batches: list[int] = []

    def stage(self, name: str, seconds: float) -> None:
        self.stages.append((name, seconds))

    def batch(self, size: int) -> None:
        self.batches.append(size)

    def times(self, name: str) -> int:
        return [one for one, _ in self.stages].count(name)


def new_embedding(**options: Any) -> Any:
    """An `Embedding` of one thread that embeds one by one; remembers in its `seen`."""
    from lookalike.service.batching import Embedding

    given = {"threads": 1, "waiting": 16, "batch_size": 1, "window_ms": 0.0, "observe": Seen(), **options}
    return Embedding(**given)
