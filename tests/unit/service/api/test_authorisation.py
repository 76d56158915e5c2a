"""Every operation of the document, asked by everybody: nobody, expired, reader, writer, another tenant, admin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.service.api.documents import document_text, openapi_of
from lookalike.service.app import routes
from tests.services import FIRST, SECOND, Running, running, token

OPEN = {("get", "/livez"), ("get", "/readyz"), ("put", "/v1/storage/{name}/{upload_id}")}
"""Need no credentials; the last has a signature."""
WRITES = {"post", "put", "patch", "delete"}
READ_POSTS = {"/v1/collections/{collection}/search", "/v1/embeddings", "/v1/tickets"}
ADMIN_ONLY = {("put", "/v1/collections/{collection}"), ("delete", "/v1/collections/{collection}"), ("get", "/metrics")}
UPLOADS = "/v1/collections/{collection}/uploads"

WHO: dict[str, dict[str, str]] = {
    "nobody": {},
    "expired": token("admin", exp=1_000_000_000),
    "reader": token("read", collections=[FIRST]),
    "writer": token("write", collections=[FIRST]),
    "another tenant": token("write", collections=[SECOND]),
    "admin": token("admin"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("matrix")) as one:
        yield one


def wanted(method: str, path: str) -> str:
    """The scope that `docs/reference/http.md` says."""
    if (method, path) in ADMIN_ONLY:
        return "admin"
    if path.startswith(UPLOADS):
        return "write"
    return "write" if method in WRITES and path not in READ_POSTS else "read"


def allowed(who: str, method: str, path: str) -> bool:
    if (method, path) in OPEN:
        return True
    scope = wanted(method, path)
    if who == "another tenant" and "{collection}" in path:
        return False
    ranks = {"nobody": 0, "expired": 0, "reader": 1, "writer": 2, "another tenant": 2, "admin": 3}
    return ranks[who] >= {"read": 1, "write": 2, "admin": 3}[scope]


@pytest.mark.parametrize("who", WHO)
def test_everybody_may_exactly_what_the_document_says(served: Running, who: str) -> None:
    document = openapi_of(routes())
    operations = [(method, path) for path, item in document["paths"].items() for method in item]
    assert len(operations) > 25
    wrong = []
    for method, path in operations:
        if (method, path) == ("delete", "/v1/collections/{collection}") and who == "admin":
            continue  # the next test has it
        url = path.format(
            collection=FIRST, name=FIRST, image_id="0" * 64, upload_id="0" * 32, job_id="0" * 32, model_id="0" * 64
        )
        status = served.client.request(method.upper(), url, headers=WHO[who]).status_code
        refused = status in (401, 403) or (status == 404 and who == "another tenant" and "{collection}" in path)
        if (method, path) == ("put", "/v1/storage/{name}/{upload_id}"):
            refused = status == 401  # without a signature it is 403 for everybody
        if refused == allowed(who, method, path) or status >= 500:
            wrong.append((who, method, path, status))
    assert wrong == []


def test_credentials_that_are_not_good_are_told_apart_from_those_that_do_not_reach(served: Running) -> None:
    path = f"/v1/collections/{FIRST}/images/delete"

    assert served.client.post(path, json={"ids": ["0" * 64]}).status_code == 401
    assert served.client.post(path, json={"ids": ["0" * 64]}, headers=WHO["expired"]).status_code == 401
    assert served.client.post(path, json={"ids": ["0" * 64]}, headers=WHO["reader"]).status_code == 403


def test_the_answer_about_a_collection_of_others_is_that_about_one_that_is_not_there(served: Running) -> None:
    theirs = served.client.get(f"/v1/collections/{FIRST}", headers=WHO["another tenant"])
    missing = served.client.get("/v1/collections/nowhere", headers=WHO["another tenant"])

    assert theirs.status_code == missing.status_code == 404
    assert theirs.json()["detail"].replace(FIRST, "nowhere") == missing.json()["detail"]


def test_nothing_of_other_tenants_is_listed(served: Running) -> None:
    other = WHO["another tenant"]

    assert [one["name"] for one in served.client.get("/v1/collections", headers=other).json()["data"]] == [SECOND]
    assert served.client.get("/v1/session", headers=other).json()["collections"] == [SECOND]


def test_the_document_that_is_committed_is_the_one_that_is_served() -> None:
    committed = Path(__file__).parents[4] / "docs" / "reference" / "openapi.json"

    assert committed.read_text("utf-8") == document_text(openapi_of(routes())), (
        "the API has changed: write the document anew with `make openapi`"
    )
