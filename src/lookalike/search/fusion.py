"""Fusion: pictures ranked by several models at once, each with its weight.

The similarity of a picture is the weighted mean of its cosines, sum(w_i * cos_i) / sum(w_i). A picture that lacks a
vector of one of the models counts as similarity 0 there: as one that has nothing to do with the query, not as one that
is left out. A few pictures are compared as a whole. Of more, each model names its nearest, and these are compared by
all models; the answer is proven by the threshold algorithm (Fagin, Lotem and Naor, Optimal aggregation algorithms for
middleware, 2001): no picture that no model has named can be more similar than the weighted mean of what each model
named last. Where the k-th best is not that similar, each model names four times as many, and where that proves nothing
either, a small collection is compared as a whole, and of a large one is said that the answer is not exact.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import MAIN, Catalog
from lookalike.core.errors import BadQuery
from lookalike.core.filters import Filter
from lookalike.core.records import Neighbours
from lookalike.core.saying import PlanCode
from lookalike.core.vectors import Keys
from lookalike.core.wording import words_of
from lookalike.search.fusion_sources import ROUNDING, Source

EXACT_UP_TO = 50_000
"""Pictures of which the answer is always exact: where it is not proven, all of them are compared."""

_AT_ONCE = 2_000
"""So few are compared as a whole from the beginning."""

MOST_NAMED = 4096
"""Pictures that each model names at most, unless k asks for more: comparing as many takes 0.1 s."""

_FIRST_NAMED = 64
_WIDER = 4

_TERM = re.compile(r"(?:(?P<weight>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*\*\s*)?(?P<name>[A-Za-z][A-Za-z0-9._-]*)")
_NEGATIVE = re.compile(r"-\s*[0-9.A-Za-z]")


class Weight(NamedTuple):
    """How much a model counts.

    Attributes:
        name: of the further model, or `main` for the collection's own.
        weight: above 0.
    """

    name: str
    weight: float


def parse_mixture(text: str, known_names: Iterable[str]) -> tuple[Weight, ...]:
    """Read which models are to be mixed, such as `main + 0.5*fine`.

    Args:
        text: names of models joined by `+`, each perhaps behind a weight and `*`; `main` is the collection's own.
        known_names: the further models of the collection.
    Returns:
        the weights as given, in the order given.
    Raises:
        BadQuery: when it is something else, a weight is not above 0, or a name is unknown or occurs twice.
    """
    known = [MAIN, *(name for name in known_names if name != MAIN)]
    weights: list[Weight] = []
    for term in text.split("+"):
        one = _weight(term.strip(), text)
        if one.name not in known:
            raise BadQuery(
                f"expected models of the collection ({', '.join(known)}), got {one.name[:80]!r}"
                "; add it with `lookalike model add NAME FILE`"
            )
        if any(one.name == other.name for other in weights):
            raise BadQuery(f"expected each model once, got {one.name!r} twice in {text[:200]!r}; add up its weights")
        weights.append(one)
    return tuple(weights)


def fuse(
    sources: Mapping[str, Source],
    mixture: Sequence[Weight],
    catalog: Catalog,
    *,
    k: int,
    among: Keys | None = None,
    exact_up_to: int = EXACT_UP_TO,
    most_named: int = MOST_NAMED,
) -> Neighbours:
    """Find the k pictures nearest to a query by several models.

    Args:
        sources: by name, at least those that the mixture names; see `fusion_sources.sources`.
        mixture: as `parse_mixture` gives it.
        catalog: the truth.
        k: at least 1.
        among: shape (A,), int64: only these keys may be answered, as `Catalog.select` gives them.
        exact_up_to: of how many pictures, collected or allowed, the answer is exact in any case.
        most_named: how many pictures each model names at most.
    Returns:
        of one query, best first, ties to the smaller key; exactly k where k pictures are there and allowed.
        Similarities are computed anew from the catalog. `exact` where it is proven that none nearer was missed.
    Raises:
        BadQuery: when k is less than 1.
    """
    if k < 1:
        raise BadQuery(f"expected k of at least 1, got {k}; leave it out for the usual 10")
    asked = _Asked([sources[one.name] for one in mixture], _shares(mixture))
    eligible = catalog.facts().images if among is None else len(among)
    if eligible > min(_AT_ONCE, exact_up_to):
        found = _by_threshold(asked, catalog, among, k=k, eligible=eligible, most_named=max(most_named, _WIDER * k))
        if found.exact or eligible > exact_up_to:
            return found
    return _exactly(asked, _keys_of(catalog, among), k)


class _Asked(NamedTuple):
    """Models and their shares, which sum to 1."""

    sources: list[Source]
    shares: list[float]

    def compared(self, keys: Keys) -> NDArray[np.float64]:
        """Fused similarities of some pictures, shape (N,); `keys` ascend."""
        return _sum(share * one.compared(keys) for one, share in zip(self.sources, self.shares, strict=True))

    def similarities(self, keys: Keys) -> NDArray[np.float64]:
        """The same, faster and off by some 1e-7."""
        return _sum(
            share * one.similarities(keys).astype(np.float64)
            for one, share in zip(self.sources, self.shares, strict=True)
        )


class _Named(NamedTuple):
    """What the models have named.

    Attributes:
        keys: all of it, ascending, each once.
        most_unseen: no picture that none of them has named is more similar than this.
        scanned: how many pictures were compared for it.
        exact: whether no model can have missed any.
        all_told: whether no model has any more to name.
    """

    keys: Keys
    most_unseen: float
    scanned: int
    exact: bool
    all_told: bool


def _weight(term: str, text: str) -> Weight:
    match = _TERM.fullmatch(term)
    if match is None and _NEGATIVE.match(term):
        raise BadQuery(
            f"expected weights above 0, got {term[:80]!r}: a model can be left out, not counted against"
            "; leave out a model that is not to count"
        )
    if match is None:
        raise BadQuery(
            f"expected models joined by +, each perhaps with a weight, for example main+0.5*fine, got {text[:200]!r}"
            "; leave out spaces around the signs"
        )
    weight = float(match["weight"] or 1)
    if not 0 < weight < math.inf:
        raise BadQuery(f"expected weights above 0, got {term[:80]!r}: leave out a model that is not to count")
    return Weight(match["name"], weight)


def _shares(mixture: Sequence[Weight]) -> list[float]:
    largest = max(one.weight for one in mixture)  # so that the sum does not overflow
    total = sum(one.weight / largest for one in mixture)
    return [one.weight / largest / total for one in mixture]


def _sum(parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(np.sum(list(parts), axis=0))


def _keys_of(catalog: Catalog, among: Keys | None) -> Keys:
    return catalog.select(Filter.everything()) if among is None else np.unique(among)


def _exactly(asked: _Asked, keys: Keys, k: int) -> Neighbours:
    """All are compared fast, and those that may be among the k best once more."""
    similarities = asked.similarities(keys)
    if len(keys) > k:
        least = np.partition(similarities, len(keys) - k)[len(keys) - k]
        shortlist = keys[similarities >= least - 2 * ROUNDING]
    else:
        shortlist = keys
    plan = words_of(f"exact by {_models(asked)}", PlanCode.EXACT_BY_MODELS, models=len(asked.sources))
    return _answer(shortlist, asked.compared(shortlist), k, exact=True, scanned=len(keys), plan=plan)


def _by_threshold(
    asked: _Asked, catalog: Catalog, among: Keys | None, *, k: int, eligible: int, most_named: int
) -> Neighbours:
    depth = min(max(_FIRST_NAMED, _WIDER * k), most_named)
    seen, values, scanned = np.empty(0, np.int64), np.empty(0, np.float64), 0
    while True:
        named = _name(asked, depth, among, eligible=eligible)
        scanned = max(scanned, named.scanned)
        new = np.setdiff1d(named.keys, seen, assume_unique=True)
        if named.all_told:  # the others lack a vector of every model: they count 0, and the first of them may be needed
            others = np.setdiff1d(_keys_of(catalog, among), np.concatenate([seen, new]), assume_unique=True)
            new = np.union1d(new, others[:k])
        seen, values = np.concatenate([seen, new]), np.concatenate([values, asked.compared(new)])
        least = np.partition(values, len(values) - k)[len(values) - k] if len(values) >= k else -np.inf
        is_proven = named.all_told or len(seen) >= eligible or least + ROUNDING >= named.most_unseen
        if is_proven or depth >= most_named:
            break
        depth = min(depth * _WIDER, most_named)
    text = f"the nearest {depth} by each of {_models(asked)}, compared by all"
    plan = words_of(text, PlanCode.NEAREST_BY_MODELS, models=len(asked.sources), depth=int(depth))
    return _answer(seen, values, k, exact=bool(is_proven) and named.exact, scanned=scanned + len(seen), plan=plan)


def _name(asked: _Asked, depth: int, among: Keys | None, *, eligible: int) -> _Named:
    found = [source.nearest(depth, among=among) for source in asked.sources]
    keys = [one.keys[0][one.keys[0] >= 0] for one in found]
    # Where all have a vector, fewer than there are means only that some have been removed since.
    is_told = [
        len(some) < depth and (not source.is_complete or eligible <= depth)
        for source, some in zip(asked.sources, keys, strict=True)
    ]
    unseen = [
        _most_unseen(source, one, told=told) for source, one, told in zip(asked.sources, found, is_told, strict=True)
    ]
    return _Named(
        keys=np.unique(np.concatenate(keys)),
        most_unseen=sum(share * one for share, one in zip(asked.shares, unseen, strict=True)),
        scanned=sum(one.scanned for one in found),
        exact=all(one.exact for one in found),
        all_told=all(is_told),
    )


def _most_unseen(source: Source, found: Neighbours, *, told: bool) -> float:
    """How similar a picture can be, to one model, that it has not named: the last named, or 0 for want of a vector."""
    if told:
        return -math.inf if source.is_complete else 0.0
    named = found.similarities[0][found.keys[0] >= 0]
    last = float(named[-1]) + found.error if len(named) else 1.0
    return last if source.is_complete else max(last, 0.0)


def _answer(
    keys: Keys, similarities: NDArray[np.float64], k: int, *, exact: bool, scanned: int, plan: str
) -> Neighbours:
    best = np.lexsort((keys, -similarities))[:k]
    found_keys, found = np.full((1, k), -1, np.int64), np.full((1, k), -np.inf, np.float32)
    found_keys[0, : len(best)], found[0, : len(best)] = keys[best], similarities[best]
    return Neighbours(found_keys, found, exact=exact, scanned=scanned, plan=plan)


def _models(asked: _Asked) -> str:
    return f"{len(asked.sources)} model{'s' * (len(asked.sources) > 1)}"
