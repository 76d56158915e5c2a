"""Whether the host of an address belongs to a machine at all, as the name service tells."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Final

from lookalike.core.errors import ServiceDown

_UNKNOWN: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def check_hosts(hosts: Iterable[str]) -> None:
    """See that one of them is known. A name service that does not answer now says nothing about that.

    Args:
        hosts: names or addresses that stand for one another; of none nothing is asked.
    Raises:
        ServiceDown: when there is none of these names.
    """
    asked = list(hosts)
    if asked and not any(_may_be(host) for host in asked):
        raise ServiceDown(
            f"expected the name of a machine, but the name service knows none called {', '.join(map(repr, asked))}; "
            "correct the host of the address"
        )


def _may_be(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return error.errno not in _UNKNOWN
    except UnicodeError:  # as of an empty part, which no name has
        return False
    return True
