"""The demo's pictures are drawn once."""

from __future__ import annotations

from pathlib import Path

import pytest

from lookalike.core.errors import WouldOverwrite
from lookalike.demo.kept import LIST, kept_pictures

COUNT = 6


def test_a_second_call_draws_nothing_and_gives_the_same(tmp_path: Path) -> None:
    drawn: list[tuple[int, int]] = []
    first = kept_pictures(tmp_path, count=COUNT, drawn=lambda done, total: drawn.append((done, total)))
    second = kept_pictures(tmp_path, count=COUNT, drawn=lambda done, total: drawn.append((done, total)))
    assert first == second
    assert drawn == [(n + 1, COUNT) for n in range(COUNT)]


def test_what_is_missing_or_not_ours_is_drawn_anew(tmp_path: Path) -> None:
    first = kept_pictures(tmp_path, count=COUNT)
    first[3].path.unlink()
    assert kept_pictures(tmp_path, count=COUNT) == first
    assert first[3].path.is_file()
    for content in ("", "[]", '{"version": 2, "pictures": [{}]}', '{"version": 0, "pictures": []}'):
        (tmp_path / LIST).write_text(content)
        assert kept_pictures(tmp_path, count=COUNT) == first


def test_nothing_is_drawn_into_a_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "beach").mkdir()
    (tmp_path / "beach" / "beach-01.jpg").write_bytes(b"mine")
    with pytest.raises(WouldOverwrite, match="holds files that are not the demo's"):
        kept_pictures(tmp_path, count=COUNT)
    assert [path.name for path in tmp_path.rglob("*")] == ["beach", "beach-01.jpg"]


def test_a_drawing_that_was_stopped_can_begin_again(tmp_path: Path) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_pictures(tmp_path, count=COUNT, drawn=stop)
    assert len(kept_pictures(tmp_path, count=COUNT)) == COUNT
