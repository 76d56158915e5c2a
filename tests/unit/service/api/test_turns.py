"""Bytes that come and go, and JSON that is parsed: one caller takes no more threads than their share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lookalike.images.files import OpenFile
from lookalike.objects.receiving import Receiver
from lookalike.service.api import bodies, spool
from lookalike.service.asker import current_asker
from tests.collections import png
from tests.services import Running, running, sha256, token
from tests.unit.service.api.doors import COLLECTION

MANY = 45
"""More than the 40 threads of the framework, on which all of this was done."""
GREEDY, OTHER = token("read", "write", name="greedy"), token("read", "write", name="another")

Ask = Callable[[Running, dict[str, str], int], int]


class Held:
    """Holds up whatever is done for the greedy one, until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Semaphore(0), threading.Event()

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def held(*given: Any, **named: Any) -> Any:
            is_looking = threading.current_thread().name.startswith("lookalike-work")  # whether the picture is whole
            if current_asker().name == "token:greedy" and not is_looking:
                self.entered.release()
                assert self.opened.wait(120)
            return call(*given, **named)

        return held


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held()
    monkeypatch.setattr(OpenFile, "read", held.around(OpenFile.read))
    monkeypatch.setattr(Receiver, "write", held.around(Receiver.write))
    monkeypatch.setattr(spool.Spool, "_keep", held.around(spool.Spool._keep))
    yield held
    held.opened.set()


def picture(served: Running, credential: dict[str, str], n: int) -> int:
    path = f"{COLLECTION}/images/{served.ids[n % len(served.ids)]}/file"
    return served.client.get(path, headers=credential).status_code


def signed_put(served: Running, credential: dict[str, str], n: int) -> int:
    data = png(1_000 + n)
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
    upload = served.client.post(f"{COLLECTION}/uploads", json=body, headers=credential).json()["put"]
    return served.client.put(upload["url"], content=data, headers=upload["headers"]).status_code


def large_form(served: Running, credential: dict[str, str], n: int) -> int:
    large = png(n) + bytes(1_200_000)
    return served.client.post(f"{COLLECTION}/search", files={"image": large}, headers=credential).status_code


@pytest.mark.parametrize("ask", [picture, signed_put, large_form])
def test_one_callers_bytes_keep_no_other_from_theirs(tmp_path: Path, held: Held, ask: Ask) -> None:
    with running(tmp_path) as served, ThreadPoolExecutor(MANY) as greedy:
        assert ask(served, OTHER, 500) == 200
        asked = [greedy.submit(ask, served, GREEDY, n) for n in range(MANY)]
        for _ in range(3):
            assert held.entered.acquire(timeout=120)
        assert ask(served, OTHER, 501) == 200
        assert not any(one.done() for one in asked)
        held.opened.set()
        assert {one.result() for one in asked} == {200}


def test_of_several_callers_large_json_is_parsed_in_turn(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    parse, entered, opened, turns = bodies.parse, threading.Event(), threading.Event(), list[str]()

    def slowly(*given: Any) -> Any:
        turns.append(current_asker().name)
        entered.set()
        assert opened.wait(120)
        return parse(*given)

    def ask(credential: dict[str, str]) -> int:
        body = {"ids": [f"{n:064x}" for n in range(400)]}  # 27 kB
        return served.client.post(f"{COLLECTION}/images/delete", json=body, headers=credential).status_code

    monkeypatch.setattr(bodies, "parse", slowly)
    with ThreadPoolExecutor(6) as clients:
        asked = [clients.submit(ask, GREEDY)]
        assert entered.wait(120)
        asked += [clients.submit(ask, GREEDY) for _ in range(4)]
        while served.service.parsing.waiting < 4:
            assert not opened.wait(0.01)
        asked.append(clients.submit(ask, OTHER))
        while served.service.parsing.waiting < 5:
            assert not opened.wait(0.01)
        opened.set()
        assert {one.result() for one in asked} == {200}
    assert turns[:2] == ["token:greedy", "token:another"]
