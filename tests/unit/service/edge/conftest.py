from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.unit.service.small_service import Parts, parts, settings


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Parts]:
    """Makes the small application with settings."""
    return lambda **changed: parts(settings(tmp_path, **changed))


@pytest.fixture
def client(made: Callable[..., Parts]) -> Iterator[Callable[..., TestClient]]:
    """Makes a client of the small application with settings."""
    with ExitStack() as stack:

        def make(**changed: Any) -> TestClient:
            return stack.enter_context(TestClient(made(**changed).app, base_url="http://here.example"))

        yield make
