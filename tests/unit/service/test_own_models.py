"""One service, collections of several models of the users' own: an id stands for one file, and for its vectors."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.testclient import TestClient

import lookalike
from lookalike.assembly import models as opening
from lookalike.catalog.base import MAIN
from lookalike.catalog.catalogs import CatalogOverview
from lookalike.collection import Models
from lookalike.core.errors import Locked, LookalikeError, ModelUnavailable, StorageFailed
from lookalike.models.store import ModelFile, load_model
from lookalike.service.access.principal import LOOPBACK
from lookalike.service.api import models
from lookalike.service.app import application, wire
from lookalike.service.collections import Collections
from lookalike.service.context import Service
from lookalike.service.edge import edge
from lookalike.settings.service import ServiceSettings
from tests.collections import png
from tests.mean_model import wrapped_mean_model
from tests.services import SECRET, token

READER, WRITER, ADMIN = token("read"), token("read", "write"), token("admin")


def own_model(folder: Path, *, mean: float) -> Path:
    """Mean colours beyond `mean`, always in a file of the same name."""
    folder.mkdir()
    return wrapped_mean_model(folder / "own.onnx", mean=mean)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[TestClient, list[str]]]:
    """Two collections, and the ids of their models; the files that these were made with are gone."""
    places, ids = {}, []
    for n, name in enumerate(("dark", "light")):
        file = own_model(tmp_path / name, mean=0.1 + 0.6 * n)
        places[name] = tmp_path / f"{name}.lookalike"
        with lookalike.open(places[name], model=file) as collection:
            collection.add(png(1))
            ids.append(collection.info().model)
        file.unlink()
    settings = ServiceSettings(
        home=tmp_path / "home", collections=places, jwt_algorithm="HS256", jwt_secret=SECRET, run_worker=False
    )
    service = wire(settings)
    with TestClient(
        edge(application(service), settings=settings, metrics=service.metrics, health=service.health)
    ) as client:
        yield client, ids


def embedded(client: TestClient, model: str) -> list[float]:
    reply = client.post("/v1/embeddings", files={"image": png(1)}, data={"model": model}, headers=READER).json()
    assert reply["model"] == model
    vector: list[float] = reply["data"][0]["vector"]
    return vector


def test_each_answers_by_its_own_and_gives_its_own_file(served: tuple[TestClient, list[str]]) -> None:
    client, ids = served
    cards = client.get("/v1/models", headers=READER).json()["data"]

    assert [(card["id"], card["collections"]) for card in cards] == sorted(zip(ids, (["dark"], ["light"]), strict=True))
    for model_id in ids:
        file = client.get(f"/v1/models/{model_id}/file", headers=READER)
        assert hashlib.sha256(file.content).hexdigest() == model_id
        assert file.headers["etag"] == f'"{model_id}"'
        again = client.get(f"/v1/models/{model_id}/file", headers={**READER, "If-None-Match": f'"{model_id}"'})
        assert again.status_code == 304
    dark, light = (embedded(client, model_id) for model_id in ids)
    assert dark != pytest.approx(light, abs=0.1)
    for name, model_id, vector in zip(("dark", "light"), ids, (dark, light), strict=True):
        asked = {"vector": vector, "model": model_id}
        reply = client.post(f"/v1/collections/{name}/search", json=asked, headers=READER).json()
        assert (reply["model"], round(reply["hits"][0]["similarity"], 2)) == (model_id, 1.0)
        wrong = {"vector": vector, "model": ids[1 - ids.index(model_id)]}
        refused = client.post(f"/v1/collections/{name}/search", json=wrong, headers=READER)
        assert refused.json()["code"] == "wrong_model"


@pytest.mark.parametrize("is_in_memory", [False, True], ids=["from its file", "from memory"])
def test_the_ranges_of_a_model_make_up_the_whole(
    served: tuple[TestClient, list[str]], monkeypatch: pytest.MonkeyPatch, is_in_memory: bool
) -> None:
    client, _ = served
    model = client.get("/v1/models", headers=READER).json()["data"][0]
    if is_in_memory:
        read = Models.file
        monkeypatch.setattr(Models, "file", lambda self, name=MAIN: replace(read(self, name), path=None))
    size_bytes, half = model["size_bytes"], model["size_bytes"] // 2

    whole = client.get(model["url"], headers=READER)
    parts = [
        client.get(model["url"], headers={**READER, "Range": f"bytes={asked}", "If-Range": whole.headers["etag"]})
        for asked in (f"0-{half - 1}", f"{half}-")
    ]
    end = client.get(model["url"], headers={**READER, "Range": "bytes=-3"})

    assert (whole.status_code, whole.headers["accept-ranges"], len(whole.content)) == (200, "bytes", size_bytes)
    assert hashlib.sha256(whole.content).hexdigest() == model["id"]
    assert [part.status_code for part in (*parts, end)] == [206, 206, 206]
    assert b"".join(part.content for part in parts) == whole.content
    assert end.content == whole.content[-3:]
    assert parts[1].headers["content-range"] == f"bytes {half}-{size_bytes - 1}/{size_bytes}"
    assert parts[1].headers["content-length"] == str(size_bytes - half)
    assert parts[0].headers["cache-control"] == whole.headers["cache-control"]


def test_a_range_of_another_model_is_answered_with_all(served: tuple[TestClient, list[str]]) -> None:
    client, _ = served
    model = client.get("/v1/models", headers=READER).json()["data"][0]
    reply = client.get(model["url"], headers={**READER, "Range": "bytes=0-3", "If-Range": '"another"'})
    assert (reply.status_code, len(reply.content)) == (200, model["size_bytes"])
    assert "content-range" not in reply.headers


def test_a_range_behind_the_end_of_a_model_is_a_problem(served: tuple[TestClient, list[str]]) -> None:
    client, ids = served
    reply = client.get(f"/v1/models/{ids[0]}/file", headers={**READER, "Range": "bytes=999999999-"})
    assert (reply.status_code, reply.json()["code"]) == (416, "http_error")
    assert reply.headers["content-range"].startswith("bytes */")


def test_a_kept_file_that_holds_another_model_is_not_given_out(
    served: tuple[TestClient, list[str]], tmp_path: Path
) -> None:
    client, (dark, light) = served
    kept = tmp_path / "dark.lookalike" / "models" / f"{dark}.onnx"
    kept.write_bytes((tmp_path / "light.lookalike" / "models" / f"{light}.onnx").read_bytes())

    assert client.get(f"/v1/models/{dark}/file", headers=READER).status_code == 503
    assert client.get(f"/v1/models/{light}/file", headers=READER).status_code == 200
    refused = client.post("/v1/collections/dark/search", files={"image": png(1)}, headers=READER)
    assert refused.json()["code"] == "model_unavailable"


def test_models_are_listed_by_what_was_read_of_their_files_once(
    served: tuple[TestClient, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, ids = served
    first = client.get("/v1/models", headers=READER).json()
    read: list[Any] = []

    def counting(path: Path) -> ModelFile:
        read.append(path)
        return load_model(path)

    monkeypatch.setattr(opening, "load_model", counting)
    assert client.get("/v1/models", headers=READER).json() == first
    pages = [client.get("/v1/models", params={"limit": 1}, headers=READER).json()]
    pages.append(client.get("/v1/models", params={"cursor": pages[0]["next_cursor"]}, headers=READER).json())
    assert [page["data"][0]["id"] for page in pages] == sorted(ids)
    assert not pages[1]["has_more"]
    assert read == []


def test_one_that_cannot_be_read_hides_none_behind_it_and_one_that_is_busy_is_not_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors: dict[str, LookalikeError] = {"a": ModelUnavailable("its file is gone")}

    def card(having: list[models.Visible], _: object) -> dict[str, str]:
        if having[0].model_id in errors:
            raise errors[having[0].model_id]
        return {"id": having[0].model_id}

    def listed(after: str) -> dict[str, Any]:
        return models._list_page(LOOPBACK, cast(Service, None), after=after, limit=1)

    monkeypatch.setattr(models, "visible", lambda *_: [models.Visible(one, "photos", "main") for one in "abc"])
    monkeypatch.setattr(models, "_card", card)

    assert [one["id"] for one in listed("")["data"]] == ["b"]
    assert listed("")["has_more"]
    assert [one["id"] for one in listed("b")["data"]] == ["c"]
    errors["c"] = Locked("another process writes")
    with pytest.raises(Locked):
        listed("b")


def test_a_model_is_told_of_by_whoever_has_it_whole(served: tuple[TestClient, list[str]], tmp_path: Path) -> None:
    client, (dark, _) = served
    kept = tmp_path / "dark.lookalike" / "models" / f"{dark}.onnx"
    home = tmp_path / "home" / "collections" / "a-copy"
    shutil.copytree(tmp_path / "dark.lookalike", home)
    (home / "models" / kept.name).write_bytes(b"no model")

    card = client.get(f"/v1/models/{dark}", headers=READER).json()

    assert (card["collections"], card["size_bytes"]) == (["a-copy", "dark"], kept.stat().st_size)
    assert client.get(f"/v1/models/{dark}/file", headers=READER).content == kept.read_bytes()


@pytest.mark.parametrize(
    ("error", "listed"), [(Locked("another writes"), 503), (StorageFailed("/srv/dark: the disk fails"), 200)]
)
def test_a_collection_that_cannot_be_read_takes_no_model_from_the_others(
    served: tuple[TestClient, list[str]], monkeypatch: pytest.MonkeyPatch, error: LookalikeError, listed: int
) -> None:
    client, (dark, light) = served
    look = Collections.glance

    def glance(collections: Collections, name: str) -> CatalogOverview:
        if name == "dark":
            raise error
        return look(collections, name)

    monkeypatch.setattr(Collections, "glance", glance)
    assert embedded(client, light)
    assert client.get(f"/v1/models/{light}", headers=READER).status_code == 200
    assert client.get(f"/v1/models/{dark}", headers=READER).status_code == 503
    assert client.get("/v1/models", headers=READER).status_code == listed
    assert client.get("/v1/collections", headers=READER).status_code == listed


def test_a_collection_whose_disk_fails_is_listed_with_its_fault_and_the_others_as_ever(
    served: tuple[TestClient, list[str]], tmp_path: Path
) -> None:
    client, (dark, light) = served
    for name in ("broken", "gone", "lost"):
        assert client.put(f"/v1/collections/{name}", headers=ADMIN).status_code == 201
    collections = tmp_path / "home" / "collections"
    (collections / "broken" / "catalog.sqlite").write_bytes(b"something else" * 1000)
    shutil.copytree(tmp_path / "dark.lookalike", collections / "gone", dirs_exist_ok=True)
    (collections / "gone" / "catalog.sqlite").unlink()
    (collections / "lost").rename(tmp_path / "away")  # at once, for what is open may be saved just now
    (collections / "lost").symlink_to("lost")  # into which nobody can look

    reply = client.get("/v1/collections", headers=READER).json()
    assert [one["name"] for one in reply["data"]] == ["dark", "light"]
    assert [(one["name"], one["code"]) for one in reply["unreadable"]] == [
        ("broken", "catalog_damaged"),
        ("gone", "catalog_damaged"),
        ("lost", "storage_failed"),
    ]
    assert "/" not in "".join(one["detail"] for one in reply["unreadable"])
    assert {one["id"] for one in client.get("/v1/models", headers=READER).json()["data"]} >= {dark, light}
    assert client.get("/v1/collections/lost", headers=READER).status_code == 503

    assert client.get("/v1/collections/gone", headers=READER).json()["code"] == "catalog_damaged"
    assert (
        client.put("/v1/collections/gone", headers=ADMIN).json()["code"] == "catalog_damaged"
    )  # and is not begun anew

    names, cursor = [], {}
    while cursor is not None:
        reply = client.get("/v1/collections", params={"limit": 1, **cursor}, headers=READER).json()
        names += [one["name"] for one in (*reply["data"], *reply["unreadable"])]
        cursor = {"cursor": reply["next_cursor"]} if reply["has_more"] else None
    assert names == ["broken", "dark", "gone", "light", "lost"]
    assert client.delete("/v1/collections/gone", headers=ADMIN).status_code == 204
    assert not (collections / "gone").exists()


def test_what_is_told_of_a_collection_of_a_later_version_names_no_place(
    served: tuple[TestClient, list[str]], tmp_path: Path
) -> None:
    client, _ = served
    assert client.put("/v1/collections/later", headers=ADMIN).status_code == 201
    with closing(sqlite3.connect(tmp_path / "home" / "collections" / "later" / "catalog.sqlite")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    (told,) = client.get("/v1/collections", headers=READER).json()["unreadable"]
    assert (told["name"], told["code"]) == ("later", "format_too_new")
    assert str(tmp_path) not in told["detail"]
