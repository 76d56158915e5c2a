"""The promise of a catalog kept with such a database, as an engine of PostgreSQL would keep it.

What it does about the line: reads are asked again. A block whose connection is lost has come to nothing, and is told to
begin again. At a commit whose answer is lost the database is asked what has become of the transaction, by its id; where
it cannot be asked either, that is said.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from lookalike.catalog.base import CHANGES_AT_ONCE, CatalogFacts
from lookalike.catalog.numbered_feed import check_limit, page_of, unknown
from lookalike.core.errors import BadInput, CollectionError, Overtaken, ServiceDown, WrongModel
from lookalike.core.records import START, ChangeKind, ChangePage, Cursor
from lookalike.core.retention import KEEP_REMOVED_DAYS
from tests.remote.database import BEGINNING, Database, Position, SerializationFailure, Session, Snapshot
from tests.remote.line import Line, LineLost

T = TypeVar("T")

_ATTEMPTS = 8
_PLACE = re.compile("([0-9]{1,18}):([0-9]{1,18}) ([0-9a-f]+)")
_READS = frozenset(
    {
        *("images", "ids", "keys", "find_ids", "find_forgotten", "metadata_fields", "files_of", "pictures", "file"),
        *("files_at", "refused_at", "devices", "out_of_sight", "vectors", "select", "count", "passing"),
        *("matching_paths", "further_models", "model_vectors", "keys_without_vector", "projection"),
        *("projection_version", "lease", "count_files", "deleting", "stamps"),
    }
)
_LISTS = frozenset(["files", "refused", "all_vectors", "all_images", "all_model_vectors"])


class RemoteTransaction:
    """A session at the other end of a line; see `lookalike.catalog.base.Transaction`."""

    def __init__(self, session: Session, line: Line) -> None:
        self._session = session
        self._line = line
        self.is_lost = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        if not callable(found):  # `returned`, `model_id`, which this side knows
            return found

        def request(*given: Any, **named: Any) -> Any:
            return self._carry(f"in a block: {name}", lambda: found(*given, **named))

        return request

    def check_not_lost(self) -> None:
        """That nobody commits a block of which a part never arrived."""
        if self.is_lost:
            raise lost_block()

    def _carry(self, request: str, call: Callable[[], T]) -> T:
        self.check_not_lost()
        try:
            return self._line.carry(request, call)
        except LineLost as error:
            self.is_lost = True
            raise lost_block() from error


class RemoteCatalog:
    """See `lookalike.catalog.base.Catalog`. Any number of them share one database.

    Args:
        database: the server.
        line: to it.
        keep_removed_days: for which the metadata of removed pictures is kept.
        clock: seconds since 1970.
    """

    is_unchanged = False
    """Nobody can tell without asking."""

    def __init__(
        self,
        database: Database | None = None,
        *,
        line: Line | None = None,
        keep_removed_days: int = KEEP_REMOVED_DAYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database or Database()
        self.line = line or Line()
        self._keep_days = keep_removed_days
        self._clock = clock
        self._local = threading.local()

    def __getattr__(self, name: str) -> Any:
        if name in _READS:
            return lambda *given, **named: self._read(name, lambda seen: getattr(seen, name)(*given, **named))
        if name in _LISTS:
            return lambda *given, **named: iter(
                self._read(name, lambda seen: list(getattr(seen, name)(*given, **named)))
            )
        raise AttributeError(name)

    @property
    def model_id(self) -> str:
        """The model whose vectors it has; '' until `claim_model`."""
        return self._ask("model", lambda: self.database.model)[0]

    @property
    def dimension(self) -> int:
        """D of that model; 0 until `claim_model`."""
        return self._ask("model", lambda: self.database.model)[1]

    def claim_model(self, model_id: str, dimension: int) -> None:
        """Bind an empty catalog to a model; on a bound one, check."""
        if not model_id or dimension < 1:
            raise BadInput(f"expected the id of a model and its dimension, got {model_id!r} and {dimension}; give both")
        bound = self._ask("bind", lambda: self.database.bind((model_id, dimension)))
        if bound != (model_id, dimension):
            raise WrongModel(
                f"expected vectors of model {bound[0][:12]} ({bound[1]} wide), got {model_id[:12]} ({dimension} wide): "
                "open it with that model, or make another collection"
            )

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[RemoteTransaction]:
        """Begin changes: they become true when the block ends, unless another one was first."""
        if getattr(self._local, "is_changing", False):
            raise CollectionError("a transaction was begun inside another one of the same thread; end that first")
        self._local.is_changing = True
        try:
            now_s = int(self._clock())
            session = self._ask("begin", lambda: self.database.begin(keep_days=self._keep_days, now_s=now_s))
            transaction = RemoteTransaction(session, self.line)
            try:
                yield transaction
                transaction.check_not_lost()
            except BaseException:
                self.database.roll_back(session)  # the server notices by itself who has gone
                raise
            self._commit(session)
        finally:
            self._local.is_changing = False

    def facts(self) -> CatalogFacts:
        """How much is there."""
        return replace(self._read("facts", lambda seen: seen.facts()), engine="remote")

    def version(self) -> str:
        """A word that is another one after every commit; see `Catalog`."""
        return self._ask("version", lambda: f"{self.database.commits} {self.database.history}")

    def changes(
        self, since: Cursor, *, kinds: Collection[ChangeKind] | None = None, limit: int = CHANGES_AT_ONCE
    ) -> ChangePage:
        """What has changed after a place in the feed; see `Catalog`."""
        check_limit(limit)
        return self._ask("changes", lambda: self._page(since, kinds, limit))

    def cursor(self) -> Cursor:
        """The place after the newest change that the feed gives; see `Catalog`."""
        return self._ask("cursor", lambda: self._cursor_at(self.database.visible(BEGINNING, ()).newest))

    def follows(self, cursor: Cursor) -> bool:
        """Whether a place is of this database's history; see `Catalog`."""
        return self._ask("follows", lambda: self._place_of(cursor) is not None)

    def is_current(self) -> bool:
        """Always: a name stands for one database."""
        return True

    def let_go(self) -> None:
        """Nothing: no file is open."""

    def identity(self) -> str:
        """A word for the collection; see `Catalog`."""
        return self._ask("identity", lambda: self.database.identity)

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Say that vectors of a further model are to be kept under that name; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.add_further_model(name, model_id, dimension)

    def drop_further_model(self, name: str) -> None:
        """Forget a further model and all its vectors; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.drop_further_model(name)

    def check(self) -> list[str]:
        """Nothing: the constraints of the database are held at each commit."""
        return []

    def close(self) -> None:
        """Nothing to let go of."""

    def _page(self, since: Cursor, kinds: Collection[ChangeKind] | None, limit: int) -> ChangePage:
        place = self._place_of(since)
        if place is None:
            raise unknown(since)
        visible = self.database.visible(place, kinds)
        return page_of(visible.entries, limit=limit, end=self._cursor_at(visible.newest), cursor_at=self._cursor_at)

    def _cursor_at(self, place: Position) -> Cursor:
        return START if place == BEGINNING else Cursor(f"{place[0]}:{place[1]} {self.database.history}")

    def _place_of(self, cursor: Cursor) -> Position | None:
        if cursor == START:
            return BEGINNING
        found = _PLACE.fullmatch(cursor)
        if found is None or found[3] != self.database.history:
            return None
        place = int(found[1]), int(found[2])
        return place if place <= self.database.visible(BEGINNING, ()).newest else None

    def _read(self, request: str, call: Callable[[Snapshot], T]) -> T:
        return self._ask(request, lambda: call(self.database.snapshot()))

    def _ask(self, request: str, call: Callable[[], T]) -> T:
        """Ask, and ask again where the line was lost: what is asked for so may be done twice."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self.line.carry(request, call)
            except LineLost:
                continue
        try:
            return self.line.carry(request, call)
        except LineLost as error:
            raise ServiceDown(f"the catalog's database does not answer ({error}): try again when it does") from error

    def _commit(self, session: Session) -> None:
        try:
            self.line.carry("commit", lambda: self.database.commit(session))
        except SerializationFailure as error:
            raise overtaken(error) from error
        except LineLost as error:
            if session.has_xid and not self._ask("outcome", lambda: self.database.is_committed(session.xid)):
                raise lost_block() from error


def lost_block() -> Overtaken:
    return Overtaken("the connection was lost in the middle of a block, of which nothing remains: begin it again")


def overtaken(error: SerializationFailure) -> Overtaken:
    return Overtaken(f"another writer was faster ({error}), and nothing of the block remains: begin it again")
