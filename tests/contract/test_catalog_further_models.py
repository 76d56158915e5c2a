"""Vectors of further models beside the collection's own, over every engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from lookalike.catalog.base import Catalog, FurtherModel
from lookalike.core.errors import BadInput, BadVectors, DimensionMismatch, WrongModel
from lookalike.core.records import RefusedFile
from tests.contract.test_catalog import MODEL, D, catalog, engine, file, image, image_id, rows

__all__ = ["catalog", "engine"]

FINE, COARSE = "f" * 64, "c" * 64


def halves(*values: float, dimension: int = 3) -> Any:
    return np.array([[value] * dimension for value in values], np.float16)


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    """Pictures 0 to 3 with keys 1 to 4; the model `fine`, 3 wide, of which 1 and 3 have vectors."""
    with catalog.transaction() as transaction:
        assert transaction.put_images([image(n) for n in range(4)], rows(1, 2, 3, 4)).tolist() == [1, 2, 3, 4]
    catalog.add_further_model("fine", FINE, 3)
    with catalog.transaction() as transaction:
        assert transaction.put_model_vectors("fine", [4, 2], halves(40, 20)) == 2
    return catalog


def test_further_models_are_listed_by_name_with_how_many_have_a_vector(filled: Catalog) -> None:
    filled.add_further_model("coarse", COARSE, 7)
    expected = [FurtherModel("coarse", COARSE, 7, 0), FurtherModel("fine", FINE, 3, 2)]
    assert filled.further_models() == expected
    filled.add_further_model("fine", FINE, 3)
    assert filled.further_models() == expected


def test_vectors_come_by_key_ascending_and_those_that_lack_one_are_left_out(filled: Catalog) -> None:
    found = filled.model_vectors("fine", [4, 1, 2, 2, 99, -1])
    assert found.keys.tolist() == [2, 4]
    assert found.keys.dtype == np.int64
    assert found.vectors.dtype == np.float16
    assert np.array_equal(found.vectors, halves(20, 40))
    none = filled.model_vectors("fine", np.array([1, 3]))
    assert (none.keys.tolist(), none.vectors.shape) == ([], (0, 3))


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_all_vectors_of_a_model_come_in_batches_in_the_order_of_keys(filled: Catalog, batch: int) -> None:
    with filled.transaction() as transaction:
        transaction.put_model_vectors("fine", [1], halves(10))
    parts = list(filled.all_model_vectors("fine", batch=batch))
    assert all(0 < len(part.keys) <= batch for part in parts)
    assert np.concatenate([part.keys for part in parts]).tolist() == [1, 2, 4]
    assert np.concatenate([part.vectors for part in parts])[:, 0].tolist() == [10, 20, 40]


def test_models_are_kept_apart_from_one_another_and_from_the_collections_own(filled: Catalog) -> None:
    filled.add_further_model("coarse", COARSE, 2)
    with filled.transaction() as transaction:
        transaction.put_model_vectors("coarse", [2, 3], halves(7, 8, dimension=2))
    assert filled.model_vectors("coarse", [1, 2, 3, 4]).vectors.tolist() == [[7, 7], [8, 8]]
    assert filled.model_vectors("fine", [1, 2, 3, 4]).keys.tolist() == [2, 4]
    assert filled.vectors([1, 2]).vectors.tolist() == rows(1, 2).tolist()
    assert filled.keys_without_vector("coarse", 10).tolist() == [1, 4]


def test_keys_that_lack_a_vector_come_in_pages(filled: Catalog) -> None:
    assert filled.keys_without_vector("fine", 10).tolist() == [1, 3]
    assert filled.keys_without_vector("fine", 1).tolist() == [1]
    assert filled.keys_without_vector("fine", 1, after=1).tolist() == [3]
    assert filled.keys_without_vector("fine", 1, after=3).tolist() == []


def test_a_removed_picture_loses_all_its_vectors_and_comes_back_without(filled: Catalog) -> None:
    with filled.transaction() as transaction:
        transaction.remove_images([image_id(1)])
        assert transaction.put_model_vectors("fine", [2, 77], halves(1, 2)) == 0
    assert filled.model_vectors("fine", [2]).keys.tolist() == []
    assert filled.further_models()[0].count == 1
    with filled.transaction() as transaction:
        transaction.put_images([image(1)], rows(9))
    assert filled.keys_without_vector("fine", 10).tolist() == [1, 2, 3]
    assert filled.check() == []


def test_a_picture_put_again_keeps_its_vectors_of_further_models(filled: Catalog) -> None:
    with filled.transaction() as transaction:
        transaction.put_images([image(1, width=9)], rows(9))
        transaction.merge_metadata({image_id(1): {"a": 1}})
    assert filled.model_vectors("fine", [2]).vectors.tolist() == halves(20).tolist()


def test_of_a_key_given_twice_the_last_vector_counts_and_again_is_instead(filled: Catalog) -> None:
    with filled.transaction() as transaction:
        assert transaction.put_model_vectors("fine", [2, 1, 2], halves(5, 6, 7)) == 2
    assert filled.model_vectors("fine", [1, 2]).vectors[:, 0].tolist() == [6, 7]
    assert filled.further_models()[0].count == 3


def test_vectors_of_a_further_model_are_no_change_of_a_picture_but_a_new_version(filled: Catalog) -> None:
    cursor, version = filled.cursor(), filled.version()
    with filled.transaction() as transaction:
        transaction.put_model_vectors("fine", [1], halves(1))
    assert filled.cursor() == cursor
    assert filled.version() != version


def test_a_dropped_model_is_gone_with_its_vectors_and_its_name_is_free(filled: Catalog) -> None:
    filled.add_further_model("coarse", COARSE, 2)
    with filled.transaction() as transaction:
        transaction.put_model_vectors("coarse", [1], halves(7, dimension=2))
    filled.drop_further_model("fine")
    assert filled.further_models() == [FurtherModel("coarse", COARSE, 2, 1)]
    filled.add_further_model("fine", "e" * 64, 5)
    assert list(filled.all_model_vectors("fine")) == []
    assert filled.keys_without_vector("fine", 10).tolist() == [1, 2, 3, 4]
    assert filled.check() == []


def test_a_name_that_is_unknown_is_told_with_the_known_ones(filled: Catalog) -> None:
    def put() -> None:
        with filled.transaction() as transaction:
            transaction.put_model_vectors("fin", [1], halves(1))

    for use in (
        put,
        lambda: filled.drop_further_model("fin"),
        lambda: filled.model_vectors("fin", [1]),
        lambda: list(filled.all_model_vectors("fin")),
        lambda: filled.keys_without_vector("fin", 1),
    ):
        with pytest.raises(BadInput, match=r"\(fine\), got 'fin'"):
            use()


@pytest.mark.parametrize("name", ["", "main", "2nd", "a b", "a+b", "a*b", "é", "x" * 65, "-a", "a\n"])
def test_a_name_that_could_not_be_weighed_in_a_mixture_is_refused(catalog: Catalog, name: str) -> None:
    with pytest.raises(BadInput, match="begins with a letter"):
        catalog.add_further_model(name, FINE, 3)
    assert catalog.further_models() == []


def test_a_model_has_one_name_and_a_name_one_model(filled: Catalog) -> None:
    for model_id, dimension in [("e" * 64, 3), (FINE, 4)]:
        with pytest.raises(WrongModel, match="drop 'fine' first"):
            filled.add_further_model("fine", model_id, dimension)
    with pytest.raises(BadInput, match="which is there as 'fine'"):
        filled.add_further_model("other", FINE, 3)
    with pytest.raises(BadInput, match="'main'"):
        filled.add_further_model("other", MODEL, D)
    for model_id, dimension in [("", 3), ("e" * 64, 0)]:
        with pytest.raises(BadInput, match="dimension"):
            filled.add_further_model("other", model_id, dimension)
    assert [one.name for one in filled.further_models()] == ["fine"]


@pytest.mark.parametrize(
    ("vectors", "error"),
    [
        (np.zeros((1, 4), np.float16), DimensionMismatch),
        (np.zeros((2, 3), np.float16), DimensionMismatch),
        (np.full((1, 3), np.nan, np.float16), BadVectors),
    ],
)
def test_vectors_of_another_shape_or_not_finite_are_refused(filled: Catalog, vectors: Any, error: type) -> None:
    with pytest.raises(error), filled.transaction() as transaction:
        transaction.put_model_vectors("fine", [1], vectors)
    assert filled.keys_without_vector("fine", 10).tolist() == [1, 3]


def test_every_change_of_anything_is_a_new_version(engine: Callable[[], Catalog]) -> None:
    catalog = engine()
    catalog.claim_model(MODEL, D)
    seen = [catalog.version()]
    changes: list[Callable[[Any], object]] = [
        lambda transaction: transaction.put_images([image(1)], rows(1)),
        lambda transaction: transaction.put_files([file(1, "/a.jpg")]),
        lambda transaction: transaction.put_refused([RefusedFile("/b.jpg", 1, 1, "empty", "empty")]),
        lambda transaction: transaction.forget_files(["/a.jpg"]),
        lambda transaction: transaction.merge_metadata({image_id(1): {"a": 1}}),
        lambda transaction: transaction.remove_images([image_id(1)]),
    ]
    for change in changes:
        with catalog.transaction() as transaction:
            change(transaction)
        seen.append(catalog.version())
    catalog.add_further_model("fine", FINE, 3)
    seen.append(catalog.version())
    catalog.drop_further_model("fine")
    seen.append(catalog.version())
    assert seen == sorted(set(seen))
    assert catalog.version() == seen[-1]


def test_what_is_undone_is_no_new_version(filled: Catalog) -> None:
    before = filled.version()
    with suppress(ZeroDivisionError), filled.transaction() as transaction:
        transaction.put_model_vectors("fine", [1], halves(1))
        _ = 1 / 0
    assert filled.version() == before
    assert filled.further_models()[0].count == 2
