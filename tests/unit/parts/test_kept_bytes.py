"""Kept bytes and the rows that refer to them: neither is lost, whoever adds and removes at the same time."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from lookalike.core.errors import Locked, NoCollection, NotIndexed, StorageFailed
from lookalike.core.filters import Filter
from lookalike.images.files import content_id
from lookalike.ingest.add import add_bytes
from lookalike.ingest.ingest import IngestOptions, ingest
from lookalike.ingest.remove import remove_pictures
from lookalike.objects.base import Objects
from lookalike.parts import kept_bytes
from lookalike.parts.kept_bytes import delete_unreferenced, mark_kept
from lookalike.parts.parts import Parts
from tests.collections import new_parts, png, write
from tests.waiting import eventually

DATA = png(1)
ID = content_id(DATA)


@pytest.fixture(params=["sqlite", "memory"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    (tmp_path / "c").mkdir()
    return new_parts(tmp_path / "c" if request.param == "sqlite" else None)


class Told:
    """Objects that do something before a call, and then pass it on."""

    def __init__(self, objects: Objects, **before: Callable[[], object]) -> None:
        self._objects = objects
        self._before = before

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._objects, name)
        if name not in self._before:
            return call

        def told(*given: Any, **options: Any) -> Any:
            before = self._before.pop(name, None)
            if before is not None:
                before()
            return call(*given, **options)

        return told


def told(parts: Parts, **before: Callable[[], object]) -> Parts:
    return replace(parts, objects=cast("Objects", Told(parts.objects, **before)))


def remove(parts: Parts, *ids: str) -> int:
    return remove_pictures(parts.catalog, parts.objects, named=ids, where=Filter.everything(), forever=False)


def is_whole(parts: Parts) -> bool:
    """Whether the bytes are there where the picture is."""
    return not parts.catalog.keys([ID]) or parts.objects.get(ID) == DATA


def test_who_adds_what_is_just_being_deleted_waits_and_has_it_kept(parts: Parts) -> None:
    add_bytes(DATA, parts, metadata={})
    adding = threading.Thread(target=add_bytes, args=(DATA, parts), kwargs={"metadata": {"again": True}})

    def somebody_adds_it() -> None:
        adding.start()
        eventually(lambda: parts.catalog.deleting([ID]))
        time.sleep(0.05)
        assert not parts.catalog.keys([ID])

    assert remove(told(parts, delete=somebody_adds_it), ID) == 1
    adding.join()
    assert parts.catalog.images([ID])[ID].metadata == {"again": True}
    assert parts.objects.get(ID) == DATA
    assert parts.catalog.deleting([ID]) == {}


HOUR = 3_600.0


@pytest.mark.parametrize("ahead_s", [-HOUR, HOUR])
def test_who_adds_waits_also_where_its_clock_is_wrong_by_an_hour(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    add_bytes(DATA, parts, metadata={})
    adding = threading.Thread(target=add_bytes, args=(DATA, parts), kwargs={"metadata": {}})
    right = time.time

    def the_clock_jumps_and_somebody_adds_it() -> None:
        monkeypatch.setattr(time, "time", lambda: right() + ahead_s)
        adding.start()
        adding.join(0.3)  # longer than it takes where nobody waits
        assert adding.is_alive()
        assert not parts.catalog.keys([ID])

    assert remove(told(parts, delete=the_clock_jumps_and_somebody_adds_it), ID) == 1
    adding.join()
    assert parts.catalog.keys([ID])
    assert parts.objects.get(ID) == DATA


def test_a_removal_elsewhere_leaves_the_mark_of_one_whose_clock_is_an_hour_behind(parts: Parts) -> None:
    with parts.catalog.transaction() as transaction:
        mark_kept(transaction, [ID], clock=lambda: time.time() - HOUR)
        mark_kept(transaction, [content_id(png(2))])
    assert set(parts.catalog.deleting([ID, content_id(png(2))])) == {ID, content_id(png(2))}


@pytest.mark.parametrize("ahead_s", [-HOUR, HOUR])
def test_who_deletes_stops_in_time_also_where_its_clock_jumps(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    parts.objects.put(DATA)
    with parts.catalog.transaction() as transaction:
        delete = mark_kept(transaction, [ID])
    right, passed = time.time, time.monotonic
    monkeypatch.setattr(time, "time", lambda: right() + ahead_s)
    monkeypatch.setattr(time, "monotonic", lambda: passed() + kept_bytes.LASTS_S)
    delete(parts.catalog, parts.objects)
    assert parts.objects.has(ID)
    assert parts.catalog.deleting([ID]) == {}


def test_who_adds_before_the_rows_go_loses_both_or_none(parts: Parts) -> None:
    add_bytes(DATA, parts, metadata={})
    remove(told(parts, has=lambda: add_bytes(DATA, parts, metadata={"n": 1})), ID)
    assert parts.catalog.keys([ID]) == {}
    assert not parts.objects.has(ID)


def test_the_mark_of_a_process_that_died_holds_nobody_up_for_long(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_bytes, "LASTS_S", 0.3)
    with parts.catalog.transaction() as transaction:
        mark_kept(transaction, [ID])  # and dies
    assert add_bytes(DATA, parts, metadata={}) == ID
    assert is_whole(parts)
    assert parts.catalog.deleting([ID]) == {}


def test_who_is_marked_again_and_again_gives_up(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    with parts.catalog.transaction() as transaction:
        mark_kept(transaction, [ID])
    monkeypatch.setattr(kept_bytes, "LASTS_S", 0.01)
    monkeypatch.setattr(kept_bytes, "_await_end", lambda *_: None)  # as soon as one mark is gone, there is another
    with pytest.raises(Locked, match="try again later"):
        add_bytes(DATA, parts, metadata={})


def test_who_comes_too_late_deletes_nothing(parts: Parts) -> None:
    parts.objects.put(DATA)
    times = iter([1_000.0, 1_000.0 + kept_bytes.LASTS_S])
    assert delete_unreferenced(parts.catalog, parts.objects, [ID], clock=lambda: next(times)) == [ID]
    assert parts.objects.has(ID)
    assert parts.catalog.deleting([ID]) == {}


def test_where_deleting_fails_nobody_is_held_up_by_the_mark(parts: Parts) -> None:
    def fail() -> None:
        raise StorageFailed("the disk fails")

    add_bytes(DATA, parts, metadata={})
    with pytest.raises(StorageFailed):
        remove(told(parts, delete=fail), ID)
    assert parts.catalog.deleting([ID]) == {}
    assert add_bytes(DATA, parts, metadata={}) == ID
    assert is_whole(parts)


def test_what_a_picture_refers_to_is_not_deleted(parts: Parts) -> None:
    add_bytes(DATA, parts, metadata={})
    other = parts.objects.put(png(2))
    assert delete_unreferenced(parts.catalog, parts.objects, [ID, other]) == [other]
    assert list(parts.objects.ids()) == [ID]


def test_a_picture_whose_bytes_are_added_while_its_last_file_is_forgotten_stays(parts: Parts, tmp_path: Path) -> None:
    path = write(tmp_path / "photos" / "a.png", 1)
    write(tmp_path / "photos" / "b.png", 2)
    run(parts, path.parent)
    path.unlink()

    looked: list[bool] = []

    class LookedTooEarly:
        def __getattr__(self, name: str) -> Any:
            return getattr(parts.objects, name)

        def has(self, object_id: str) -> bool:
            there = parts.objects.has(object_id)
            if not looked:
                add_bytes(DATA, parts, metadata={"kept": True})  # behind the look, before the transaction
            looked.append(there)
            return there

    run(replace(parts, objects=cast("Objects", LookedTooEarly())), path.parent)
    assert looked == [False, True]
    assert parts.catalog.images([ID])[ID].metadata == {"kept": True}
    assert parts.catalog.files_of([ID]) == {ID: []}
    assert is_whole(parts)


def test_adding_and_removing_the_same_picture_all_the_time_leaves_no_row_without_bytes(parts: Parts) -> None:
    ROUNDS = 15
    seen: list[bool] = []
    failed: list[BaseException] = []

    def again(call: Callable[[], object]) -> Callable[[], None]:
        def rounds() -> None:
            try:
                for _ in range(ROUNDS):
                    call()
            except BaseException as error:
                failed.append(error)

        return rounds

    def take_away() -> None:
        with suppress(NotIndexed):
            remove(parts, ID)

    def look() -> None:
        seen.append(bool(parts.catalog.keys([ID])))

    calls = [lambda: add_bytes(DATA, parts, metadata={}), take_away, take_away, look]
    threads = [threading.Thread(target=again(call)) for call in (*calls, calls[0])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert is_whole(parts)
    add_bytes(DATA, parts, metadata={})
    assert parts.objects.get(ID) == DATA


def run(parts: Parts, folder: Path) -> None:
    ingest([folder], parts, options=IngestOptions(prune=True))


def test_a_store_that_went_with_its_collection_is_told_as_that(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    parts = new_parts(folder)
    shutil.rmtree(folder)
    with pytest.raises(NoCollection):
        add_bytes(DATA, parts, metadata={})
    folder.mkdir()  # as when another of the name is being made, of which the catalog is not there yet
    with pytest.raises(NoCollection):
        add_bytes(DATA, parts, metadata={})
    assert list(folder.iterdir()) == []
