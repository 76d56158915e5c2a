"""Blocking work off the event loop, each kind on threads of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from lookalike.core.ending import ending
from lookalike.core.errors import DeadlineExceeded, Overloaded
from lookalike.service.batching.ask import Ask
from lookalike.service.batching.crew import Crew
from lookalike.service.batching.line import Line, Share

T = TypeVar("T")

WAITING = 256
"""How many calls of one process of the service may wait."""

_NO_BYTES = 1  # what waits here is a function


class Threads:
    """Runs functions on a few threads, callers in turn (see `Line`). Every method belongs on the event loop.

    Args:
        name: of the threads, for people.
        threads: how many.
        waiting: how many calls may wait before others are turned away.
        share: of the threads that one may take; None for all of them.
        ends: whether what was begun ends when its caller leaves or the deadline passes, where it looks at
            `lookalike.core.ending`. What changes something is done to its end, and its answer waited for beyond the
            deadline, which only says until when it may begin.
    """

    def __init__(
        self,
        name: str = "lookalike-work",
        *,
        threads: int,
        waiting: int = WAITING,
        share: Share | None = None,
        ends: bool = True,
    ) -> None:
        self.most_waiting = waiting
        self._ends = ends
        self._line = Line[_Call]("calls", most=waiting, most_bytes=_NO_BYTES, threads=threads, share=share)
        self._crew = Crew(name, threads, self._did_one)

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return self._line.waiting

    @property
    def saturated(self) -> bool:
        """Whether the next call would be turned away, or none of the threads gets free."""
        return self._line.is_saturated

    async def run(self, call: Callable[[], T], *, deadline: float | None = None) -> T:
        """Call a function on a thread, with the caller's context variables.

        Cancelling takes it out of the line, or has it end soon where it has begun; see `ends`.

        Args:
            call: takes nothing.
            deadline: `time.monotonic()` after which the answer is of no use. It is not begun then.
        Raises:
            Overloaded: when too many wait, or the service stops.
            DeadlineExceeded: when it is not done in time.
            Exception: what the function raises.
        """
        ask = _Call(call, deadline=deadline)
        with self._line.standing(ask):
            answer: T = await (ask.wait() if self._ends else ask.wait_if_begun())
            return answer

    async def run_through(self, call: Callable[[], T]) -> T:
        """As `run`, but what has begun is waited for, whoever cancels: what it works on can be let go of then."""
        ask = _Call(call, deadline=None)
        with self._line.standing(ask):
            await ask.through()
            answer: T = await ask.wait()
            return answer

    async def let_go(self, call: Callable[[], None]) -> None:
        """Call a function that lets go of something, and wait for it, whoever cancels: it is never turned away.

        Raises:
            Exception: what the function raises.
        """
        ask = _Call(call, deadline=None)
        ask.is_for_good = True
        try:
            self._line.join(ask, anyway=True)
        except Overloaded:  # the service stops, and there are no threads
            call()
            return
        try:
            await ask.through()
        finally:
            if ask.was_refused:
                call()
        if not ask.was_refused:
            await ask.wait()  # which raises what the function raised

    async def close(self) -> None:
        """Turn away who waits, and wait for what has begun, which ends soon where it may. Idempotent."""
        self._line.close()
        if self._ends:
            self._line.give_up()
        await self._crew.wait_until_done()

    def _did_one(self) -> bool:
        """Take and make a call; False once the line is closed. While the next is waited for, nothing of it is held."""
        ask = self._line.take()
        if ask is None:
            return False
        started = time.perf_counter()
        try:
            if ask.begin():
                ask.give(ask.context.run(self._make, ask))
                self._line.pace.took(time.perf_counter() - started)
        except Exception as error:  # its asker is told
            ask.refuse(error)
        finally:
            self._line.done([ask])
        return True

    def _make(self, ask: _Call) -> object:
        with ending(ask.ending if self._ends else None):
            return ask.call()


class _Call(Ask[Any]):
    """A call, and whether it has begun.

    Attributes:
        is_for_good: whether nobody who is cancelled takes it out of the line.
    """

    def __init__(self, call: Callable[[], object], *, deadline: float | None) -> None:
        super().__init__(deadline=deadline)
        self.call = call
        self.is_for_good = False
        self._has_begun = False
        self._deciding = threading.Lock()

    def begin(self) -> bool:
        """Whether it is to be made. From then on it has begun."""
        with self._deciding:
            self._has_begun = self.is_wanted
            return self._has_begun

    @property
    def was_refused(self) -> bool:
        """Whether it still waited when the service stopped."""
        return self._future.done() and isinstance(self._future.exception(), Overloaded)

    async def wait_if_begun(self) -> Any:
        """As `wait`, but where it has begun by the deadline the answer is waited for."""
        if self.deadline is not None:
            await asyncio.wait([self._future], timeout=max(0.0, self.deadline - time.monotonic()))
            if not self._future.done() and self._give_up():
                raise DeadlineExceeded("it could not be begun before the deadline of the request; try again later")
        try:
            return await self._future
        finally:
            self.leave()

    async def through(self) -> None:
        """Wait until it has ended, or, where it had not begun, until this is cancelled, which is told afterwards."""
        cancelled: asyncio.CancelledError | None = None
        while not self._future.done():
            try:
                await asyncio.wait([self._future])
            except asyncio.CancelledError as error:
                if not self.is_for_good and self._give_up():
                    raise
                cancelled = error
        if cancelled is not None:
            self._future.exception()  # nobody asks for it any more
            raise cancelled

    def _give_up(self) -> bool:
        """Leave, unless it has begun."""
        with self._deciding:
            if not self._has_begun:
                self.leave()
            return not self._has_begun
