"""Before somebody has shown a credential, nothing of what they send is waited for, on real sockets."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from lookalike.service.access import dependencies
from lookalike.service.api.documents import openapi_of
from lookalike.service.app import routes
from tests.connections import Address, connected, head_of, request, status
from tests.services import FIRST, listening, token
from tests.waiting import PATIENCE_S, eventually

OPEN = {("get", "/livez"): 200, ("get", "/readyz"): 200, ("put", "/v1/storage/{name}/{upload_id}"): 403}
"""Need no credentials; the last a signature."""
OPERATIONS = [(method, path) for path, item in openapi_of(routes())["paths"].items() for method in item]
FOREVER_S = 3600.0
ANNOUNCED, SENT = 5_000_000, 1_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with listening(tmp_path_factory.mktemp("served"), body_timeout_s=FOREVER_S) as (url, _, _):
        yield Address.of(url)


def head_answered(address: Address, method: str, path: str, *headers: str) -> bytes:
    """The head of the reply to a request of whose body only the beginning comes: waiting for the rest would last."""
    url = path.format(
        collection=FIRST, name=FIRST, image_id="0" * 64, upload_id="0" * 32, job_id="0" * 32, model_id="0" * 64
    )
    begun = b"%x\r\n" % ANNOUNCED if "Transfer-Encoding: chunked" in headers else b""
    with connected(address, request(method.upper(), url, *headers) + begun + b"[" * SENT) as connection:
        return head_of(connection)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "image/png"])
@pytest.mark.parametrize("length", [f"Content-Length: {ANNOUNCED}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("who", ["nobody", "a wrong key", "an expired token"])
def test_every_operation_is_refused_before_its_body_has_come(
    address: Address, who: str, length: str, kind: str
) -> None:
    credentials = {
        "nobody": "",
        "a wrong key": "Bearer lk_0000000000_wrong",
        "an expired token": token("admin", exp=1_000_000_000)["Authorization"],
    }
    said = (f"Authorization: {credentials[who]}",) if credentials[who] else ()

    assert len(OPERATIONS) > 25
    for method, path in OPERATIONS:
        reply = head_answered(address, method, path, *said, length, f"Content-Type: {kind}")
        assert status(reply) == OPEN.get((method, path), 401), (method, path)


def test_nobody_without_a_credential_is_told_to_send_the_body(address: Address) -> None:
    for method, path in OPERATIONS:
        reply = head_answered(address, method, path, f"Content-Length: {ANNOUNCED}", "Expect: 100-continue")
        assert b"100 Continue" not in reply, (method, path)


def test_who_has_a_credential_is_told_to_send_the_body(address: Address) -> None:
    reader = f"Authorization: {token('read')['Authorization']}"
    path = f"/v1/collections/{FIRST}/search"
    said = (reader, "Content-Type: application/json", "Expect: 100-continue")

    assert b"100 Continue" in head_answered(address, "post", path, *said, "Content-Length: 1000000")
    assert head_answered(address, "post", path, *said, f"Content-Length: {ANNOUNCED}").startswith(b"HTTP/1.1 413")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second address of this machine")
def test_one_address_with_slow_credentials_keeps_nobody_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go = threading.Semaphore(0), threading.Event()
    with listening(tmp_path) as (url, service, _):
        access = service.access
        authenticate = access.authenticate

        def slowly(authorization: str | None, *, client: str) -> Any:
            if client == "127.0.0.1":
                entered.release()
                assert go.wait(2 * PATIENCE_S)
            return authenticate(authorization, client=client)

        monkeypatch.setattr(access, "authenticate", slowly)
        monkeypatch.setattr(access, "_waits", True)
        asked = request(
            "GET",
            f"/v1/collections/{FIRST}/images",
            f"Authorization: {token('read')['Authorization']}",
            "Connection: close",
        )
        with ExitStack() as stack:
            many = [stack.enter_context(connected(Address.of(url), asked)) for _ in range(20)]
            assert entered.acquire(timeout=PATIENCE_S)
            eventually(lambda: service.credentials.waiting > 1)
            with connected(Address.of(url), asked, source="127.0.0.2") as other:
                assert status(head_of(other)) == 200
            go.set()
            assert {status(head_of(one)) for one in many} == {200}


def test_homes_are_told_apart_by_their_network() -> None:
    def home(host: str) -> str:
        return dependencies._origin(HTTPConnection({"type": "http", "client": (host, 1)}))

    assert home("2001:db8::1") == home("2001:db8::ffff:1") != home("2001:db8:1::1")
    assert home("192.0.2.1") != home("192.0.2.2")
    assert home("testclient") != home("")
