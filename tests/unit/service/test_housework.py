"""What is done beside answering goes on, whatever happens to a part of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lookalike.core.errors import StorageFailed
from lookalike.objects.direct.local import LocalUploads
from lookalike.service import housework
from lookalike.service.housework import Housework
from tests.services import running
from tests.waiting import eventually


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
