"""`lookalike.open(vectors=...)`: a collection in a folder whose index lives in a PostgreSQL, for all who open it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lookalike
from lookalike.assembly.patient import open_patient
from lookalike.core.errors import BadInput, ServiceDown
from lookalike.doctor import Status, examine, repair
from lookalike.view.facts import VersionFacts
from tests.collections import album, png
from tests.mean_model import wrapped_mean_model
from tests.waiting import eventually

N = 12


@pytest.fixture
def opened(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    model = wrapped_mean_model(tmp_path / "own.onnx")
    made: list[Any] = []

    def open_it(**options: Any) -> Any:
        made.append(lookalike.open(tmp_path / "c", **{"model": model, "vectors": postgres_url, **options}))
        return made[-1]

    yield open_it
    for one in made:
        one.close()


def elsewhere(collection: Any) -> VersionFacts:
    facts: VersionFacts | None = collection.info().index.elsewhere
    assert facts is not None
    return facts


def hits(collection: Any, seed: int) -> list[str]:
    return [hit.id for hit in collection.search(png(seed), k=5)]


def test_who_keeps_it_open_feeds_its_index_and_all_search_it(
    opened: Callable[..., Any], tmp_path: Path, photos: Path
) -> None:
    with opened(vectors="") as local:
        local.index(photos)
        expected = [hits(local, seed) for seed in range(N)]
    keeper = opened()
    eventually(lambda: elsewhere(keeper).version is not None and elsewhere(keeper).behind == 0)
    reader = opened(read_only=True)
    for one in (keeper, reader):
        assert [hits(one, seed) for seed in range(N)] == expected
        assert (one.info().index.engine, elsewhere(one).engine, one.info().index.count) == ("pgvector", "pgvector", N)
    added = keeper.add(png(77), metadata={"kind": "new"})
    assert hits(reader, 77)[0] == hits(keeper, 77)[0] == added
    assert reader.search(png(3), where="kind = new")[0].id == added
    eventually(lambda: elsewhere(reader).behind == 0)
    assert reader.search(png(3), where="kind = new")[0].id == added
    keeper.remove(added)
    assert added not in hits(reader, 77)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    album(tmp_path / "photos", N)
    return tmp_path / "photos"


def test_a_short_command_feeds_it_after_indexing_and_a_second_one_finds_it(
    opened: Callable[..., Any], photos: Path
) -> None:
    with opened(upkeep=False) as command:
        command.index(photos)
        assert (elsewhere(command).behind, elsewhere(command).not_fed) == (0, None)
        before = elsewhere(command).version
        command.rebuild()
        assert elsewhere(command).version != before
    with opened(upkeep=False, read_only=True) as command:
        assert elsewhere(command).version is not None
        assert len(hits(command, 3)) == 5


def test_a_doctor_tells_how_it_is_and_of_what_is_wrong(
    opened: Callable[..., Any], photos: Path, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_VECTORS", postgres_url)

    def told() -> list[tuple[Status, str]]:
        with open_patient(tmp_path / "c", model=tmp_path / "own.onnx", home=tmp_path / "home") as patient:
            assert [one.status for one in repair(patient)] == [Status.OK]
            return [(one.status, one.what) for one in examine(patient) if one.check == "elsewhere"]

    with opened(vectors="") as local:
        local.index(photos)
    ((status, what),) = told()
    assert (status, "no version" in what) == (Status.WARNING, True)
    with opened(upkeep=False) as command:
        command.index(photos)
    assert [status for status, _ in told()] == [Status.OK, Status.OK]
    assert f"{N} vectors" in told()[0][1]
    with opened(upkeep=False) as command:
        command.add(png(50))
    assert told()[0][0] is Status.WARNING
    assert "1 changed pictures behind" in told()[0][1]


def test_a_database_that_is_not_there_is_told_and_what_is_added_is_safe(opened: Callable[..., Any]) -> None:
    with opened(vectors="postgresql://nobody:hidden@127.0.0.1:1/none", upkeep=False) as collection:
        added = collection.add(png(1))
        with pytest.raises(ServiceDown) as told:
            collection.search(png(1))
        assert "hidden" not in str(told.value)
        assert added in collection


def test_another_kind_of_database_is_refused_before_anything_is_asked(opened: Callable[..., Any]) -> None:
    with pytest.raises(BadInput, match="expected a vector database as postgresql://") as told:
        opened(vectors="https://me:hidden@example.org/db")
    assert "hidden" not in str(told.value)
