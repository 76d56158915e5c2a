"""`lookalike backup`: all that a service keeps, copied while it runs, checked, restored."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.hits import short_path
from lookalike.cli.progress import counting
from lookalike.cli.session import Session, command
from lookalike.cli.words import check_words
from lookalike.presentation.text import human_count, human_size, safe

if TYPE_CHECKING:
    from lookalike.backup import Backup

SOME_FAILED = 3

_NAMED = {"make": ("FOLDER",), "check": ("FOLDER",), "restore": ("FOLDER", "INTO")}


@command("backup")
@click.argument("what", type=click.Choice(list(_NAMED)))
@click.argument("folders", nargs=-1, metavar="FOLDER [INTO]")
@click.option("--home", metavar="FOLDER", help="Of the service, with make: as for `lookalike serve`.")
@click.option("--keys", metavar="PATH", help="The file of keys, with make: as for `lookalike serve`.")
def backup_command(
    session: Session, what: str, folders: tuple[str, ...], *, home: str | None, keys: str | None
) -> int | None:
    """Copy a service's collections, jobs and keys.

    make FOLDER copies what `lookalike serve` with the same -c, --home and --keys would serve, also while it does. check
    FOLDER reads a backup and says whether it is whole. restore FOLDER INTO copies a whole one into a new folder, for
    `lookalike serve --home INTO`.
    """
    check_words("backup", what, _NAMED[what], folders)
    if what != "make" and (home or keys or session.collection):
        raise click.UsageError(
            f"Expected -c, --home and --keys with backup make only, got one of them with {what!r}: leave it out"
        )
    if what == "make":
        return _make(session, folders[0], home=home, keys=keys)
    if what == "check":
        return _check(session, folders[0])
    return _restore(session, *folders)


def _make(session: Session, folder: str, *, home: str | None, keys: str | None) -> int:
    from lookalike import __version__
    from lookalike.assembly.service import service_place
    from lookalike.backup import make_backup
    from lookalike.core.errors import BadInput, NoCollection
    from lookalike.settings.service_reading import read_service_settings

    settings = read_service_settings(collection=session.collection, home=home, keys_file=keys)
    if settings.database:
        raise BadInput(
            "expected a service whose collections lie in folders, got one that keeps them in a database and an object "
            "store; back these up with their own means, such as pg_dump and a bucket's versions"
        )
    place = service_place(settings)
    if not place.collections:
        raise NoCollection(f"there is no collection in {settings.home}: name one with -c, or the service's --home")
    with counting(session, task="Copying") as done:
        backup = make_backup(place, folder, version=__version__, progress=done)
    session.say(f"{_facts(backup)} copied to {safe(short_path(folder))}.")
    return _tell(session, backup)


def _check(session: Session, folder: str) -> int:
    from lookalike.backup import check_backup

    with counting(session, task="Reading", things="files") as done:
        backup = check_backup(folder, progress=done)
    session.say(f"Whole: {_facts(backup)}, made {safe(backup.made)} by Lookalike {safe(backup.lookalike)}.")
    return _tell(session, backup)


def _restore(session: Session, folder: str, into: str) -> int:
    from lookalike.backup import restore_backup

    with counting(session, task="Restoring", things="files") as done:
        backup = restore_backup(folder, into, progress=done)
    keys = Path(into).expanduser() / "keys.json"
    serve = ["lookalike", "serve", "--home", short_path(into)]
    if keys.is_file():
        serve += ["--keys", short_path(str(keys))]
    session.say(f"{_facts(backup)} restored. Serve it: {safe(shlex.join(serve))}")
    return _tell(session, backup)


def _facts(backup: Backup) -> str:
    pictures = human_count(sum(backup.collections.values()), "picture")
    return f"{human_count(len(backup.collections), 'collection')}, {pictures}, {human_size(backup.size_bytes)}"


def _tell(session: Session, backup: Backup) -> int:
    for line in backup.damaged:
        session.say(f"damaged before it was copied: {safe(line)}")
    if session.as_json:
        session.write_json(asdict(backup))
    return SOME_FAILED if backup.damaged else 0
