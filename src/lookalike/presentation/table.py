"""Tables that people read in a terminal, also in a narrow one: hits, and facts with their names."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookalike.presentation.text import safe

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

BAR_CELLS = 10
NARROW = 60
"""A terminal of fewer cells has what is long on lines of its own."""


@dataclass(frozen=True, slots=True)
class HitLine:
    """One line of the table of hits.

    Attributes:
        rank: from 1.
        similarity: cosine, -1 to 1, higher is closer.
        name: what to call the picture, mostly its path; need not be safe.
        notes: short facts beside it, such as the size in pixels; need not be safe.
        href: a URL to open the picture with, where the terminal knows links; None for none.
    """

    rank: int
    similarity: float
    name: str
    notes: Sequence[str] = ()
    href: str | None = None


def hits_table(lines: Sequence[HitLine], *, terminal: bool, color: bool = True, width: int = 80) -> str:
    """Render hits for people.

    Args:
        lines: best first.
        terminal: True where the text goes to a terminal: drawn by rich, long names folded to `width`. False
            gives plain aligned text, one line a hit, never cut.
        color: False leaves colours and links out.
        width: of the terminal, in cells.
    Returns:
        lines that each end with a newline; empty where there are no hits.
    """
    if not lines:
        return ""
    return _draw_table(lines, color=color, width=width) if terminal else _plain_table(lines)


def _plain_table(lines: Sequence[HitLine]) -> str:
    rank_width = max(len("rank"), len(str(lines[-1].rank)))
    rows = [f"{'rank':>{rank_width}}  similarity  picture"]
    rows += [
        f"{line.rank:>{rank_width}}  {line.similarity:>10.3f}  {'  '.join(map(safe, (line.name, *line.notes)))}"
        for line in lines
    ]
    return "\n".join(rows) + "\n"


def _draw_table(lines: Sequence[HitLine], *, color: bool, width: int) -> str:
    # rich takes some 50 ms to import, which plain output must not pay.
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if width < NARROW:
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        for line in lines:
            table.add_row(str(line.rank), Text("\n").join([_similarity(line), *_title_lines(line, color=color)]))
        return _render(table, color=color, width=width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("similarity", no_wrap=True)
    table.add_column("picture", overflow="fold")
    for line in lines:
        table.add_row(str(line.rank), _similarity(line), Text("  ").join(_title_lines(line, color=color)))
    return _render(table, color=color, width=width)


def _similarity(line: HitLine) -> Text:
    from rich.text import Text

    bar = Text(similarity_bar(line.similarity), style="green" if line.similarity >= 0.8 else "yellow")
    return Text(f"{line.similarity:.3f} ").append_text(bar)


def _title_lines(line: HitLine, *, color: bool) -> list[Text]:
    """What a picture is called, and where there are some, the facts beside it."""
    from rich.text import Text

    name = Text(safe(line.name), style=_link_style(line.href) if color else "")
    return [name, Text("  ".join(map(safe, line.notes)), style="dim")] if line.notes else [name]


def facts_text(facts: Mapping[str, str], *, terminal: bool, width: int = 80) -> str:
    """Render facts for people, each on a line of its own; on a narrow terminal, what is long below its name.

    Args:
        facts: by name; safe to show.
        terminal: True where the text goes to a terminal; else nothing is folded.
        width: of the terminal, in cells.
    Returns:
        lines that each end with a newline.
    """
    longest = max(map(len, facts), default=0)
    lines = [f"{name:<{longest}}  {value}" for name, value in facts.items()]
    if not terminal or width >= NARROW:
        return "".join(f"{line}\n" for line in lines)
    from rich.padding import Padding
    from rich.text import Text

    parts: list[str] = []
    for line, (name, value) in zip(lines, facts.items(), strict=True):
        if Text(line).cell_len <= width:
            parts.append(f"{line}\n")
        else:
            below = Padding(Text(value, overflow="fold"), (0, 0, 0, 2))
            parts.append(f"{name}\n" + _render(below, color=False, width=width))
    return "".join(parts)


def _render(what: RenderableType, *, color: bool, width: int) -> str:
    """Its lines that are not empty, without blanks at their ends."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=width, color_system="standard" if color else None,
        force_terminal=color, no_color=not color, legacy_windows=False, highlight=False,
    )  # fmt: skip
    with console.capture() as captured:
        console.print(what)
    return "".join(f"{row.rstrip()}\n" for row in captured.get().splitlines() if row.strip())


def similarity_bar(similarity: float) -> str:
    """Draw a similarity as a bar of `BAR_CELLS` cells; 0 and less is empty, 1 is full."""
    eighths = round(min(max(similarity, 0), 1) * BAR_CELLS * 8)
    partial = "" if eighths % 8 == 0 else " ▏▎▍▌▋▊▉"[eighths % 8]
    return ("█" * (eighths // 8) + partial).ljust(BAR_CELLS)


def _link_style(href: str | None) -> str:
    plain = href is not None and href.isascii() and href.isprintable() and " " not in href
    return f"link {href}" if plain else ""
