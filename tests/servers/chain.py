"""The object store for the tests of the service that run over servers; see `tests.served_by_servers`."""

from __future__ import annotations

import pytest

from tests.services import are_servers_asked_for


@pytest.fixture(scope="session", autouse=True)
def object_store_of_the_service(request: pytest.FixtureRequest) -> None:
    """Started where the tests are to run over servers."""
    if are_servers_asked_for():
        from tests.served_by_servers import use

        use(request.getfixturevalue("s3_server"))
