"""What a search may be told beside its query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from lookalike.search.where import Where

if TYPE_CHECKING:
    from lookalike.images.crop import Crop

Collapse: TypeAlias = Literal["none", "group"]


class SearchOptions(TypedDict, total=False):
    """The options of `Collection.search`, which says what they mean."""

    k: int
    where: Where
    crop: str | Crop | None
    recall: float | None
    collapse: Collapse
    mixture: str | None
    rerank: str | None
    min_confidence: float | None
    without: str | None
