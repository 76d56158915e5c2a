"""An embedder that is made when it is first needed: much of what is done with a collection needs none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from lookalike.core.errors import ModelUnavailable
from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.base import Embedder
from lookalike.models.card import ModelCard


class LazyEmbedder:
    """See `lookalike.embedding.base.Embedder`.

    Args:
        make: makes the embedder; called once, on the first thread that needs it. What it raises, that call raises.
    """

    def __init__(self, make: Callable[[], Embedder]) -> None:
        self._make = make
        self._making = threading.Lock()
        self._made: Embedder | None = None
        self._is_closed = False

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._embedder().card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        """Compute the vectors of pictures; see `Embedder.embed`."""
        return self._embedder().embed(images)

    def close(self) -> None:
        """Let go of it; it is not made any more. One that is being made at this moment is let go of when it is made."""
        self._is_closed = True
        if self._making.acquire(blocking=False):
            try:
                if self._made is not None:
                    self._made.close()
            finally:
                self._making.release()

    def prepare(self) -> None:
        """Begin to make it on a thread of its own; what that raises, the first call that needs it raises."""
        threading.Thread(target=self._prepare, name="lookalike-model").start()

    def _prepare(self) -> None:
        with suppress(Exception):
            self._embedder()

    def _embedder(self) -> Embedder:
        with self._making:
            if self._made is None and not self._is_closed:
                self._made = self._make()
                if self._is_closed:
                    self._made.close()
            if self._made is None or self._is_closed:
                raise ModelUnavailable("expected an open collection, got one that was closed: open it again")
            return self._made
