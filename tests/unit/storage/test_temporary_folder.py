"""A temporary folder goes with its process, also where that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from lookalike.core.errors import StorageFailed
from lookalike.storage.temporary_folder import PREFIX, given_or_temporary

NEEDS_ONE = """
import sys
from lookalike.storage.temporary_folder import given_or_temporary
with given_or_temporary(None) as folder:
    (folder / "vectors").mkdir()
    (folder / "vectors" / "0").write_bytes(b"rows")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for what is temporary."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("TMPDIR", str(place))
    return place


def test_where_a_folder_is_given_none_is_made(tmp_path: Path, temporary: Path) -> None:
    with given_or_temporary(tmp_path / "given") as folder:
        assert folder == tmp_path / "given"
        assert not list(temporary.iterdir())


@pytest.mark.parametrize("fails", [False, True])
def test_a_temporary_one_is_deleted_in_the_end(temporary: Path, fails: bool) -> None:
    def read(path: Path) -> bytes:
        assert [one.name for one in temporary.iterdir()] == [path.parent.name]
        return path.read_bytes()

    with suppress(FileNotFoundError), given_or_temporary(None) as folder:
        (folder / "rows").write_bytes(b"rows")
        read(folder / ("nothing" if fails else "rows"))
    assert not list(temporary.iterdir())


def test_what_a_killed_process_has_left_is_deleted_and_what_a_live_one_uses_is_kept(temporary: Path) -> None:
    (temporary / f"{PREFIX}file").write_bytes(b"no folder")
    (temporary / f"{PREFIX}link").symlink_to(temporary)
    (temporary / f"{PREFIX}empty").mkdir()
    (temporary / "others").mkdir()
    command = [sys.executable, "-c", NEEDS_ONE]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, live = (Path(str(process.stdout and process.stdout.readline().strip())) for process in processes)
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait()
    assert killed.exists()

    with given_or_temporary(None) as folder:
        names = {one.name for one in temporary.iterdir()}
        assert names == {folder.name, live.name, "others", f"{PREFIX}file", f"{PREFIX}link"}
        assert (live / "vectors" / "0").read_bytes() == b"rows"

    for process in processes:
        process.communicate()
    assert not live.exists()


def test_where_none_can_be_made_that_is_a_failure_of_storage(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "nowhere"))
    with pytest.raises(StorageFailed, match="TMPDIR"), given_or_temporary(None):
        pass
