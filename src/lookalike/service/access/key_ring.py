"""The keys of a running service: read again when their file has changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lookalike.core.errors import BadInput
from lookalike.service.access.key_file import Signature, read_keys, signature_of
from lookalike.service.access.keys import ApiKey, opens
from lookalike.service.access.principal import Principal

LOOKED_AT_EVERY_S = 1.0

_log = logging.getLogger(__name__)


class KeyRing:
    """Safe to use from many threads. A file that is damaged or gone is logged, and the last good one stays in force.

    Args:
        path: of the file, see `key_file`.
        clock: monotonic, in seconds.
        now: Unix time in seconds.
    Raises:
        BadInput: when the file cannot be used at the start.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self._path, self._clock, self._now = path, clock, now
        self._looking = threading.Lock()
        self._looked_at = clock()
        self._complaint = ""
        self._keys: dict[str, ApiKey]
        self._signature: Signature
        self._keys, self._signature = read_keys(path)

    @property
    def is_to_look(self) -> bool:
        """Whether the next question looks at the file, which a disk may keep waiting."""
        return self._clock() - self._looked_at >= LOOKED_AT_EVERY_S

    def principal_of(self, presented: str) -> Principal | None:
        """Who asks with a key; None where it is not good. It takes as long, whatever is wrong with it."""
        self._look()
        key = opens(presented, self._keys, now=self._now())
        return key.principal if key is not None else None

    def is_good(self, key_id: str) -> bool:
        """Whether a key that was good still is."""
        self._look()
        key = self._keys.get(key_id)
        return key is not None and key.is_good(self._now())

    def _look(self) -> None:
        """Read the file again if it has changed; at most once a second, and by one thread."""
        if not self.is_to_look or not self._looking.acquire(blocking=False):
            return
        try:
            self._looked_at = self._clock()
            if signature_of(self._path) != self._signature:
                self._keys, self._signature = read_keys(self._path)
                _log.info("the keys in %s have been read again: %d", self._path, len(self._keys))
            self._complaint = ""
        except (BadInput, OSError) as error:
            self._complain(str(error))
        finally:
            self._looking.release()

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            _log.error("the last good keys stay in force: %s", complaint)
        self._complaint = complaint
