"""The database of pgvector indexes: its schema, and whether the extension is there and new enough."""

from __future__ import annotations

import re
import threading

from lookalike.core.errors import ServiceDown
from lookalike.storage.postgres.migrations import check_format, format_of, load_migrations, migrate
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session

SCHEMA = "lookalike_vectors"
OLDEST = (0, 8, 5)
"""Of pgvector: earlier ones lack iterative scans, or have bugs in them."""

_WHAT = "vector index"


class Database:
    """Where the indexes of many collections are. Safe to use from many threads.

    Args:
        pool: connections to it.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._migrations = load_migrations("lookalike.index.pgvector.migrations")
        self._looking = threading.Lock()
        self._is_ready = False

    def is_ready(self) -> bool:
        """Whether there is a schema to read; where there is none, nothing was ever written.

        Raises:
            FormatTooNew: when a newer version has written it.
            ServiceDown: when the database cannot be reached, or pgvector is missing or too old.
        """
        with self._looking:
            if not self._is_ready:
                found = self.pool.ask(SCHEMA, format_of)
                if not found:
                    return False
                check_format(found, self._migrations, place=self.pool.place, what=_WHAT)
                self.pool.ask(SCHEMA, self._check_extension)
                self._is_ready = True
            return True

    def prepare(self) -> None:
        """Make the schema, or bring it to today's format. Idempotent.

        Raises:
            FormatTooNew: when a newer version has written it.
            ServiceDown: when the database cannot be reached, the role may not do that, or pgvector is missing or too
                old.
        """
        if not self._is_ready:
            migrate(self.pool, SCHEMA, self._migrations, what=_WHAT)
            self.is_ready()

    def _check_extension(self, session: Session) -> None:
        found = session.first("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        version = "none" if found is None else str(found[0])
        if tuple(map(int, re.findall(r"\d+", version)[:3])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise ServiceDown(
                f"{self.pool.place}: expected pgvector {oldest} or later, got {version}: install it on the server, "
                f"then run `{'CREATE EXTENSION vector' if found is None else 'ALTER EXTENSION vector UPDATE'}` there"
            )
