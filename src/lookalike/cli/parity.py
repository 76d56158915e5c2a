"""`lookalike parity`: whether a browser computes the same vectors as the server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.session import Session, command
from lookalike.cli.stopping import stopping_cleanly
from lookalike.presentation.text import human_count, safe

if TYPE_CHECKING:
    from lookalike.service.parity.report import Column

TOO_FAR = 1


@command("parity")
@click.argument("folder", required=False, metavar="[FOLDER]")
@click.option("--count", type=click.IntRange(min=30), default=100, show_default=True, help="How many pictures.")
@click.option("--browser", metavar="PATH", help="Of the Chromium family; none leaves it out. Default: what is found.")
def parity_command(session: Session, folder: str | None, *, count: int, browser: str | None) -> int:
    """Compare a browser's vectors with ours.

    On pictures below FOLDER, else on drawn ones, and on forms that are difficult: turned, with transparency, of 16
    bits, in inks, in grey.
    """
    from lookalike.service.parity.browser import find_browser
    from lookalike.service.parity.golden import golden_set
    from lookalike.service.parity.report import compare
    from lookalike.settings import read_settings
    from lookalike.settings.page_folder import PAGE, page_folder

    program = None if browser == "none" else find_browser(Path(browser) if browser is not None else None)
    page = page_folder() or PAGE
    with stopping_cleanly(), _files(folder, count=count) as files:
        pictures = golden_set(files)
        session.say(f"Comparing on {human_count(len(pictures), 'picture')}.")
        columns = compare(pictures, cache=read_settings().cache, page=page, browser=program)
    if session.as_json:
        session.write_json({"pictures": len(pictures), "ways": [asdict(column) for column in columns]})
    else:
        session.write("".join(_lines(columns)))
    return 0 if all(column.good for column in columns) else TOO_FAR


@contextmanager
def _files(folder: str | None, *, count: int) -> Iterator[list[Path]]:
    from lookalike.service.parity.golden import draw_files, files_below

    if folder is not None:
        yield files_below(Path(folder), count=count)
        return
    with tempfile.TemporaryDirectory(prefix="lookalike-parity-") as place:
        yield draw_files(Path(place), count=count)


def _lines(columns: Sequence[Column]) -> Iterator[str]:
    yield f"{'beside python int8':<20}{'worst':>9}{'p99':>9}{'median':>9}{'top 10':>9}\n"
    for column in columns:
        if (compared := column.parity) is None:
            yield f"{column.way:<20}{safe(column.why)}\n"
            continue
        distances = (compared.worst_distance, compared.p99_distance, compared.median_distance)
        figures = "".join(f"{distance:>9.5f}" for distance in distances)
        yield f"{column.way:<20}{figures}{compared.top_10:>9.1%}  {'' if column.good else 'TOO FAR'}\n"
        yield from _details(column)


def _details(column: Column) -> Iterator[str]:
    yield f"    furthest: {safe(column.worst)}\n"
    if column.why:
        yield f"    {safe(column.why)}\n"
    if column.timings_ms:
        load = ", ".join(f"{when} {ms:.0f}" for when, ms in column.load_ms.items())
        stages = ", ".join(f"{stage} {p50:.1f} / {p95:.1f}" for stage, (p50, p95) in column.timings_ms.items())
        yield f"    ready in ms: {load}; a picture in ms, p50 / p95: {stages}\n"
    for name, error in column.unread.items():
        yield f"    not read: {safe(name)}: {safe(error)}\n"
