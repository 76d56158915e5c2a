"""The same request under the same key is done once (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.responses import Response

from lookalike.core.errors import LookalikeError
from lookalike.ledger.base import KeptReply
from lookalike.service.access.principal import Principal
from lookalike.service.context import Service
from lookalike.service.problems import InvalidBody

KEPT_S = 24 * 3600
_KEY = re.compile(r"[!-~]{1,255}")
_REPEATED = ("content-type", "location")

_log = logging.getLogger(__name__)


async def once(
    request: Request, principal: Principal, service: Service, *, digest: str, act: Callable[[], Awaitable[Response]]
) -> Response:
    """Do something, or give the reply again that the same request got before.

    Args:
        request: with or without `Idempotency-Key`.
        principal: who asks: others' keys are others.
        service: the parts.
        digest: SHA-256 of the body.
        act: does it. What it raises is not kept, so that it may be tried again; nor is a reply that cannot be kept.
    Raises:
        InvalidBody: when the key is none.
        Conflict: as `Ledger.begin`.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return await act()
    if not _KEY.fullmatch(key):
        raise InvalidBody(
            [{"where": "header.Idempotency-Key", "detail": "expected 1 to 255 printable ASCII characters"}]
        )
    route = f"{request.method} {request.url.path}?{request.url.query}"
    whole = hashlib.sha256(f"{principal.name}\n{route}\n{key}".encode()).hexdigest()
    now = time.time()
    kept = await service.books.run(
        lambda: service.ledger.begin(whole, body_hash=digest, now=now, expires_at=now + KEPT_S)
    )
    if kept is not None:
        return Response(kept.body, kept.status, {**kept.headers, "Idempotency-Replayed": "true"})
    try:
        response = await act()
    except BaseException:
        _abandon(whole, service)
        raise
    headers = {name: value for name, value in response.headers.items() if name in _REPEATED}
    reply = KeptReply(response.status_code, headers, bytes(response.body))
    try:
        await service.books.run(lambda: service.ledger.finish(whole, reply))
    except LookalikeError as error:  # it was done, which is what the client must hear
        _log.warning("a reply is not kept for its idempotency key: %s", error)
        _abandon(whole, service)
    except BaseException:
        _abandon(whole, service)
        raise
    return response


def _abandon(key: str, service: Service) -> None:
    """So that it may be tried again at once; where that fails, too, in ten minutes."""
    try:
        service.ledger.abandon(key)
    except LookalikeError as error:
        _log.warning("an idempotency key is not let go of: %s", error)
