"""A small application behind the real edge, and ways to run it: in this process, or in others as `serve` does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from lookalike.core.errors import StorageFailed
from lookalike.service.edge import Edge, edge
from lookalike.service.health import Health
from lookalike.service.http_protocol import bound_http
from lookalike.service.metrics import Metrics
from lookalike.settings.service import ServiceSettings
from tests.connections import Address


class Parts(NamedTuple):
    app: Edge
    metrics: Metrics
    health: Health


def small_service(settings: ServiceSettings) -> Edge:
    """What processes of `serve` run."""
    if settings.reranker == "cannot be made":
        raise StorageFailed("the disk is full")
    return parts(settings).app


def parts(settings: ServiceSettings) -> Parts:
    metrics, health = Metrics(), Health()
    return Parts(
        edge(_routes(settings, metrics, health), settings=settings, metrics=metrics, health=health), metrics, health
    )


def settings(home: Path, **changed: Any) -> ServiceSettings:
    return ServiceSettings(home=home, **{"port": 0, "drain_s": 5.0, **changed})


def _routes(settings: ServiceSettings, metrics: Metrics, health: Health) -> ASGIApp:
    async def ready(request: Request) -> Response:
        report = await health.ready()
        return JSONResponse(report._asdict(), 200 if report.ok else 503)

    async def process(request: Request) -> Response:
        return PlainTextResponse(str(os.getpid()), headers={"Connection": "close"})

    async def figures(request: Request) -> Response:
        return PlainTextResponse(metrics.render(), headers={"Connection": "close"})

    async def wait(request: Request) -> Response:
        """Until the file of that name is there; makes one that says that it has begun."""
        waited_for = settings.home / request.path_params["name"]
        waited_for.with_suffix(".begun").touch()
        while not waited_for.exists():
            await asyncio.sleep(0.01)
        return PlainTextResponse("done")

    async def stuck(request: Request) -> Response:
        """In a thread that nothing ends."""
        (settings.home / "stuck.begun").touch()
        await asyncio.to_thread(time.sleep, 600)
        return PlainTextResponse("done")

    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="application/octet-stream")

    async def deaf(request: Request) -> Response:
        """Catches whatever is wrong with the body."""
        try:
            await request.body()
        except Exception:
            return PlainTextResponse("never mind", 400)
        return PlainTextResponse("fine")

    async def deadline(request: Request) -> Response:
        return JSONResponse({"deadline": request.scope["state"]["deadline"]})

    async def failing(request: Request) -> Response:
        raise ValueError("a secret that must not be told")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect:
            return

    return Starlette(
        routes=[
            Route("/readyz", ready),
            Route("/process", process),
            Route("/metrics", figures),
            Route("/wait/{name}", wait),
            Route("/stuck", stuck),
            Route("/echo", echo, methods=["POST"]),
            Route("/deaf", deaf, methods=["POST"]),
            Route("/deadline", deadline, methods=["GET", "POST"]),
            Route("/failing", failing),
            WebSocketRoute("/socket", socket),
        ]
    )


@contextmanager
def answering(app: ASGIApp, *, head_timeout_s: float = 20.0, **bounds: Any) -> Iterator[Address]:
    """Run an application in a thread, on a real socket; `bounds` are those of `bounded_http`."""
    http = bound_http(head_timeout_s=head_timeout_s, **bounds)
    config = uvicorn.Config(app, port=0, http=http, lifespan="off", log_config=None, access_log=False)
    server, started = uvicorn.Server(config), threading.Event()
    startup = server.startup

    async def start(sockets: Any = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = start  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(20)
        yield Address(*server.servers[0].sockets[0].getsockname()[:2])
    finally:
        server.should_exit = True
        thread.join()


class Served:
    """A service in processes of its own.

    Attributes:
        url: where it answers.
        process: the one that was started; the supervisor, where there are several.
    """

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def get(self, path: str, **headers: str) -> httpx2.Response:
        with httpx2.Client(trust_env=False, verify=False, timeout=20) as client:  # TLS would be set up each time
            return client.get(self.url + path, headers=headers)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


_PROGRAM = """
import sys
from pathlib import Path
from lookalike.core.errors import LookalikeError
from lookalike.service.server import serve
from tests.unit.service.small_service import settings, small_service
if __name__ == "__main__":
    try:
        given = settings(Path(sys.argv[1]), **eval(sys.argv[2]))
        sys.exit(serve(given, factory=small_service, ready=lambda url: print(url, flush=True)))
    except LookalikeError as error:
        print("refused:", error, flush=True)
        sys.exit(error.exit_code)
"""


@contextmanager
def served(home: Path, **changed: Any) -> Iterator[Served]:
    """Run `serve` around the small application; it is killed at the end, should it still be there."""
    root = Path(__file__).parents[3]
    program = home / "program.py"
    program.write_text(_PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(program), str(home), repr(changed)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        assert process.stdout is not None
        try:
            yield Served(process, process.stdout.readline().strip())
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
