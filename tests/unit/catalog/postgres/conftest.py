"""A catalog on several machines; without the driver there is nothing to test here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lookalike.catalog.postgres.catalog import PostgresCatalog
    from tests.unit.catalog.postgres.machines import Machines

collect_ignore_glob = [] if find_spec("psycopg") else ["test_*.py"]


@pytest.fixture
def machines(postgres_url: str) -> Iterator[Machines]:
    """In a database of this test's own."""
    from tests.unit.catalog.postgres.machines import Machines

    made = Machines(postgres_url)
    yield made
    made.close()


@pytest.fixture
def catalog(machines: Machines) -> PostgresCatalog:
    return machines.another()
