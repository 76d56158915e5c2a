"""Reading files that may be anything."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from lookalike.core.errors import ImageRefused
from lookalike.images import files
from lookalike.images.files import content_id, looks_like_picture, read_file
from lookalike.images.limits import ImageLimits


def refused_as(path: str | Path, limits: ImageLimits | None = None) -> str:
    with pytest.raises(ImageRefused) as refused:
        read_file(path, limits=limits or ImageLimits())
    return refused.value.code


def test_bytes_size_and_time_belong_together(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content")
    os.utime(path, ns=(1_234_567_891_234_567_891, 1_234_567_891_234_567_891))

    read = read_file(path)

    assert (read.data, read.size_bytes, read.mtime_ns) == (b"content", 7, path.stat().st_mtime_ns)
    assert content_id(read.data) == hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize(
    "name", ["line\nbreak.jpg", "bild-ü-画.jpg", os.fsdecode(b"not-utf8-\xff\xfe.jpg"), " .jpg", "-rf"]
)
def test_strange_names_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")

    assert read_file(path).data == b"x"
    assert read_file(str(path)).data == b"x"


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.jpg"))

        for path in (tmp_path, tmp_path / "pipe.jpg", tmp_path / "s.jpg", Path("/dev/null"), Path("/dev/zero")):
            assert refused_as(path) == "not_a_file", path


def test_what_is_not_there_has_vanished(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "dangling").symlink_to("nowhere")
    for path in (tmp_path / "gone.jpg", tmp_path / "file" / "below", tmp_path / "dangling"):
        assert refused_as(path) == "vanished"


def test_what_the_system_does_not_open_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert refused_as(tmp_path / "a") == "unreadable"
    assert refused_as("zero\x00byte.jpg") == "unreadable"
    assert refused_as(tmp_path / ("x" * 300)) == "unreadable"

    def forbidden(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.os, "open", forbidden)
    assert refused_as(tmp_path / "secret.jpg") == "unreadable"


def test_empty_and_oversized_files_are_refused_by_their_size(tmp_path: Path) -> None:
    empty, sparse = tmp_path / "empty", tmp_path / "sparse"
    empty.touch()
    with sparse.open("wb") as file:
        file.truncate(10_000_000_000)

    assert refused_as(empty) == "empty"
    assert refused_as(sparse) == "too_large"
    sparse.write_bytes(b"12345")
    assert read_file(sparse, limits=ImageLimits(max_bytes=5)).size_bytes == 5
    assert refused_as(sparse, ImageLimits(max_bytes=4)) == "too_large"


@pytest.mark.parametrize("change", [b"longer than before", b"short", b"same len"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    path = tmp_path / "growing.jpg"
    path.write_bytes(b"8 bytes.")
    os.utime(path, ns=(1, 1))
    read = os.read

    def read_while_written(descriptor: int, size: int) -> bytes:
        path.write_bytes(change)
        return read(descriptor, size)

    monkeypatch.setattr(files.os, "read", read_while_written)

    assert refused_as(path) == "changed"


def test_a_file_that_comes_in_pieces_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(range(100)))
    read = os.read
    monkeypatch.setattr(files.os, "read", lambda descriptor, size: read(descriptor, min(size, 7)))

    assert read_file(path).data == bytes(range(100))


def test_no_descriptor_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").touch()
    opened: list[int] = []
    really_open = os.open
    monkeypatch.setattr(files.os, "open", lambda *given: opened.append(really_open(*given)) or opened[-1])

    refused_as(tmp_path / "empty")
    refused_as(tmp_path)

    assert len(opened) == 2
    for descriptor in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_pictures_are_recognised_by_the_end_of_their_name() -> None:
    for name in ("a.jpg", "A.JPEG", "x.y.png", "b.TIFF", "c.heic", "d.AVIF", os.fsdecode(b"\xff.webp")):
        assert looks_like_picture(name), name
    for name in ("a.txt", "jpg", ".jpg", "a.jpg.part", "a.mp4", "", "a.jpg~"):
        assert not looks_like_picture(name), name
