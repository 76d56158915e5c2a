"""Clients that come all at once, wait too briefly, vanish or send slowly: the others are answered, nothing is left."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lookalike.catalog.sqlite import nobody_writing
from lookalike.service import http_protocol
from lookalike.service.api import images
from lookalike.service.context import Service
from lookalike.service.edge import body_limits, refusing
from tests.collections import png
from tests.connections import Address, connected, head_of, is_ended, problem, reply_of, request, rest_of, status
from tests.services import FIRST, PICTURES, Running, listening, running, sha256, token
from tests.unit.service.api.doors import COLLECTION, READER, WRITER
from tests.unit.service.api.test_hostile_forms import END, FORM, MB, picture
from tests.waiting import PATIENCE_S, eventually, given_time_enough


class Gate:
    """Holds up the embedding until it is opened."""

    def __init__(self, service: Service) -> None:
        self.entered, self.opened = threading.Semaphore(0), threading.Event()
        service.collections.get(FIRST).models.embedder._before = self._pass  # type: ignore[attr-defined]

    def _pass(self, _: int) -> None:
        self.entered.release()
        assert self.opened.wait(120)


def full(served: Running, others: ThreadPoolExecutor) -> tuple[Gate, list[Future]]:
    """One picture is embedded, one waits, and no more may."""

    def ask(n: int):
        return served.client.post(f"{COLLECTION}/search", files={"image": png(n)}, headers=READER)

    gate = Gate(served.service)
    first = others.submit(ask, 0)
    assert gate.entered.acquire(timeout=PATIENCE_S)
    second = others.submit(ask, 1)
    eventually(lambda: served.service.embedding.waiting == 1)
    return gate, [first, second]


def test_who_comes_when_too_many_wait_is_told_when_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path, embed_threads=1, embed_waiting=1) as served, ThreadPoolExecutor(2) as others:
        gate, asked = full(served, others)
        search = f"{COLLECTION}/search"
        turned_away = [
            served.client.post(search, files={"image": png(2)}, headers=READER),
            served.client.post("/v1/embeddings", files={"image": png(2)}, headers=READER),
        ]
        ready = served.client.get("/readyz")
        by_id = served.client.post(search, json={"id": served.ids[0]}, headers=READER)
        gate.opened.set()

        for reply in turned_away:
            assert (reply.status_code, reply.json()["code"]) == (503, "overloaded")
            assert int(reply.headers["retry-after"]) >= 1
        assert ready.json()["parts"]["embedding"] == "saturated"
        assert by_id.status_code == 200
        assert [one.result().json()["hits"][0]["id"] for one in asked] == list(served.ids[:2])
        assert served.client.post(search, files={"image": png(2)}, headers=READER).status_code == 200


def test_a_stream_is_told_that_too_many_wait_and_goes_on(tmp_path: Path) -> None:
    with (
        running(tmp_path, embed_threads=1, embed_waiting=1) as served,
        ThreadPoolExecutor(2) as others,
        served.client.websocket_connect(f"{COLLECTION}/stream", headers=READER) as stream,
    ):
        stream.receive_json()
        gate, asked = full(served, others)
        stream.send_bytes(b"\1\0\0\0\1\0\0\0" + png(3))
        told = stream.receive_json()
        gate.opened.set()
        assert all(one.result().status_code == 200 for one in asked)
        stream.send_bytes(b"\2\0\0\0\1\0\0\0" + png(3))
        answered = stream.receive_json()

    assert (told["type"], told["seq"], told["code"]) == ("problem", 1, "overloaded")
    assert answered["hits"][0]["id"] == served.ids[3]


def ask_again(ask: Callable[[], httpx2.Response]) -> httpx2.Response:
    """The answer once the first request with that key has ended."""

    def look() -> httpx2.Response | None:
        reply = ask()
        if reply.status_code != 409:
            return reply
        assert int(reply.headers["Retry-After"]) >= 1
        return None

    return eventually(look)


@pytest.mark.parametrize("path", ["search", "images"])
def test_who_does_not_wait_so_long_is_told_and_holds_nobody_up(tmp_path: Path, path: str) -> None:
    headers = {**WRITER, "X-Timeout-Ms": "50", "Idempotency-Key": "k"}
    with (
        listening(tmp_path) as (url, service, _),
        httpx2.Client(base_url=url, trust_env=False, timeout=60, headers=headers) as client,
    ):
        gate = Gate(service)
        late = client.post(f"{COLLECTION}/{path}", files={"image": png(500)})
        gate.opened.set()
        del client.headers["X-Timeout-Ms"]
        again = ask_again(lambda: client.post(f"{COLLECTION}/{path}", files={"image": png(500)}))
        assert service.embedding.waiting == service.threads.waiting == 0

    assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
    assert again.status_code == 200


def test_a_millisecond_is_too_little_for_anything_and_breaks_nothing(served: Running) -> None:
    headers = {**WRITER, "X-Timeout-Ms": "1"}
    data = png(501)
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
    upload = served.client.post(f"{COLLECTION}/uploads", json=body, headers=WRITER).json()
    target, one = upload["put"], f"{COLLECTION}/uploads/{upload['id']}"

    for _ in range(20):
        replies = [
            served.client.post(f"{COLLECTION}/images", files={"image": data}, headers=headers),
            served.client.post(f"{COLLECTION}/search", json={"id": served.ids[0]}, headers=headers),
            served.client.put(target["url"], content=data, headers={**target["headers"], "X-Timeout-Ms": "1"}),
            served.client.post(f"{one}/complete", json={"sha256": sha256(data)}, headers=headers),
        ]
        assert {reply.status_code for reply in replies} <= {200, 409, 422, 504}, [reply.text for reply in replies]
    served.client.put(target["url"], content=data, headers=target["headers"])

    assert served.client.post(f"{one}/complete", json={"sha256": sha256(data)}, headers=WRITER).status_code == 200
    assert no_half_written(served.service)


@contextmanager
def on_a_socket(tmp_path: Path, **changed: object) -> Iterator[tuple[str, Address, Service]]:
    with listening(tmp_path, **changed) as (url, service, _):
        yield url, Address.of(url), service


def begun(address: Address, method: str, path: str, headers: dict[str, str], body: bytes) -> socket.socket:
    """A connection on which this much of a request was sent."""
    return connected(address, request(method, path, *(f"{name}: {value}" for name, value in headers.items())) + body)


def no_half_written(service: Service) -> bool:
    places = [*service.settings.collections.values(), service.settings.home]
    return not [path for place in places for path in place.rglob("half-written/*")]


def test_clients_that_vanish_while_they_send_leave_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = bytes(3 * MB)
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
    long = {"Content-Length": str(3 * MB)}
    with on_a_socket(tmp_path) as (url, address, service):
        target = httpx2.post(f"{url}{COLLECTION}/uploads", json=body, headers=WRITER).json()["put"]
        for _ in range(5):
            for method, path, headers, head in (
                ("PUT", target["url"], target["headers"], b""),
                ("PUT", f"{COLLECTION}/images/{sha256(data)}", {**WRITER, "Content-Type": "image/png", **long}, b""),
                ("POST", f"{COLLECTION}/images", {**WRITER, **FORM, **long}, picture()[:-2]),
                ("POST", f"{COLLECTION}/search", {**WRITER, **FORM, **long}, picture()[:-2]),
                ("POST", f"{COLLECTION}/search", {**WRITER, "Content-Type": "application/json", **long}, b"{"),
            ):
                begun(address, method, path, headers, head + bytes(2 * MB)).close()
        eventually(lambda: no_half_written(service))
        found = httpx2.post(f"{url}{COLLECTION}/search", files={"image": png(0)}, headers=READER)

    assert found.status_code == 200
    assert len(found.json()["hits"]) == PICTURES
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_clients_that_vanish_before_they_are_answered_leave_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with on_a_socket(tmp_path) as (url, address, service):
        whole = picture(png(502) + bytes(2 * MB)) + END
        headers = {**WRITER, **FORM, "Content-Length": str(len(whole))}
        added = httpx2.post(f"{url}{COLLECTION}/images", content=whole, headers={**WRITER, **FORM}).json()["data"][0]
        for _ in range(5):
            begun(address, "POST", f"{COLLECTION}/search", headers, whole).close()
            begun(address, "POST", f"{COLLECTION}/images", headers, whole).close()
            reading = begun(address, "GET", f"{COLLECTION}/images/{added['id']}/file", WRITER, b"")
            assert reading.recv(100)
            reading.close()
        eventually(lambda: service.embedding.waiting == service.threads.waiting == 0)
        found = httpx2.post(f"{url}{COLLECTION}/search", files={"image": png(0)}, headers=READER)

    assert found.status_code == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize(
    ("path", "kind", "head"),
    [
        (f"{COLLECTION}/images", FORM["Content-Type"], picture()[:-2]),
        (f"{COLLECTION}/search", FORM["Content-Type"], b"--x\r\n"),
        (f"{COLLECTION}/search", "application/json", b'{"id": '),
        (f"{COLLECTION}/images/{'0' * 64}", "image/png", b"\x89PNG"),
    ],
)
def test_who_sends_too_slowly_is_not_waited_for(
    tmp_path: Path, path: str, kind: str, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusing, "LINGER_S", 0.1)  # nothing more is sent
    headers = {**WRITER, "Content-Type": kind, "Content-Length": "100000"}
    with on_a_socket(tmp_path, body_timeout_s=0.3) as (_, address, service):
        method = "PUT" if kind == "image/png" else "POST"
        with begun(address, method, path, headers, head) as connection:
            reply = rest_of(connection)
        assert status(reply) == 408
        assert problem(reply)["code"] == "too_slow"
        eventually(lambda: no_half_written(service))


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        (f"{COLLECTION}/images", FORM, 401),
        ("/v1/nothing", WRITER, 404),
        (f"{COLLECTION}/images", {**WRITER, "Content-Type": "text/plain"}, 415),
        (f"{COLLECTION}/images", {**WRITER, **FORM, "X-Timeout-Ms": "1"}, 504),
    ],
)
def test_who_keeps_sending_after_the_reply_is_let_go(
    tmp_path: Path, path: str, headers: dict[str, str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lingering in (refusing, http_protocol):
        monkeypatch.setattr(lingering, "LINGER_S", 0.3)
    with on_a_socket(tmp_path) as (_, address, _):
        for length in ({"Content-Length": str(100 * MB)}, {"Transfer-Encoding": "chunked"}):
            with begun(address, "POST", path, {**headers, **length}, b"") as connection:
                assert status(head_of(connection)) == expected
                assert is_ended(connection, b"1\r\nx\r\n", pause_s=0.05)


def test_a_connection_whose_request_came_whole_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for lingering in (refusing, http_protocol):
        monkeypatch.setattr(lingering, "LINGER_S", 0.3)
    body = picture() + END
    headers = {**FORM, "Content-Length": str(len(body))}
    with (
        on_a_socket(tmp_path) as (_, address, _),
        begun(address, "POST", f"{COLLECTION}/images", headers, body) as connection,
    ):
        assert status(reply_of(connection)) == 401
        time.sleep(0.5)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(reply_of(connection)) == 200


def test_who_vanishes_and_asks_again_under_the_same_key_gets_the_first_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, go = threading.Event(), threading.Event()
    removed, times = images._remove, [0]

    def slowly_removed(*given: Any, **named: Any) -> Any:
        times[0] += 1
        has_begun.set()
        assert go.wait(120)
        return removed(*given, **named)

    monkeypatch.setattr(images, "_remove", slowly_removed)
    with listening(tmp_path) as (url, _, ids), httpx2.Client(base_url=url, trust_env=False, timeout=60) as client:
        path, body = f"{COLLECTION}/images/delete", json.dumps({"ids": ids[:1]}).encode()
        headers = {**WRITER, "Idempotency-Key": "once", "Content-Type": "application/json"}
        with begun(Address.of(url), "POST", path, {**headers, "Content-Length": str(len(body))}, body):
            assert has_begun.wait(PATIENCE_S)
        assert client.post(path, content=body, headers=headers).json()["code"] == "idempotency_running"
        go.set()
        again = ask_again(lambda: client.post(path, content=body, headers=headers))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["data"][0]["status"] == "removed"
    assert times == [1]


def test_the_room_for_json_is_no_bound_on_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limits, "MOST_JSON_BYTES", 300_000)
    with running(tmp_path) as served:
        large = png(520) + bytes(400_000)
        reply = served.client.post(f"{COLLECTION}/images", files={"image": large}, headers=WRITER)
        assert (reply.status_code, reply.json()["data"][0]["status"]) == (200, "added")


@pytest.mark.parametrize("path", ["images", f"images/{'0' * 64}"])
def test_one_caller_does_not_take_all_the_room_for_what_comes_in(tmp_path: Path, path: str) -> None:
    def begin(address: Address, credential: dict[str, str], size_bytes: int) -> socket.socket:
        kind, method = ("image/png", "PUT") if path != "images" else (FORM["Content-Type"], "POST")
        headers = {**credential, "Content-Type": kind, "Content-Length": str(MB)}
        head = b"" if method == "PUT" else picture()[:-2]
        return begun(address, method, f"{COLLECTION}/{path}", headers, head + bytes(size_bytes))

    another = token("read", "write", name="another")
    with on_a_socket(tmp_path, max_body_bytes=MB, max_spooled_bytes=2 * MB) as (_, address, service):
        with begin(address, WRITER, 800_000), begin(address, WRITER, 690_000):
            eventually(lambda: service.spooled.size_bytes >= 1_490_000)
            with begin(address, WRITER, 70_000) as mine:
                reply = rest_of(mine)
                assert (status(reply), problem(reply)["code"]) == (503, "overloaded")
                assert b"\r\nretry-after: 1\r\n" in reply.lower()
            with begin(address, another, 70_000):
                eventually(lambda: service.spooled.size_bytes >= 1_560_000)
            eventually(lambda: service.spooled.size_bytes < 1_500_000)
            with begin(address, WRITER, 30_000):  # a small one finds room
                eventually(lambda: service.spooled.size_bytes >= 1_520_000)
        eventually(lambda: service.spooled.size_bytes == 0)


class Slow:
    """Holds up the first call of a function, until it is let go on."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.begun, self.go, self.times = threading.Event(), threading.Event(), 0
        self._call = call

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.times += 1
        self.begun.set()
        assert self.go.wait(120)
        return self._call(*given, **named)


