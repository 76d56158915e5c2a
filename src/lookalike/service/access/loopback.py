"""What counts as this machine itself, and which pages may ride on the trust that it has.

A page from anywhere runs in the browser of whoever sits here, so that its requests come from here, too. It is told by
what the browser says of it: `Origin` and `Sec-Fetch-Site` name the page, and `Host` names the service, which is a
foreign name where a foreign name server answered with our address (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection as Several
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from lookalike.settings.service import ServiceSettings

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_OWN_PAGES = ("", "same-origin", "none")


def is_loopback_address(text: str) -> bool:
    """Whether an address is of this machine itself: 127.0.0.0/8, ::1, and the former written as IPv6."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_loopback_name(name: str) -> bool:
    """Whether a host's name or address, without a port, can only be this machine itself."""
    name = name.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost") or is_loopback_address(name)


def is_loopback_host(host: str) -> bool:
    """Whether a `Host` header names this machine itself; '' does not."""
    try:
        return is_loopback_name(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def is_welcome_origin(origin: str | None, *, host: str, cors_origins: Several[str]) -> bool:
    """Whether a page may ask: one of our own host, one from the list, or no page at all."""
    if origin is None or origin in cors_origins:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc != "" and parts.netloc.lower() == host.lower()


def may_ride(headers: Headers, settings: ServiceSettings) -> bool:
    """Whether a request that comes from this machine may have the trust that this machine has.

    Args:
        headers: of the request.
        settings: with proxies that are trusted, one may have brought it, if all that it comes from is this machine;
            without, what a proxy has brought does not come from where it seems to.
    """
    if any(name in headers for name in _FORWARDED) and not (settings.trusted_proxies and _comes_from_here(headers)):
        return False
    host, origin = headers.get("host", ""), headers.get("origin")
    if not is_loopback_host(host) or not is_welcome_origin(origin, host=host, cors_origins=settings.cors_origins):
        return False
    return origin in settings.cors_origins or headers.get("sec-fetch-site", "") in _OWN_PAGES


def _comes_from_here(headers: Headers) -> bool:
    """Whether all addresses that proxies have noted are of this machine."""
    noted = ",".join(headers.getlist("x-forwarded-for")).split(",")
    return all(is_loopback_address(address.strip()) for address in noted)
