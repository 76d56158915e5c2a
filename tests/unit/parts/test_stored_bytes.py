from __future__ import annotations

from pathlib import Path

import pytest

from lookalike.core.errors import BadInput, ImageRefused
from lookalike.images.files import OpenFile
from lookalike.ingest.add import add_bytes, add_file
from lookalike.objects.streams import pieces_of
from lookalike.parts.stored_bytes import open_stored
from tests.collections import new_parts, png, touch, write, write_bytes


def test_a_range_of_a_file_that_is_as_it_was_is_read_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = new_parts()
    image_id = add_file(write(tmp_path / "a.png", 1), parts, metadata={})
    read = 0

    def counted(file: OpenFile, start: int, size_bytes: int) -> bytes:
        nonlocal read
        read += size_bytes
        return png(1)[start : start + size_bytes]

    monkeypatch.setattr(OpenFile, "read", counted)
    with open_stored(image_id, parts, first=7, size_bytes=9) as stream:
        assert b"".join(pieces_of(stream)) == png(1)[7:16]
    assert read == 9


def test_a_file_that_was_touched_is_compared_before_a_range_of_it_is_given(tmp_path: Path) -> None:
    parts = new_parts()
    path = write(tmp_path / "a.png", 1)
    image_id = add_file(path, parts, metadata={})
    touch(path, 5_000_000_000)
    with open_stored(image_id, parts, first=7, size_bytes=9) as stream:
        assert b"".join(pieces_of(stream)) == png(1)[7:16]

    write_bytes(path, png(2))
    with pytest.raises(ImageRefused, match="holds another picture now"):
        open_stored(image_id, parts, first=7, size_bytes=9)


def test_a_range_is_read_from_the_kept_bytes_where_no_file_has_them_any_more(tmp_path: Path) -> None:
    parts = new_parts(tmp_path / "c")
    path = write(tmp_path / "a.png", 1)
    image_id = add_file(path, parts, metadata={})
    add_bytes(png(1), parts, metadata={})
    path.unlink()

    with open_stored(image_id, parts, first=2, size_bytes=5) as part, open_stored(image_id, parts) as whole:
        assert b"".join(pieces_of(part)) == png(1)[2:7]
        assert b"".join(pieces_of(whole)) == png(1)
    with pytest.raises(BadInput, match="range"):
        open_stored(image_id, parts, first=-1)
