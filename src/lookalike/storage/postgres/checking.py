"""Whether a database is as it has to be, looked at before anything is made there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial

from psycopg.conninfo import conninfo_to_dict

from lookalike.core.errors import ReadOnly, ServiceDown
from lookalike.storage.hosts import check_hosts
from lookalike.storage.postgres.errors import ConnectionLost, Crowded
from lookalike.storage.postgres.migrations import Schema, check_format, format_of, load_migrations
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session

_TAKES_NO_WRITES = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"
_MAY_MAKE = "SELECT has_database_privilege(current_database(), 'CREATE'), current_database()"
_REFUSING = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT """
_IS_OWNED = "pg_has_role(c.relowner, 'USAGE')"
_IS_OPEN = " AND ".join(f"has_table_privilege(c.oid, '{right}')" for right in ("SELECT", "INSERT", "UPDATE", "DELETE"))


def check_database(
    url: str, schemas: Sequence[Schema], *, only_read: bool = False, look: Callable[[Session], None] | None = None
) -> list[str]:
    """Connect once, and see that the tables are there, or can be made; nothing is changed.

    Args:
        url: of the database.
        schemas: that are used in it.
        only_read: whether a role that may only read will do, where the tables are there.
        look: looks at more; raises where that is not as it has to be.
    Returns:
        a line for each thing that does not keep anybody from using it: also that it does not answer now.
    Raises:
        BadInput: when that is no URL of a database.
        FormatTooNew: when a newer version has been there.
        ServiceDown, ReadOnly: when it cannot be used before somebody changes something.
    """
    pool = Pool(url, most=1, name="lookalike looks")
    check_hosts(_hosts_of(url))
    try:
        with closing(pool), closing(pool.connect()) as connection:
            asking = partial(Session, connection, place=pool.place)
            formats = {schema: _check_format(asking(schema=schema.name), schema, pool.place) for schema in schemas}
            session = asking(schema="")
            if look is not None:
                look(session)
            is_complete = all(found == schema.newest for schema, found in formats.items())
            return [] if only_read and is_complete else _check_rights(session, formats, pool.place)
    except (ConnectionLost, Crowded) as error:
        return [str(error)]


def _hosts_of(url: str) -> list[str]:
    """Names that have to be looked up; not those of sockets of this machine."""
    said = conninfo_to_dict(url)
    hosts = str(said.get("host") or "").split(",")
    return [] if said.get("hostaddr") else [host for host in hosts if host and host[0] not in "/@"]


def _check_format(session: Session, schema: Schema, place: str) -> int:
    """The format that was found, where this version reads it or brings it up to date; 0 where there is none."""
    found = format_of(session)
    if found > schema.newest:
        check_format(found, load_migrations(schema.package), place=place, what=schema.what)
    return found


def _check_rights(session: Session, formats: Mapping[Schema, int], place: str) -> list[str]:
    (takes_no_writes,) = session.one(_TAKES_NO_WRITES)
    if takes_no_writes:
        raise ReadOnly(
            f"{place}: expected a database that takes writes, but it only lets itself be read; connect to the server "
            "that is written to"
        )
    for schema, found in formats.items():
        is_old = found < schema.newest
        (refusing,) = session.one(f"{_REFUSING} ({_IS_OWNED if is_old else _IS_OPEN})", (schema.name,))
        if refusing:
            right = "own them, for they are to be brought up to date" if is_old else "read and write them"
            raise ServiceDown(
                f"{place}: expected tables of the {schema.what} in the schema {schema.name} whose role in the URL may "
                f"{right}, but {refusing} are not; let their owner grant it, or name their owner in the URL"
            )
    may_make, name = session.one(_MAY_MAKE)
    line = (
        f"{place}: expected its role to have the right to make schemas, but it has not; run "
        f"`GRANT CREATE ON DATABASE {name} TO` that role there"
    )
    if not (may_make or all(formats.values())):
        raise ServiceDown(line)
    return [] if may_make else [line]
