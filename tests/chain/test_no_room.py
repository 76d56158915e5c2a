"""No room below PostgreSQL, and an object store that is full, fails or is slow: it is told, and nothing is lost."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

pytest.importorskip("boto3", reason="the extra s3 is not installed")
pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from chain.buckets import make_bucket
from chain.postgres import UNSAFE_AND_FAST, PostgresServer
from chain.s3_server import S3Server
from chain.unprivileged import open_folder
from lookalike.core.retrying import Retrying
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.service.app import application, wire
from lookalike.service.edge import edge
from lookalike.settings.service import ServiceSettings
from tests.collections import png
from tests.disks import disk_of, filled
from tests.served_by_servers import SmallBacking
from tests.servers.s3_proxy import Trouble, proxy_of
from tests.services import SECRET, sha256, token
from tests.waiting import eventually

COLLECTION = "/v1/collections/photos"
WRITER = token("read", "write", "admin")
MOST = 400
"""Pictures with much to say of each fill whatever room is left."""


@contextmanager
def serving(folder: Path, s3: S3Server, *, database: str, endpoint: str) -> Iterator[TestClient]:
    """A service with a worker and an empty collection, on these servers."""
    bucket = f"room-{secrets.token_hex(4)}"
    make_bucket(s3, bucket, pages=("*",))
    settings = ServiceSettings(
        home=folder / "home",
        jwt_algorithm="HS256",
        jwt_secret=SECRET,
        database=database,
        vectors=database,
        objects=f"s3://{bucket}",
        objects_endpoint=endpoint,
    )
    service = wire(settings, backing=SmallBacking(settings, not_ours=()))
    app = edge(application(service), settings=settings, metrics=service.metrics, health=service.health)
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers.update(WRITER)
        assert client.put(COLLECTION).status_code == 201
        yield client


@pytest.fixture(autouse=True)
def keys_of_the_store(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.keys.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.keys.secret_key)


def add(client: TestClient, seed: int, *, mode: str) -> httpx2.Response:
    """With a key of its own and much to say, so that each needs room of its own."""
    metadata = json.dumps({"said": secrets.token_hex(4_000)})
    return client.post(
        f"{COLLECTION}/images?mode={mode}",
        files={"image": ("a.png", png(seed), "image/png"), "metadata": (None, metadata)},
        headers={"Idempotency-Key": f"{mode}-{seed}-{secrets.token_hex(4)}"},
    )


def is_acknowledged(reply: httpx2.Response) -> bool:
    return reply.status_code < 300 and reply.json()["data"][0]["status"] in ("added", "queued")


def check_told(reply: httpx2.Response, word: str, log: pytest.LogCaptureFixture) -> None:
    """That it failed, for now; and whoever runs the service, with what to do."""
    assert reply.status_code == 503, reply.text
    assert reply.headers["retry-after"]
    assert "try again" in reply.json()["detail"]
    assert word in log.text
    log.clear()


def check_all_there(client: TestClient, acknowledged: list[int]) -> None:
    ids = {sha256(png(seed)) for seed in acknowledged}
    eventually(lambda: client.get(COLLECTION).json().get("images") == len(ids))
    found = client.post(f"{COLLECTION}/search", json={"id": min(ids), "k": 1_000}).json()["hits"]
    assert {hit["id"] for hit in found} == ids
    for seed in acknowledged:
        assert client.get(f"{COLLECTION}/images/{sha256(png(seed))}/file").content == png(seed)


def test_a_full_disk_of_the_database_is_told_and_loses_nothing(
    tmp_path: Path, s3_server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    with open_folder() as place, disk_of(place / "disk", size_mb=160) as disk:
        (disk / "postgres").mkdir()
        server = PostgresServer(
            disk / "postgres", settings={**UNSAFE_AND_FAST, "max_wal_size": "64MB", "min_wal_size": "64MB"}
        )
        server.start()
        try:
            with serving(tmp_path, s3_server, database=server.make_database(), endpoint=s3_server.url) as client:
                acknowledged = [seed for seed in range(4) if is_acknowledged(add(client, seed, mode="now"))]
                assert len(acknowledged) == 4
                with filled(disk):
                    for mode, start in (("now", 1_000), ("queued", 2_000)):
                        for seed in range(start, start + MOST):
                            reply = add(client, seed, mode=mode)
                            if not is_acknowledged(reply):
                                break
                            acknowledged.append(seed)
                        check_told(reply, "the disk of the database is full", caplog)
                    hits = client.post(f"{COLLECTION}/search", json={"id": sha256(png(0)), "k": 4}).json()["hits"]
                    assert hits[0]["id"] == sha256(png(0))
                for mode, seed in (("now", 3_000), ("queued", 3_001)):
                    reply = add(client, seed, mode=mode)
                    assert is_acknowledged(reply), reply.text
                    acknowledged.append(seed)
                check_all_there(client, acknowledged)
        finally:
            server.stop()


@pytest.mark.parametrize(
    ("trouble", "word"),
    [(Trouble.NO_ROOM, "make room"), (Trouble.ERROR, "look at its log"), (Trouble.SLOW_DOWN, "look at its load")],
    ids=["full", "failing", "overloaded"],
)
def test_a_store_that_fails_is_told_and_loses_nothing(
    tmp_path: Path,
    s3_server: S3Server,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: Trouble,
    word: str,
) -> None:
    try_shortly(monkeypatch)
    with proxy_of(s3_server.url) as proxy:
        database = postgres_server.make_database()
        with serving(tmp_path, s3_server, database=database, endpoint=proxy.url) as client:
            acknowledged = [seed for seed in range(3) if is_acknowledged(add(client, seed, mode="now"))]
            assert len(acknowledged) == 3
            proxy.fail_all(trouble)
            for mode, seed in (("now", 10), ("queued", 11)):
                check_told(add(client, seed, mode=mode), word, caplog)
            hits = client.post(f"{COLLECTION}/search", json={"id": sha256(png(0)), "k": 3}).json()["hits"]
            assert {hit["id"] for hit in hits} == {sha256(png(seed)) for seed in acknowledged}
            proxy.fail_all(None)
            for mode, seed in (("now", 10), ("queued", 11)):
                assert is_acknowledged(add(client, seed, mode=mode))
            check_all_there(client, [*acknowledged, 10, 11])


def test_a_slow_store_is_waited_for(tmp_path: Path, s3_server: S3Server, postgres_server: PostgresServer) -> None:
    with proxy_of(s3_server.url) as proxy:
        database = postgres_server.make_database()
        with serving(tmp_path, s3_server, database=database, endpoint=proxy.url) as client:
            proxy.fail_all(Trouble.SLOW)
            for mode, seed in (("now", 10), ("queued", 11)):
                assert is_acknowledged(add(client, seed, mode=mode))
            proxy.fail_all(None)
            check_all_there(client, [10, 11])


def try_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on failing is given up soon."""
    made = S3Bucket.__init__

    def shortly(self: S3Bucket, *given: object, **options: object) -> None:
        made(self, *given, **{"retrying": Retrying(attempts=2, first_pause_s=0.01), **options})  # type: ignore[arg-type]

    monkeypatch.setattr(S3Bucket, "__init__", shortly)
