"""The folder of direct uploads: where bytes lie, and what is left when the disk fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lookalike.core.errors import ReadOnly, StorageFailed
from lookalike.objects.base import Leftover, LeftoverKind
from lookalike.objects.local_uploads import LocalUploads
from lookalike.storage import whole_file
from tests.contract.test_direct_uploads import DATA, ID, bring, presigned, received

SECRET = b"s" * 32

CLAIM = "lookalike.objects.local_uploads._open_claimed"


@pytest.fixture
def uploads(tmp_path: Path) -> LocalUploads:
    return LocalUploads(tmp_path / "uploads", secret=lambda: SECRET, clock=lambda: 0.0)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def failing(number: int) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


def test_bytes_lie_under_the_id_and_for_nobody_else_to_read(uploads: LocalUploads) -> None:
    bring(uploads, presigned(uploads))
    assert files(uploads.folder) == [f"staged/{ID}"]
    assert (uploads.folder / "staged" / ID).stat().st_mode & 0o077 == 0
    uploads.quarantine(ID, DATA)
    assert files(uploads.folder) == [f"quarantine/{ID}"]


def test_another_process_with_the_same_secret_takes_the_bytes(uploads: LocalUploads) -> None:
    put = presigned(uploads)
    bring(LocalUploads(uploads.folder, secret=lambda: SECRET, clock=lambda: 0.0), put)
    assert uploads.read(ID) == DATA


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("what", [["os.fsync"], ["pathlib.Path.replace"], ["os.open", CLAIM]])
def test_a_disk_that_fails_is_told_and_leaves_nothing(
    uploads: LocalUploads, monkeypatch: pytest.MonkeyPatch, what: list[str], number: int
) -> None:
    bring(uploads, presigned(uploads))
    uploads.discard(ID)
    with monkeypatch.context() as patched:
        for one in what:
            patched.setattr(one, failing(number))
        with pytest.raises(StorageFailed):
            bring(uploads, presigned(uploads))
        with pytest.raises(StorageFailed):
            uploads.quarantine(ID, DATA)
        assert files(uploads.folder) == []
    bring(uploads, presigned(uploads))
    assert uploads.read(ID) == DATA


def test_bytes_whose_name_may_not_outlive_a_power_failure_do_not_count_as_there(
    uploads: LocalUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(uploads, presigned(uploads))
    uploads.discard(ID)
    sync = whole_file.sync

    def of_a_folder(path: Path) -> None:
        if path.is_dir():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(path)

    with monkeypatch.context() as patched:
        patched.setattr(whole_file, "sync", of_a_folder)
        with pytest.raises(StorageFailed):
            bring(uploads, presigned(uploads))
    assert files(uploads.folder) == []


def test_a_disk_that_is_full_half_way_is_told_and_leaves_nothing(small_disk: Path) -> None:
    uploads = LocalUploads(small_disk / "uploads", secret=lambda: SECRET, clock=lambda: 0.0)
    data = bytes(3_000_000)
    receiver = received(uploads, presigned(uploads, data), size_bytes=len(data))
    with pytest.raises(StorageFailed, match="make room"):  # noqa: PT012 - which piece fails is the disk's choice
        for at in range(0, len(data), 100_000):
            receiver.write(data[at : at + 100_000])
        receiver.finish()
    receiver.abort()
    assert files(small_disk) == []
    bring(uploads, presigned(uploads))
    assert uploads.read(ID) == DATA


def test_a_folder_that_cannot_be_written_says_so(
    uploads: LocalUploads, read_only_folder: Callable[[Path], Path]
) -> None:
    bring(uploads, presigned(uploads))
    read_only_folder(uploads.folder)
    assert uploads.read(ID) == DATA
    with pytest.raises(ReadOnly):
        received(uploads, presigned(uploads))
    with pytest.raises(ReadOnly):
        uploads.discard(ID)


def test_what_a_dead_process_left_half_written_is_swept_away_when_it_is_old(tmp_path: Path) -> None:
    now = [0.0]
    uploads = LocalUploads(tmp_path / "uploads", secret=lambda: SECRET, clock=lambda: now[0])
    assert uploads.sweep(lambda _: True) == []
    bring(uploads, presigned(uploads))
    half = uploads.folder / "half-written"
    (half / "old").write_bytes(b"half")
    (half / "new").write_bytes(b"half")
    os.utime(half / "old", (0, 0))
    os.utime(half / "new", (80_000, 80_000))
    now[0] = 90_000.0
    assert uploads.sweep(lambda _: True) == [Leftover(LeftoverKind.HALF_WRITTEN, "old", 4)]
    assert files(uploads.folder) == ["half-written/new", f"staged/{ID}"]


def test_what_a_killed_process_left_of_an_upload_is_in_nobodys_way(uploads: LocalUploads) -> None:
    bring(uploads, presigned(uploads))
    uploads.discard(ID)
    (uploads.folder / "half-written" / ID).write_bytes(b"more than " * 100)
    bring(uploads, presigned(uploads))
    assert uploads.read(ID) == DATA
