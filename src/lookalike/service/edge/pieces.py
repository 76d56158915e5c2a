"""A long reply goes out in pieces, so that no more of it waits twice in this process than a client reads."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.service.unread import MOST_BYTES


class Pieces:
    """Hands a reply on in pieces that the server lets go of one after the other, as they are read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_in_pieces(message: Message) -> None:
            body = message.get("body", b"")
            while message["type"] == "http.response.body" and len(body) > MOST_BYTES:
                await send({**message, "body": bytes(body[:MOST_BYTES]), "more_body": True})
                body = memoryview(body)[MOST_BYTES:]
                message = {**message, "body": body}
            await send({**message, "body": bytes(body)} if isinstance(body, memoryview) else message)

        await self.app(scope, receive, send_in_pieces)
