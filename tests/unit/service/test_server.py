"""Processes that answer, end cleanly, and come back; with real sockets and real signals."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from lookalike.core.errors import BadInput
from lookalike.service.server import address_of, listen
from tests.unit.service.small_service import Served, served
from tests.waiting import PATIENCE_S, eventually


def waiting_request(service: Served, home: Path) -> tuple[threading.Thread, list[str]]:
    """A request under way, which ends once the file `go` is there; what came of it."""
    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append(service.get("/wait/go").text)
        except httpx2.HTTPError:
            answers.append("cut off")

    thread = threading.Thread(target=ask)
    thread.start()
    eventually((home / "go.begun").exists)
    return thread, answers


def refuses(url: str) -> bool:
    parts = httpx2.URL(url)
    try:
        socket.create_connection((parts.host, parts.port or 0), timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return True
    return False


def processes(service: Served) -> set[int]:
    return {int(service.get("/process").text) for _ in range(12)}


def test_a_free_port_is_chosen_and_told(tmp_path: Path) -> None:
    with served(tmp_path) as service:
        assert service.url.startswith("http://127.0.0.1:")
        assert service.get("/readyz").json() == {"ok": True, "parts": {}}
        assert service.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_under_way_end_and_takes_no_new_ones(
    tmp_path: Path, workers: int, number: signal.Signals
) -> None:
    with served(tmp_path, workers=workers, drain_s=PATIENCE_S) as service:
        thread, answers = waiting_request(service, tmp_path)

        service.process.send_signal(number)
        eventually(lambda: refuses(service.url))
        assert service.process.poll() is None

        (tmp_path / "go").touch()
        assert service.process.wait(30) == 0
        thread.join()
        assert answers == ["done"]


def test_before_it_refuses_it_says_that_it_is_not_ready(tmp_path: Path) -> None:
    with served(tmp_path, drain_notice_s=60.0) as service:
        service.process.send_signal(signal.SIGTERM)

        eventually(lambda: service.get("/readyz").status_code == 503)
        assert service.get("/readyz").json() == {"ok": False, "parts": {"service": "draining"}}
        assert service.get("/process").status_code == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, workers: int) -> None:
    with served(tmp_path, workers=workers, drain_s=600.0) as service:
        thread, answers = waiting_request(service, tmp_path)
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: refuses(service.url))

        assert service.stop(signal.SIGINT) == 130
        thread.join()
        assert answers == ["cut off"]


def test_a_request_that_does_not_end_in_time_is_cut_off(tmp_path: Path) -> None:
    with served(tmp_path, drain_s=0.2) as service:
        thread, _ = waiting_request(service, tmp_path)
        assert service.stop() == 0
        thread.join()


@pytest.mark.parametrize("workers", [1, 2])
def test_web_sockets_are_told_that_the_service_stops(tmp_path: Path, workers: int) -> None:
    with (
        served(tmp_path, workers=workers) as service,
        connect(service.url.replace("http", "ws") + "/socket", proxy=None) as websocket,
    ):
        websocket.send("hello")
        assert websocket.recv() == "hello"

        service.process.send_signal(signal.SIGTERM)

        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert service.process.wait(30) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_stopping_takes_no_longer_than_was_set_whatever_runs(tmp_path: Path, workers: int) -> None:
    with served(tmp_path, workers=workers, drain_s=0.5) as service:

        def ask() -> None:
            with contextlib.suppress(httpx2.HTTPError):
                service.get("/stuck")

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: (tmp_path / "stuck.begun").exists())

        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 20
        asking.join(20)


def test_processes_that_are_killed_come_back(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as service:
        eventually(lambda: len(processes(service)) == 2)
        before = processes(service)

        for process in before:
            os.kill(process, signal.SIGKILL)
            eventually(lambda gone=process: gone not in processes(service))  # type: ignore[misc]

        eventually(lambda: len(processes(service)) == 2)
        assert processes(service).isdisjoint(before)
        assert service.stop() == 0


def test_figures_of_all_processes_add_up_also_of_dead_ones(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as service:
        eventually(lambda: len(processes(service)) == 2)
        asked = sum(1 for _ in range(10) if service.get("/deadline").status_code == 200)
        counted = 'lookalike_requests_total{method="GET",route="/deadline",status="200"}'
        assert f"{counted} {asked:.1f}" in service.get("/metrics").text

        dead = next(iter(processes(service)))
        os.kill(dead, signal.SIGKILL)
        eventually(lambda: dead not in processes(service))

        assert f"{counted} {asked:.1f}" in service.get("/metrics").text
        assert 'lookalike_running{kind="http"} 1.0' in service.get("/metrics").text
        assert service.stop() == 0


def test_processes_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as service:
        service.process.kill()
        eventually(lambda: refuses(service.url))


@pytest.mark.parametrize("workers", [1, 2])
def test_why_it_cannot_start_is_said(tmp_path: Path, workers: int) -> None:
    with served(tmp_path, workers=workers, reranker="cannot be made") as service:
        assert service.url == "refused: the disk is full"
        assert service.process.wait(30) == 74


@pytest.mark.parametrize(("trusted", "is_believed"), [(("127.0.0.0/8",), True), (("192.0.2.1",), False), ((), False)])
def test_only_a_trusted_proxy_is_believed(tmp_path: Path, trusted: tuple[str, ...], is_believed: bool) -> None:
    with served(tmp_path, trusted_proxies=trusted) as service:
        said = {"X-Forwarded-Proto": "https", "Host": "shop.example"}
        assert ("strict-transport-security" in service.get("/process", **said).headers) == is_believed


def test_a_port_that_is_taken_is_refused_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"port {port}: another program does already; .* another port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "message"), [("no such host", "expected a name or an address"), ("192.0.2.1", "does not have")]
)
def test_an_address_that_is_not_ours_is_refused(host: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        listen(host, 0)


@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_the_address_is_one_that_can_be_opened(host: str, address: str) -> None:
    with listen(host, 0) as listener:
        assert address_of(listener, is_secure=False) == f"http://{address}:{listener.getsockname()[1]}"
        assert address_of(listener, is_secure=True).startswith("https://")
