"""Feeding indexes that live elsewhere, one collection after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from threading import Event

from lookalike.core.errors import LookalikeError

EVERY_S = 0.5
"""How long to wait where no index had to be brought up to date, in seconds."""

_log = logging.getLogger(__name__)


class Feeding:
    """Looks at every collection in turn. What fails is tried again at the next turn, and told to the log once.

    Args:
        names: of the collections.
        feed: brings the index of one up to date; whether there was anything to do.
        every_s: see `EVERY_S`.
    """

    def __init__(
        self, names: Callable[[], Iterable[str]], feed: Callable[[str], bool], *, every_s: float = EVERY_S
    ) -> None:
        self._names = names
        self._feed = feed
        self._every_s = every_s
        self._troubles: dict[str, str] = {}

    def run(self, stop: Event) -> None:
        """Go on until `stop` is set."""
        did_something = False
        while not stop.wait(0.0 if did_something else self._every_s):
            did_something = self.go_round(stop)

    def go_round(self, stop: Event) -> bool:
        """Look at each once; whether something was done."""
        try:
            names = list(self._names())
        except LookalikeError as error:
            self._tell("", error)
            return False
        fed = [self._feed_one(name) for name in names if not stop.is_set()]  # all of them, whatever the first was
        return any(fed)

    def _feed_one(self, name: str) -> bool:
        try:
            did_something = self._feed(name)
        except LookalikeError as error:
            self._tell(name, error)
            return False
        self._troubles.pop(name, None)
        return did_something

    def _tell(self, name: str, error: LookalikeError) -> None:
        if self._troubles.get(name) != str(error):
            self._troubles[name] = str(error)
            what = f"the index of {name!r} is" if name else "indexes are"
            _log.warning("%s not brought up to date, which is tried again: %s", what, error)
