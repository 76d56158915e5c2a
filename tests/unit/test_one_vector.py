"""A picture has one vector of a model, bit for bit, whoever computes it and why."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.catalog.base import MAIN
from lookalike.core.vectors import HalfVectors, Vectors, narrow
from lookalike.demo.families import FAMILIES
from lookalike.demo.pictures import make_pictures
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.further.further_models import vectors_of_pictures
from lookalike.images.crop import Crop
from lookalike.images.files import content_id
from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.ingest.add import add_bytes
from lookalike.parts.parts import Parts
from lookalike.search.understand import understand
from lookalike.uploads.verify_upload import Tolerance, UploadedPicture, verify_upload
from lookalike.worker.embedding import DecodeBounds, embedding_apart
from tests.collections import new_parts
from tests.unit.service.batching.fakes import new_embedding

SOURCE = Path(lookalike.__file__).parent


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lookalike.Collection]:
    """Files of all sorts, one of them so large that it is scaled while it is decoded, indexed by our own model."""
    folder = tmp_path_factory.mktemp("one-vector")
    made = [one.path for one in make_pictures(folder / "drawn", count=len(FAMILIES))]
    pictures = folder / "pictures"
    pictures.mkdir()
    with Image.open(next(path for path in made if path.suffix == ".jpg")) as opened:
        drawn = opened.convert("RGB")
    turned = drawn.getexif()
    turned[0x0112] = 6
    drawn.resize((1999, 1501)).save(pictures / "large.jpg", quality=90)
    drawn.save(pictures / "turned.jpg", exif=turned)
    drawn.save(pictures / "plain.png")
    drawn.resize((31, 23)).save(pictures / "small.webp", lossless=True)
    with lookalike.open(folder / "collection", model="int8") as opened_collection:
        opened_collection.index(pictures)
        opened_collection.models.add("fine", "fine")
        yield opened_collection


def parts_of(collection: lookalike.Collection) -> Parts:
    return collection._parts


def files(collection: lookalike.Collection) -> list[Path]:
    found = sorted(Path(one.path) for one in parts_of(collection).catalog.files())
    assert [path.name for path in found] == ["large.jpg", "plain.png", "small.webp", "turned.jpg"]
    return found


def indexed(collection: lookalike.Collection, path: Path, *, model: str = MAIN) -> HalfVectors:
    catalog = parts_of(collection).catalog
    keys = list(catalog.keys([content_id(path.read_bytes())]).values())
    return (catalog.vectors(keys) if model == MAIN else catalog.model_vectors(model, keys)).vectors


def searched(query: object, parts: Parts, *, model: str = MAIN, **asked: object) -> Vectors:
    options = {"models": [model], "crop": None, "for_reranking": None, "stored": parts.objects.get}
    return understand(query, parts, **{**options, **asked}).query.vectors[model]  # type: ignore[arg-type]


def by_file(path: Path, parts: Parts) -> Vectors:
    return searched(path, parts)


def by_bytes(path: Path, parts: Parts) -> Vectors:
    return searched(path.read_bytes(), parts)


def by_url(path: Path, parts: Parts) -> Vectors:
    return searched(path.as_uri(), parts)


def among_others(path: Path, parts: Parts) -> Vectors:
    others = sorted(path.parent.iterdir())
    seeing = PictureEmbedder(parts.embedder, limits=DEFAULT_LIMITS)
    return seeing.embed([seeing.pixels(one) for one in [*others, path]])[-1:]


def to_be_reranked(path: Path, parts: Parts) -> Vectors:
    return searched(path, parts, for_reranking=lambda picture, **_: np.zeros((9, 9, 3), np.uint8))


def in_a_mixture(path: Path, parts: Parts) -> Vectors:
    return searched(path, parts, models=[MAIN, "fine"])


def by_the_service(path: Path, parts: Parts) -> Vectors:
    async def body() -> Vectors:
        embedding = new_embedding(threads=2, batch_size=3, window_ms=5.0)
        asks = [embedding.embed(one.read_bytes(), parts.embedder) for one in (path, *path.parent.iterdir())]
        first, *_ = await asyncio.gather(*asks)
        await embedding.close()
        return first.vector[None, :]

    return asyncio.run(body())


SEARCHES = [by_file, by_bytes, by_url, among_others, to_be_reranked, in_a_mixture, by_the_service]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda one: one.__name__)
def test_who_searches_with_an_indexed_file_has_the_vector_that_indexing_gave_it(
    collection: lookalike.Collection, search: Callable[[Path, Parts], Vectors]
) -> None:
    for path in files(collection):
        vector = search(path, parts_of(collection))
        assert vector.dtype == np.float32
        assert vector.tobytes() == collection.embed(path).tobytes()
        assert narrow(vector).tobytes() == indexed(collection, path).tobytes()


def added(path: Path, parts: Parts) -> None:
    add_bytes(path.read_bytes(), parts, metadata={})


def uploaded(path: Path, parts: Parts) -> None:
    """As the worker takes in an upload that came without a vector."""
    data = path.read_bytes()
    picture = UploadedPicture(
        id=content_id(data), claimed=False, adding={}, staged=lambda: data, quarantine=lambda _: None
    )
    verify_upload(picture, parts, tolerance=Tolerance())


def uploaded_to_a_worker(path: Path, parts: Parts) -> None:
    """Decoded in a process of its own, and embedded beside the same picture of another thread."""
    data = path.read_bytes()
    image_id = content_id(data)
    picture = UploadedPicture(id=image_id, claimed=False, adding={}, staged=lambda: data, quarantine=lambda _: None)
    with embedding_apart(concurrency=2, bounds=DecodeBounds()) as embed, ThreadPoolExecutor(1) as beside:
        other = beside.submit(embed, data, image_id, parts.embedder, limits=DEFAULT_LIMITS)
        verify_upload(picture, parts, tolerance=Tolerance(), embed=embed)
        assert other.result().vector.tobytes() == parts.catalog.vectors([1]).vectors[0].tobytes()


@pytest.mark.parametrize("take_in", [added, uploaded, uploaded_to_a_worker], ids=lambda one: one.__name__)
def test_what_is_added_or_uploaded_has_the_vector_that_indexing_gives_the_same_file(
    collection: lookalike.Collection, take_in: Callable[[Path, Parts], None]
) -> None:
    embedder = parts_of(collection).embedder
    for path in files(collection):
        parts = new_parts(embedder=embedder)
        take_in(path, parts)
        keys = list(parts.catalog.keys([content_id(path.read_bytes())]).values())
        assert parts.catalog.vectors(keys).vectors.tobytes() == indexed(collection, path).tobytes()


def test_a_further_model_gives_a_search_the_vector_that_it_gave_the_collection(
    collection: lookalike.Collection,
) -> None:
    parts = parts_of(collection)
    for path in files(collection):
        data = path.read_bytes()
        (computed,) = vectors_of_pictures(
            [content_id(data)], parts.models.embedder("fine"), pictures=lambda _, data=data: data, limits=DEFAULT_LIMITS
        )
        kept = indexed(collection, path, model="fine")
        assert computed.vector is not None
        assert computed.vector.tobytes() == kept.tobytes()
        for models in (["fine"], [MAIN, "fine"]):
            assert narrow(searched(path, parts, model="fine", models=models)).tobytes() == kept.tobytes()


def test_a_finer_model_that_reranks_sees_what_is_searched_with_as_the_collection(
    collection: lookalike.Collection,
) -> None:
    for path in files(collection):
        best = collection.search(path, k=1, rerank="fine")[0]
        assert best.path == str(path)
        assert best.rerank_similarity == pytest.approx(1, abs=1e-5)  # but for the rounding to float16


def test_the_same_part_has_the_same_vector_in_the_library_and_in_the_service(
    collection: lookalike.Collection,
) -> None:
    crop, parts = Crop.parse("0.1,0.2,0.5,0.6"), parts_of(collection)

    async def body(path: Path) -> Vectors:
        embedding = new_embedding(threads=1, batch_size=1, window_ms=0.0)
        answer = await embedding.embed(path.read_bytes(), parts.embedder, crop=crop)
        await embedding.close()
        return answer.vector[None, :]

    for path in files(collection):
        vector = searched(path, parts, crop=crop)
        assert vector.tobytes() == asyncio.run(body(path)).tobytes()
        assert vector.tobytes() == searched(path, parts, crop=crop, models=[MAIN, "fine"]).tobytes()
        assert vector.tobytes() != searched(path, parts).tobytes()


EMBEDDING = {
    "embedding/picture_embedder.py": "the one way",
    "embedding/files.py": "one picture that was decoded by it",
    "embedding/together.py": "several of those, of several threads of a worker",
    "embedding/lazy.py": "an embedder around one",
    "embedding/shared.py": "an embedder around one",
    "doctor/model.py": "a picture that is made there, and no file",
}


def hands_pixels_to_a_model(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "embed"
        and "embedder" in ast.unparse(node.func.value).lower()
    )


def test_pixels_reach_a_model_in_one_place() -> None:
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if any(map(hands_pixels_to_a_model, ast.walk(ast.parse(path.read_text("utf-8")))))
    }
    assert found == EMBEDDING.keys()


def decodes_for_a_model(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in {"decode", "pixels_of_picture"}
        and any("input_side" in ast.unparse(one.value) for one in node.keywords)
    )


def test_nobody_else_decodes_for_a_model() -> None:
    """Who decodes for another side than indexing does has another vector."""
    assert decodes_for_a_model(ast.parse("decode(data, min_side=embedder.card.input_side)", mode="eval").body)
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"  # type: ignore[attr-defined]
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if decodes_for_a_model(node)
    ]
    assert found == []
