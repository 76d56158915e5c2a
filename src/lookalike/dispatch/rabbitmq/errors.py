"""What goes wrong with a broker, in our words: one line each, which says what to do.

All become `ServiceDown`. Some pass by themselves, so that it is worth trying again at once; others wait for somebody.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple

from aio_pika import exceptions
from aiormq.exceptions import ChannelAccessRefused, ConnectionNotAllowed

from lookalike.core.errors import ServiceDown
from lookalike.dispatch.rabbitmq.address import BrokerAddress
from lookalike.dispatch.rabbitmq.queues import QueueNames


class Trouble(NamedTuple):
    """What went wrong.

    Attributes:
        error: for whoever called.
        passes: whether it may go better at once.
        is_refusal: whether it stays so until somebody changes something.
    """

    error: ServiceDown
    passes: bool = False
    is_refusal: bool = False


def translate_error(error: BaseException, address: BrokerAddress, names: QueueNames) -> Trouble | None:
    """What went wrong, by what aio-pika raised; None for what has nothing to do with a broker.

    Args:
        error: that was raised.
        address: of the broker.
        names: of what was used there.
    """
    if isinstance(error, ServiceDown):
        return Trouble(error, is_refusal=True)
    if isinstance(error, asyncio.CancelledError):
        return Trouble(ServiceDown("notices cannot be told, for this dispatch was closed: open another one"))
    if isinstance(error, TimeoutError):
        return Trouble(
            ServiceDown(
                f"expected {address} to answer in time, but it did not: look whether it is overloaded, or try later"
            )
        )
    refusal = _tell_refusal(error, address) or _tell_mismatch(error, address, names)
    if refusal is not None:
        return Trouble(refusal, is_refusal=True)
    if isinstance(error, exceptions.PublishError | exceptions.ChannelNotFoundEntity):
        return Trouble(
            ServiceDown(
                f"expected the queues {names.name}* to be there on {address}, but one was deleted meanwhile: "
                "repeat it, and it is declared again"
            ),
            passes=True,
        )
    if isinstance(error, exceptions.DeliveryError):
        return Trouble(
            ServiceDown(
                f"expected {address} to keep all notices, but it refused some: look whether most of its nodes run"
            ),
            passes=True,
        )
    if isinstance(error, exceptions.AMQPConnectionError) and error.errno is not None:
        return Trouble(
            ServiceDown(
                f"expected {address} to answer, but no connection was made ({error}): start it, or correct the URL"
            ),
            passes=True,
        )
    if isinstance(error, exceptions.CONNECTION_EXCEPTIONS):
        return Trouble(tell_lost(address, error), passes=True)
    return None


def tell_lost(address: BrokerAddress, error: BaseException | None) -> ServiceDown:
    """What is said of a connection that was there."""
    why = str(error) or type(error).__name__ if error is not None else "it was closed"
    return ServiceDown(
        f"expected the connection to {address} to last, but it was lost ({why}): connect again, or look at its log"
    )


def tell_alarm(address: BrokerAddress) -> ServiceDown:
    """What is said of a broker that takes nothing in for now."""
    return ServiceDown(
        f"expected {address} to take notices in, but it blocks who publishes, for its disk or its memory is nearly "
        "full: free some, and see `rabbitmq-diagnostics alarms`"
    )


def _tell_refusal(error: BaseException, address: BrokerAddress) -> ServiceDown | None:
    """Who lets nobody in, until somebody changes that."""
    user, vhost = address.user, address.vhost
    if isinstance(error, exceptions.ProbableAuthenticationError | exceptions.AuthenticationError):
        return ServiceDown(
            f"expected {address} to let {user!r} in, but it refused the name or the password: correct the broker's "
            f"URL, or set the password with `rabbitmqctl change_password {user}`"
        )
    if isinstance(error, ConnectionNotAllowed) or (  # aiormq tells of the one where another frame was expected
        isinstance(error, exceptions.InvalidFrameError) and "OpenOk" in str(error) and "Connection.Close" in str(error)
    ):
        return ServiceDown(
            f"expected {address} to have the vhost {vhost!r} and to let {user!r} use it, but it refused: correct the "
            f"broker's URL, or run `rabbitmqctl add_vhost {vhost}` and `rabbitmqctl set_permissions -p {vhost} {user}`"
        )
    is_tls_trouble = isinstance(error, exceptions.AMQPConnectionError) and isinstance(error.__cause__, ssl.SSLError)
    if is_tls_trouble or isinstance(error, exceptions.IncompatibleProtocolError):
        return ServiceDown(
            f"expected RabbitMQ at {address.place}, but what answers there speaks another protocol: correct the port "
            "in the broker's URL, 5672 for amqp and 5671 for amqps, or wait until it has started"
        )
    return None


def _tell_mismatch(error: BaseException, address: BrokerAddress, names: QueueNames) -> ServiceDown | None:
    """What may not be done there, until somebody changes that."""
    name, said = names.name, str(error).replace("\n", " ")
    if isinstance(error, ChannelAccessRefused):
        allow = f"-p {address.vhost} {address.user} " + " ".join([f"'^{name}'"] * 3)
        return ServiceDown(
            f"expected {address.user!r} to have the permissions to configure, write and read {name}* on {address}, "
            f"got {said}: run `rabbitmqctl set_permissions {allow}`"
        )
    if isinstance(error, exceptions.ChannelPreconditionFailed) and "inequivalent" in str(error):
        return ServiceDown(
            f"expected what is called {name}* on {address} as it is declared here, got {said}: stop the workers and "
            "delete it there with `rabbitmqctl delete_queue`, or use another vhost; no job is lost by that"
        )
    return None
