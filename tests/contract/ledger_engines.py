"""Every engine of ledgers, for the contracts of the ledger and of its jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lookalike.ledger.base import Ledger
from lookalike.ledger.memory import MemoryLedger
from lookalike.ledger.sqlite import SqliteLedger
from tests.clock import Clock

LEDGERS = ["sqlite", "memory", "postgres"]


@contextmanager
def opening_ledgers(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Callable[..., Ledger]]:
    """Opens new ledgers of the engine that is the parameter of a fixture, and closes them in the end."""
    opened: list[Ledger] = []
    make = _opener(request, clock)

    def open_ledger(**options: Any) -> Ledger:
        opened.append(make(len(opened), options))
        return opened[-1]

    yield open_ledger
    for ledger in opened:
        ledger.close()


def _opener(request: pytest.FixtureRequest, clock: Clock) -> Callable[[int, dict[str, Any]], Ledger]:
    if request.param == "memory":
        return lambda _, options: MemoryLedger(clock=clock, **options)
    if request.param == "sqlite":
        folder: Path = request.getfixturevalue("tmp_path")
        return lambda number, options: SqliteLedger(folder / f"{number}.db", clock=clock, **options)
    url, schema = request.getfixturevalue("postgres_place")
    from lookalike.ledger.postgres import PostgresLedger

    return lambda number, options: PostgresLedger(url, schema=f"{schema}_{number}", clock=clock, **options)
