"""Pictures of several threads, embedded together: whatever came while a batch was computed is the next one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.base import Embedder


class EmbeddingTogether:
    """Safe to use from many threads. Nobody waits for company: who comes while fewer batches are computed than may be
    begins at once, and who comes later goes with all others that wait.

    Args:
        batches: computed at once, each on the thread of one of its pictures.
        batch_size: pictures in one at most.
    """

    def __init__(self, *, batches: int, batch_size: int) -> None:
        self._batch_size = batch_size
        self._free = threading.Semaphore(batches)
        self._mutex = threading.Lock()
        self._waiting: list[_Picture] = []

    def embed(self, embedder: Embedder, pixels: Pixels) -> Vectors:
        """The vector of a picture.

        Args:
            embedder: computes it.
            pixels: shape (H, W, 3), uint8.
        Returns:
            shape (D,), float32, of length 1.
        Raises:
            Exception: as the embedder's `embed` for this picture alone.
        """
        mine = _Picture(embedder, pixels)
        with self._mutex:
            self._waiting.append(mine)
        with self._free:
            batch = self._next_batch(mine)
            if batch:
                _embed(batch)
        return mine.vector.result()

    def _next_batch(self, mine: _Picture) -> list[_Picture]:
        """Those that have waited longest for the embedder of `mine`, it among them; none where another took it."""
        with self._mutex:
            if mine not in self._waiting:
                return []
            others = [one for one in self._waiting if one is not mine and one.embedder is mine.embedder]
            batch = [mine, *others[: self._batch_size - 1]]
            self._waiting = [one for one in self._waiting if one not in batch]
            return batch


class _Picture:
    """One that waits for its vector."""

    def __init__(self, embedder: Embedder, pixels: Pixels) -> None:
        self.embedder = embedder
        self.pixels = pixels
        self.vector: Future[Vectors] = Future()


def _embed(batch: Sequence[_Picture]) -> None:
    """Compute the vectors of all; where that fails, of each by itself, so that one spoils it for no other."""
    embedder = batch[0].embedder
    try:
        vectors = embedder.embed([one.pixels for one in batch])
    except Exception as error:
        if len(batch) == 1:
            batch[0].vector.set_exception(error)
            return
        for one in batch:
            _embed([one])
        return
    for one, vector in zip(batch, vectors, strict=True):
        one.vector.set_result(vector)
