"""The tables of a schema, prepared when they are first used, and blocks that wait for others.

`Pool.transaction` shows one state, and who was overtaken begins again. Here a row that another one is changing is
waited for, and then seen as that one has left it (READ COMMITTED); what a change depends on is locked by `FOR NO KEY
UPDATE` when it is looked up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from lookalike.core.ending import check_wanted, turn_of
from lookalike.core.errors import Overtaken
from lookalike.storage.postgres.migrations import Migration, migrate
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session

MOST_ATTEMPTS = 8
"""How often a block runs of which nothing remains."""

_PAUSE_S = 0.01

T = TypeVar("T")


class Tables:
    """Safe to use from many threads.

    Args:
        pool: to the database; closed with the tables.
        schema: in which they are, in the place of `ours` in statements.
        migrations: that make them.
        what: is in them, in a word, for messages.

    Every method raises `ServiceDown` when the database cannot be reached or its role may not do that, `FormatTooNew`
    when a newer version wrote the tables, and `Locked`, `DeadlineExceeded`, `StorageFailed` or `ReadOnly` as the server
    tells.
    """

    def __init__(self, pool: Pool, schema: str, migrations: Sequence[Migration], *, what: str) -> None:
        self.schema = schema
        self._pool = pool
        self._migrations = migrations
        self._what = what
        self._preparing = Lock()
        self._is_prepared = False

    def prepare(self) -> None:
        """Make what is missing, or bring it up to date; done by whatever uses them first. Idempotent."""
        if self._is_prepared:
            return
        with turn_of(self._preparing):
            if not self._is_prepared:
                migrate(self._pool, self.schema, self._migrations, what=self._what)
                self._is_prepared = True

    def ask(self, call: Callable[[Session], T]) -> T:
        """Ask something, or do what may be done twice; see `Pool.ask`."""
        self.prepare()
        return self._pool.ask(self.schema, call)

    @contextmanager
    def block(self) -> Iterator[Session]:
        """A transaction that waits for others; else as `Pool.transaction`.

        Raises:
            Overtaken: when the connection was lost, or two waited for each other: nothing of the block remains.
        """
        self.prepare()
        with self._pool.transaction(self.schema, sees_others=True) as session:
            yield session

    def commit(self, block: Callable[[Session], T]) -> T:
        """Run a block in such a transaction, again where nothing of it remains, and commit it.

        Args:
            block: changes nothing else.
        Returns:
            what the block gave back.
        Raises:
            Overtaken: when that happens `MOST_ATTEMPTS` times.
        """
        attempt = 1
        while True:
            try:
                with self.block() as session:
                    return block(session)
            except Overtaken:
                if attempt == MOST_ATTEMPTS:
                    raise
                check_wanted()
                time.sleep(_PAUSE_S * attempt)
                attempt += 1

    def close(self) -> None:
        """Let go of connections. Idempotent."""
        self._pool.close()
