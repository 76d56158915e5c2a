"""The whole chain: the service and a worker as processes of their own, on PostgreSQL, S3, RabbitMQ and pgvector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="the extra s3 is not installed")

from chain.__main__ import compare, read_photos
from chain.flows import Api, ClassicFlow, DirectFlow, Flow, Photo, is_searchable, wait_searchable
from chain.parts import Parts
from chain.programs import Program, service, worker
from tests.chain.conftest import jpeg, photos_of, settings_of

SEARCHABLE_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def photos() -> tuple[list[Photo], str]:
    """See `photos_of`."""
    return photos_of(8)


@pytest.fixture(scope="module")
def programs(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Program]]:
    """A service without a worker of its own, and a worker, which do not share a folder."""
    folder = tmp_path_factory.mktemp("chain")
    serving = service(environment=settings_of(parts, folder / "service"), log=folder / "service.log")
    working = worker(environment=settings_of(parts, folder / "worker"), log=folder / "worker.log")
    try:
        serving.start()
        working.start()
        yield serving, working
    finally:
        working.stop()
        serving.stop()


@pytest.mark.parametrize("name", ["classic", "direct"])
def test_what_is_acknowledged_can_be_searched_for_and_given_back(
    name: str, photos: tuple[list[Photo], str], programs: tuple[Program, Program]
) -> None:
    pictures, model_id = photos
    flow: Flow = ClassicFlow() if name == "classic" else DirectFlow(model_id=model_id)
    serving, _ = programs
    api = Api(serving.url)
    api.call("PUT", f"/v1/collections/{name}")

    for n, photo in enumerate(pictures):
        flow.upload(photo, api, collection=name, once=f"{name}-{n}")
    for photo in pictures:
        wait_searchable(photo, api, collection=name, model_id=model_id, within_s=SEARCHABLE_WITHIN_S)

    assert api.call("GET", f"/v1/collections/{name}")["images"] == len(pictures)
    listed = api.call("GET", f"/v1/collections/{name}/images")["data"]
    assert {one["id"]: one["metadata"]["name"] for one in listed} == {photo.id: photo.name for photo in pictures}
    api.close()


def test_what_was_removed_is_never_found_again_and_another_service_says_so_too(
    photos: tuple[list[Photo], str], programs: tuple[Program, Program], parts: Parts, tmp_path: Path
) -> None:
    (gone, *others), model_id = photos
    serving, _ = programs
    api = Api(serving.url)
    api.call("PUT", "/v1/collections/removing")
    flow = DirectFlow(model_id=model_id)
    for n, photo in enumerate([gone, *others]):
        flow.upload(photo, api, collection="removing", once=f"removing-{n}")
    elsewhere = service(environment=settings_of(parts, tmp_path / "elsewhere"), log=tmp_path / "elsewhere.log")
    elsewhere.start()
    try:
        there = Api(elsewhere.url)
        assert is_searchable(gone, there, collection="removing", model_id=model_id)
        api.call("DELETE", f"/v1/collections/removing/images/{gone.id}")
        for asked in (api, there):
            assert not is_searchable(gone, asked, collection="removing", model_id=model_id)
            assert is_searchable(others[0], asked, collection="removing", model_id=model_id)
        there.close()
    finally:
        elsewhere.stop()
    api.close()


def test_without_a_broker_the_database_wakes_workers(
    photos: tuple[list[Photo], str], parts: Parts, tmp_path: Path
) -> None:
    (photo, *_), model_id = photos
    settings = settings_of(parts, tmp_path / "home")
    del settings["LOOKALIKE_SERVE_BROKER"]
    serving, working = (make(environment=settings, log=tmp_path / make.__name__) for make in (service, worker))
    try:
        serving.start()
        working.start()
        api = Api(serving.url)
        api.call("PUT", "/v1/collections/quiet")
        ClassicFlow().upload(photo, api, collection="quiet", once="quiet-0")
        wait_searchable(photo, api, collection="quiet", model_id=model_id, within_s=SEARCHABLE_WITHIN_S)
        api.close()
    finally:
        working.stop()
        serving.stop()


def test_of_a_folder_the_first_pictures_are_taken_that_can_be_used(tmp_path: Path) -> None:
    for n, data in enumerate((jpeg(1), jpeg(2)[:500], b"no picture", jpeg(3), jpeg(4))):
        (tmp_path / f"{n}.jpg").write_bytes(data)
    (tmp_path / "5.txt").write_text("none either")

    taken, model_id = read_photos(tmp_path, most=2)

    assert [(photo.name, photo.data) for photo in taken] == [("0.jpg", jpeg(1)), ("3.jpg", jpeg(3))]
    assert [len(photo.vector) for photo in taken] == [1280, 1280]
    assert len(model_id) == 64


def test_both_flows_are_compared_on_the_same_photos(
    photos: tuple[list[Photo], str], parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures, model_id = photos

    assert compare(parts, tmp_path, pictures, model_id) == 0

    heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split() == ["classic", "direct"]
    assert len(rows) == 6
    through = next(row for row in rows if row.startswith("bytes through the service"))
    classic, direct = (float(word) for word in through.split() if word.replace(".", "").isdigit())
    assert classic > 0
    assert direct > 0
