"""A whole service in this process, around small collections with the fake embedder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import numpy as np
import uvicorn
from starlette.testclient import TestClient

from lookalike.assembly.service import open_ledger
from lookalike.collection import Collection
from lookalike.service.app import application, wire
from lookalike.service.context import Service
from lookalike.service.edge import Edge, edge
from lookalike.service.http_protocol import bound_http
from lookalike.service.websocket_protocol import bound_websocket
from lookalike.settings.service import ServiceSettings
from tests.collections import D, lasting_folder, new_collection, png

SECRET = b"a secret of the tests that is long enough"
FIRST, SECOND = "first", "second"
PICTURES = 6
FAR = 4_000_000_000


class Running(NamedTuple):
    """A service that answers.

    Attributes:
        client: of nobody in particular.
        service: its parts.
        ids: of the pictures in each of its two collections, in the order in which they were added.
    """

    client: TestClient
    service: Service
    ids: tuple[str, ...]

    @property
    def model(self) -> str:
        return self.service.collections.get(FIRST).models.embedder.card.id


def token(*scopes: str, name: str = "somebody", collections: list[str] | None = None, exp: int = FAR) -> dict[str, str]:
    """The header of somebody with these scopes."""
    claims: dict[str, Any] = {"sub": name, "scope": " ".join(scopes), "exp": exp}
    if collections is not None:
        claims["collections"] = collections
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}


def unit(seed: int) -> list[float]:
    """A vector of length 1."""
    vector = np.random.default_rng(seed).normal(size=D)
    return (vector / np.linalg.norm(vector)).tolist()


@contextlib.contextmanager
def listening(folder: Path, **changed: Any) -> Iterator[tuple[str, Service, tuple[str, ...]]]:
    """The same behind a real socket: its address, its parts, and the ids of its pictures."""
    service, ids = _prepared(folder, changed)
    settings = service.settings
    http = bound_http(
        head_timeout_s=settings.body_timeout_s,
        unread_timeout_s=settings.body_timeout_s,
        most_connections=settings.max_connections,
    )
    ws = bound_websocket(unread_timeout_s=settings.body_timeout_s)
    config = uvicorn.Config(_whole(service), port=0, http=http, log_level="critical", ws=ws)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}", service, ids
    finally:
        server.should_exit = True
        thread.join(30)


@contextlib.contextmanager
def running(folder: Path, *, raise_errors: bool = True, **changed: Any) -> Iterator[Running]:
    """A service with two collections of the same pictures, for who has a token; `changed` are settings."""
    service, ids = _prepared(folder, changed)
    with TestClient(_whole(service), raise_server_exceptions=raise_errors) as client:
        yield Running(client, service, ids)


class Process(NamedTuple):
    """A service that answers in a process of its own, as `lookalike serve` runs it.

    Attributes:
        port: on loopback.
        pid: of the process.
        ids: of its pictures.
    """

    port: int
    pid: int
    ids: tuple[str, ...]

    def resident_bytes(self) -> int:
        """The memory that it has now. Only where the system tells it in `/proc`."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def in_a_process(folder: Path, **changed: Any) -> Iterator[Process]:
    """The same in a process of its own."""
    with process_of(*prepared_settings(folder, port=0, **changed)) as process:
        yield process


def prepared_settings(folder: Path, **changed: Any) -> tuple[ServiceSettings, tuple[str, ...]]:
    """Settings of a service whose two collections are there, and the ids of their pictures."""
    return _settings(folder, changed)


@contextlib.contextmanager
def process_of(
    settings: ServiceSettings, ids: tuple[str, ...], *, factory: str = "tests.services.whole_service"
) -> Iterator[Process]:
    """A process with these settings; several may share them.

    Args:
        settings: as `prepared_settings` made them.
        ids: likewise.
        factory: the function of a module that makes what it runs.
    """
    module, _, name = factory.rpartition(".")
    program = (
        f"import pickle, sys; from lookalike.service.server import serve; from {module} import {name}; "
        f"serve(pickle.load(sys.stdin.buffer), factory={name}, ready=lambda url: print(url, flush=True))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    with process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(pickle.dumps(settings))
            process.stdin.close()
            url = process.stdout.readline().decode().strip()
            yield Process(int(url.rpartition(":")[2]), process.pid, ids)
        finally:
            process.kill()


def whole_service(settings: ServiceSettings) -> Edge:
    """What that process runs."""
    return _whole(_wired(settings))


def _prepared(folder: Path, changed: dict[str, Any]) -> tuple[Service, tuple[str, ...]]:
    settings, ids = _settings(folder, changed)
    service = _wired(settings)
    service.dispatch.look_every_s = 0.05  # type: ignore[misc]  # of a polling one: so long tests wait for a worker
    return service, ids


def _wired(settings: ServiceSettings) -> Service:
    """Around collections in folders, or, where that is asked for, on servers."""
    if not settings.database:
        return wire(settings, open_=open_small)
    from tests.served_by_servers import SmallBacking

    return wire(settings, backing=SmallBacking(settings, not_ours=(FIRST, SECOND)))


def _copy_into(folder: Path, made: Path) -> None:
    """Unlike `copytree`, folders that are there keep their modes."""
    folder.mkdir(exist_ok=True)
    for one in made.iterdir():
        if one.is_dir():
            _copy_into(folder / one.name, one)
        else:
            shutil.copy2(one, folder)


def _settings(folder: Path, changed: dict[str, Any]) -> tuple[ServiceSettings, tuple[str, ...]]:
    made, ids = _made()
    _copy_into(folder, made)
    settings = replace(
        ServiceSettings(
            home=folder / "home",
            collections={name: folder / name for name in (FIRST, SECOND)},
            jwt_algorithm="HS256",
            jwt_secret=SECRET,
            run_worker=False,
            allow_private_fetch=False,
        ),
        **changed,
    )
    if are_servers_asked_for() and set(settings.collections) == {FIRST, SECOND}:
        from tests.served_by_servers import settings_over_servers

        settings = settings_over_servers(settings, (FIRST, SECOND), pictures=PICTURES)
    return settings, ids


def are_servers_asked_for() -> bool:
    """Whether the tests are to run over servers."""
    return bool(os.environ.get("LOOKALIKE_TEST_SERVERS"))


@cache
def _made() -> tuple[Path, tuple[str, ...]]:
    """The two collections and the home of a service, made once for all tests, and the ids of their pictures."""
    folder = lasting_folder()
    for name in (FIRST, SECOND):
        (folder / name).mkdir()
        with new_collection(folder / name) as collection:
            ids = [collection.add(png(n), metadata={"n": n, "name": f"picture {n}"}) for n in range(PICTURES)]
    open_ledger(folder / "home").close()
    return folder, tuple(ids)


def _whole(service: Service) -> Edge:
    return edge(application(service), settings=service.settings, metrics=service.metrics, health=service.health)


def open_small(folder: Path, create: bool) -> Collection:
    """A collection with the fake embedder, whoever opens it."""
    return new_collection(folder)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
