from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from tests.collections import D, png
from tests.services import FIRST, PICTURES, SECOND, Running, token, unit

SEARCH = f"/v1/collections/{FIRST}/search"
READER = token("read")


def ask(served: Running, body: object, *, path: str = SEARCH, headers: dict[str, str] = READER) -> dict:
    reply = served.client.post(path, json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_picture_is_found_by_its_own_bytes_first(served: Running) -> None:
    reply = served.client.post(SEARCH, files={"image": ("a.png", png(3), "image/png")}, headers=READER)

    assert reply.status_code == 200
    first = reply.json()["hits"][0]
    assert first["id"] == served.ids[3]
    assert first["similarity"] == pytest.approx(1.0, abs=1e-3)
    assert {"wait", "embed", "decode", "search", "total"} <= set(reply.json()["timings_ms"])


def test_numbers_base64_and_the_servers_own_vector_give_the_same_hits(served: Running) -> None:
    vector = served.service.collections.get(FIRST).embed(png(2))[0]
    packed = base64.b64encode(vector.astype("<f4").tobytes()).decode()
    by_picture = served.client.post(SEARCH, files={"image": ("a.png", png(2), "image/png")}, headers=READER).json()

    by_numbers = ask(served, {"vector": vector.tolist(), "model": served.model})
    by_base64 = ask(served, {"vector": packed, "model": served.model})

    assert [hit["id"] for hit in by_numbers["hits"]] == [hit["id"] for hit in by_picture["hits"]]
    assert [hit["id"] for hit in by_base64["hits"]] == [hit["id"] for hit in by_picture["hits"]]
    similarities = [hit["similarity"] for hit in by_picture["hits"]]
    assert [hit["similarity"] for hit in by_numbers["hits"]] == pytest.approx(similarities, abs=1e-6)


def test_an_id_finds_itself_and_less_of_it_puts_it_last(served: Running) -> None:
    one, other = served.ids[0], served.ids[1]

    assert ask(served, {"id": one})["hits"][0]["id"] == one
    assert ask(served, {"more": [other], "less": [one]})["hits"][-1]["id"] == one


def test_more_and_less_are_what_a_sum_of_vectors_finds(served: Running) -> None:
    collection = served.service.collections.get(FIRST)
    raw = {one: collection.embed(png(n))[0].astype(np.float16).astype(np.float64) for n, one in enumerate(served.ids)}
    units = {one: vector / np.linalg.norm(vector) for one, vector in raw.items()}
    target = units[served.ids[0]] + units[served.ids[1]] - units[served.ids[2]]

    hits = ask(served, {"id": served.ids[0], "more": [served.ids[1]], "less": [served.ids[2]]})["hits"]

    assert [hit["id"] for hit in hits] == sorted(units, key=lambda one: -float(units[one] @ target))


def test_pages_of_hits_join_without_a_seam(served: Running) -> None:
    whole = ask(served, {"id": served.ids[0], "k": PICTURES})
    pages = [ask(served, {"id": served.ids[0], "k": 2, "offset": offset}) for offset in (0, 2, 4, 6)]

    assert [hit["id"] for page in pages for hit in page["hits"]] == [hit["id"] for hit in whole["hits"]]
    assert [hit["rank"] for page in pages for hit in page["hits"]] == list(range(1, PICTURES + 1))
    assert [page["has_more"] for page in pages] == [True, True, False, False]


def test_a_filter_gives_k_of_those_that_pass(served: Running) -> None:
    reply = ask(served, {"id": served.ids[0], "k": 3, "filter": {"n": {"gte": 2}}})

    assert len(reply["hits"]) == 3
    assert all(hit["metadata"]["n"] >= 2 for hit in reply["hits"])
    assert reply["total_matching"] == PICTURES - 2


def test_where_files_lie_is_told_to_admin_alone(served: Running) -> None:
    assert all(hit["path"] is None for hit in ask(served, {"id": served.ids[0]})["hits"])


def test_a_crop_is_searched_as_if_it_were_the_picture(served: Running) -> None:
    query = {"query": json.dumps({"crop": [0.0, 0.0, 0.5, 1.0]})}

    whole = served.client.post(SEARCH, files={"image": png(1)}, headers=READER).json()
    part = served.client.post(SEARCH, files={"image": png(1)}, data=query, headers=READER).json()

    assert part["hits"][0]["similarity"] < whole["hits"][0]["similarity"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid"),
        ({"id": "0" * 64, "vector": [1.0]}, 422, "invalid"),
        ({"id": "0" * 64}, 404, "not_indexed"),
        ({"id": "../etc/passwd"}, 422, "invalid"),
        ({"vector": unit(0)}, 422, "wrong_model"),
        ({"vector": unit(0), "model": "0" * 64}, 422, "wrong_model"),
        ({"vector": unit(0)[:-1], "model": "MODEL"}, 422, "dimension_mismatch"),
        ({"vector": [0.0] * D, "model": "MODEL"}, 422, "bad_vectors"),
        ({"vector": [5.0] * D, "model": "MODEL"}, 422, "bad_vectors"),
        ({"vector": [1e308] * D, "model": "MODEL"}, 422, "bad_vectors"),
        ({"vector": "not base64!", "model": "MODEL"}, 422, "bad_vectors"),
        ({"vector": base64.b64encode(b"123").decode(), "model": "MODEL"}, 422, "bad_vectors"),
        (
            {"vector": base64.b64encode(np.full(D, np.nan, "<f4").tobytes()).decode(), "model": "MODEL"},
            422,
            "bad_vectors",
        ),
        ({"id": "ID", "k": 0}, 422, "invalid"),
        ({"id": "ID", "k": 1_001}, 422, "invalid"),
        ({"id": "ID", "k": True}, 422, "invalid"),
        ({"id": "ID", "k": "5"}, 422, "invalid"),
        ({"id": "ID", "offset": -1}, 422, "invalid"),
        ({"id": "ID", "recall": 0}, 422, "invalid"),
        ({"id": "ID", "crop": [0.5, 0.5, 0.9, 0.9]}, 422, "bad_query"),
        ({"id": "ID", "filter": {"n": {"quux": 1}}}, 422, "filter_operator"),
        ({"id": "ID", "rerank": "/etc/passwd"}, 422, "unknown_reranker"),
        ({"id": "ID", "mixture": "main + nothing"}, 422, "bad_query"),
        ({"id": "ID", "unknown": 1}, 422, "invalid"),
        ({"image_url": "http://127.0.0.1:1/"}, 422, "fetch_refused"),
        ({"image_url": "file:///etc/passwd"}, 422, "fetch_refused"),
        ({"more": ["ID"], "less": ["ID"]}, 422, "query_cancels_out"),
        ([], 422, "invalid"),
        ("text", 422, "invalid"),
    ],
)
def test_what_cannot_be_searched_for_is_a_problem_that_says_why(
    served: Running, body: object, status: int, code: str
) -> None:
    text = json.dumps(body).replace("MODEL", served.model).replace('"ID"', f'"{served.ids[0]}"')

    reply = served.client.post(SEARCH, content=text, headers={**READER, "Content-Type": "application/json"})

    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"id": "\\ud800"}', b"[" * 100_000, b'{"a":' * 50_000, b"NaN"]
)
def test_what_is_no_json_is_a_problem(served: Running, body: bytes) -> None:
    reply = served.client.post(SEARCH, content=body, headers={**READER, "Content-Type": "application/json"})

    assert reply.status_code in (400, 422)
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/plain", 415), ("application/xml", 415), ("", 415), ("multipart/form-data", 400)],
)
def test_another_content_type_is_a_problem(served: Running, kind: str, status: int) -> None:
    reply = served.client.post(SEARCH, content=b"{}", headers={**READER, "Content-Type": kind})

    assert reply.status_code == status


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html><script>alert(1)</script></html>",
        png(0)[:40],
    ],
)
def test_what_is_no_picture_is_refused_with_its_code(served: Running, data: bytes) -> None:
    reply = served.client.post(SEARCH, files={"image": ("a.png", data, "image/png")}, headers=READER)

    assert reply.status_code == 422
    assert reply.json()["code"] not in ("invalid", "error")


