"""What real changes of real folders are told as."""

from __future__ import annotations

import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lookalike.core.errors import MissingExtra, StorageFailed
from lookalike.ingest import watch as module
from lookalike.ingest.watch import watch

WAIT_S = 30


class Watched:
    """A watch in a thread of its own, and what it has told so far."""

    def __init__(self, *paths: Path, **options: Any) -> None:
        self._told: queue.Queue[list[str]] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=watch,
            args=(paths,),
            kwargs={"on_change": self._told.put, "stop": self._stop, "debounce_ms": 200, **options},
        )
        self._thread.start()
        self._seen: set[str] = set()

    def until_told(self, *wanted: Path, doing: Callable[[], object] = lambda: None) -> None:
        """Wait until all of these were told; do something before, again and again."""
        for _ in range(WAIT_S * 2):
            doing()
            try:
                self._seen.update(self._told.get(timeout=0.5))
            except queue.Empty:
                continue
            if {str(path) for path in wanted} <= self._seen:
                return
        raise AssertionError(f"expected {wanted}, got {self._seen}")

    def forget(self) -> None:
        self._seen.clear()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()


@pytest.fixture(autouse=True)
def _watchfiles() -> None:
    pytest.importorskip("watchfiles", reason="needs the extra 'watch'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    return made


@pytest.fixture
def watching() -> Iterator[Callable[..., Watched]]:
    begun: list[Watched] = []

    def begin(*paths: Path, **options: Any) -> Watched:
        begun.append(Watched(*paths, **options))
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


def test_the_folders_themselves_are_told_once_the_system_looks(folder: Path, watching: Callable[..., Watched]) -> None:
    (folder / "before.jpg").write_bytes(b"1")
    watched = watching(folder)
    watched.until_told(folder)
    (folder / "a.jpg").write_bytes(b"1")
    watched.until_told(folder / "a.jpg")


def test_written_renamed_and_deleted_files_are_told(folder: Path, watching: Callable[..., Watched]) -> None:
    watched = watching(folder)
    watched.until_told(folder)
    (folder / "ready.jpg").write_bytes(b"1")
    watched.until_told(folder / "ready.jpg")
    (folder / "sub").mkdir()
    (folder / "sub" / "a.jpg").write_bytes(b"1")
    watched.until_told(folder / "sub")
    watched.forget()
    (folder / "ready.jpg").rename(folder / "renamed.jpg")
    watched.until_told(folder / "ready.jpg", folder / "renamed.jpg")
    watched.forget()
    (folder / "renamed.jpg").unlink()
    watched.until_told(folder / "renamed.jpg")


def test_unwanted_paths_are_passed_over(folder: Path, watching: Callable[..., Watched]) -> None:
    watched = watching(folder, wanted=lambda path: not path.endswith(".lock"))

    def write() -> None:
        (folder / "catalog.lock").write_bytes(os.urandom(9))
        (folder / "a.jpg").write_bytes(os.urandom(9))

    watched.until_told(folder / "a.jpg", doing=write)
    assert str(folder / "catalog.lock") not in watched._seen


def test_a_folder_that_vanishes_and_comes_back_is_watched_again(
    folder: Path, tmp_path: Path, watching: Callable[..., Watched]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    watched = watching(folder, other)
    watched.until_told(folder / "a.jpg", doing=lambda: (folder / "a.jpg").write_bytes(os.urandom(9)))
    watched.forget()
    shutil.rmtree(folder)
    watched.until_told(folder)
    watched.forget()
    folder.mkdir()
    watched.until_told(folder)
    watched.until_told(folder / "b.jpg", doing=lambda: (folder / "b.jpg").write_bytes(os.urandom(9)))


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path: Path, watching: Callable[..., Watched]) -> None:
    later = tmp_path / "later"
    watched = watching(later)
    later.mkdir()
    (later / "a.jpg").write_bytes(b"1")
    watched.until_told(later / "b.jpg", doing=lambda: (later / "b.jpg").write_bytes(os.urandom(9)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are not UTF-8")
def test_of_a_file_whose_name_is_not_utf_8_the_folder_is_told(folder: Path, watching: Callable[..., Watched]) -> None:
    watched = watching(folder)
    watched.until_told(folder)
    watched.forget()
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg")).write_bytes(b"1")
    watched.until_told(folder)
    (folder / "a.jpg").write_bytes(b"1")
    watched.until_told(folder / "a.jpg")


def test_a_missing_library_and_a_system_that_cannot_watch_say_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        @staticmethod
        def watch(*paths: str, **options: Any) -> Iterator[set[Any]]:
            raise OSError("OS file watch limit reached")
            yield set()

    stop = threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(module, "_watchfiles", lambda: Full)
        with pytest.raises(StorageFailed, match="max_user_watches"):
            watch([folder], on_change=print, stop=stop)
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(MissingExtra, match=r"watchfiles, which is not installed: .*\[watch\]"):
        watch([folder], on_change=print, stop=stop)
