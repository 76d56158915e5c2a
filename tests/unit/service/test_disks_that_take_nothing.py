"""A disk that is full or cannot be written keeps nobody from searching, not even when the service starts on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lookalike.collection import Collection
from lookalike.service.app import application, wire
from lookalike.service.edge import edge
from lookalike.settings.service import ServiceSettings
from tests.collections import new_collection, png
from tests.disks import mount
from tests.services import SECRET, token

READER, WRITER = token("read"), token("read", "write")
COLLECTION = "/v1/collections/photos"


def read_only(disk: Path) -> None:
    mount("-o", "remount,ro", str(disk))


def full(disk: Path) -> None:
    (disk / "filler").touch()
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def started(disk: Path) -> TestClient:
    def opened(folder: Path, create: bool) -> Collection:
        return new_collection(folder)

    settings = ServiceSettings(
        home=disk / "home", collections={"photos": disk / "photos"}, jwt_algorithm="HS256", jwt_secret=SECRET
    )
    service = wire(settings, open_=opened)
    app = edge(application(service), settings=settings, metrics=service.metrics, health=service.health)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def ids(small_disk: Path) -> list[str]:
    (small_disk / "photos").mkdir()
    with new_collection(small_disk / "photos") as collection:
        return [collection.add(png(n), metadata={"n": n}) for n in range(4)]


@pytest.mark.parametrize("broken", [read_only, full])
@pytest.mark.parametrize("ran_before", [True, False])
def test_the_service_starts_on_it_and_reads(
    small_disk: Path, ids: list[str], broken: Callable[[Path], None], ran_before: bool
) -> None:
    if ran_before:
        with started(small_disk) as client:
            assert client.get("/readyz").status_code == 200
    broken(small_disk)

    with started(small_disk) as client:
        reply = client.post(f"{COLLECTION}/search", json={"id": ids[0], "k": 4}, headers=READER)
        assert {hit["id"] for hit in reply.json()["hits"]} == set(ids)
        filtered = {"id": ids[0], "filter": {"n": {"lte": 1}}}
        assert client.post(f"{COLLECTION}/search", json=filtered, headers=READER).json()["total_matching"] == 2
        assert client.get("/v1/collections", headers=READER).json()["data"][0]["images"] == 4
        assert client.get(COLLECTION, headers=READER).json()["images"] == 4
        assert client.get(f"{COLLECTION}/images", headers=READER).json()["data"][0]["id"] == ids[0]
        assert client.get(f"{COLLECTION}/images/{ids[1]}/thumbnail", headers=READER).status_code == 200
        assert client.get(f"{COLLECTION}/images/{ids[1]}/file", headers=READER).content == png(1)
        refused = client.post(f"{COLLECTION}/images", files={"image": png(9)}, headers=WRITER)
        assert refused.status_code == 503
        assert refused.json()["code"] in ("read_only", "storage_failed")


def test_once_there_is_room_it_goes_on_without_a_restart(small_disk: Path, ids: list[str]) -> None:
    full(small_disk)
    with started(small_disk) as client:
        assert client.get("/v1/jobs", headers=READER).status_code == 503
        (small_disk / "filler").unlink()

        assert client.get("/v1/jobs", headers=READER).json()["data"] == []
        added = client.post(f"{COLLECTION}/images", files={"image": png(9)}, headers=WRITER)
        assert added.json()["data"][0]["status"] == "added"
