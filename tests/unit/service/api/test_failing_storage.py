"""Disks that are full or fail half-way: told as such, nothing half-done is left, and the same again works."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from lookalike.catalog.sqlite.connections import Connections
from lookalike.objects import local
from lookalike.objects import local_uploads as direct
from lookalike.service.api import spool
from lookalike.storage.sqlite.file import SqliteFile
from lookalike.storage.whole_file import part_of
from lookalike.worker import policy
from tests.collections import png
from tests.services import FIRST, PICTURES, Running, running, sha256, token
from tests.unit.service.api.doors import COLLECTION, READER, WRITER, job_over, until, working

DATA = png(600)
LARGE = DATA + bytes(2 * spool.IN_MEMORY_BYTES)

Break = Callable[[pytest.MonkeyPatch, int], None]


def objects(patch: pytest.MonkeyPatch, number: int) -> None:
    """The disk of the pictures, once half of one is written."""

    def half_written(path: Path, data: bytes, **_: object) -> None:
        partly = part_of(path)
        partly.write_bytes(data[: len(data) // 2])
        partly.unlink()
        raise OSError(number, os.strerror(number))

    patch.setattr(local, "write_whole", half_written)


def staging(patch: pytest.MonkeyPatch, number: int) -> None:
    """The disk of the uploads, when one is to be made durable."""

    def fails(_: int) -> None:
        raise OSError(number, os.strerror(number))

    patch.setattr(direct.os, "fsync", fails)


def catalog(patch: pytest.MonkeyPatch, number: int) -> None:
    """The catalog, when a change is committed."""
    patch.setattr(Connections, "writing", failing_at_the_end(Connections.writing, number))


def databases(patch: pytest.MonkeyPatch, number: int) -> None:
    """The ledger with its jobs, likewise."""
    patch.setattr(SqliteFile, "writing", failing_at_the_end(SqliteFile.writing, number))


def failing_at_the_end(writing: Callable[[Any], Any], number: int) -> Callable[[Any], Any]:
    @contextmanager
    def fails(self: Any) -> Iterator[sqlite3.Connection]:
        with writing(self) as connection:
            yield connection
            error = sqlite3.OperationalError(os.strerror(number))
            error.sqlite_errorcode = sqlite3.SQLITE_FULL if number == errno.ENOSPC else sqlite3.SQLITE_IOERR_FSYNC
            raise error

    return fails


def add(served: Running, **headers: str):
    return served.client.post(f"{COLLECTION}/images", files={"image": DATA}, headers={**WRITER, **headers})


def put(served: Running, **headers: str):
    headers = {**WRITER, "Content-Type": "image/png", **headers}
    return served.client.put(f"{COLLECTION}/images/{sha256(DATA)}", content=DATA, headers=headers)


def queue(served: Running, **headers: str):
    return served.client.post(f"{COLLECTION}/images?mode=queued", files={"image": DATA}, headers={**WRITER, **headers})


def upload(served: Running, **headers: str):
    """Ask, put and complete: the first that is a problem."""
    body = {"size_bytes": len(DATA), "content_type": "image/png", "sha256": sha256(DATA)}
    asked = served.client.post(f"{COLLECTION}/uploads", json=body, headers={**WRITER, **headers})
    if asked.status_code != 201:
        return asked
    target = asked.json()["put"]
    received = served.client.put(target["url"], content=DATA, headers=target["headers"])
    if received.status_code != 200:
        return received
    vector = served.service.collections.get(FIRST).embed(DATA)[0].tolist()
    said = {"sha256": sha256(DATA), "vector": vector, "model": served.model}
    done = f"{COLLECTION}/uploads/{asked.json()['id']}/complete"
    return served.client.post(done, json=said, headers={**WRITER, **headers})


def relabel(served: Running, **headers: str):
    one = f"{COLLECTION}/images/{served.ids[0]}"
    return served.client.patch(one, json={"metadata": {"a": 1}}, headers={**WRITER, **headers})


def remove(served: Running, **headers: str):
    ids = {"ids": [served.ids[0]]}
    return served.client.post(f"{COLLECTION}/images/delete", json=ids, headers={**WRITER, **headers})


def seen(served: Running) -> tuple[list[dict], int]:
    listed = served.client.get(f"{COLLECTION}/images", headers=READER).json()["data"]
    return listed, served.service.ledger.jobs.facts().queued


def left_over(served: Running) -> list[Path]:
    """What is no picture of the collection."""
    folder = served.service.settings.collections[FIRST]
    found = [path for name in ("objects", "uploads") for path in (folder / name).rglob("*") if path.is_file()]
    known = served.service.collections.get(FIRST)
    return [path for path in found if path.parent.parent.name != "objects" or path.parent.name + path.name not in known]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
@pytest.mark.parametrize(
    ("ask", "broken"),
    [
        (add, objects),
        (add, catalog),
        (put, objects),
        (put, catalog),
        (queue, staging),
        (queue, databases),
        (upload, staging),
        (upload, catalog),
        (upload, databases),
        (relabel, catalog),
        (remove, catalog),
    ],
)
def test_a_disk_that_fails_is_told_leaves_nothing_and_the_same_again_works(
    served: Running, ask: Callable[..., Any], broken: Break, number: int
) -> None:
    before = seen(served)

    with pytest.MonkeyPatch.context() as patch:
        broken(patch, number)
        failed = ask(served)
    after, left = seen(served), left_over(served)
    again = ask(served)

    assert failed.status_code == 503, failed.text
    assert failed.headers["retry-after"] == "1"
    assert failed.json()["code"] == "storage_failed"
    assert str(served.service.settings.home.parent) not in failed.text
    assert after[0] == before[0]
    assert left == [] or ask is upload or broken is catalog  # bytes are kept first, for the same again
    assert not [path for path in left if path.parent.name == "half-written"]
    assert again.status_code in (200, 201, 202), again.text
    assert seen(served)[0] != before[0] or ask is queue


def test_a_key_under_which_the_disk_failed_may_be_used_again(served: Running) -> None:
    key = {"Idempotency-Key": "once"}
    with pytest.MonkeyPatch.context() as patch:
        objects(patch, errno.ENOSPC)
        failed = add(served, **key)
    again = add(served, **key)

    assert failed.status_code == 503
    assert again.json()["data"][0]["status"] == "added"


def test_what_was_done_is_told_although_the_reply_cannot_be_kept(served: Running) -> None:
    key, ledger = {"Idempotency-Key": "once"}, served.service.ledger
    with pytest.MonkeyPatch.context() as patch:
        began = type(ledger).begin

        def begin(self: Any, *arguments: Any, **named: Any) -> Any:
            kept = began(self, *arguments, **named)
            databases(patch, errno.ENOSPC)  # from here on
            return kept

        patch.setattr(type(ledger), "begin", begin)
        done = add(served, **key)

    assert done.json()["data"][0]["status"] == "added"


def test_a_worker_whose_disk_fails_tries_again_and_loses_nothing(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "_FIRST_S", 0.05)
    with pytest.MonkeyPatch.context() as patch, working(served):
        objects(patch, errno.ENOSPC)
        job_id = queue(served).json()["data"][0]["job_id"]
        until(lambda: served.client.get(f"/v1/jobs/{job_id}", headers=READER).json(), lambda job: job["postponed"] >= 2)
        patch.undo()
        job = job_over(served, job_id)

    assert (job["state"], job["attempts"], job["postponed"] >= 2) == ("done", 1, True)
    assert sha256(DATA) in served.service.collections.get(FIRST)
    assert left_over(served) == []


def test_a_form_for_which_there_is_no_room_is_told(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool.tempfile.SpooledTemporaryFile, "rollover", full)
        failed = served.client.post(f"{COLLECTION}/search", files={"image": LARGE}, headers=READER)
    again = served.client.post(f"{COLLECTION}/search", files={"image": LARGE}, headers=READER)

    assert (failed.status_code, failed.headers["retry-after"]) == (503, "1")
    assert again.status_code == 200


def test_on_a_disk_that_is_full_pictures_are_found_and_none_is_lost(small_disk: Path) -> None:
    with running(small_disk) as served:
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            for _ in range(1_000):
                file.write(bytes(4_096))
        failed = [ask(served) for ask in (add, put, queue, upload, relabel, remove)]
        found = served.client.post(f"{COLLECTION}/search", files={"image": DATA}, headers=READER)
        ready = served.client.get("/readyz")
        filler.unlink()
        again = [ask(served) for ask in (add, put, queue, upload, relabel)]

        assert {reply.status_code for reply in failed} == {503}, [reply.text for reply in failed]
        assert all(reply.headers["retry-after"] for reply in failed)
        assert len(found.json()["hits"]) == PICTURES
        assert ready.status_code in (200, 503)
        assert all(reply.status_code in (200, 201, 202) for reply in again), [reply.text for reply in again]
        assert served.client.get("/metrics", headers=token("admin")).status_code == 200
