"""A picture in the terminal, where the terminal can show one.

Two protocols carry real pixels (kitty's and iTerm2's); elsewhere, half blocks in 24-bit colour do: each cell shows
two pixels, one above the other. What a terminal can is read from its environment alone. Asking it by escape
sequences, as the library `textual-image` does when it is imported, takes up to a tenth of a second each time, eats
what the user types meanwhile, and fails over slow links; that library is also under the LGPL and needs rich. The
bytes themselves take few lines, so they are written here, and nothing is sent that the terminal has to answer.

Sources: "Terminal graphics protocol" of kitty; "Inline Images Protocol" of iTerm2; no-color.org.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from enum import StrEnum

import numpy as np
from PIL import Image

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Pixels

ESC = "\x1b"
KITTY_CHUNK = 4096  # characters of base64 in one escape sequence, kitty's limit
PIXELS_PER_COLUMN = 16  # enough for screens of high density; more only costs bytes


class Graphics(StrEnum):
    """How a terminal shows pictures."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    BLOCKS = "blocks"


def graphics_of(environment: Mapping[str, str], *, tty: bool, encoding: str = "utf-8") -> Graphics | None:
    """Tell how pictures can be shown, if at all.

    Args:
        environment: as `os.environ`.
        tty: whether the output is a terminal.
        encoding: of the output stream; half blocks need Unicode.
    Returns:
        None where the output is no terminal or a dumb one, where `NO_COLOR` is set, or where nothing is known
        to work. Inside tmux and screen, which swallow the protocols, only half blocks are considered.
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if not tty or term == "dumb" or environment.get("NO_COLOR"):
        return None
    if "TMUX" not in environment and not term.startswith(("tmux", "screen")):
        if program in ("iTerm.app", "WezTerm") or environment.get("LC_TERMINAL") == "iTerm2":
            return Graphics.ITERM2
        if "KITTY_WINDOW_ID" in environment or term in ("xterm-kitty", "xterm-ghostty") or program == "ghostty":
            return Graphics.KITTY
    colourful = environment.get("COLORTERM", "").lower() in ("truecolor", "24bit")
    return Graphics.BLOCKS if colourful and encoding.lower().startswith("utf") else None


def picture_text(pixels: Pixels, graphics: Graphics, *, columns: int = 40, rows: int = 16) -> str:
    """Give the characters that show a picture.

    Args:
        pixels: shape (H, W, 3), uint8 RGB, H and W at least 1.
        graphics: what the terminal understands, from `graphics_of`.
        columns: the picture's greatest width, in cells.
        rows: its greatest height, in cells; a cell counts as twice as high as wide.
    Returns:
        text to write to the terminal as it is; it ends with a newline and leaves colours reset.
    Raises:
        BadInput: when `pixels` has another shape or dtype, or there is no room.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise BadInput(
            f"expected pixels of shape (H, W, 3), uint8, got {pixels.shape}, {pixels.dtype}"
            "; decode it first with lookalike.images.decode"
        )
    if columns < 1 or rows < 1:
        raise BadInput(f"expected room of at least 1 by 1 cells, got {columns} by {rows}; widen the terminal")
    image = Image.fromarray(pixels)
    wide, high = _cells(image, columns, rows)
    match graphics:
        case Graphics.KITTY:
            return _kitty(image, wide, high)
        case Graphics.ITERM2:
            return _iterm2(image, wide, high)
        case Graphics.BLOCKS:
            return _blocks(image, wide, high)


def _cells(image: Image.Image, columns: int, rows: int) -> tuple[int, int]:
    scale = min(columns / image.width, 2 * rows / image.height)
    return max(1, round(image.width * scale)), max(1, round(image.height * scale / 2))


def _kitty(image: Image.Image, columns: int, rows: int) -> str:
    """`a=T` sends and shows, `f=100` is PNG, `q=2` asks for no reply, `m=1` announces another chunk."""
    data = base64.b64encode(_png(image, columns, rows)).decode("ascii")
    chunks = [data[i : i + KITTY_CHUNK] for i in range(0, len(data), KITTY_CHUNK)]
    parts = []
    for i, chunk in enumerate(chunks):
        first = f"a=T,f=100,q=2,c={columns},r={rows}," if i == 0 else ""
        parts.append(f"{ESC}_G{first}m={int(i < len(chunks) - 1)};{chunk}{ESC}\\")
    return "".join(parts) + "\n"


def _iterm2(image: Image.Image, columns: int, rows: int) -> str:
    png = _png(image, columns, rows)
    data = base64.b64encode(png).decode("ascii")
    return f"{ESC}]1337;File=inline=1;size={len(png)};width={columns};height={rows};preserveAspectRatio=1:{data}\a\n"


def _png(image: Image.Image, columns: int, rows: int) -> bytes:
    shown = image.copy()
    shown.thumbnail((columns * PIXELS_PER_COLUMN, rows * 2 * PIXELS_PER_COLUMN))
    buffer = io.BytesIO()
    shown.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _blocks(image: Image.Image, columns: int, rows: int) -> str:
    shown = np.asarray(image.resize((columns, 2 * rows), Image.Resampling.BOX, reducing_gap=3.0))
    return "".join(f"{''.join(_half_blocks(shown[2 * r], shown[2 * r + 1]))}{ESC}[0m\n" for r in range(rows))


def _half_blocks(upper: Pixels, lower: Pixels) -> Iterator[str]:
    """Give one line: the foreground of `▀` is the upper pixel, the background the lower one."""
    before: tuple[list[int], list[int]] | None = None
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        if (above, below) != before:
            yield f"{ESC}[38;2;{above[0]};{above[1]};{above[2]};48;2;{below[0]};{below[1]};{below[2]}m"
            before = above, below
        yield "▀"
