"""A database that behaves like one elsewhere, with many writers: the rows of a catalog, snapshots, and late commits.

Each transaction sees the rows as they were committed when it began, and what it has written itself. It takes its id
and the numbers of its changes when it writes, long before it commits. At its commit, what it has read and written must
be as it was: whoever commits first wins. Nobody waits for anybody else's block.

The feed goes by pairs (id of the transaction, number), and gives only what lies below the oldest transaction that still
runs: what was numbered early and is committed late comes later in the feed, never behind a reader's back. A long
transaction delays the feed; nothing is lost.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from typing import Any, NamedTuple

from lookalike.catalog.base import MAIN
from lookalike.catalog.memory.reads import MemoryReads
from lookalike.catalog.memory.state import Changed, State
from lookalike.catalog.memory.transaction import MemoryTransaction
from lookalike.catalog.numbered_feed import ALL_KINDS, Entry, entries_of
from lookalike.core.records import ChangeKind
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import HalfVectors, Keys
from tests.remote.tracked import Tracked

_NESTED = ("claims", "further_vectors")
_TABLES = tuple(one.name for one in fields(State) if one.name not in (*_NESTED, "last_seq", "version"))
_GONE = object()

Position = tuple[int, int]
"""Of a change: the id of its transaction, and its number."""

BEGINNING: Position = (0, 0)


class SerializationFailure(Exception):
    """Another transaction has changed what this one read or wrote, and was committed first."""


class Visible(NamedTuple):
    """What the feed gives at one moment.

    Attributes:
        entries: of the changes after a place, in order.
        newest: the place of the last change that the feed has given room to; it only grows.
    """

    entries: Sequence[Entry[Position]]
    newest: Position


class Session(MemoryTransaction):
    """A transaction, from its beginning to its commit or its end without one."""

    def __init__(self, database: Database, base: State, **options: Any) -> None:
        self.base = base
        self._database = database
        self._xid: int | None = None
        self.last: Position = BEGINNING
        super().__init__(base, **options)

    @property
    def xid(self) -> int:
        """Its id, taken when it is first asked for."""
        if self._xid is None:
            self._xid = self._database.take_xid()
        return self._xid

    @property
    def has_xid(self) -> bool:
        return self._xid is not None

    def remove_images(self, ids: Sequence[str], *, keep: bool = True) -> int:
        with ExitStack() as stack:  # that no file of them is left is looked after at the commit
            stack.enter_context(self.state.files.unnoted())  # type: ignore[attr-defined]
            return super().remove_images(ids, keep=keep)

    def put_model_vectors(self, name: str, keys: Sequence[int] | Keys, vectors: HalfVectors) -> int:
        with ExitStack() as stack:  # that they are of pictures that are there is looked after at the commit
            for table in (self.state.pictures, self.state.keys):
                stack.enter_context(table.unnoted())  # type: ignore[attr-defined]
            return super().put_model_vectors(name, keys, vectors)

    def put_projection(self, new: StoredProjection, *, after: int, model: str = MAIN) -> int:
        version = super().put_projection(new, after=after, model=model)
        if model == MAIN:
            self.last = (self.xid, self._database.take_number())
        return version

    def _copy(self, state: State) -> State:
        return _working_copy(state)

    def _new_key(self) -> int:
        return self._database.take_key()

    def _stamp(self, image_id: str, kind: ChangeKind) -> None:
        key = self.state.keys[image_id]
        self.last = (self.xid, self._database.take_number())
        vector: Any = self.state.changed[key].vector_seq if kind is ChangeKind.METADATA else self.last
        self.state.changed[key] = Changed(self.last, vector, kind is ChangeKind.REMOVED)  # type: ignore[arg-type]


class Snapshot(MemoryReads):
    """Reads of what was committed at one moment."""

    def __init__(self, state: State, dimension: int) -> None:
        self._state = state
        self._dimension = dimension

    @property
    def dimension(self) -> int:
        return self._dimension

    def _view(self) -> State:
        return self._state


class Database:
    """The server. Safe to use from many threads.

    Attributes:
        committed: the rows.
        model: id and dimension that the catalog is bound to; '' and 0 while it is not.
        identity: a random word for it.
        history: a random word for what has happened to it; another one once it was put back.
        commits: how many there were.
    """

    def __init__(self) -> None:
        self._mutex = threading.RLock()
        self.committed = State()
        self.model: tuple[str, int] = ("", 0)
        self.identity = self.history = secrets.token_hex(8)
        self.commits = 0
        self._next_xid = self._next_number = self._next_key = 1
        self._running: set[int] = set()
        self._outcomes: dict[int, bool] = {}
        self._waiting: dict[int, Position] = {}  # the last change of committed transactions that the feed defers
        self._newest = BEGINNING

    def bind(self, model: tuple[str, int]) -> tuple[str, int]:
        """Bind it to a model where it is bound to none; which one it is bound to."""
        with self._mutex:
            self.model = self.model if self.model[0] else model
            return self.model

    def snapshot(self) -> Snapshot:
        """Reads of what is committed now."""
        with self._mutex:
            return Snapshot(self.committed, self.model[1])

    def begin(self, *, keep_days: int, now_s: int) -> Session:
        """A transaction that sees what is committed now."""
        with self._mutex:
            return Session(self, self.committed, model=self.model, keep_days=keep_days, now_s=now_s)

    def commit(self, session: Session) -> None:
        """Make its changes true.

        Raises:
            SerializationFailure: when another one has changed what this one read or wrote; nothing of it remains.
        """
        with self._mutex:
            try:
                merged = self._merged(session)
            except SerializationFailure:
                self.roll_back(session)
                raise
            if merged is not None:
                self.committed = merged
                self.commits += 1
            self._end(session, is_committed=True)

    def roll_back(self, session: Session) -> None:
        """Forget it. Idempotent."""
        with self._mutex:
            self._end(session, is_committed=False)

    def is_committed(self, xid: int) -> bool:
        """What has become of a transaction; one that still runs is ended now, for its client has lost it."""
        with self._mutex:
            self._running.discard(xid)
            return self._outcomes.setdefault(xid, False)

    def visible(self, since: Position, kinds: Collection[ChangeKind] | None) -> Visible:
        """What the feed gives after a place."""
        with self._mutex:
            horizon = self._horizon()
            entries = sorted(
                entry
                for key, (last, vector, removed) in self.committed.changed.items()
                for entry in entries_of(
                    key, last=last, vector=vector, removed=removed, kinds=ALL_KINDS if kinds is None else kinds
                )
                if since < entry.position and entry.position[0] < horizon  # type: ignore[index, operator]
            )
            return Visible(entries, self._newest)  # type: ignore[arg-type]

    def put_back(self, state: State) -> None:
        """Be an older copy again, as after the loss of a machine: what was committed since is gone."""
        with self._mutex:
            self.committed = state
            self.history = secrets.token_hex(8)

    def take_xid(self) -> int:
        with self._mutex:
            self._next_xid += 1
            self._running.add(self._next_xid)
            return self._next_xid

    def take_number(self) -> int:
        with self._mutex:
            self._next_number += 1
            return self._next_number

    def take_key(self) -> int:
        """Never given twice, also where the transaction comes to nothing."""
        with self._mutex:
            self._next_key += 1
            return self._next_key - 1

    def _end(self, session: Session, *, is_committed: bool) -> None:
        if session.has_xid and session.xid not in self._outcomes:
            self._running.discard(session.xid)
            self._outcomes[session.xid] = is_committed
            if is_committed and session.last != BEGINNING:
                self._waiting[session.xid] = session.last

    def _horizon(self) -> int:
        """All transactions below it have ended. What they have changed is given from now on."""
        horizon = min(self._running, default=self._next_xid + 1)
        for xid in [xid for xid in self._waiting if xid < horizon]:
            self._newest = max(self._newest, self._waiting.pop(xid))
        return horizon

    def _merged(self, session: Session) -> State | None:
        """What is committed, with the changes of a transaction; None where there are none."""
        if session.has_xid and session.xid in self._outcomes:
            raise SerializationFailure("the transaction was ended, for its connection was lost")
        base, mine, now = (_tables(state) for state in (session.base, session.state, self.committed))
        written = {name: rows for name, table in mine.items() if (rows := _written(table, base.get(name, {})))}
        dropped = [name for name in base.keys() - mine.keys() if name[0] in _NESTED]
        if not written and base.keys() == mine.keys():
            return None  # what was only read was true at one moment
        for name, table in mine.items():
            before, current = base.get(name, {}), now.get(name, {})
            self._check_untouched(name, before, current, {*written.get(name, {}), *_read_of(table, before, current)})
        for name in _NESTED:
            self._check_same_tables(name, session)
        merged = _with_rows(self.committed, written, dropped, created=mine.keys() - base.keys())
        _check_constraints(merged)
        return merged

    def _check_untouched(
        self, name: tuple[str, ...], before: dict[Any, Any], current: dict[Any, Any], keys: set[Any]
    ) -> None:
        for key in keys:
            if current.get(key, _GONE) is not before.get(key, _GONE):
                raise SerializationFailure(f"another transaction has changed {key!r:.40} of {' '.join(name)} first")

    def _check_same_tables(self, name: str, session: Session) -> None:
        """Of nested tables that a transaction has looked for: still there, or still not."""
        before, current = getattr(session.base, name), getattr(self.committed, name)
        for key in _read_of(getattr(session.state, name), before, current):
            if (key in before) != (key in current):
                raise SerializationFailure(f"another transaction has made or dropped {key!r:.40} of {name} first")


def _written(table: dict[Any, Any], before: dict[Any, Any]) -> dict[Any, Any]:
    """The rows that are others than before, by key; `_GONE` where there is none any more."""
    return {
        key: dict.get(table, key, _GONE)
        for key in dict.keys(before) | dict.keys(table)
        if dict.get(table, key, _GONE) is not before.get(key, _GONE)
    }


def _read_of(table: dict[Any, Any], before: dict[Any, Any], current: dict[Any, Any]) -> set[Any]:
    """The keys that a transaction has read of a table, in one way or the other."""
    if not isinstance(table, Tracked):
        return set()
    return table.asked | (before.keys() | current.keys() if table.is_read_whole else set())


def _working_copy(state: State) -> State:
    tables: dict[str, Any] = {name: Tracked(getattr(state, name)) for name in _TABLES}
    for name in _NESTED:
        tables[name] = Tracked({key: Tracked(rows) for key, rows in getattr(state, name).items()})
    return replace(state, **tables)


def _tables(state: State) -> dict[tuple[str, ...], dict[Any, Any]]:
    """All rows, by the name of their table; nested ones are tables of their own."""
    tables: dict[tuple[str, ...], dict[Any, Any]] = {(name,): getattr(state, name) for name in _TABLES}
    for name in _NESTED:
        tables |= {(name, key): rows for key, rows in dict.items(getattr(state, name))}
    return tables


def _with_rows(
    state: State,
    written: dict[tuple[str, ...], dict[Any, Any]],
    dropped: Collection[tuple[str, ...]],
    *,
    created: Collection[tuple[str, ...]],
) -> State:
    """A copy with other rows; those that nobody wrote are the same objects."""
    copy = replace(state.copy(), projections=dict(state.projections))
    for name, key in created:
        getattr(copy, name).setdefault(key, {})
    for name, rows in written.items():
        table = getattr(copy, name[0])
        for one in name[1:]:
            table = table.setdefault(one, {})
        for key, row in rows.items():
            if row is _GONE:
                table.pop(key, None)
            else:
                table[key] = row
    for name, key in dropped:
        getattr(copy, name).pop(key, None)
    return copy


def _check_constraints(state: State) -> None:
    """What the tables promise one another, as foreign keys would have it."""
    for path, file in state.files.items():
        if file.image_id not in state.pictures:
            raise SerializationFailure(f"{path!r:.40} is a file of a picture that was removed meanwhile")
    there = {state.keys[image_id] for image_id in state.pictures}
    for name, vectors in state.further_vectors.items():
        if not vectors.keys() <= there:
            raise SerializationFailure(f"vectors of {name} are of pictures that were removed meanwhile")
