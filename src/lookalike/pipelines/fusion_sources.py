"""What a fused search asks of each of its models: the nearest to a query, and the similarity of given pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import MAIN, Catalog, StoredVectors
from lookalike.core.records import Neighbours
from lookalike.core.vectors import HalfVectors, Keys, Vectors, normalise
from lookalike.index.base import Index
from lookalike.index.projection import Projection

_AT_ONCE = 4096
_STREAMING_PAYS_FROM = 1 / 3
"""Of all vectors: reading them one after the other takes a third of the time, for each, of looking them up by key."""


class SearchedView(Protocol):
    """The view, or what is like it: see `lookalike.pipelines.view.View`."""

    @property
    def projection(self) -> Projection | None:
        """The projection in use."""
        ...

    def search(self, vectors: Vectors, k: int, *, allowed: Keys | None = None) -> Neighbours:
        """Find neighbours of raw vectors."""
        ...


class Source(Protocol):
    """One model's vectors in a collection, seen from one query. For the thread that made it."""

    def nearest(self, k: int, *, allowed: Keys | None) -> Neighbours:
        """The k nearest of the query, as `Index.search` answers one."""
        ...

    def similarities(self, keys: Keys) -> NDArray[np.float32]:
        """Cosines of the query and given pictures, fast: the last digit can depend on what is compared beside.

        Args:
            keys: shape (N,), ascending, each once.
        Returns:
            shape (N,), float32; 0 for pictures that lack a vector.
        """
        ...

    def compared(self, keys: Keys) -> NDArray[np.float64]:
        """The same as `similarities`, each from its row alone, so that equal vectors are equally similar."""
        ...

    @property
    def is_complete(self) -> bool:
        """Whether every picture has a vector."""
        ...


class MainSource:
    """The collection's own model: similarities are the view's, after the projection if there is one.

    Args:
        catalog: the truth.
        view: up to date.
        query: shape (1, D), float32, raw.
    """

    is_complete = True

    def __init__(self, catalog: Catalog, view: SearchedView, query: Vectors) -> None:
        self._catalog = catalog
        self._view = view
        self._query = query
        self._projection = view.projection
        self._unit = normalise(_projected(query, self._projection))[0]

    def nearest(self, k: int, *, allowed: Keys | None) -> Neighbours:
        """The k nearest, from the view's index; see `Source`."""
        return self._view.search(self._query, k, allowed=allowed)

    def similarities(self, keys: Keys) -> NDArray[np.float32]:
        """Cosines of given pictures; see `Source`."""
        return _gathered(self._units(keys), keys, self._unit)

    def compared(self, keys: Keys) -> NDArray[np.float64]:
        """Cosines of given pictures, each from its row alone; see `Source`."""
        return _compared(self._by_key(keys), keys, self._unit)

    def _units(self, keys: Keys) -> Iterator[tuple[Keys, Vectors]]:
        whole = len(keys) >= _STREAMING_PAYS_FROM * self._catalog.facts().images
        return self._of(self._catalog.all_vectors(batch=_AT_ONCE)) if whole else self._by_key(keys)

    def _by_key(self, keys: Keys) -> Iterator[tuple[Keys, Vectors]]:
        return self._of(self._catalog.vectors(some) for some in _in_batches(keys))

    def _of(self, batches: Iterable[StoredVectors]) -> Iterator[tuple[Keys, Vectors]]:
        for stored in batches:
            yield stored.keys, normalise(_projected(stored.vectors, self._projection))


