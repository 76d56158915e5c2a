"""Replies that are read from disk while they are sent, so that a client who reads slowly holds a piece and no more."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from functools import partial

from starlette.responses import FileResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from lookalike.core.errors import StorageFailed
from lookalike.images.files import OpenFile
from lookalike.service.threads import Threads
from lookalike.service.unread import MOST_BYTES


class FileInPieces(FileResponse):
    """A file of the page or the documents, which anybody may read, in smaller pieces than usual.

    They are read on the threads of the framework, on which nothing is done for who has shown a credential.
    """

    chunk_size = MOST_BYTES


class OpenFileResponse(StreamingResponse):
    """The bytes of an open file, which is closed at the end.

    They are hashed while they are sent: of a file that was written to meanwhile the last piece is kept back, so that
    the client does not take it for the whole.

    Args:
        file: to send.
        sha256: of its bytes.
        media_type: of them.
        headers: further ones.
        threads: on which it is read.
    """

    def __init__(
        self, file: OpenFile, *, sha256: str, media_type: str, headers: Mapping[str, str], threads: Threads
    ) -> None:
        self._file, self._sha256, self._threads = file, sha256, threads
        whole = {**headers, "Content-Length": str(file.size_bytes)}
        super().__init__(self._pieces(), media_type=media_type, headers=whole)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()

    async def _pieces(self) -> AsyncIterator[bytes]:
        digest, start = hashlib.sha256(), 0
        while start < self._file.size_bytes:
            size_bytes = min(MOST_BYTES, self._file.size_bytes - start)
            piece = await self._threads.run_through(partial(self._file.read, start, size_bytes))
            digest.update(piece)
            start += len(piece)
            if not piece or (start == self._file.size_bytes and digest.hexdigest() != self._sha256):
                raise StorageFailed("a file was written to while it was sent")
            yield piece
