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
def remove_command(session: Session, ids_or_paths: tuple[str, ...], *, where: tuple[str, ...], yes: bool) -> None:
    """Forget pictures; their files stay.

    What still lies in a folder is taken in again when that is indexed again.
    """
    if not ids_or_paths and not where:
        raise click.UsageError("expected ids or paths of pictures, or --where")
    with session.open() as collection:
        if where and not yes:
            _ask(collection.count(where=where))
        removed = collection.remove(*ids_or_paths, where=where or None)
    session.say(f"Removed {human_count(removed, 'picture')}.")
    if session.as_json:
        session.write_json({"removed": removed})


def _ask(count: int) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("expected --yes: there is nobody to ask whether all that --where chooses should go")
    click.confirm(
        f"Remove {human_count(count, 'picture')} from the collection? Their files stay.", abort=True, err=True
    )
