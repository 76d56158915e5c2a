"""Hostile JSON, names, paths and numbers: each is a problem or plain text, never an error of ours."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.collections import png
from tests.connections import Address, connected, request, rest_of, status
from tests.services import FIRST, Running, listening, sha256, token, unit
from tests.storage import put_bytes
from tests.unit.service.api.doors import COLLECTION, READER, WRITER

ADMIN, OTHER = token("admin"), token("write", name="another")
JSON = {"Content-Type": "application/json"}
SCRIPT = "</script><script>alert(1)</script>"


@pytest.mark.parametrize(
    "body",
    [
        '{"id": "ID", "unknown": ' + "1" * 1_000_000 + "}",
        "{" + ",".join(f'"k{n}":1' for n in range(40_000)) + "}",
        "{" + ",".join(f'"k{n}":1' for n in range(200_000)) + "}",
        '{"ids": [' + "1," * 1_900_000 + "1]}",
        json.dumps({"k" * 1_000_000: 1}),
        '{"vector": [' + "0," * 1_900_000 + "0]}",
        '{"vector": [' + '"a",' * 16_000 + '"a"]}',
        '{"vector": [1e400], "model": "MODEL"}',
        '{"vector": [' + "9" * 4_000 + '], "model": "MODEL"}',
        '{"vector": "' + "A" * 89_000 + '", "model": "MODEL"}',
        '{"id": "ID", "k": 1e999999999}',
        '{"id": "ID", "k": ' + "1" * 4_000 + "}",
        '{"id": "ID", "recall": NaN}',
        '{"id": "ID", "mixture": "1e400*main"}',
        '{"id": "ID", "mixture": "' + "main+" * 190 + 'main"}',
        '{"id": "ID", "crop": [0, 0, 1e-300, 1e-300]}',
        '{"id": "ID", "crop": [NaN, 0, 1, 1]}',
        '{"id": "ID", "rerank": "../../etc/passwd"}',
        '{"id": "ID", "rerank": "\\u0000"}',
        '{"image_url": "http://\\u0000/"}',
        '{"image_url": "http://[::1"}',
        '{"image_url": "' + "http://a/" * 900 + '"}',
        '{"image_url": "gopher://127.0.0.1/"}',
        '{"__proto__": {"k": 1}}',
        '\ufeff{"id": "ID"}',
        '{"id": "ID"}{"id": "ID"}',
        '{"id": "ID"} garbage',
    ],
    ids=itertools.count(),
)
def test_what_is_asked_for_in_a_hostile_way_is_a_short_problem(served: Running, body: str) -> None:
    content = body.replace('"ID"', f'"{served.ids[0]}"').replace("MODEL", served.model).encode()

    for path in ("search", "images/delete", "uploads"):
        reply = served.client.post(f"{COLLECTION}/{path}", content=content, headers={**WRITER, **JSON})
        assert reply.status_code in (400, 413, 422), reply.text[:300]
        assert reply.headers["content-type"] == "application/problem+json"
        assert len(reply.content) < 5_000


TRICKS = (
    "%2e%2e", "~root", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..%5c", "a%2fb", "%00", "%",
    "first%00", "first%0a", "first%20", "FIRST", "%ff", "%ed%a0%80", ".hidden", "a" * 65, "a" * 5_000, "first;x", "%zz",
    "%3Cscript%3E", "first%2f..%2fsecond", "__proto__", "0" * 63, "0" * 65, "F" * 64,
)  # fmt: skip
PLACES = (
    ("GET", "/v1/collections/{}"),
    ("PUT", "/v1/collections/{}"),
    ("DELETE", "/v1/collections/{}"),
    ("POST", "/v1/collections/{}/search"),
    ("GET", "/v1/collections/{}/images"),
    ("GET", "/v1/collections/{}/images/" + "0" * 64),
    ("POST", "/v1/collections/{}/uploads"),
    ("GET", "/v1/collections/{}/uploads/" + "0" * 32),
    ("PUT", "/v1/storage/{}/" + "0" * 32),
    ("GET", f"{COLLECTION}/images/{{}}"),
    ("PUT", f"{COLLECTION}/images/{{}}"),
    ("PATCH", f"{COLLECTION}/images/{{}}"),
    ("DELETE", f"{COLLECTION}/images/{{}}"),
    ("GET", f"{COLLECTION}/images/{{}}/file"),
    ("GET", f"{COLLECTION}/images/{{}}/thumbnail"),
    ("GET", f"{COLLECTION}/uploads/{{}}"),
    ("DELETE", f"{COLLECTION}/uploads/{{}}"),
    ("POST", f"{COLLECTION}/uploads/{{}}/complete"),
    ("PUT", f"/v1/storage/{FIRST}/{{}}"),
    ("GET", "/v1/jobs/{}"),
    ("GET", "/v1/models/{}"),
    ("GET", "/v1/models/{}/file"),
    ("GET", "/docs/{}"),
)


@pytest.mark.parametrize(("method", "place"), PLACES, ids=lambda value: value)
def test_no_trick_with_a_path_leads_anywhere(served: Running, method: str, place: str) -> None:
    for trick in TRICKS:
        reply = served.client.request(method, place.format(trick), headers={**ADMIN, **JSON}, content=b"{}")
        made = method == "PUT" and place == "/v1/collections/{}" and reply.status_code == 201
        assert made or 400 <= reply.status_code < 500 or reply.headers["content-type"].startswith("text/html"), trick
        assert "root:" not in reply.text
        assert "Traceback" not in reply.text
    assert {path.name for path in served.service.settings.home.parent.iterdir()} == {"first", "second", "home"}


def test_no_path_that_no_client_has_tidied_up_leads_anywhere(tmp_path: Path) -> None:
    with listening(tmp_path) as (url, _, _):
        for path in ("/v1/../../etc/passwd", f"{COLLECTION}/images/../../../../etc/passwd", "/docs/../../app.py", "//"):
            asked = request("GET", path, "Connection: close", f"Authorization: {ADMIN['Authorization']}")
            with connected(Address.of(url), asked) as connection:
                assert status(rest_of(connection)) in (404, 422), path


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_with_a_parameter_leads_anywhere(served: Running, trick: str) -> None:
    for path, name in (
        ("images", "cursor"), ("images", "limit"), ("images", "filter"), (f"images/{served.ids[0]}/thumbnail", "side"),
    ):  # fmt: skip
        reply = served.client.get(f"{COLLECTION}/{path}?{name}={trick}", headers=READER)
        assert reply.status_code == 422, (name, reply.text)
    for name in ("cursor", "limit", "state"):
        assert served.client.get(f"/v1/jobs?{name}={trick}", headers=READER).status_code == 422
    assert served.client.post(f"{COLLECTION}/images?mode={trick}", headers=WRITER).status_code == 422


@pytest.mark.parametrize("name", [SCRIPT, "../../x", "a\r\nSet-Cookie: x=1", "\u202egnp.exe", "x" * 3_000, '"', "\0"])
def test_a_name_is_text_and_nothing_more(served: Running, name: str) -> None:
    replies = [
        served.client.post(f"{COLLECTION}/images", files={"image": (name, png(710))}, headers=WRITER),
        served.client.post(f"{COLLECTION}/images?mode=queued", files={"image": (name, png(711))}, headers=WRITER),
        served.client.post("/v1/embeddings", files={"image": (name, png(710))}, headers=READER),
        served.client.get("/v1/jobs", headers=READER),
    ]

    for reply in replies:
        assert reply.status_code in (200, 202)
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in reply.headers
    assert all(len(one.json()["data"][0]["name"]) <= 255 for one in replies[:3])


def test_a_problem_repeats_a_script_only_as_json_text(served: Running) -> None:
    reply = served.client.post(f"{COLLECTION}/search", json={SCRIPT: SCRIPT}, headers=READER)

    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "script" in reply.json()["detail"]


@pytest.mark.parametrize("name", ["\ud800", "\0", "a\nb", "a" * 10_000])
def test_a_token_of_somebody_with_an_impossible_name_is_not_accepted(served: Running, name: str) -> None:
    assert served.client.get("/v1/session", headers=token("write", name=name)).status_code == 401


def test_an_upload_is_completed_once_by_its_owner_and_never_again(served: Running) -> None:
    data = png(720)
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
    upload = served.client.post(f"{COLLECTION}/uploads", json=body, headers=WRITER).json()
    done = f"{COLLECTION}/uploads/{upload['id']}/complete"
    put_bytes(served.client, upload["put"], data)

    stolen = served.client.post(done, json={"sha256": sha256(data)}, headers=OTHER)
    first = served.client.post(done, json={"sha256": sha256(data)}, headers=WRITER)
    replayed = served.client.post(done, json={"sha256": sha256(data)}, headers=WRITER)
    changed = served.client.post(
        done, json={"sha256": sha256(data), "vector": unit(1), "model": served.model}, headers=WRITER
    )
    stolen_later = served.client.post(done, json={"sha256": sha256(data)}, headers=OTHER)
    bytes_again = put_bytes(served.client, upload["put"], data)

    assert (first.status_code, replayed.json()) == (200, first.json())
    assert (stolen.status_code, stolen_later.status_code) == (404, 404)
    assert (changed.status_code, changed.json()["code"]) == (409, "upload_completed")
    assert (bytes_again.status_code, bytes_again.json()["code"]) == (409, "upload_completed")
