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
from typing import NamedTuple

from fastapi import Request
from starlette.responses import Response

from lookalike.core.errors import LookalikeError
from lookalike.ledger.base import KeptReply, LedgerTransaction, ReplyQuota
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
    keyed = key_of(request, principal, digest=digest)
    if keyed is None:
        return await act()
    lease = _Lease(keyed, service)
    kept = await lease.begin(deadline=deadline_of(request))
    if kept is not None:
        return give_again(kept)
    async with lease.renewed():
        response = await act()
        await lease.finish(_reply(response))
    return response


class Keyed(NamedTuple):
    """A request that came under an idempotency key.

    Attributes:
        key: of the caller and the route, too.
        caller: who asks.
        body_hash: SHA-256 of the body.
    """

    key: str
    caller: str
    body_hash: str

    def keep(self, response: Response, transaction: LedgerTransaction) -> Response | None:
        """Keep the reply to all that a transaction does, which then needs no lease; see `LedgerTransaction.keep_reply`.

        Returns:
            the reply that was given before, where there is one: nothing else is to be done then.
        Raises:
            Conflict: as `Ledger.begin`.
        """
        before = transaction.keep_reply(
            self.key,
            _reply(response),
            caller=self.caller,
            body_hash=self.body_hash,
            expires_at=time.time() + KEPT_S,
            quota=REPLIES,
        )
        return None if before is None else give_again(before)


def key_of(request: Request, principal: Principal, *, digest: str) -> Keyed | None:
    """The idempotency key of a request, which from now on is done to its end; None where it has none.

    Raises:
        InvalidBody: when the key is none.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
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
    return Keyed(whole, principal.name, digest)


def give_again(kept: KeptReply) -> Response:
    """A reply that was kept, given again."""
    return Response(kept.body, kept.status, {**kept.headers, "Idempotency-Replayed": "true"})


def _reply(response: Response) -> KeptReply:
    headers = {name: value for name, value in response.headers.items() if name in _REPEATED}
    return KeptReply(response.status_code, headers, bytes(response.body))


class _Lease:
    """A key that one request holds: for 30 s, and on as long as it says so. A process that dies says nothing."""

    def __init__(self, keyed: Keyed, service: Service) -> None:
        self._keyed, self._service = keyed, service
        self._key, self._holder = keyed.key, secrets.token_hex(16)

    async def begin(self, *, deadline: float | None) -> KeptReply | None:
        """Take the key; see `Ledger.begin`."""
        expires_at = time.time() + KEPT_S
        key, caller, body_hash = self._keyed
        return await self._service.books.run(
            lambda: self._service.ledger.begin(
                key, caller=caller, body_hash=body_hash, holder=self._holder, expires_at=expires_at
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
