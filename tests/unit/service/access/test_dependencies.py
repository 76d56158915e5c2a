"""The guards of routes and WebSockets, in a small application."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from lookalike.core.errors import LookalikeError, NoCollection, NotAllowed, NotAuthenticated, RateLimited
from lookalike.ledger.memory import MemoryLedger
from lookalike.service.access.access import open_access
from lookalike.service.access.dependencies import PROTOCOL, needs, principal_of_websocket
from lookalike.service.access.key_file import add_key
from lookalike.service.access.principal import Principal, Scope
from lookalike.service.problems import no_collection
from lookalike.service.threads import Threads
from tests.unit.service.access.minting import SECRET, jwk, key_set, minted, rsa_key, settings, written

HERE, ELSEWHERE = ("127.0.0.1", 50_000), ("203.0.113.5", 50_000)
STATUS = {NotAuthenticated: 401, NotAllowed: 403, NoCollection: 404, RateLimited: 429}
KNOWN = {"photos", "shoes"}


def application(home: Path, **changed: Any) -> FastAPI:
    app = FastAPI()
    configured = settings(home, **changed)
    app.state.service = SimpleNamespace(
        settings=configured,
        access=open_access(configured, MemoryLedger()),
        credentials=Threads(threads=2),
    )

    @app.exception_handler(LookalikeError)
    async def _problem(request: Request, error: Exception) -> JSONResponse:
        status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        return JSONResponse({"detail": str(error)}, status, headers)

    @app.get("/any")
    async def _any(principal: Annotated[Principal, needs()]) -> str:
        return principal.name

    @app.get("/everywhere", dependencies=[needs(Scope.ADMIN, everywhere=True)])
    async def _everywhere() -> str:
        return "all"

    @app.get("/collections/{collection}", dependencies=[needs(Scope.READ)])
    async def _read(collection: str, principal: Annotated[Principal, needs(Scope.READ)]) -> str:
        if collection not in KNOWN:
            raise no_collection(collection)
        return principal.name

    @app.post("/collections/{collection}")
    async def _write(collection: str, principal: Annotated[Principal, needs(Scope.WRITE)]) -> str:
        return principal.name

    @app.post("/tickets")
    def _ticket(principal: Annotated[Principal, needs(Scope.READ)]) -> str:
        return str(app.state.service.access.issue_ticket(principal).ticket)

    @app.websocket("/{collection}/stream")
    async def _stream(websocket: WebSocket, collection: str) -> None:
        try:
            principal = await principal_of_websocket(websocket, Scope.READ, collection)
        except LookalikeError as error:
            await websocket.close(1008, str(error))
            return
        await websocket.accept(subprotocol=PROTOCOL)
        await websocket.send_text(principal.name)
        await websocket.close()

    return app


def client_of(app: FastAPI, *, client: tuple[str, int] = HERE, host: str = "127.0.0.1:8080") -> TestClient:
    return TestClient(app, base_url=f"http://{host}", client=client)


def key_in(home: Path, *scopes: Scope, name: str = "phone", **more: Any) -> dict[str, str]:
    """The header of a new key."""
    key = add_key(home / "keys.json", name, scopes=scopes or (Scope.READ,), now=time.time(), **more)[1]
    return {"Authorization": f"Bearer {key}"}


def heard(client: TestClient, collection: str = "photos", **more: Any) -> str | None:
    """What a WebSocket is told; None where it is not let in."""
    url = client.base_url.copy_with(scheme="ws", path=f"/{collection}/stream")
    with (
        contextlib.suppress(WebSocketDisconnect, WebSocketDenialResponse),
        client.websocket_connect(str(url), **more) as socket,
    ):
        return socket.receive_text()
    return None


@pytest.fixture
def open_app(tmp_path: Path) -> FastAPI:
    """Without credentials configured; pages of one origin may call."""
    return application(tmp_path, cors_origins=("https://app.example",))


@pytest.fixture
def locked_app(tmp_path: Path) -> FastAPI:
    """With keys."""
    key_in(tmp_path, name="first")
    return application(tmp_path, keys_file=tmp_path / "keys.json", jwt_algorithm="HS256", jwt_secret=SECRET)


def test_a_route_gets_who_asks(open_app: FastAPI) -> None:
    assert client_of(open_app).get("/collections/photos").json() == "loopback"
    assert client_of(open_app, host="localhost:8080").get("/any").json() == "loopback"
    assert client_of(open_app, host="[::1]:8080", client=("::1", 1)).get("/any").json() == "loopback"


def test_others_than_this_machine_are_not_let_in_without_credentials(open_app: FastAPI) -> None:
    reply = client_of(open_app, client=ELSEWHERE).get("/any")
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("evil.example:8080", {}),
        ("evil.example:8080", {"Origin": "http://evil.example:8080"}),
        ("127.0.0.1:8080", {"Origin": "http://evil.example"}),
        ("127.0.0.1:8080", {"Origin": "null"}),
        ("127.0.0.1:8080", {"Origin": "http://127.0.0.1:3000"}),
        ("127.0.0.1:8080", {"Sec-Fetch-Site": "cross-site"}),
        ("127.0.0.1:8080", {"X-Forwarded-For": "203.0.113.5"}),
    ],
)
def test_foreign_pages_do_not_ride_on_the_trust_of_this_machine(
    open_app: FastAPI, host: str, headers: dict[str, str]
) -> None:
    client = client_of(open_app, host=host)
    assert client.get("/any", headers=headers).status_code == 401
    assert client.post("/collections/photos", headers=headers).status_code == 401
    assert heard(client, headers=headers) is None


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "https://app.example"])
def test_own_pages_and_those_of_the_list_ride(open_app: FastAPI, origin: str) -> None:
    client = client_of(open_app)
    assert client.get("/any", headers={"Origin": origin}).status_code == 200
    assert heard(client, headers={"Origin": origin}) == "loopback"


def test_with_credentials_configured_this_machine_needs_them(locked_app: FastAPI) -> None:
    client = client_of(locked_app)
    assert client.get("/any").status_code == 401
    assert heard(client) is None


GRANTS: list[tuple[str, list[Scope], list[str] | None, dict[str, int]]] = [
    # who, scopes, collections, what each request gives
    ("reader", [Scope.READ], None, {"read": 200, "missing": 404, "write": 403, "everywhere": 403}),
    ("writer", [Scope.WRITE], None, {"read": 200, "missing": 404, "write": 200, "everywhere": 403}),
    ("admin", [Scope.ADMIN], None, {"read": 200, "missing": 404, "write": 200, "everywhere": 200}),
    ("tenant", [Scope.READ], ["shoes"], {"read": 404, "missing": 404, "write": 404, "everywhere": 403}),
    ("landlord", [Scope.ADMIN], ["shoes"], {"read": 404, "missing": 404, "write": 404, "everywhere": 403}),
]


@pytest.mark.parametrize(("who", "scopes", "collections", "wanted"), GRANTS, ids=[row[0] for row in GRANTS])
@pytest.mark.parametrize("kind", ["key", "token"])
def test_each_grant_at_each_route(
    tmp_path: Path,
    locked_app: FastAPI,
    kind: str,
    who: str,
    scopes: list[Scope],
    collections: list[str] | None,
    wanted: dict[str, int],
) -> None:
    if kind == "key":
        headers = key_in(tmp_path, *scopes, name=who, collections=collections)
        app = application(tmp_path, keys_file=tmp_path / "keys.json")
    else:
        token = minted(sub=who, scope=" ".join(scopes), collections=collections)
        app, headers = locked_app, {"Authorization": f"Bearer {token}"}
    client = client_of(app, client=ELSEWHERE, host="photos.example")
    assert {
        "read": client.get("/collections/photos", headers=headers).status_code,
        "missing": client.get("/collections/missing", headers=headers).status_code,
        "write": client.post("/collections/photos", headers=headers).status_code,
        "everywhere": client.get("/everywhere", headers=headers).status_code,
    } == wanted
    assert client.get("/any", headers=headers).status_code == 200


def test_a_collection_that_one_may_not_see_cannot_be_told_from_a_missing_one(tmp_path: Path) -> None:
    headers = key_in(tmp_path, collections=["shoes"])
    all_seeing = key_in(tmp_path)
    client = client_of(application(tmp_path, keys_file=tmp_path / "keys.json"), client=ELSEWHERE)
    hidden = client.get("/collections/photos", headers=headers)
    missing = client.get("/collections/missing", headers=headers)
    truly_missing = client.get("/collections/missing", headers=all_seeing)
    assert (hidden.status_code, hidden.text.replace("photos", "missing")) == (404, missing.text)
    assert truly_missing.text == missing.text
    assert {*hidden.headers} == {*truly_missing.headers}


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "lk_00000000_" + "A" * 43,
        minted(b"x" * 32),
        minted(exp=1),
        written('{"alg": "none"}', '{"sub": "ann"}'),
        "a" * 8193,
        "é",
    ],
    ids=lambda token: token[:12],
)
def test_bad_credentials_are_refused_with_a_challenge(locked_app: FastAPI, token: str) -> None:
    reply = client_of(locked_app).get("/any", headers={"Authorization": f"Bearer {token}".encode()})  # type: ignore[dict-item]
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert token not in reply.text or token == "é"


def test_two_headers_are_refused(tmp_path: Path) -> None:
    key = key_in(tmp_path)["Authorization"]
    client = client_of(application(tmp_path, keys_file=tmp_path / "keys.json"))
    twice: Any = [("Authorization", key), ("Authorization", "Bearer other")]
    assert client.get("/any", headers=twice).status_code == 401
    assert client.get("/any", headers=twice[:1]).status_code == 200


def test_credentials_do_not_count_in_the_url(locked_app: FastAPI) -> None:
    token = minted()
    client = client_of(locked_app)
    for name in ("token", "access_token", "key", "api_key", "authorization"):
        assert client.get("/any", params={name: token}).status_code == 401


def test_a_request_is_counted_once_even_where_a_route_is_guarded_twice(tmp_path: Path) -> None:
    client = client_of(application(tmp_path, rate_per_minute=4))
    statuses = [client.get("/collections/photos").status_code for _ in range(6)]
    assert statuses == [200] * 4 + [429] * 2


def test_a_foreign_page_does_not_use_up_what_one_may_ask(tmp_path: Path) -> None:
    client = client_of(application(tmp_path, rate_per_minute=1))
    for _ in range(3):
        client.get("/any", headers={"Origin": "http://evil.example"})
    assert client.get("/any").status_code == 200


def test_a_ticket_opens_one_websocket(locked_app: FastAPI) -> None:
    client = client_of(locked_app, client=ELSEWHERE, host="photos.example")
    ticket = client.post("/tickets", headers={"Authorization": f"Bearer {minted()}"}).json()
    offered = [PROTOCOL, f"ticket.{ticket}"]
    page = {"Origin": "https://photos.example"}
    assert heard(client, subprotocols=offered, headers=page) == "token:ann"
    assert heard(client, subprotocols=offered, headers=page) is None


def test_a_ticket_grants_no_more_than_whoever_asked_for_it_has(locked_app: FastAPI) -> None:
    client = client_of(locked_app)
    headers = {"Authorization": f"Bearer {minted(collections=['shoes'])}"}
    for collection, let_in in (("photos", None), ("shoes", "token:ann")):
        ticket = client.post("/tickets", headers=headers).json()
        assert heard(client, collection, subprotocols=[PROTOCOL, f"ticket.{ticket}"]) == let_in


def test_two_tickets_are_refused(locked_app: FastAPI) -> None:
    client = client_of(locked_app)
    first, second = (client.post("/tickets", headers={"Authorization": f"Bearer {minted()}"}).json() for _ in range(2))
    assert heard(client, subprotocols=[f"ticket.{first}", f"ticket.{second}"]) is None


def test_a_bad_ticket_is_not_made_up_for_by_the_machine_that_shows_it(open_app: FastAPI) -> None:
    client = client_of(open_app)
    assert heard(client, subprotocols=[PROTOCOL, "ticket." + "A" * 43]) is None
    assert heard(client, subprotocols=[PROTOCOL]) == "loopback"


def test_a_ticket_does_not_let_a_foreign_page_in(locked_app: FastAPI) -> None:
    client = client_of(locked_app)
    ticket = client.post("/tickets", headers={"Authorization": f"Bearer {minted()}"}).json()
    offered = [PROTOCOL, f"ticket.{ticket}"]
    assert heard(client, subprotocols=offered, headers={"Origin": "https://evil.example"}) is None
    assert heard(client, subprotocols=offered) == "token:ann"


def test_other_clients_may_send_the_header(locked_app: FastAPI) -> None:
    client = client_of(locked_app)
    assert heard(client, headers={"Authorization": f"Bearer {minted()}"}) == "token:ann"
    assert heard(client, headers={"Authorization": f"Bearer {minted(scope='')}"}) is None


def test_websockets_are_counted(tmp_path: Path) -> None:
    client = client_of(application(tmp_path, rate_per_minute=2))
    assert [heard(client) for _ in range(3)] == ["loopback", "loopback", None]


def test_where_another_machine_is_asked_it_happens_in_a_thread(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(key_set(jwk(rsa_key(), kid="ours")))
    app = application(tmp_path, jwt_algorithm="RS256", jwt_jwks=str(tmp_path / "jwks.json"), rate_per_minute=2)
    app.state.service.access._waits = True
    headers = {"Authorization": f"Bearer {minted(rsa_key(), 'RS256', headers={'kid': 'ours'})}"}
    with client_of(app) as client:
        assert [client.get("/any", headers=headers).status_code for _ in range(3)] == [200, 200, 429]
        assert client.get("/any").status_code == 401


def test_the_document_names_the_scope_of_each_operation(open_app: FastAPI) -> None:
    document = open_app.openapi()
    paths = document["paths"]
    assert document["components"]["securitySchemes"]["Credential"]["scheme"] == "bearer"
    assert paths["/any"]["get"]["security"] == [{"Credential": []}]
    assert paths["/collections/{collection}"]["post"]["security"] == [{"Credential": ["write"]}]
    assert paths["/collections/{collection}"]["get"]["security"] == [{"Credential": ["read"]}]
    assert paths["/everywhere"]["get"]["security"] == [{"Credential": ["admin"]}]


def test_what_is_forged_above_is_otherwise_let_in(locked_app: FastAPI) -> None:
    reply = client_of(locked_app).get("/any", headers={"Authorization": f"Bearer {minted()}"})
    assert reply.json() == "token:ann"
