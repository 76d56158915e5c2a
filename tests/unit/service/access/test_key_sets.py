"""Where public keys come from, and how often they are fetched."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lookalike.core.errors import BadInput, ServiceDown
from lookalike.service.access.key_sets import KeySet
from tests.unit.service.access.minting import jwk, key_set, rsa_key
from tests.unit.service.access.test_key_ring import Clock


class Issuer:
    """Serves a key set on loopback, and counts who asks."""

    def __init__(self) -> None:
        self.content, self.status, self.location = key_set(jwk(rsa_key(), kid="first")), 200, ""
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.was_asked = threading.Event()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                issuer.was_asked.set()
                issuer.may_answer.wait(60)
                self.send_response(issuer.status)
                if issuer.location:
                    self.send_header("Location", issuer.location)
                self.send_header("Content-Length", str(len(issuer.content)))
                self.end_headers()
                self.wfile.write(issuer.content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield issuer
    issuer.may_answer.set()
    issuer.server.shutdown()
    thread.join()
    issuer.server.server_close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(source: str, clock: Clock) -> KeySet:
    return KeySet(source, algorithm="RS256", clock=clock)


def test_keys_come_from_a_url_and_are_kept(issuer: Issuer, clock: Clock) -> None:
    keys = opened(issuer.url, clock)
    for _ in range(5):
        assert keys.find("first") is not None
        clock.at += 100
    assert keys.is_remote
    assert issuer.asked == 1


def test_an_unknown_name_has_them_fetched_at_most_once_a_minute(issuer: Issuer, clock: Clock) -> None:
    keys = opened(issuer.url, clock)
    issuer.content = key_set(jwk(rsa_key(), kid="second"))
    clock.at += 59
    assert [keys.find(f"guess {n}") for n in range(20)] == [None] * 20
    assert issuer.asked == 1
    clock.at += 1
    assert keys.find("second") is not None
    assert keys.find("first") is None
    assert [keys.find(f"guess {n}") for n in range(20)] == [None] * 20
    assert issuer.asked == 2


def test_a_key_that_was_taken_out_is_forgotten_within_ten_minutes(issuer: Issuer, clock: Clock) -> None:
    keys = opened(issuer.url, clock)
    issuer.content = key_set(jwk(rsa_key(), kid="second"))
    clock.at += 599
    assert keys.find("first") is not None
    clock.at += 1
    assert keys.find("first") is None


@pytest.mark.parametrize(
    ("status", "content"),
    [(500, b""), (200, b""), (200, b"{}"), (200, b"<html>"), (200, b" " * 300_000), (204, b"")],
    ids=["failing", "empty", "no keys", "a page", "too large", "no content"],
)
def test_the_last_good_keys_stay_where_new_ones_cannot_be_had(
    issuer: Issuer, clock: Clock, caplog: pytest.LogCaptureFixture, status: int, content: bytes
) -> None:
    keys = opened(issuer.url, clock)
    issuer.status, issuer.content = status, content
    clock.at += 600
    with caplog.at_level(logging.ERROR):
        assert keys.find("first") is not None
        assert keys.find("first") is not None
    assert issuer.asked == 2
    assert "not fetched anew" in caplog.text
    clock.at += 59
    assert keys.find("first") is not None
    assert issuer.asked == 2
    clock.at += 1
    assert keys.find("first") is not None
    assert issuer.asked == 3


def test_redirects_are_not_followed(issuer: Issuer, clock: Clock) -> None:
    issuer.status, issuer.location = 302, issuer.url
    keys = opened(issuer.url, clock)
    assert issuer.asked == 1
    with pytest.raises(ServiceDown):
        keys.check_ready()


def test_without_any_keys_it_is_the_service_that_is_down_until_they_come(issuer: Issuer, clock: Clock) -> None:
    issuer.status = 503
    keys = opened(issuer.url, clock)
    with pytest.raises(ServiceDown):
        keys.find("first")
    with pytest.raises(ServiceDown):
        keys.check_ready()
    issuer.status = 200
    clock.at += 60
    assert keys.find("first") is not None
    keys.check_ready()


def test_a_slow_issuer_keeps_nobody_waiting_but_who_has_them_fetched(issuer: Issuer, clock: Clock) -> None:
    keys = opened(issuer.url, clock)
    issuer.was_asked.clear()
    issuer.may_answer.clear()
    clock.at += 600
    waiting = threading.Thread(target=keys.find, args=("first",))
    waiting.start()
    assert issuer.was_asked.wait(60)
    assert keys.find("first") is not None  # from the last good set
    with pytest.raises(ServiceDown):
        keys.find("new")  # which may be in the next
    issuer.may_answer.set()
    waiting.join()
    assert keys.find("new") is None
    assert issuer.asked == 2


def test_keys_come_from_a_file_which_is_read_again(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(key_set(jwk(rsa_key(), kid="first")))
    keys = opened(str(path), clock)
    path.write_bytes(key_set(jwk(rsa_key(), kid="first"), jwk(rsa_key("theirs"), kid="second")))
    assert keys.find("second") is None
    clock.at += 60
    assert keys.find("second") is not None
    assert keys.find(None) is None  # there are two
    assert not keys.is_remote


def test_a_file_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "empty.json").write_text("{}")
    for name in ("empty.json", "missing.json", "."):
        with pytest.raises(BadInput):
            opened(str(tmp_path / name), clock)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("http://id.example/jwks.json", "expected an https URL"),
        ("http://127.0.0.1.evil.example/jwks.json", "expected an https URL"),
        ("http://localhost@evil.example/jwks.json", "password"),
        ("https://user:hush@id.example/jwks.json", "password"),
        ("https://[::1/jwks.json", "cannot be understood"),
        ("ftp://id.example/jwks.json", "cannot be read"),
        ("file:///etc/passwd", "cannot be read"),
    ],
)
def test_sources_that_cannot_be_trusted_are_refused(source: str, told: str, clock: Clock) -> None:
    with pytest.raises(BadInput, match=told) as caught:
        opened(source, clock)
    assert "hush" not in str(caught.value)
