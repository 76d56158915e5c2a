from __future__ import annotations

import pytest

from lookalike import __version__
from tests.collections import png
from tests.services import FIRST, SECOND, Running, token

READER, ADMIN = token("read"), token("admin")


def test_a_session_says_who_asks_and_what_they_may(served: Running) -> None:
    reply = served.client.get("/v1/session", headers=token("write", name="she", collections=[FIRST])).json()

    assert (reply["name"], reply["scopes"], reply["collections"]) == ("token:she", ["read", "write"], [FIRST])
    assert reply["version"] == __version__
    assert reply["upload_flow"] == "direct"


def test_vectors_of_pictures_are_those_that_indexing_computes(served: Running) -> None:
    files = [("image", png(1)), ("image", b"no picture")]

    reply = served.client.post("/v1/embeddings", files=files, headers=READER).json()

    expected = served.service.collections.get(FIRST).embed(png(1))[0].tolist()
    assert reply["data"][0]["vector"] == pytest.approx(expected, abs=1e-6)
    assert reply["data"][1]["code"]
    assert reply["data"][1].get("vector") is None


def test_a_ticket_is_for_one_use_and_stands_in_no_url(served: Running) -> None:
    reply = served.client.post("/v1/tickets", headers=READER)

    assert reply.status_code == 201
    assert reply.json()["protocol"] == "lookalike.v1"
    assert served.client.post("/v1/tickets").status_code == 401


def test_collections_tell_their_figures(served: Running) -> None:
    listed = served.client.get("/v1/collections", headers=READER).json()["data"]

    assert [one["name"] for one in listed] == [FIRST, SECOND]
    whole = served.client.get(f"/v1/collections/{FIRST}", headers=READER).json()
    assert whole["index"]["count"] == 6
    assert listed[0] == {**whole, "index": None}


def test_collections_come_in_pages_and_none_is_opened_for_it(served: Running) -> None:
    for n in range(5):
        assert served.client.put(f"/v1/collections/c{n}", headers=ADMIN).status_code == 201
    served.service.collections.close()
    was_opened: list[str] = []
    collections = served.service.collections
    collections.get = lambda name: was_opened.append(name)  # type: ignore[assignment,func-returns-value]

    names: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        reply = served.client.get("/v1/collections", params={"limit": 2, **cursor}, headers=READER).json()
        assert len(reply["data"]) <= 2
        names += [one["name"] for one in reply["data"]]
        cursor = {"cursor": reply["next_cursor"]}
    assert names == ["c0", "c1", "c2", "c3", "c4", FIRST, SECOND]
    assert not reply["has_more"]
    assert was_opened == []
    assert served.client.get("/v1/collections", params={"limit": 0}, headers=READER).status_code == 422


def test_health_needs_no_credentials_and_metrics_do(served: Running) -> None:
    assert served.client.get("/livez").status_code == 200
    assert served.client.get("/readyz").json()["status"] == "ok"
    assert served.client.get("/metrics").status_code == 401
    assert served.client.get("/metrics", headers=token("admin", collections=[FIRST])).status_code == 403
    served.client.post(f"/v1/collections/{FIRST}/search", json={"id": served.ids[0]}, headers=READER)
    assert "lookalike_" in served.client.get("/metrics", headers=ADMIN).text


def test_to_ask_whether_it_is_ready_opens_no_collection(served: Running) -> None:
    served.service.collections.close()
    assert served.client.get("/readyz").json()["parts"]["collections"] == "ok"
    assert not any(map(served.service.collections.get_open, (FIRST, SECOND)))


def test_a_collection_that_is_broken_turns_the_service_red_and_is_named_in_the_log_alone(
    served: Running, caplog: pytest.LogCaptureFixture
) -> None:
    folder = served.service.settings.collections[FIRST]
    (folder / "catalog.sqlite").rename(folder / "gone.sqlite")

    for _ in range(2):
        reply = served.client.get("/readyz")

    assert reply.status_code == 503
    assert reply.json()["parts"]["collections"] not in ("ok", "saturated")
    assert FIRST not in reply.text
    assert SECOND not in reply.text
    assert f"collection {FIRST} is down" in caplog.text


@pytest.mark.parametrize("path", ["/v1/nothing", "/v2", "/..%2f..%2fetc/passwd", "/docs/../../app.py", "/docs/core.py"])
def test_what_is_not_there_is_a_problem_without_a_trace(served: Running, path: str) -> None:
    reply = served.client.get(path, headers=READER)

    assert reply.status_code == 404
    assert "Traceback" not in reply.text


def test_a_method_that_is_not_there_is_a_problem(served: Running) -> None:
    reply = served.client.request("PATCH", "/v1/collections", headers=READER)

    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")


def test_the_documents_page_takes_nothing_from_elsewhere(served: Running) -> None:
    page = served.client.get("/docs").text

    assert "https://" not in page.replace("https://fastapi.tiangolo.com", "")
    assert served.client.get("/docs/swagger-ui-bundle.js").status_code == 200
    assert served.client.get("/openapi.json").json()["openapi"].startswith("3.")


def test_without_a_built_page_the_service_says_how_to_build_it(served: Running) -> None:
    assert "make web" in served.client.get("/").text
