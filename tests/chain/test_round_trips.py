"""What a direct upload asks of the database and of the object store: so much, and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.collections import png
from tests.services import FIRST, Running, running, sha256, token
from tests.storage import put_bytes

pytest.importorskip("psycopg", reason="the extra postgres is not installed")
pytest.importorskip("boto3", reason="the extra s3 is not installed")

from chain.postgres import PostgresServer
from chain.s3_server import S3Server
from lookalike.catalog.postgres import committing
from tests import served_by_servers
from tests.servers.s3_proxy import Proxy, proxy_of

UPLOADS = f"/v1/collections/{FIRST}/uploads"
OF_REQUESTS = ("lookalike-books", "lookalike-write", "lookalike-work")
"""How the threads are called that do what a request asks for."""


class Upload(NamedTuple):
    """A picture that is uploaded, and what its client says of it."""

    data: bytes
    begun: dict[str, Any]
    completion: dict[str, Any]


@pytest.fixture
def store(postgres_server: PostgresServer, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What stands before the object store of a service that runs over servers."""
    monkeypatch.setenv("LOOKALIKE_TEST_SERVERS", "1")
    served_by_servers.use(s3_server)
    over = served_by_servers._over
    with proxy_of(s3_server.url) as proxy:
        monkeypatch.setattr(
            served_by_servers, "_over", lambda *args, **named: replace(over(*args, **named), objects_endpoint=proxy.url)
        )
        yield proxy


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements of requests, as they are sent."""
    import psycopg

    sent: list[str] = []
    execute, copy = psycopg.Cursor.execute, psycopg.Cursor.copy

    def note(statement: Any) -> None:
        if threading.current_thread().name.startswith(OF_REQUESTS):
            text = statement.decode() if isinstance(statement, bytes) else statement
            sent.append(" ".join(text.split())[:120])

    def noted_execute(cursor: Any, statement: Any, *args: Any, **named: Any) -> Any:
        note(statement)
        return execute(cursor, statement, *args, **named)

    def noted_copy(cursor: Any, statement: Any, *args: Any, **named: Any) -> Any:
        note(statement)
        return copy(cursor, statement, *args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(committing, "tidy", lambda *_: None)  # which is done now and then, by chance
        patched.setattr(psycopg.Cursor, "execute", noted_execute)
        patched.setattr(psycopg.Cursor, "copy", noted_copy)
        yield sent


def keyed(key: str) -> dict[str, str]:
    return {**token("write"), "Idempotency-Key": key}


def said_of(served: Running, seed: int) -> Upload:
    data = png(seed)
    vector = served.service.collections.get(FIRST).embed(data)[0].tolist()
    begun = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data), "name": f"{seed}.png"}
    return Upload(data, begun, {"sha256": sha256(data), "vector": vector, "model": served.model})


def upload(served: Running, said: Upload, *, key: str) -> dict[str, Any]:
    asked = served.client.post(UPLOADS, json=said.begun, headers=keyed(f"{key} begin".replace(" ", "-")))
    assert asked.status_code == 201, asked.text
    assert put_bytes(served.client, asked.json()["put"], said.data).status_code == 200
    return complete(served, said, asked.json()["id"], key=key)


def complete(served: Running, said: Upload, upload_id: str, *, key: str) -> dict[str, Any]:
    done = served.client.post(f"{UPLOADS}/{upload_id}/complete", json=said.completion, headers=keyed(key))
    assert done.status_code == 200, done.text
    return dict(done.json())


def test_a_direct_upload_asks_no_more_than_it_must(
    store: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path) as served:
        first, second = said_of(served, 50), said_of(served, 51)
        upload(served, first, key="first")  # what is asked once, such as whether the store checks hashes
        store.seen.clear()

        with counted(monkeypatch) as sent:
            done = upload(served, second, key="second")

        assert done["state"] == "provisional"
        assert sha256(second.data) in served.service.collections.get(FIRST)
        assert len(sent) <= 36, "\n".join(sent)
        assert sent.count("COMMIT") == 4, "\n".join(sent)  # asked for; queued; in the catalog; that it is there
        asked = [(one.method, "staged" in one.path) for one in store.seen]
        assert asked == [("PUT", True), ("GET", True), ("PUT", False), ("GET", False)]  # the first is the client's
        assert sum(one.size_bytes for one in store.seen[1:]) == 0


def test_a_completion_that_is_repeated_asks_the_store_nothing(
    store: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path) as served:
        said = said_of(served, 52)
        done = upload(served, said, key="once")
        store.seen.clear()

        with counted(monkeypatch) as sent:
            again = complete(served, said, done["id"], key="once")

        assert again == done
        assert store.seen == []
        assert len(sent) <= 8, "\n".join(sent)
