"""The demo's pictures are drawn once."""

from __future__ import annotations

from pathlib import Path

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
    for content in ("", "[]", '{"version": 1, "pictures": [{}]}', '{"version": 0, "pictures": []}'):
        (tmp_path / LIST).write_text(content)
        assert kept_pictures(tmp_path, count=COUNT) == first
