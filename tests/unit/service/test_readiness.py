"""Ready is who can work: not on a full disk, without the key, while the leader hangs or nobody does what is due."""

from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from lookalike.core.errors import FetchRefused, ReadOnly, ServiceDown, StorageFailed
from lookalike.jobs.memory import MemoryJobs
from lookalike.service import signing_key
from lookalike.service.app import SIGNING_KEY, wire
from lookalike.service.leader import LOCK, Leader
from lookalike.service.readiness import check_disk, check_leader, check_worker
from lookalike.service.signing_key import SigningKey
from lookalike.settings.service import ServiceSettings
from tests.services import FIRST, SECOND, Running, running, token
from tests.waiting import eventually


def told(served: Running, part: str, state: str) -> int:
    """The status of `/readyz` once it says so: a report holds for a while, and a busy machine may give no answer."""

    def look() -> int:
        reply = served.client.get("/readyz")
        return reply.status_code if reply.json()["parts"][part] == state else 0

    return eventually(look)


def test_a_disk_that_is_full_is_told_and_one_with_room_is_not(small_disk: Path) -> None:
    check_disk(small_disk)
    assert list(small_disk.iterdir()) == []
    with pytest.raises(OSError, match="No space"):
        (small_disk / "everything").write_bytes(b"\0" * 3_000_000)
    with pytest.raises(StorageFailed, match="No space"):
        check_disk(small_disk)


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ReadOnly):
        check_disk(tmp_path)


@pytest.mark.parametrize("held", [b"", b"another key of thirty-two bytes.", None])
def test_a_key_that_is_not_the_one_that_signs_is_told(tmp_path: Path, held: bytes | None) -> None:
    with running(tmp_path) as served:
        told(served, "signing key", "ok")
        key = served.service.settings.home / SIGNING_KEY
        key.unlink() if held is None else key.write_bytes(held)
        assert told(served, "signing key", "storage_failed") == 503


def test_an_empty_key_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / SIGNING_KEY).write_bytes(b"")
    with pytest.raises(StorageFailed, match="expected 32 bytes, got 0: restore it, or remove it"):
        wire(ServiceSettings(home=tmp_path, port=0))


def test_a_key_that_was_made_before_is_taken(tmp_path: Path) -> None:
    (tmp_path / SIGNING_KEY).write_bytes(b"k" * 32)
    key = SigningKey(tmp_path / SIGNING_KEY)
    assert key.secret() == b"k" * 32
    key.check()


def test_while_no_key_can_be_made_nothing_is_signed_and_then_all_processes_sign_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    body = {"size_bytes": 7, "content_type": "image/png", "sha256": "0" * 64}
    with monkeypatch.context() as disk:
        disk.setattr(signing_key, "_make", is_full)
        with running(tmp_path) as served:
            other = wire(served.service.settings)
            refused = served.client.post(f"/v1/collections/{FIRST}/uploads", json=body, headers=token("write"))
            assert (refused.status_code, refused.json()["code"]) == (503, "storage_failed")
            assert told(served, "signing key", "storage_failed") == 503
            disk.undo()
            told(served, "signing key", "ok")
            reply = served.client.post(f"/v1/collections/{FIRST}/uploads", json=body, headers=token("write"))
    put = reply.json()["put"]
    url = urlsplit(put["url"])
    try:
        announced = other.collections.receiving(FIRST).announced(
            url.path.rpartition("/")[2],
            query=dict(parse_qsl(url.query)),
            headers={**put["headers"], "Content-Length": "7"},
        )
    finally:
        for close in (other.collections.close, other.ledger.close):
            close()
    assert announced == (7, "0" * 64, "token:somebody")


def test_who_leads_gives_signs_of_life(tmp_path: Path) -> None:
    lock = tmp_path / LOCK
    check_leader(lock, since=time.time())  # there may be none yet
    with pytest.raises(ServiceDown, match="expected a process to lead, but none has given a sign"):
        check_leader(lock, since=time.time() - 60)
    with Leader(lock).lead(threading.Event()) as leads:
        assert leads
        os.utime(lock, (0, 0))
        eventually(lambda: lock.stat().st_mtime)
        check_leader(lock, since=0)
    os.utime(lock, (0, 0))  # as it is a minute after it was stopped
    with pytest.raises(ServiceDown):
        check_leader(lock, since=0)


def test_jobs_that_nobody_does_are_told() -> None:
    now = [1_000.0]
    jobs = MemoryJobs(clock=lambda: now[0])
    jobs.enqueue("verify", collection="photos", payload={})
    check_worker(jobs)
    now[0] += 61
    with pytest.raises(ServiceDown, match="have been due for 61 s"):
        check_worker(jobs)
    jobs.claim(["verify"], worker="w", lease_s=10)
    check_worker(jobs)


def test_slow_addresses_of_strangers_are_told_and_no_reason_to_send_nothing_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go = threading.Semaphore(0), threading.Event()

    def slow(*_: object, **__: object) -> bytes:
        entered.release()
        assert go.wait(120)
        raise FetchRefused("too slow")

    monkeypatch.setattr("lookalike.storage.fetch.fetch", slow)
    monkeypatch.setattr("lookalike.service.batching.line.STUCK_S", 0.0)
    with running(tmp_path) as served, ThreadPoolExecutor(8) as strangers:
        for collection in (FIRST, SECOND):
            for n in range(4):
                search, body = f"/v1/collections/{collection}/search", {"image_url": f"https://example.org/{n}.jpg"}
                strangers.submit(served.client.post, search, json=body, headers=token("read", name=collection))
        for _ in range(8):
            assert entered.acquire(timeout=120)
        eventually(lambda: told(served, "fetches", "saturated") == 200)
        by_id = served.client.post(search, json={"id": served.ids[0]}, headers=token("read"))
        go.set()
    assert by_id.status_code == 200


def test_threads_that_are_all_taken_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.service.batching.line.STUCK_S", 0.0)
    with running(tmp_path) as served:
        line = served.service.threads._line
        with line._changed:
            line._heads.extend([None] * 8)  # type: ignore[list-item]
        reply = served.client.get("/readyz")
        with line._changed:
            line._heads.clear()
        assert (reply.status_code, reply.json()["parts"]["threads"]) == (503, "saturated")
