"""Fused searches against a naive loop over all pictures, and the expression that weighs models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.errors import BadQuery
from lookalike.core.filters import Filter
from lookalike.core.records import ImageRecord, Neighbours
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import Selection
from lookalike.index.exact import ExactIndex
from lookalike.search.fusion import Weight, fuse, parse_mixture
from lookalike.search.fusion_sources import FurtherSource, Source, sources
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish
from tests.collections import open_catalog

WIDTHS = {"main": 6, "fine": 9, "coarse": 3}
MIXTURE = (Weight("main", 1.0), Weight("fine", 0.5), Weight("coarse", 0.25))


class Pictures:
    """A catalog of random vectors, with what it should hold beside it in plain arrays."""

    def __init__(self, catalog: Catalog, N: int, *, lacking: float = 0.3, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.catalog = catalog
        self.catalog.claim_model("m" * 64, WIDTHS["main"])
        self.rows: dict[str, dict[int, NDArray[Any]]] = {}
        records = [ImageRecord(hashlib.sha256(str(n).encode()).hexdigest(), 8, 8, "png", n) for n in range(N)]
        with catalog.transaction() as transaction:
            main = rng.normal(size=(N, WIDTHS["main"])).astype(np.float16)
            keys = transaction.put_images(records, main)
        self.rows["main"] = dict(zip(keys.tolist(), main, strict=True))
        for name in ("fine", "coarse"):
            catalog.add_further_model(name, name[0] * 64, WIDTHS[name])
            there = keys[rng.random(N) >= lacking]
            vectors = (3 * rng.normal(size=(len(there), WIDTHS[name]))).astype(np.float16)
            with catalog.transaction() as transaction:
                transaction.put_model_vectors(name, there, vectors)
            self.rows[name] = dict(zip(there.tolist(), vectors, strict=True))
        self.view = LocalView(catalog, None, engines=LocalEngines(), wish=Wish(projecting="off"))
        self.view.refresh()
        self.queries = {name: rng.normal(size=(1, width)).astype(np.float32) for name, width in WIDTHS.items()}

    def sources(self, *, indexed: bool = False) -> dict[str, Source]:
        indexes = {}
        for name in ("fine", "coarse") if indexed else ():
            indexes[name] = ExactIndex(WIDTHS[name])
            for stored in self.catalog.all_model_vectors(name):
                indexes[name].upsert(stored.keys, stored.vectors.astype(np.float32))
        return sources(self.catalog, self.view, self.queries, indexes=indexes)

    def naive(self, mixture: Sequence[Weight], allowed: Keys | None = None) -> list[tuple[float, int]]:
        """Similarity and key of every picture, best first."""
        found = []
        for key in self.rows["main"] if allowed is None else allowed.tolist():
            total = 0.0
            for name, weight in mixture:
                row = self.rows[name].get(key)
                total += weight * (_cosine(row, self.queries[name][0]) if row is not None else 0.0)
            found.append((total / sum(weight for _, weight in mixture), key))
        return sorted(found, key=lambda one: (-one[0], one[1]))


def _cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    a, b = one.astype(np.float64), other.astype(np.float64)
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0


def check(found: Neighbours, expected: list[tuple[float, int]], k: int) -> None:
    best = expected[:k]
    assert found.keys.shape == found.similarities.shape == (1, k)
    assert found.keys[0, : len(best)].tolist() == [key for _, key in best]
    assert found.similarities[0, : len(best)] == pytest.approx([one for one, _ in best], abs=1e-6)
    assert found.keys[0, len(best) :].tolist() == [-1] * (k - len(best))


@pytest.fixture(params=["memory", "sqlite"])
def new_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Catalog]:
    return lambda: open_catalog(tmp_path / "catalog.db") if request.param == "sqlite" else MemoryCatalog()


@pytest.mark.parametrize("mixture", [MIXTURE, MIXTURE[:1], MIXTURE[1:], (Weight("fine", 1e300), Weight("main", 1e308))])
@pytest.mark.parametrize("k", [1, 7, 80])
def test_a_small_collection_is_ranked_as_a_naive_loop_ranks_it(
    new_catalog: Callable[[], Catalog], k: int, mixture: tuple[Weight, ...]
) -> None:
    pictures = Pictures(new_catalog(), N=60)
    found = fuse(pictures.sources(), mixture, pictures.catalog, k=k)
    check(found, pictures.naive([Weight(name, weight / 1e300) for name, weight in mixture]), k)
    assert (found.exact, found.scanned) == (True, 60)


@pytest.mark.parametrize("lacking", [0.0, 0.3, 0.97])
@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("mixture", [MIXTURE, MIXTURE[:1], MIXTURE[1:], MIXTURE[1:2]])
def test_a_large_collection_is_ranked_the_same_from_what_each_model_names(
    mixture: tuple[Weight, ...], indexed: bool, lacking: float
) -> None:
    N = 500
    pictures = Pictures(MemoryCatalog(), N, lacking=lacking)
    for k in (1, 10, N + 3):
        found = fuse(pictures.sources(indexed=indexed), mixture, pictures.catalog, k=k, exact_up_to=0)
        check(found, pictures.naive(mixture), k)
        assert found.exact


def test_a_large_collection_answers_only_what_is_allowed_and_always_k() -> None:
    N, k = 500, 12
    pictures = Pictures(MemoryCatalog(), N)
    for allowed in (np.arange(1, N + 1, 2), np.array([400, 3, 77]), np.array([5, 5, 9]), np.empty(0, np.int64)):
        for exact_up_to in (0, N):
            found = fuse(pictures.sources(), MIXTURE, pictures.catalog, k=k, among=allowed, exact_up_to=exact_up_to)
            check(found, pictures.naive(MIXTURE, np.unique(allowed)), k)
            assert found.exact


def test_what_is_not_proven_within_what_models_may_name_is_not_called_exact() -> None:
    N, k = 3_000, 5
    pictures = Pictures(MemoryCatalog(), N)
    mixture = [Weight("main", 1.0), Weight("fine", 1.0)]
    hasty = fuse(pictures.sources(), mixture, pictures.catalog, k=k, exact_up_to=0, most_named=1)
    proven = fuse(pictures.sources(), mixture, pictures.catalog, k=k, exact_up_to=0)
    small = fuse(pictures.sources(), mixture, pictures.catalog, k=k, exact_up_to=N, most_named=1)
    assert (hasty.exact, proven.exact, small.exact) == (False, True, True)
    check(small, pictures.naive(mixture), k)
    assert hasty.scanned < proven.scanned + N
    assert (hasty.keys >= 0).all()
    check(proven, pictures.naive(mixture), k)


def test_what_the_view_gives_with_an_error_is_computed_anew() -> None:
    N, k = 40, 6
    pictures = Pictures(MemoryCatalog(), N)

    class Rounding(LocalView):
        def search(
            self, vectors: Vectors, k: int, *, among: Selection = None, recall: float | None = None
        ) -> Neighbours:
            found = super().search(vectors, k, among=among, recall=recall)
            return found._replace(similarities=np.round(found.similarities, 1), error=0.05)

    pictures.view = Rounding(pictures.catalog, None, engines=LocalEngines(), wish=Wish(projecting="off"))
    for exact_up_to in (0, N):
        check(
            fuse(pictures.sources(), MIXTURE, pictures.catalog, k=k, exact_up_to=exact_up_to),
            pictures.naive(MIXTURE),
            k,
        )


def test_lists_that_may_have_missed_some_prove_nothing() -> None:
    pictures = Pictures(MemoryCatalog(), N=300)

    class Hasty(FurtherSource):
        def nearest(self, k: int, *, among: Keys | None) -> Neighbours:
            return super().nearest(k, among=among)._replace(exact=False)

    hasty = {**pictures.sources(), "fine": Hasty(pictures.catalog, "fine", pictures.queries["fine"])}
    assert not fuse(hasty, MIXTURE, pictures.catalog, k=3, exact_up_to=0).exact
    assert fuse(hasty, MIXTURE, pictures.catalog, k=3).exact


def test_equal_pictures_tie_and_the_smaller_key_goes_first() -> None:
    N, k = 90, 9
    catalog = MemoryCatalog()
    catalog.claim_model("m" * 64, 3)
    catalog.add_further_model("fine", "f" * 64, 2)
    records = [ImageRecord(hashlib.sha256(str(n).encode()).hexdigest(), 8, 8, "png", n) for n in range(N)]
    with catalog.transaction() as transaction:
        keys = transaction.put_images(records, np.tile(np.array([0.3, -0.1, 0.7], np.float16), (N, 1)))
        transaction.put_model_vectors("fine", keys, np.tile(np.array([0.6, 0.8], np.float16), (N, 1)))
    view = LocalView(catalog, None, engines=LocalEngines(), wish=Wish(projecting="off"))
    queries = {"main": np.array([[0.1, 0.2, 0.3]], np.float32), "fine": np.array([[1.0, 0.0]], np.float32)}
    for exact_up_to in (0, N):
        found = fuse(sources(catalog, view, queries), MIXTURE[:2], catalog, k=k, exact_up_to=exact_up_to)
        assert found.keys[0].tolist() == keys[:k].tolist()
        assert len(set(found.similarities[0].tolist())) == 1
        assert found.exact


def test_a_query_and_pictures_of_length_zero_are_similar_to_nothing() -> None:
    pictures = Pictures(MemoryCatalog(), N=20)
    pictures.queries = {name: np.zeros_like(query) for name, query in pictures.queries.items()}
    found = fuse(pictures.sources(), MIXTURE, pictures.catalog, k=4)
    assert found.keys[0].tolist() == [1, 2, 3, 4]
    assert found.similarities[0].tolist() == [0, 0, 0, 0]


def test_pictures_that_no_model_of_the_mixture_has_seen_fill_up_the_answer() -> None:
    N, k = 200, 50
    pictures = Pictures(MemoryCatalog(), N, lacking=0.95)
    found = fuse(pictures.sources(), MIXTURE[1:2], pictures.catalog, k=k, exact_up_to=0)
    check(found, pictures.naive(MIXTURE[1:2]), k)
    assert 0.0 in found.similarities[0].tolist()
    assert found.exact


def test_an_empty_collection_gives_an_empty_answer_and_k_of_none_is_refused() -> None:
    pictures = Pictures(MemoryCatalog(), N=0)
    for exact_up_to in (-1, 10):
        found = fuse(pictures.sources(), MIXTURE, pictures.catalog, k=2, exact_up_to=exact_up_to)
        assert found.keys.tolist() == [[-1, -1]]
    with pytest.raises(BadQuery, match="k of at least 1"):
        fuse(pictures.sources(), MIXTURE, pictures.catalog, k=0)


def test_the_collections_own_model_is_compared_as_its_view_does_after_the_projection() -> None:
    N, D, k = 1_500, 200, 10
    rng = np.random.default_rng(3)
    catalog = MemoryCatalog()
    catalog.claim_model("m" * 64, D)
    records = [ImageRecord(hashlib.sha256(str(n).encode()).hexdigest(), 8, 8, "png", n) for n in range(N)]
    rows = rng.normal(size=(N, 20)) @ rng.normal(size=(20, D)) + 5
    with catalog.transaction() as transaction:
        transaction.put_images(records, rows.astype(np.float16))
    view = LocalView(catalog, None, engines=LocalEngines(), wish=Wish(projecting="auto"))
    view.refresh()
    assert view.projection is not None
    query: Vectors = rows[:1].astype(np.float32) + 1
    alone = view.search(query, k)
    for exact_up_to in (0, N):
        found = fuse(sources(catalog, view, {"main": query}), MIXTURE[:1], catalog, k=k, exact_up_to=exact_up_to)
        assert found.keys.tolist() == alone.keys.tolist()
        assert found.similarities == pytest.approx(alone.similarities, abs=1e-5)


def test_a_filter_gives_what_is_allowed_as_the_catalog_selects_it(tmp_path: Path) -> None:
    N, k = 60, 5
    pictures = Pictures(open_catalog(tmp_path / "catalog.db"), N)
    allowed = pictures.catalog.select(Filter.parse("size_bytes >= 30"))
    found = fuse(pictures.sources(), MIXTURE, pictures.catalog, k=k, among=allowed)
    check(found, pictures.naive(MIXTURE, allowed), k)


def test_a_mixture_is_names_and_weights_joined_by_plus() -> None:
    known = ["fine", "b-2.x"]
    assert parse_mixture("main", known) == (Weight("main", 1.0),)
    assert parse_mixture(" fine+0.5*main ", known) == (Weight("fine", 1.0), Weight("main", 0.5))
    assert parse_mixture(".5 * b-2.x + 2.*fine", known) == (Weight("b-2.x", 0.5), Weight("fine", 2.0))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "joined by"),
        ("main+", "joined by"),
        ("main*2", "joined by"),
        ("2*", "joined by"),
        ("1e3*main", "joined by"),
        ("main fine", "joined by"),
        ("0*main", "above 0"),
        ("main+0.0*fine", "above 0"),
        ("-1*main", "above 0"),
        ("main + -fine", "above 0"),
        (f"{'9' * 400}*main", "above 0"),
        ("nan*main", "joined by"),
        ("main+fin", r"\(main, fine\), got 'fin'"),
        ("fine+fine", "'fine' twice"),
        ("main-fine", "got 'main-fine'"),
    ],
)
def test_a_mixture_that_cannot_be_understood_is_refused_with_what_was_expected(text: str, match: str) -> None:
    with pytest.raises(BadQuery, match=match):
        parse_mixture(text, ["fine"])
