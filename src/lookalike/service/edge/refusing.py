"""Sending a problem from in front of the application, so that the client gets to read it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lookalike.service.edge.problem_body import problem_response
from lookalike.service.edge.request_id import current_request_id

LINGER_S = 1.0
LINGER_BYTES = 16_000_000


class Refusal(NamedTuple):
    """Why a request goes no further.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        title: the kind of problem, for a person.
        detail: what was expected and what came.
        values: its numbers and names.
    """

    status: int
    code: str
    title: str
    detail: str
    values: Mapping[str, object] = {}


def reply_to_refusal(refusal: Refusal, *, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a reply."""
    status, code, title, detail, values = refusal
    if "retry_after_s" in values:
        headers = {**(headers or {}), "Retry-After": str(values["retry_after_s"])}
    return problem_response(
        status, code=code, title=title, detail=detail, request_id=current_request_id(), headers=headers, values=values
    )


async def refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the problem and end the connection, without reading on."""
    await reply_to_refusal(refusal, headers={"Connection": "close"})(scope, receive, send)


async def refuse_while_sending(refusal: Refusal, receive: Receive, send: Send) -> None:
    """Send the problem to a client that is still sending its body, and end the connection.

    If the connection were closed while bytes come in, the system would reset it, and most clients would tell of that
    and not of the problem. So a little more is read and thrown away: for `LINGER_S` seconds or `LINGER_BYTES` bytes.
    """
    response = reply_to_refusal(refusal, headers={"Connection": "close"})
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})
