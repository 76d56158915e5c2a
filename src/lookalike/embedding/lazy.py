"""An embedder that is made when it is first needed: much of what is done with a collection needs none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

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

    def _embedder(self) -> Embedder:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made
