"""How long the caller waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.connections import connected, request, rest_of, status
from tests.unit.service.small_service import Parts, answering
from tests.waiting import given_time_enough

Client = Callable[..., TestClient]


@pytest.mark.parametrize(
    ("headers", "timeout_s"), [({}, 7.0), ({"X-Timeout-Ms": "60000"}, 60.0), ({"X-Timeout-Ms": "9"}, 0.009)]
)
def test_a_handler_knows_the_deadline(client: Client, headers: dict[str, str], timeout_s: float) -> None:
    asking = client(request_timeout_ms=7000)
    before = time.monotonic()
    reply = asking.get("/deadline", headers=headers)
    if reply.status_code != 504:  # 9 ms may be too short on a busy machine
        assert before + timeout_s <= reply.json()["deadline"] <= time.monotonic() + timeout_s


@pytest.mark.parametrize("said", ["0", "60001", "-1", "1.5", "1e3", "soon", "", "9" * 5000, "٣"])
def test_a_time_that_is_none_is_refused(client: Client, said: str) -> None:
    reply = client().get("/deadline", headers=[(b"X-Timeout-Ms", said.encode())])
    assert (reply.status_code, reply.json()["code"]) == (422, "bad_input")


@pytest.mark.parametrize(("settings", "headers"), [({"request_timeout_ms": 50}, {}), ({}, {"X-Timeout-Ms": "50"})])
def test_what_is_not_answered_in_time_is_answered_with_504(
    client: Client, settings: dict[str, int], headers: dict[str, str]
) -> None:
    reply = client(**settings).get("/wait/for-ever", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (504, "deadline_exceeded")


def test_a_body_that_takes_longer_than_the_deadline_may_do_so(made: Callable[..., Parts]) -> None:
    def attempt(times: int) -> None:
        with (
            answering(made(request_timeout_ms=1000 * times).app) as address,
            connected(address, request("POST", "/echo", "Content-Length: 4", "Connection: close")) as connection,
        ):
            for _ in range(4):
                time.sleep(0.4 * times)
                connection.sendall(b"1")
            assert status(rest_of(connection)) == 200

    given_time_enough(attempt)


def test_a_web_socket_has_no_deadline(client: Client, tmp_path: Path) -> None:
    with client(request_timeout_ms=1).websocket_connect("/socket", headers={"X-Timeout-Ms": "1"}) as websocket:
        time.sleep(0.02)
        websocket.send_text("still here")
        assert websocket.receive_text() == "still here"
