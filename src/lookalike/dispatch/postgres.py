"""The dispatch for jobs in PostgreSQL: it listens to what these tell when they are committed (NOTIFY).

A notice is a hint: one that is told while the connection is lost never comes, so workers look by themselves, too, and
after each new connection. It comes to each process that listens, and there to one consumer.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Collection as Several
from collections.abc import Sequence

from lookalike.core.errors import ServiceDown
from lookalike.dispatch.base import DeadLetter, Delivery, Notice
from lookalike.jobs.postgres import SCHEMA
from lookalike.jobs.postgres.notices import channel_of, waiting_of
from lookalike.storage.postgres.listening import Listener
from lookalike.storage.postgres.pool import Pool

MOST_OF_A_KIND = 10_000
"""So many notices of a kind wait for consumers; of more, workers find the jobs by themselves."""

_CONNECTS_WITHIN_S = 2.0  # mostly; else it goes on without
_CONNECT_EVERY_S = 1.0  # where the database is not reached


class PostgresDispatch:
    """See `lookalike.dispatch.base.Dispatch`. Listens on a thread of its own, from the first consumer on.

    Args:
        url: of the database.
        schema: of the ledger whose jobs tell.
        look_every_s: as of `Dispatch`: for notices that are lost, and jobs whose workers died.
    Raises:
        BadInput: when that is no URL of a database. Nothing is connected to yet.
    """

    needs_relay = False

    def __init__(self, url: str, *, schema: str = SCHEMA, look_every_s: float = 5.0) -> None:
        self.look_every_s = look_every_s
        self._pool = Pool(url, most=1, name="lookalike dispatch")
        self._listener = Listener(self._pool, channel_of(schema))
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, list[tuple[float, int, Notice]]] = {}  # of each kind a heap: due when, number, what
        self._listening: threading.Thread | None = None
        self._has_connected = False
        self._may_have_missed = False  # of what was told before the next connection
        self._is_closed = False

    def publish(self, notices: Sequence[Notice]) -> None:
        """Nothing is to be told: the jobs do that."""

    def set_aside(self, letter: DeadLetter) -> None:
        """There is no place for it: the job's row says it."""

    def consumer(self, kinds: Several[str], *, prefetch: int = 1) -> PostgresConsumer:
        """One who receives notices of these kinds, from now on; see `Dispatch`.

        Where the database is not reached, it is told that there may be something of each kind once that is.
        """
        with self._changed:
            self._check_open()
            for kind in kinds:
                self._waiting.setdefault(kind, [])
            if self._listening is None:
                self._listening = threading.Thread(target=self._listen, name="lookalike-listens", daemon=True)
                self._listening.start()
            self._changed.wait_for(lambda: self._has_connected or self._is_closed, timeout=_CONNECTS_WITHIN_S)
            self._may_have_missed = True
        return PostgresConsumer(self, frozenset(kinds), prefetch)

    def check(self) -> None:
        """There is no broker: whether the database answers is asked of what is kept there."""

    def close(self) -> None:
        """Whoever waits is told that nothing comes any more. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._listener.close()
        if self._listening is not None:
            self._listening.join()
        self._pool.close()

    def _listen(self) -> None:
        while not self._is_closed:
            told = self._listener.receive(_CONNECT_EVERY_S)
            with self._changed:
                for text in told:
                    self._take_in(text)
                self._changed.notify_all()

    def _take_in(self, text: str) -> None:
        waiting = waiting_of(text)
        if waiting is None:
            self._has_connected = True
            for kind in self._waiting if self._may_have_missed else ():
                self._put(Notice("", kind), after_s=0.0)
        elif waiting.kind in self._waiting:
            self._put(Notice(waiting.job_id, waiting.kind), after_s=waiting.delay_s)

    def _put(self, notice: Notice, *, after_s: float) -> None:
        of_kind = self._waiting[notice.kind]
        if len(of_kind) < MOST_OF_A_KIND:
            heapq.heappush(of_kind, (time.monotonic() + after_s, next(self._numbers), notice))

    def _take(self, kinds: frozenset[str]) -> Delivery | None:
        """The notice that has been due for longest."""
        first = min((self._waiting[kind] for kind in kinds if self._waiting[kind]), default=None)
        if first is None or first[0][0] > time.monotonic():
            return None
        _, number, notice = heapq.heappop(first)
        return Delivery(notice, str(number))

    def _due_in_s(self, kinds: frozenset[str]) -> float:
        due = [self._waiting[kind][0][0] for kind in kinds if self._waiting[kind]]
        return max(0.0, min(due, default=float("inf")) - time.monotonic())

    def _check_open(self) -> None:
        if self._is_closed:
            raise ServiceDown("expected an open dispatch, but this one was closed: open another one")


class PostgresConsumer:
    """See `lookalike.dispatch.base.Consumer`; made by `PostgresDispatch.consumer`."""

    def __init__(self, dispatch: PostgresDispatch, kinds: frozenset[str], prefetch: int) -> None:
        self._dispatch = dispatch
        self._kinds = kinds
        self._prefetch = prefetch
        self._in_hand: dict[str, Notice] = {}

    def receive(self, *, wait_s: float) -> Delivery | None:
        """Wait until there is a notice of a job that may be begun; see `Consumer`."""
        dispatch, end = self._dispatch, time.monotonic() + wait_s
        with dispatch._changed:
            while True:
                dispatch._check_open()
                may_have_more = len(self._in_hand) < self._prefetch
                delivery = dispatch._take(self._kinds) if may_have_more else None
                if delivery is not None:
                    self._in_hand[delivery.tag] = delivery.notice
                    return delivery
                left_s = end - time.monotonic()
                if left_s <= 0:
                    return None
                dispatch._changed.wait(min(left_s, dispatch._due_in_s(self._kinds)) if may_have_more else left_s)

    def ack(self, delivery: Delivery) -> None:
        """It is not delivered again."""
        with self._dispatch._changed:
            self._in_hand.pop(delivery.tag, None)

    def nack(self, delivery: Delivery) -> None:
        """It is delivered again, in this process."""
        with self._dispatch._changed:
            notice = self._in_hand.pop(delivery.tag, None)
            if notice is not None:
                self._dispatch._put(notice, after_s=0.0)
                self._dispatch._changed.notify_all()

    def close(self) -> None:
        """What it has in hand goes to others of this process. Idempotent."""
        with self._dispatch._changed:
            for notice in self._in_hand.values():
                self._dispatch._put(notice, after_s=0.0)
            self._in_hand.clear()
            self._dispatch._changed.notify_all()
