"""The promise of an embedder: pixels in, unit vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lookalike.core.vectors import Pixels, Vectors
from lookalike.models.card import ModelCard


class Embedder(Protocol):
    """Safe to call from many threads at once; each call computes, or waits, on the calling thread.

    It raises rather than give vectors that are not those of `card`: wrong ones would never be found again in a catalog.
    """

    @property
    def card(self) -> ModelCard:
        """What the model is; `card.id` names its vectors."""
        ...

    def embed(self, images: Sequence[Pixels]) -> Vectors:
        """Compute the vectors of pictures.

        Args:
            images: N arrays of shape (H, W, 3), uint8 RGB, upright; sizes may differ.
        Returns:
            shape (N, D), float32, C-contiguous, rows of length 1, a new array.
        Raises:
            BadInput: when an array is not (H, W, 3) uint8 with H, W >= 1.
            ServiceDown, Overloaded, DeadlineExceeded, ModelUnavailable, WrongModel: of a model that is served
                elsewhere, see `lookalike.embedding.remote`.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds; nobody embeds with it any more. Idempotent."""
        ...
