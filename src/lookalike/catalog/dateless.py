"""Pictures of which nothing tells when they were taken, and what a filter makes of them."""

from __future__ import annotations

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.conditions import Condition
from lookalike.core.filters import Filter

_DATELESS = Filter.parse("date not exists")


def without_date(catalog: Catalog) -> int:
    """How many there are."""
    return len(catalog.select(_DATELESS))


def count_left_out_for_no_date(where: Filter, catalog: Catalog) -> int | None:
    """How many a filter leaves out for no other reason; None where it asks for no date."""
    if not where.leaves_out_the_dateless:
        return None
    but_for_the_date = [
        (*(one for one in alternative if not _needs_date(one)), *_DATELESS.alternatives[0])
        for alternative in where.alternatives
        if any(map(_needs_date, alternative))
    ]
    would_pass = catalog.select(Filter(tuple(dict.fromkeys(but_for_the_date))))
    return len(np.setdiff1d(would_pass, catalog.select(where), assume_unique=True))


def _needs_date(condition: Condition) -> bool:
    return Filter(((condition,),)).leaves_out_the_dateless
