"""The drawing of a match: both pictures, lines that can be seen, frames, words; whatever the pictures are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lookalike.core.vectors import Pixels
from lookalike.presentation.contact_sheet.image import GAP, MOUNT, PAPER
from lookalike.presentation.matches import BETWEEN, HEIGHT, MOST_LINES, MOST_WIDTH, OUTLINE, TITLE_PX, matches_picture
from lookalike.search.local_features import Match

TOP = 2 * GAP + TITLE_PX
PLACES = np.stack(np.meshgrid(np.arange(20.0, 300, 40), np.arange(20.0, 200, 40)), axis=2).reshape(-1, 2)


def plain(width: int = 320, height: int = 240, *, level: int = 0) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def match_of(homography: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None) -> Match:
    places = PLACES.astype(np.float32)
    agreeing = np.full(len(places), homography is not None)
    return Match(places, places, agreeing, homography, None, "35 of 35 points agree on one view")


def drawn(sheet: Pixels, colour: tuple[int, int, int]) -> int:
    return int((np.abs(sheet.astype(int) - colour).max(axis=2) < 12).sum())


@pytest.mark.parametrize("level", [0, 255], ids=["dark", "light"])
def test_lines_and_frames_stand_out_from_dark_and_from_light(level: int) -> None:
    pixels = plain(level=level)
    bare = matches_picture(pixels, pixels, match_of(None)).astype(int)
    full = matches_picture(pixels, pixels, match_of(np.diag([0.5, 0.5, 1]))).astype(int)
    assert bare.shape == full.shape
    changed = np.abs(full - bare).max(axis=2)
    assert (changed > 100).sum() > 2000
    assert drawn(full.astype(np.uint8), OUTLINE) > 400
    assert drawn(bare.astype(np.uint8), OUTLINE) == 0


def test_a_frame_lies_where_the_view_puts_it_and_only_inside_the_picture() -> None:
    width, height = 320, 240
    scale = HEIGHT / height
    view = np.array([[0.5, 0, 40], [0, 0.5, 30], [0, 0, 1]])
    none = replace(match_of(view), agreeing=np.zeros(len(PLACES), bool))
    none = replace(none, query=none.query[:0], hit=none.hit[:0], agreeing=none.agreeing[:0])
    sheet = matches_picture(plain(), plain(), none)
    yellow = np.abs(sheet.astype(int) - OUTLINE).max(axis=2) < 12
    rows, columns = np.flatnonzero(yellow.any(axis=1)), np.flatnonzero(yellow.any(axis=0))
    left = GAP + round(width * scale) + BETWEEN
    assert (rows[0], rows[-1]) == pytest.approx((TOP + 30 * scale, TOP + 150 * scale), abs=4)
    assert (columns[0], columns[-1]) == pytest.approx((left + 40 * scale, left + 200 * scale), abs=4)
    assert not yellow[:, : left - 1].any()  # the hit's frame lies outside the query


def test_no_more_lines_are_drawn_than_can_be_followed() -> None:
    many = np.column_stack([np.full(500, 300.0), np.linspace(5, 235, 500)]).astype(np.float32)
    match = Match(many, many, np.ones(500, bool), np.diag([1.0, 1, 1]), 0.9, "500 of 500")
    bare = matches_picture(plain(), plain(), replace(match, homography=None)).astype(int)
    full = matches_picture(plain(), plain(), match).astype(int)
    between = GAP + round(320 * HEIGHT / 240) + BETWEEN // 2
    line = np.abs(full - bare)[:, between].max(axis=1) > 20
    assert np.count_nonzero(np.diff(line.astype(int)) == 1) == MOST_LINES


def test_pictures_that_agree_on_nothing_are_shown_as_they_are_with_the_reason() -> None:
    red, blue = plain(), plain(200, 300)
    red[:] = (200, 0, 0)
    blue[:] = (0, 0, 200)
    sheet = matches_picture(red, blue, match_of(None))
    assert drawn(sheet, (200, 0, 0)) == HEIGHT * round(320 * HEIGHT / 240)
    assert drawn(sheet, (0, 0, 200)) == HEIGHT * round(200 * HEIGHT / 300)
    said = sheet[GAP : GAP + TITLE_PX]
    assert (said != PAPER).any()
    assert (said != matches_picture(red, blue, replace(match_of(None), reason="no"))[GAP : GAP + TITLE_PX]).any()


@pytest.mark.parametrize("size", [(1, 1), (8000, 8), (8, 8000), (8000, 1), (3, 2)])
@pytest.mark.parametrize("view", [None, np.eye(3), np.array([[1, 0.0, 0], [0, 1, 0], [-0.01, 0, 1]])])
def test_a_picture_of_any_size_is_drawn_in_bounds(
    size: tuple[int, int], view: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None
) -> None:
    for ours, theirs in ((plain(*size), plain()), (plain(), plain(*size))):
        sheet = matches_picture(ours, theirs, match_of(view))
        assert sheet.dtype == np.uint8
        assert sheet.shape[0] == matches_picture(plain(), plain(), match_of(None)).shape[0]
        assert sheet.shape[1] <= 2 * (GAP + MOST_WIDTH) + BETWEEN
    assert drawn(matches_picture(plain(8000, 8, level=80), plain(), match_of(None)), MOUNT) > 0


@pytest.mark.parametrize("name", ["<script>", "a\nb\x1b[31m", "漢字\u202e", "", "x" * 900, "\udcff.jpg"], ids=ascii)
def test_hostile_names_are_written_harmlessly(name: str) -> None:
    match = replace(match_of(np.eye(3)), reason=name)
    assert matches_picture(plain(), plain(), match, query_name=name, hit_name=name).shape[2] == 3


def test_the_given_pictures_are_left_as_they_are() -> None:
    pixels = plain()
    matches_picture(pixels, pixels, match_of(np.eye(3)))
    assert not pixels.any()
