"""What no handler saw coming, and what the log says of it and of every request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from lookalike.service.edge import edge
from lookalike.service.edge.access_log import AccessLog
from lookalike.service.edge.unhandled import UnhandledErrors
from lookalike.service.health import Health
from lookalike.service.metrics import Metrics
from lookalike.service.problems import add_problem_handlers
from tests.unit.service.small_service import Parts, settings


def raising(error: BaseException) -> UnhandledErrors:
    async def app(*_: Any) -> None:
        raise error

    return UnhandledErrors(app)


def test_the_client_learns_an_id_and_the_log_everything(caplog: pytest.LogCaptureFixture) -> None:
    reply = TestClient(raising(ValueError("a secret"))).get("/")

    assert (reply.status_code, reply.json()["code"]) == (500, "error")
    assert "secret" not in reply.text
    assert "ValueError: a secret" in caplog.text


def test_so_it_is_around_the_real_routes(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    app = FastAPI()
    add_problem_handlers(app)

    @app.get("/failing")
    async def failing() -> None:
        raise ValueError("a secret")

    around = edge(app, settings=settings(tmp_path), metrics=Metrics(), health=Health())
    reply = TestClient(around).get("/failing")

    assert (reply.status_code, reply.json()["code"]) == (500, "error")
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert "secret" not in reply.text
    assert caplog.text.count("ValueError: a secret") == 1


@pytest.mark.parametrize(
    "error",
    [ClientDisconnect(), ConnectionResetError(), ExceptionGroup("many", [ClientDisconnect(), BrokenPipeError()])],
    ids=repr,
)
def test_a_client_that_is_gone_is_no_error(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(raising(error)({"type": "http"}, receive, send))

    assert sent == []
    assert not caplog.records


def test_a_client_that_goes_while_its_web_socket_is_accepted_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()

    async def send(message: Any) -> None:
        raise ClientDisconnected

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    asyncio.run(UnhandledErrors(app)({"type": "websocket"}, receive, send))

    assert not caplog.records


def test_a_failing_web_socket_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise ValueError("a secret")

    with (
        TestClient(UnhandledErrors(app)).websocket_connect("/") as websocket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        websocket.receive_text()
    assert closed.value.code == 1011
    assert "a secret" in caplog.text


def test_each_request_is_a_line_without_its_query(made: Callable[..., Parts], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lookalike")
    with TestClient(made().app) as client:
        client.get("/wait/x?signature=secret", headers={"Authorization": "Bearer secret", "X-Timeout-Ms": "20"})

    [record] = [record for record in caplog.records if record.getMessage() == "request"]
    fields = vars(record)["fields"]
    assert {**fields, "ms": 0, "bytes": 0} == {
        "method": "GET",
        "route": "/wait/{name}",
        "path": "/wait/x",
        "status": 504,
        "ms": 0,
        "bytes": 0,
        "principal": None,
    }
    assert fields["ms"] > 0
    assert fields["bytes"] > 0
    assert "secret" not in str(vars(record))


def test_the_line_names_who_asked(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["principal"] = SimpleNamespace(name="ann")
        await PlainTextResponse("hello")(scope, receive, send)

    caplog.set_level(logging.INFO, "lookalike")
    TestClient(AccessLog(app, metrics=Metrics())).get("/")

    fields = vars(caplog.records[-1])["fields"]
    assert (fields["principal"], fields["bytes"], fields["route"]) == ("ann", 5, "none")


def test_probes_are_quiet(made: Callable[..., Parts], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lookalike")
    TestClient(made().app).get("/readyz")
    assert not [record for record in caplog.records if record.getMessage() == "request"]


def test_requests_are_counted_by_route_and_never_by_path(made: Callable[..., Parts]) -> None:
    app, metrics, _ = made()
    client = TestClient(app)
    for n in range(5):
        client.get(f"/nowhere/{n}")
        client.request(f"BREW{n}", "/nowhere")
    text = metrics.render().decode()
    assert 'lookalike_requests_total{method="GET",route="none",status="404"} 5.0' in text
    assert 'lookalike_requests_total{method="OTHER",route="none",status="404"} 5.0' in text
    assert 'lookalike_running{kind="http"} 0.0' in text
