"""Replies that are read from disk while they are sent, so that a client who reads slowly holds a piece and no more."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from lookalike.core.errors import StorageFailed
from lookalike.objects.streams import ObjectStream
from lookalike.service.api.ranges import parse_range
from lookalike.service.threads import Threads
from lookalike.service.unread import MOST_BYTES


class FileInPieces(FileResponse):
    """A file of the page or the documents, which anybody may read, in smaller pieces than usual.

    They are read on the threads of the framework, on which nothing is done for who has shown a credential.
    """

    chunk_size = MOST_BYTES


async def send_range(
    request: Request,
    open_stream: Callable[[int, int | None], Awaitable[ObjectStream]],
    *,
    sha256: str,
    total_bytes: int,
    media_type: str,
    headers: Mapping[str, str],
    threads: Threads,
) -> Response:
    """The reply to who asks for a file whose bytes never change: all of them, or the one range of a `Range` header.

    Args:
        request: that asks.
        open_stream: opens it from a byte on, for at most so many; None for all until the end.
        sha256: of the whole.
        total_bytes: of the whole.
        media_type: of it.
        headers: with its `ETag`.
        threads: on which it is read.
    Raises:
        HTTPException: 416, when the range lies behind the end.
    """
    part = parse_range(request.headers, etag=headers["ETag"], total_bytes=total_bytes)
    first, size_bytes = (0, None) if part is None else part
    of_part = {} if part is None else {"Content-Range": part.content_range(total_bytes)}
    return StreamResponse(
        await open_stream(first, size_bytes),
        sha256=sha256,
        media_type=media_type,
        headers={**headers, **of_part, "Accept-Ranges": "bytes"},
        threads=threads,
        status_code=200 if part is None else 206,
    )


class StreamResponse(StreamingResponse):
    """The bytes of a stream, which is closed at the end.

    Where it gives the whole, they are hashed while they are sent: of a file that was written to meanwhile the last
    piece is kept back, so that the client does not take it for the whole.

    Args:
        stream: to send.
        sha256: of the whole.
        media_type: of it.
        headers: further ones.
        threads: on which it is read.
        status_code: 206 for a range.
    """

    def __init__(
        self,
        stream: ObjectStream,
        *,
        sha256: str,
        media_type: str,
        headers: Mapping[str, str],
        threads: Threads,
        status_code: int = 200,
    ) -> None:
        self._stream, self._sha256, self._threads = stream, sha256, threads
        whole = {**headers, "Content-Length": str(stream.size_bytes)}
        super().__init__(self._pieces(), status_code=status_code, media_type=media_type, headers=whole)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()

    async def _pieces(self) -> AsyncIterator[bytes]:
        digest, left = hashlib.sha256(), self._stream.size_bytes
        while left:
            piece = await self._threads.run_through(partial(self._stream.read, min(MOST_BYTES, left)))
            digest.update(piece)
            left -= len(piece)
            is_other = self._stream.is_whole and digest.hexdigest() != self._sha256
            if not piece or (not left and is_other):
                raise StorageFailed(
                    "expected the file to stay as it is, but it was written to while it was sent; index its folder "
                    "again"
                )
            yield piece
