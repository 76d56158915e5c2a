"""An embedder that is made when it is first needed: much of what is done with a collection needs none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

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

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._embedder().card

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        """Compute the vectors of pictures; see `Embedder.embed`."""
        return self._embedder().embed(images)

    def prepare(self) -> None:
        """Begin to make it on a thread of its own; what that raises, the first call that needs it raises."""
        threading.Thread(target=self._prepared, name="lookalike-model").start()

    def _prepared(self) -> None:
        with suppress(Exception):
            self._embedder()

    def _embedder(self) -> Embedder:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made
