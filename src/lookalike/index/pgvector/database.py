"""The database of pgvector indexes: its schema."""

from __future__ import annotations

import threading
from functools import partial

from lookalike.index.pgvector.extension import check_extension
from lookalike.storage.postgres.migrations import Schema, check_format, format_of, load_migrations, migrate
from lookalike.storage.postgres.pool import Pool

SCHEMA = "lookalike_vectors"
TABLES = Schema(SCHEMA, "lookalike.index.pgvector.migrations", "vector index")


class Database:
    """Where the indexes of many collections are. Safe to use from many threads.

    Args:
        pool: connections to it.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._migrations = load_migrations(TABLES.package)
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
                check_format(found, self._migrations, place=self.pool.place, what=TABLES.what)
                self.pool.ask(SCHEMA, partial(check_extension, place=self.pool.place))
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
            migrate(self.pool, SCHEMA, self._migrations, what=TABLES.what)
            self.is_ready()
