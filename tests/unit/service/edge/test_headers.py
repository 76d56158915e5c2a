"""Ids and headers that every reply has, and CORS, which is closed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from lookalike.service.edge.request_id import RequestIds, current_request_id
from lookalike.service.edge.security_headers import SecurityHeaders, content_security_policy

Client = Callable[..., TestClient]
PATHS = ["/process", "/nowhere", "/failing"]


@pytest.mark.parametrize("path", PATHS)
def test_every_reply_has_an_id_of_its_own(client: Client, path: str) -> None:
    asking = client()
    ids = {asking.get(path).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_a_plain_id_of_the_client_is_taken_over(client: Client) -> None:
    assert client().get("/process", headers={"X-Request-Id": "a-B_9" * 12}).headers["x-request-id"] == "a-B_9" * 12


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", "ä", "a\tb", "<script>", "a,b"])
def test_another_id_is_not(client: Client, given: str) -> None:
    told = client().get("/process", headers=[(b"X-Request-Id", given.encode("latin-1"))]).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", told)


def test_the_id_is_known_while_the_request_is_answered_and_not_afterwards() -> None:
    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        await PlainTextResponse(current_request_id() + scope["state"]["request_id"])(scope, receive, send)

    assert TestClient(RequestIds(app)).get("/", headers={"X-Request-Id": "mine"}).text == "minemine"
    assert current_request_id() == ""


@pytest.mark.parametrize("path", PATHS)
def test_every_reply_has_the_security_headers(client: Client, path: str) -> None:
    headers = client().get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=(self)" in headers["permissions-policy"]
    assert "strict-transport-security" not in headers
    policy = headers["content-security-policy"]
    assert "connect-src 'self' ws://here.example wss://here.example;" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy


@pytest.mark.parametrize("host", ["a; script-src *", "a b", "'none'", "*", "a/b", "", "a" * 300, "[::1", "ä"])
def test_a_host_that_is_none_gets_no_place_in_the_policy(host: str) -> None:
    assert content_security_policy(host) == content_security_policy(None)


@pytest.mark.parametrize(("url", "is_kept"), [("https://shop.example", True), ("https://localhost:8443", False)])
def test_browsers_are_told_to_keep_to_tls_where_there_is_tls(client: Client, url: str, is_kept: bool) -> None:
    assert ("strict-transport-security" in client().get(f"{url}/process").headers) == is_kept


def test_a_policy_of_the_application_itself_stays() -> None:
    mine = content_security_policy(scripts=("'self'", "'sha256-abc='"))
    app = SecurityHeaders(PlainTextResponse("docs", headers={"Content-Security-Policy": mine}))

    headers = TestClient(app).get("/").headers

    assert headers.get_list("content-security-policy") == [mine]
    assert "script-src 'self' 'sha256-abc=';" in mine


def test_the_page_may_put_pictures_into_the_storage_that_is_set_and_nowhere_else(client: Client) -> None:
    def policy(**settings: str) -> str:
        return client(**settings).get("/process").headers["content-security-policy"]

    assert "connect-src 'self' ws://here.example wss://here.example;" in policy()
    inside = {"objects": "s3://pictures", "objects_endpoint": "http://10.0.0.7:7480/"}
    assert "wss://here.example http://10.0.0.7:7480;" in policy(**inside)
    assert "wss://here.example https://s3.example;" in policy(**inside, objects_public_endpoint="https://s3.example")


def test_pages_from_elsewhere_are_not_let_in(client: Client) -> None:
    reply = client().get("/process", headers={"Origin": "https://shop.example"})
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_pages_of_a_named_origin_are_let_in_and_no_others(client: Client) -> None:
    asking = client(cors_origins=("https://shop.example",))
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
    }

    assert (
        asking.get("/process", headers={"Origin": "https://evil.example"}).headers.get("access-control-allow-origin")
        is None
    )
    reply = asking.get("/failing", headers={"Origin": "https://shop.example"})
    assert reply.status_code == 500
    assert reply.headers["access-control-allow-origin"] == "https://shop.example"
    assert "X-Request-Id" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in reply.headers
    assert asking.options("/process", headers=asked).status_code == 200
    assert asking.options("/process", headers={**asked, "Origin": "https://evil.example"}).status_code == 400
