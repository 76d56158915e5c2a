"""`lookalike remove`: pictures are forgotten."""

from __future__ import annotations

import sys

import click

from lookalike.cli.session import Session, command
from lookalike.presentation.text import human_count


@command("remove")
@click.argument("ids_or_paths", nargs=-1, metavar="[ID|PATH]...")
@click.option("--where", multiple=True, metavar="FILTER", help="All such pictures; of several filters all must hold.")
@click.option("--yes", is_flag=True, help="Do not ask before removing what --where chooses.")
@click.option("--forever", is_flag=True, help="Keep nothing of them, nor of ids that were removed before.")
def remove_command(
    session: Session, ids_or_paths: tuple[str, ...], *, where: tuple[str, ...], yes: bool, forever: bool
) -> None:
    """Forget pictures; their files stay.

    What still lies in a folder is taken in again when that is indexed again. Labels and metadata are kept for 90 days
    (or as keep_removed_days is set) and return with the picture, unless --forever is given.
    """
    if not ids_or_paths and not where:
        raise click.UsageError(
            "expected ids or paths of pictures, or --where, got nothing: take an id from `lookalike search --json`"
        )
    with session.open() as collection:
        agreed = yes or not where or _ask(collection.count(where=where), session)
        removed = collection.remove(*ids_or_paths, where=where or None, forever=forever) if agreed else 0
    session.say(f"Removed {human_count(removed, 'picture')}." if agreed else "Nothing was removed.")
    if session.as_json:
        session.write_json({"removed": removed})


def _ask(count: int, session: Session) -> bool:
    if not _is_anybody_there():
        raise click.UsageError(
            "expected --yes where nobody can be asked, got --where alone: look at what it chooses with "
            "`lookalike search`, then "
            "add --yes"
        )
    question = f"Remove {human_count(count, 'picture')} from the collection? Their files stay."
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # Ctrl-C, or the end of the input
        session.say("\nNothing was removed.")
        raise


def _is_anybody_there() -> bool:
    return sys.stdin.isatty()
