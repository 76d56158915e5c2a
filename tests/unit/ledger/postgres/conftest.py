"""Ledgers in a real PostgreSQL. Without the driver there is nothing to test here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lookalike.ledger.postgres import PostgresLedger

collect_ignore_glob = [] if find_spec("psycopg") else ["test_*.py"]


@pytest.fixture
def opened(postgres_url: str) -> Iterator[Callable[..., PostgresLedger]]:
    """Opens the same ledger again and again, each with connections of its own, as other processes do."""
    from lookalike.ledger.postgres import PostgresLedger

    ledgers: list[PostgresLedger] = []

    def open_ledger(url: str = postgres_url, **options: Any) -> PostgresLedger:
        ledgers.append(PostgresLedger(url, **options))
        return ledgers[-1]

    yield open_ledger
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(opened: Callable[..., PostgresLedger]) -> PostgresLedger:
    return opened()
