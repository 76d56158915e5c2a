"""How fast the threads are, to tell those who are turned away when to come again."""

from __future__ import annotations

import threading

_MEMORY = 0.1  # of an exponential mean: about the last ten count
_FIRST_GUESS_S = 0.05
_LEAST_S, _MOST_S = 1.0, 60.0


class Pace:
    """The recent mean time that one thing takes one thread. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mean_s: float | None = None

    def took(self, seconds: float, *, count: int = 1) -> None:
        """Take note that `count` things took a thread so many seconds together."""
        each = seconds / count
        with self._lock:
            self._mean_s = each if self._mean_s is None else self._mean_s + _MEMORY * (each - self._mean_s)

    def retry_after_s(self, ahead: int, *, threads: int) -> float:
        """When it is worth trying again: as soon as what is ahead is done, 1 to 60 seconds.

        Args:
            ahead: how many things wait or are under way.
            threads: that do them.
        """
        each = _FIRST_GUESS_S if self._mean_s is None else self._mean_s
        return min(max(ahead * each / threads, _LEAST_S), _MOST_S)
