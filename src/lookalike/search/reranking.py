"""Reranking: the best of a search are looked at again by something slower and finer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from lookalike.core.vectors import Pixels
    from lookalike.images.crop import Crop
    from lookalike.images.pictures import Picture


class Reranked(NamedTuple):
    """What a second look at one picture found.

    Attributes:
        similarity: higher is closer, on the scale of the reranker; None where it could not be compared.
        reason: in words, for people.
    """

    similarity: float | None
    reason: str


class Reranker(Protocol):
    """Compares a query picture with some of the collection's. Safe to use from many threads.

    Attributes:
        name: for plans and timings.
        depth: how many of the best are looked at.
        unknown: where a picture stands that could not be compared: as one of this similarity. Minus infinity puts it
            behind all others.
    """

    name: str
    depth: int
    unknown: float

    def see(self, picture: Picture, *, crop: Crop | None = None) -> Pixels:
        """A query picture as it is to be compared. Raises as `PictureEmbedder.pixels`.

        Args:
            picture: in any of its forms.
            crop: the part that is meant.
        Returns:
            shape (H, W, 3), uint8 RGB, C-contiguous, upright.
        """
        ...

    def rerank(self, query: Pixels, ids: Sequence[str]) -> list[Reranked]:
        """One answer for each id, in their order; a picture that is gone gets none, with the reason.

        Args:
            query: shape (H, W, 3), uint8 RGB, as `see` gives it.
            ids: of the pictures to look at.
        """
        ...


def reorder(reranked: Sequence[Reranked], *, unknown: float) -> list[int]:
    """The order in which pictures stand after reranking: best first, among equals as before.

    Args:
        reranked: of the pictures in the order in which the first search found them.
        unknown: the similarity of those that could not be compared.
    Returns:
        positions in that order.
    """
    similarities = [unknown if one.similarity is None else one.similarity for one in reranked]
    return sorted(range(len(reranked)), key=lambda n: -similarities[n])
