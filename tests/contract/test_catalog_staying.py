"""Whether an open catalog is still what it was, in every engine: told at once where that is known, else asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.catalog.base import Catalog
from tests.contract.catalog_engines import ENGINES, new_catalog
from tests.contract.test_catalog import MODEL, D, file, image, image_id, rows


@pytest.fixture(params=ENGINES)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    made = new_catalog(request.param, tmp_path / "c.db")
    made.claim_model(MODEL, D)
    yield made
    made.close()


def put(catalog: Catalog, *names: int) -> None:
    with catalog.transaction() as transaction:
        transaction.put_images([image(name) for name in names], rows(*names))
        transaction.put_files([file(name, f"/{name}.jpg") for name in names])


def test_one_that_is_open_is_current_whatever_is_written_to_it(catalog: Catalog) -> None:
    assert catalog.is_current()
    put(catalog, 1, 2)
    assert catalog.is_current()
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id(1)])
        assert catalog.is_current()
    assert catalog.is_current()


def test_what_is_told_at_once_is_never_told_wrongly(catalog: Catalog) -> None:
    put(catalog, 1)
    assert catalog.facts().images == 1
    if catalog.is_unchanged:  # an engine that cannot know says no
        assert catalog.is_current()
        assert catalog.keys([image_id(1)])


def test_one_that_keeps_nothing_open_goes_on_working(catalog: Catalog) -> None:
    put(catalog, 1)
    catalog.let_go()
    assert catalog.keys([image_id(1)])
    put(catalog, 2)
    catalog.let_go()
    assert catalog.facts().images == 2
    assert [one.path for one in catalog.files(below="/")] == ["/1.jpg", "/2.jpg"]
    with catalog.transaction() as transaction:
        catalog.let_go()
        transaction.remove_images([image_id(1)])
    assert catalog.facts().images == 1


def test_closing_twice_is_closing_once(catalog: Catalog) -> None:
    catalog.close()
    catalog.close()
