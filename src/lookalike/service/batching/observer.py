"""What the threads tell of their work, for metrics."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Told from the threads; returns at once and never fails."""

    def stage(self, name: str, seconds: float) -> None:
        """A stage took so long: `wait`, `decode`, `embed`."""
        ...

    def batch(self, size: int) -> None:
        """So many pictures were embedded together."""
        ...
