"""Where a broker is, as a URL says it, and as messages may."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from lookalike.core.errors import BadInput

_PORTS = {"amqp": 5672, "amqps": 5671}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker, and as whom it is spoken to.

    Attributes:
        url: all of it, with the password, for the library that connects.
        place: host and port.
        user: its name.
        vhost: the part of the broker that is used.
    """

    url: str
    place: str
    user: str
    vhost: str

    def __repr__(self) -> str:
        return f"BrokerAddress({self})"

    def __str__(self) -> str:
        """Without the password."""
        return f"RabbitMQ at {self.place}"


def read_address(url: str, *, heartbeat_s: int) -> BrokerAddress:
    """Read `amqp://user:secret@host:port/vhost`, or the same with `amqps`; a port that is not said is the usual one.

    Args:
        url: which may have parameters of aio-pika, such as `?cafile=...`.
        heartbeat_s: after how many silent seconds a connection is asked for a sign of life, where the URL says nothing.
    Raises:
        BadInput: when it is none; the message does not repeat it, for it may hold a password.
    """
    parts = SplitResult("", "", "", "", "")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        port = None
    if port is None or not parts.hostname or parts.scheme not in _PORTS:
        raise BadInput(
            "expected the broker as amqp://USER:SECRET@HOST:PORT/VHOST, or amqps for TLS, got another URL; "
            "correct it, and write / in a password as %2F, @ as %40 and : as %3A"
        )
    query = {"heartbeat": str(heartbeat_s), **dict(parse_qsl(parts.query))}
    return BrokerAddress(
        url=SplitResult(parts.scheme, parts.netloc, parts.path, urlencode(query), "").geturl(),
        place=f"{parts.hostname}:{port}",
        user=unquote(parts.username or "guest"),
        vhost=unquote(parts.path[1:]) or "/",
    )
