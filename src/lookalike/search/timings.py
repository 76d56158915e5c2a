"""Where the time of a search goes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Timings:
    """Milliseconds by stage.

    Args:
        before_ms: stages that are over already, for several searches together; no part of the total.
    """

    def __init__(self, before_ms: Mapping[str, float] | None = None) -> None:
        self.started = time.perf_counter()
        self.by_stage: dict[str, float] = dict(before_ms or {})

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to a stage."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.by_stage[name] = self.by_stage.get(name, 0.0) + (time.perf_counter() - begun) * 1000

    def finish(self) -> dict[str, float]:
        """All stages and `total`."""
        total = (time.perf_counter() - self.started) * 1000
        return {name: round(ms, 3) for name, ms in {**self.by_stage, "total": total}.items()}
