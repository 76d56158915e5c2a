"""What the owner of a collection wants of its index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lookalike.catalog.base import Catalog
from lookalike.index.base import Engines
from lookalike.index.choice import AUTO, ONE_BY_ONE
from lookalike.index.projection import LEAST_TO_LEARN, WIDTH

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


def check_wish(catalog: Catalog, wish: Wish, engines: Engines) -> None:
    """Refuse an engine that can never be had, before anybody has waited for it.

    Raises:
        BadInput: when the factory string is none. That it wants more pictures than there are, or does not fit what is
            learnt from them, only a build can tell.
        MissingExtra: when a graphics card is wanted and torch is not installed.
    """
    D = catalog.dimension
    if wish.engine in ONE_BY_ONE:
        engines.empty(D, engine=wish.engine)
    elif wish.engine != AUTO:
        projected = range(min(WIDTH, D), min(LEAST_TO_LEARN // 4, D) - 1, -1) if wish.projecting == "auto" else ()
        engines.check(wish.engine, dimensions=(D, *projected))