def cut_off(slow: Slow, ask: Callable[[dict[str, str]], httpx2.Response]) -> None:
    """Ask with so short a time that the call begins in it and does not end."""

    def attempt(times: int) -> None:
        late = ask({"X-Timeout-Ms": str(1_000 * times)})
        assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
        assert slow.begun.is_set()

    given_time_enough(attempt)


def test_a_key_stays_taken_after_the_deadline_until_what_was_begun_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(images._remove)
    monkeypatch.setattr(images, "_remove", slow)
    with listening(tmp_path) as (url, _, ids), httpx2.Client(base_url=url, trust_env=False, timeout=60) as client:
        path, key = f"{COLLECTION}/images/delete", {**WRITER, "Idempotency-Key": "once"}
        cut_off(slow, lambda timeout: client.post(path, json={"ids": ids[:1]}, headers={**key, **timeout}))
        assert client.post(path, json={"ids": ids[:1]}, headers=key).json()["code"] == "idempotency_running"
        slow.go.set()
        again = ask_again(lambda: client.post(path, json={"ids": ids[:1]}, headers=key))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["data"][0]["status"] == "removed"
    assert slow.times == 1


def test_what_was_not_begun_by_the_deadline_is_left_for_the_next_request_under_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(images._add)
    monkeypatch.setattr(images, "_add", slow)
    with listening(tmp_path) as (url, _, _), httpx2.Client(base_url=url, trust_env=False, timeout=60) as client:
        key, files = {**WRITER, "Idempotency-Key": "two"}, [("image", png(510)), ("image", png(511))]
        cut_off(slow, lambda timeout: client.post(f"{COLLECTION}/images", files=files, headers={**key, **timeout}))
        slow.go.set()
        again = ask_again(lambda: client.post(f"{COLLECTION}/images", files=files, headers=key))
    assert "Idempotency-Replayed" not in again.headers
    assert [one["status"] for one in again.json()["data"]] == ["unchanged", "added"]
    assert slow.times == 3


