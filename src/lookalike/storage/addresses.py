"""Which network addresses a picture may be fetched from: public ones, told without asking anybody."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network

from lookalike.core.ending import check_wanted
from lookalike.core.errors import FetchRefused

# What `is_global` lets pass and yet is no ordinary host: 6to4 relays, protocol assignments.
_CLOSED_V4 = (IPv4Network("192.88.99.0/24"), IPv4Network("192.0.0.0/24"))
# All public hosts lie in here (RFC 4291): IPv4 in IPv6 clothes, such as ::ffff:0:0/96 and 64:ff9b::/96, does not,
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
# ... except for these: Teredo and other protocols, 6to4, documentation.
_CLOSED_V6 = (
    IPv6Network("2001::/23"),
    IPv6Network("2002::/16"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
)


_LOOKING_UP = threading.BoundedSemaphore(64)
_LOOK_EVERY_S = 0.1

DISCREET_S = 2.0
"""How long a stranger waits to be told that a name leads nowhere; none may take longer to be looked up."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to a public host; False for anything that is not an IP address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _CLOSED_V4)
    return ip in _GLOBAL_UNICAST_V6 and not any(ip in network for network in _CLOSED_V6)


def resolve(host: str, *, port: int, timeout_s: float, allow_private: bool, advice: str | None = None) -> str:
    """Look a name up and choose the address to connect to.

    Args:
        host: a name or an address in any writing that the system understands, such as `0x7f.1`.
        port: 1 to 65535.
        timeout_s: how long the system may take to look it up.
        allow_private: whether any address will do.
        advice: said behind the reason where an address is not public, to whoever sits at this machine; None for a
            stranger, who does not find out which names there are inside: each that leads to no public address is
            refused with the same words, and with the same time before which it must not be told (`told_at`).
    Returns:
        an IP address as text; connect to it, not to the name, so that a second look-up cannot differ.
    Raises:
        FetchRefused: unknown, too slow, or any of its addresses is not public.
    """
    if advice is not None or allow_private:
        return _resolve(host, port=port, timeout_s=timeout_s, allow_private=allow_private, advice=advice or "")
    until = time.monotonic() + min(timeout_s, DISCREET_S)
    try:
        return _resolve(host, port=port, timeout_s=min(timeout_s, DISCREET_S), allow_private=False)
    except FetchRefused:
        refused = FetchRefused(
            f"the host {host} does not lead to a public address; download it yourself, and send the bytes",
            values={"host": host},
        )
        if not _is_address(host):
            refused.told_at = until
        raise refused from None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolve(host: str, *, port: int, timeout_s: float, allow_private: bool, advice: str = "") -> str:
    addresses = _look_up(host, port=port, timeout_s=timeout_s)
    if not allow_private and not all(map(is_public, addresses)):  # which one is told to nobody: it may be a stranger
        raise FetchRefused(
            f"the host {host} leads to an address that is not public; download it yourself, and give the file{advice}",
            values={"host": host},
        )
    return addresses[0]


def _ask_in_turn(ask: Callable[[], None], until: float) -> None:
    """The system's look-up may take a minute, wanted or not: so only so many are under way."""
    if _LOOKING_UP.acquire(timeout=max(0.0, until - time.monotonic())):
        try:
            ask()
        finally:
            _LOOKING_UP.release()


def _look_up(host: str, *, port: int, timeout_s: float) -> list[str]:
    """All addresses of a name; in a thread of its own, because the system's look-up knows no time limit."""
    found: list[str] = []
    failures: list[Exception] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except (OSError, UnicodeError) as error:
            failures.append(error)

    until = time.monotonic() + timeout_s
    thread = threading.Thread(target=_ask_in_turn, args=(ask, until), name="lookalike-resolve", daemon=True)
    thread.start()
    while thread.is_alive() and (left_s := until - time.monotonic()) > 0:
        check_wanted()
        thread.join(min(left_s, _LOOK_EVERY_S))
    if not found:
        reason = "is not known" if failures else f"was not found within {timeout_s:.0f} s"
        raise FetchRefused(
            f"the host {host} {reason}; look at its spelling, or try again later",
            code="url_unreachable",
            values={"host": host},
        )
    return found
