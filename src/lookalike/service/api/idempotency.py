"""The same request under the same key is done once (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.responses import Response

from lookalike.core.errors import LookalikeError
from lookalike.ledger.base import KeptReply, ReplyQuota
from lookalike.service.access.principal import Principal
from lookalike.service.context import Service, deadline_of
from lookalike.service.edge.leaving import carry_on
from lookalike.service.problems import InvalidBody

KEPT_S = 24 * 3600
REPLIES = ReplyQuota(replies=10_000, size_bytes=32_000_000)
"""Of one caller. The longest reply, of a delete of 1,000, has 170 kB."""
RENEW_EVERY_S = 10.0
"""A third of the lease: two may fail."""

_KEY = re.compile(r"[!-~]{1,255}")
_REPEATED = ("content-type", "location")

_log = logging.getLogger(__name__)


async def once(
    request: Request, principal: Principal, service: Service, *, digest: str, act: Callable[[], Awaitable[Response]]
) -> Response:
    """Do something, or give the reply again that the same request got before.

    With a key what has begun is done to its end, also when the client leaves or the deadline passes: then it will ask
    again, and is told that it still runs, and afterwards what came of it.

    Args:
        request: with or without `Idempotency-Key`.
        principal: who asks: others' keys are others.
        service: the parts.
        digest: SHA-256 of the body.
        act: does it, beginning nothing after the deadline. What it raises is not kept, so that it may be tried again;
            nor is a reply that cannot be kept.
    Raises:
        InvalidBody: when the key is none.
        Conflict: as `Ledger.begin`.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return await act()
    if not _KEY.fullmatch(key):
        raise InvalidBody(
            [
                {
                    "where": "header.Idempotency-Key",
                    "detail": "expected 1 to 255 printable ASCII characters without blanks, "
                    f"got {key[:40]!a} ({len(key)} characters); take a new UUID for each request",
                }
            ]
        )
    carry_on(request.scope)
    route = f"{request.method} {request.url.path}?{request.url.query}"
    whole = hashlib.sha256(f"{principal.name}\n{route}\n{key}".encode()).hexdigest()
    lease = _Lease(whole, principal.name, service)
    kept = await lease.begin(digest, deadline=deadline_of(request))
    if kept is not None:
        return Response(kept.body, kept.status, {**kept.headers, "Idempotency-Replayed": "true"})
    async with lease.renewed():
        response = await act()
        headers = {name: value for name, value in response.headers.items() if name in _REPEATED}
        await lease.finish(KeptReply(response.status_code, headers, bytes(response.body)))
    return response


class _Lease:
    """A key that one request holds: for 30 s, and on as long as it says so. A process that dies says nothing."""

    def __init__(self, key: str, caller: str, service: Service) -> None:
        self._key, self._caller, self._service = key, caller, service
        self._holder = secrets.token_hex(16)

    async def begin(self, digest: str, *, deadline: float | None) -> KeptReply | None:
        """Take the key; see `Ledger.begin`."""
        expires_at = time.time() + KEPT_S
        return await self._service.books.run(
            lambda: self._service.ledger.begin(
                self._key, caller=self._caller, body_hash=digest, holder=self._holder, expires_at=expires_at
            ),
            deadline=deadline,
        )

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[None]:
        """Hold it during the block; let go of it where that raises, so that it may be tried again at once.

        Cancelled, which happens only when the process is about to end, it is free when the lease has run out: what was
        begun may go on until then.
        """
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        except Exception:
            await self._abandon()
            raise
        finally:
            renewing.cancel()

    async def finish(self, reply: KeptReply) -> None:
        """Keep the reply. Where that fails, it was done all the same, which is what the client must hear."""
        try:
            await self._service.books.run(
                lambda: self._service.ledger.finish(self._key, reply, holder=self._holder, quota=REPLIES)
            )
        except LookalikeError as error:
            _log.warning("a reply is not kept for its idempotency key: %s", error)
            await self._abandon()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                await self._service.books.run(lambda: self._service.ledger.renew(self._key, holder=self._holder))
            except LookalikeError as error:
                _log.warning("an idempotency key is not renewed, and tried again: %s", error)

    async def _abandon(self) -> None:
        """Where that fails, too, it is free when the lease has run out."""
        try:
            await self._service.books.run(lambda: self._service.ledger.abandon(self._key, holder=self._holder))
        except LookalikeError as error:
            _log.warning("an idempotency key is not let go of: %s", error)
