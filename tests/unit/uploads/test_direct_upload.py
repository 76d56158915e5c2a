"""An uploaded picture is found by what its client said, and never changes what is known better."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import (
    BadInput,
    BadVectors,
    DimensionMismatch,
    ImageRefused,
    LookalikeError,
    StorageFailed,
    UploadRefused,
    WrongModel,
)
from lookalike.core.vectors import Vectors, normalise
from lookalike.ingest.add import add_bytes, add_file
from lookalike.parts.parts import Parts
from lookalike.uploads.direct_upload import CheckedUpload, add_provisional, check_upload
from tests.collections import CountingEmbedder, D, new_parts, picture, png, write
from tests.remote.catalog import RemoteCatalog
from tests.remote.line import Line
from tests.unit.images.pictures import encoded

DATA = png(1)


def some_vector(seed: int = 0) -> Vectors:
    return normalise(np.random.default_rng(seed).normal(size=(1, D)).astype(np.float32))[0]


def checked(parts: Parts, data: bytes = DATA, **changed: Any) -> CheckedUpload:
    said = {
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "vector": some_vector(),
        "model": parts.embedder.card.id,
    }
    return check_upload(data, parts, **{**said, **changed})


@pytest.fixture(params=["sqlite", "memory", "remote"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    if request.param == "remote":
        return new_parts(catalog=RemoteCatalog(line=Line(latency_s=0.0002)))
    return new_parts(tmp_path / "collection" if request.param == "sqlite" else None)


@pytest.fixture(autouse=True)
def collection_folder(tmp_path: Path) -> None:
    (tmp_path / "collection").mkdir()


def test_a_picture_is_taken_in_undecoded_by_its_clients_vector(parts: Parts) -> None:
    vector = some_vector() * 1.009
    upload = checked(parts, vector=vector.tolist())
    assert add_provisional(upload, parts, metadata={"label": "a"})

    stored = parts.catalog.images([upload.record.id])[upload.record.id]
    assert (stored.provisional, stored.metadata, stored.format) == (True, {"label": "a"}, "png")
    assert (stored.width, stored.height, stored.size_bytes) == (*picture(1).size, len(DATA))
    keys = list(parts.catalog.keys([stored.id]).values())
    assert np.allclose(parts.catalog.vectors(keys).vectors[0], some_vector(), atol=1e-3)
    assert parts.objects.get(stored.id) == DATA
    assert isinstance(parts.embedder, CountingEmbedder)
    assert parts.embedder.pictures == 0


def test_adding_twice_is_adding_once_and_the_first_vector_stays(parts: Parts) -> None:
    add_provisional(checked(parts), parts, metadata={"a": 1})
    before = parts.catalog.vectors([1]).vectors
    add_provisional(checked(parts, vector=some_vector(7)), parts, metadata={"b": 2})
    assert parts.catalog.facts().images == 1
    assert parts.catalog.vectors([1]).vectors.tolist() == before.tolist()
    image_id = checked(parts).record.id
    assert parts.catalog.images([image_id])[image_id].metadata == {"a": 1, "b": 2}


def test_a_verified_picture_is_not_touched_but_by_metadata(parts: Parts) -> None:
    image_id = add_bytes(DATA, parts, metadata={"a": 1})
    before, record = parts.catalog.vectors([1]).vectors, parts.catalog.images([image_id])[image_id]
    assert add_provisional(checked(parts), parts, metadata={"b": 2})
    assert parts.catalog.images([image_id])[image_id] == replace(record, metadata={"a": 1, "b": 2})
    assert parts.catalog.vectors([1]).vectors.tolist() == before.tolist()


def test_the_bytes_are_kept_also_of_a_picture_that_lies_in_a_file(parts: Parts, tmp_path: Path) -> None:
    image_id = add_file(write(tmp_path / "a.png", 1), parts, metadata={})
    add_provisional(checked(parts), parts, metadata={})
    assert parts.objects.get(image_id) == DATA
    assert not parts.catalog.images([image_id])[image_id].provisional


def test_what_was_decided_otherwise_meanwhile_is_not_done(parts: Parts) -> None:
    assert not add_provisional(checked(parts), parts, metadata={}, if_still=lambda: False)
    assert parts.catalog.facts().images == 0
    assert list(parts.objects.ids()) == []


def test_without_a_vector_there_is_nothing_to_find_it_by(parts: Parts) -> None:
    upload = checked(parts, vector=None, model=None)
    assert upload.vector is None
    with pytest.raises(BadInput, match="vector"):
        add_provisional(upload, parts, metadata={})


@pytest.mark.parametrize(
    ("changed", "error", "code"),
    [
        ({"sha256": "0" * 64}, UploadRefused, "hash_mismatch"),
        ({"size_bytes": 1}, UploadRefused, "size_mismatch"),
        ({"vector": some_vector() * 1.02}, UploadRefused, "vector_not_unit"),
        ({"vector": some_vector() * 0.98}, UploadRefused, "vector_not_unit"),
        ({"vector": np.zeros(D)}, UploadRefused, "vector_not_unit"),
        ({"vector": np.full(D, 1e30)}, UploadRefused, "vector_not_unit"),
        ({"vector": np.full(D, np.nan)}, BadVectors, "bad_vectors"),
        ({"vector": np.full(D, np.inf)}, BadVectors, "bad_vectors"),
        ({"vector": ["a"] * D}, BadVectors, "bad_vectors"),
        ({"vector": some_vector()[:-1]}, DimensionMismatch, "dimension_mismatch"),
        ({"vector": [some_vector()] * 2}, DimensionMismatch, "dimension_mismatch"),
        ({"vector": []}, DimensionMismatch, "dimension_mismatch"),
        ({"model": "0" * 64}, WrongModel, "wrong_model"),
        ({"model": None}, WrongModel, "wrong_model"),
    ],
)
def test_what_is_not_as_announced_or_cannot_be_a_vector_is_refused(
    changed: dict[str, Any], error: type[LookalikeError], code: str
) -> None:
    with pytest.raises(error) as refused:
        checked(new_parts(), **changed)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "unsupported_format"),
        (b"<!doctype html><script>alert(1)</script>", "not_an_image"),
        (b"GIF89a", "truncated"),
        (encoded(picture(1), "PNG")[:-20], "truncated"),
        (bytes(100), "not_an_image"),
    ],
)
def test_what_is_no_picture_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        checked(new_parts(), data)
    assert refused.value.code == code


@pytest.mark.parametrize("where", ["objects", "catalog"])
def test_a_disk_that_fails_leaves_no_picture_and_another_try_succeeds(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: object) -> str:
        raise StorageFailed("the disk is full")

    def put_all() -> None:
        add_provisional(checked(parts), parts, metadata={})

    with monkeypatch.context() as patched:
        if where == "objects":
            patched.setattr(type(parts.objects), "put", full)
        else:
            with parts.catalog.transaction() as transaction:
                patched.setattr(type(transaction), "put_images", full, raising=False)
        with pytest.raises(StorageFailed):
            put_all()
        assert parts.catalog.facts().images == 0
    put_all()
    assert parts.catalog.facts().images == 1


def test_metadata_that_is_no_json_is_refused_whole(parts: Parts) -> None:
    upload = checked(parts)
    with pytest.raises(BadInput):
        add_provisional(upload, parts, metadata={"a": float("nan")})
    assert parts.catalog.facts().images == 0
