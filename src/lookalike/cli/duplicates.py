"""`lookalike duplicates`: the same picture several times."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lookalike.cli.duplicate_words import how_it_stands
from lookalike.cli.hits import short_path
from lookalike.cli.progress import counting
from lookalike.cli.session import Session, command, force_option
from lookalike.presentation.text import human_count, human_size, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lookalike.duplicates.result import DuplicateGroup


@command("duplicates")
@click.option("--threshold", type=float, metavar="COSINE", help="How alike what is looked at must be, -1 to 1.")
@click.option("--where", multiple=True, metavar="FILTER", help="Only such pictures; of several filters all must hold.")
@click.option(
    "--keep",
    multiple=True,
    metavar="RULE",
    help="Which to keep: best, oldest, newest, largest, or a folder or pattern of paths. Can be said several times.",
)
@click.option("--sheet", metavar="FILE", help="Write the groups side by side, .jpg or .html.")
@click.option("--paths-only", is_flag=True, help="Print the exact names of the identical files that could go.")
@click.option("--include-near", is_flag=True, help="With --paths-only: those that are only near, too.")
@click.option("-0", "--null", is_flag=True, help="With --paths-only: end names with a zero byte.")
@force_option()
def duplicates_command(
    session: Session,
    *,
    threshold: float | None,
    where: tuple[str, ...],
    keep: tuple[str, ...],
    sheet: str | None,
    paths_only: bool,
    include_near: bool,
    null: bool,
    force: bool,
) -> None:
    """Find pictures that are there several times.

    They are byte-identical, pixel-identical (the same in all they hold) or near (saved again, in another size or
    quality). The first of each group is the one to keep. Nothing is deleted.
    """
    if null and not paths_only:
        raise click.UsageError(
            "-0 needs --paths-only, whose names it ends, but came alone: leave it out, or add --paths-only"
        )
    if include_near and not paths_only:
        raise click.UsageError(
            "--include-near needs --paths-only, to whose names it adds, but came alone: leave it out, or add "
            "--paths-only"
        )
    with session.open() as collection:
        with counting(session, task="Comparing") as compared:
            groups = collection.duplicates(threshold=threshold, where=where, keep=keep or "best", progress=compared)
        if sheet is not None:
            from lookalike.cli.duplicate_sheet import write_sheet

            session.say(f"The contact sheet is {safe(str(write_sheet(collection, groups, sheet, force=force)))}")
    if session.as_json:
        session.write_json({"groups": [asdict(group) for group in groups], "not_compared": groups.not_compared})
    elif paths_only:
        spare = [member for group in groups for member in group.could_go(include_near=include_near)]
        session.write_names([member.path for member in spare if member.path is not None], null=null)
    else:
        session.write("\n".join(map(_lines, groups)))
    session.say(_summary(groups))
    if groups.not_compared:
        session.say(
            f"{human_count(groups.not_compared, 'picture')} look like more others than they were compared with: "
            "copies of them may be missing here."
        )


def _lines(group: DuplicateGroup) -> str:
    lines = [f"{group.kind}"]
    for member in group.members:
        name = safe(short_path(member.path)) if member.path is not None else member.id
        size = f"{member.width} × {member.height}, {human_size(member.size_bytes)}"
        lines.append(f"  {name}  {size}  ({how_it_stands(member)})")
    return "\n".join(lines) + "\n"


def _summary(groups: Sequence[DuplicateGroup]) -> str:
    if not groups:
        return "No duplicates."
    identical = [member for group in groups for member in group.could_go()]
    all_that_could = [member for group in groups for member in group.could_go(include_near=True)]
    near = len(all_that_could) - len(identical)
    told = f"{human_count(len(groups), 'group')}; {human_count(len(identical), 'identical file')} could go"
    told += f", {human_size(sum(member.size_bytes for member in identical))}" if identical else ""
    told += f"; {human_count(near, 'near one')} to be looked at" if near else ""
    return f"{told}. Nothing was deleted."
