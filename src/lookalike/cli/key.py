"""`lookalike key`: who may ask the service."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.session import Session, command
from lookalike.cli.words import check_words
from lookalike.presentation.text import human_count

if TYPE_CHECKING:
    from lookalike.service.access.keys import ApiKey

_NAMED = {"add": ("NAME",), "list": (), "revoke": ("ID",)}


@command("key")
@click.argument("what", type=click.Choice(list(_NAMED)))
@click.argument("names", nargs=-1, metavar="[NAME|ID]")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(["read", "write", "admin"]), help="What it grants.")
@click.option("--expires", metavar="WHEN", help="When it ends: 12h, 90d, 8w, 1y, or a day. Never if not said.")
@click.option("-c", "--collection", "collections", multiple=True, metavar="NAME", help="Bind it to a collection.")
@click.option("--keys", metavar="PATH", help="The file of keys; keys.json beside the settings if not said.")
def key_command(
    session: Session,
    what: str,
    names: tuple[str, ...],
    *,
    scopes: tuple[str, ...],
    expires: str | None,
    keys: str | None,
    collections: tuple[str, ...],
) -> None:
    """Make, list and revoke keys of the service.

    add NAME prints a new key, this once; --scope is read if not said, and --collection NAME, which may be repeated,
    binds it to collections, by the names under which the service has them. list shows the keys, without their secrets.
    revoke ID ends one. A running service takes notice within a second.
    """
    from lookalike.service.access.key_file import usual_keys_file

    check_words("key", what, _NAMED[what], names)
    if what != "add" and (scopes or expires or collections):
        raise click.UsageError(
            f"Expected --scope, --collection and --expires with key add only, got one of them with {what!r}: "
            "leave it out"
        )
    path = Path(keys).expanduser() if keys is not None else usual_keys_file()
    if what == "add":
        _add(session, path, names[0], scopes=scopes or ("read",), collections=collections or None, expires=expires)
    elif what == "list":
        _list(session, path)
    else:
        _revoke(session, path, names[0])


def _add(
    session: Session,
    path: Path,
    name: str,
    *,
    scopes: tuple[str, ...],
    collections: tuple[str, ...] | None,
    expires: str | None,
) -> None:
    from lookalike.service.access.key_file import add_key
    from lookalike.service.access.principal import parse_scopes
    from lookalike.service.access.spans import parse_end

    now = time.time()
    key, secret = add_key(
        path,
        name,
        scopes=parse_scopes(scopes),
        collections=collections,
        expires=None if expires is None else parse_end(expires, now=now),
        now=now,
    )
    session.say(f"Kept in {path}: {_facts(key)}. The key itself is shown this once:")
    if session.as_json:
        session.write_json({**_json(key), "key": secret})
    else:
        session.write(f"{secret}\n")


def _list(session: Session, path: Path) -> None:
    from lookalike.service.access.key_file import read_keys

    keys = list(read_keys(path)[0].values()) if path.exists() else []
    if session.as_json:
        session.write_json({"keys": [_json(key) for key in keys]})
        return
    session.write("".join(f"{key.id}  {_facts(key)}\n" for key in keys))
    session.say(f"{human_count(len(keys), 'key')} in {path}.")


def _revoke(session: Session, path: Path, text: str) -> None:
    from lookalike.service.access.key_file import revoke_key
    from lookalike.service.access.keys import id_in

    key = revoke_key(path, id_in(text), now=time.time())
    session.say(f"Revoked: {key.id}, {key.name}.")
    if session.as_json:
        session.write_json({"revoked": key.id})


def _facts(key: ApiKey) -> str:
    from lookalike.service.access.key_format import moment

    where = "all collections" if key.collections is None else ", ".join(sorted(key.collections))
    until = f"until {moment(key.expires)}" if key.expires is not None else "without end"
    return f"{key.name}: {', '.join(sorted(key.scopes))}; {where}; " + (
        f"revoked {moment(key.revoked)}" if key.revoked is not None else until
    )


def _json(key: ApiKey) -> dict[str, object]:
    """All but the hash of the secret."""
    from lookalike.service.access.key_format import moment

    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "collections": None if key.collections is None else sorted(key.collections),
        "created": moment(key.created),
        "expires": moment(key.expires),
        "revoked": moment(key.revoked),
    }
