"""Embedding what lacks a vector of a further model: refusals, cuts, and second runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.core.errors import BadInput, Interrupted, ReadOnly, WrongModel
from lookalike.core.records import FileRecord
from lookalike.embedding.fake import FakeEmbedder
from lookalike.further import further_models
from lookalike.further.further_models import FurtherReport, embed_further
from lookalike.images.decode import decode
from lookalike.images.files import content_id
from lookalike.ingest.add import add_bytes
from lookalike.parts.parts import Parts
from tests.collections import CountingEmbedder, new_parts, png
from tests.remote.catalog import RemoteCatalog
from tests.remote.line import Line

D = 5


class Fine(CountingEmbedder):
    """Another model than the collection's."""

    def __init__(self, before: Callable[[int], None] | None = None) -> None:
        super().__init__(before, dimension=D, seed=7)


@pytest.fixture(params=["sqlite", "memory", "remote"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    if request.param == "remote":
        return new_parts(catalog=RemoteCatalog(line=Line(latency_s=0.0002)))
    return new_parts(tmp_path if request.param == "sqlite" else None)


def filled(parts: Parts, count: int) -> list[str]:
    return [add_bytes(png(n), parts, metadata={}) for n in range(count)]


def bytes_of(parts: Parts) -> Callable[[str], bytes | None]:
    return lambda image_id: parts.objects.get(image_id) if parts.objects.has(image_id) else None


def test_every_picture_gets_the_vector_that_the_model_gives_it(parts: Parts) -> None:
    N = 9
    ids = filled(parts, N)
    report = embed_further(parts, "fine", Fine(), pictures=bytes_of(parts), threads=2)
    assert (report.embedded, report.failed, report.total, report.done) == (N, [], N, N)
    stored = parts.catalog.model_vectors("fine", list(parts.catalog.keys(ids).values()))
    expected = Fine().embed([decode(png(n), min_side=Fine().card.input_side).pixels for n in range(N)])
    assert np.abs(stored.vectors.astype(np.float32) - expected).max() < 1e-3
    assert parts.catalog.keys_without_vector("fine", N).tolist() == []


def test_a_second_run_computes_only_what_is_new(parts: Parts) -> None:
    filled(parts, 3)
    model = Fine()
    embed_further(parts, "fine", model, pictures=bytes_of(parts), threads=1)
    filled(parts, 5)
    report = embed_further(parts, "fine", model, pictures=bytes_of(parts), threads=1)
    assert (report.total, report.embedded, model.pictures) == (2, 2, 5)
    report = embed_further(parts, "fine", model, pictures=bytes_of(parts), threads=1)
    assert (report.total, report.embedded, model.pictures) == (0, 0, 5)


def test_pictures_that_cannot_be_used_are_listed_and_tried_again(parts: Parts) -> None:
    ids = filled(parts, 4)
    with parts.catalog.transaction() as transaction:
        transaction.put_files([FileRecord("/photos/b.png", ids[1], 1, 1)])
    content = {ids[0]: None, ids[1]: b"no picture", ids[2]: png(2), ids[3]: png(3)[:60]}
    report = embed_further(parts, "fine", Fine(), pictures=content.get, threads=2)
    assert (report.embedded, report.total, report.done) == (1, 4, 4)
    assert {failure.path for failure in report.failed} == {ids[0], "/photos/b.png", ids[3]}
    assert {failure.path: failure.code for failure in report.failed}[ids[0]] == "vanished"
    assert all(failure.reason for failure in report.failed)
    again = embed_further(parts, "fine", Fine(), pictures=bytes_of(parts), threads=2)
    assert (again.embedded, again.total, again.failed) == (3, 3, [])


def test_what_was_committed_before_ctrl_c_is_kept(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_models, "_COMMIT_AFTER", 1)
    ids = filled(parts, 12)

    def interrupted(done: int) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="to go on from there"):
        embed_further(parts, "fine", Fine(interrupted), pictures=bytes_of(parts), threads=1)
    (model,) = parts.catalog.further_models()
    assert model.count == 8
    report = embed_further(parts, "fine", Fine(), pictures=bytes_of(parts), threads=1)
    assert (report.embedded, report.total) == (4, 4)
    assert parts.catalog.further_models()[0].count == len(ids)


def test_progress_is_told_at_the_beginning_and_after_each_commit(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_models, "_COMMIT_AFTER", 4)
    filled(parts, 8)
    seen: list[FurtherReport] = []
    embed_further(
        parts,
        "fine",
        Fine(),
        pictures=bytes_of(parts),
        threads=1,
        progress=lambda report: seen.append(replace(report)),
    )
    assert [report.done for report in seen] == [0, 4, 8, 8]
    assert all(report.total == 8 for report in seen)


def test_a_picture_that_is_removed_while_it_is_computed_leaves_nothing(parts: Parts) -> None:
    ids = filled(parts, 3)

    def remove(_: int) -> None:
        with parts.catalog.transaction() as transaction:
            transaction.remove_images(ids[:1])

    embed_further(parts, "fine", Fine(remove), pictures=bytes_of(parts), threads=1)
    assert parts.catalog.further_models()[0].count == 2
    assert parts.catalog.check() == []


def test_an_empty_collection_takes_a_further_model(parts: Parts) -> None:
    report = embed_further(parts, "fine", Fine(), pictures=bytes_of(parts), threads=1)
    assert (report.total, report.done) == (0, 0)
    assert [model.name for model in parts.catalog.further_models()] == ["fine"]


def test_another_model_under_a_name_in_use_or_the_collections_own_is_refused(parts: Parts) -> None:
    filled(parts, 1)
    embed_further(parts, "fine", Fine(), pictures=bytes_of(parts), threads=1)
    with pytest.raises(WrongModel, match="another name"):
        embed_further(parts, "fine", FakeEmbedder(dimension=D, seed=8), pictures=bytes_of(parts), threads=1)
    with pytest.raises(BadInput, match="'main'"):
        embed_further(parts, "own", parts.embedder, pictures=bytes_of(parts), threads=1)


def test_a_collection_opened_for_reading_is_left_alone(tmp_path: Path) -> None:
    from lookalike.catalog.sqlite import SqliteCatalog

    written = new_parts(tmp_path)
    filled(written, 2)
    with SqliteCatalog.open(tmp_path / "catalog.sqlite", read_only=True) as catalog:
        parts = replace(written, catalog=catalog)
        with pytest.raises(ReadOnly):
            embed_further(parts, "fine", Fine(), pictures=bytes_of(parts), threads=1)
        assert catalog.further_models() == []


def test_ids_are_those_of_the_content() -> None:
    parts = new_parts()
    assert filled(parts, 2) == [content_id(png(0)), content_id(png(1))]
