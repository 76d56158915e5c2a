"""What was learnt of a collection's vectors lies in its catalog as numbered versions, over every engine."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.base import PROJECTIONS_KEPT, Catalog, Transaction
from lookalike.catalog.patience import in_transaction
from lookalike.core.errors import BadInput, BadVectors, Conflict, DimensionMismatch, WrongModel
from lookalike.core.stored_projection import StoredProjection
from tests.contract.test_catalog import D, catalog, engine, image, rows

__all__ = ["catalog", "engine"]

d = 2
FINE, FINE_D = "f" * 64, 3


def learnt(seed: int, *, dimension: int = D, learnt_from: int = 300) -> StoredProjection:
    rng = np.random.default_rng(seed)
    mean, components = rng.normal(size=dimension), rng.normal(size=(dimension, d))
    return StoredProjection(mean.astype(np.float32), components.astype(np.float32), learnt_from, 1234.5 + seed)


def put(catalog: Catalog, new: StoredProjection, *, after: int, model: str = "main") -> int:
    return in_transaction(catalog, lambda transaction: transaction.put_projection(new, after=after, model=model))


def told(stored: StoredProjection | None) -> Any:
    assert stored is not None
    arrays = stored.mean, stored.components
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    return stored.version, *(array.tolist() for array in arrays), stored.learnt_from, stored.learnt_at


def test_there_is_none_before_one_is_put(catalog: Catalog) -> None:
    assert (catalog.projection(), catalog.projection(1), catalog.projection_version()) == (None, None, 0)


def test_versions_count_from_1_and_come_back_bit_for_bit(catalog: Catalog) -> None:
    first, second = learnt(1), learnt(2, learnt_from=600)
    assert (put(catalog, first, after=0), put(catalog, second, after=1)) == (1, 2)

    assert catalog.projection_version() == 2
    assert told(catalog.projection(1)) == told(replace(first, version=1))
    assert told(catalog.projection(2)) == told(catalog.projection()) == told(replace(second, version=2))
    assert catalog.projection(3) is None


def test_of_two_who_learn_at_once_one_is_refused_and_finds_the_others(catalog: Catalog) -> None:
    ready, results = threading.Barrier(2), []

    def learn(seed: int) -> None:
        known = catalog.projection_version()
        ready.wait()
        try:
            results.append(put(catalog, learnt(seed), after=known))
        except Conflict:
            results.append(0)

    threads = [threading.Thread(target=learn, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == [0, 1]
    assert catalog.projection_version() == 1


@pytest.mark.parametrize("after", [0, 2, -1])
def test_what_is_not_behind_the_newest_is_refused_with_its_number_and_changes_nothing(
    catalog: Catalog, after: int
) -> None:
    put(catalog, learnt(1), after=0)

    with pytest.raises(Conflict, match=rf"version {after} .* found 1: use that"):
        put(catalog, learnt(2), after=after)

    assert told(catalog.projection()) == told(replace(learnt(1), version=1))


def put_twice(transaction: Transaction) -> None:
    transaction.put_projection(learnt(1), after=0)
    assert transaction.projection_version() == 1
    assert told(transaction.projection()) == told(replace(learnt(1), version=1))
    transaction.put_projection(learnt(2), after=0)


def test_a_transaction_reads_what_it_has_put_and_one_that_fails_has_put_nothing(catalog: Catalog) -> None:
    with pytest.raises(Conflict), catalog.transaction() as transaction:
        put_twice(transaction)
    assert catalog.projection() is None


def test_the_newest_versions_are_kept_and_numbers_are_not_given_twice(catalog: Catalog) -> None:
    count = PROJECTIONS_KEPT + 3
    for n in range(count):
        assert put(catalog, learnt(n), after=n) == n + 1

    kept = [version for version in range(count + 2) if catalog.projection(version) is not None]
    assert kept == list(range(count - PROJECTIONS_KEPT + 1, count + 1))


def test_a_new_version_moves_the_cursor_and_changes_no_picture(catalog: Catalog) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
    before, version = catalog.cursor(), catalog.version()

    put(catalog, learnt(1), after=0)

    assert catalog.cursor() != before
    assert catalog.version() != version
    page = catalog.changes(before)
    assert (list(page.changes), page.cursor, page.complete) == ([], catalog.cursor(), True)


def test_the_arrays_that_were_given_may_be_changed_afterwards(catalog: Catalog) -> None:
    new = learnt(1)
    put(catalog, new, after=0)
    new.mean[:], new.components[:] = 0, 0
    assert told(catalog.projection()) == told(replace(learnt(1), version=1))


@pytest.mark.parametrize(
    ("spoilt", "error"),
    [
        ({"mean": np.zeros(D + 1, np.float32)}, DimensionMismatch),
        ({"components": np.zeros((D + 1, d), np.float32)}, DimensionMismatch),
        ({"components": np.zeros(D, np.float32)}, DimensionMismatch),
        ({"mean": np.full(D, np.nan, np.float32)}, BadVectors),
        ({"components": np.full((D, d), np.inf, np.float32)}, BadVectors),
    ],
)
def test_what_is_no_projection_of_the_models_vectors_is_refused(
    catalog: Catalog, spoilt: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match="expected"):
        put(catalog, replace(learnt(1), **spoilt), after=0)
    assert catalog.projection() is None


def test_a_catalog_without_a_model_has_none(engine: Any) -> None:
    with pytest.raises(WrongModel, match="claim_model"):
        put(engine(), learnt(1), after=0)


def test_further_models_have_versions_of_their_own_which_go_with_them(catalog: Catalog) -> None:
    catalog.add_further_model("fine", FINE, FINE_D)
    put(catalog, learnt(1), after=0)
    cursor = catalog.cursor()
    put(catalog, learnt(7, dimension=FINE_D), after=0, model="fine")

    assert told(catalog.projection(model="fine")) == told(replace(learnt(7, dimension=FINE_D), version=1))
    assert told(catalog.projection()) == told(replace(learnt(1), version=1))
    assert catalog.cursor() == cursor  # the feed is of the collection's own model

    catalog.drop_further_model("fine")
    for ask in (catalog.projection, catalog.projection_version):
        with pytest.raises(BadInput, match="fine"):
            ask(model="fine")
    catalog.add_further_model("fine", "e" * 64, FINE_D)
    assert catalog.projection(model="fine") is None
    assert told(catalog.projection()) == told(replace(learnt(1), version=1))


def test_a_catalog_with_projections_has_no_damage(catalog: Catalog) -> None:
    put(catalog, learnt(1), after=0)
    assert catalog.check() == []
