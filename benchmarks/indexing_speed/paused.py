"""One real run of `index`, paused now and then so that others can run on the same photos in the same minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import lookalike
from lookalike.ingest.ingest_report import IngestReport

_LOOK_EVERY_S = 0.01
_IDLE_LOOKS = 3
_IDLE_SHARE = 0.1
_LEAST = 64


@dataclass
class PausedIndex:
    """Indexes photos into a new collection and stops its watch while others run.

    Args:
        photos: what is indexed, in this order.
        pauses: how often it stops, about evenly; what comes after the last is counted in the total alone.
        others: called at each pause with the photos that were indexed since the last.
    """

    photos: Sequence[Path]
    pauses: int
    others: Callable[[Sequence[Path]], None]
    seconds: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    total_seconds: float = 0.0

    def run(self, collection: Path, *, threads: int) -> IngestReport:
        """Everything is counted from opening the collection to closing it: model, commits, projection, snapshot."""
        self._begun = time.perf_counter()
        with lookalike.open(collection, threads=threads) as opened:
            report = opened.index(*self.photos, progress=self._pause)
        self.total_seconds = sum(self.seconds) + time.perf_counter() - self._begun
        return report

    def _pause(self, report: IngestReport) -> None:
        done = sum(self.counts)
        new = report.done - done
        if new < max(_LEAST, len(self.photos) / self.pauses):
            return
        idle_s = _wait_until_idle()
        self.seconds.append(time.perf_counter() - self._begun - idle_s)
        self.counts.append(new)
        self.others(self.photos[done : done + new])
        self._begun = time.perf_counter()


def _wait_until_idle() -> float:
    """Wait for what the threads still have in hand, which is the index's own time; gives the seconds of idling."""
    idle = 0
    while idle < _IDLE_LOOKS:
        cpu = time.process_time()
        time.sleep(_LOOK_EVERY_S)
        idle = idle + 1 if time.process_time() - cpu < _IDLE_SHARE * _LOOK_EVERY_S else 0
    return _IDLE_LOOKS * _LOOK_EVERY_S
