"""Which format a catalog file has, and bringing an older one up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lookalike.catalog.sqlite.errors import decoding, translating
from lookalike.core.errors import CatalogDamaged, CollectionError, FormatTooNew
from lookalike.core.installing import upgrade_advice
from lookalike.storage.sqlite.connection import connect

FORMAT = 6
"""The number of the newest migration."""

PAGE_SIZE_BYTES = 8192  # three vectors of 1280 float16 fill a page; 4096 would hold one and waste a third

_BUSY_WAIT_S = 5.0
_APPLICATION_ID = 0x4C4F4F4B
_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def format_of(connection: sqlite3.Connection, path: Path) -> int:
    """The number of the format, 0 for an empty file.

    Raises:
        CatalogDamaged: when the file is something else.
    """
    with translating(path):
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id == _APPLICATION_ID:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            if row and str(row[0]).isdigit():
                return int(row[0])
        elif not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return 0
    raise CatalogDamaged(
        f"{path}: expected a Lookalike catalog, but this is another kind of file; choose another place"
    )


def check_not_newer(found: int, path: Path) -> None:
    """Refuse what a later version wrote.

    Raises:
        FormatTooNew: when it is newer than `FORMAT`.
    """
    if found > FORMAT:
        raise FormatTooNew(
            f"{path}: written by a newer Lookalike (format {found}; this one knows up to {FORMAT}): {upgrade_advice()}"
        )


def check_current(found: int, path: Path) -> None:
    """Refuse what cannot be read as it is.

    Raises:
        FormatTooNew: when it is newer than `FORMAT`.
        CollectionError: when it is older.
    """
    check_not_newer(found, path)
    if found < FORMAT:
        raise CollectionError(
            f"{path}: written by an older Lookalike (format {found}; this one reads {FORMAT}) and opened for "
            "reading only: open it once for writing, which brings it up to date"
        )


def load_alembic() -> None:
    """Import what `migrate` needs, which takes 0.5 s: before the writer lock is taken, for others would wait for it."""
    import sqlalchemy  # noqa: F401
    from alembic import command, config  # noqa: F401


def migrate(path: Path) -> None:
    """Bring the file, which may be empty, to `FORMAT`. The caller holds the writer lock.

    What was cut off half-way goes on from the last whole step.
    """
    import sqlalchemy
    from alembic import command
    from alembic.config import Config

    engine = sqlalchemy.create_engine("sqlite://", creator=lambda: _connect(path), poolclass=sqlalchemy.NullPool)
    sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with translating(path), decoding():
        try:
            with engine.connect() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except sqlalchemy.exc.DBAPIError as error:
            raise error.orig or error from error


def _connect(path: Path) -> sqlite3.Connection:
    pragmas = (f"PRAGMA page_size = {PAGE_SIZE_BYTES}", "PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = FULL")
    return connect(path, busy_wait_s=_BUSY_WAIT_S, pragmas=pragmas, create=True)
