"""Whether the service can work, part by part."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from lookalike.core.errors import LookalikeError

OK, SATURATED, DRAINING, NO_ANSWER, FAILED = "ok", "saturated", "draining", "no answer", "failed"

SERVICE = "service"
"""The part that is draining when the whole service is."""

_log = logging.getLogger(__name__)


class ReadyReport(NamedTuple):
    """How the parts do.

    Attributes:
        ok: whether requests should be sent here; also where a part that is only told is not well.
        parts: `ok`, or in a word what is wrong, which need not be a reason to send none; never a path, a secret or a
            collection's name, for anybody may ask.
    """

    ok: bool
    parts: dict[str, str]


class Health:
    """Asks the parts how they do, each in a thread of its own, so that one that hangs is noticed and holds up nothing.

    Args:
        timeout_s: after which a part has given no answer.
        kept_s: how long a report holds, so that asking often costs nothing.
    """

    def __init__(self, *, timeout_s: float = 2.0, kept_s: float = 1.0) -> None:
        self._timeout_s = timeout_s
        self._kept_s = kept_s
        self._checks: dict[str, _Check] = {}
        self._saturated: dict[str, Callable[[], bool]] = {}
        self._told = set[str]()
        self._draining = threading.Event()
        self._asking: asyncio.Task[dict[str, str]] | None = None
        self._asked_at = float("-inf")

    def add(self, name: str, check: Callable[[], None], *, part: str | None = None, is_only_told: bool = False) -> None:
        """Have a part asked by `check`, which raises where it does not work.

        Args:
            name: for the log.
            check: is asked.
            part: what anybody is told that this belongs to, `name` if None; several may belong to one.
            is_only_told: whether requests should be sent here all the same, since the service works without it.
        """
        self._checks[name] = _Check(name, part or name, check)
        if is_only_told:
            self._told.add(part or name)

    def watch_saturation(self, name: str, check: Callable[[], bool], *, is_only_told: bool = False) -> None:
        """Have a bounded part asked whether it is full.

        Args:
            name: of the part.
            check: must answer at once.
            is_only_told: whether requests should be sent here all the same, since strangers can fill it.
        """
        self._saturated[name] = check
        if is_only_told:
            self._told.add(name)

    def drain(self) -> None:
        """From now on the service is not ready, since it is about to stop. Safe from any thread."""
        self._draining.set()

    @property
    def draining(self) -> bool:
        """Whether the service is about to stop."""
        return self._draining.is_set()

    async def ready(self) -> ReadyReport:
        """Ask all parts, or give the report of a moment ago."""
        if self._asking is None or (self._asking.done() and time.monotonic() - self._asked_at >= self._kept_s):
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
        parts = dict(await asyncio.shield(self._asking))
        parts.update({name: SATURATED for name, check in self._saturated.items() if check()})
        if self.draining:
            parts[SERVICE] = DRAINING
        return ReadyReport(all(state == OK or name in self._told for name, state in parts.items()), parts)

    async def _ask(self) -> dict[str, str]:
        checks = list(self._checks.values())
        answers = await asyncio.gather(*(check.answer(self._timeout_s) for check in checks))
        states = dict.fromkeys([*self._saturated, *(check.part for check in checks)], OK)
        for check, state in zip(checks, answers, strict=True):
            states[check.part] = state if states[check.part] == OK else states[check.part]
        return states


class _Check:
    """A part that is asked; while it hangs it is not asked again."""

    def __init__(self, name: str, part: str, check: Callable[[], None]) -> None:
        self.part = part
        self._name = name
        self._check = check
        self._running: asyncio.Future[str] | None = None

    async def answer(self, timeout_s: float) -> str:
        if self._running is None or self._running.done():
            self._running = self._begin()
        try:
            return await asyncio.wait_for(asyncio.shield(self._running), timeout_s)
        except TimeoutError:
            _log.warning("%s does not answer", self._name)
            return NO_ANSWER

    def _begin(self) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()

        def run() -> None:
            state = self._state()
            if not loop.is_closed():
                loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(state))

        threading.Thread(target=run, name=f"health of {self._name}", daemon=True).start()
        return future

    def _state(self) -> str:
        try:
            self._check()
        except LookalikeError as error:
            _log.warning("%s is down: %s", self._name, error)
            return error.code
        except Exception:
            _log.exception("%s is down", self._name)
            return FAILED
        return OK
