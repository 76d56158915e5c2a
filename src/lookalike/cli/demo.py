"""`lookalike demo`: from nothing to a first answer."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
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
    from lookalike.cli.demo_searches import Question

K = 5


@command("demo")
@click.argument("folder", default="lookalike-demo", metavar="[FOLDER]")
@click.option("--count", type=click.IntRange(min=30), default=400, show_default=True, help="How many pictures to draw.")
def demo_command(session: Session, folder: str, *, count: int) -> None:
    """Draw pictures, index them, search them.

    They go into FOLDER, ./lookalike-demo if it is not named. A second run takes what the first has made. To be
    rid of it all, delete FOLDER.
    """
    from lookalike.cli.demo_searches import choose_shown, introduce, search_altered, sum_up
    from lookalike.demo.kept import kept_pictures

    place = Path(folder).absolute()
    with stopping_cleanly():
        with counting(session, task="Drawing") as drawn:
            pictures = kept_pictures(place / "pictures", count=count, drawn=drawn)
        with session.open(instead=str(place / "demo.lookalike"), create=True) as collection:
            with progress_of(session, task="Indexing") as progress:
                report = collection.index(place / "pictures", prune=True, progress=progress)
            tell_report(report, session)
            questions = list(search_altered(collection, pictures))
            sheet = choose_shown(questions)[0].result.sheet(place / "contact-sheet.jpg")
            home = str(collection.path)
    if session.as_json:
        session.write_json(_as_json(questions, report=report_as_json(report, None), sheet=sheet))
        return
    for question in choose_shown(questions):
        session.write(f"\n{introduce(question)}\n")
        show_result(question.result, session, most=K, pictures=False)
    session.write(f"\n{sum_up(questions)}{_how_to_go_on(sheet, str(choose_shown(questions)[0].query), home=home)}")


def _as_json(questions: Sequence[Question], *, report: object, sheet: Path) -> dict[str, object]:
    from lookalike.cli.demo_searches import choose_shown

    answers = [
        {
            "query": str(question.query),
            "original": str(question.original),
            "crop": question.crop,
            "rank_of_original": question.rank,
            **asdict(question.result.reply),
        }
        for question in choose_shown(questions)
    ]
    asked = [
        {"query": str(question.query), "variant": str(question.variant), "rank_of_original": question.rank}
        for question in questions
    ]
    return {"index": report, "searches": answers, "asked": asked, "sheet": str(sheet)}


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
