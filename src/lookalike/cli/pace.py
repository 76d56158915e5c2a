"""How fast a run is and how long it will still take: smoothed, and unknown until it can be known."""

from __future__ import annotations

from collections import deque

WINDOW_S = 30.0
KNOWN_AFTER_S = 3.0
KNOWN_AFTER_ITEMS = 20


class Pace:
    """Told what was reached when, tells the speed over the last half minute.

    What was done before the first telling (files that were skipped, for example) does not count as speed.
    """

    def __init__(self) -> None:
        self._reached: deque[tuple[float, int]] = deque()

    def note(self, items: int, *, now_s: float) -> None:
        """Note that so many items are done at this moment of a monotonic clock, in seconds."""
        self._reached.append((now_s, items))
        while len(self._reached) > 2 and now_s - self._reached[1][0] >= WINDOW_S:
            self._reached.popleft()

    @property
    def per_second(self) -> float | None:
        """Items by the second; None until some seconds and items have passed."""
        if not self._reached:
            return None
        (begun_s, before), (now_s, after) = self._reached[0], self._reached[-1]
        if now_s - begun_s < KNOWN_AFTER_S or after - before < KNOWN_AFTER_ITEMS:
            return None
        return (after - before) / (now_s - begun_s)

    def estimate_left_s(self, items: int) -> float | None:
        """Seconds that so many items more will take; None while that is unknown."""
        rate = self.per_second
        return None if rate is None else items / rate
