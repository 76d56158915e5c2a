"""What a route says to be guarded: FastAPI dependencies, and the same for WebSockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

from fastapi import Request, Security, WebSocket
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from lookalike.core.errors import NotAllowed, NotAuthenticated
from lookalike.service.access.access import Access
from lookalike.service.access.loopback import is_welcome_origin, may_ride
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.asker import note_asker
from lookalike.service.parameters import check_parameters

PROTOCOL = "lookalike.v1"
"""The subprotocol that the server chooses."""
TICKET_PREFIX = "ticket."

_HOME_BITS = 64
_described = HTTPBearer(
    auto_error=False, scheme_name="Credential", description="An API key of this service, or a token (JWT)."
)

T = TypeVar("T")


def needs(scope: Scope | None = None, *, everywhere: bool = False) -> Any:
    """A dependency that gives the `Principal`, counts the request, and then looks at its parameters.

    Args:
        scope: that they must have, in the collection that the path names as `collection`, if it does; None for any.
        everywhere: their grant must not be bound to collections.
    Raises:
        NotAuthenticated, RateLimited, NoCollection, NotAllowed, ServiceDown, InvalidBody: from the dependency.
    """
    return Security(_guard(scope, everywhere=everywhere), scopes=[] if scope is None else [scope.value])


@cache  # a route that says the same twice is guarded, and counted, once
def _guard(scope: Scope | None, *, everywhere: bool) -> Callable[..., Awaitable[Principal]]:
    async def principal(request: Request, _: object = Security(_described)) -> Principal:
        access = _access(request)
        found = await _authenticate(access, request)
        await _count_request(access, found, request)
        collection = request.path_params.get("collection")
        _check(access, found, scope, collection, everywhere=everywhere)
        _note(request, found, collection)
        check_parameters(request)
        return found

    return principal


async def principal_of_websocket(websocket: WebSocket, scope: Scope, collection: str | None = None) -> Principal:
    """Who opens a WebSocket, by the ticket that it offers as a subprotocol or by the header; counts it as one request.

    To be called before the connection is accepted.

    Raises:
        NotAuthenticated, RateLimited, NoCollection, NotAllowed, ServiceDown
    """
    access = _access(websocket)
    origin, host = websocket.headers.get("origin"), websocket.headers.get("host", "")
    if not is_welcome_origin(origin, host=host, cors_origins=_service(websocket).settings.cors_origins):
        raise NotAllowed(
            "pages of this origin may not connect; add the origin to cors_origins in the settings of the service"
        )
    tickets = [offer.removeprefix(TICKET_PREFIX) for offer in _offers(websocket) if offer.startswith(TICKET_PREFIX)]
    if len(tickets) > 1:
        raise NotAuthenticated(f"expected one ticket, got {len(tickets)}; send the newest alone")
    if tickets:
        found = await _in_turn(websocket, _origin(websocket), lambda: access.redeem(tickets[0]))
    else:
        found = await _authenticate(access, websocket)
    await _count_request(access, found, websocket)
    _check(access, found, scope, collection)
    _note(websocket, found, collection)
    return found


async def _authenticate(access: Access, connection: HTTPConnection) -> Principal:
    headers = connection.headers.getlist("authorization")
    if len(headers) > 1:
        raise NotAuthenticated(f"expected one Authorization header, got {len(headers)}; remove the others")
    if access.is_open_to_loopback and not may_ride(connection.headers, _service(connection).settings):
        raise NotAuthenticated(
            "no credentials are configured, so only this machine itself is let in, by its own name"
            "; make a key with `lookalike key add NAME`, or ask for http://127.0.0.1"
        )
    client = connection.client.host if connection.client is not None else ""
    given = headers[0] if headers else None
    if access.waits:
        return await _in_turn(connection, _origin(connection), lambda: access.authenticate(given, client=client))
    return access.authenticate(given, client=client)


async def _count_request(access: Access, principal: Principal, connection: HTTPConnection) -> None:
    if access.waits:
        await _in_turn(connection, principal.name, lambda: access.count(principal))
    else:
        access.count(principal)


def _check(
    access: Access, principal: Principal, scope: Scope | None, collection: str | None, *, everywhere: bool = False
) -> None:
    if everywhere and principal.collections is not None:
        raise NotAllowed(
            "this needs a grant that is not bound to collections, but yours is; ask whoever runs the "
            "service for another key"
        )
    if scope is not None:
        access.check(principal, scope, collection)


def _note(connection: HTTPConnection, principal: Principal, collection: str | None) -> None:
    """Remember who was let in: for what is done for them, for the log, and for the server's own protocol."""
    connection.state.principal = principal
    note_asker(principal.name, collection)


def _offers(websocket: WebSocket) -> list[str]:
    return [
        offer.strip() for header in websocket.headers.getlist("sec-websocket-protocol") for offer in header.split(",")
    ]


def _service(connection: HTTPConnection) -> Any:
    return connection.app.state.service


def _access(connection: HTTPConnection) -> Access:
    access: Access = _service(connection).access
    return access


def _origin(connection: HTTPConnection) -> str:
    """Where somebody comes from who has not shown yet who they are; all addresses of one home in IPv6 are one."""
    host = connection.client.host if connection.client is not None else ""
    try:
        address = ip_address(host)
    except ValueError:
        return f"from {host}"
    return f"from {ip_network((address, _HOME_BITS), strict=False) if address.version == 6 else address}"


async def _in_turn(connection: HTTPConnection, caller: str, call: Callable[[], T]) -> T:
    """In threads of their own, callers in turn, so that what is slow elsewhere keeps nobody waiting but who asks it."""
    note_asker(caller, None)
    answer: T = await _service(connection).credentials.run(call)
    return answer
