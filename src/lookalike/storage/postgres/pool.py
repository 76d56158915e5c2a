"""Connections to a PostgreSQL database that threads share, opened when they are needed.

`psycopg_pool` connects on threads of its own and tells who waits only that there was nothing in time; here who needs a
connection makes it, and so is told at once why that cannot be done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from weakref import WeakKeyDictionary

import psycopg

from lookalike.core.ending import check_wanted, current_ending, take_lock
from lookalike.core.errors import CollectionError, Overloaded, Overtaken, PartBusy, ServiceDown
from lookalike.core.retrying import Retrying
from lookalike.storage.postgres.address import check_url, shown_url
from lookalike.storage.postgres.errors import ConnectionLost, is_lost, translate
from lookalike.storage.postgres.life import Life, life_of, status_of
from lookalike.storage.postgres.session import Row, Session, lost_block

T = TypeVar("T")

OLDEST = 160_000
"""The oldest version of the server: 16.0, as PostgreSQL counts them."""

MOST = 10
"""So many connections a pool has at most."""

_RETRYING = Retrying(attempts=6, first_pause_s=0.1)
_CONNECT_WITHIN_S = 10
_WAIT_S = 30.0
_LONGEST_IDLE_S = 300.0
_OUTCOME_WITHIN_S = 10.0
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ"
_BEGIN_SEEING = "BEGIN ISOLATION LEVEL READ COMMITTED"


class Pool:
    """Lends connections to threads, each to one at a time. Safe to use from many threads; not across a fork.

    Args:
        url: `postgresql://user:secret@host:port/name`.
        most: connections at a time; who needs one more waits.
        name: by which the server's administrator sees who is connected.
    Raises:
        BadInput: when that is no such URL. Nothing is connected to yet.
    """

    def __init__(self, url: str, *, most: int = MOST, name: str = "lookalike") -> None:
        self.url = check_url(url)
        self.place = shown_url(url)
        self._name = name
        self._places = threading.BoundedSemaphore(most)
        self._mutex = threading.Lock()
        self._idle: list[tuple[psycopg.Connection[Row], float]] = []
        self._local = threading.local()
        self._lives = WeakKeyDictionary[psycopg.Connection[Row], Life]()  # in which each was made
        self._closed = False

    def ask(self, schema: str, call: Callable[[Session], T]) -> T:
        """Ask something, and again where the connection was lost: each statement sees what is committed then.

        Args:
            schema: in the place of `ours` in statements.
            call: only reads, or does what may be done twice.
        Raises:
            ServiceDown: when the database cannot be reached, or is none that can be used.
            DeadlineExceeded: when the work was to end before.
        """
        return self._again(lambda: self._ask_once(schema, call))

    def look(self, schema: str, call: Callable[[Session], T]) -> T:
        """As `ask`, where all statements see one committed state."""

        def one_state(session: Session) -> T:
            session.change(f"{_BEGIN} READ ONLY")
            found = call(session)
            session.change("COMMIT")
            return found

        return self.ask(schema, one_state)

    @contextmanager
    def transaction(self, schema: str, *, lock_wait_s: float = 10.0, sees_others: bool = False) -> Iterator[Session]:
        """A transaction: committed durably when the block ends, undone when it raises.

        Args:
            schema: in the place of `ours` in statements.
            lock_wait_s: how long a statement waits for another transaction that has changed the same row.
            sees_others: whether each statement sees what is committed then, and a row for which it has waited as it is
                after that (READ COMMITTED), in place of one state, in which such a row overtakes (REPEATABLE READ).
        Raises:
            Overtaken: when another one was faster, or the connection was lost: nothing of the block remains.
            ServiceDown: when the database cannot be reached; at the end of the block, when nobody can say whether it
                was committed.
            Locked, DeadlineExceeded, StorageFailed, ReadOnly: as the server tells.
        """
        if getattr(self._local, "is_changing", False):
            raise CollectionError("a transaction was begun inside another one of the same thread: end that first")
        connection = self._again(lambda: self._begin(lock_wait_s, _BEGIN_SEEING if sees_others else _BEGIN))
        self._local.is_changing = True
        try:
            session = Session(connection, schema=schema, place=self.place, is_block=True)
            yield session
            self._commit(session)
        finally:
            self._local.is_changing = False
            self._give_back(connection)

    def outcome(self, xid: int, *, pid: int | None = None, life: Life | None = None) -> bool:
        """Whether a transaction was committed whose connection is lost; one that still runs is ended now.

        A server that crashes may give a number of which nothing had come to its disk to another transaction: what it
        then says of a commit may be said of that one.

        Args:
            xid: of the transaction.
            pid: of the server's process that it ran in.
            life: in which the server gave that number.
        Raises:
            ServiceDown: when nobody can say, as where the server was started anew and says that it was committed.
        """
        deadline = time.monotonic() + _OUTCOME_WITHIN_S
        while time.monotonic() < deadline:
            status = self.ask("", lambda session: status_of(session, xid))
            if status != "in progress":
                break
            if pid is not None:
                self.ask("", lambda session: session.rows("SELECT pg_terminate_backend(%s)", (pid,)))
            time.sleep(0.02)
        if status == "aborted" or (status == "committed" and (life is None or life.lasts(self.ask("", life_of)))):
            return status == "committed"
        raise ServiceDown(
            f"{self.place}: expected to learn what became of a commit whose answer was lost, but nobody can say: "
            "look whether the change was made, and repeat it if not"
        )

    def keep_none(self) -> None:
        """Close what is not lent; what is needed is opened as before."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            _close(connection)

    def close(self) -> None:
        """Close what is not lent; what is lent is closed when it comes back. Idempotent."""
        self._closed = True
        self.keep_none()

    def connect(self) -> psycopg.Connection[Row]:
        """A connection beside those of the pool, which the caller closes: as for listening.

        Raises:
            ServiceDown: when the database cannot be reached, or the server is too old.
        """
        try:
            connection: psycopg.Connection[Row] = psycopg.connect(
                self.url,
                autocommit=True,
                connect_timeout=_CONNECT_WITHIN_S,
                application_name=self._name,
                client_encoding="utf8",
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                tcp_user_timeout=60_000,
            )
        except psycopg.Error as error:
            raise translate(error, self.place) from error
        if connection.info.server_version < OLDEST:
            found = divmod(connection.info.server_version, 10_000)
            connection.close()
            raise ServiceDown(
                f"{self.place}: expected PostgreSQL {OLDEST // 10_000} or later, got {found[0]}.{found[1]}: "
                "upgrade the server, or use another one"
            )
        return connection

    def _again(self, call: Callable[[], T]) -> T:
        """Call, and call again where the connection was lost; what will not get better is raised at once."""

        def attempt() -> tuple[T | None, ServiceDown | Overloaded | None]:
            try:
                return call(), None
            except ConnectionLost:
                self.keep_none()  # after a restart all of them are lost
                raise
            except (ServiceDown, Overloaded) as error:
                return None, error

        found, failure = _RETRYING.run(attempt)
        if failure is not None:
            raise failure
        return found  # type: ignore[return-value]  # T itself may be None

    def _ask_once(self, schema: str, call: Callable[[Session], T]) -> T:
        connection = self._take()
        try:
            with self._until_the_end(connection):
                return call(Session(connection, schema=schema, place=self.place))
        finally:
            self._give_back(connection)

    @contextmanager
    def _until_the_end(self, connection: psycopg.Connection[Row]) -> Iterator[None]:
        """Have the server end statements when the work is to end."""
        when = current_ending()
        if when is None or when.left_s is None:
            yield
            return
        check_wanted()
        left_ms = max(1, int(when.left_s * 1000))
        try:
            connection.execute(f"SET statement_timeout = {left_ms}".encode())
            try:
                yield
            finally:
                if not connection.broken:
                    if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                        connection.execute(b"ROLLBACK")
                    connection.execute(b"SET statement_timeout = 0")
        except psycopg.Error as error:
            raise translate(error, self.place) from error

    def _begin(self, lock_wait_s: float, begin: str) -> psycopg.Connection[Row]:
        connection = self._take()
        try:
            connection.execute(f"{begin}; SET LOCAL lock_timeout = {max(1, int(lock_wait_s * 1000))}".encode())
        except BaseException as error:
            self._give_back(connection)
            if isinstance(error, psycopg.Error):
                raise translate(error, self.place) from error
            raise
        return connection

    def _commit(self, session: Session) -> None:
        connection, pid = session.connection, session.connection.info.backend_pid
        if session.xid is None:
            (xid,) = session.one("SELECT pg_current_xact_id_if_assigned()::text")
            session.xid = None if xid is None else int(xid)
        try:
            said = connection.execute(b"COMMIT").statusmessage
        except psycopg.Error as error:
            if not is_lost(error):
                raise translate(error, self.place) from error
            self.keep_none()
            life = self._lives.get(connection)
            if session.xid is not None and not self.outcome(session.xid, pid=pid, life=life):
                raise lost_block(self.place) from error
            return
        if said != "COMMIT":  # a statement of the block had failed, whatever became of its error
            raise Overtaken(
                f"{self.place}: expected the block to be committed, but it was undone ({said}): begin it again"
            )

    def _take(self) -> psycopg.Connection[Row]:
        if not take_lock(self._places, within_s=_WAIT_S):
            raise PartBusy(
                f"{self.place}: expected a free connection within {_WAIT_S:g} s, but all are in use: "
                "ask for less at once"
            )
        try:
            self._check_open()
            return self._idle_one() or self._connect_to_lend()
        except BaseException:
            self._places.release()
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise CollectionError(
                f"{self.place}: expected open connections, but they were closed: open the database anew"
            )

    def _connect_to_lend(self) -> psycopg.Connection[Row]:
        connection = self.connect()
        try:
            self._lives[connection] = life_of(Session(connection, schema="", place=self.place))
        except BaseException:
            connection.close()
            raise
        return connection

    def _idle_one(self) -> psycopg.Connection[Row] | None:
        now = time.monotonic()
        with self._mutex:
            old = [one for one, since in self._idle if now - since > _LONGEST_IDLE_S]
            self._idle = [(one, since) for one, since in self._idle if now - since <= _LONGEST_IDLE_S]
            found = self._idle.pop()[0] if self._idle else None
        for connection in old:
            _close(connection)
        return found

    def _give_back(self, connection: psycopg.Connection[Row]) -> None:
        try:
            with suppress(psycopg.Error):
                if not connection.broken and connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    connection.execute(b"ROLLBACK")
            with self._mutex:
                if not (connection.closed or self._closed) and _is_idle(connection):
                    self._idle.append((connection, time.monotonic()))
                    return
            _close(connection)
        finally:
            self._places.release()


def _is_idle(connection: psycopg.Connection[Row]) -> bool:
    return connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _close(connection: psycopg.Connection[Row]) -> None:
    with suppress(psycopg.Error):
        connection.close()
