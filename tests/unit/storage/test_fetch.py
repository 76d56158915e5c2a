"""Fetching from URLs that strangers choose, against a server on the loopback."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lookalike.core.errors import FetchRefused
from lookalike.storage import addresses
from lookalike.storage.addresses import is_public
from lookalike.storage.fetch import fetch

BODY = b"picture " * 1_000


class Hostile(BaseHTTPRequestHandler):
    """Answers as the path says."""

    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        type(self).asked.append((self.path, dict(self.headers)))
        name = self.path.split("?", 1)[0].strip("/").split("/")[0]
        answer = getattr(self, f"answer_{name}", self.answer_missing)
        try:
            answer()
        except OSError:
            return  # the client has cut the connection, as it should

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def head(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def answer_ok(self) -> None:
        self.head(Content_Length=str(len(BODY)))
        self.wfile.write(BODY)

    def answer_missing(self) -> None:
        self.send_error(404)

    def answer_empty(self) -> None:
        self.head(Content_Length="0")

    def answer_announced(self) -> None:
        self.head(Content_Length="99999999999")

    def answer_endless(self) -> None:
        self.head()
        while True:
            self.wfile.write(BODY)

    def answer_short(self) -> None:
        self.head(Content_Length=str(len(BODY) + 1))
        self.wfile.write(BODY)

    def answer_compressed(self) -> None:
        self.head(Content_Encoding="gzip", Content_Length="3")
        self.wfile.write(b"abc")

    def answer_drip(self) -> None:
        self.head(Content_Length="100000")
        while True:
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.02)

    def answer_dripheader(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.02)

    def answer_hop(self) -> None:
        left = int(self.path.split("/")[2])
        self.head(302, Location=f"/hop/{left - 1}" if left > 1 else "/ok", Content_Length="0")

    def answer_to(self) -> None:
        self.head(302, Location=self.path.split("?", 1)[1], Content_Length="0")


@pytest.fixture
def server() -> Iterator[str]:
    Hostile.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def get(url: str, *, max_bytes: int = 100_000, timeout_s: float = 5.0) -> bytes:
    return fetch(url, max_bytes=max_bytes, timeout_s=timeout_s, allow_private=True)


def test_a_picture_is_fetched(server: str) -> None:
    assert get(f"{server}/ok?a=b&c=d e") == BODY
    path, headers = Hostile.asked[0]
    assert path == "/ok?a=b&c=d%20e"
    assert headers["Host"] == server.removeprefix("http://")
    assert headers["Accept-Encoding"] == "identity"


def test_a_picture_is_fetched_where_a_thousand_files_are_open(server: str) -> None:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 1_200:
        pytest.skip("the system lets no process open so many files")
    with ExitStack() as stack:
        while stack.enter_context(Path(os.devnull).open()).fileno() < 1_100:
            pass
        assert get(f"{server}/ok") == BODY


def test_proxies_of_the_environment_are_not_used(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    assert get(f"{server}/ok") == BODY


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/missing", "status 404"),
        ("/empty", "empty body"),
        ("/announced", "announces 99999999999 bytes"),
        ("/endless", "more than 100000 bytes"),
        ("/short", "expected 8001 bytes from .*, but it broke off after 8000"),
        ("/compressed", "compressed"),
        ("/hop/4", "redirects more than 3 times"),
        ("/to?file:///etc/passwd", "http or https, got file"),
        ("/to?http://user:pw@127.0.0.1/", "user name or a password"),
        ("/to?http://host:port/", "cannot be understood"),
    ],
)
def test_bad_answers_are_refused(server: str, path: str, message: str) -> None:
    with pytest.raises(FetchRefused, match=message):
        get(server + path)


def test_three_redirects_are_followed(server: str) -> None:
    assert get(f"{server}/hop/3") == BODY


@pytest.mark.parametrize("path", ["/drip", "/dripheader"])
def test_a_dripping_server_is_cut_off(server: str, path: str) -> None:
    with pytest.raises(FetchRefused, match=r"took longer than 0\.4 s"):
        get(server + path, timeout_s=0.4)


def test_a_server_that_never_answers_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(FetchRefused, match=r"took longer than 0\.3 s"):
            get(url, timeout_s=0.3)


def test_a_name_that_is_looked_up_forever_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def stuck(*_: object, **__: object) -> list[object]:
        released.wait(20)
        return []

    monkeypatch.setattr(addresses.socket, "getaddrinfo", stuck)
    with pytest.raises(FetchRefused, match="was not found within"):
        fetch("http://slow.example/", timeout_s=0.2, private_advice="")
    released.set()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "[::]",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
    ],
)
def test_private_hosts_are_refused_in_every_writing(host: str) -> None:
    with pytest.raises(FetchRefused, match="does not lead to a public address"):
        fetch(f"http://{host}/", timeout_s=5)


def test_a_stranger_cannot_tell_names_inside_from_names_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the words and the code, nor by the time."""
    monkeypatch.setattr(addresses, "DISCREET_S", 0.4)
    released, asked_at = threading.Event(), []

    def answer(host: str, port: int, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked_at.append(time.monotonic())
        if host == "unknown.example":
            time.sleep(0.1)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if host == "slow.example":
            released.wait(20)
        found = ["10.0.0.7"] if host == "inside.example" else ["93.184.216.34", "10.0.0.7"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", answer)
    seen = []
    for name in ("inside", "mixed", "unknown", "slow"):
        began = time.monotonic()
        with pytest.raises(FetchRefused) as refused:
            fetch(f"http://{name}.example/", timeout_s=5)
        error = refused.value
        assert error.told_at is not None
        assert began + 0.4 <= error.told_at <= asked_at[-1] + 0.4
        assert error.__cause__ is None
        assert error.values == {"host": f"{name}.example"}
        seen.append((str(error).replace(name, "NAME"), error.code))
    released.set()

    assert len(set(seen)) == 1


def test_who_sits_at_the_machine_is_told_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, inside=["10.0.0.7"], nowhere=[])

    for name, words in (("inside", "give the file; allow it"), ("nowhere", "was not found|is not known")):
        with pytest.raises(FetchRefused, match=words):
            fetch(f"http://{name}.example/", timeout_s=5, private_advice="; allow it")


def resolving(monkeypatch: pytest.MonkeyPatch, **hosts: list[str]) -> list[str]:
    """Let names lead to addresses; returns the names that were asked for."""
    asked: list[str] = []

    def answer(host: str, port: int, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if host[0].isdigit():  # an address, which the connection is made to
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        asked.append(host)
        found = hosts[host.removesuffix(".example")]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", answer)
    return asked


def test_a_public_name_that_leads_home_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, evil=["127.0.0.1"], mixed=["93.184.216.34", "10.0.0.7"])
    port = server.rsplit(":", 1)[1]

    for name in ("evil", "mixed"):
        with pytest.raises(FetchRefused, match="does not lead to a public address"):
            fetch(f"http://{name}.example:{port}/ok", timeout_s=2)
    assert Hostile.asked == []


def test_a_redirect_home_is_refused_and_names_are_looked_up_once(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving(monkeypatch, site=["127.0.0.1"], inner=["10.1.2.3"])
    # the loopback server stands for a public one
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1" or is_public(address))
    port = server.rsplit(":", 1)[1]

    assert fetch(f"http://site.example:{port}/ok", timeout_s=5) == BODY
    assert asked == ["site.example"]
    with pytest.raises(FetchRefused, match=r"inner\.example does not lead to a public address"):
        fetch(f"http://site.example:{port}/to?http://inner.example/secret", timeout_s=5)
    assert [path for path, _ in Hostile.asked] == ["/ok", "/to?http://inner.example/secret"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.org/a.jpg", "got ftp"),
        ("file:///etc/passwd", "got file"),
        ("example.org/a.jpg", "got none"),
        ("http://", "no host"),
        ("http:///path", "no host"),
        ("http://user@example.org/", "user name"),
        ("http://:secret@example.org/", "user name"),
        ("http://example.org:0/", "port"),
        ("http://example.org:99999/", "malformed"),
        ("http://example.org/\r\nX: y", "printable"),
        ("http://a..b/", "malformed"),
        ("http://" + "a" * 9_000, "at most 8192"),
    ],
)
def test_urls_that_are_not_fetched_say_why(url: str, message: str) -> None:
    with pytest.raises(FetchRefused, match=message):
        fetch(url)


@pytest.fixture
def secure_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server with a certificate for `pictures.example`, which our side trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    options = ["-addext", "subjectAltName=DNS:pictures.example", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    Hostile.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as running:
        running.handle_error = lambda *_: None  # type: ignore[method-assign]  # handshakes fail here on purpose
        running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running.server_port
        running.shutdown()
        thread.join()


def test_a_certificate_must_be_for_the_name_although_the_address_is_connected_to(
    secure_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, pictures=["127.0.0.1"], other=["127.0.0.1"])

    assert get(f"https://pictures.example:{secure_server}/ok") == BODY
    assert Hostile.asked[0][1]["Host"] == f"pictures.example:{secure_server}"
    with pytest.raises(FetchRefused, match="its certificate is not trusted"):
        get(f"https://other.example:{secure_server}/ok")


def test_secrets_of_the_query_are_not_repeated(server: str) -> None:
    with pytest.raises(FetchRefused) as refused:
        get(f"{server}/missing?token=s3cret#fragment")

    assert "s3cret" not in str(refused.value)
    assert f"{server}/missing answered" in str(refused.value)


def test_a_closed_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(FetchRefused, match="refused"):
        get(f"http://127.0.0.1:{port}/")


def test_plain_text_where_tls_is_expected_is_told(server: str) -> None:
    with pytest.raises(FetchRefused, match="cannot be fetched"):
        get(server.replace("http://", "https://") + "/ok")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("8.8.8.8", True),
        ("2606:2800:220:1::1", True),
        ("0.0.0.0", False),
        ("127.255.255.254", False),
        ("172.31.255.255", False),
        ("172.32.0.1", True),
        ("100.127.255.255", False),
        ("192.0.0.8", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("203.0.113.5", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::808:808", False),
        ("64:ff9b:1::1", False),
        ("2001::1", False),
        ("2001:db8::1", False),
        ("2002:7f00:1::", False),
        ("3fff::1", False),
        ("fc00::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("not an address", False),
    ],
)
def test_public_addresses_are_told_from_all_others(address: str, public: bool) -> None:
    assert is_public(address) is public
