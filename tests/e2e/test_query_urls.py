"""URLs as queries: files of this machine, one's own network when it is allowed, and never by a detour."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import lookalike
from lookalike.core.errors import FetchRefused
from lookalike.storage import addresses
from tests.e2e.conftest import Album, Command

ALLOW = "--allow-private-addresses"
VARIABLE = "LOOKALIKE_ALLOW_PRIVATE_ADDRESSES"


class Server(ThreadingHTTPServer):
    """On the loopback: pictures by name, and under `/to/URL` a redirect to URL."""

    folder: Path
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        body = (self.server.folder / self.path.strip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class Server6(Server):
    address_family = socket.AF_INET6


@contextmanager
def serving(folder: Path, *, host: str = "127.0.0.1") -> Iterator[Server]:
    with (Server6 if ":" in host else Server)((host, 0), Handler) as server:
        server.folder, server.asked = folder, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def server(album: Album) -> Iterator[Server]:
    with serving(album.photos) as server:
        yield server


def url(server: Server, path: str, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.server_address[1]}/{path}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_my_own_network_is_refused_and_the_refusal_says_how_to_allow_it(
    command: Command, album: Album, server: Server, host: str
) -> None:
    code, _, err = command("search", url(server, "0.jpg?secret=1", host), "-c", album.collection)
    assert code == 65
    assert ALLOW in err
    assert VARIABLE in err
    assert "secret" not in err
    assert server.asked == []


def test_it_can_be_allowed_by_a_flag(command: Command, album: Album, server: Server) -> None:
    outcome = command("search", url(server, "0.jpg"), ALLOW, "-c", album.collection, "-k", "1", "--paths-only")
    assert (outcome.code, outcome.text) == (0, f"{album.photos / '0.jpg'}\n")
    both = f"{url(server, '0.jpg')} + 0.1*{url(server, '1.jpg')}"
    assert command("search", both, ALLOW, "-c", album.collection).code == 0


def test_it_can_be_allowed_by_the_environment(
    command: Command, album: Album, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    assert command("search", url(server, "0.jpg"), "-c", album.collection).code == 0


def test_it_can_be_allowed_by_the_settings_file(
    command: Command, album: Album, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text("allow_private_addresses = true\n")
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "settings.toml"))
    assert command("search", url(server, "0.jpg"), "-c", album.collection).code == 0


def test_it_can_be_allowed_in_python(album: Album, server: Server) -> None:
    with lookalike.open(album.collection, allow_private_addresses=True) as photos:
        assert photos.search(url(server, "2.jpg"), k=1)[0].path == str(album.photos / "2.jpg")
    with lookalike.open(album.collection) as photos, pytest.raises(FetchRefused, match="allow_private_addresses"):
        photos.search(url(server, "2.jpg"))


def test_ipv6_is_no_detour(command: Command, album: Album) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with serving(album.photos, host="::1") as server:
        asked = url(server, "0.jpg", "[::1]")
        assert command("search", asked, "-c", album.collection).code == 65
        assert server.asked == []
        assert command("search", asked, ALLOW, "-c", album.collection).code == 0


def test_a_name_is_no_detour(command: Command, album: Album, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_look_up", lambda host, **_: ["127.0.0.1"])
    asked = url(server, "0.jpg", "pictures.example")
    assert command("search", asked, "-c", album.collection).code == 65
    assert server.asked == []
    assert command("search", asked, ALLOW, "-c", album.collection).code == 0


def test_a_redirect_is_no_detour(
    command: Command, album: Album, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = url(server, f"to/{url(server, '0.jpg', 'private.example')}", "public.example")
    monkeypatch.setattr(addresses, "_look_up", lambda host, **_: ["127.0.0.1"])
    monkeypatch.setattr(addresses, "is_public", lambda address: not server.asked)  # until it has redirected
    code, _, err = command("search", asked, "-c", album.collection)
    assert code == 65
    assert "private.example leads to an address that is not public" in err
    assert len(server.asked) == 1


def test_a_redirect_to_a_file_is_refused_whatever_is_allowed(command: Command, album: Album, server: Server) -> None:
    asked = url(server, f"to/{(album.photos / '0.jpg').as_uri()}")
    code, _, err = command("search", asked, ALLOW, "-c", album.collection)
    assert code == 65
    assert "expected a URL of http or https, got file" in err


def test_a_url_of_a_file_is_the_file(command: Command, album: Album, tmp_path: Path) -> None:
    copy = tmp_path / "a # 100% é.jpg"
    copy.write_bytes((album.photos / "3.jpg").read_bytes())
    for asked in (copy.as_uri(), copy.as_uri().replace("file:///", "file://localhost/"), f"2*{copy.as_uri()}"):
        outcome = command("search", asked, "-c", album.collection, "-k", "1", "--paths-only")
        assert (outcome.code, outcome.text) == (0, f"{album.photos / '3.jpg'}\n")
    with lookalike.open(album.collection) as photos:
        assert photos.search(copy.as_uri(), k=1)[0].path == str(album.photos / "3.jpg")


def test_a_url_of_a_file_elsewhere_or_nowhere_is_refused(command: Command, album: Album, tmp_path: Path) -> None:
    code, _, err = command("search", "file://server/share/0.jpg", "-c", album.collection)
    assert (code, "on this machine" in err) == (65, True)
    code, _, err = command("search", (tmp_path / "none.jpg").as_uri(), "-c", album.collection)
    assert (code, "none.jpg" in err) == (65, True)
