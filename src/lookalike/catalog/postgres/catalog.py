"""The catalog that keeps everything in a schema of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from lookalike.catalog.base import CHANGES_AT_ONCE
from lookalike.catalog.patience import MOST_ATTEMPTS
from lookalike.catalog.postgres import committing, feed, reading, tallies
from lookalike.catalog.postgres.checking import damage
from lookalike.catalog.postgres.filters import selection
from lookalike.catalog.postgres.reads import PostgresReads
from lookalike.catalog.postgres.writing import PostgresTransaction, begin
from lookalike.core.ending import check_wanted, current_ending
from lookalike.core.errors import BadInput, CollectionError, Overtaken, ReadOnly, WrongModel
from lookalike.core.filters import Filter
from lookalike.core.records import ChangeKind, ChangePage, Cursor
from lookalike.core.retention import KEEP_REMOVED_DAYS
from lookalike.core.vectors import Keys
from lookalike.storage.cache import BoundedCache
from lookalike.storage.postgres.errors import Lacking
from lookalike.storage.postgres.pool import Pool
from lookalike.storage.postgres.session import Session

T = TypeVar("T")

LOCK_WAIT_S = 10.0
"""How long a change waits for another transaction that has changed the same row and is not committed yet."""

_AT_ONCE_S = 0.001
_SELECTIONS_BYTES = 64_000_000  # what filters have selected: one who asks with a filter mostly asks with it again


class PostgresCatalog(PostgresReads):
    """See `lookalike.catalog.base.Catalog`; `PostgresCatalogs` makes and opens them. A context manager that closes it.

    Args:
        name: of the catalog, for messages.
        number: of its schema.
        pool, checking: connections, which others share: for what is asked, and for looking at what is committed.
        missing: raises what is to be told where its tables are not there (any more).
        read_only: never write.
        keep_removed_days: for which the metadata of removed pictures is kept; 0 keeps none.
        clock: seconds since 1970; None for the server's, which is the same for all who write.
        lock_wait_s: see `LOCK_WAIT_S`.
    """

    is_unchanged = False
    """Nobody can tell without asking."""

    def __init__(
        self,
        name: str,
        number: int,
        *,
        pool: Pool,
        checking: Pool,
        missing: Callable[[str, int], None],
        read_only: bool = False,
        keep_removed_days: int = KEEP_REMOVED_DAYS,
        clock: Callable[[], float] | None = None,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self.name = name
        self.number = number
        self.schema = schema_of(number)
        self._pool = pool
        self._checking = checking
        self._missing = missing
        self._read_only = read_only
        self._keep_days = keep_removed_days
        self._clock = clock
        self._lock_wait_s = lock_wait_s
        self._model: tuple[str, int] = ("", 0)
        self._identity = ""
        self._selections: BoundedCache[tuple[str, str], Keys] = BoundedCache(most_bytes=_SELECTIONS_BYTES)
        self._is_closed = False

    def __enter__(self) -> PostgresCatalog:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def model_id(self) -> str:
        """The model whose vectors are kept; '' until `claim_model`."""
        return self._read_model()[0]

    @property
    def dimension(self) -> int:
        """D of that model; 0 until `claim_model`."""
        return self._read_model()[1]

    def claim_model(self, model_id: str, dimension: int) -> None:
        """Bind an empty catalog to a model; on a bound one, check."""
        if not model_id or dimension < 1:
            raise BadInput(
                f"expected the id of a model and its dimension, got {model_id!r} and {dimension}"
                "; take both from the model's card"
            )
        for _ in range(MOST_ATTEMPTS):
            if self.model_id:
                break
            with suppress(Overtaken), self.transaction() as transaction:  # others bind it at the same time
                transaction.bind(model_id, dimension)
        if self._read_model() != (model_id, dimension):
            raise WrongModel(
                f"{self.name}: expected model {self.model_id[:12]} ({self.dimension} wide), of which it holds vectors, "
                f"got {model_id[:12]} ({dimension} wide): use that model, or another collection"
            )

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[PostgresTransaction]:
        """Begin changes: committed durably when the block ends, undone when it raises."""
        self._check_writable()
        with self._telling_what_is_gone():
            with self._pool.transaction(self.schema, lock_wait_s=self._wait_s(wait=wait)) as session:
                begun = begin(session)
                now_s = int(begun.clock_s if self._clock is None else self._clock())
                transaction = PostgresTransaction(session, begun, keep_days=self._keep_days, now_s=now_s)
                yield transaction
                has_changed = committing.finish(
                    session,
                    transaction.notes,
                    snapshot=begun.snapshot,
                    number=self.number,
                    checking=self._checking,
                    place=self.name,
                )
            if has_changed:
                committing.tidy(self._checking, self.schema)

    def version(self) -> str:
        """A word that is another one after every commit that changed anything; see `Catalog`."""
        return self._ask(tallies.version)

    def changes(
        self, since: Cursor, *, kinds: Collection[ChangeKind] | None = None, limit: int = CHANGES_AT_ONCE
    ) -> ChangePage:
        """What has changed after a place in the feed; see `Catalog`."""
        return self._ask(lambda session: feed.changes(session, since, kinds, limit))

    def cursor(self) -> Cursor:
        """The place after the newest change that the feed tells; see `Catalog`."""
        return self._ask(feed.newest)

    def follows(self, cursor: Cursor) -> bool:
        """Whether a place is of this catalog's history; see `Catalog`."""
        return self._ask(lambda session: feed.follows(session, cursor))

    def select(self, where: Filter) -> Keys:
        """Keys that pass a filter, shape (M,), int64, ascending, read-only; what was asked before is given again."""
        statement = selection(where)
        version = self.version()  # before the selecting, so that what is kept is never older than it says
        keys = self._selections.get(statement.name, version=version)
        if keys is None:
            keys = self._ask(lambda session: reading.select(session, statement))
            if self.version() == version:
                self._selections.put(statement.name, keys, size_bytes=keys.nbytes, version=version)
        return keys

    def identity(self) -> str:
        """A random word for the collection; see `Catalog`."""
        if not self._identity:  # it stays
            self._identity = str(self._ask(lambda session: session.one("SELECT word FROM ours.identity")[0]))
        return self._identity

    def is_current(self) -> bool:
        """Whether it is still the catalog that was opened; see `Catalog`."""
        try:
            self._ask(lambda session: session.one("SELECT word FROM ours.identity"))
        except CollectionError:
            return False
        return True

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Say that vectors of a further model are to be kept under that name; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.add_further_model(name, model_id, dimension)

    def drop_further_model(self, name: str) -> None:
        """Forget a further model and all its vectors; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.drop_further_model(name)

    def check(self) -> list[str]:
        """Look for damage; see `Catalog`."""
        return self._look(damage)

    def let_go(self) -> None:
        """Close the connections that nobody uses at the moment; see `Catalog`."""
        self._pool.keep_none()
        self._checking.keep_none()

    def close(self) -> None:
        """Be used no longer. The connections are those of `PostgresCatalogs`, which closes them. Idempotent."""
        self._is_closed = True

    def _read_model(self) -> tuple[str, int]:
        if not self._model[0]:  # once bound, it stays
            row = self._ask(lambda session: session.one("SELECT model_id, dimension FROM ours.identity"))
            self._model = row[0], row[1]
        return self._model

    def _ask(self, call: Callable[[Session], T]) -> T:
        with self._telling_what_is_gone():
            return self._pool.ask(self.schema, call)

    def _look(self, call: Callable[[Session], T]) -> T:
        with self._telling_what_is_gone():
            return self._pool.look(self.schema, call)

    @contextmanager
    def _telling_what_is_gone(self) -> Iterator[None]:
        """Where tables are not there, that is because the catalog was dropped."""
        if self._is_closed:
            raise CollectionError(f"{self.name}: expected an open catalog, but it was closed: open it anew")
        try:
            yield
        except Lacking:
            self._missing(self.name, self.number)
            raise

    def _wait_s(self, *, wait: bool) -> float:
        """How long others are waited for: no longer than the work may last."""
        check_wanted()
        when = current_ending()
        left_s = None if when is None else when.left_s
        if not wait:
            return _AT_ONCE_S
        return self._lock_wait_s if left_s is None else max(_AT_ONCE_S, min(self._lock_wait_s, left_s))

    def _check_writable(self) -> None:
        if self._read_only:
            raise ReadOnly(
                f"{self.name}: the collection was opened for reading only; open it without read_only to change it"
            )


def schema_of(number: int) -> str:
    """In which schema a catalog has its tables."""
    return f"lookalike_c{number}"
