"""What those who may only read do not find out: where files lie, by asking for it."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.collections import png
from tests.services import FIRST, PICTURES, Running, token

IMAGES, SEARCH = f"/v1/collections/{FIRST}/images", f"/v1/collections/{FIRST}/search"
ASKING: list[dict[str, Any]] = [
    {"path": {"like": "/*"}},
    {"folder": {"eq": "/"}},
    {"path": {"exists": True}},
    {"folder": {"exists": False}},
    {"width": {"gt": 1}, "path": {"ne": "/a"}},
    {"or": [{"width": {"gt": 1}}, {"path": {"like": "/t*"}}]},
]

# Values for fields that do not take every text.
ODD: dict[str, Any] = {"taken_at": "2024", "size_bytes": 1, "width": 1, "height": 1, "folder": "/a"}


def listed(served: Running, where: dict[str, Any], who: dict[str, str]) -> httpx2.Response:
    return served.client.get(IMAGES, params={"filter": json.dumps(where)}, headers=who)


def spread(served: Running, where: dict[str, Any], who: dict[str, str]) -> httpx2.Response:
    return served.client.get(IMAGES, params={"filter": json.dumps(where), "spread": "true"}, headers=who)


def searched(served: Running, where: dict[str, Any], who: dict[str, str]) -> httpx2.Response:
    return served.client.post(SEARCH, json={"id": served.ids[0], "filter": where}, headers=who)


def grouped(served: Running, where: dict[str, Any], who: dict[str, str]) -> httpx2.Response:
    body = {"id": served.ids[0], "filter": where, "collapse": "group"}
    return served.client.post(SEARCH, json=body, headers=who)


def by_picture(served: Running, where: dict[str, Any], who: dict[str, str]) -> httpx2.Response:
    query = {"query": json.dumps({"filter": where})}
    return served.client.post(SEARCH, files={"image": png(1)}, data=query, headers=who)


@pytest.mark.parametrize("scope", ["read", "write"])
@pytest.mark.parametrize("door", [listed, spread, searched, grouped, by_picture], ids=lambda door: door.__name__)
def test_who_is_not_told_where_files_lie_may_not_ask_for_it(served: Running, door: Any, scope: str) -> None:
    for where in ASKING:
        reply = door(served, where, token(scope))

        assert (reply.status_code, reply.json()["code"]) == (422, "unknown_field"), reply.text
        assert not {"path", "folder"} & set(reply.json()["values"]["known"])
        assert door(served, where, token("admin")).status_code == 200


def test_the_fields_that_are_listed_are_those_that_may_be_asked_for(served: Running) -> None:
    for who, lists in ((token("read"), False), (token("admin"), True)):
        problem = listed(served, {"no such": {"eq": 1}}, who).json()

        assert ("path" in problem["values"]["known"]) == ("folder" in problem["values"]["known"]) == lists
        assert (", path," in problem["detail"]) == (", folder," in problem["detail"]) == lists
        assert "width" in problem["values"]["known"]


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_a_collection_tells_which_fields_one_may_ask_for_and_each_of_them_is_answered(
    served: Running, scope: str
) -> None:
    own = {"shop": "north", "name": "of somebody", "metadata.name": "odd"}
    served.client.patch(f"{IMAGES}/{served.ids[0]}", json={"metadata": own}, headers=token("write"))
    one = served.client.get(f"/v1/collections/{FIRST}", headers=token(scope)).json()["fields"]
    every = served.client.get("/v1/collections", headers=token(scope)).json()["data"]

    places = {"path", "folder"} if scope == "admin" else set()
    assert {"shop", "name", "metadata.name", "metadata.metadata.name", "width", *places} <= set(one)
    assert ({"path", "folder"} & set(one)) == places
    assert one in [facts["fields"] for facts in every]
    assert listed(served, {"no such": {"eq": 1}}, token(scope)).json()["values"]["known"] == one
    for field in one:
        assert listed(served, {field: {"exists": True}}, token(scope)).status_code == 200
        assert listed(served, {field: {"ne": ODD.get(field, "x")}}, token(scope)).status_code == 200, field
    found = listed(served, {"metadata.metadata.name": {"eq": "odd"}}, token(scope)).json()["data"]
    assert [picture["id"] for picture in found] == [served.ids[0]]


def test_a_name_that_only_means_the_path_is_not_proposed(served: Running) -> None:
    assert "Did you mean path" in listed(served, {"filepath": {"eq": "a"}}, token("admin")).json()["detail"]
    assert "Did you mean" not in listed(served, {"filepath": {"eq": "a"}}, token("read")).json()["detail"]


def test_a_user_s_own_field_of_that_name_and_all_others_may_be_asked_for(served: Running) -> None:
    served.service.collections.get(FIRST).pictures.label(served.ids[0], {"path": "a/b"})

    found = listed(served, {"metadata.path": {"eq": "a/b"}}, token("read")).json()["data"]
    named = listed(served, {"name": {"like": "*"}, "width": {"gt": 1}}, token("read"))

    assert [one["id"] for one in found] == [served.ids[0]]
    assert len(named.json()["data"]) <= PICTURES
    assert named.status_code == 200
