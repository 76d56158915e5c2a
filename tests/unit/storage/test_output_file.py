"""No output takes the place of what we did not make, and none is ever half there."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lookalike.core.errors import BadInput, StorageFailed, WouldOverwrite
from lookalike.storage.output_file import (
    OutputKind,
    check_output,
    either,
    inputs_are_precious,
    is_ours_by_mark,
    replacing,
    write_output,
)
from lookalike.storage.whole_file import LEFT_AFTER_S

MARK = b"made by us"
KIND = OutputKind("a list", (".txt", ".text"), (MARK,))
OURS = b"# " + MARK + b"\n1\n"


def test_a_new_file_an_empty_one_and_one_of_ours_are_written(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    for content in (OURS, OURS + b"2\n"):
        write_output(target, content, kind=KIND)
        assert target.read_bytes() == content
    (tmp_path / "empty.TXT").touch()
    write_output(tmp_path / "empty.TXT", OURS, kind=KIND)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "empty.TXT"]


@pytest.mark.parametrize("there", [b"a diary", b"x" * 5_000 + MARK + b"x" * 70_000])
def test_anything_else_stays_unless_it_is_forced(tmp_path: Path, there: bytes) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(there)
    with pytest.raises(WouldOverwrite, match=r"a\.txt is not a list made by Lookalike, and stays: .*--force"):
        write_output(target, OURS, kind=KIND)
    assert target.read_bytes() == there
    write_output(target, OURS, kind=KIND, force=True)
    assert target.read_bytes() == OURS


def test_a_mark_at_the_end_of_a_large_file_counts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 200_000 + MARK)
    assert check_output(tmp_path / "a.txt", kind=KIND) == tmp_path / "a.txt"


@pytest.mark.parametrize("how", [os.symlink, os.link])
def test_an_input_is_seen_through_links(
    tmp_path: Path, how: Callable[[Path, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source.txt", tmp_path / "target.txt"
    source.write_bytes(OURS)
    how(source, target)
    monkeypatch.chdir(tmp_path)
    for path in (target, source, "target.txt", "./source.txt"):
        with pytest.raises(WouldOverwrite, match="is the query"):
            check_output(path, kind=KIND, precious=inputs_are_precious(["source.txt"], what="the query"))
    assert check_output(source, kind=KIND, precious=inputs_are_precious(["elsewhere", "a\0b"], what="the query"))


def test_the_first_reason_that_there_is_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(OURS)
    precious = either(is_ours_by_mark, lambda _: "sacred", lambda _: "never asked")
    with pytest.raises(WouldOverwrite, match="is sacred, and stays"):
        check_output(tmp_path / "a.txt", kind=KIND, precious=precious)


def test_nothing_is_written_through_a_link_but_with_force_and_it_stays_a_link(tmp_path: Path) -> None:
    link, real = tmp_path / "link.txt", tmp_path / "real.txt"
    link.symlink_to(real)
    for leads_to in ("where nothing is", "real.txt"):  # to nowhere, then to a file of ours
        with pytest.raises(WouldOverwrite, match=f"is a link to .*{leads_to}"):
            write_output(link, OURS, kind=KIND)
        write_output(link, OURS, kind=KIND, force=True)
    assert link.is_symlink()
    assert real.read_bytes() == OURS


def test_links_on_the_way_to_a_file_are_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for _ in range(2):
        write_output(tmp_path / "link" / "a.txt", OURS, kind=KIND)
    assert (tmp_path / "folder" / "a.txt").read_bytes() == OURS


def test_what_only_its_owner_could_read_stays_so(tmp_path: Path) -> None:
    write_output(tmp_path / "a.txt", OURS, kind=KIND)
    (tmp_path / "a.txt").chmod(0o600)
    write_output(tmp_path / "a.txt", OURS, kind=KIND)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    for name, said in (("folder.txt", "it is a folder"), ("pipe.txt", "no regular file"), ("no/a.txt", "no folder")):
        with pytest.raises(StorageFailed, match=said):
            check_output(tmp_path / name, kind=KIND, force=True)
    for name in ("a.jpg", "a", ".txt"):
        with pytest.raises(BadInput, match=r"expected a list to end in \.txt or \.text"):
            check_output(tmp_path / name, kind=KIND, force=True)
    with pytest.raises(BadInput, match="expected the path of a list"):
        check_output("a\0.txt", kind=KIND)


def _fail_half_way(target: Path, error: Exception) -> None:
    with replacing(target, kind=KIND) as part:
        part.write_bytes(b"half")
        raise error


def test_a_failure_half_way_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_output(target, OURS, kind=KIND)
    with pytest.raises(RuntimeError):
        _fail_half_way(target, RuntimeError())
    with pytest.raises(StorageFailed, match=r"a\.txt: cannot be written: the disk is full.*; nothing was overwritten$"):
        _fail_half_way(target, OSError(28, "Error of a library. Detail: [errno 28] in column 7"))
    with pytest.raises(StorageFailed, match=r"a\.txt: cannot be written: Input/output error; .*nothing"):
        _fail_half_way(target, OSError(5, "Error of a library"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_bytes() == OURS


def test_what_came_there_in_the_meantime_stays(tmp_path: Path) -> None:
    def write() -> None:
        with replacing(tmp_path / "a.txt", kind=KIND) as part:
            part.write_bytes(OURS)
            (tmp_path / "a.txt").write_bytes(b"somebody was faster")

    with pytest.raises(WouldOverwrite):
        write()
    assert (tmp_path / "a.txt").read_bytes() == b"somebody was faster"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_leaves_nothing_behind(small_disk: Path) -> None:
    with pytest.raises(StorageFailed, match="No space left"):
        write_output(small_disk / "a.txt", bytes(4_000_000), kind=KIND)
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, read_only_folder: Callable[[Path], Path]) -> None:
    write_output(tmp_path / "a.txt", OURS, kind=KIND)
    with pytest.raises(StorageFailed, match=r"a\.txt: cannot be written"):
        write_output(read_only_folder(tmp_path) / "a.txt", b"", kind=KIND)


KILLED = """
import os, signal, sys
from lookalike.storage.output_file import OutputKind, replacing
from lookalike.storage.whole_file import beside
with replacing(sys.argv[1], kind=OutputKind("a list", (".txt",), (b"x",))) as part:
    part.write_bytes(b"half")
    beside(part).write_bytes(b"half, too")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept_by_the_next_of_that_name_a_day_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = tmp_path / "a[1].txt"
    assert subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False).returncode == -signal.SIGKILL
    left = sorted(tmp_path.iterdir())
    theirs = [tmp_path / name for name in (".a[1].txt.part", ".a1.txt.01234567.part", "a[1].txt.01234567.part")]
    for path in theirs:
        path.write_bytes(b"not an output")
    assert len(left) == 2

    write_output(target, OURS, kind=KIND)
    assert all(path.exists() for path in left)  # somebody may be writing it
    for path in (*left, *theirs):
        os.utime(path, (0, time.time() - LEFT_AFTER_S - 1))
    write_output(tmp_path / "b.txt", OURS, kind=KIND)
    assert all(path.exists() for path in left)
    with caplog.at_level(logging.WARNING, logger="lookalike"):
        write_output(target, OURS, kind=KIND)
    assert [str(path) in caplog.text for path in left] == [True, True]
    assert sorted(tmp_path.iterdir()) == sorted([target, tmp_path / "b.txt", *theirs])


@pytest.mark.parametrize("letter", ["n", "ü", "图", "\U0001f408"])
def test_a_name_may_be_as_long_as_the_disk_takes(letter: str, tmp_path: Path) -> None:
    name = letter * ((255 - len(".txt")) // len(letter.encode())) + ".txt"
    write_output(tmp_path / name, OURS, kind=KIND)
    assert [path.name for path in tmp_path.iterdir()] == [name]