def test_two_pictures_none_or_one_under_another_name_are_problems(served: Running) -> None:
    two = [("image", png(0)), ("image", png(1))]

    assert served.client.post(SEARCH, files=two, headers=READER).status_code == 422
    assert served.client.post(SEARCH, files={"photo": png(0)}, headers=READER).status_code == 422
    assert served.client.post(SEARCH, files={"image": png(0)}, data={"k": "3"}, headers=READER).status_code == 422


def test_another_collections_pictures_are_not_seen(served: Running) -> None:
    theirs = token("read", collections=[SECOND])

    hidden = served.client.post(SEARCH, json={"id": served.ids[0]}, headers=theirs)
    missing = served.client.post("/v1/collections/nowhere/search", json={"id": served.ids[0]}, headers=theirs)

    assert hidden.status_code == missing.status_code == 404
    assert hidden.json()["code"] == missing.json()["code"]


def test_the_query_is_left_out_of_its_hits_however_it_is_said_and_k_stay_k(served: Running) -> None:
    own = served.ids[3]
    others = [hit["id"] for hit in ask(served, {"id": own, "k": PICTURES})["hits"] if hit["id"] != own]
    body = {"k": PICTURES - 1, "exclude_query": True}

    by_id = ask(served, {"id": own, **body})
    form = {"image": ("a.png", png(3), "image/png"), "query": (None, json.dumps(body))}
    by_picture = served.client.post(SEARCH, files=form, headers=READER).json()

    for found in (by_id, by_picture):
        assert [hit["id"] for hit in found["hits"]] == others
        assert [hit["rank"] for hit in found["hits"]] == list(range(1, PICTURES))
        assert found["total_matching"] == PICTURES - 1
        assert found["query_id"] == own
        assert not found["has_more"]


