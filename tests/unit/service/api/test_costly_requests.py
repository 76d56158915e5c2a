"""The costliest that one may ask for: it ends at its deadline, and others are answered meanwhile."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lookalike.service.context import Service
from tests.connections import Address, connected, request
from tests.services import FIRST, SECOND, listening, token, unit
from tests.waiting import eventually, given_time_enough

READER = token("read", name="costly", collections=[FIRST])
OTHER = token("read", name="other", collections=[SECOND])
ALTERNATIVES = {"or": [{"metadata.field 0": {"like": f"%{'a' * 1_000}{n}"}} for n in range(200)]}


@pytest.fixture(autouse=True)
def _long_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few texts with long patterns take as long as many with those that are allowed."""
    monkeypatch.setattr("lookalike.core.filters.LONGEST_PATTERNS", 1_000_000)


def lengthen(service: Service, ids: tuple[str, ...]) -> None:
    for image_id in ids:
        service.collections.get(FIRST).pictures.label(image_id, {"field 0": "a" * 60_000})


def is_idle(service: Service) -> bool:
    line = service.threads._line
    return not line._under_way and not line.waiting


SEARCH = f"/v1/collections/{FIRST}/search"


def search(client: httpx2.Client, *, timeout_ms: int, **asked: Any) -> httpx2.Response:
    body = {"vector": unit(1), "filter": ALTERNATIVES, **asked}
    return client.post(SEARCH, json=body, headers={**READER, "X-Timeout-Ms": str(timeout_ms)})


@pytest.fixture
def served(tmp_path: Path) -> Any:
    with listening(tmp_path) as (url, service, ids):
        lengthen(service, ids)
        model = service.collections.get(FIRST).models.embedder.card.id
        with httpx2.Client(base_url=url, trust_env=False, timeout=60) as client:
            yield client, service, model


def test_a_filter_that_takes_too_long_is_no_longer_computed_once_its_deadline_has_passed(served: Any) -> None:
    client, service, model = served
    reply = search(client, timeout_ms=300, model=model)
    assert (reply.status_code, reply.json()["code"]) == (504, "deadline_exceeded")
    eventually(lambda: is_idle(service))


def test_a_filter_is_no_longer_computed_once_its_client_has_left(served: Any) -> None:
    client, service, model = served
    with (
        httpx2.Client(base_url=client.base_url, trust_env=False, timeout=0.5) as hasty,
        pytest.raises(httpx2.TimeoutException),
    ):
        search(hasty, timeout_ms=60_000, model=model)
    eventually(lambda: is_idle(service))


def test_one_key_with_the_costliest_filters_keeps_nobody_else_waiting(served: Any) -> None:
    client, service, model = served
    body = json.dumps({"vector": unit(1), "filter": ALTERNATIVES, "model": model}).encode()
    headers = {**READER, "X-Timeout-Ms": "60000", "Content-Type": "application/json", "Content-Length": len(body)}
    attack = request("POST", SEARCH, *(f"{name}: {value}" for name, value in headers.items())) + body
    with ExitStack() as stack:
        attackers = [stack.enter_context(connected(Address.of(str(client.base_url)), attack)) for _ in range(16)]
        eventually(lambda: service.threads.waiting > 1)  # one has the thread, or threads, that one caller may have
        for _ in range(3):
            reply = client.get(f"/v1/collections/{SECOND}/images", headers=OTHER)
            assert reply.status_code == 200
            assert client.get("/livez").status_code == 200
        answered, _, _ = select.select(attackers, [], [], 0)
        assert len(answered) < len(attackers)
    eventually(lambda: is_idle(service))


def test_addresses_that_never_answer_keep_nobody_from_anything_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, listening(tmp_path, allow_private_fetch=True) as served:
        url, service, _ = served
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/picture.png"
        with httpx2.Client(base_url=url, trust_env=False, timeout=60) as client, ThreadPoolExecutor(12) as attackers:
            ask = {"vector": None, "filter": None, "image_url": address}
            attacks = [attackers.submit(search, client, timeout_ms=60_000, **ask) for _ in range(12)]
            eventually(lambda: len(service.fetches._line._under_way) == 4)
            assert client.get(f"/v1/collections/{FIRST}/images", headers=READER).status_code == 200
            mine = {**OTHER, "X-Timeout-Ms": "60000"}
            asked = {"image_url": "http://127.0.0.1:1/nothing.png"}
            reply = client.post(f"/v1/collections/{SECOND}/search", json=asked, headers=mine)
            assert reply.json()["code"] == "url_unreachable"
            assert not any(one.done() for one in attacks)
            silent.close()
            assert {one.result().json()["code"] for one in attacks} <= {"url_unreachable", "url_timeout"}
        eventually(lambda: not service.fetches._line._under_way)


def test_an_address_is_given_up_when_the_client_leaves(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, listening(tmp_path, allow_private_fetch=True) as served:
        url, service, _ = served
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/picture.png"
        with (
            httpx2.Client(base_url=url, trust_env=False, timeout=0.5) as hasty,
            pytest.raises(httpx2.TimeoutException),
        ):
            search(hasty, timeout_ms=60_000, vector=None, filter=None, image_url=address)
        eventually(lambda: not service.fetches._line._under_way)


def test_a_name_that_may_not_be_told_holds_no_thread_while_its_answer_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def nowhere(host: str, *given: Any, **named: Any) -> list[Any]:
        if host != "no.example":
            return look_up(host, *given, **named)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    def attempt(times: int) -> None:
        discreet_s = 1.0 * times
        monkeypatch.setattr("lookalike.storage.addresses.DISCREET_S", discreet_s)
        turn, reply = service.fetches._line._turn, []

        def ask() -> None:
            with httpx2.Client(base_url=url, trust_env=False, timeout=60) as client:
                asked = {"vector": None, "filter": None, "image_url": "http://no.example/"}
                reply.append(search(client, timeout_ms=60_000, **asked))

        asking = threading.Thread(target=ask)
        began = time.monotonic()
        asking.start()
        eventually(lambda: service.fetches._line._turn > turn and not service.fetches._line._under_way)
        is_early = not reply
        asking.join()
        assert reply[0].json()["code"] == "fetch_refused"
        assert time.monotonic() - began >= discreet_s
        assert is_early

    with listening(tmp_path) as (url, service, _):
        monkeypatch.setattr("lookalike.storage.addresses.socket.getaddrinfo", nowhere)
        given_time_enough(attempt)
