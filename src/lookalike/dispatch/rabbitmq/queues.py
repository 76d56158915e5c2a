"""Which queues there are, and how they are declared.

    exchange NAME       --KIND-->  queue NAME.KIND        what workers are told of
    exchange NAME.dead  --KIND-->  queue NAME.KIND.dead   what was given up, for people

All are durable, and the queues are quorum queues: what was confirmed is on the disks of most of the broker's nodes. A
notice that was given back, or whose consumer was lost, more than `delivery_limit` times goes to the dead ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

_MOST_DEAD = 10_000
_NO_LIMIT = 1_000_000
"""Deliveries of a dead letter, which people may look at: RabbitMQ 4 has a limit of 20 where none is said."""


@dataclass(frozen=True, slots=True)
class QueueNames:
    """How exchanges and queues are called, and how often a notice is delivered.

    Attributes:
        name: what all names begin with; services that share a vhost need different ones.
        delivery_limit: how often a notice may come back before it is set aside.
    """

    name: str
    delivery_limit: int

    @property
    def dead(self) -> str:
        """The exchange of what was given up."""
        return f"{self.name}.dead"

    def queue(self, kind: str) -> str:
        """The queue of a kind."""
        return f"{self.name}.{kind}"

    def dead_queue(self, kind: str) -> str:
        """Where what was given up of a kind lies."""
        return f"{self.queue(kind)}.dead"


async def declare_exchanges(channel: AbstractChannel, names: QueueNames) -> tuple[AbstractExchange, AbstractExchange]:
    """The exchange of notices, and that of what was given up."""
    return (
        await channel.declare_exchange(names.name, durable=True),
        await channel.declare_exchange(names.dead, durable=True),
    )


async def declare_queues(channel: AbstractChannel, names: QueueNames, kind: str) -> AbstractQueue:
    """The queue of a kind, with that of what was given up, where they are not there yet."""
    notices, dead = await declare_exchanges(channel, names)
    dead_queue = await channel.declare_queue(
        names.dead_queue(kind),
        durable=True,
        arguments={"x-queue-type": "quorum", "x-max-length": _MOST_DEAD, "x-delivery-limit": _NO_LIMIT},
    )
    await dead_queue.bind(dead, routing_key=kind)
    queue = await channel.declare_queue(
        names.queue(kind),
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": names.delivery_limit,
            "x-dead-letter-exchange": names.dead,
            "x-dead-letter-routing-key": kind,
        },
    )
    await queue.bind(notices, routing_key=kind)
    return queue