def test_without_the_query_pages_still_join_and_groups_and_filters_hold(served: Running) -> None:
    own, body = served.ids[3], {"id": served.ids[3], "exclude_query": True}
    whole = [hit["id"] for hit in ask(served, {**body, "k": PICTURES})["hits"]]

    pages = [hit["id"] for at in range(PICTURES) for hit in ask(served, {**body, "k": 1, "offset": at})["hits"]]
    grouped = ask(served, {**body, "k": PICTURES, "collapse": "group"})["hits"]
    filtered = ask(served, {**body, "k": PICTURES, "filter": {"width": {"gt": 0}}})

    assert pages == whole
    assert own not in whole
    assert own not in [hit["id"] for hit in grouped]
    assert [hit["id"] for hit in filtered["hits"]] == whole
    assert filtered["total_matching"] == PICTURES - 1


def test_a_picture_that_is_not_there_has_no_id_and_leaves_nothing_out(served: Running) -> None:
    form = {
        "image": ("a.png", png(991), "image/png"),
        "query": (None, json.dumps({"k": PICTURES, "exclude_query": True})),
    }

    found = served.client.post(SEARCH, files=form, headers=READER).json()

    assert found["query_id"] is None
    assert len(found["hits"]) == PICTURES


def test_of_a_vector_nobody_knows_whose_it_is(served: Running) -> None:
    vector = served.service.collections.get(FIRST).embed(png(3))[0].tolist()

    found = ask(served, {"vector": vector, "model": served.model, "k": PICTURES, "exclude_query": True})

    assert found["query_id"] is None
    assert len(found["hits"]) == PICTURES


def test_pictures_without_a_date_are_counted_where_a_filter_asks_for_one(served: Running) -> None:
    def without_date(filter_: object) -> object:
        return ask(served, {"id": served.ids[0], "filter": filter_})["without_date"]

    assert without_date({"taken_at": {"gte": "2024"}}) == PICTURES
    assert without_date({"taken_at": {"exists": False}}) is None
    assert without_date({"width": {"gte": 1}}) is None
    assert ask(served, {"id": served.ids[0]})["without_date"] is None
