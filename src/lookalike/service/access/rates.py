"""How often one caller may ask: so many requests in any minute, counted by the library `limits`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from lookalike.core.errors import BadInput, MissingExtra, RateLimited

_SCHEMES = ("memory", "redis", "rediss", "redis+unix")
_SHORTEST_WAIT_S = 0.1
_PATIENCE_S = 1.0
_ASKED_AGAIN_AFTER_S = 5.0
"""A server that does not answer keeps one request so often waiting, not all."""

_log = logging.getLogger(__name__)


class Rates:
    """Counts the requests of each caller. Safe to use from many threads.

    Args:
        per_minute: requests of one caller in any minute; 0 for no limit.
        storage: where they are counted. While it does not answer, each process counts for itself, and the log says so;
            it is asked again every few seconds.
        clock: monotonic, in seconds.
    """

    def __init__(self, per_minute: int, *, storage: Storage, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = RateLimitItemPerMinute(per_minute, namespace="lookalike") if per_minute else None
        self._counter, self._spare = MovingWindowRateLimiter(storage), MovingWindowRateLimiter(MemoryStorage())
        self._clock = clock
        self._is_down = False
        self._ask_again_at = 0.0

    def count(self, name: str) -> None:
        """Count one request.

        Raises:
            RateLimited: when it is one too many; it says when there will be room again.
        """
        if self._limit is None:
            return
        wait_s = self._hit_where_it_answers(self._limit, name)
        if wait_s is not None:
            raise RateLimited(
                f"expected at most {self._limit.amount} requests in a minute, got one more; wait {wait_s:.0f} s, "
                "then repeat it",
                retry_after_s=wait_s,
                values={"limit": self._limit.amount},
            )

    def _hit_where_it_answers(self, limit: RateLimitItem, name: str) -> float | None:
        if self._is_down:
            now = self._clock()
            if now < self._ask_again_at:
                return _hit(self._spare, limit, name)
            self._ask_again_at = now + _ASKED_AGAIN_AFTER_S  # before it is asked, so that others do not ask meanwhile
        try:
            wait_s = _hit(self._counter, limit, name)
            self._tell(is_down=False)
        except StorageError:
            self._ask_again_at = self._clock() + _ASKED_AGAIN_AFTER_S
            self._tell(is_down=True)
            return _hit(self._spare, limit, name)
        return wait_s

    def _tell(self, *, is_down: bool) -> None:
        if is_down and not self._is_down:
            _log.error("what counts requests does not answer; until it does, each process counts for itself")
        self._is_down = is_down


def _hit(counter: MovingWindowRateLimiter, limit: RateLimitItem, name: str) -> float | None:
    """Count one; None where there was room, else in how many seconds there will be."""
    if counter.hit(limit, name):
        return None
    return max(counter.get_window_stats(limit, name).reset_time - time.time(), _SHORTEST_WAIT_S)


def open_rates(per_minute: int, storage: str) -> Rates:
    """Count requests in memory, or for all processes in Redis.

    Args:
        per_minute: see `Rates`.
        storage: `memory://` or `redis://HOST:PORT/DB`, which may hold a password and is never shown.
    Raises:
        BadInput: when that cannot be.
        MissingExtra: when the library of Redis is not installed.
    """
    if per_minute < 0:
        raise BadInput(f"expected 0 or more requests in a minute, got {per_minute}; take 0 for no limit")
    if _scheme(storage) not in _SCHEMES:
        raise BadInput(
            "expected as rate_storage memory:// or redis://HOST:PORT/DB, got another kind; remove it for memory://"
        )
    try:
        opened = storage_from_string(storage, wrap_exceptions=True, **_options(storage))
    except ConfigurationError:
        raise MissingExtra("redis", extra="redis", purpose="rate_storage redis://") from None
    except Exception as error:
        _log.debug("the storage that counts requests was refused: %s", type(error).__name__)
        raise BadInput(
            "expected as rate_storage memory:// or redis://HOST:PORT/DB, but it cannot be understood; quote "
            "signs in a password as %40"
        ) from None
    if not isinstance(opened, Storage):
        raise BadInput(
            "expected as rate_storage memory:// or redis://HOST:PORT/DB, got one that does not count; "
            "remove it for memory://"
        )
    return Rates(per_minute, storage=opened)


def _options(storage: str) -> dict[str, float]:
    """Of the connection to a server: it answers in this time, or counts as down."""
    return (
        {} if _scheme(storage) == "memory" else {"socket_timeout": _PATIENCE_S, "socket_connect_timeout": _PATIENCE_S}
    )


def _scheme(storage: str) -> str:
    try:
        return urlsplit(storage).scheme
    except ValueError:
        return ""
