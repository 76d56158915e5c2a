"""The little server of parity: what it gives, and what it does not."""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.models.card import ModelCard
from lookalike.models.store import ModelFile
from lookalike.service.parity.exchange import Exchange, serving
from lookalike.service.parity.golden import Golden

CONTENT = b"a model"
ID = hashlib.sha256(CONTENT).hexdigest()
CARD = ModelCard(ID, "m", "1", "int8", 4, 2, "MIT", "here", "by hand")


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    page = tmp_path / "page"
    page.mkdir()
    (page / "parity.html").write_text("the page")
    (tmp_path / "secret").write_text("not for the page")
    pictures = [Golden("a.jpg", "as it is", b"first"), Golden("b.jpg", "as it is", b"second")]
    return Exchange(page, card=CARD, model=ModelFile(ID, None, CONTENT), pictures=pictures, backends=["wasm"])


@pytest.fixture
def origin(exchange: Exchange) -> Iterator[str]:
    with serving(exchange) as url:
        yield url.partition("/parity.html")[0]


def got(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, body, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_page_the_model_and_the_pictures_are_given(exchange: Exchange, origin: str) -> None:
    own = f"{origin}/parity/{exchange.token}"

    assert got(f"{origin}/parity.html") == (200, b"the page")
    assert got(f"{origin}/v1/models/{ID}/file") == (200, CONTENT)
    assert json.loads(got(f"{origin}/v1/models/{ID}")[1])["input_side"] == 2
    assert json.loads(got(f"{own}/task")[1]) == {"model": ID, "pictures": 2, "backends": ["wasm"]}
    assert got(f"{own}/pictures/1") == (200, b"second")


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "/parity/other/task", "/parity/other/pictures/0", "/none", "/"]
)
def test_nothing_else_is_given(origin: str, path: str) -> None:
    assert got(origin + path)[0] == 404


@pytest.mark.parametrize("number", ["2", "-1", "x", "", "1/0"])
def test_a_picture_that_is_not_there_is_not_found(exchange: Exchange, origin: str, number: str) -> None:
    assert got(f"{origin}/parity/{exchange.token}/pictures/{number}")[0] == 404


def test_what_the_page_sends_is_kept_until_it_is_done(exchange: Exchange, origin: str) -> None:
    own = f"{origin}/parity/{exchange.token}"

    assert got(f"{own}/result", b'{"backend": "wasm"}')[0] == 200
    assert not exchange.finished.is_set()
    assert got(f"{own}/done", b"{}")[0] == 200

    assert exchange.finished.is_set()
    assert exchange.results == [{"backend": "wasm"}]


def test_what_others_send_is_not_kept(exchange: Exchange, origin: str) -> None:
    assert got(f"{origin}/parity/other/result", b"{}")[0] == 404
    assert exchange.results == []


def test_a_page_that_fails_says_why(exchange: Exchange, origin: str) -> None:
    got(f"{origin}/parity/{exchange.token}/failed", b'{"error": "no WebAssembly"}')

    assert exchange.finished.is_set()
    assert exchange.failure == "no WebAssembly"


def test_a_browser_that_is_ended_in_the_middle_makes_no_noise(
    exchange: Exchange, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(exchange) as url:
        port = int(url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /parity.html HTTP/1.1\r\n")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets it
        assert got(url)[0] == 200

    assert capfd.readouterr().err == ""