class FurtherSource:
    """A further model.

    Without an index, the first `nearest` compares all its vectors, and later ones look that up.

    Args:
        catalog: the truth.
        name: of the further model.
        query: shape (1, D), float32, of that model.
        index: of the model's vectors, up to date; None where there is none.
    """

    def __init__(self, catalog: Catalog, name: str, query: Vectors, *, index: Index | None = None) -> None:
        self._catalog = catalog
        self._name = name
        self._query = query
        self._index = index
        self._unit = normalise(query)[0]
        self._count = next((one.count for one in catalog.further_models() if one.name == name), 0)
        self._all: tuple[Keys, NDArray[np.float32]] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every picture has a vector."""
        return self._count == self._catalog.facts().images

    def nearest(self, k: int, *, allowed: Keys | None) -> Neighbours:
        """The k nearest; see `Source`."""
        if self._index is not None:
            return self._index.search(self._query, k, allowed=allowed)
        keys, similarities = self._everything()
        if allowed is not None:
            keep = np.isin(keys, allowed)
            keys, similarities = keys[keep], similarities[keep]
        best = np.argpartition(-similarities, k - 1)[:k] if len(keys) > k else np.arange(len(keys))
        best = best[np.lexsort((keys[best], -similarities[best]))]
        found = Neighbours(np.full((1, k), -1), np.full((1, k), -np.inf, np.float32), exact=True, scanned=len(keys))
        found.keys[0, : len(best)], found.similarities[0, : len(best)] = keys[best], similarities[best]
        return found

    def similarities(self, keys: Keys) -> NDArray[np.float32]:
        """Cosines of given pictures; see `Source`."""
        whole = len(keys) >= _STREAMING_PAYS_FROM * self._count
        units = (
            _normalised(self._catalog.all_model_vectors(self._name, batch=_AT_ONCE)) if whole else self._by_key(keys)
        )
        return _gathered(units, keys, self._unit)

    def compared(self, keys: Keys) -> NDArray[np.float64]:
        """Cosines of given pictures, each from its row alone; see `Source`."""
        return _compared(self._by_key(keys), keys, self._unit)

    def _by_key(self, keys: Keys) -> Iterator[tuple[Keys, Vectors]]:
        return _normalised(self._catalog.model_vectors(self._name, some) for some in _in_batches(keys))

    def _everything(self) -> tuple[Keys, NDArray[np.float32]]:
        if self._all is None:
            parts = [
                (keys, units @ self._unit)
                for keys, units in _normalised(self._catalog.all_model_vectors(self._name, batch=_AT_ONCE))
            ]
            keys = np.concatenate([np.empty(0, np.int64), *(keys for keys, _ in parts)])
            self._all = keys, np.concatenate([np.empty(0, np.float32), *(some for _, some in parts)])
        return self._all


def sources(
    catalog: Catalog, view: SearchedView, queries: Mapping[str, Vectors], *, indexes: Mapping[str, Index] | None = None
) -> dict[str, Source]:
    """The sources of a fused search.

    Args:
        catalog: the truth.
        view: up to date.
        queries: by name of the model, `main` for the collection's own: the query's raw vector, shape (1, D), float32.
        indexes: of further models, by name, up to date; a model without one is compared as a whole.
    """
    there = indexes or {}
    return {
        name: MainSource(catalog, view, query)
        if name == MAIN
        else FurtherSource(catalog, name, query, index=there.get(name))
        for name, query in queries.items()
    }


def _projected(vectors: HalfVectors | Vectors, projection: Projection | None) -> Vectors:
    """As the view compares them."""
    raw = vectors.astype(np.float32)
    return raw if projection is None else projection.apply(normalise(raw))


def _normalised(batches: Iterable[StoredVectors]) -> Iterator[tuple[Keys, Vectors]]:
    for stored in batches:
        yield stored.keys, normalise(stored.vectors.astype(np.float32))


def _in_batches(keys: Keys) -> Iterator[Keys]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))


def _gathered(units: Iterable[tuple[Keys, Vectors]], keys: Keys, query: Vectors) -> NDArray[np.float32]:
    """Similarities laid where their keys stand in `keys`, which ascend; keys that are not asked for are passed over."""
    similarities = np.zeros(len(keys), np.float32)
    for found, rows in units:
        places = np.searchsorted(keys, found)
        asked = places < len(keys)
        asked[asked] = keys[places[asked]] == found[asked]
        similarities[places[asked]] = rows[asked] @ query
    return similarities


def _compared(units: Iterable[tuple[Keys, Vectors]], keys: Keys, query: Vectors) -> NDArray[np.float64]:
    similarities = np.zeros(len(keys), np.float64)
    for found, rows in units:
        products = np.einsum("jd,d->j", rows.astype(np.float64), query.astype(np.float64))
        similarities[np.searchsorted(keys, found)] = products
    return similarities
