"""What every catalog promises of removed pictures: their metadata is kept for a while, and returns with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lookalike.catalog.base import DAY_S, Catalog
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.filters import Filter
from tests.catalogs import known_ids
from tests.contract.catalog_engines import ENGINES, new_catalog
from tests.contract.test_catalog import MODEL, D, image, image_id, rows

Opening = Callable[..., Catalog]
LABELS = {"tag": "sea", "stars": 5}


class Clock:
    """Stands still until it is moved."""

    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def move(self, days: float) -> None:
        self.now_s += days * DAY_S


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
def opening(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Opening]:
    opened: list[Catalog] = []

    def make(**settings: Any) -> Catalog:
        catalog = new_catalog(request.param, tmp_path / "catalog.db", clock=clock, **settings)
        opened.append(catalog)
        catalog.claim_model(MODEL, D)
        return catalog

    yield make
    for catalog in opened:
        catalog.close()


@pytest.fixture
def catalog(opening: Opening) -> Catalog:
    return opening()


def put(catalog: Catalog, name: object, **fields: Any) -> frozenset[str]:
    with catalog.transaction() as transaction:
        transaction.put_images([image(name, **fields)], rows(1))
        return transaction.returned


def remove(catalog: Catalog, name: object, *, keep: bool = True) -> None:
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id(name)], keep=keep)


def metadata_of(catalog: Catalog, name: object) -> dict[str, Any]:
    return dict(catalog.images([image_id(name)])[image_id(name)].metadata)


def test_metadata_returns_once_with_its_picture_and_is_said_to_have(catalog: Catalog) -> None:
    assert put(catalog, 1, metadata=LABELS) == frozenset()
    put(catalog, "bare")
    remove(catalog, 1)
    remove(catalog, "bare")
    assert catalog.facts().forgotten == 1
    assert put(catalog, "bare") == frozenset()
    assert put(catalog, 1) == {image_id(1)}
    assert metadata_of(catalog, 1) == LABELS
    assert len(catalog.select(Filter.parse("tag = sea and stars >= 5"))) == 1
    assert catalog.facts().forgotten == 0
    assert catalog.check() == []


def test_what_is_given_lies_over_what_was_kept(catalog: Catalog) -> None:
    put(catalog, 1, metadata=LABELS)
    remove(catalog, 1)
    put(catalog, 1, metadata={"tag": "lake", "stars": None, "new": 1})
    assert metadata_of(catalog, 1) == {"tag": "lake", "new": 1}


def test_what_was_given_up_in_a_transaction_that_failed_is_still_kept(catalog: Catalog) -> None:
    put(catalog, 1, metadata=LABELS)
    remove(catalog, 1)
    with suppress(ZeroDivisionError), catalog.transaction() as transaction:
        transaction.put_images([image(1)], rows(1))
        _ = 1 / 0
    assert put(catalog, 1) == {image_id(1)}


def test_a_provisional_picture_neither_sees_nor_spoils_what_is_kept(catalog: Catalog) -> None:
    put(catalog, 1, metadata=LABELS)
    remove(catalog, 1)
    assert put(catalog, 1, provisional=True, metadata={"tag": "lie"}) == frozenset()
    assert metadata_of(catalog, 1) == {"tag": "lie"}
    remove(catalog, 1, keep=False)
    assert put(catalog, 1, provisional=True) == frozenset()
    assert put(catalog, 1) == {image_id(1)}
    assert metadata_of(catalog, 1) == LABELS


def test_nothing_is_kept_longer_than_was_said(opening: Opening, clock: Clock) -> None:
    catalog = opening(keep_removed_days=7)
    for name in ("old", "young"):
        put(catalog, name, metadata=LABELS)
    remove(catalog, "old")
    clock.move(3)
    remove(catalog, "young")
    clock.move(4)
    assert put(catalog, "old") == frozenset()
    assert metadata_of(catalog, "old") == {}
    assert put(catalog, "young") == {image_id("young")}


def test_ninety_days_where_nothing_is_said(catalog: Catalog, clock: Clock) -> None:
    for name in (1, 2):
        put(catalog, name, metadata=LABELS)
        remove(catalog, name)
    clock.move(89.9)
    assert put(catalog, 1) == {image_id(1)}
    clock.move(0.2)
    assert put(catalog, 2) == frozenset()


def test_zero_days_keep_nothing(opening: Opening) -> None:
    catalog = opening(keep_removed_days=0)
    put(catalog, 1, metadata=LABELS)
    remove(catalog, 1)
    assert catalog.facts().forgotten == 0
    assert put(catalog, 1) == frozenset()
    assert metadata_of(catalog, 1) == {}


def test_forgotten_forever_with_what_was_kept_before(catalog: Catalog) -> None:
    for name in ("there", "removed"):
        put(catalog, name, metadata=LABELS)
    remove(catalog, "removed")
    assert catalog.find_forgotten(image_id("removed")[:9]) == [image_id("removed")]
    with catalog.transaction() as transaction:
        ids = [image_id("there"), image_id("removed"), image_id("nobody")]
        assert transaction.forget_forever(ids) == 2
        assert transaction.forget_forever(ids) == 0
    assert known_ids(catalog) == set()
    assert catalog.facts().forgotten == 0
    for name in ("there", "removed"):
        assert put(catalog, name) == frozenset()
        assert metadata_of(catalog, name) == {}


@pytest.mark.parametrize("length", [40, 30_000])  # in a row, and on pages of its own
@pytest.mark.parametrize("is_removed_before", [False, True])
def test_no_byte_of_it_is_left_in_the_file(tmp_path: Path, length: int, is_removed_before: bool) -> None:
    path, count = tmp_path / "catalog.db", 60
    secret = "unforgettable"
    ids = [image_id(name) for name in range(count)]
    with SqliteCatalog.open(path) as catalog:
        catalog.claim_model(MODEL, D)
        for name in range(count):
            put(catalog, name, metadata={"note": f"{secret} {name} ".ljust(length, "x")})
        assert secret.encode() in path.read_bytes()
        if is_removed_before:
            with catalog.transaction() as transaction:
                transaction.remove_images(ids)
            assert secret.encode() in path.read_bytes()
        with catalog.transaction() as transaction:
            transaction.forget_forever(ids)
        assert secret.encode() not in path.read_bytes()
        assert catalog.check() == []
