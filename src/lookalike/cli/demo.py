"""`lookalike demo`: from nothing to a first answer."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.hits import short_path, show_result
from lookalike.cli.ingest_summary import report_as_json, tell_report
from lookalike.cli.progress import counting, progress_of
from lookalike.cli.session import Session, command
from lookalike.cli.stopping import stopping_cleanly
from lookalike.presentation.text import safe

if TYPE_CHECKING:
    from lookalike.collection import Collection
    from lookalike.demo.pictures import MadePicture
    from lookalike.results import SearchResult

K = 5
ON_THE_SHEET = 20


@command("demo")
@click.argument("folder", default="lookalike-demo", metavar="[FOLDER]")
@click.option("--count", type=click.IntRange(min=30), default=400, show_default=True, help="How many pictures to draw.")
def demo_command(session: Session, folder: str, *, count: int) -> None:
    """Draw pictures, index them, search them.

    They go into FOLDER, ./lookalike-demo if it is not named. A second run takes what the first has made. To be
    rid of it all, delete FOLDER.
    """
    from lookalike.demo.kept import kept_pictures

    place = Path(folder).absolute()
    with stopping_cleanly():
        with counting(session, task="Drawing") as drawn:
            pictures = kept_pictures(place / "pictures", count=count, drawn=drawn)
        with session.open(instead=str(place / "demo.lookalike"), create=True) as collection:
            with progress_of(session, task="Indexing") as progress:
                report = collection.index(place / "pictures", prune=True, progress=progress)
            tell_report(report, session)
            searches = list(_searches(collection, pictures, session))
            sheet = searches[0][1].sheet(place / "contact-sheet.jpg")
            home = str(collection.path)
    if session.as_json:
        answers = [{"query": query, **asdict(result.reply)} for query, result in searches]
        session.write_json({"index": report_as_json(report, None), "searches": answers, "sheet": str(sheet)})
        return
    session.write(_how_to_go_on(sheet, searches[0][0], home=home))


def _searches(
    collection: Collection, pictures: Sequence[MadePicture], session: Session
) -> Iterator[tuple[str, SearchResult]]:
    """Look for the originals of three altered pictures; the altered one itself does not count."""
    from lookalike.demo.pictures import Variant

    for number, variant in enumerate((Variant.CROP, Variant.ROTATION, Variant.SCREENSHOT)):
        some = [picture for picture in pictures if picture.variant is variant and picture.of is not None]
        query = some[(number + 1) * len(some) // 4]
        itself = str(query.path).replace('"', '""')
        result = collection.search(query.path, k=ON_THE_SHEET, where=f'path != "{itself}"')
        yield str(query.path), result
        if not session.as_json:
            original = query.of.name if query.of is not None else ""
            session.write(f"\nWhat looks like {safe(query.path.name)}, a {variant} of {safe(original)}?\n\n")
            show_result(result, session, most=K, pictures=False)


def _how_to_go_on(sheet: Path, query: str, *, home: str) -> str:
    program = _program()
    example = shlex.join([*program, "search", short_path(query), "-c", short_path(home)])
    return (
        f"\nThe first answer as a contact sheet: {safe(short_path(str(sheet)))}\n"
        f"Ask again:                           {safe(example)}\n"
        "Now your own pictures:\n"
        f"  {shlex.join([*program, 'index'])} ~/Pictures\n"
        f"  {shlex.join([*program, 'search'])} some-picture.jpg --sheet answer.html\n"
    )


def _program() -> list[str]:
    """The words with which this process was started."""
    started = Path(sys.argv[0])
    return [sys.argv[0]] if started.name == "lookalike" else ["lookalike"]
