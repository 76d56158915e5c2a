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

from lookalike.storage.whole_file import LEFT_AFTER_S, half_written, write_whole

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
