"""The index is saved beside searches: none waits for the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lookalike.core.errors import (
    CatalogDamaged,
    CollectionError,
    DeadlineExceeded,
    Locked,
    LookalikeError,
    StorageFailed,
)
from lookalike.index import snapshot
from lookalike.view.aside import Beside
from lookalike.view.local_view import LocalView
from tests.collections import new_collection, png


class SlowDisk:
    """Syncing waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.syncs = snapshot._hash_and_sync
        monkeypatch.setattr(snapshot, "_hash_and_sync", self)

    def __call__(self, path: Path) -> str:
        self.begun.set()
        assert self.go.wait(60)
        return self.syncs(path)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    disk = SlowDisk(monkeypatch)
    yield disk
    disk.go.set()


def test_searches_and_changes_go_on_while_the_index_is_saved(tmp_path: Path, slow_disk: SlowDisk) -> None:
    with new_collection(tmp_path / "photos") as collection:
        first = collection.add(png(1))
        assert collection.search(png(1)).hits[0].id == first  # which finds that it is worth saving
        assert slow_disk.begun.wait(60)
        second = collection.add(png(2))
        assert [hit.id for hit in collection.search(png(2), k=1).hits] == [second]
        slow_disk.go.set()
    with new_collection(tmp_path / "photos") as again:
        assert {hit.id for hit in again.search(png(1)).hits} == {first, second}


def test_closing_waits_for_the_index_that_is_being_saved(tmp_path: Path, slow_disk: SlowDisk) -> None:
    collection = new_collection(tmp_path / "photos")
    collection.add(png(1))
    collection.search(png(1))
    assert slow_disk.begun.wait(60)
    closing = threading.Thread(target=collection.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()
    slow_disk.go.set()
    closing.join(60)
    assert (tmp_path / "photos" / "snapshots" / "CURRENT").exists()


def test_an_index_is_discarded_after_it_was_saved(tmp_path: Path, slow_disk: SlowDisk) -> None:
    with new_collection(tmp_path / "photos") as collection:
        first = collection.add(png(1))
        collection.search(png(1))
        assert slow_disk.begun.wait(60)
        discarding = threading.Thread(target=collection._parts.view.discard, daemon=True)
        discarding.start()
        discarding.join(0.2)
        slow_disk.go.set()
        discarding.join(30)
        assert not discarding.is_alive()
        assert [hit.id for hit in collection.search(png(1))] == [first]


@pytest.mark.parametrize("error", [Locked, CatalogDamaged, DeadlineExceeded, StorageFailed])
def test_a_search_does_not_fail_because_the_index_cannot_be_saved_and_closing_closes_all(
    tmp_path: Path, error: type[LookalikeError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: LocalView) -> None:
        raise error("it cannot be saved")

    monkeypatch.setattr(LocalView, "save", fail)
    collection = new_collection(tmp_path / "photos")
    first = collection.add(png(1))
    assert [hit.id for hit in collection.search(png(1))] == [first]
    collection.close()
    with pytest.raises(CollectionError, match="closed"):
        len(collection)
    with pytest.raises(CollectionError, match="closed"):
        collection._open._parts.catalog.cursor()


def test_one_thing_at_a_time_is_done() -> None:
    beside, go, done = Beside(), threading.Event(), []

    def wait() -> None:
        assert go.wait(60)
        done.append("first")

    beside.do(wait)
    beside.do(lambda: done.append("left out"))
    go.set()
    beside.join()
    beside.do(lambda: done.append("second"))
    beside.join()
    assert done == ["first", "second"]


def test_nothing_to_wait_for_is_not_waited_for() -> None:
    beside: Any = Beside()
    beside.join()
