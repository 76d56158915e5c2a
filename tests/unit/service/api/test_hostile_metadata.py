"""Metadata and filters that are hostile: refused through every door, or kept as they are and given back as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.collections import png
from tests.services import FIRST, PICTURES, Running, sha256, token
from tests.storage import put_bytes
from tests.unit.service.api.doors import COLLECTION, READER, WRITER

ADMIN = token("admin")
JSON = {"Content-Type": "application/json"}
SCRIPT = "</script><script>alert(1)</script>"


def nested(levels: int, *, of: str = '{"a":', end: str = "}") -> str:
    return of * levels + "1" + end * levels


BAD_METADATA = {
    "no object": "[1]",
    "no json": '{"a":',
    "deep lists": nested(100_000, of="[", end="]"),
    "deep objects": nested(20_000),
    "a little too deep": nested(40),
    "many keys": json.dumps({f"k{n}": n for n in range(40_000)}),
    "201 keys": json.dumps({f"k{n}": n for n in range(201)}),
    "many values": '{"a": [' + "1," * 100_000 + "1]}",
    "much text": json.dumps({"a": "b" * 70_000}),
    "no name": '{"": 1}',
    "long name": json.dumps({"k" * 201: 1}),
    "infinite": '{"a": 1e400}',
    "infinite below": '{"a": [{"b": -1e999}]}',
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": -Infinity}',
    "half a pair": '{"a": "\\ud800"}',
    "half a pair as a name": '{"\\udfff": 1}',
    "endless number": '{"a": ' + "1" * 5_000 + "}",
}

ODD_METADATA: dict[str, dict[str, Any]] = {
    "nul": {"\0": "\0"},
    "proto": {"__proto__": {"polluted": True}, "constructor": {"prototype": 1}},
    "script": {SCRIPT: SCRIPT, "name": SCRIPT},
    "sql": {"a' OR 1=1 --": "'; DROP TABLE images; --", 'b"c': "%_*?"},
    "large numbers": {"a": 2**64, "b": -(2**63) - 1, "c": 10**4_000, "d": 1.7e308, "e": 5e-324},
    "unicode": {"Ünï 🦄": "\u202e\ufeff\U0010ffff", "\u0000\u0007": "\r\n"},
    "31 levels": json.loads(nested(31)),
    "nothing": {},
}


@pytest.mark.parametrize("name", BAD_METADATA)
def test_metadata_that_cannot_be_used_are_refused_through_every_door(served: Running, name: str) -> None:
    text = BAD_METADATA[name]
    one = f"{COLLECTION}/images/{served.ids[0]}"
    before = served.client.get(one, headers=READER).json()
    fields = {"metadata": text}

    replies = [
        served.client.post(f"{COLLECTION}/images", files={"image": png(700)}, data=fields, headers=WRITER),
        served.client.post(f"{COLLECTION}/images?mode=queued", files={"image": png(700)}, data=fields, headers=WRITER),
        served.client.patch(one, content=f'{{"metadata": {text}}}', headers={**WRITER, **JSON}),
        completed(served, png(700), text),
    ]

    assert {reply.status_code for reply in replies} <= {400, 422}, [reply.text[:200] for reply in replies]
    assert all(len(reply.content) < 2_000 for reply in replies)
    assert served.client.get(one, headers=READER).json() == before
    assert len(served.service.collections.get(FIRST)) == PICTURES


@pytest.mark.parametrize("name", ODD_METADATA)
def test_odd_metadata_come_back_as_they_were_and_harm_nobody(served: Running, name: str) -> None:
    text, data = json.dumps(ODD_METADATA[name]), png(701)

    added = served.client.post(
        f"{COLLECTION}/images", files={"image": data}, data={"metadata": text}, headers=WRITER
    ).json()["data"][0]
    got = served.client.get(f"{COLLECTION}/images/{added['id']}", headers=READER)
    listed = served.client.get(f"{COLLECTION}/images", headers=READER)
    found = served.client.post(f"{COLLECTION}/search", json={"id": added["id"]}, headers=READER)
    patched = served.client.patch(
        f"{COLLECTION}/images/{served.ids[0]}", content=f'{{"metadata": {text}}}', headers={**WRITER, **JSON}
    )

    assert added["status"] == "added"
    kept = {"name": "upload", **ODD_METADATA[name]}  # the name that the client gives to bytes
    assert got.json()["metadata"] == kept
    assert listed.json()["data"][-1]["metadata"] == kept
    assert found.json()["hits"][0]["metadata"] == kept
    assert patched.json()["metadata"] == {"n": 0, "name": "picture 0", **ODD_METADATA[name]}
    for reply in (got, listed, found, patched):
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_metadata_do_not_grow_without_end(served: Running) -> None:
    one = f"{COLLECTION}/images/{served.ids[0]}"
    add = f"{COLLECTION}/images"

    statuses = [
        served.client.patch(one, json={"metadata": {f"{n}": "x" * 30_000}}, headers=WRITER).status_code
        for n in range(4)
    ]
    again = served.client.post(
        add, files={"image": png(0)}, data={"metadata": json.dumps({"y": "y" * 30_000})}, headers=WRITER
    ).json()["data"][0]
    smaller = served.client.patch(one, json={"metadata": {"0": None}}, headers=WRITER)

    assert statuses == [200, 200, 422, 422]
    assert again["status"] == "refused"
    assert smaller.status_code == 200


def completed(served: Running, data: bytes, metadata: str):
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
    upload = served.client.post(f"{COLLECTION}/uploads", json=body, headers=WRITER).json()
    put_bytes(served.client, upload["put"], data)
    content = f'{{"sha256": "{sha256(data)}", "metadata": {metadata}}}'
    return served.client.post(
        f"{COLLECTION}/uploads/{upload['id']}/complete", content=content, headers={**WRITER, **JSON}
    )


BAD_FILTERS = {
    "deep": nested(100_000),
    "a little too deep": nested(40),
    "many fields": json.dumps({f"k{n}": n for n in range(300)}),
    "many values": json.dumps({"n": {"in": list(range(12_000))}}),
    "many, many values": '{"n": {"in": [' + "1," * 400_000 + "1]}}",
    "infinite": '{"n": {"gt": 1e999}}',
    "NaN": '{"n": {"gt": NaN}}',
    "beyond 64 bits": '{"size": {"gt": 99999999999999999999}}',
    "half a pair": '{"n": {"eq": "\\ud800"}}',
    "half a pair as a field": '{"\\ud800": 1}',
    "an unknown operator": '{"n": {"$where": "1"}}',
    "no field": '{"": 1}',
    "long field": json.dumps({"k" * 100_000: 1}),
    "two levels of or": '{"or": [{"or": [{"n": 1}]}]}',
}


@pytest.mark.parametrize("name", BAD_FILTERS)
def test_filters_that_cannot_be_used_are_refused_through_every_door(served: Running, name: str) -> None:
    text = BAD_FILTERS[name]
    query = f'{{"filter": {text}}}'
    by_id = f'{{"id": "{served.ids[0]}", "filter": {text}}}'

    replies = [
        served.client.post(f"{COLLECTION}/search", content=by_id, headers={**READER, **JSON}),
        served.client.post(f"{COLLECTION}/search", files={"image": png(0)}, data={"query": query}, headers=READER),
        served.client.get(f"{COLLECTION}/images", params={"filter": text[:20_000]}, headers=READER),
    ]
    with served.client.websocket_connect(f"{COLLECTION}/stream", headers=READER) as socket:
        socket.receive_json()
        socket.send_text(f'{{"type": "configure", "filter": {text[:50_000]}}}')
        told = socket.receive_json()
        socket.send_text('{"type": "configure"}')  # it goes on
        socket.send_bytes(b"\1\0\0\0\1\0\0\0" + png(0))
        assert socket.receive_json()["hits"][0]["id"] == served.ids[0]

    assert {reply.status_code for reply in replies} <= {400, 413, 422}, [reply.text[:200] for reply in replies]
    assert all(len(reply.content) < 2_000 for reply in replies)
    assert (told["type"], told["seq"]) == ("problem", None)
    assert told["code"] in ("malformed", "invalid", "bad_filter", "filter_operator", "filter_value", "filter_too_large")


@pytest.mark.parametrize("value", ["\0", "'; DROP TABLE images; --", '"', "\\", "%" * 500, "*a" * 200, "\U0010ffff"])
@pytest.mark.parametrize("op", ["eq", "ne", "like", "gt", "exists", "in"])
def test_hostile_values_of_a_filter_match_nothing_or_are_refused(served: Running, value: str, op: str) -> None:
    for field in ("n", "name", "path", "folder", "taken_at", "format", "id", value):
        where = json.dumps({field: {op: [value] if op == "in" else value}})
        reply = served.client.get(f"{COLLECTION}/images", params={"filter": where}, headers=ADMIN)
        assert reply.status_code in (200, 422), reply.text
