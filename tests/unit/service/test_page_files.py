from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from lookalike.service.page_files import add_page
from tests.event_loop import watched_loops
from tests.services import running

CONTENT = b"export const a = 1;" * 100


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html>the page")
    (page / "assets" / "a-1.mjs").write_bytes(CONTENT)
    (page / "assets" / "a-1.mjs.gz").write_bytes(gzip.compress(CONTENT))
    (page / "assets" / "b-1.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("a secret")
    app = FastAPI()
    add_page(app, page)
    with TestClient(app) as client:
        yield client


def test_who_takes_packed_files_gets_them_and_who_does_not_gets_the_same_content(client: TestClient) -> None:
    packed = client.get("/assets/a-1.mjs", headers={"Accept-Encoding": "gzip, br"})
    plain = client.get("/assets/a-1.mjs", headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(CONTENT)
    assert packed.content == plain.content == CONTENT
    assert packed.headers["content-type"] == plain.headers["content-type"].partition(";")[0] == "text/javascript"
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_a_file_without_a_packed_one_comes_as_it_is(client: TestClient) -> None:
    reply = client.get("/assets/b-1.wasm", headers={"Accept-Encoding": "gzip"})

    assert (reply.content, reply.headers["content-type"]) == (b"\0asm", "application/wasm")
    assert "immutable" in reply.headers["cache-control"]


def test_the_page_itself_is_asked_for_anew_each_time(client: TestClient) -> None:
    assert client.get("/").text.endswith("the page")
    assert client.get("/").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/../secret.txt", "/assets/..%2f..%2fsecret.txt", "/assets/%2e%2e/%2e%2e/secret.txt"])
def test_nothing_beside_the_page_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_first_file_that_is_asked_for_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html>the page")
    monkeypatch.setattr(mimetypes, "inited", False)  # as in a process that has just begun
    monkeypatch.setattr(mimetypes, "_db", None)

    with running(tmp_path / "served", page=page) as served, watched_loops(monkeypatch) as seen:
        replies = [served.client.get(path) for path in ("/docs/swagger-ui.css", "/")]

    assert [one.headers["content-type"].partition(";")[0] for one in replies] == ["text/css", "text/html"]
    assert not seen
