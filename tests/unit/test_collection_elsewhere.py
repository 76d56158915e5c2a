"""A collection whose bytes and whose model are elsewhere: its flows presume neither a folder nor a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike.collection import Collection
from lookalike.core.errors import NotIndexed, ServiceDown, StorageFailed
from lookalike.core.retrying import Retrying
from lookalike.doctor.orphans import sweep_objects
from lookalike.embedding.remote import RemoteEmbedder
from lookalike.objects.streams import pieces_of
from tests.collections import new_parts, png, write
from tests.remote.model_server import Fault as ModelFault
from tests.remote.model_server import ModelServer
from tests.remote.object_server import Fault, ObjectServer
from tests.remote.objects import OBJECTS, RemoteObjects

N = 12
QUICK = Retrying(attempts=10, first_pause_s=0.001, longest_pause_s=0.002)


@pytest.fixture
def server() -> ObjectServer:
    return ObjectServer(latency_s=0.0005, fault_rate=0.1, seed=11)


@pytest.fixture
def model() -> ModelServer:
    return ModelServer(ModelFault.LOST, ModelFault.BUSY, latency_s=0.0005)


@pytest.fixture
def collection(tmp_path: Path, server: ObjectServer, model: ModelServer) -> Iterator[Collection]:
    embedder = RemoteEmbedder(model, retrying=QUICK)
    parts = new_parts(tmp_path / "c", embedder=embedder)
    parts = replace(parts, objects=RemoteObjects(server, retrying=QUICK))
    with Collection(parts, threads=2, read_only=False) as made:
        yield made
    assert model.is_closed


def test_pictures_are_added_found_shown_and_removed(collection: Collection, server: ObjectServer) -> None:
    ids = [collection.add(png(n), metadata={"n": n}) for n in range(N)]
    assert [collection.search(png(n), k=1)[0].id for n in range(N)] == ids
    assert collection.search(ids[3], k=2)[0].id == ids[3]
    assert collection.pictures.read(ids[5]) == png(5)
    with collection.pictures.open(ids[5], first=3, size_bytes=20) as stream:
        assert b"".join(pieces_of(stream)) == png(5)[3:23]
    assert collection.pictures.thumbnail(ids[6], min_side=4).shape[2] == 3
    assert collection.remove(*ids[:4], where="n > 8") == 4 + 3
    kept = RemoteObjects(server, retrying=QUICK)
    assert list(kept.ids()) == sorted(ids[4:9])
    with pytest.raises(NotIndexed):
        collection.pictures.read(ids[0])
    assert collection.add(png(0)) == ids[0]
    assert collection.pictures.read(ids[0]) == png(0)


def test_a_folder_is_indexed_by_a_model_that_answers_late(
    collection: Collection, tmp_path: Path, model: ModelServer
) -> None:
    for n in range(N):
        write(tmp_path / f"photos/{n}.png", n)
    model.fail_next(*[ModelFault.TIMED_OUT, ModelFault.LOST] * 3)
    assert collection.index(tmp_path / "photos").added == N
    assert collection.search(tmp_path / "photos/7.png", k=1)[0].path == str(tmp_path / "photos/7.png")


def test_a_store_that_does_not_answer_is_told_and_nothing_is_half_added(
    collection: Collection, server: ObjectServer
) -> None:
    first = collection.add(png(1))
    server.fail_next("put", *[Fault.TIMEOUT_BEFORE] * 10)
    with pytest.raises(ServiceDown, match="does not answer"):
        collection.add(png(2))
    assert len(collection) == 1
    second = collection.add(png(2))
    assert collection.pictures.read(second) == png(2)
    assert sorted(hit.id for hit in collection.search(png(1), k=5)) == sorted([first, second])


def test_bytes_that_were_damaged_there_are_never_shown(collection: Collection, server: ObjectServer) -> None:
    image_id = collection.add(png(1))
    server.damage(OBJECTS + image_id, png(1)[:-1] + b"x")
    with pytest.raises(StorageFailed, match="damaged"):
        collection.pictures.read(image_id)


def test_what_a_removal_could_not_delete_is_swept_later(collection: Collection, server: ObjectServer) -> None:
    image_id = collection.add(png(1))
    server.fail_next("delete", *[Fault.TIMEOUT_BEFORE] * 10)
    with pytest.raises(ServiceDown):
        collection.remove(image_id)
    assert len(collection) == 0
    parts = collection._open.parts
    assert parts.objects.has(image_id)
    swept = sweep_objects(parts.catalog, parts.objects, before=4e9)
    assert [one.name for one in swept] == [image_id]
    assert collection.add(png(1)) == image_id
    assert collection.pictures.read(image_id) == png(1)
