"""What the owner of a collection wants of its index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Projecting = Literal["auto", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the owner of a collection wants of its index.

    Attributes:
        projecting: `auto` learns a projection once the collection is large enough; `off` searches raw vectors.
        engine: `auto` compares all vectors while they are few and builds inverted lists for many; `exact` always
            compares all; `gpu` does so on a graphics card; anything else is a factory string of FAISS.
        recall: the share of the true ten nearest that an approximate search is to find.
        memory_bytes: what building an index may take beside the index itself; None for as much as is convenient.
    """

    projecting: Projecting = "auto"
    engine: str = "auto"
    recall: float = 0.99
    memory_bytes: int | None = None
