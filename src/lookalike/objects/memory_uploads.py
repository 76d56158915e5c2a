"""Direct uploads in memory: nothing outlives it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import NamedTuple

from lookalike.objects.base import Leftover, LeftoverKind, id_of
from lookalike.objects.receiving import Receiver, already_uploaded, upload_running
from lookalike.objects.signing import SignedUrls, SignsUrls
from lookalike.objects.uploads import (
    QUARANTINE_KEPT_S,
    SWEPT_AFTER_S,
    StagedFacts,
    check_upload_id,
    is_unwanted,
    not_uploaded,
)


class _Came(NamedTuple):
    data: bytes
    at: float


class MemoryUploads(SignsUrls):
    """See `lookalike.objects.uploads.DirectUploads`.

    Args:
        url_prefix: what stands before the upload's id in URLs.
        clock: Unix time in seconds.
    """

    def __init__(self, *, url_prefix: str = "/v1/storage", clock: Callable[[], float] = time.time) -> None:
        urls = SignedUrls(secrets.token_bytes(32), url_prefix, clock)
        super().__init__(lambda: urls)
        self._clock = clock
        self._staged: dict[str, _Came] = {}
        self._claiming = Lock()
        self._received: set[str] = set()
        self._quarantined: dict[str, _Came] = {}

    def receive(self, upload_id: str, *, query: Mapping[str, str], headers: Mapping[str, str]) -> Receiver:
        """Begin to take in what a client brings; see `Receiving`."""
        announced = self.announced(upload_id, query=query, headers=headers)
        return Receiver(_MemorySink(self, upload_id), announced, staged=lambda: self.staged(upload_id))

    def claim(self, upload_id: str) -> bool:
        """Receive the bytes of an upload alone, until `let_go`; True.

        Raises:
            Conflict: `upload_running`, while somebody else does.
        """
        with self._claiming:
            if upload_id in self._received:
                raise upload_running()
            self._received.add(upload_id)
        return True

    def let_go(self, upload_id: str) -> None:
        """Let others receive them."""
        with self._claiming:
            self._received.discard(upload_id)

    def stage(self, upload_id: str, data: bytes) -> None:
        """Put bytes there; see `DirectUploads`."""
        came = _Came(bytes(data), self._clock())
        if self._staged.setdefault(check_upload_id(upload_id), came).data != data:
            raise already_uploaded()

    def staged(self, upload_id: str) -> StagedFacts | None:
        """What came; see `DirectUploads`."""
        came = self._staged.get(check_upload_id(upload_id))
        return None if came is None else StagedFacts(len(came.data), id_of(came.data))

    def read(self, upload_id: str) -> bytes:
        """The bytes that came; see `DirectUploads`."""
        came = self._staged.get(check_upload_id(upload_id))
        if came is None:
            raise not_uploaded(upload_id)
        return came.data

    def discard(self, upload_id: str) -> None:
        """Let go of the bytes that came; see `DirectUploads`."""
        self._staged.pop(check_upload_id(upload_id), None)

    def quarantine(self, upload_id: str, data: bytes) -> None:
        """Keep these bytes apart; see `DirectUploads`."""
        self._quarantined[check_upload_id(upload_id)] = _Came(bytes(data), self._clock())
        self.discard(upload_id)

    def quarantined(self, upload_id: str) -> bytes | None:
        """What is kept apart; see `DirectUploads`."""
        kept = self._quarantined.get(check_upload_id(upload_id))
        return None if kept is None else kept.data

    def sweep(self, is_wanted: Callable[[str], bool | None], *, dry_run: bool = False) -> list[Leftover]:
        """Delete what came long ago and nobody waits for; see `DirectUploads`."""
        unwanted = [
            (LeftoverKind.STAGED, self._staged, one)
            for one, age_s in _old(self._staged, SWEPT_AFTER_S, now=self._clock())
            if is_unwanted(is_wanted(one), age_s=age_s)
        ]
        unwanted += [
            (LeftoverKind.QUARANTINED, self._quarantined, one)
            for one, _ in _old(self._quarantined, QUARANTINE_KEPT_S, now=self._clock())
        ]
        swept = [Leftover(kind, one, len(where[one].data)) for kind, where, one in unwanted]
        for _, where, one in unwanted if not dry_run else []:
            del where[one]
        return swept


def _old(came: Mapping[str, _Came], kept_s: float, *, now: float) -> list[tuple[str, float]]:
    """Those that are older than that, with their age, in seconds."""
    return [(one, now - there.at) for one, there in came.items() if now - there.at > kept_s]


class _MemorySink:
    """See `lookalike.objects.receiving.Sink`."""

    def __init__(self, uploads: MemoryUploads, upload_id: str) -> None:
        self._uploads = uploads
        self._upload_id = upload_id
        self._written = bytearray()
        self._has_claim = uploads.claim(upload_id)

    def write(self, chunk: bytes) -> None:
        """Take a piece."""
        self._written += chunk

    def keep(self) -> None:
        """Have it under the upload's id."""
        self._uploads.stage(self._upload_id, bytes(self._written))

    def drop(self) -> None:
        """Forget what was written."""
        self._written.clear()
        if self._has_claim:
            self._has_claim = False
            self._uploads.let_go(self._upload_id)
