"""`lookalike duplicates`: the same picture several times."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lookalike.cli.hits import short_path
from lookalike.cli.progress import counting
from lookalike.cli.session import Session, command
from lookalike.presentation.text import human_count, human_size, safe

if TYPE_CHECKING:
    from lookalike.pipelines.duplicates import DuplicateGroup, DuplicateMember


@command("duplicates")
@click.option("--threshold", type=float, metavar="COSINE", help="How alike what is looked at must be, -1 to 1.")
@click.option("--where", multiple=True, metavar="FILTER", help="Only such pictures; of several filters all must hold.")
@click.option("--paths-only", is_flag=True, help="Print the exact names of the files that could go: all but the best.")
@click.option("-0", "--null", is_flag=True, help="With --paths-only: end names with a zero byte.")
def duplicates_command(
    session: Session, *, threshold: float | None, where: tuple[str, ...], paths_only: bool, null: bool
) -> None:
    """Find pictures that are there several times.

    They are byte-identical, pixel-identical or near: saved in another size or quality. The first of each group
    is the one to keep. Nothing is deleted.
    """
    if null and not paths_only:
        raise click.UsageError("-0 ends the names of --paths-only: say both")
    with session.open() as collection, counting(session, task="Comparing") as compared:
        groups = collection.duplicates(threshold=threshold, where=where, progress=compared)
    spare = [member for group in groups for member in group.members[1:]]
    if session.as_json:
        session.write_json({"groups": [asdict(group) for group in groups]})
    elif paths_only:
        session.write_names([member.path for member in spare if member.path is not None], null=null)
    else:
        session.write("\n".join(map(_lines, groups)))
    session.say(_summary(len(groups), spare))


def _lines(group: DuplicateGroup) -> str:
    lines = [f"{group.kind}"]
    for place, member in enumerate(group.members):
        name = safe(short_path(member.path)) if member.path is not None else member.id
        size = f"{member.width} × {member.height}, {human_size(member.size_bytes)}"
        how = "keep" if place == 0 else f"{member.kind}, {member.similarity:.3f}"
        lines.append(f"  {name}  {size}  ({how})")
    return "\n".join(lines) + "\n"


def _summary(groups: int, spare: list[DuplicateMember]) -> str:
    if not groups:
        return "No duplicates."
    size = human_size(sum(member.size_bytes for member in spare))
    return f"{human_count(groups, 'group')}; {human_count(len(spare), 'file')} could go, {size}. Nothing was deleted."
