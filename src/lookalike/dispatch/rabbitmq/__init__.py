"""RabbitMQ wakes the workers: by a durable quorum queue for each kind of job."""

from lookalike.core.errors import needing

with needing("aio-pika", extra="rabbitmq", purpose="waking workers by RabbitMQ"):
    import aio_pika as aio_pika

from lookalike.dispatch.rabbitmq.checking import check_broker
from lookalike.dispatch.rabbitmq.dispatch import RabbitDispatch

__all__ = ["RabbitDispatch", "check_broker"]
