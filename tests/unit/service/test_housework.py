"""What is done beside answering goes on, whatever happens to a part of it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.core.errors import StorageFailed
from lookalike.dispatch.memory import MemoryDispatch
from lookalike.ledger.base import UploadState
from lookalike.objects.base import id_of
from lookalike.objects.local import LocalObjects
from lookalike.objects.local_uploads import LocalUploads
from lookalike.service import housework
from lookalike.service.housework import Housework
from tests.collections import png
from tests.services import Running, running, token
from tests.waiting import eventually

ADMIN = token("read", "write", "admin")


def test_an_error_that_nobody_foresaw_does_not_end_sweeping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, times, was_swept = threading.Event(), [0], threading.Event()

    def failing(*_: object) -> None:
        raise ValueError("a mistake")

    def sweeping(*_: object) -> None:
        times[0] += 1
        if times[0] == 3:
            was_swept.set()

    monkeypatch.setattr(housework, "SWEEP_EVERY_S", 0.01)
    monkeypatch.setattr(housework, "end_given_up", failing)
    monkeypatch.setattr(housework, "_sweep_uploads", sweeping)
    with running(tmp_path) as served:
        begun = Housework(served.service)
        begun.start(stop)
        assert was_swept.wait(60)
        stop.set()
        begun.join()
    assert "a mistake" in caplog.text


def test_a_collection_whose_bytes_cannot_be_swept_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[str] = []

    def sweep(_: object, uploads: LocalUploads) -> int:
        swept.append(uploads.folder.parent.name)
        raise StorageFailed("the disk fails")

    monkeypatch.setattr(housework, "sweep_staged", sweep)
    with running(tmp_path) as served:
        housework._sweep_uploads(served.service, time.time())
        assert len(swept) == len(served.service.collections.names()) == 2


def test_a_service_deletes_what_is_left_of_a_collection_whose_removal_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housework, "SWEEP_EVERY_S", 0.01)
    monkeypatch.setattr(housework, "REMOVED_WITHIN_S", -60.0)
    with running(tmp_path) as served:
        left = served.service.settings.home / "collections" / ".photos.0a0a0a0a.removed"
        (left / "objects").mkdir(parents=True)
        stop = threading.Event()
        begun = Housework(served.service)
        begun.start(stop)
        eventually(lambda: not left.exists())
        stop.set()
        begun.join()
    assert not left.exists()


def test_bytes_that_a_late_writer_left_are_swept_also_where_another_collection_has_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housework, "SWEEP_EVERY_S", 0.01)
    with running(tmp_path) as served:
        uploading(served, "photos")
        folder = served.service.settings.home / "collections" / "photos"
        late = LocalObjects(folder / "objects")
        delete_by_hand(folder)
        uploading(served, "photos")
        kept = served.client.post("/v1/collections/photos/images", files={"image": png(902)}, headers=ADMIN)
        assert kept.json()["data"][0]["status"] == "added"
        there = [id_of(png(902))]
        assert list(late.ids()) == there
        orphan, young = late.put(b"of the collection before"), late.put(b"on its way")
        for one in (orphan, *there):
            age(folder, one, days=1.5)
        stop, begun = threading.Event(), Housework(served.service)
        begun.start(stop)
        eventually(lambda: not late.has(orphan))
        stop.set()
        begun.join()
        assert list(late.ids()) == sorted([young, *there])


def delete_by_hand(folder: Path) -> None:
    """At once, though the service may be writing into it."""
    aside = folder.rename(folder.parents[2] / "deleted")
    shutil.rmtree(aside, ignore_errors=True)


def age(folder: Path, object_id: str, *, days: float) -> None:
    path = next(folder.glob(f"objects/{object_id[:2]}/{object_id[2:]}"))
    at = time.time() - days * 86_400
    os.utime(path, (at, at))


def test_uploads_of_a_collection_that_was_deleted_by_hand_are_held_against_nobody(tmp_path: Path) -> None:
    with running(tmp_path, upload_quota=1) as served:
        place, body = uploading(served, "photos")
        assert served.client.post(place, json=body, headers=ADMIN).status_code == 201
        uploading(served, "other")
        delete_by_hand(served.service.settings.home / "collections" / "photos")
        work = Housework(served.service)

        def ask() -> int:
            return served.client.post(place.replace("photos", "other"), json=body, headers=ADMIN).status_code

        work._sweep_uploads_of_gone(now := time.time())
        assert ask() == 507  # it may be put back
        work._sweep_uploads_of_gone(now + housework.GONE_FOR_S)
        assert ask() == 201


@pytest.mark.parametrize("left", ["a link to a drive that is away", "an empty folder", "nothing for a while"])
def test_uploads_of_a_collection_that_may_come_back_are_not_given_up(tmp_path: Path, left: str) -> None:
    with running(tmp_path, upload_quota=1) as served:
        place, body = uploading(served, "photos")
        upload = served.client.post(place, json=body, headers=ADMIN).json()
        folder = served.service.settings.home / "collections" / "photos"
        folder.rename(tmp_path / "away")
        if left == "a link to a drive that is away":
            folder.symlink_to(tmp_path / "drive")
        if left == "an empty folder":
            folder.mkdir()
        work = Housework(served.service)
        work._sweep_uploads_of_gone(now := time.time())
        if left == "nothing for a while":
            (tmp_path / "away").rename(folder)
        work._sweep_uploads_of_gone(now + housework.GONE_FOR_S)
        assert served.service.ledger.upload(upload["id"]).state is UploadState.WAITING


def test_uploads_into_a_collection_of_before_come_to_nothing_when_another_takes_its_name(tmp_path: Path) -> None:
    with running(tmp_path, upload_quota=1) as served:
        place, body = uploading(served, "photos")
        earlier = served.client.post(place, json=body, headers=ADMIN).json()
        delete_by_hand(served.service.settings.home / "collections" / "photos")
        uploading(served, "photos")
        assert served.client.get(f"{place}/{earlier['id']}", headers=ADMIN).json()["code"] == "no_collection"
        later = served.client.post(place, json=body, headers=ADMIN)
        assert later.status_code == 201
        uploading(served, "photos")  # which is there
        assert served.service.ledger.upload(later.json()["id"]).state is UploadState.WAITING


def uploading(served: Running, collection: str) -> tuple[str, dict[str, object]]:
    """Make a collection; where uploads into it are asked for, and with what."""
    assert served.client.put(f"/v1/collections/{collection}", headers=ADMIN).status_code in (200, 201)
    body = {"size_bytes": 7, "content_type": "image/png", "sha256": "0" * 64}
    return f"/v1/collections/{collection}/uploads", body


@pytest.mark.parametrize("who", ["the process that leads", "a worker of its own"])
def test_where_a_broker_wakes_the_workers_they_are_told_of_what_is_to_be_done(tmp_path: Path, who: str) -> None:
    with running(tmp_path) as served:
        service = replace(served.service, dispatch=MemoryDispatch(look_every_s=3_600.0))
        stop, work = threading.Event(), Housework(service)
        working = threading.Thread(target=work.work, args=(stop,), daemon=True)
        if who == "the process that leads":
            work.start(stop)
        else:
            working.start()
        try:
            reply = served.client.post(
                "/v1/collections/first/images?mode=queued", files={"image": png(901)}, headers=ADMIN
            )
            job_id = reply.json()["data"][0]["job_id"]
            eventually(lambda: service.ledger.jobs.get(job_id).state == "done")
            assert service.ledger.jobs.outbox() == []
        finally:
            stop.set()
            work.join()
            if working.is_alive():
                working.join()
