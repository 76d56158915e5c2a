"""What is searched where the index lives elsewhere: a version of it and what it has not taken in, or the catalog."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import Catalog
from lookalike.core.filters import Filter
from lookalike.core.records import Json, Neighbours
from lookalike.core.vectors import Keys, Vectors, as_vectors, to_unit
from lookalike.index.base import Index, Selection, check_wanted, keys_among
from lookalike.index.projection import Projection
from lookalike.view.exact_scan import ROUNDING, best_of, scan
from lookalike.view.tail import Tail

_MARGIN = 8
_WIDER = 8


class CaughtUpIndex:
    """A version of an index elsewhere, and its tail, which is compared here; see `lookalike.index.base.Index`.

    Args:
        version: as it is, perhaps behind the catalog.
        tail: what it does not know.
        catalog: tells what of the tail passes a filter.
        count: pictures in the catalog.
    """

    def __init__(self, version: Index, tail: Tail, *, catalog: Catalog, count: int) -> None:
        self._version = version
        self._tail = tail
        self._catalog = catalog
        self._count = count
        self.engine = version.engine
        self.takes_filters = version.takes_filters
        self.recall = version.recall
        self.parameters: dict[str, Json] = version.parameters
        self.dimension = tail.vectors.shape[1]

    def __len__(self) -> int:
        return self._count

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query, as the catalog is now; see `Index`."""
        check_wanted(k, recall)
        queries = as_vectors(queries, dimension=self.dimension)
        found = self._search_version(queries, k, among, recall)
        eligible = self._eligible(among)
        if len(eligible):
            rows = self._tail.vectors[np.searchsorted(self._tail.there, eligible)]
            keys, values = best_of(found.keys, found.similarities, eligible, to_unit(queries) @ rows.T)
            found = found._replace(keys=keys, similarities=values, scanned=found.scanned + len(eligible))
        return found._replace(error=max(found.error, ROUNDING))

    def _search_version(self, queries: Vectors, k: int, among: Selection, recall: float | None) -> Neighbours:
        """The k nearest of what the version knows and is still so."""
        outdated = self._tail.keys
        depth = k + min(_MARGIN, len(outdated))
        while True:
            found = self._version.search(queries, depth, among=among, recall=recall)
            if not len(outdated):
                return found
            kept = (found.keys >= 0) & ~np.isin(found.keys, outdated)
            is_enough = (kept.sum(axis=1) >= k) | (found.keys[:, -1] < 0)
            if is_enough.all() or depth >= k + len(outdated):
                return _first(found, kept, k)
            depth = min(depth * _WIDER, k + len(outdated))

    def _eligible(self, among: Selection) -> Keys:
        """Which of the tail may be answered."""
        if among is None:
            return self._tail.there
        if isinstance(among, Filter):
            return self._catalog.passing(self._tail.there, among) if len(self._tail.there) else self._tail.there
        return np.intersect1d(self._tail.there, among)


class ScannedCatalog:
    """All of the catalog's vectors, compared one by one; see `lookalike.index.base.Index`.

    Args:
        catalog: the truth.
        projection: that queries have passed, and vectors are to pass.
        count: pictures in the catalog.
    """

    engine = "none yet"
    takes_filters = False
    recall = 1.0

    def __init__(self, catalog: Catalog, projection: Projection | None, *, count: int) -> None:
        self._catalog = catalog
        self._projection = projection
        self._count = count
        self.parameters: dict[str, Json] = {}
        self.dimension = catalog.dimension if projection is None else projection.dimension

    def __len__(self) -> int:
        return self._count

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query by reading the whole catalog; see `Index`."""
        check_wanted(k, recall)
        units = to_unit(as_vectors(queries, dimension=self.dimension))
        return scan(self._catalog, self._projection, units, k, among=keys_among(among))


def _first(found: Neighbours, kept: NDArray[np.bool_], k: int) -> Neighbours:
    """The first k of each row that are kept; kept[n, j]: whether the j-th of query n is."""
    order = np.argsort(~kept, axis=1, kind="stable")[:, :k]
    keys = np.where(kept, found.keys, -1)
    values = np.where(kept, found.similarities, -np.inf).astype(np.float32)
    return found._replace(
        keys=np.take_along_axis(keys, order, axis=1), similarities=np.take_along_axis(values, order, axis=1)
    )
