"""No route passes over a parameter that it does not take, or takes one of two: all are told, to who may ask."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from lookalike.service.api.documents import openapi_of
from lookalike.service.app import routes
from lookalike.service.problems import MOST_FAULTS
from tests.collections import png
from tests.services import FIRST, Running, sha256, token
from tests.unit.source.error_rule import lacks

DOCUMENT = openapi_of(routes())["paths"]
OPERATIONS = [(method, path) for path, operations in DOCUMENT.items() for method in operations]
STORAGE = ("put", "/v1/storage/{name}/{upload_id}")
OPEN = {("get", "/livez"): 422, ("get", "/readyz"): 422, STORAGE: 403}
"""Need no credentials; the last a signature."""
IMAGES = f"/v1/collections/{FIRST}/images"
ANYBODY = token("admin")


def address(served: Running, method: str, path: str) -> str:
    """Of an operation about what is there, or could be."""
    if (method, path) == STORAGE:
        return str(upload_of(served)["url"])
    return path.format(
        collection=FIRST, image_id=served.ids[0], upload_id="0" * 32, job_id="0" * 32, model_id=served.model
    )


def upload_of(served: Running) -> dict[str, Any]:
    announced = {"size_bytes": len(png(50)), "content_type": "image/png", "sha256": sha256(png(50))}
    return dict(served.client.post(f"/v1/collections/{FIRST}/uploads", json=announced, headers=ANYBODY).json()["put"])


def faults(reply: Any) -> list[tuple[str, str]]:
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid"), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    told = [one for one in reply.json()["errors"] if one["code"] in ("unknown", "repeated")]
    assert [lacks(one["detail"]) for one in told] == [set() for _ in told], reply.text
    return [(one["where"], one["code"]) for one in reply.json()["errors"]]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_refuses_what_it_does_not_know(served: Running, method: str, path: str) -> None:
    url = address(served, method, path)
    put = {"content": png(50), "headers": {"Content-Type": "image/png"}} if (method, path) == STORAGE else {}

    reply = served.client.request(
        method, f"{url}{'&' if '?' in url else '?'}limitt=5&verbose", **{"headers": ANYBODY, **put}
    )

    assert faults(reply) == [("query.limitt", "unknown"), ("query.verbose", "unknown")]
    assert "422" in DOCUMENT[path][method]["responses"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_refuses_what_is_given_twice(served: Running, method: str, path: str) -> None:
    url = address(served, method, path)
    for one in DOCUMENT[path][method].get("parameters", ()):
        if one["in"] != "query":
            continue
        given = f"{one['name']}={one.get('example', 'x')}"
        if (method, path) == STORAGE:
            reply = served.client.put(f"{url}&{given}", content=png(50), headers={"Content-Type": "image/png"})
            assert reply.status_code == 403  # the last is taken, for which nothing was signed
            continue
        reply = served.client.request(method, f"{url}?{given}&{given}", headers=ANYBODY)
        assert faults(reply) == [(f"query.{one['name']}", "repeated")]


def test_a_signed_address_is_one_also_where_it_says_the_same_twice(served: Running) -> None:
    put = upload_of(served)
    signature = put["url"].partition("signature=")[2]

    reply = served.client.put(f"{put['url']}&signature={signature}", content=png(50), headers=put["headers"])

    assert faults(reply) == [("query.signature", "repeated")]
    assert served.client.put(put["url"], content=png(50), headers=put["headers"]).status_code == 200


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_strangers_are_told_that_they_are_strangers(served: Running, method: str, path: str) -> None:
    url = path.format(
        collection=FIRST, name=FIRST, image_id=served.ids[0], upload_id="0" * 32, job_id="0" * 32, model_id=served.model
    )
    assert served.client.request(method, f"{url}?limitt=5").status_code == OPEN.get((method, path), 401)


def test_who_may_not_see_a_collection_is_told_that_there_is_none(served: Running) -> None:
    for headers, status in ((token("read", collections=["other"]), 404), (token(), 403)):
        assert served.client.get(f"{IMAGES}?limitt=5", headers=headers).status_code == status


def test_names_and_values_are_told_together(served: Running) -> None:
    reply = served.client.get(f"{IMAGES}?limitt=5&limit=0&cursor=a&cursor=b&spread=maybe&=&limit=900", headers=ANYBODY)

    assert faults(reply) == [
        ("query.limitt", "unknown"),
        ("query.limit", "repeated"),
        ("query.cursor", "repeated"),
        ("query.", "unknown"),
        ("query.limit", "range"),
        ("query.spread", "type"),
    ]
    assert "expected one of filter, cursor, limit, spread, got another" in reply.json()["errors"][0]["detail"]
    assert reply.json()["values"] == {"where": "query.limitt"}


def test_of_many_no_more_are_told_than_of_a_body(served: Running) -> None:
    reply = served.client.get(f"{IMAGES}?" + "&".join(f"p{n}" for n in range(3 * MOST_FAULTS)), headers=ANYBODY)

    assert faults(reply) == [(f"query.p{n}", "unknown") for n in range(MOST_FAULTS)]


def test_nothing_is_done_of_what_is_refused(served: Running) -> None:
    one = f"{IMAGES}/{served.ids[0]}"

    assert served.client.delete(f"{one}?forevr=true", headers=ANYBODY).status_code == 422
    assert served.client.get(one, headers=ANYBODY).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/swagger-ui.css", "/openapi.json"])
def test_pages_take_what_gets_people_past_caches(served: Running, path: str) -> None:
    assert served.client.get(f"{path}?v=2&v=3").status_code == 200


@pytest.mark.parametrize(
    ("path", "who", "reason"),
    [
        ("/v1/events?aftr=1", ANYBODY, "invalid"),
        ("/v1/events?after=1&after=2", ANYBODY, "invalid"),
        ("/v1/events?aftr=1", {}, "not_authenticated"),
        (f"/v1/collections/{FIRST}/stream?k=5", ANYBODY, "invalid"),
        (f"/v1/collections/{FIRST}/stream?k=5", {}, "not_authenticated"),
        (f"/v1/collections/{FIRST}/stream?k=5", token("read", collections=["other"]), "no_collection"),
    ],
)
def test_a_websocket_is_closed_for_it(served: Running, path: str, who: dict[str, str], reason: str) -> None:
    with served.client.websocket_connect(path, headers=who) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()

    assert (closed.value.code, closed.value.reason) == (1008, reason)
