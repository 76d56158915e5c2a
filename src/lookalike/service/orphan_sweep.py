"""Bytes that nothing refers to are looked for in each collection once a day, a piece at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence

from lookalike.core.errors import LookalikeError, NoCollection
from lookalike.objects.base import Leftover

EVERY_S = 86_400.0
"""How often a collection is gone through, in seconds."""

AGAIN_S = 3_600.0
"""After so long it is tried again where that failed, in seconds."""

ROUNDS = 720
"""In so many rounds all collections are begun with: within half a day where a round comes each minute."""

PIECES = 20
"""So many pieces, of 500 of the bytes each, are gone through in a round at most."""

Sweep = Callable[[str, float], Iterator[list[Leftover]]]
"""Sweeps a collection, of what was last put before a time, and says what was deleted, piece by piece."""

_log = logging.getLogger(__name__)


class OrphanSweep:
    """Goes on in each round where the last one ended. Of one thread.

    A round is bounded, however much a collection keeps, so that whatever is to be done in between is done in time. It
    asks for few collections at once, because to open one may close another.

    Args:
        sweep: one collection.
        kept_s: how long bytes are left alone that nothing refers to, in seconds.
    """

    def __init__(self, sweep: Sweep, *, kept_s: float) -> None:
        self._sweep = sweep
        self._kept_s = kept_s
        self._due_at: dict[str, float] = {}
        self._under_way: Generator[str, None, None] | None = None

    def go_on(self, names: Sequence[str], now: float) -> None:
        """One round.

        Args:
            names: of all collections.
            now: Unix time in seconds.
        """
        self._due_at = {name: self._due_at.get(name, 0.0) for name in names}
        if self._under_way is None:
            due = sorted((name for name in names if self._due_at[name] <= now), key=self._due_at.__getitem__)
            self._under_way = self._go_through(due[: 1 + len(names) // ROUNDS], now)
        for _ in range(PIECES):
            if next(self._under_way, None) is None:
                self._under_way = None
                break

    def close(self) -> None:
        """Let go of what is under way. Idempotent."""
        if self._under_way is not None:
            self._under_way.close()
            self._under_way = None

    def _go_through(self, names: Sequence[str], now: float) -> Generator[str, None, None]:
        """The collection, for each piece of it."""
        for name in names:
            self._due_at[name] = now + EVERY_S
            swept: list[Leftover] = []
            try:
                for some in self._sweep(name, now - self._kept_s):
                    swept += some
                    yield name
            except NoCollection:
                continue
            except LookalikeError as error:
                self._due_at[name] = now + AGAIN_S
                _log.warning("what nothing refers to in %r is swept in an hour at the earliest: %s", name, error)
            if swept:
                size_bytes = sum(one.size_bytes for one in swept)
                _log.info("deleted %d files of %d bytes in %r that nothing refers to", len(swept), size_bytes, name)
