"""What every object store promises, over every engine."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.core.errors import BadInput, NotIndexed, ReadOnly, StorageFailed
from lookalike.objects.base import Leftover, LeftoverKind, Objects
from lookalike.objects.local import LocalObjects
from lookalike.objects.memory import MemoryObjects
from lookalike.storage.whole_file import part_of


@pytest.fixture(params=["local", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return LocalObjects(tmp_path / "deep" / "objects") if request.param == "local" else MemoryObjects()


@pytest.fixture
def local(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=50))
def test_bytes_come_back_under_their_hash(objects: Objects, data: bytes) -> None:
    object_id = objects.put(data)
    assert object_id == hashlib.sha256(data).hexdigest()
    assert objects.get(object_id) == data
    assert objects.has(object_id)
    opened = objects.open(object_id)
    assert opened.size_bytes == len(data)
    assert opened.read(0, 20) + opened.read(20, 100) == data
    opened.close()


def test_putting_twice_is_putting_once(objects: Objects) -> None:
    assert objects.put(b"a") == objects.put(b"a")
    assert len(list(objects.ids())) == 1


def test_all_ids_are_listed_sorted(objects: Objects) -> None:
    assert list(objects.ids()) == []
    ids = [objects.put(bytes([n])) for n in range(20)]
    assert list(objects.ids()) == sorted(ids)


def test_what_is_not_there_is_told(objects: Objects) -> None:
    assert not objects.has("0" * 64)
    with pytest.raises(NotIndexed, match="0000"):
        objects.get("0" * 64)
    with pytest.raises(NotIndexed, match="0000"):
        objects.open("0" * 64)


def test_deleting_is_idempotent_and_passes_unknown_ids_over(objects: Objects) -> None:
    kept, gone = objects.put(b"kept"), objects.put(b"gone")
    objects.delete([gone, "0" * 64, gone])
    objects.delete([gone])
    assert list(objects.ids()) == [kept]
    assert not objects.has(gone)
    assert objects.put(b"gone") == gone
    assert objects.get(gone) == b"gone"


@pytest.mark.parametrize(
    "bad_id", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "aa/" + "b" * 61, "\ud800" * 64]
)
def test_what_is_no_id_is_refused_everywhere(objects: Objects, bad_id: str) -> None:
    kept = objects.put(b"kept")
    for ask in (objects.get, objects.open, objects.has, lambda one: objects.delete([kept, one])):
        with pytest.raises(BadInput, match="64"):
            ask(bad_id)
    assert objects.has(kept)


def test_many_threads_put_the_same_and_different_bytes(objects: Objects) -> None:
    def work() -> None:
        for n in range(10):
            assert objects.get(objects.put(bytes([n]))) == bytes([n])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(objects.ids())) == 10


def damaged(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.write_bytes(
        {"flipped": bytes([data[0] ^ 1]) + data[1:], "cut": data[:-1], "emptied": b"", "longer": data + b"x"}[how]
    )


@pytest.mark.parametrize("how", ["flipped", "cut", "emptied", "longer"])
def test_damaged_bytes_are_never_handed_out(local: LocalObjects, how: str) -> None:
    object_id = local.put(b"a picture")
    damaged(local.folder / object_id[:2] / object_id[2:], how)
    with pytest.raises(StorageFailed, match="damaged"):
        local.get(object_id)
    with pytest.raises(StorageFailed, match="damaged"):
        local.open(object_id)


@pytest.mark.parametrize("how", ["cut", "emptied", "longer"])
def test_bytes_of_another_length_are_mended_by_putting_them_again(local: LocalObjects, how: str) -> None:
    object_id = local.put(b"a picture")
    damaged(local.folder / object_id[:2] / object_id[2:], how)
    assert local.get(local.put(b"a picture")) == b"a picture"


def test_what_was_half_written_is_never_seen_and_later_swept_away(local: LocalObjects) -> None:
    object_id = local.put(b"first")
    folder = local.folder / object_id[:2]
    of_earlier_versions, new = folder / ".put-old", part_of(folder / "x")
    old = part_of(folder / "x")
    for path in (old, of_earlier_versions, new):
        path.write_bytes(b"half")
    for path in (old, of_earlier_versions):
        os.utime(path, (0, 0))
    assert list(local.ids()) == [object_id]
    local.delete([object_id])
    local.put(b"first")
    assert not old.exists()
    assert not of_earlier_versions.exists()
    assert new.exists()


def test_a_failed_write_leaves_nothing_behind(local: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        local.put(b"a")
    monkeypatch.undo()
    assert list(local.ids()) == []
    assert [path for path in local.folder.rglob("*") if path.is_file()] == []
    assert local.has(local.put(b"a"))


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, read_only_folder: Callable[[Path], Path]) -> None:
    folder = tmp_path / "objects"
    folder.mkdir()
    object_id = LocalObjects(folder).put(b"there")
    store = LocalObjects(read_only_folder(folder))
    assert store.get(object_id) == b"there"
    assert store.put(b"there") == object_id
    with pytest.raises(ReadOnly):
        store.put(b"new")
    with pytest.raises(ReadOnly):
        store.delete([object_id])
    assert store.has(object_id)


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("in the way")
    with pytest.raises(StorageFailed, match="objects"):
        LocalObjects(tmp_path / "objects").put(b"a")


def test_what_is_older_is_told_until_it_is_put_again(objects: Objects) -> None:
    first, second = objects.put(b"first"), objects.put(b"other")
    assert list(objects.older(time.time() - 60)) == []
    assert sorted(objects.older(time.time() + 60)) == sorted(
        [Leftover(LeftoverKind.OBJECT, first, 5), Leftover(LeftoverKind.OBJECT, second, 5)]
    )


def test_an_object_that_is_put_again_is_as_new(local: LocalObjects) -> None:
    object_id = local.put(b"a")
    os.utime(local.folder / object_id[:2] / object_id[2:], (0, 0))
    assert [one.name for one in local.older(100.0)] == [object_id]
    local.put(b"a")
    assert list(local.older(100.0)) == []


def test_what_a_dead_process_left_half_written_is_swept_and_nothing_else(local: LocalObjects) -> None:
    object_id = local.put(b"a")
    folder = local.folder / object_id[:2]
    old, new = part_of(folder / "x"), part_of(folder / "x")
    for path, age in ((folder / ".put-old", 0), (old, 0), (folder / ".put-new", 200), (new, 200)):
        path.write_bytes(b"half")
        os.utime(path, (age, age))
    gone = [Leftover(LeftoverKind.HALF_WRITTEN, name, 4) for name in (".put-old", old.name)]
    assert local.sweep(100.0, dry_run=True) == gone
    assert local.sweep(100.0) == gone
    assert local.sweep(100.0) == []
    assert sorted(path.name for path in folder.iterdir()) == sorted([".put-new", new.name, object_id[2:]])


def test_nothing_is_swept_where_nothing_was_ever_put(objects: Objects) -> None:
    assert objects.sweep(time.time() + 60) == list(objects.older(time.time() + 60)) == []
