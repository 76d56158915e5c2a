"""What people read in a terminal: names made safe, sizes, durations, rates, and the table of hits."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

JOINERS = "\u200c\u200d"  # Persian words and family emoji are written with these
ESCAPED_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format (bidi), surrogate, line and paragraph separator
BAR_CELLS = 10


def safe(text: str) -> str:
    r"""Make a name from outside harmless in a terminal, a log line or a picture.

    Control characters, escape sequences, line breaks, right-to-left overrides, invisible format characters and
    bytes that are not UTF-8 (surrogate escapes) become visible: `\n`, `\x1b`, `\u202e`, `\xff`. The rest stays
    as it is, backslashes too; so this is for reading, not for turning back.

    Returns:
        one line that every encoder for UTF-8 takes.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character in JOINERS or unicodedata.category(character) not in ESCAPED_CATEGORIES:
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"  # the byte that os.fsdecode could not read
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def human_size(size_bytes: int) -> str:
    """Write a size in decimal units: `512 B`, `3.2 kB`, `1.5 GB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    power = next((p for p in (1, 2, 3) if size_bytes < 999.5 * 1000**p), 4)
    size, unit = size_bytes / 1000**power, ("kB", "MB", "GB", "TB")[power - 1]
    return f"{size:.1f} {unit}" if size < 99.95 else f"{size:.0f} {unit}"


def human_duration(seconds: float) -> str:
    """Write a time span with as much detail as matters: `4 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def human_rate(per_second: float, *, unit: str) -> str:
    """Write a rate: `312 photos/s`, `4.5 photos/s`."""
    return f"{per_second:,.0f} {unit}/s" if per_second >= 9.95 else f"{per_second:.1f} {unit}/s"


def human_count(count: int, thing: str) -> str:
    """Write how many there are: `1 file`, `1,200 files`; `thing` is a word that takes an s."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


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
    return _drawn_table(lines, color=color, width=width) if terminal else _plain_table(lines)


def _plain_table(lines: Sequence[HitLine]) -> str:
    rank_width = max(len("rank"), len(str(lines[-1].rank)))
    rows = [f"{'rank':>{rank_width}}  similarity  picture"]
    rows += [
        f"{line.rank:>{rank_width}}  {line.similarity:>10.3f}  {'  '.join(map(safe, (line.name, *line.notes)))}"
        for line in lines
    ]
    return "\n".join(rows) + "\n"


def _drawn_table(lines: Sequence[HitLine], *, color: bool, width: int) -> str:
    # rich takes some 50 ms to import, which plain output must not pay.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("similarity", no_wrap=True)
    table.add_column("picture", overflow="fold")
    for line in lines:
        bar = Text(similarity_bar(line.similarity), style="green" if line.similarity >= 0.8 else "yellow")
        name = Text(safe(line.name), style=_link_style(line.href) if color else "")
        if line.notes:
            name.append("  " + "  ".join(map(safe, line.notes)), style="not link dim")
        table.add_row(str(line.rank), Text(f"{line.similarity:.3f} ").append_text(bar), name)
    console = Console(
        file=io.StringIO(), width=width, color_system="standard" if color else None,
        force_terminal=color, no_color=not color, legacy_windows=False,
    )  # fmt: skip
    with console.capture() as captured:
        console.print(table)
    return "".join(f"{row.rstrip()}\n" for row in captured.get().splitlines() if row.strip())


def similarity_bar(similarity: float) -> str:
    """Draw a similarity as a bar of `BAR_CELLS` cells; 0 and less is empty, 1 is full."""
    eighths = round(min(max(similarity, 0), 1) * BAR_CELLS * 8)
    partial = "" if eighths % 8 == 0 else " ▏▎▍▌▋▊▉"[eighths % 8]
    return ("█" * (eighths // 8) + partial).ljust(BAR_CELLS)


def _link_style(href: str | None) -> str:
    plain = href is not None and href.isascii() and href.isprintable() and " " not in href
    return f"link {href}" if plain else ""
