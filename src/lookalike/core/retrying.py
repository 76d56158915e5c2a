"""Trying again, after pauses that grow: for engines that call a server. No flow does that; it would multiply tries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from lookalike.core.ending import check_wanted, current_ending
from lookalike.core.errors import Busy, ServiceDown

T = TypeVar("T")

_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Retrying:
    """How often a call is made, and how long the pauses are. Safe to use from many threads.

    What may be tried again says so by its class: `ServiceDown` (no answer, or a lost connection) and `Busy` (the server
    asks to come again, and says when). Whatever else is raised is raised at once.

    Attributes:
        attempts: calls in all, at least 1.
        first_pause_s: before the second call; each further pause is twice as long. Pauses are shortened by chance, by
            up to a half, so that many callers do not come again at the same moment.
        longest_pause_s: that is waited at once, whatever the server asks for.
        wait: waits for so many seconds.
        chance: gives a number from 0 to 1.
    """

    attempts: int = 5
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0
    wait: Callable[[float], object] = time.sleep
    chance: Callable[[], float] = random.random

    def run(self, call: Callable[[], T]) -> T:
        """Call, and call again where that may help. A call must be such that doing it twice is doing it once.

        Returns:
            what the first call that succeeds gives.
        Raises:
            ServiceDown, Busy: of the last call; also where the next would come after the end of the work.
            DeadlineExceeded: when nobody wants the result any more.
        """
        for attempt in range(1, self.attempts):
            try:
                return call()
            except (ServiceDown, Busy) as error:
                check_wanted()  # where the time is over, that is what is told
                pause_s = self._pause_s(attempt, error)
                when = current_ending()
                if when is not None and when.left_s is not None and when.left_s <= pause_s:
                    raise
            self._pause(pause_s)
        return call()

    def _pause_s(self, attempt: int, error: ServiceDown | Busy) -> float:
        grown_s: float = min(self.longest_pause_s, self.first_pause_s * 2 ** (attempt - 1))
        asked_s = error.retry_after_s if isinstance(error, Busy) else 0.0
        return max(grown_s * (1 - self.chance() / 2), min(asked_s, self.longest_pause_s))

    def _pause(self, pause_s: float) -> None:
        left_s = pause_s
        while left_s > 0:
            check_wanted()
            step_s = min(left_s, _LOOK_EVERY_S)
            self.wait(step_s)
            left_s -= step_s
        check_wanted()
