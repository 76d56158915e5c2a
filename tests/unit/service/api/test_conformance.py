"""Random requests after the OpenAPI document, good and bad: no 5xx, no reply that the document does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.services import listening, token

EXAMPLES = 100
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
QUIETLY = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with listening(tmp_path_factory.mktemp("conformance")) as (url, _, _):
        loaded = schemathesis.openapi.from_url(f"{url}/openapi.json")
        loaded.config.update(base_url=url, headers=token("admin"))
        yield loaded


schema = schemathesis.pytest.from_fixture("document").exclude(path="/readyz")


@schema.parametrize()
@QUIETLY
def test_no_request_is_answered_in_a_way_that_the_document_does_not_know(case: schemathesis.Case) -> None:
    case.call_and_validate(headers=token("admin"), checks=CHECKS)
