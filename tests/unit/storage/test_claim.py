"""A claim is had at once or not at all, by whoever opened the file."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lookalike.storage.claim import claim, is_at

CLAIMS = """
import sys
from pathlib import Path
from lookalike.storage.claim import claim
print(claim(Path(sys.argv[1])) is not None, flush=True)
sys.stdin.readline()
"""


def test_one_has_it_in_one_process_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "claim"
    first = claim(path)
    assert first is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert claim(path) is None
    os.close(first)
    second = claim(path)
    assert second is not None
    os.close(second)


def test_a_killed_process_has_it_no_more(tmp_path: Path) -> None:
    path = tmp_path / "claim"
    with subprocess.Popen(
        [sys.executable, "-c", CLAIMS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert claim(path) is None
        other.kill()
        other.wait()
    descriptor = claim(path)
    assert descriptor is not None
    os.close(descriptor)


def test_a_file_that_was_renamed_keeps_its_claim_and_its_name_is_free(tmp_path: Path) -> None:
    path = tmp_path / "claim"
    first = claim(path)
    assert first is not None
    path.rename(tmp_path / "other")
    assert (is_at(path, first), is_at(tmp_path / "other", first)) == (False, True)
    second = claim(path)
    assert second is not None
    assert claim(tmp_path / "other") is None
    os.close(first)
    os.close(second)


def test_a_file_that_goes_between_opening_and_locking_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock, gone = tmp_path / "claim", fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not gone:
            gone.append(path.unlink())
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    descriptor = claim(path)
    assert descriptor is not None
    assert is_at(path, descriptor)
    os.close(descriptor)


def test_a_file_system_that_does_not_lock_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(OSError, match="does not lock"):
        claim(tmp_path / "claim")
