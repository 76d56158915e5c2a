"""What a fused search asks of each of its models: the nearest to a query, and the similarity of given pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import MAIN, Catalog, StoredVectors
from lookalike.core.records import Neighbours
from lookalike.core.vectors import Keys, Vectors, to_unit, widen
from lookalike.index.base import Index
from lookalike.index.projection import Projection
from lookalike.view.as_searched import project

ROUNDING = 1e-6
"""Similarities nearer to one another than this are taken as equal: as near are sums in float32 to the true ones."""

_AT_ONCE = 4096
_STREAMING_PAYS_FROM = 1 / 3
"""Of all vectors: reading them one after the other takes a third of the time, for each, of looking them up by key."""


class SearchedView(Protocol):
    """The view, or what is like it: see `lookalike.view.view.View`."""

    @property
    def projection(self) -> Projection | None:
        """The projection in use."""
        ...

    def search(self, vectors: Vectors, k: int, *, among: Keys | None = None, recall: float | None = None) -> Neighbours:
        """Find neighbours of raw vectors.

        Args:
            vectors: shape (Q, D), float32, of the collection's model.
            k: at least 1.
            among: shape (A,), int64: only these may be answered; None for all.
            recall: as for `Index.search`.
        """
        ...


class Source(Protocol):
    """One model's vectors in a collection, seen from one query. For the thread that made it."""

    def nearest(self, k: int, *, among: Keys | None) -> Neighbours:
        """The k nearest of the query, as `Index.search` answers one.

        Args:
            k: at least 1.
            among: shape (A,), int64: only these may be answered; None for all.
        """
        ...

    def similarities(self, keys: Keys) -> NDArray[np.float32]:
        """Cosines of the query and given pictures, fast, and off by no more than `ROUNDING`.

        Args:
            keys: shape (N,), int64, ascending, each once.
        Returns:
            shape (N,), float32; 0 for pictures that lack a vector.
        """
        ...

    def compared(self, keys: Keys) -> NDArray[np.float64]:
        """The same as `similarities`, each from its row alone, so that equal vectors are equally similar.

        Args:
            keys: shape (N,), int64, ascending, each once.
        Returns:
            shape (N,), float64; 0 for pictures that lack a vector.
        """
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
        recall: that its index is asked for; see `View.search`.
    """

    is_complete = True

    def __init__(self, catalog: Catalog, view: SearchedView, query: Vectors, *, recall: float | None = None) -> None:
        self._catalog = catalog
        self._view = view
        self._query = query
        self._recall = recall
        self._projection = view.projection
        self._unit = to_unit(project(query, self._projection))[0]

    def nearest(self, k: int, *, among: Keys | None) -> Neighbours:
        """The k nearest, from the view's index; see `Source`."""
        return self._view.search(self._query, k, among=among, recall=self._recall)

    def similarities(self, keys: Keys) -> NDArray[np.float32]:
        """Cosines of given pictures; see `Source`."""
        if not len(keys):
            return np.empty(0, np.float32)
        found = self._view.search(self._query, len(keys), among=keys)  # the view has them at hand
        if found.error > ROUNDING:
            return self.compared(keys).astype(np.float32)
        there = found.keys[0] >= 0
        return _gather([(found.keys[0][there], found.similarities[0][there])], keys)

    def compared(self, keys: Keys) -> NDArray[np.float64]:
        """Cosines of given pictures, each from its row alone; see `Source`."""
        stored = (self._catalog.vectors(some) for some in _in_batches(keys))
        rows = ((some.keys, project(widen(some.vectors), self._projection)) for some in stored)
        return _compare(rows, keys, self._unit)


