"""Holding a version of a remote index against the catalog, before searches are sent there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.index.base import Index
from lookalike.index.projection import Projection
from lookalike.view.as_searched import as_searched
from lookalike.view.exact_scan import scan
from lookalike.view.recall_gauge import interval, recall_of

SAMPLE = 64
K = 10


class Compared(NamedTuple):
    """What came of it.

    Attributes:
        recall: the share of the true nearest that were found; 1.0 where there is nothing to find.
        most: what the true recall can be at most, with 99.7 % certainty.
        samples: searches that were compared.
    """

    recall: float
    most: float
    samples: int


def compare(index: Index, catalog: Catalog, projection: Projection | None, *, sample: int = SAMPLE) -> Compared:
    """Ask for the nearest of some of the collection's pictures, and compare with all vectors of the catalog.

    The sample is the pictures whose ids are the smallest: ids are hashes, so that it is a random one. Reads the whole
    catalog once.

    Args:
        index: to compare; raises what its search raises.
        catalog: the truth.
        projection: that the index's vectors have passed.
        sample: how many pictures at most.
    """
    keys = sorted(catalog.keys(catalog.find_ids("", limit=sample)).values())
    stored = catalog.vectors(np.array(keys, np.int64))
    if not len(stored.keys):
        return Compared(1.0, 1.0, 0)
    queries = as_searched(stored, projection)
    truth = scan(catalog, projection, queries, K)
    recalls = []
    for n in range(len(queries)):
        found = index.search(queries[n : n + 1], K)
        exact = truth._replace(keys=truth.keys[n : n + 1], similarities=truth.similarities[n : n + 1])
        recall = recall_of(found, exact)
        recalls += [] if recall is None else [recall]
    if not recalls:
        return Compared(1.0, 1.0, 0)
    mean = float(np.mean(recalls))
    return Compared(mean, interval(mean, len(recalls))[1], len(recalls))
