"""Whether a broker lets us do what we need of it, looked at before anything is made there that stays."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from urllib.parse import urlsplit

from lookalike.dispatch.rabbitmq.address import BrokerAddress, read_address
from lookalike.dispatch.rabbitmq.connection import KeptConnection
from lookalike.dispatch.rabbitmq.dispatch import NAME
from lookalike.dispatch.rabbitmq.errors import translate_error
from lookalike.dispatch.rabbitmq.queues import QueueNames
from lookalike.storage.hosts import check_hosts

_WITHIN_S = 10.0


def check_broker(url: str, *, name: str = NAME) -> list[str]:
    """Connect once, and have a queue that goes with the connection.

    Args:
        url: as of `RabbitDispatch`.
        name: likewise.
    Returns:
        a line where it cannot be looked at now, as when it does not answer.
    Raises:
        BadInput: when the URL is none.
        ServiceDown: when it cannot be used before somebody changes something.
    """
    address, names = read_address(url, heartbeat_s=0), QueueNames(name, delivery_limit=1)
    check_hosts([urlsplit(url).hostname or ""])
    try:
        asyncio.run(_look(address, names))
    except Exception as error:
        trouble = translate_error(error, address, names)
        if trouble is None:
            raise
        if trouble.is_refusal:
            raise trouble.error from error
        return [str(trouble.error)]
    return []


async def _look(address: BrokerAddress, names: QueueNames) -> None:
    kept = KeptConnection(address, purpose="a look before the start")
    try:
        async with asyncio.timeout(_WITHIN_S):
            connection = await kept.get()
            channel = await connection.channel(publisher_confirms=False)
            queue = await channel.declare_queue(names.queue(f"looked.{token_hex(8)}"), exclusive=True, auto_delete=True)
            await queue.get(fail=False)
    finally:
        await kept.close()
