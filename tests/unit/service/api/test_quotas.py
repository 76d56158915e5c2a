"""What one caller may take: uploads and their bytes, signed requests, idempotency keys."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lookalike.ledger import idempotency as keys
from lookalike.service.api import idempotency
from tests.collections import png
from tests.services import FIRST, Running, running, sha256, token

WRITER, OTHER = token("write"), token("write", name="another")
UPLOADS, IMAGES = f"/v1/collections/{FIRST}/uploads", f"/v1/collections/{FIRST}/images"


def ask(served: Running, *, size_bytes: int = 10, who: dict[str, str] = WRITER) -> Any:
    body = {"size_bytes": size_bytes, "content_type": "image/png", "sha256": "0" * 64}
    return served.client.post(UPLOADS, json=body, headers=who)


def test_uploads_of_one_caller_are_bounded_in_number(tmp_path: Path) -> None:
    with running(tmp_path, upload_quota=2) as served:
        first, _ = ask(served), ask(served)
        refused = ask(served)
        assert (refused.status_code, refused.json()["code"]) == (507, "quota_exceeded")
        assert refused.json()["values"] == {
            "limit": 2,
            "limit_bytes": 4_000_000_000,
            "held": 2,
            "held_bytes": 20,
            "got_bytes": 10,
        }
        assert ask(served, who=OTHER).status_code == 201
        assert served.client.delete(f"{UPLOADS}/{first.json()['id']}", headers=WRITER).status_code == 204
        assert ask(served).status_code == 201


def test_uploads_of_one_caller_are_bounded_in_bytes(tmp_path: Path) -> None:
    with running(tmp_path, upload_quota_bytes=100) as served:
        assert ask(served, size_bytes=60).status_code == 201
        assert ask(served, size_bytes=41).status_code == 507
        assert ask(served, size_bytes=40).status_code == 201


def test_of_queued_pictures_those_beyond_the_quota_are_refused_each(tmp_path: Path) -> None:
    with running(tmp_path, upload_quota=2) as served:
        files = [("image", png(number)) for number in range(50, 53)]
        reply = served.client.post(f"{IMAGES}?mode=queued", files=files, headers=WRITER)
        staged = list((tmp_path / FIRST / "uploads" / "staged").iterdir())

    assert [one["status"] for one in reply.json()["data"]] == ["queued", "queued", "refused"]
    assert reply.json()["data"][2]["code"] == "quota_exceeded"
    assert len(staged) == 2


def test_uploads_of_a_removed_collection_hold_nothing(tmp_path: Path) -> None:
    admin = token("read", "write", "admin")
    with running(tmp_path, upload_quota=2) as served:
        assert served.client.put("/v1/collections/brief", headers=admin).status_code == 201
        files = [("image", png(number)) for number in (60, 61)]
        reply = served.client.post("/v1/collections/brief/images?mode=queued", files=files, headers=admin).json()
        assert [one["status"] for one in reply["data"]] == ["queued", "queued"]
        assert ask(served, who=admin).status_code == 507
        assert served.client.delete("/v1/collections/brief", headers=admin).status_code == 204
        assert [ask(served, who=admin).status_code for _ in range(3)] == [201, 201, 507]


def test_bringing_the_bytes_is_a_request_of_who_asked_for_the_url(tmp_path: Path) -> None:
    data = png(60)
    with running(tmp_path, rate_per_minute=3) as served:
        body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
        put = served.client.post(UPLOADS, json=body, headers=WRITER).json()["put"]
        statuses = [served.client.put(put["url"], content=data, headers=put["headers"]) for _ in range(3)]
        assert [one.status_code for one in statuses] == [200, 200, 429]
        assert int(statuses[2].headers["retry-after"]) >= 1
        assert ask(served).status_code == 429
        assert ask(served, who=OTHER).status_code == 201


def delete(served: Running) -> Any:
    key = {"Idempotency-Key": "k"}
    return served.client.post(f"{IMAGES}/delete", json={"ids": ["0" * 64]}, headers={**WRITER, **key})


def test_a_request_that_runs_long_keeps_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "RENEW_EVERY_S", 0.01)
    with running(tmp_path) as served:
        ledger, is_renewed = served.service.ledger, threading.Event()
        begin, renew = ledger.begin, ledger.renew

        def renewed(key: Any, **given: Any) -> None:
            renew(key, **{**given, "now": time.time() + keys.LEASE_S - 1})
            is_renewed.set()

        held = served.service.collections.get(FIRST)
        goes_on, contains = threading.Event(), type(held).__contains__
        monkeypatch.setattr(type(held), "__contains__", lambda *asked: goes_on.wait(30) and contains(*asked))
        replies: list[Any] = []
        first = threading.Thread(target=lambda: replies.append(delete(served)))
        first.start()
        monkeypatch.setattr(ledger, "renew", renewed)
        assert is_renewed.wait(60)
        later = {"now": time.time() + keys.LEASE_S + 1}
        monkeypatch.setattr(ledger, "begin", lambda key, **given: begin(key, **{**given, **later}))
        second = delete(served)
        monkeypatch.setattr(ledger, "begin", begin)
        goes_on.set()
        first.join()
        assert (second.status_code, second.json()["code"]) == (409, "idempotency_running")
        assert second.headers["retry-after"] == str(second.json()["values"]["retry_after_s"])
        assert replies[0].status_code == 200
        assert delete(served).headers["idempotency-replayed"] == "true"


def test_a_key_whose_process_was_killed_frees_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path) as served:
        ledger = served.service.ledger
        begin = ledger.begin
        monkeypatch.setattr(type(ledger), "finish", lambda *_, **__: None)  # nothing more is heard of the first
        assert delete(served).status_code == 200
        monkeypatch.undo()
        waiting = delete(served)
        assert (waiting.status_code, waiting.json()["code"]) == (409, "idempotency_running")
        assert 1 <= int(waiting.headers["retry-after"]) <= 30
        later = time.time() + int(waiting.headers["retry-after"])
        monkeypatch.setattr(ledger, "begin", lambda key, **given: begin(key, **{**given, "now": later}))
        assert delete(served).status_code == 200