def test_one_caller_does_not_take_all_the_room_for_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(credential: dict[str, str], size_bytes: int, *, announced_bytes: int | None = None) -> bytes:
        lines = [f"{name}: {value}" for name, value in credential.items()]
        lines += [f"Content-Length: {announced_bytes or size_bytes}", "Content-Type: application/json"]
        return request("POST", f"{COLLECTION}/search", *lines) + b"{}".ljust(size_bytes)

    def answer(credential: dict[str, str]) -> int:
        with connected(address, body(credential, 70_000)) as connection:
            return status(head_of(connection))

    monkeypatch.setattr(body_limits, "MOST_JSON_BYTES", 300_000)
    with listening(tmp_path) as (url, _, _):
        address = Address.of(url)
        with connected(address, body(READER, 200_000, announced_bytes=250_000)):
            eventually(lambda: answer(READER) == 503)  # once what came of the first is counted
            assert answer(token("read", name="another")) == 422


@pytest.mark.parametrize("asked", ["add", "delete", "complete"])
def test_a_key_that_was_cut_off_while_the_collection_was_slow_gives_what_came_of_it(tmp_path: Path, asked: str) -> None:
    data = png(530)
    with listening(tmp_path) as (url, service, ids), httpx2.Client(base_url=url, trust_env=False, timeout=60) as client:
        upload = _uploaded(client, data)
        path, body = {
            "add": (f"{COLLECTION}/images", {"files": {"image": data}}),
            "delete": (f"{COLLECTION}/images/delete", {"json": {"ids": ids[:1]}}),
            "complete": (f"{COLLECTION}/uploads/{upload}/complete", {"json": _completion(service, data)}),
        }[asked]

        def ask(**timeout: str) -> httpx2.Response:
            return client.post(path, headers={**WRITER, "Idempotency-Key": "slow", **timeout}, **body)  # type: ignore[arg-type]

        with nobody_writing(service.settings.collections[FIRST] / "catalog.sqlite", wait_s=PATIENCE_S):
            late = ask(**{"X-Timeout-Ms": "1000"})
            between = ask(**{"X-Timeout-Ms": "1000"})
        again = ask_again(ask)
    assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
    assert between.json()["code"] in ("idempotency_running", "deadline_exceeded")
    assert again.status_code == 200
    told = again.json()
    done = told["state"] if asked == "complete" else told["data"][0]["status"]
    assert done == {"add": "added", "delete": "removed", "complete": "provisional"}[asked]


def _uploaded(client: httpx2.Client, data: bytes) -> str:
    """The id of an upload whose bytes are there."""
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
    upload = client.post(f"{COLLECTION}/uploads", json=body, headers=WRITER).json()
    assert client.put(upload["put"]["url"], content=data, headers=upload["put"]["headers"]).status_code == 200
    return str(upload["id"])


def _completion(service: Service, data: bytes) -> dict[str, Any]:
    embedder = service.collections.get(FIRST).models.embedder
    (vector,) = service.collections.get(FIRST).embed(data)
    return {"sha256": sha256(data), "vector": vector.tolist(), "model": embedder.card.id}
