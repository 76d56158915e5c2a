"""The answer to a search, for people: a table, the pictures where the terminal can, and how it was made."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.presentation.table import HitLine, hits_table
from lookalike.presentation.text import safe

if TYPE_CHECKING:
    from lookalike.cli.session import Session
    from lookalike.parts.reply import Hit
    from lookalike.results import SearchResult

NOTHING_LIKE_IT = (
    "Nothing like it here: even the best is farther from it than 96 in 100 pictures of this collection are from "
    "their nearest."
)
"""What is said of an answer that is as good as chance; the share is `lookalike.view.nearness.SHARE`."""

_STAGES = ("embed", "refresh", "filter", "search", "rerank", "fetch")


def show_result(result: SearchResult, session: Session, *, pictures: bool | None, most: int | None = None) -> None:
    """Show an answer.

    Args:
        result: the answer.
        session: says how to show it.
        pictures: show them; None: where the terminal can.
        most: show only so many hits.
    """
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns
    if pictures or (terminal and pictures is None):
        _show_pictures(result, session, width=width, forced=bool(pictures))
    table = hits_table([_line(hit) for hit in result.hits[:most]], terminal=terminal, color=session.color, width=width)
    session.write(table)
    if result.nothing_like_it:
        session.say(NOTHING_LIKE_IT)
    session.say(_account(result, shown=len(result.hits[:most])))


def _line(hit: Hit) -> HitLine:
    notes = [f"{hit.width} × {hit.height}"]
    if hit.copies:
        notes.append("1 copy" if hit.copies == 1 else f"{hit.copies} copies")
    if hit.group:
        notes.append(f"+{len(hit.group):,} alike")
    if hit.reason:
        notes.append(hit.reason if hit.rerank_similarity is None else f"{hit.rerank_similarity:.3f}: {hit.reason}")
    if hit.path is None:
        return HitLine(hit.rank, hit.similarity, hit.id, notes)
    return HitLine(hit.rank, hit.similarity, short_path(hit.path), notes, href=Path(hit.path).as_uri())


def short_path(path: str) -> str:
    """A path as one would type it here: relative where it lies below the current folder."""
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:  # the current folder is gone
        return path
    if not path.startswith(here):
        return path
    below = path[len(here) :]
    return f"./{below}" if below.startswith(("-", "~")) else below  # else read as an option, or as a home


def _account(result: SearchResult, *, shown: int) -> str:
    found = f"{shown:,} of {result.total_matching:,} matching" if result.hits else "nothing found"
    if not result.index.count:
        found = "the collection holds no pictures yet: lookalike index FOLDER"
    timings = result.timings_ms
    stages = ", ".join(
        f"{stage} {timings.get(stage, 0):.0f}" for stage in _STAGES if stage != "rerank" or stage in timings
    )
    plan = safe(result.plan) + ("" if result.exact else " (approximate)")
    return f"{found}; {plan}; {result.scanned:,} compared; {timings['total']:.0f} ms ({stages})"


def _show_pictures(result: SearchResult, session: Session, *, width: int, forced: bool) -> None:
    from lookalike.presentation.terminal import Graphics, graphics_of, picture_text

    environment = {**os.environ, **({"NO_COLOR": "1"} if session.no_color else {})}
    graphics = graphics_of(environment, tty=sys.stdout.isatty(), encoding=sys.stdout.encoding)
    if graphics is None and forced:
        graphics = Graphics.BLOCKS
    if graphics is not None and result.hits:
        session.write(picture_text(result.picture(), graphics, columns=min(width, 100), rows=24))
