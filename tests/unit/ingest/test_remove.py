"""Many pictures are removed some at a time."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from lookalike.catalog.base import Transaction
from lookalike.collection import Collection
from lookalike.core.errors import Locked, NotIndexed
from lookalike.ingest import remove
from lookalike.objects.local import LocalObjects
from tests.collections import new_parts, png, write

N, SOME = 7, 2

T = TypeVar("T")


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "c" / "objects")


@pytest.fixture
def collection(tmp_path: Path, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> Collection:
    monkeypatch.setattr(remove, "AT_ONCE", SOME)
    collection = Collection(replace(new_parts(tmp_path / "c"), objects=objects), threads=1, read_only=False)
    for n in range(N):
        collection.add(png(n), metadata={"n": n, "label": "old"})
    return collection


def test_all_that_pass_are_removed_with_their_bytes_and_those_that_are_named(
    collection: Collection, objects: LocalObjects
) -> None:
    named, other = collection.add(png(50)), collection.add(png(51))
    assert collection.remove(named, where="label = old") == N + 1
    assert list(objects.ids()) == [other]
    assert len(collection) == 1


def test_a_folder_in_the_place_of_a_picture_is_told_with_the_filter_that_chooses_what_is_below(tmp_path: Path) -> None:
    folder, beside = tmp_path / 'a_b %*"c', tmp_path / 'axb yz"c'
    collection = Collection(new_parts(tmp_path / "c"), threads=1, read_only=False)
    for n, place in enumerate((folder / "x", folder, beside)):
        write(place / f"{n}.png", n)
    collection.index(tmp_path)

    with pytest.raises(
        NotIndexed, match=r"is a folder \(files known below it: 2\); use --where .* to choose"
    ) as caught:
        collection.remove(str(folder))

    (_, where) = shlex.split(str(caught.value)[str(caught.value).index("--where") :].partition(" to choose")[0])
    assert len(collection) == 3
    assert collection.remove(where=where) == 2
    with pytest.raises(NotIndexed, match="neither is 'nothing' an indexed path"):
        collection.remove("nothing")


def test_others_may_write_between_and_who_passes_no_longer_stays(
    collection: Collection, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {hit.metadata["n"]: hit.id for hit in collection.search(png(0), k=N)}
    kept: list[str] = []

    def after_another_wrote(commit: Callable[[], T]) -> T:
        if not kept:
            left = [image_id for image_id in ids.values() if image_id in collection]
            assert len(left) == N - SOME
            collection.pictures.label(left[-1], {"label": "new"})
            kept.append(left[-1])
        return commit()

    monkeypatch.setattr(remove, "patiently", after_another_wrote)
    assert collection.remove(where="label = old") == N - 1
    assert list(objects.ids()) == kept
    assert [one for one in ids.values() if one in collection] == kept


def test_who_writes_after_the_rows_went_is_waited_for_and_the_bytes_go_too(
    collection: Collection, objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = collection._parts.catalog
    begin, asked = catalog.transaction, []

    @contextmanager
    def locked_at_first(**given: bool) -> Iterator[Transaction]:
        asked.append(given)
        if len(asked) == 2:
            raise Locked("another process is writing")
        with begin(**given) as transaction:
            yield transaction

    monkeypatch.setattr(catalog, "transaction", locked_at_first)
    assert collection.remove(where="n = 0") == 1
    assert len(list(objects.ids())) == len(collection) == N - 1


def test_with_forever_nothing_is_kept_of_any_of_them(collection: Collection) -> None:
    ids = [hit.id for hit in collection.search(png(0), k=N)]
    collection.remove(ids[0])
    assert collection.remove(ids[0], where="label = old", forever=True) == N
    assert collection.info().forgotten == 0
