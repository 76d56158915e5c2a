"""A service for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.event_loop import watched_loops
from tests.services import Running, running


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as one:
        yield one


@pytest.fixture(autouse=True)
def nothing_waits_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test of the API passes in which a handler keeps the event loop waiting for a disk or a database."""
    with watched_loops(monkeypatch) as seen:
        yield
    assert not seen
