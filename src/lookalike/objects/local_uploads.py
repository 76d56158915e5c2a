"""Direct uploads into a folder, received by the service itself.

    <folder>/staged/<upload id>       bytes that came, whole
    <folder>/quarantine/<upload id>   kept for somebody to look at
    <folder>/half-written/*           what is on its way, or was when a process died

A file is written in `half-written`, synced and then renamed, so that whatever bears an id is whole and durable.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from lookalike.objects.base import Leftover, LeftoverKind, id_of
from lookalike.objects.durable import make_folder, translating
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
from lookalike.storage.claim import claim, is_at
from lookalike.storage.private import FILE
from lookalike.storage.syncing import sync
from lookalike.storage.whole_file import part_of, put_in_place

STAGED, QUARANTINE = "staged", "quarantine"


class LocalUploads(SignsUrls):
    """See `lookalike.objects.uploads.DirectUploads`, and `Receiving`. Cheap to make.

    Args:
        folder: where the files lie; made when first needed, in one that is there.
        secret: gives what signs the URLs, at least 32 bytes; asked for whenever that is needed.
        url_prefix: what stands before the upload's id in URLs.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secret: Callable[[], bytes],
        url_prefix: str = "/v1/storage",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(lambda: SignedUrls(secret(), url_prefix, clock))
        self.folder = folder
        self._clock = clock

    def receive(self, upload_id: str, *, query: Mapping[str, str], headers: Mapping[str, str]) -> Receiver:
        """Begin to take in what a client brings; see `Receiving`."""
        announced = self.announced(upload_id, query=query, headers=headers)
        target = self._staged_path(upload_id)
        with translating(target):
            make_folder(target.parent, within=self.folder.parent)
            make_folder(self.folder / "half-written", within=self.folder.parent)
            part = self.folder / "half-written" / upload_id
            sink = _FileSink(target, part, _open_claimed(part))
        return Receiver(sink, announced, staged=lambda: self.staged(upload_id))

    def stage(self, upload_id: str, data: bytes) -> None:
        """Put bytes there; see `DirectUploads`."""
        before = self.staged(upload_id)
        if before is None:
            self._write(self._staged_path(upload_id), data)
        elif before.sha256 != id_of(data):
            raise already_uploaded()

    def staged(self, upload_id: str) -> StagedFacts | None:
        """What came; see `DirectUploads`."""
        path = self._staged_path(upload_id)
        with translating(path):
            try:
                with path.open("rb") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                    return StagedFacts(file.tell(), sha256)
            except FileNotFoundError:
                return None

    def read(self, upload_id: str) -> bytes:
        """The bytes that came; see `DirectUploads`."""
        data = _read(self._staged_path(upload_id))
        if data is None:
            raise not_uploaded(upload_id)
        return data

    def discard(self, upload_id: str) -> None:
        """Let go of the bytes that came; see `DirectUploads`."""
        path = self._staged_path(upload_id)
        with translating(path):
            path.unlink(missing_ok=True)

    def quarantine(self, upload_id: str, data: bytes) -> None:
        """Keep these bytes apart; see `DirectUploads`."""
        if self.quarantined(upload_id) != data:
            self._write(self._quarantined_path(upload_id), data)
        self.discard(upload_id)

    def quarantined(self, upload_id: str) -> bytes | None:
        """What is kept apart; see `DirectUploads`."""
        return _read(self._quarantined_path(upload_id))

    def sweep(self, is_wanted: Callable[[str], bool | None], *, dry_run: bool = False) -> list[Leftover]:
        """Delete what came long ago and nobody waits for; see `DirectUploads`."""
        swept = []
        for kind, path, size_bytes in self._find_unwanted(is_wanted):
            if not dry_run:
                with translating(path):
                    path.unlink(missing_ok=True)
            swept.append(Leftover(kind, path.name, size_bytes))
        return swept

    def _find_unwanted(self, is_wanted: Callable[[str], bool | None]) -> Iterator[tuple[LeftoverKind, Path, int]]:
        for _, path, size_bytes in self._old("half-written", SWEPT_AFTER_S):
            yield LeftoverKind.HALF_WRITTEN, path, size_bytes
        for age_s, path, size_bytes in self._old(STAGED, SWEPT_AFTER_S):
            if is_unwanted(is_wanted(path.name), age_s=age_s):
                yield LeftoverKind.STAGED, path, size_bytes
        for _, path, size_bytes in self._old(QUARANTINE, QUARANTINE_KEPT_S):
            yield LeftoverKind.QUARANTINED, path, size_bytes

    def _old(self, folder: str, kept_s: float) -> Iterator[tuple[float, Path, int]]:
        """Files that are older than that: their age, in seconds, path and size."""
        for path in (self.folder / folder).glob("*"):
            with translating(path), suppress(FileNotFoundError):
                status = path.stat()
                age_s = self._clock() - status.st_mtime
                if age_s > kept_s:
                    yield age_s, path, status.st_size

    def _write(self, path: Path, data: bytes) -> None:
        sink = self._sink(path)
        try:
            sink.write(data)
            sink.keep()
        finally:
            sink.drop()

    def _sink(self, target: Path) -> _FileSink:
        with translating(target):
            make_folder(target.parent, within=self.folder.parent)
            make_folder(self.folder / "half-written", within=self.folder.parent)
            part = self.folder / "half-written" / part_of(target).name
            return _FileSink(target, part, os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))

    def _staged_path(self, upload_id: str) -> Path:
        return self.folder / STAGED / check_upload_id(upload_id)

    def _quarantined_path(self, upload_id: str) -> Path:
        return self.folder / QUARANTINE / check_upload_id(upload_id)


class _FileSink:
    """A file that gets its name when it is whole. See `lookalike.objects.receiving.Sink`."""

    def __init__(self, target: Path, part: Path, descriptor: int) -> None:
        self._target = target
        self._part: Path | None = part  # until it has the other name
        self._file = open(descriptor, "wb")  # noqa: SIM115 - closed in `drop`

    def write(self, chunk: bytes) -> None:
        """Take a piece."""
        try:
            with translating(self._target):
                self._file.write(chunk)
        except BaseException:
            self.drop()
            raise

    def keep(self) -> None:
        """Make it durable under its name."""
        with translating(self._target):
            self._file.flush()
            self._file.truncate()
            try:
                if self._part is not None:
                    put_in_place(self._part, self._target)
                    self._part = None
                else:
                    sync(self._target)
            except BaseException:  # it may not outlive a power failure, so it must not count as there
                if is_at(self._target, self._file.fileno()):
                    self._target.unlink(missing_ok=True)
                raise

    def drop(self) -> None:
        """Leave nothing but what was kept."""
        if self._part is not None and not self._file.closed:  # once it is closed, another may have the name
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
        with suppress(OSError):  # of a full disk, once more; what led here is the one to tell
            self._file.close()


def _open_claimed(part: Path) -> int:
    """Open a file that nobody else has claimed, in whatever process; closing it ends the claim.

    What a process that died has written there is overwritten, and cut off at the end.

    Raises:
        Conflict: `upload_running`, while somebody else has.
    """
    descriptor = claim(part)
    if descriptor is None:
        raise upload_running()
    return descriptor


def _read(path: Path) -> bytes | None:
    with translating(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
