"""Random requests after the OpenAPI document, good and bad: no 5xx, no reply that the document does not know."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

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

# Beside the boundaries of what each operation takes, which are asked for everywhere. They are the same in each run.
EXAMPLES = 100 if os.environ.get("NOTHING_SKIPPED") else 30
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
QUIETLY = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


DOCUMENT = Path(__file__).parents[4] / "docs" / "reference" / "openapi.json"

schema = schemathesis.openapi.from_path(DOCUMENT).exclude(path="/readyz")

# A header that says where a request ends is none of an operation's: what is wrong with it is refused by the protocol.
FRAMING = {"connection", "content-length", "expect", "transfer-encoding", "upgrade"}


@schema.hook
def filter_headers(context: schemathesis.HookContext, headers: Mapping[str, str] | None) -> bool:
    return FRAMING.isdisjoint(name.lower() for name in headers or ())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with listening(tmp_path_factory.mktemp("conformance")) as (url, _, _):
        yield url


@schema.parametrize()
@QUIETLY
def test_no_request_is_answered_in_a_way_that_the_document_does_not_know(case: schemathesis.Case, url: str) -> None:
    case.call_and_validate(base_url=url, headers=token("admin"), checks=CHECKS)


def test_no_sequence_of_requests_is_answered_in_such_a_way(url: str) -> None:
    class Sequences(schema.as_state_machine()):  # type: ignore[misc]
        """Made from the document: what one reply gives is what the next request asks for."""

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, object]:
            return {"base_url": url, "headers": token("admin")}

        def validate_response(self, response: object, case: schemathesis.Case, **named: object) -> None:
            case.validate_response(response, checks=CHECKS)  # type: ignore[arg-type]

    Sequences.run(settings=settings(QUIETLY, stateful_step_count=8))
