"""What the environment says about a terminal, and the bytes that a picture becomes."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from lookalike.core.errors import BadInput
from lookalike.presentation.terminal import Graphics, graphics_of, picture_text

NOISE = np.random.default_rng(0).integers(0, 256, (60, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-kitty"}, Graphics.KITTY),
        ({"KITTY_WINDOW_ID": "1", "TERM": "xterm-256color"}, Graphics.KITTY),
        ({"TERM": "xterm-ghostty"}, Graphics.KITTY),
        ({"TERM_PROGRAM": "ghostty"}, Graphics.KITTY),
        ({"TERM_PROGRAM": "WezTerm"}, Graphics.ITERM2),
        ({"TERM_PROGRAM": "iTerm.app", "COLORTERM": "truecolor"}, Graphics.ITERM2),
        ({"LC_TERMINAL": "iTerm2"}, Graphics.ITERM2),
        ({"COLORTERM": "truecolor"}, Graphics.BLOCKS),
        ({"COLORTERM": "24bit"}, Graphics.BLOCKS),
        ({"TERM": "xterm-256color"}, None),
        ({}, None),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, None),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, None),
        ({"TERM": "xterm-kitty", "NO_COLOR": ""}, Graphics.KITTY),
        ({"KITTY_WINDOW_ID": "1", "TMUX": "/tmp/tmux", "COLORTERM": "truecolor"}, Graphics.BLOCKS),
        ({"TERM_PROGRAM": "WezTerm", "TERM": "screen-256color"}, None),
    ],
    ids=str,
)
def test_the_environment_decides(environment: dict[str, str], expected: Graphics | None) -> None:
    assert graphics_of(environment, tty=True) is expected


def test_what_is_not_a_terminal_gets_no_picture() -> None:
    assert graphics_of({"TERM": "xterm-kitty"}, tty=False) is None


def test_half_blocks_need_an_output_that_can_encode_them() -> None:
    assert graphics_of({"COLORTERM": "truecolor"}, tty=True, encoding="ascii") is None


def test_kitty_gets_a_png_in_chunks_and_is_asked_not_to_reply() -> None:
    text = picture_text(NOISE, Graphics.KITTY, columns=10, rows=10)
    chunks = re.findall("\x1b_G(.*?);(.*?)\x1b\\\\", text)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in chunks) + "\n" == text
    assert chunks[0][0] == "a=T,f=100,q=2,c=10,r=2,m=1"
    assert [keys for keys, _ in chunks[1:]] == ["m=1"] * (len(chunks) - 2) + ["m=0"]
    assert all(len(data) <= 4096 and len(data) % 4 == 0 for _, data in chunks)
    with Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in chunks)))) as image:
        np.testing.assert_array_equal(np.asarray(image), NOISE)


def test_iterm2_gets_a_png_with_its_size() -> None:
    text = picture_text(NOISE, Graphics.ITERM2, columns=10, rows=10)
    found = re.fullmatch("\x1b]1337;File=inline=1;size=(\\d+);width=10;height=2;preserveAspectRatio=1:(.*)\x07\n", text)
    assert found
    png = base64.b64decode(found[2])
    assert len(png) == int(found[1])
    with Image.open(io.BytesIO(png)) as image:
        np.testing.assert_array_equal(np.asarray(image), NOISE)


def test_a_large_picture_is_sent_small() -> None:
    text = picture_text(np.zeros((3000, 4000, 3), np.uint8), Graphics.ITERM2, columns=20, rows=20)
    with Image.open(io.BytesIO(base64.b64decode(text.split(":")[1]))) as image:
        assert image.size == (320, 240)


def test_half_blocks_show_two_pixels_in_a_cell_and_repeat_no_colour() -> None:
    red, green, blue = [255, 0, 0], [0, 255, 0], [0, 0, 255]
    pixels = np.array([[red, red, green], [blue, blue, blue]], np.uint8)
    assert picture_text(pixels, Graphics.BLOCKS, columns=3, rows=1) == (
        "\x1b[38;2;255;0;0;48;2;0;0;255m▀▀\x1b[38;2;0;255;0;48;2;0;0;255m▀\x1b[0m\n"
    )


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (5000, 1), (30, 20)])
def test_a_picture_of_any_shape_stays_in_its_room(height: int, width: int) -> None:
    lines = picture_text(np.zeros((height, width, 3), np.uint8), Graphics.BLOCKS, columns=12, rows=7).splitlines()
    assert 1 <= len(lines) <= 7
    assert all(1 <= line.count("▀") <= 12 for line in lines)


def test_wrong_pixels_and_no_room_are_refused() -> None:
    with pytest.raises(BadInput, match=r"shape \(H, W, 3\)"):
        picture_text(np.zeros((4, 4), np.uint8), Graphics.BLOCKS)
    with pytest.raises(BadInput, match=r"shape \(H, W, 3\)"):
        picture_text(np.zeros((0, 4, 3), np.uint8), Graphics.BLOCKS)
    with pytest.raises(BadInput, match="at least 1 by 1"):
        picture_text(NOISE, Graphics.BLOCKS, columns=0)
