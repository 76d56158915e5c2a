"""The OpenAPI document: everything is described, every example fits, and what it shows as a request is accepted."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from lookalike.service.api import document_examples as examples
from lookalike.service.api import document_words
from lookalike.service.api.documents import document_text, openapi_of
from lookalike.service.app import routes
from lookalike.service.problem_codes import ProblemCode
from tests.collections import png
from tests.services import FIRST, Running, sha256, token, unit

COMMITTED = Path(__file__).parents[4] / "docs" / "reference" / "openapi.json"
DOCUMENT = openapi_of(routes())
OPERATIONS = [
    pytest.param(method, path, operation, id=f"{method.upper()} {path}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
BODIES = [
    pytest.param(method, path, kind, shown["value"], id=f"{method.upper()} {path} {kind} {name}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    for name, shown in content["examples"].items()
]


def complaints(schema: dict[str, Any], value: object) -> list[str]:
    """What of a value does not fit a schema of the document."""
    validator = jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]})
    return [f"{error.message} at {list(error.instance_path)}" for error in validator.iter_errors(value)]


def schemas_within(part: object, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        if isinstance(part.get("properties"), dict):
            yield where, part
        for name, inner in part.items():
            if name not in ("example", "examples", "values"):
                yield from schemas_within(inner, f"{where}/{name}")
    elif isinstance(part, list):
        for n, inner in enumerate(part):
            yield from schemas_within(inner, f"{where}/{n}")


def test_the_committed_document_is_that_of_the_program() -> None:
    assert COMMITTED.read_text() == document_text(DOCUMENT)


def test_every_property_has_a_description() -> None:
    without = [
        f"{where}: {schema.get('title')}.{name}"
        for where, schema in schemas_within(DOCUMENT)
        for name, of in schema["properties"].items()
        if not of.get("description") and "$ref" not in of  # whose schema says what it is
    ]
    assert without == [], "say in lookalike/service/api/document_words.py what they mean"


def test_no_words_are_left_of_what_is_gone() -> None:
    there = {
        (str(schema.get("title")), name) for _, schema in schemas_within(DOCUMENT) for name in schema["properties"]
    }
    said = {(title, name) for title, words in document_words.PROPERTIES.items() for name in words}
    inherited = {"detail", "values", "code", "path"}
    assert {(title, name) for title, name in said - there if name not in inherited} == set()


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_is_told_whole(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    for parameter in operation.get("parameters", ()):
        assert parameter["description"]
        assert "example" in parameter or parameter["name"] == "cursor"
        if "example" in parameter:
            assert complaints(parameter["schema"], parameter["example"]) == []
    assert any(status.startswith("2") for status in operation["responses"])
    for status, reply in operation["responses"].items():
        assert reply["description"]
        is_empty = status in ("204", "304") or (path.startswith("/v1/storage/") and status == "200")
        assert is_empty == ("content" not in reply)
        for kind, content in reply.get("content", {}).items():
            if kind != "text/plain":
                assert complaints(content["schema"], content["example"]) == []
            assert content["example"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert content["examples"]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_tells_statuses_that_it_can_have(method: str, path: str, operation: dict[str, Any]) -> None:
    told = {int(status) for status in operation["responses"]}
    asks = bool(operation.get("security"))
    takes = "requestBody" in operation
    assert ({401, 429} <= told) == asks
    assert ({413, 415} <= told) == takes
    assert (404 in told) == ("{" in path or path == "/v1/embeddings")
    assert (501 in told) == path.endswith("/search")
    assert told & {200, 201, 204}


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operations in DOCUMENT["paths"].values() for operation in operations.values()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[a-z_]+", name) for name in names)


def test_the_codes_of_problems_are_listed_all() -> None:
    codes = DOCUMENT["components"]["schemas"]["ProblemCode"]["enum"]
    assert codes == [code.value for code in ProblemCode]
    assert DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["$ref"].endswith("/ProblemCode")
    assert {"missing_extra", "needs_extra", "rate_limited", "deadline_exceeded", "truncated"} <= set(codes)


def test_it_says_where_the_service_is() -> None:
    (server,) = DOCUMENT["servers"]
    assert server["url"] == "/"  # so that /docs asks the service that shows it
    assert server["description"]


@pytest.mark.parametrize(("method", "path", "kind", "value"), BODIES)
def test_a_body_that_is_shown_fits_its_schema(method: str, path: str, kind: str, value: object) -> None:
    schema = DOCUMENT["paths"][path][method]["requestBody"]["content"][kind]["schema"]
    assert complaints(schema, value) == []


@pytest.mark.parametrize(("method", "path", "kind", "value"), BODIES)
def test_a_body_that_is_shown_is_accepted(served: Running, method: str, path: str, kind: str, value: Any) -> None:
    upload = (
        upload_of(served) if "upload" in path or "storage" in path else {"id": "", "put": {"url": "", "headers": {}}}
    )
    sent = real(value, served)
    if path.endswith("/complete"):
        put = served.client.put(upload["put"]["url"], content=png(50), headers=upload["put"]["headers"])
        assert put.status_code == 200, put.text
        sent["sha256"] = sha256(png(50))
    image = sha256(png(60)) if method == "put" else served.ids[0]
    address = path.format(collection=FIRST, name=FIRST, image_id=image, upload_id=upload["id"])
    if path.startswith("/v1/storage/"):
        address = upload["put"]["url"]

    reply = served.client.request(
        method, address, **how(kind, sent, path), headers={**token("admin"), **headers(kind, path, upload)}
    )

    assert reply.status_code in (200, 201, 202), reply.text
    content = DOCUMENT["paths"][path][method]["responses"][str(reply.status_code)].get("content")
    if content:
        assert complaints(content["application/json"]["schema"], reply.json()) == []


def upload_of(served: Running) -> dict[str, Any]:
    announced = {"size_bytes": len(png(50)), "content_type": "image/png", "sha256": sha256(png(50))}
    reply = served.client.post(f"/v1/collections/{FIRST}/uploads", json=announced, headers=token("admin"))
    return dict(reply.json())


def real(value: Any, served: Running) -> Any:
    """An example with what is there put for what it names."""
    text = json.dumps(value)
    for shown, there in {
        examples.IMAGE: served.ids[0],
        examples.OTHER_IMAGE: served.ids[1],
        examples.MODEL: served.model,
        "[0.5, -0.5, 0.5, -0.5]": json.dumps(unit(1)),
    }.items():
        text = text.replace(shown, there)
    return copy.deepcopy(json.loads(text))


def how(kind: str, sent: Any, path: str) -> dict[str, Any]:
    if kind == "application/json":
        return {"json": sent}
    if kind == "image/*":
        return {"content": png(50) if path.startswith("/v1/storage/") else png(60)}
    pictures = sent["image"] if isinstance(sent["image"], list) else [sent["image"]]
    files = [("image", (f"{n}.png", png(70 + n))) for n, _ in enumerate(pictures)]
    return {"files": files, "data": {name: field for name, field in sent.items() if name != "image"}}


def headers(kind: str, path: str, upload: dict[str, Any]) -> dict[str, str]:
    if kind != "image/*":
        return {}
    return dict(upload["put"]["headers"]) if path.startswith("/v1/storage/") else {"Content-Type": "image/png"}


LOOKED_AT = [path for path, operations in DOCUMENT["paths"].items() if "get" in operations and "model_id" not in path]
"""The fake model of these services has no file; `tests/e2e/test_building_on_the_api.py` asks for a real one."""


@pytest.mark.parametrize("path", LOOKED_AT)
def test_what_is_shown_as_parameters_is_accepted(served: Running, path: str) -> None:
    operation = DOCUMENT["paths"][path]["get"]
    upload, job = upload_of(served), _job(served)
    there = {
        "collection": FIRST,
        "image_id": served.ids[0],
        "model_id": served.model,
        "upload_id": upload["id"],
        "job_id": job,
    }
    asked = {
        one["name"]: one["example"]
        for one in operation.get("parameters", ())
        if one["in"] == "query" and "example" in one
    }

    reply = served.client.get(path.format(**there), params=asked, headers=token("admin"))

    assert reply.status_code == 200, reply.text
    schema = operation["responses"]["200"]["content"].get("application/json", {}).get("schema")
    if schema:
        assert complaints(schema, reply.json()) == []


def _job(served: Running) -> str:
    reply = served.client.post(
        f"/v1/collections/{FIRST}/images?mode=queued", files={"image": png(80)}, headers=token("admin")
    )
    return str(reply.json()["data"][0]["job_id"])
