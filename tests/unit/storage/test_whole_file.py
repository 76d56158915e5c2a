"""A file of ours is whole or not there, and what others left half-written is swept."""

from __future__ import annotations

import errno
import logging
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lookalike.storage.whole_file import LEFT_AFTER_S, half_written, part_of, sweep_parts, write_whole

KILLED = """
import os, signal, sys
from pathlib import Path
from lookalike.storage import whole_file
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
whole_file.write_whole(Path(sys.argv[1]), b"new")
"""


def test_what_is_written_takes_the_place_of_what_is_there_and_is_its_owners_alone(tmp_path: Path) -> None:
    target = tmp_path / "a" / "model.onnx"
    for content in (b"one", b"two"):
        write_whole(target, content)
        assert target.read_bytes() == content
    assert os.listdir(target.parent) == ["model.onnx"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in (target, target.parent)] == [0o600, 0o700]


def test_a_disk_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "model.onnx"
    write_whole(target, b"one")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"two")
    assert target.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_what_a_killed_process_left_is_swept_a_day_later_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "model.onnx"
    write_whole(target, b"one")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert killed.returncode == -9
    (left,) = half_written(tmp_path, before=time.time() + 60)
    assert target.read_bytes() == b"one"

    write_whole(target, b"two")  # another may be writing it at the moment
    assert left.path.exists()
    os.utime(left.path, (0, time.time() - LEFT_AFTER_S - 1))
    with caplog.at_level(logging.WARNING, logger="lookalike"):
        write_whole(target, b"three")
    assert str(left.path) in caplog.text
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_only_files_are_taken_for_half_written_and_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop.part").symlink_to("loop.part")
    (tmp_path / "theirs.part").symlink_to(tmp_path.parent)
    (tmp_path / "folder.part").mkdir()
    (tmp_path / "left.part").write_bytes(b"abc")
    in_future = time.time() + 60
    assert half_written(tmp_path, before=in_future) == [(tmp_path / "left.part", 3)]
    assert half_written(tmp_path / "none", before=in_future) == []
    with pytest.raises(NotADirectoryError):
        half_written(tmp_path / "left.part", before=in_future)
    write_whole(tmp_path / "model.onnx", b"one")
    assert (tmp_path / "model.onnx").read_bytes() == b"one"


def test_a_new_one_takes_nobodys_place(tmp_path: Path) -> None:
    target = tmp_path / "key"
    write_whole(target, b"first", is_new=True)
    with pytest.raises(FileExistsError):
        write_whole(target, b"second", is_new=True)
    assert target.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["key"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_in_a_folder_of_others_only_what_is_left_of_that_file_is_swept(tmp_path: Path) -> None:
    target = tmp_path / "keys.json"
    ours, theirs = part_of(target), tmp_path / "film.part"
    for path in (ours, theirs):
        path.write_bytes(b"half")
        os.utime(path, (0, time.time() - LEFT_AFTER_S - 1))
    write_whole(target, b"new", is_our_folder=False)
    assert {path.name for path in tmp_path.iterdir()} == {"keys.json", "film.part"}


def test_who_is_alone_sweeps_what_is_left_of_one_file_whatever_its_age(tmp_path: Path) -> None:
    target, other = tmp_path / "model.onnx", part_of(tmp_path / "other.onnx")
    for path in (part_of(target), other):
        path.write_bytes(b"half")
    sweep_parts(target, older_than_s=0)
    assert [path.name for path in tmp_path.iterdir()] == [other.name]


@pytest.mark.parametrize("is_new", [False, True])
def test_what_it_holds_is_durable_before_its_name_and_its_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    target, done, fsync = tmp_path / "model.onnx", [], os.fsync

    def noted(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)
        assert target.exists() == (done[-1] == "folder")

    monkeypatch.setattr(os, "fsync", noted)
    write_whole(target, b"new", is_new=is_new)
    assert (done[0], done[-1], done.count("folder")) == ("file", "folder", 1)


def test_a_name_as_long_as_the_disk_takes_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("\N{CAMERA}" * 63)
    write_whole(target, b"new")
    assert os.listdir(tmp_path) == [target.name]