class FurtherSource:
    """A further model.

    Without an index, the first `nearest` compares all its vectors, and what follows looks that up.

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
        self._unit = to_unit(query)[0]
        self._count = next((one.count for one in catalog.further_models() if one.name == name), 0)
        self._all: tuple[Keys, NDArray[np.float32]] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every picture has a vector."""
        return self._count == self._catalog.facts().images

    def nearest(self, k: int, *, among: Keys | None) -> Neighbours:
        """The k nearest; see `Source`."""
        if self._index is not None:
            return self._index.search(self._query, k, among=among)
        keys, similarities = self._read_all()
        if among is not None:
            keep = np.isin(keys, among)
            keys, similarities = keys[keep], similarities[keep]
        best = np.argpartition(-similarities, k - 1)[:k] if len(keys) > k else np.arange(len(keys))
        best = best[np.lexsort((keys[best], -similarities[best]))]
        found = Neighbours(np.full((1, k), -1), np.full((1, k), -np.inf, np.float32), exact=True, scanned=len(keys))
        found.keys[0, : len(best)], found.similarities[0, : len(best)] = keys[best], similarities[best]
        return found

    def similarities(self, keys: Keys) -> NDArray[np.float32]:
        """Cosines of given pictures; see `Source`."""
        if self._all is not None or len(keys) >= _STREAMING_PAYS_FROM * self._count:
            return _gather([self._read_all()], keys)
        return _gather(((some.keys, _cosines(some, self._unit)) for some in self._by_key(keys)), keys)

    def compared(self, keys: Keys) -> NDArray[np.float64]:
        """Cosines of given pictures, each from its row alone; see `Source`."""
        return _compare(((some.keys, widen(some.vectors)) for some in self._by_key(keys)), keys, self._unit)

    def _by_key(self, keys: Keys) -> Iterator[StoredVectors]:
        return (self._catalog.model_vectors(self._name, some) for some in _in_batches(keys))

    def _read_all(self) -> tuple[Keys, NDArray[np.float32]]:
        if self._all is None:
            batches = self._catalog.all_model_vectors(self._name, batch=_AT_ONCE)
            parts = [(some.keys, _cosines(some, self._unit)) for some in batches]
            keys = np.concatenate([np.empty(0, np.int64), *(keys for keys, _ in parts)])
            self._all = keys, np.concatenate([np.empty(0, np.float32), *(some for _, some in parts)])
        return self._all


def sources(
    catalog: Catalog,
    view: SearchedView,
    queries: Mapping[str, Vectors],
    *,
    indexes: Mapping[str, Index] | None = None,
    recall: float | None = None,
) -> dict[str, Source]:
    """The sources of a fused search.

    Args:
        catalog: the truth.
        view: up to date.
        queries: by name of the model, `main` for the collection's own: the query's raw vector, shape (1, D), float32.
        indexes: of further models, by name, up to date; a model without one is compared as a whole.
        recall: that the view's index is asked for; None for what the owner of the collection wants.
    """
    there = indexes or {}
    return {
        name: MainSource(catalog, view, query, recall=recall)
        if name == MAIN
        else FurtherSource(catalog, name, query, index=there.get(name))
        for name, query in queries.items()
    }


def _in_batches(keys: Keys) -> Iterator[Keys]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))


def _cosines(stored: StoredVectors, unit: Vectors) -> NDArray[np.float32]:
    """Of what was float16, no square is too large or too small for float32, so lengths can be taken as they are."""
    rows = widen(stored.vectors)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return np.asarray(rows @ unit / np.where(lengths > 0, lengths, 1))


def _gather(parts: Iterable[tuple[Keys, NDArray[np.float32]]], keys: Keys) -> NDArray[np.float32]:
    """Similarities laid where their keys stand in `keys`, which ascend; 0 elsewhere; other keys are passed over."""
    similarities = np.zeros(len(keys), np.float32)
    for found, some in parts:
        places = np.searchsorted(keys, found)
        asked = places < len(keys)
        asked[asked] = keys[places[asked]] == found[asked]
        similarities[places[asked]] = some[asked]
    return similarities


def _compare(rows: Iterable[tuple[Keys, Vectors]], keys: Keys, unit: Vectors) -> NDArray[np.float64]:
    """Cosines in float64, laid where their keys stand in `keys`; 0 elsewhere."""
    similarities = np.zeros(len(keys), np.float64)
    query = unit.astype(np.float64)
    for found, some in rows:
        wide = some.astype(np.float64)
        lengths = np.sqrt(np.einsum("nd,nd->n", wide, wide))
        products = np.einsum("nd,d->n", wide, query)
        similarities[np.searchsorted(keys, found)] = products / np.where(lengths > 0, lengths, 1)
    return similarities
