"""Taking the bytes of one upload in, piece by piece: no more, no fewer and no others than were announced."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from lookalike.core.errors import Conflict, UploadRefused
from lookalike.objects.signing import Announced
from lookalike.objects.uploads import StagedFacts


class Sink(Protocol):
    """Where the bytes go until they are known to be the right ones."""

    def write(self, chunk: bytes) -> None:
        """Take a piece."""
        ...

    def keep(self) -> None:
        """Make what was written durable, under the upload's id, in one step."""
        ...

    def drop(self) -> None:
        """Leave nothing of what was written. Idempotent."""
        ...


class Receiver:
    """One request's bytes; for one thread at a time. A context manager that leaves nothing when its block raises.

    Args:
        sink: takes the bytes.
        announced: what they must be.
        staged: tells what has come before.
    """

    def __init__(self, sink: Sink, announced: Announced, *, staged: Callable[[], StagedFacts | None]) -> None:
        self._sink = sink
        self._announced = announced
        self._staged = staged
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()

    def write(self, chunk: bytes) -> None:
        """Take a piece.

        Raises:
            UploadRefused: `size_mismatch`, when it is more than was announced; nothing is left then.
            StorageFailed, ReadOnly: when it cannot be written; nothing is left then.
        """
        self._size_bytes += len(chunk)
        if self._size_bytes > self._announced.size_bytes:
            self.abort()
            raise self._wrong_size("more")
        self._hash.update(chunk)
        self._sink.write(chunk)

    def finish(self) -> None:
        """Keep them, durably. The same bytes a second time are fine.

        Raises:
            UploadRefused: `size_mismatch` where they are too few, `hash_mismatch` where they are others.
            Conflict: `already_uploaded`, when other bytes are there already.
            StorageFailed, ReadOnly: when they cannot be kept. In all cases nothing of these bytes is left.
        """
        try:
            if not self._is_there():
                self._check()
                self._sink.keep()
        finally:
            self._sink.drop()

    def abort(self) -> None:
        """Leave nothing. Idempotent; after `finish` it does nothing."""
        self._sink.drop()

    def _is_there(self) -> bool:
        before = self._staged()
        if before is not None and before.sha256 != self._hash.hexdigest():
            raise already_uploaded()
        return before is not None

    def _check(self) -> None:
        if self._size_bytes != self._announced.size_bytes:
            raise self._wrong_size(str(self._size_bytes))
        if self._hash.hexdigest() != self._announced.sha256:
            expected, got = self._announced.sha256, self._hash.hexdigest()
            raise UploadRefused(
                f"expected bytes of SHA-256 {expected}, as announced, got {got}; send them again", code="hash_mismatch"
            )

    def _wrong_size(self, got: str) -> UploadRefused:
        expected = f"expected {self._announced.size_bytes} bytes, as announced, got {got}; send them again"
        return UploadRefused(expected, code="size_mismatch")


def already_uploaded() -> Conflict:
    """The error for other bytes than those that came before."""
    return Conflict(
        "expected the bytes that were uploaded before, got others: ask for a new upload", code="already_uploaded"
    )


def upload_running() -> Conflict:
    """The error for a second one that brings bytes while a first still does."""
    return Conflict(
        "expected one request for an upload at a time, got a second while its bytes come: try again in a moment",
        code="upload_running",
        retry_after_s=1.0,
    )


@runtime_checkable
class Receiving(Protocol):
    """What a store can do besides whose presigned URLs lead to the service itself."""

    def announced(self, upload_id: str, *, query: Mapping[str, str], headers: Mapping[str, str]) -> Announced:
        """What may be brought to a URL that `presign` made, and by whom; does nothing yet. Arguments as of `receive`.

        Raises:
            BadInput, NotAllowed, UploadRefused: as in `SignedUrls.check`.
        """
        ...

    def receive(self, upload_id: str, *, query: Mapping[str, str], headers: Mapping[str, str]) -> Receiver:
        """Begin to take in what a client brings to a URL that `presign` made.

        Args:
            upload_id: of the path.
            query: of the URL, decoded.
            headers: of the request, in any case.
        Raises:
            BadInput, NotAllowed, UploadRefused: as in `SignedUrls.check`.
            Conflict: `upload_running`, while the same upload is being received, in whatever process.
            StorageFailed, ReadOnly: when nothing can be written.
        """
        ...
