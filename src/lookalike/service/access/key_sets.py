"""The public keys of who issues tokens, from a file or a URL, kept and fetched anew."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from lookalike.core.errors import BadInput, FetchRefused, ServiceDown
from lookalike.service.access.loopback import is_loopback_name
from lookalike.service.access.public_keys import Algorithm, PublicKey, parse_key_set
from lookalike.storage.fetch import fetch

FETCHED_EVERY_S = 600.0
TRIED_EVERY_S = 60.0

_TIMEOUT_S = 5.0
_MOST_BYTES = 256_000

_log = logging.getLogger(__name__)


class KeySet:
    """Keys by name. Safe to use from many threads.

    They are fetched at the start, every ten minutes while tokens come, and when a token names a key that is not there;
    but whatever comes, at most once a minute. What could not be fetched is logged, and the last good set stays in
    force.

    Args:
        source: from the settings, never from a token: a file, or an https URL (http only of this machine itself).
        algorithm: of the signatures.
        clock: monotonic, in seconds.
    Raises:
        BadInput: when the source cannot be one, or is a file that cannot be used. A URL that does not answer at the
            start is asked again later.
    """

    def __init__(self, source: str, *, algorithm: Algorithm, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self.is_remote = _reader(source)
        self._algorithm, self._clock = algorithm, clock
        self._fetching = threading.Lock()
        self._keys: dict[str, PublicKey] | None = None
        self._fetched_at = self._tried_at = clock() - FETCHED_EVERY_S
        if self.is_remote:
            self._renew()
        else:
            self._keys = self._fetch()

    def find(self, kid: str | None) -> PublicKey | None:
        """The key of that name; without a name, the only one; None where there is none.

        It may take some seconds, when keys are fetched; others are not kept waiting then.

        Raises:
            ServiceDown: when it cannot be told, for no keys could be fetched so far, or they just are.
        """
        if self._clock() - self._fetched_at >= FETCHED_EVERY_S:
            self._renew()
        key = self._look_up(kid)
        if key is None and self._renew():
            key = self._look_up(kid)
        if key is None and (self._keys is None or self._fetching.locked()):
            raise ServiceDown("the keys by which tokens are checked are not there yet; try again in a moment")
        return key

    def check_ready(self) -> None:
        """Whether there are keys.

        Raises:
            ServiceDown: when none could be fetched so far.
        """
        if self._keys is None:
            raise ServiceDown("the keys by which tokens are checked could not be fetched; try again in a moment")

    def _look_up(self, kid: str | None) -> PublicKey | None:
        keys = self._keys or {}
        if kid is None:
            return next(iter(keys.values())) if len(keys) == 1 else None
        return keys.get(kid)

    def _renew(self) -> bool:
        """Fetch, unless that was tried less than a minute ago, or another thread is at it; whether it was done."""
        if not self._fetching.acquire(blocking=False):
            return False
        try:
            if self._clock() - self._tried_at < TRIED_EVERY_S:
                return False
            self._tried_at = self._clock()
            self._keys = self._fetch()
        except BadInput as error:
            _log.error("the keys by which tokens are checked were not fetched anew: %s", error)
            return False
        else:
            return True
        finally:
            self._fetching.release()

    def _fetch(self) -> dict[str, PublicKey]:
        keys = parse_key_set(self._read(), algorithm=self._algorithm)
        self._fetched_at = self._tried_at = self._clock()
        return keys


def _reader(source: str) -> tuple[Callable[[], bytes], bool]:
    """What reads a key set, and whether it asks another machine."""
    try:
        parts = urlsplit(source)
    except ValueError as error:
        raise BadInput(
            "the URL of the key set cannot be understood; copy it again from the issuer's discovery document"
        ) from error
    if parts.scheme not in ("http", "https"):
        return lambda: _read_file(Path(source)), False
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            "the URL of a key set must not hold a password, but this one does; remove it, and the @ behind it"
        )
    if parts.scheme == "http" and not is_loopback_name(parts.hostname or ""):
        raise BadInput(
            "expected an https URL of a key set, but over http anybody on the way could put in a key of "
            "theirs; correct it, or download the set and give the file"
        )
    return lambda: _read_url(source), True


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise BadInput(
            f"the key set {path} cannot be read: {error.strerror or error}; correct the path, or repair its permissions"
        ) from error


def _read_url(url: str) -> bytes:
    try:
        return fetch(url, max_bytes=_MOST_BYTES, timeout_s=_TIMEOUT_S, allow_private=True, redirects=0)
    except FetchRefused as error:
        raise BadInput(f"the key set: {error}") from error
